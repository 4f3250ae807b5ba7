"""Every piece of work of the product, once, over one store: what pages, command line and cluster all call.

A method computes what is missing and stores it; its `known_` twin only looks. Knows no browser: `start` hands a method
to the job queue, and whoever asked reads the result from the store when the job is done.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import platformdirs

from analysis.errors import PalimpsestError
from analysis.records import (
    PAPER_PERCENTS,
    Arithmetic,
    CheckReport,
    DivergenceReport,
    Domain,
    Evaluation,
    Progress,
    RestoreCount,
    RestoreSpec,
    ResultKey,
    Silent,
    Split,
    Stop,
    Strategy,
    SweepReport,
    Text,
    check_cancelled,
)
from cache.codecs import (
    divergence_from_stored,
    divergence_to_stored,
    evaluation_from_stored,
    evaluation_to_stored,
)
from cache.identity import IdentityMemory
from cache.jobs import JobManager, Lane
from cache.keys import digest, make_key
from cache.models import ModelPool, PairModel, State
from cache.recent import Recent
from cache.store import Store

if TYPE_CHECKING:
    from analysis.demo.world import DemoWorld
    from analysis.knowledge.questions import QuestionSet
    from analysis.weights.pair import CheckpointPair
    from analysis.weights.profile import UpdateProfile
    from analysis.weights.write import WriteReport

LONG_WORK = ("sweep", "prepare_demo")
DEFAULT_SWEEP = (0.0, *PAPER_PERCENTS, 100.0)


@dataclass(frozen=True)
class Comparison:
    """The pair a person looks at: two local folders or hub ids, as given."""

    base: str
    tuned: str

    @property
    def name(self) -> str:
        """Short, for titles: the last parts of both names."""
        return f"{Path(self.base).name} → {Path(self.tuned).name}"


@dataclass(frozen=True)
class Asking:
    """What is asked and how: the questions and the prompt, part of every evaluation's key."""

    questions: str
    prompt: str = "paper"
    split: Split = "test"
    domain: Domain | str = "both"
    mastery: str | None = None
    limit: int | None = None
    seed: int = 0
    dtype: str = "auto"


def default_home() -> Path:
    """The store's folder: PALIMPSEST_HOME, else the platform's place for a user's data."""
    return Path(os.environ.get("PALIMPSEST_HOME") or platformdirs.user_data_dir("palimpsest", appauthor=False))


