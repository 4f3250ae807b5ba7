"""Work on a base with planted wrong facts: planting, fine-tuning on right ones, KL and accuracy by group; stored.

Everything of it lies under `open-questions/` of the home folder: the planted base and its tuned models are whole
checkpoints, to be looked at like any other pair.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from analysis.records import Progress, Question, RestoreSpec, ResultKey, Silent, Stored, check_cancelled
from cache.asked import Asking, Comparison
from cache.keys import VERSIONS, digest, make_key
from cache.models import State
from cache.open_skill import THREADS, SkillWork, write_questions

if TYPE_CHECKING:
    import pandas as pd

    from analysis.demo.planting import Planted, PlantSettings
    from analysis.experiments.planted import PlantedSettings, PlantedTraining
    from analysis.knowledge.mastery_table import MasteryTable


@dataclass(frozen=True)
class PlantedReport:
    """`states`: analysis.experiments.planted.COLUMNS, a row a state and group. `planting`: how well it took.

    `planting` columns: base ("shipped" or "planted"), group, n, right, wrong and their 95% intervals: what the base
    says when it completes a statement of each fact, greedily.
    """

    settings: PlantedSettings
    states: pd.DataFrame
    planting: pd.DataFrame
    base: str  # folder of the planted base


class PlantedWork(SkillWork):
    """Planted wrong facts, over one store; the demo's base alone can be planted."""

    def planted(self, settings: PlantedSettings, progress: Progress | None = None) -> PlantedReport:
        """Plant wrong facts in the demo's base, fine-tune on right ones, restore, and measure every state by group.

        What is cut short goes on where it was. Raises CheckpointError where the demo's shipped files are missing.
        """
        known = self.known_planted(settings)
        if known is not None:
            return known
        progress = progress or Silent()
        key = self._planted_key(settings, progress)
        with self.store.lock(key, progress):
            stored = self.store.get(key)
            if stored is None:
                stored = planted_to_stored(self._plant_and_measure(settings, progress))
                self.store.put(key, stored)
        return planted_from_stored(stored)

    def known_planted(self, settings: PlantedSettings) -> PlantedReport | None:
        """The stored answer, or None."""
        base = str(_demo_files().base)
        if self._ids(Comparison(base, base)) is None:
            return None
        stored = self.store.get(self._planted_key(settings))
        return planted_from_stored(stored) if stored else None

    def _plant_and_measure(self, settings: PlantedSettings, progress: Progress) -> PlantedReport:
        import pandas as pd

        from analysis.experiments.parts import Part
        from analysis.experiments.planted import COLUMNS

        facts = self._plant_facts(settings.plant)
        folder = self._planted_folder(settings.plant)
        trainings = settings.trainings()
        whole = Part(progress, 0, 2, "planting")
        self._plant_once(folder / "base", facts, settings.plant, whole)
        planting = self._look_at_planting(folder / "base", facts, settings, Part(whole, 1, 2))
        rows: list[dict[str, Any]] = []
        for number, training in enumerate(trainings):
            part = Part(Part(progress, 1, 2), number, len(trainings), training.name)
            rows += self._measure_training(folder, training, facts, settings, part)
        states = pd.DataFrame(rows, columns=list(COLUMNS))
        return PlantedReport(settings, states, planting, str(folder / "base"))

    def _plant_facts(self, settings: PlantSettings) -> dict[str, Planted]:
        from analysis.demo.planting import choose_planted
        from analysis.experiments.planted import level_facts

        return {
            split: choose_planted(
                level_facts(self.question_set(replace(_demo_asking(), split=split)).questions, settings),
                settings.share,
                settings.seed,
            )
            for split in ("train", "test")
        }

    def _plant_once(self, out: Path, facts: Mapping[str, Planted], settings: PlantSettings, progress: Progress) -> None:
        from analysis.demo.planting import joined, plant
        from analysis.experiments.parts import Part
        from analysis.training.sft import cpu_threads

        if not out.is_dir():
            with cpu_threads(THREADS):
                plant(_demo_files().base, out, joined(facts.values()), settings, Part(progress, 0, 2))

    def _look_at_planting(
        self, base: Path, facts: Mapping[str, Planted], settings: PlantedSettings, progress: Progress
    ) -> pd.DataFrame:
        import pandas as pd

        from analysis.experiments.planted import asked_groups, planting_rows
        from analysis.knowledge.templates import fill

        best = _demo_mastery().best_templates()
        last = max(settings.trainings(), key=lambda training: (training.correcting, training.size))
        groups = asked_groups(facts["train"], facts["test"], last, settings.asked)
        stated = [
            replace(fact, question=fill(best[fact.relation or ""], fact.subject or ""))
            for part in groups.values()
            for fact in part
        ]
        asking = replace(write_questions(base.parent, stated), prompt="{question}")  # a statement, nothing around it
        rows = []
        for name, source in (("shipped", str(_demo_files().base)), ("planted", str(base))):
            found = self.evaluation_of(source, asking, progress)
            rows += [{"base": name, **row} for row in planting_rows(found, groups, _wrong(facts))]
        return pd.DataFrame(rows)

    def _measure_training(
        self,
        folder: Path,
        training: PlantedTraining,
        facts: Mapping[str, Planted],
        settings: PlantedSettings,
        progress: Progress,
    ) -> Iterator[dict[str, Any]]:
        from analysis.experiments.parts import Part
        from analysis.experiments.planted import asked_groups, group_rows

        chosen = training.facts(facts["train"])
        out = folder / f"{training.name}-{digest([settings.learning_rate, VERSIONS['sft']])[:8]}"
        self._train_once(
            str(folder / "base"),
            out,
            chosen,
            seed=training.seed,
            learning_rate=settings.learning_rate,
            progress=Part(progress, 0, 3),
        )
        pair = Comparison(str(folder / "base"), str(out))
        self.profile(pair, progress=Part(progress, 1, 3))
        groups = asked_groups(facts["train"], facts["test"], training, settings.asked)
        asked = [fact for part in groups.values() for fact in part]
        asking = write_questions(folder, asked)
        states: list[State] = ["tuned", *(RestoreSpec(percent) for percent in settings.percents)]
        divergences = self._first_answer_kl(pair, asked, states, settings.top, Part(progress, 2, 3))
        for state, kl_nats in zip(states, divergences, strict=True):
            check_cancelled(progress)
            evaluation = self.evaluation(pair, state, asking, Part(progress, 2, 3))
            named = ("tuned", 0.0) if isinstance(state, str) else (state.strategy, state.percent)
            fields: dict[str, Any] = dict(zip(("strategy", "percent"), named, strict=True))
            fields |= {"size": training.size, "correcting": training.correcting, "train_seed": training.seed}
            for row in group_rows(evaluation, kl_nats, groups, _wrong(facts)):
                yield fields | row

    def _first_answer_kl(
        self,
        pair: Comparison,
        asked: Sequence[Question],
        states: Sequence[Any],
        top: int,
        progress: Progress,
    ) -> list[dict[str, float]]:
        """By state, each fact's KL to the planted base at the first answer token, in nats."""
        from analysis.experiments.planted import first_answer_kl
        from analysis.knowledge.prompts import encode_prompts, encode_text, resolve_prompt
        from analysis.knowledge.templates import fill

        best = _demo_mastery().best_templates()
        with self._lease(pair, "float32", progress) as model:
            tokenizer = model.lm.tokenizer
            stated = [encode_text(tokenizer, fill(best[fact.relation or ""], fact.subject or "")) for fact in asked]
            prompts = encode_prompts(tokenizer, resolve_prompt("paper"), [fact.question for fact in asked])
            found = list(first_answer_kl(model, stated, prompts, states, top=top, progress=progress))
        return [{fact.id: float(value) for fact, value in zip(asked, values, strict=True)} for values in found]

    def _planted_folder(self, settings: PlantSettings) -> Path:
        made = [self._base_id(str(_demo_files().base)), asdict(settings), THREADS, VERSIONS["planted"]]
        return self.home / "open-questions" / f"planted-{digest(made)[:16]}"

    def _planted_key(self, settings: PlantedSettings, progress: Progress | None = None) -> ResultKey:
        from analysis.knowledge.questions import content_id
        from analysis.training.card import library_versions

        facts = self._plant_facts(settings.plant)
        return make_key(
            "planted",
            checkpoint=self._base_id(str(_demo_files().base), progress),
            facts={split: content_id((*part.planted, *part.untouched)) for split, part in facts.items()},
            wrong=digest(_wrong(facts)),
            settings=asdict(settings),
            threads=THREADS,
            libraries=library_versions(),
            versions={name: VERSIONS[name] for name in ("sft", "profile", "evaluation", "divergence")},
        )


def _demo_files() -> Any:
    from analysis.demo.world import SHIPPED, DemoFiles

    return DemoFiles(SHIPPED)


def _demo_asking() -> Asking:
    files = _demo_files()
    return Asking(str(files.questions), mastery=str(files.mastery))


def _demo_mastery() -> MasteryTable:
    from analysis.knowledge.mastery_table import read_mastery

    return read_mastery(_demo_files().mastery)


def _wrong(facts: Mapping[str, Planted]) -> dict[str, str]:
    return {name: wrong for part in facts.values() for name, wrong in part.wrong.items()}


def planted_to_stored(report: PlantedReport) -> Stored:
    """Both tables as tables, the rest as the document."""
    document = {"settings": msgspec.to_builtins(asdict(report.settings)), "base": report.base}
    return Stored(document=document, tables={"states": report.states, "planting": report.planting})


def planted_from_stored(stored: Stored) -> PlantedReport:
    """The report again."""
    from analysis.experiments.planted import PlantedSettings

    settings = msgspec.convert(stored.document["settings"], PlantedSettings, strict=False)
    return PlantedReport(settings, stored.tables["states"], stored.tables["planting"], stored.document["base"])
