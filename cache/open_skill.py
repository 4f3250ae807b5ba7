"""Work on a new skill: three trainings from one base, each restored and asked for the skill and for its facts.

The tuned models lie under `open-questions/` of the home folder, so that they can be looked at like any other pair.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from analysis.errors import QuestionError
from analysis.folders import whole_file
from analysis.records import Progress, Question, RestoreSpec, ResultKey, Silent, Stored, check_cancelled
from cache.asked import Asking, Comparison
from cache.keys import VERSIONS, digest, make_key
from cache.knowledge import KnowledgeWork

if TYPE_CHECKING:
    import pandas as pd

    from analysis.experiments.skill import SkillSet, SkillSettings

THREADS = 1  # of a training: part of what its weights depend on


@dataclass(frozen=True)
class SkillReport:
    """What became of skill and facts. `table`: analysis.experiments.state_rows.COLUMNS, measure "skill" or "facts"."""

    settings: SkillSettings
    table: pd.DataFrame
    tuned: dict[str, str]  # training -> folder
    chance: float  # share right of the commonest answer alone, 0-1


class SkillWork(KnowledgeWork):
    """The second task, over one store."""

    def skill(
        self, base: str, asking: Asking, settings: SkillSettings, progress: Progress | None = None
    ) -> SkillReport:
        """Fine-tune the base on facts, on the skill and on both; restore each; ask each state for both. Stored.

        What is cut short goes on where it was: every tuned model and every evaluation is kept. Raises TrainingError,
        QuestionError and SpecError for what cannot be.
        """
        known = self.known_skill(base, asking, settings)
        if known is not None:
            return known
        progress = progress or Silent()
        key = self._skill_key(base, asking, settings, progress)
        trained = {name: key.parts[name] for name in ("checkpoint", "companions", "trained", "threads", "libraries")}
        rates = [settings.seed, settings.learning_rate, VERSIONS["sft"]]
        folder = self.home / "open-questions" / f"skill-{digest([trained, rates])[:16]}"
        with self.store.lock(key, progress):
            stored = self.store.get(key)
            if stored is None:
                stored = skill_to_stored(self._try_skill(base, asking, settings, folder, progress))
                self.store.put(key, stored)
        return skill_from_stored(stored)

    def known_skill(self, base: str, asking: Asking, settings: SkillSettings) -> SkillReport | None:
        """The stored answer, or None."""
        if self._ids(Comparison(base, base)) is None:
            return None
        stored = self.store.get(self._skill_key(base, asking, settings))
        return skill_from_stored(stored) if stored else None

    def known_skills(self, base: str, asking: Asking, settings: SkillSettings) -> tuple[SkillReport, ...]:
        """The stored answers of these settings, whatever the seed of the trainings; by seed."""
        if self._ids(Comparison(base, base)) is None:
            return ()
        wanted = _but_seed(asdict(settings))
        told = (entry.parts.get("settings") or {} for entry in self.store.entries("skill"))
        seeds = {int(each["seed"]) for each in told if "seed" in each and _but_seed(each) == wanted}
        reports = (self.known_skill(base, asking, replace(settings, seed=seed)) for seed in sorted(seeds))
        return tuple(report for report in reports if report is not None)

    def training_facts(self, asking: Asking) -> tuple[Question, ...]:
        """The questions a model would be fine-tuned on: the train split, in-domain where there is any."""
        asked = replace(asking, split="train", domain="both", limit=None, shots=0)
        questions = self.question_set(asked).questions
        if all(question.level is None for question in questions):
            raise QuestionError(
                "These questions carry no mastery levels, so they cannot be told apart by what the base knew.",
                code="no-mastery",
                items=["Give the base's mastery table (palimpsest mastery BASE --split train, or the Mastery page)."],
            )
        return tuple(question for question in questions if question.domain == "in") or questions

    def _try_skill(
        self, base: str, asking: Asking, settings: SkillSettings, folder: Path, progress: Progress
    ) -> SkillReport:
        import pandas as pd

        from analysis.experiments.parts import Part
        from analysis.experiments.skill import TRAININGS, by_chance
        from analysis.experiments.state_rows import COLUMNS

        examples, drawn = self._skill_data(asking, settings)
        asked = write_questions(folder, examples.test)
        both = asked, self._facts_asked(asking, settings)
        rows: list[dict[str, Any]] = []
        for number, name in enumerate(TRAININGS):
            part = Part(progress, number, len(TRAININGS), name)
            self._train_once(
                base,
                folder / name,
                drawn[name],
                seed=settings.seed,
                learning_rate=settings.learning_rate,
                progress=Part(part, 0, 2),
            )
            pair = Comparison(base, str(folder / name))
            states = ["base", "tuned", *settings.stops()] if number == 0 else ["tuned", *settings.stops()]
            rows += self._ask_states(pair, name, states, both, Part(part, 1, 2))
        tuned: dict[str, str] = {name: str(folder / name) for name in TRAININGS}
        return SkillReport(settings, pd.DataFrame(rows, columns=list(COLUMNS)), tuned, by_chance(examples.test))

    def _ask_states(
        self,
        pair: Comparison,
        name: str,
        states: Sequence[Any],
        asked: tuple[Asking, Asking],
        progress: Progress,
    ) -> Iterator[dict[str, Any]]:
        from analysis.experiments.parts import Part
        from analysis.experiments.state_rows import macro_row, score_row, state_fields

        self.profile(pair, progress=Part(progress, 0, len(states) + 1))
        for number, state in enumerate(states):
            check_cancelled(progress)
            part = Part(progress, number + 1, len(states) + 1, _state_words(state))
            count = self.count(pair, state) if isinstance(state, RestoreSpec) else None
            fields = state_fields("" if state == "base" else name, state, count)
            skill, facts = (self.evaluation(pair, state, one, part) for one in asked)
            yield fields | score_row("skill", skill, "exact_match")
            yield fields | macro_row("facts", facts)

    def _train_once(
        self,
        base: str,
        out: Path,
        facts: Sequence[Question],
        *,
        seed: int,
        learning_rate: float,
        progress: Progress,
    ) -> None:
        """Fine-tune into a folder of its own, once; a folder there is a whole model."""
        from analysis.training.sft import fine_tune

        if not out.is_dir():
            fine_tune(
                *(base, out, facts),
                size=None,
                seed=seed,
                learning_rate=learning_rate,
                threads=THREADS,
                progress=progress,
            )

    def _skill_data(self, asking: Asking, settings: SkillSettings) -> tuple[SkillSet, Mapping[str, Sequence[Question]]]:
        from analysis.experiments.skill import make_skill
        from analysis.training.facts import draw_facts

        made = make_skill(settings.skill, settings.examples, settings.test, settings.seed)
        pool = self.training_facts(asking)
        facts = draw_facts(pool, size=settings.facts, level=settings.level, seed=settings.seed)
        return made, {"facts": facts, "skill": made.train, "both": (*facts, *made.train)}

    def _skill_key(
        self, base: str, asking: Asking, settings: SkillSettings, progress: Progress | None = None
    ) -> ResultKey:
        from analysis.knowledge.questions import content_id
        from analysis.language.companions import companions_id
        from analysis.training.card import library_versions

        examples, drawn = self._skill_data(asking, settings)
        asked = self.question_set(self._facts_asked(asking, settings))
        return make_key(
            "skill",
            checkpoint=self._base_id(base, progress),
            companions=companions_id(base),
            trained={name: content_id(facts) for name, facts in drawn.items()},
            asked=[content_id(examples.test), asked.id],
            settings=asdict(settings),
            dtype=asking.dtype,
            threads=THREADS,
            libraries=library_versions(),
            versions={name: VERSIONS[name] for name in ("sft", "profile", "evaluation")},
        )

    def _facts_asked(self, asking: Asking, settings: SkillSettings) -> Asking:
        """Test facts, in-domain where there are such, balanced over relations and levels, in the training's prompt."""
        inside = any(question.domain == "in" for question in self.training_facts(asking))
        return replace(
            asking,
            split="test",
            domain="in" if inside else "both",
            limit=settings.fact_limit,
            seed=settings.seed,
            prompt="paper",
            shots=0,
        )

    def _base_id(self, base: str, progress: Progress | None = None) -> str:
        from analysis.weights.checkpoint import open_checkpoint
        from analysis.weights.identity import content_id

        return content_id(open_checkpoint(base), self._identity, progress or Silent())