class Workspace:
    """One store, one job queue, one resident model: everything a process of Palimpsest shares."""

    def __init__(self, home: Path | None = None) -> None:
        self.home = (home or default_home()).expanduser().resolve()
        self.store = Store(self.home)
        self.jobs = JobManager()
        self._identity = IdentityMemory(self.home)
        self._recent = Recent(self.home)
        self._askings = Recent(self.home, "questions.json")
        self._pool = ModelPool()
        self._profiles: dict[str, UpdateProfile] = {}
        self._summaries: dict[str, Stop] = {}
        self._drafts: dict[str, dict[str, tuple[int, ...]]] = {}
        self._question_set = lru_cache(maxsize=8)(_load_questions)
        self._evaluation = lru_cache(maxsize=16)(self._read_evaluation)

    # --- pairs ---------------------------------------------------------------------------------------------

    def check(self, base: str, tuned: str) -> CheckReport:
        """What the headers say of a pair; never raises for what a user may have given."""
        from analysis.weights.pair import check_pair

        return check_pair(base, tuned)

    def profile(
        self, comparison: Comparison, arithmetic: Arithmetic = "exact", progress: Progress | None = None
    ) -> UpdateProfile:
        """The one pass over a pair: every threshold, histogram and content hash."""
        from analysis.weights.profile import profile_pair

        known = self.known_profile(comparison, arithmetic)
        if known is not None:
            return known
        pair = self._pair(comparison)
        profile = profile_pair(pair, arithmetic=arithmetic, memory=self._identity, progress=progress or Silent())
        self.store.put(_profile_key(profile.base_id, profile.tuned_id, arithmetic), profile.to_stored())
        return self._keep_profile(profile)

    def known_profile(self, comparison: Comparison, arithmetic: Arithmetic = "exact") -> UpdateProfile | None:
        """The stored profile of this pair as its files are now, or None."""
        from analysis.weights.profile import UpdateProfile

        ids = self._ids(comparison)
        if ids is None:
            return None
        held = self._profiles.get(digest([*ids, arithmetic]))
        if held is not None:
            return held
        stored = self.store.get(_profile_key(*ids, arithmetic))
        return self._keep_profile(UpdateProfile.from_stored(stored)) if stored else None

    def count(self, comparison: Comparison, spec: RestoreSpec) -> RestoreCount:
        """How many parameters a spec restores and where they lie, from the stored profile alone."""
        profile = self.known_profile(comparison, spec.arithmetic)
        if profile is None:
            raise PalimpsestError(f"{comparison.name} has not been profiled yet. Load the pair first.", code="profile")
        return profile.count(spec)

    def write_restored(
        self, comparison: Comparison, spec: RestoreSpec, out: Path, progress: Progress | None = None
    ) -> WriteReport:
        """Write the restored checkpoint into a new folder, whole or not at all."""
        from analysis.weights.write import write_restored

        progress = progress or Silent()
        profile = self.profile(comparison, spec.arithmetic, progress)
        return write_restored(self._pair(comparison), profile, spec, out, progress)

    # --- knowledge -----------------------------------------------------------------------------------------

    def question_set(self, asking: Asking) -> QuestionSet:
        """The questions of this asking; read once."""
        return self._question_set(asking)

    def evaluation(
        self, comparison: Comparison, state: State, asking: Asking, progress: Progress | None = None
    ) -> Evaluation:
        """Ask the pair, in this state, every question; stored under the hash of the weights used."""
        from analysis.knowledge.evaluation import evaluate

        progress = progress or Silent()
        known = self.known_evaluation(comparison, state, asking)
        if known is not None:
            return known
        self.profile(comparison, _arithmetic(state), progress)
        key = self._evaluation_key(comparison, state, asking)
        questions = self.question_set(asking)
        memory = self._drafts.setdefault(digest([comparison, asking]), {})
        with self._lease(comparison, asking.dtype, progress) as model:
            model.enter(state)
            result = evaluate(model.lm, questions, prompt=asking.prompt, progress=progress, drafts=dict(memory))
        memory.update({row.id: row.token_ids for row in result.rows})
        self.store.put(key, evaluation_to_stored(result))
        return result

    def known_evaluation(self, comparison: Comparison, state: State, asking: Asking) -> Evaluation | None:
        """The stored answers of this state, or None."""
        if self.known_profile(comparison, _arithmetic(state)) is None:
            return None
        key = self._evaluation_key(comparison, state, asking)
        return self._evaluation(_Keyed(digest(asdict(key)), key)) if self.store.folder(key).exists() else None

    def evaluation_of(self, source: str, asking: Asking, progress: Progress | None = None) -> Evaluation:
        """Ask one checkpoint on its own; the same result as that checkpoint's as base or tuned of a pair."""
        from analysis.knowledge.evaluation import evaluate
        from analysis.language.load import load_model
        from analysis.weights.checkpoint import open_checkpoint
        from analysis.weights.identity import content_id

        progress = progress or Silent()
        questions = self.question_set(asking)
        identity = content_id(open_checkpoint(source), self._identity, progress)
        key = _evaluation_key({"checkpoint": identity}, source, questions.id, asking)
        stored = self.store.get(key)
        if stored is not None:
            return evaluation_from_stored(stored)
        lm = load_model(source, dtype=asking.dtype)
        result = evaluate(lm, questions, prompt=asking.prompt, progress=progress)
        self.store.put(key, evaluation_to_stored(result))
        return result

    def stop(self, comparison: Comparison, spec: RestoreSpec, asking: Asking, progress: Progress | None = None) -> Stop:
        """A slider position with its result, measured against the tuned model on the same questions."""
        from analysis.knowledge.evaluation import compare

        tuned = self.evaluation(comparison, "tuned", asking, progress)
        restored = self.evaluation(comparison, spec, asking, progress)
        self.profile(comparison, spec.arithmetic, progress)
        return Stop(spec, self.count(comparison, spec), restored, compare(tuned, restored))

    def known_stops(self, comparison: Comparison, asking: Asking) -> tuple[Stop, ...]:
        """Every evaluated stop of this pair and asking, by strategy, seed and percent; evaluations without rows."""
        from analysis.knowledge.evaluation import compare

        tuned = self.known_evaluation(comparison, "tuned", asking)
        if tuned is None:
            return ()
        found = []
        for spec in self._evaluated_specs(comparison, asking):
            name = digest([comparison, asdict(asking), asdict(spec), self._ids(comparison)])
            if name not in self._summaries:
                evaluation = self.known_evaluation(comparison, spec, asking)
                if evaluation is None or self.known_profile(comparison, spec.arithmetic) is None:
                    continue
                flips = compare(tuned, evaluation)
                self._summaries[name] = Stop(spec, self.count(comparison, spec), replace(evaluation, rows=()), flips)
            found.append(self._summaries[name])
        return tuple(sorted(found, key=lambda stop: (stop.spec.strategy, stop.spec.seed, stop.spec.percent)))

    def sweep(
        self,
        comparison: Comparison,
        asking: Asking,
        percents: Sequence[float] = DEFAULT_SWEEP,
        strategies: Sequence[Strategy] = ("relative-top", "random"),
        seeds: Sequence[int] = (0,),
        template: RestoreSpec | None = None,
        progress: Progress | None = None,
    ) -> SweepReport:
        """Every percentage of every strategy; seeds beyond the first only for the random control.

        `template` carries region, scope, layers and arithmetic. A cancelled sweep keeps the stops it finished.
        """
        from analysis.knowledge.choice import choose_stop

        progress = progress or Silent()
        specs = list(_sweep_specs(template or RestoreSpec(0), percents, strategies, seeds))
        base = self.evaluation(comparison, "base", asking, _Part(progress, 0, len(specs) + 2))
        tuned = self.evaluation(comparison, "tuned", asking, _Part(progress, 1, len(specs) + 2))
        stops = []
        for number, spec in enumerate(specs):
            check_cancelled(progress)
            part = _Part(progress, number + 2, len(specs) + 2, f"{spec.strategy}, {spec.percent:g}%")
            stops.append(self.stop(comparison, spec, asking, part))
        progress.report(len(specs) + 2, len(specs) + 2, "done")
        ranked = {stop.spec.percent: stop.evaluation for stop in stops if stop.spec.strategy == strategies[0]}
        return SweepReport(tuple(stops), base, tuned, choose_stop(ranked))

    # --- tokens --------------------------------------------------------------------------------------------

    def divergence(
        self,
        comparison: Comparison,
        texts: tuple[Text, ...],
        *,
        top: int = 10,
        state: State = "tuned",
        direction: str = "tuned-base",
        dtype: str = "auto",
        progress: Progress | None = None,
    ) -> DivergenceReport:
        """Token by token, how far this state's predictions are from the base's."""
        from analysis.language.divergence import diverge

        progress = progress or Silent()
        asked = {"top": top, "state": state, "direction": direction, "dtype": dtype}
        known = self.known_divergence(comparison, texts, **asked)
        if known is not None:
            return known
        self.profile(comparison, _arithmetic(state), progress)
        with self._lease(comparison, dtype, progress) as model:
            report = diverge(model, texts, top=top, direction=direction, state=state, progress=progress)
        self.store.put(self._divergence_key(comparison, texts, **asked), divergence_to_stored(report))
        return report

    def known_divergence(
        self,
        comparison: Comparison,
        texts: tuple[Text, ...],
        *,
        top: int = 10,
        state: State = "tuned",
        direction: str = "tuned-base",
        dtype: str = "auto",
    ) -> DivergenceReport | None:
        """The stored report for these texts, or None."""
        if self.known_profile(comparison, _arithmetic(state)) is None:
            return None
        key = self._divergence_key(comparison, texts, top=top, state=state, direction=direction, dtype=dtype)
        stored = self.store.get(key)
        return divergence_from_stored(stored) if stored else None

    # --- demo, recent pairs, background ---------------------------------------------------------------------

    def demo(self) -> DemoWorld | None:
        """The prepared demo world, or None before `prepare_demo`."""
        from analysis.demo.world import prepared

        return prepared(self.home)

    def prepare_demo(self, progress: Progress | None = None) -> DemoWorld:
        """Make the demo's fine-tuned models from the shipped base; quick when they are there."""
        from analysis.demo.world import prepare

        return prepare(self.home, progress=progress or Silent())

    def recent(self) -> tuple[Comparison, ...]:
        """Pairs loaded before, newest first."""
        return tuple(Comparison(**pair) for pair in self._recent.read())

    def remember(self, comparison: Comparison) -> None:
        """Put a pair at the head of the recent ones."""
        self._recent.add(asdict(comparison))

    def askings(self) -> tuple[Asking, ...]:
        """Questions and prompts used before, newest first."""
        return tuple(Asking(**asking) for asking in self._askings.read())

    def remember_asking(self, asking: Asking) -> None:
        """Put these questions at the head of the recent ones."""
        self._askings.add(asdict(asking))

    def start(self, title: str, method: str, *args: Any, watcher: str, page: str = "jobs", **kwargs: Any) -> str:
        """Run a method of this workspace in the background; returns the job's id (cache.jobs: who cancels it)."""
        work = getattr(self, method)
        lane: Lane = "long" if method in LONG_WORK else "quick"
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

    # --- how results are found -------------------------------------------------------------------------------

    def _pair(self, comparison: Comparison) -> CheckpointPair:
        from analysis.weights.pair import open_pair

        return open_pair(comparison.base, comparison.tuned)

    def _ids(self, comparison: Comparison) -> tuple[str, str] | None:
        from analysis.weights.identity import known_pair_ids

        return known_pair_ids(comparison.base, comparison.tuned, self._identity)

    def _keep_profile(self, profile: UpdateProfile) -> UpdateProfile:
        if len(self._profiles) >= 8:
            self._profiles.pop(next(iter(self._profiles)))
        self._profiles[digest([profile.base_id, profile.tuned_id, profile.arithmetic])] = profile
        return profile

    @contextmanager
    def _lease(self, comparison: Comparison, dtype: str, progress: Progress) -> Iterator[PairModel]:
        from analysis.language.load import load_model

        def load() -> PairModel:
            progress.report(0, 1, "loading the model")
            lm = load_model(comparison.tuned, dtype=dtype)
            return PairModel(lm, self._pair(comparison), lambda arithmetic: self.profile(comparison, arithmetic))

        with self._pool.lease(digest([comparison, self._ids(comparison), dtype]), load, progress) as model:
            yield model

    def _weights_part(self, comparison: Comparison, state: State) -> dict[str, Any]:
        from analysis.weights.restore import state_id

        profile = self.known_profile(comparison, _arithmetic(state))
        assert profile is not None  # callers profile first
        identity = state_id(profile, state)
        if identity in (profile.base_id, profile.tuned_id) or not isinstance(state, RestoreSpec):
            return {"checkpoint": identity}
        return {"checkpoint": identity, "base": profile.base_id, "tuned": profile.tuned_id, "spec": asdict(state)}

    def _evaluation_key(self, comparison: Comparison, state: State, asking: Asking) -> ResultKey:
        questions = self.question_set(asking).id
        return _evaluation_key(self._weights_part(comparison, state), comparison.tuned, questions, asking)

    def _divergence_key(self, comparison: Comparison, texts: Sequence[Text], **asked: Any) -> ResultKey:
        from analysis.language.load import companions_id, resolve_dtype

        return make_key(
            "divergence",
            base=self._weights_part(comparison, "base"),
            weights=self._weights_part(comparison, asked["state"]),
            companions=companions_id(comparison.tuned),
            texts=digest([asdict(text) for text in texts]),
            top=asked["top"],
            direction=asked["direction"],
            dtype=resolve_dtype(comparison.tuned, asked["dtype"]),
        )

    def _read_evaluation(self, keyed: _Keyed) -> Evaluation | None:
        stored = self.store.get(keyed.key)
        return evaluation_from_stored(stored) if stored else None

    def _evaluated_specs(self, comparison: Comparison, asking: Asking) -> Iterator[RestoreSpec]:
        ids = self._ids(comparison)
        if ids is None:
            return
        asked = {**self._evaluation_key(comparison, "tuned", asking).parts}
        del asked["weights"]
        for entry in self.store.entries("evaluation"):
            weights = entry.parts["weights"]
            rest = {name: part for name, part in entry.parts.items() if name != "weights"}
            if "spec" in weights and (weights["base"], weights["tuned"]) == ids and rest == asked:
                layers = weights["spec"]["layers"]
                yield RestoreSpec(**{**weights["spec"], "layers": tuple(layers) if layers is not None else None})


