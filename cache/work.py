"""Every piece of work of the product, once, over one store: what pages, command line and cluster all call.

A method computes what is missing and stores it; its `known_` twin only looks. Knows no browser: `start` hands a method
to the job queue, and whoever asked reads the result from the store when the job is done.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import platformdirs

from analysis.errors import PalimpsestError
from analysis.records import Progress, Silent
from cache.asked import Asking, Comparison
from cache.choices import ChoiceWork
from cache.experiments.work import ExperimentWork
from cache.housekeeping import ALONE, Choice, Freed, Holding, Housekeeping, Preview
from cache.jobs import JobManager, Lane
from cache.kept_texts import TextShelf
from cache.keys import digest
from cache.knowledge import DEFAULT_SWEEP
from cache.large import Large
from cache.mastery import MasteryWork
from cache.models import State
from cache.named import NamedComparisons
from cache.open_questions import OpenQuestionWork
from cache.packing import PackingWork
from cache.recent import Recent
from cache.slices import Slices
from cache.tokens import TokenWork
from cache.training import FineTuned, Training, TrainingWork
from cache.trainings import Trainings
from cache.typed import Typed

if TYPE_CHECKING:
    from analysis.demo.world import DemoWorld

__all__ = ["DEFAULT_SWEEP", "Asking", "Comparison", "State", "Training", "Workspace", "default_home"]

DEMO_LIMIT = 500  # of the demo's questions: as many as answer while one waits
FIRST_LOOK = "level-0-1920"  # of the demo's pairs: most data on facts the base did not know
LONG_WORK = (
    "demo_finding",
    "sweep",
    "prepare_demo",
    "mastery",
    "run_plan",
    "bring_tuned_back",
    "fine_tune",
    "gradients",
    "skill",
    "planted",
    "task",
)
REPORT_WORK = ("bring_scripts", "lay_out", "pack_page", "pack_report")


def default_home() -> Path:
    """The store's folder: PALIMPSEST_HOME, else the platform's place for a user's data."""
    return Path(os.environ.get("PALIMPSEST_HOME") or platformdirs.user_data_dir("palimpsest", appauthor=False))


