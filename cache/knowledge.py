"""Work on what a pair knows: evaluations, slider stops and sweeps, each stored under the weights it used."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.errors import QuestionError
from analysis.records import (
    PAPER_PERCENTS,
    SEEDED,
    Evaluation,
    PartOf,
    Progress,
    RestoreSpec,
    ResultKey,
    Silent,
    Stop,
    Strategy,
    SweepReport,
    check_cancelled,
)
from cache.asked import Asking, Comparison
from cache.codecs import evaluation_from_stored, evaluation_to_stored
from cache.counts import CountWork
from cache.drafts import Banks
from cache.keys import digest, key_digest, make_key
from cache.models import State
from cache.pairs import arithmetic_of, model_folder
from cache.store import Entry
from cache.unfinished import Unfinished

if TYPE_CHECKING:
    from analysis.knowledge.prompts import PromptView
    from analysis.knowledge.questions import QuestionSet
    from analysis.weights.profile import UpdateProfile

ANSWERS_HELD = 100_000  # of evaluations in memory: a page that compares a sweep's twenty reads each once
DEFAULT_SWEEP = (0.0, *PAPER_PERCENTS, 100.0)


class KnowledgeWork(CountWork):
    """What is asked of a pair, over one store."""

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        self._summaries: dict[str, Stop] = {}
        self._known: dict[str, tuple[tuple[Entry, ...], tuple[Stop, ...]]] = {}
        self._banks = Banks(self.store)
        self._question_set = lru_cache(maxsize=8)(_load_questions)
        self._evaluations: dict[str, Evaluation] = {}

    def question_set(self, asking: Asking) -> QuestionSet:
        """The questions of this asking; read once, and again when a file of theirs changes."""
        return self._question_set(asking, _stamp(asking.questions), _stamp(asking.mastery))

    def prompt_preview(self, comparison: Comparison, asking: Asking, question: str | None = None) -> PromptView:
        """A question (the set's first, where none is given) exactly as the model gets it: text, ids, BOS, shots."""
        from analysis.knowledge.prompts import prompt_preview

        found = self.question_set(asking)
        asked = found.questions[0].question if question is None else question
        return prompt_preview(model_folder(comparison), asking.prompt, found.shots, asked)

    def evaluation(
        self, comparison: Comparison, state: State, asking: Asking, progress: Progress | None = None
    ) -> Evaluation:
        """Ask the pair, in this state, every question; stored under the hash of the weights used."""
        progress = progress or Silent()
        known = self.known_evaluation(comparison, state, asking)
        if known is not None:
            return known
        profile = self.profile(comparison, arithmetic_of(state), progress)
        dtype = self._decide_dtype(profile.tuned_id, model_folder(comparison), asking.dtype)
        if state == "base" and _stands_alone(profile):
            return self.evaluation_of(comparison.base, replace(asking, dtype=dtype), progress)
        weights, questions = self.weights_part(comparison, state), self.question_set(asking)
        key = _evaluation_key(weights, model_folder(comparison), questions.id, asking.prompt, dtype)
        with self.store.lock(key, progress):
            return self._read_evaluation(key) or self._ask(comparison, state, asking, dtype, key, progress)

    def _ask(
        self, comparison: Comparison, state: State, asking: Asking, dtype: str, key: ResultKey, progress: Progress
    ) -> Evaluation:
        from analysis.knowledge.evaluation import evaluate

        self.store.require_room()
        with self._lease(comparison, dtype, progress) as model:
            model.enter(state, progress)
            asked = self.question_set(asking)
            bank = self._banks.of(key, self._ids(comparison), asked, asking.prompt, model.lm.tokenizer)
            begun = Unfinished(self.store, key)
            result = evaluate(
                model.lm,
                asked,
                prompt=asking.prompt,
                progress=progress,
                drafts=bank,
                known=begun.known(),
                keep=begun.keep,
            )
        self.store.put(key, evaluation_to_stored(result))
        begun.forget()
        return result

    def known_evaluation(self, comparison: Comparison, state: State, asking: Asking) -> Evaluation | None:
        """The stored answers of this state, or None."""
        profile = self.known_profile(comparison, arithmetic_of(state))
        if profile is None:
            return None
        source = comparison.base if state == "base" and _stands_alone(profile) else model_folder(comparison)
        key = self._known_key(self.weights_part(comparison, state), comparison, asking, source)
        return self._read_evaluation(key) if key else None

    def evaluation_of(self, source: str, asking: Asking, progress: Progress | None = None) -> Evaluation:
        """Ask one checkpoint on its own; the same result as that checkpoint's as base or tuned of a pair."""
        from analysis.knowledge.evaluation import evaluate
        from analysis.language.load import load_model

        progress = progress or Silent()
        questions = self.question_set(asking)
        key = self._key_of(source, asking, progress)
        stored = self.store.get(key)
        if stored is not None:
            return evaluation_from_stored(stored)
        with self.store.lock(key, progress):
            stored = self.store.get(key)  # another process may have been at it
            if stored is not None:
                return evaluation_from_stored(stored)
            self.store.require_room()
            lm = load_model(source, dtype=key.parts["dtype"])
            begun = Unfinished(self.store, key)
            result = evaluate(
                lm, questions, prompt=asking.prompt, progress=progress, known=begun.known(), keep=begun.keep
            )
            begun.forget()
            self.store.put(key, evaluation_to_stored(result))
            return result

    def digest_of(self, source: str, asking: Asking, progress: Progress | None = None) -> str:
        """The store's name of what `evaluation_of` finds for the same."""
        return key_digest(self._key_of(source, asking, progress or Silent()))

    def _key_of(self, source: str, asking: Asking, progress: Progress) -> ResultKey:
        from analysis.weights.checkpoint import open_checkpoint
        from analysis.weights.identity import content_id

        identity = content_id(open_checkpoint(source), self._identity, progress)
        dtype = self._decide_dtype(identity, source, asking.dtype)
        return _evaluation_key({"checkpoint": identity}, source, self.question_set(asking).id, asking.prompt, dtype)

    def stop(self, comparison: Comparison, spec: RestoreSpec, asking: Asking, progress: Progress | None = None) -> Stop:
        """A slider position with its result, measured against the tuned model on the same questions."""
        from analysis.knowledge.stops import make_stop

        tuned = self.evaluation(comparison, "tuned", asking, progress)
        base = self.known_evaluation(comparison, "base", asking)
        restored = self.evaluation(comparison, spec, asking, progress)
        self.profile(comparison, spec.arithmetic, progress)
        count = self.count(comparison, spec, progress)
        return make_stop(spec, count, restored, tuned=tuned, base=base, questions=self.question_set(asking).questions)

    def evaluation_digest(self, comparison: Comparison, state: State, asking: Asking) -> str:
        """The store's name of this state's answers, once they were asked; "" before."""
        profile = self.known_profile(comparison, arithmetic_of(state))
        if profile is None:
            return ""
        source = comparison.base if state == "base" and _stands_alone(profile) else model_folder(comparison)
        key = self._known_key(self.weights_part(comparison, state), comparison, asking, source)
        return key_digest(key) if key else ""

    def known_stops(self, comparison: Comparison, asking: Asking) -> tuple[Stop, ...]:
        """Every evaluated stop of this pair and asking, by strategy, seed and percent; evaluations without rows."""
        from analysis.knowledge.stops import make_stop

        tuned = self.known_evaluation(comparison, "tuned", asking)
        base = self.known_evaluation(comparison, "base", asking)
        if tuned is None:
            return ()
        questions, entries = self.question_set(asking), self.store.entries("evaluation")
        about = [questions.id, asdict(asking), self._ids(comparison), base is None]
        held = self._known.get(digest(about))
        if held is not None and held[0] == entries:
            return held[1]
        found, whole = [], True
        for spec in dict.fromkeys(self._evaluated_specs(comparison, asking, entries)):  # older versions stand beside
            name = digest([*about, asdict(spec)])
            if name not in self._summaries:
                evaluation = self.known_evaluation(comparison, spec, asking)
                if evaluation is None or self.known_profile(comparison, spec.arithmetic) is None:
                    whole = False
                    continue
                count = self.count(comparison, spec)
                stop = make_stop(spec, count, evaluation, tuned=tuned, base=base, questions=questions.questions)
                self._summaries[name] = replace(stop, evaluation=replace(evaluation, rows=()))
            found.append(self._summaries[name])
        stops = tuple(sorted(found, key=lambda stop: (stop.spec.strategy, stop.spec.seed, stop.spec.percent)))
        if whole:
            self._known[digest(about)] = entries, stops
        return stops

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
        """Every percentage of every strategy; seeds beyond the first only for those that draw lots.

        `template` carries region, scope, layers, modules, among, arithmetic. A cancelled sweep keeps what it finished.
        """
        from analysis.knowledge.choice import choose_stop

        progress = progress or Silent()
        specs = list(_sweep_specs(template or RestoreSpec(0), percents, strategies, seeds))
        base = self.evaluation(comparison, "base", asking, PartOf(progress, 0, 1, len(specs) + 2))
        tuned = self.evaluation(comparison, "tuned", asking, PartOf(progress, 1, 1, len(specs) + 2))
        dev = self._dev_of(asking)
        stops = []
        asked, on_dev = {}, {}
        for number, spec in enumerate(specs):
            check_cancelled(progress)
            part = PartOf(progress, number + 2, 1, len(specs) + 2, note=f"{spec.strategy}, {spec.percent:g}%")
            stops.append(self.stop(comparison, spec, asking, part))
            if spec.strategy == strategies[0] and spec.percent not in asked:
                asked[spec.percent] = stops[-1].evaluation
                if dev:  # while the weights are in this state
                    on_dev[spec.percent] = self.evaluation(comparison, spec, dev, part)
        progress.report(len(specs) + 2, len(specs) + 2, "done")
        return SweepReport(tuple(stops), base, tuned, choose_stop(asked, on_dev if dev else None))

    def _dev_of(self, asking: Asking) -> Asking | None:
        """The same asking of the dev split, to choose a stop on; None where there is none or its levels are unknown."""
        if asking.split != "test" or "dev" not in self.question_set(asking).splits:
            return None
        dev = replace(asking, split="dev")
        try:
            self.question_set(dev)
        except QuestionError as error:
            if error.code != "no-mastery":
                raise
            return None
        return dev

    def _known_key(
        self, weights: dict[str, Any], comparison: Comparison, asking: Asking, source: str | None = None
    ) -> ResultKey | None:
        """The key of an asking whose dtype is decided; None before the model ever ran."""
        profile = self.known_profile(comparison)
        dtype = self._known_dtype(profile.tuned_id, asking.dtype) if profile else None
        if dtype is None:
            return None
        source = source or model_folder(comparison)
        return _evaluation_key(weights, source, self.question_set(asking).id, asking.prompt, dtype)

    def _read_evaluation(self, key: ResultKey) -> Evaluation | None:
        name = key_digest(key)
        held = self._evaluations.get(name)
        if held is not None:
            return held
        stored = self.store.get(key)
        if stored is None:
            return None
        found = self._evaluations[name] = evaluation_from_stored(stored)
        self._let_go(keep=name)
        return found

    def _let_go(self, keep: str) -> None:
        """Forget the evaluations read first, while too many answers are held; other threads may be at it too."""
        held = list(self._evaluations.items())
        answers = sum(evaluation.n for _, evaluation in held)
        for name, evaluation in held:
            if answers <= ANSWERS_HELD or name == keep:
                return
            self._evaluations.pop(name, None)
            answers -= evaluation.n

    def _evaluated_specs(
        self, comparison: Comparison, asking: Asking, entries: tuple[Entry, ...]
    ) -> Iterator[RestoreSpec]:
        ids = self._ids(comparison)
        if ids is None:
            return
        key = self._known_key({}, comparison, asking)
        if key is None:
            return
        asked = {name: part for name, part in key.parts.items() if name != "weights"}
        for entry in entries:
            weights = entry.parts["weights"]
            rest = {name: part for name, part in entry.parts.items() if name != "weights"}
            if "spec" in weights and (weights["base"], weights["tuned"]) == ids and rest == asked:
                yield RestoreSpec(**weights["spec"])


def _stands_alone(profile: UpdateProfile) -> bool:
    """Whether the base has another vocabulary or head than tuned: then it is loaded by itself to be asked.

    In a model of tuned's shape it would keep tuned's added tokens, or have no place for its own head.
    """
    return any(finding.code in ("extra-rows", "tied-on-one-side") for finding in profile.findings)


def _evaluation_key(weights: dict[str, Any], source: str, questions: str, prompt: str, dtype: str) -> ResultKey:
    from analysis.knowledge.prompts import resolve_prompt
    from analysis.language.companions import companions_id
    from analysis.language.frozen import LAYOUT_ROWS

    layout = {} if dtype == "float32" else {"layout": LAYOUT_ROWS}  # part of what a low-precision answer is
    asked = resolve_prompt(prompt)
    return make_key(
        "evaluation",
        weights=weights,
        companions=companions_id(source),
        questions=questions,
        prompt=asked.template,
        around_shots=[asked.answer, asked.between],
        dtype=dtype,
        **layout,
    )


def _sweep_specs(
    template: RestoreSpec, percents: Sequence[float], strategies: Sequence[Strategy], seeds: Sequence[int]
) -> Iterator[RestoreSpec]:
    for strategy in strategies:
        for seed in seeds if strategy in SEEDED else seeds[:1]:
            for percent in percents:
                yield replace(template, percent=percent, strategy=strategy, seed=seed).canonical()


def _stamp(source: str | None) -> tuple[int, int] | None:
    """What changes when a file is written anew; of a folder, only what is added or removed in it shows."""
    try:
        found = Path(source).expanduser().stat() if source else None
    except OSError:
        return None
    return (found.st_size, found.st_mtime_ns) if found else None


def _load_questions(asking: Asking, *_stamps: tuple[int, int] | None) -> QuestionSet:
    from analysis.knowledge.questions import load_questions

    return load_questions(
        asking.questions,
        split=asking.split,
        domain=asking.domain,
        mastery=asking.mastery,
        limit=asking.limit,
        seed=asking.seed,
        shots=asking.shots,
    )
