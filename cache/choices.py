"""Work on choosing a stop: from what is stored alone, chosen on one part of the questions, reported on another."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from analysis.records import Choice, Evaluation, RestoreSpec
from cache.asked import Asking, Comparison
from cache.keys import digest
from cache.knowledge import KnowledgeWork

FEWEST_STOPS = 2  # beside the tuned model as it is


class ChoiceWork(KnowledgeWork):
    """The choice among stops already evaluated, over one store."""

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        self._choices: dict[str, Choice | None] = {}

    def known_choice(self, comparison: Comparison, asking: Asking, spec: RestoreSpec) -> Choice | None:
        """The best of the evaluated stops that differ from `spec` in their percentage only, 0% among them.

        Chosen on the dev split where the same stops were asked it, else on one half of the questions; None where fewer
        than two stops are known.
        """
        specs = self._known_specs(comparison, asking, spec)
        if len(specs) < FEWEST_STOPS:
            return None
        dev = self._dev_of(asking)
        on_dev = dev is not None and set(specs) <= set(self._known_specs(comparison, dev, spec))
        name = digest([self.question_set(asking).id, asking, specs, on_dev, self._ids(comparison)])
        if name not in self._choices:
            every = [replace(spec, percent=0.0), *specs]
            self._choices[name] = self._choose(comparison, asking, every, dev if on_dev else None)
        return self._choices[name]

    def _known_specs(self, comparison: Comparison, asking: Asking, spec: RestoreSpec) -> list[RestoreSpec]:
        known = (stop.spec for stop in self.known_stops(comparison, asking))
        return [found for found in known if replace(spec, percent=found.percent) == found]

    def _choose(
        self, comparison: Comparison, asking: Asking, specs: list[RestoreSpec], dev: Asking | None
    ) -> Choice | None:
        from analysis.knowledge.choice import choose_stop

        return choose_stop(self._all(comparison, asking, specs), self._all(comparison, dev, specs) if dev else None)

    def _all(self, comparison: Comparison, asking: Asking, specs: list[RestoreSpec]) -> dict[float, Evaluation]:
        """The stops' stored answers, by percentage."""
        found = {spec.percent: self.known_evaluation(comparison, spec, asking) for spec in specs}
        return {percent: evaluation for percent, evaluation in found.items() if evaluation is not None}