class Workspace(ChoiceWork, TokenWork, MasteryWork, TrainingWork, ExperimentWork, OpenQuestionWork, PackingWork):
    """One store, one job queue, one resident model: everything a process of Palimpsest shares."""

    def __init__(self, home: Path | None = None) -> None:
        super().__init__((home or default_home()).expanduser().resolve())
        self.jobs = JobManager()
        self._recent = Recent(self.home)
        self._askings = Recent(self.home, "questions.json")
        self.slices = Slices(self.home)
        self.texts = TextShelf(self.home)
        self.named = NamedComparisons(self.home)
        self.typed = Typed(self.home)
        self.trainings = Trainings(self.home)
        self.housekeeping = Housekeeping(self.store)
        self.large = Large(self.store, self.housekeeping, self.findings, self.named)
        self.times_freed = 0

    def demo(self) -> DemoWorld | None:
        """The prepared demo world, or None before `prepare_demo`."""
        from analysis.demo.world import prepared

        return prepared(self.home)

    def prepare_demo(self, progress: Progress | None = None) -> DemoWorld:
        """Make the demo's fine-tuned models from the shipped base and profile them; quick when they are there.

        Compiles the kernels on the way, of the weights and of the tokens, so that the first page need not.
        """
        from analysis.demo.world import prepare
        from analysis.language.measures import compile_kernels

        known = self.demo() is not None
        world = prepare(self.home, progress=progress or Silent())
        for pair in world.pairs:
            self.profile(Comparison(str(pair.base), str(pair.tuned)), progress=progress)
        if not known:
            compile_kernels()
        return world

    def demo_finding(self, progress: Progress | None = None) -> None:
        """Prepare the demo and everything its first page tells: the paper's sweep of the pair that was hurt most."""
        self.prepare_demo(progress)
        found = self._first_look()
        if found is not None:
            pair, asking = found
            self.sweep(pair, asking, progress=progress)
            self.remember_asking(asking)
            self.remember(pair)

    def known_demo_finding(self) -> tuple[Comparison, Asking] | None:
        """The demo's finished finding where it stands in the store."""
        found = self._first_look()
        return found if found is not None and self.known_stops(*found) else None

    def first_view(self) -> tuple[Comparison, Asking] | None:
        """What a first visit opens on: the demo's finding, as long as nothing else was looked at since."""
        found = self._first_look()
        return self.known_demo_finding() if found is not None and self.recent()[:1] == found[:1] else None

    def _first_look(self) -> tuple[Comparison, Asking] | None:
        demo = self.demo()
        if demo is None or FIRST_LOOK not in demo.tuned:
            return None
        pair = Comparison(str(demo.base), str(demo.tuned[FIRST_LOOK]))
        return pair, Asking(str(demo.questions), mastery=str(demo.mastery), limit=DEMO_LIMIT)

    def fine_tune(
        self, training: Training, out: Path | None = None, progress: Progress | None = None, **keeping: Any
    ) -> FineTuned:
        """As TrainingWork has it; the tuned model beside its base is then the newest of the recent pairs."""
        tuned = super().fine_tune(training, out, progress, **keeping)
        self.remember(tuned.pair)
        if out is None:
            self.trainings.add(tuned, training)
        return tuned

    def recent(self) -> tuple[Comparison, ...]:
        """Pairs loaded before, newest first."""
        return tuple(Comparison(**pair) for pair in self._recent.read())

    def remember(self, comparison: Comparison) -> None:
        """Put a pair at the head of the recent ones."""
        self._recent.add(asdict(comparison))

    def free(self, goes: Collection[Holding]) -> Freed:
        """Remove these results from the store and from this process's memory; StoreError while work is under way.

        `times_freed` then counts one more: what pages remember of results is named by it.
        """
        freed = self.housekeeping.free(goes)
        self.times_freed += 1
        for held in (self._evaluations, self._summaries, self._known, self._profiles):
            held.clear()
        return freed

    def forget(self, comparison: Comparison) -> None:
        """Take a pair off the list of recent ones; what was computed for it stays."""
        self._recent.remove(asdict(comparison))

    def pair_names(self) -> dict[str, str]:
        """The content id of every listed model, as far as its weights were read, with the name it is shown under."""
        names: dict[str, str] = {}
        demo = self.demo()
        prepared = [Comparison(str(each.base), str(each.tuned)) for each in demo.pairs] if demo else []
        for pair in dict.fromkeys([*self.recent(), *prepared]):
            try:
                ids = self._ids(pair)
            except PalimpsestError:  # its folder is gone: what was computed for it belongs to no pair on the list
                continue
            if ids is None:
                continue
            sides = ((Path(pair.base).name, pair.base), (pair.name, pair.tuned))
            for identity, (name, place) in zip(ids, sides, strict=True):
                names.setdefault(identity, f"{name} ({place})" if name in names.values() else name)
        return names

    def results_of(self, comparison: Comparison, *, with_base: bool = False) -> Preview:
        """What would go with this pair, of every kind; `with_base` adds what its base answered by itself."""
        names, ids = self.pair_names(), self._ids(comparison)
        if ids is None or not names.keys() >= set(ids):
            return Preview((), ())
        pair = self.housekeeping.preview(Choice(pairs=(names[ids[1]],)), names)
        if not with_base:
            return pair
        base = self.housekeeping.preview(Choice(("evaluation",), (names[ids[0]] + ALONE,)), names)
        return Preview((*pair.goes, *base.goes), (*pair.stays, *base.stays))

    def askings(self) -> tuple[Asking, ...]:
        """Questions and prompts used before, newest first."""
        return tuple(Asking(**asking) for asking in self._askings.read())

    def remember_asking(self, asking: Asking) -> None:
        """Put these questions at the head of the recent ones."""
        self._askings.add(asdict(asking))

    def start(self, title: str, method: str, /, *args: Any, watcher: str, page: str = "jobs", **kwargs: Any) -> str:
        """Run a method of this workspace in the background; returns the job's id (cache.jobs: who cancels it)."""
        work = getattr(self, method)
        lane: Lane = "long" if method in LONG_WORK else "report" if method in REPORT_WORK else "quick"
        return self.jobs.submit(
            title,
            digest([method, args, kwargs]),
            lambda progress: work(*args, progress=progress, **kwargs),
            watcher=watcher,
            page=page,
            lane=lane,
        )

    def close(self) -> None:
        """End the background work."""
        self.jobs.close()