def _but_seed(settings: Mapping[str, Any]) -> Any:
    """Settings as the store tells them, without the seed."""
    return msgspec.json.decode(msgspec.json.encode({name: told for name, told in settings.items() if name != "seed"}))


def _state_words(state: str | RestoreSpec) -> str:
    return f"{state.strategy}, {state.percent:g}%" if isinstance(state, RestoreSpec) else state


def write_questions(folder: Path, questions: Sequence[Question]) -> Asking:
    """The questions as a file in that folder, named by what is in it, asked in the paper's prompt."""
    from analysis.knowledge.questions import content_id

    path = folder / f"asked-{content_id(questions)[:12]}.jsonl"
    if not path.is_file():
        with whole_file(path) as partial:
            lines = [json.dumps(msgspec.to_builtins(question), ensure_ascii=False) for question in questions]
            partial.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return Asking(str(path))


def skill_to_stored(report: SkillReport) -> Stored:
    """The rows as a table, the rest as the document."""
    document = {"settings": asdict(report.settings), "tuned": report.tuned, "chance": report.chance}
    return Stored(document=document, tables={"rows": report.table})


def skill_from_stored(stored: Stored) -> SkillReport:
    """The report again."""
    from analysis.experiments.skill import SkillSettings

    settings = msgspec.convert(stored.document["settings"], SkillSettings, strict=False)
    told = stored.document
    return SkillReport(settings, stored.tables["rows"], dict(told["tuned"]), float(told["chance"]))
