"""Work on the questions the paper leaves open, each answered on a pair (or the demo world) and kept.

What was gathered or measured lies in the store under a key of everything that changes it; scratch files are removed.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from analysis.errors import SpecError, StoreError
from analysis.folders import partial_folder, remove_leftovers
from analysis.records import IN_DOMAIN, Progress, Question, ResultKey, Silent, Stored
from cache.asked import Asking, Comparison
from cache.experiments.work import ExperimentWork
from cache.keys import make_key
from cache.open_planted import PlantedWork
from cache.open_tasks import TaskWork
from cache.pairs import model_folder

if TYPE_CHECKING:
    from analysis.experiments.gradient_overlap import Overlap
    from analysis.experiments.gradients import Gathered, GradientSettings

At = Literal["base", "tuned"]
OVERLAP_PERCENTS = (1.0, 5.0, 20.0)


@dataclass(frozen=True)
class GradientReport:
    """The gradients of training samples by level at one side of a pair, and what they share with its restoration."""

    at: At
    gathered: Gathered
    overlaps: tuple[Overlap, ...]


class OpenQuestionWork(PlantedWork, TaskWork):
    """What the paper leaves open, over one store."""

    def gradients(
        self,
        comparison: Comparison,
        asking: Asking,
        settings: GradientSettings,
        *,
        at: At = "base",
        percents: Sequence[float] = OVERLAP_PERCENTS,
        progress: Progress | None = None,
    ) -> GradientReport:
        """Gradients of `settings.n` training facts a level at the pair's base (or tuned) model, compared; stored.

        The facts are drawn as fine-tuning draws them. Writes the groups' mean gradients into a scratch folder under the
        home and removes it. Raises TrainingError where a level has too few facts, StoreError where the disk has too
        little room for the scratch files, before anything is computed.
        """
        known = self.known_gradients(comparison, asking, settings, at=at, percents=percents)
        if known is not None:
            return known
        progress = progress or Silent()
        profile = self.profile(comparison, progress=progress)
        source = _source(comparison, at)
        decided = self._decide_dtype(profile.base_id if at == "base" else profile.tuned_id, source, asking.dtype)
        key = self._gradient_key(comparison, asking, settings, at, percents, decided)
        with self.store.lock(key, progress):
            known = self.known_gradients(comparison, asking, settings, at=at, percents=percents)
            if known is not None:
                return known
            report = self._gather(comparison, asking, settings, at, percents, decided, progress)
            self.store.put(key, gradients_to_stored(report))
        return report

    def known_gradients(
        self,
        comparison: Comparison,
        asking: Asking,
        settings: GradientSettings,
        *,
        at: At = "base",
        percents: Sequence[float] = OVERLAP_PERCENTS,
    ) -> GradientReport | None:
        """The stored answer, or None; raises TrainingError where a level has too few facts, before any model runs."""
        self._training_draws(asking, settings)
        profile = self.known_profile(comparison)
        if profile is None:
            return None
        dtype = self._known_dtype(profile.base_id if at == "base" else profile.tuned_id, asking.dtype)
        if dtype is None:
            return None
        stored = self.store.get(self._gradient_key(comparison, asking, settings, at, percents, dtype))
        return gradients_from_stored(stored) if stored else None

    def _gather(
        self,
        comparison: Comparison,
        asking: Asking,
        settings: GradientSettings,
        at: At,
        percents: Sequence[float],
        dtype: str,
        progress: Progress,
    ) -> GradientReport:
        from analysis.experiments.gradient_overlap import overlaps
        from analysis.experiments.gradients import GradientFiles, gather
        from analysis.knowledge.prompts import encode_example, resolve_prompt
        from analysis.language.load import load_model

        drawn = self._training_draws(asking, settings)
        pair, profile = self._pair(comparison), self.profile(comparison)
        self._require_scratch(pair.parameters, settings)
        progress.report(0, 1, "loading torch and the model")
        lm = load_model(_source(comparison, at), dtype=dtype)
        how = resolve_prompt(settings.prompt)
        examples = {
            level: [encode_example(lm.tokenizer, how, fact.question, fact.answers[0]) for fact in facts]
            for level, facts in drawn.items()
        }
        home = self.home / "partial"
        home.mkdir(parents=True, exist_ok=True)
        remove_leftovers(home)
        scratch = partial_folder(home, "gradients")
        try:
            found = gather(lm, examples, settings, scratch, progress)
            files = GradientFiles(scratch, settings)
            shared = overlaps(files, found.tensors, settings.levels, pair, profile, percents, progress)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        return GradientReport(at, found, shared)

    def _training_draws(self, asking: Asking, settings: GradientSettings) -> Mapping[int, tuple[Question, ...]]:
        from analysis.training.facts import draw_facts

        pool = self.training_facts(asking)
        return {level: draw_facts(pool, size=settings.n, level=level, seed=settings.seed) for level in settings.levels}

    def _require_scratch(self, parameters: int, settings: GradientSettings) -> None:
        from analysis.experiments.gradients import scratch_bytes

        needed, free = scratch_bytes(parameters, settings), shutil.disk_usage(self.home).free
        if needed > free:
            raise StoreError(
                f"The gradients of {settings.vectors} groups of samples take {needed / 1e9:.1f} GB while they are "
                f"compared, and {self.home} has {free / 1e9:.1f} GB free: choose fewer levels or groups, or make room.",
                code="disk-full",
            )

    def _gradient_key(
        self,
        comparison: Comparison,
        asking: Asking,
        settings: GradientSettings,
        at: At,
        percents: Sequence[float],
        dtype: str,
    ) -> ResultKey:
        from analysis.knowledge.prompts import resolve_prompt
        from analysis.knowledge.questions import content_id
        from analysis.language.companions import companions_id

        return make_key(
            "gradients",
            base=self.weights_part(comparison, "base"),
            tuned=self.weights_part(comparison, "tuned"),
            at=at,
            companions=companions_id(_source(comparison, at)),
            facts=content_id(fact for facts in self._training_draws(asking, settings).values() for fact in facts),
            settings=settings,
            prompt=resolve_prompt(settings.prompt),
            percents=tuple(percents),
            dtype=dtype,
        )


def domain_plans(work: ExperimentWork) -> dict[str, tuple[str, ...]]:
    """Names of the plans begun here that train on places ("places") and on other relations alone ("others")."""
    found: dict[str, list[str]] = {"places": [], "others": []}
    for name in work.plan_names():
        trained = set(work.plan(name).plan.train.relations)
        if trained == set(IN_DOMAIN):
            found["places"].append(name)
        elif not trained & set(IN_DOMAIN):
            found["others"].append(name)
    return {kind: tuple(names) for kind, names in found.items()}


def _source(comparison: Comparison, at: At) -> str:
    if at == "tuned" and model_folder(comparison) != comparison.tuned:
        raise SpecError("The tuned side is an adapter: gradients are gathered at a model with weights of its own.")
    return comparison.base if at == "base" else comparison.tuned


def gradients_to_stored(report: GradientReport) -> Stored:
    """The dot products as an array, everything else as one document."""
    document: dict[str, Any] = {
        "at": report.at,
        "settings": msgspec.to_builtins(report.gathered.settings),
        "tensors": msgspec.to_builtins(report.gathered.tensors),
        "step_norms": [list(report.gathered.step_norms[level]) for level in report.gathered.settings.levels],
        "loss_nats": [report.gathered.loss_nats[level] for level in report.gathered.settings.levels],
        "overlaps": msgspec.to_builtins(report.overlaps),
    }
    return Stored(document=document, arrays={"grams": report.gathered.grams})


def gradients_from_stored(stored: Stored) -> GradientReport:
    """The report again."""
    from analysis.experiments.gradient_overlap import Overlap
    from analysis.experiments.gradients import Gathered, GradientSettings, GradientTensor

    told = stored.document
    settings = msgspec.convert(told["settings"], GradientSettings)
    gathered = Gathered(
        settings,
        msgspec.convert(told["tensors"], tuple[GradientTensor, ...]),
        stored.arrays["grams"],
        {level: tuple(norms) for level, norms in zip(settings.levels, told["step_norms"], strict=True)},
        dict(zip(settings.levels, told["loss_nats"], strict=True)),
    )
    overlaps = tuple(
        msgspec.convert(one | {"ceiling": float("nan") if one["ceiling"] is None else one["ceiling"]}, Overlap)
        for one in told["overlaps"]
    )
    return GradientReport(told["at"], gathered, overlaps)
