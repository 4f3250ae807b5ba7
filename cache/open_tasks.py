"""Work on tasks in lm-eval's format: base, tuned and restored states of a pair asked the same documents; stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.records import Progress, RestoreSpec, ResultKey, Silent, Stored, check_cancelled
from cache.asked import Comparison
from cache.keys import digest, make_key
from cache.models import State
from cache.pairs import PairWork, arithmetic_of, model_folder

if TYPE_CHECKING:
    import pandas as pd

    from analysis.knowledge.task_files import Task


@dataclass(frozen=True)
class TaskReport:
    """A task asked of several states. `table`: strategy, seed, percent, metric, filter, n, value, low, high (0-1)."""

    name: str
    shots: int
    n: int
    table: pd.DataFrame


class TaskWork(PairWork):
    """lm-eval's tasks, over one store."""

    def task(
        self,
        comparison: Comparison,
        task: str | Path,
        specs: Sequence[RestoreSpec],
        *,
        limit: int | None = None,
        seed: int = 0,
        dtype: str = "auto",
        progress: Progress | None = None,
    ) -> TaskReport:
        """Ask base, tuned and every restored state; each state's answers are stored, so a cut work goes on.

        Raises QuestionError for a task that is not supported, LanguageError for prompts that are too long.
        """
        import pandas as pd

        from analysis.experiments.parts import Part
        from analysis.knowledge.task_files import load_task

        progress = progress or Silent()
        asked = load_task(Path(task), limit=limit, seed=seed)
        states: list[State] = ["base", "tuned", *specs]
        profile = self.profile(comparison, progress=progress)
        decided = self._decide_dtype(profile.tuned_id, model_folder(comparison), dtype)
        rows: list[dict[str, Any]] = []
        for number, state in enumerate(states):
            check_cancelled(progress)
            part = Part(progress, number, len(states), _state_name(state))
            rows += self._task_rows(comparison, state, asked, decided, part)
        return TaskReport(asked.name, asked.shots, len(asked.prompts), pd.DataFrame(rows))

    def known_task(
        self,
        comparison: Comparison,
        task: str | Path,
        specs: Sequence[RestoreSpec],
        *,
        limit: int | None = None,
        seed: int = 0,
        dtype: str = "auto",
    ) -> TaskReport | None:
        """The stored answers of all these states, or None; QuestionError for a task that is not supported."""
        import pandas as pd

        from analysis.knowledge.task_files import load_task

        asked = load_task(Path(task), limit=limit, seed=seed)
        profile = self.known_profile(comparison)
        decided = self._known_dtype(profile.tuned_id, dtype) if profile else None
        if decided is None:
            return None
        rows: list[dict[str, Any]] = []
        states: list[State] = ["base", "tuned", *specs]
        for state in states:
            stored = self.store.get(self._task_key(comparison, state, asked, decided, Silent()))
            if stored is None:
                return None
            rows += _score_rows(state, stored)
        return TaskReport(asked.name, asked.shots, len(asked.prompts), pd.DataFrame(rows))

    def _task_rows(
        self, comparison: Comparison, state: State, task: Task, dtype: str, progress: Progress
    ) -> list[dict[str, Any]]:
        from analysis.knowledge.task_asking import ask_task

        key = self._task_key(comparison, state, task, dtype, progress)
        with self.store.lock(key, progress):
            stored = self.store.get(key)
            if stored is None:
                with self._lease(comparison, dtype, progress) as model:
                    model.enter(state, progress)
                    found = ask_task(model.lm, task, progress)
                scores = [asdict(one) for one in found.scores]
                stored = Stored(document={"answers": list(found.answers), "scores": scores})
                self.store.put(key, stored)
        return _score_rows(state, stored)

    def _task_key(self, comparison: Comparison, state: State, task: Task, dtype: str, progress: Progress) -> ResultKey:
        from analysis.language.companions import companions_id

        self.profile(comparison, arithmetic_of(state), progress)
        return make_key(
            "task",
            weights=self.weights_part(comparison, state),
            companions=companions_id(model_folder(comparison)),
            task=digest(asdict(task)),
            dtype=dtype,
        )


def _score_rows(state: State, stored: Stored) -> list[dict[str, Any]]:
    named: dict[str, Any] = {"strategy": _state_name(state), "seed": 0, "percent": 0.0}
    if isinstance(state, RestoreSpec):
        named = {"strategy": state.strategy, "seed": state.seed, "percent": float(state.percent)}
    return [named | dict(score) for score in stored.document["scores"]]


def _state_name(state: State) -> str:
    return f"{state.strategy} {state.percent:g}%" if isinstance(state, RestoreSpec) else state