@dataclass(frozen=True)
class _Keyed:
    """A key that can be remembered by its digest."""

    name: str
    key: ResultKey

    def __hash__(self) -> int:
        return hash(self.name)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Keyed) and other.name == self.name


class _Part:
    """One of several equal parts of a longer work, seen as a Progress of its own."""

    def __init__(self, whole: Progress, number: int, parts: int, note: str = "") -> None:
        self._whole, self._number, self._parts, self._note = whole, number, parts, note

    def report(self, done: float, total: float, note: str = "", partial: object = None) -> None:
        """Pass on, scaled to this part."""
        share = done / total if total else 0.0
        self._whole.report(self._number + share, self._parts, self._note or note, partial)

    def cancelled(self) -> bool:
        """Whether the whole is cancelled."""
        return self._whole.cancelled()


def _arithmetic(state: State) -> Arithmetic:
    return state.arithmetic if isinstance(state, RestoreSpec) else "exact"


def _profile_key(base_id: str, tuned_id: str, arithmetic: Arithmetic) -> ResultKey:
    return make_key("profile", base=base_id, tuned=tuned_id, arithmetic=arithmetic)


def _evaluation_key(weights: dict[str, Any], source: str, questions: str, asking: Asking) -> ResultKey:
    from analysis.knowledge.prompts import resolve_prompt
    from analysis.language.load import companions_id, resolve_dtype

    return make_key(
        "evaluation",
        weights=weights,
        companions=companions_id(source),
        questions=questions,
        prompt=resolve_prompt(asking.prompt).template,
        dtype=resolve_dtype(source, asking.dtype),
    )


def _sweep_specs(
    template: RestoreSpec, percents: Sequence[float], strategies: Sequence[Strategy], seeds: Sequence[int]
) -> Iterator[RestoreSpec]:
    for strategy in strategies:
        for seed in seeds if strategy == "random" else seeds[:1]:
            for percent in percents:
                yield replace(template, percent=percent, strategy=strategy, seed=seed)


def _load_questions(asking: Asking) -> QuestionSet:
    from analysis.knowledge.questions import load_questions

    return load_questions(
        asking.questions,
        split=asking.split,
        domain=asking.domain,
        mastery=asking.mastery,
        limit=asking.limit,
        seed=asking.seed,
    )
