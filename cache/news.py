"""What has changed since a finding was pinned: its models, questions, algorithms, and what was measured later.

Reads no weight: a model whose files are newer than the pin is said to be so, not hashed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from analysis.errors import PalimpsestError, StoreError
from analysis.experiments.narrowed import under
from analysis.records import RestoreSpec
from analysis.report.records import Asked, Grows, Making, Placed
from cache.asked import Asking, Comparison
from cache.experiments.folder import KeptPlan, PlanFolder
from cache.keys import VERSIONS
from cache.knowledge import KnowledgeWork
from cache.store import Entry, Store

PLAN, CELLS = "plan", "cells"  # how a pin names its plan, and how many of its cells it shows: "20 of 60"
CELLS_OF = "cells of"  # and of which these are, in the words of analysis.experiments.narrowed, where not of all


class NewsWork(KnowledgeWork):
    """Newer results than a finding's, looked up in one store."""

    def news(self, made: Making, seen: Seen) -> tuple[str, ...]:
        """What has changed since this was made, in words; empty where nothing has."""
        found = [
            *self._changed_sides(made, seen),
            *_revised(made),
            *self._changed_questions(made),
            *self._more_stops(made, seen),
            *self._more_models(made, seen),
            *self._more_mastery(made),
            *self._more_cells(made, seen),
        ]
        if seen.newest[made.identity] > made.created:
            found.append("a newer pin of the same figure is in this report")
        return tuple(found)

    def _changed_sides(self, made: Making, seen: Seen) -> list[str]:
        sides = [(name, side) for name, side in (("base", made.base), ("tuned", made.tuned)) if side is not None]
        if not sides or not all(side.content for _, side in sides):
            return []
        pair = Comparison(sides[0][1].source, sides[-1][1].source)  # a base alone is both
        if pair not in seen.ids:
            seen.ids[pair] = self._ids(pair)
        ids = seen.ids[pair]
        if ids is None:  # whether it is another model is known when it is read: here no weight is
            later = [name for name, side in sides if _written_after(Path(side.source), made.created)]
            return [f"the {name} model's files have changed since and were not read again" for name in later]
        return [
            f"the {name} model's weights have changed"
            for (name, side), now in zip(sides, ids, strict=False)
            if side.content != now
        ]

    def _changed_questions(self, made: Making) -> list[str]:
        if made.asked is None:
            return []
        try:
            now = self.question_set(Asking(made.asked.source, made.asked.prompt, **made.asked.settings)).id
        except (PalimpsestError, OSError, TypeError):  # gone, or asked in a way this version does not know
            return []
        return [] if now == made.asked.id else ["the questions have changed"]

    def _more_stops(self, made: Making, seen: Seen) -> list[str]:
        """Stops evaluated since that this figure would show: of its pair and questions, over its parameters."""
        if made.grows is None or made.asked is None or made.base is None or made.tuned is None:
            return []
        pair, count = {"base": made.base.content, "tuned": made.tuned.content}, 0
        for entry in seen.since(self, "evaluation", made.created):
            weights = entry.parts["weights"]
            same = all(weights.get(side) == content for side, content in pair.items())
            count += same and _asked_alike(entry, made.asked) and _takes_up(made.grows, weights.get("spec"))
        return [f"{count} more {'stop was' if count == 1 else 'stops were'} evaluated"] if count else []

    def _more_models(self, made: Making, seen: Seen) -> list[str]:
        """Further tuned models of the base measured since, for the figure that shows all of them."""
        names = made.further.get("models")
        if not names or made.base is None:
            return []
        measured = {
            (entry.parts["weights"]["checkpoint"], entry.parts["facts"]): entry.created
            for entry in seen.since(self, "paper_divergence", 0.0)  # newest first: the first time of each stays
            if entry.parts["base"].get("checkpoint") == made.base.content and "spec" not in entry.parts["weights"]
        }
        shown = [key for key, created in measured.items() if created <= made.created]
        known, facts = {model for model, _ in shown}, {asked for _, asked in shown}
        count = len({model for model, asked in measured if model not in known and asked in facts})
        return [f"{count} tuned {'model was' if count == 1 else 'models were'} measured since"] if count else []

    def _more_mastery(self, made: Making) -> list[str]:
        """A measurement of the same base's mastery made since."""
        shown = made.further.get("measurement")
        if not shown or made.base is None or not made.base.content:
            return []
        tables = (self.home / "mastery" / made.base.content).glob("*.parquet")
        newer = [path.name for path in tables if path.name != shown and path.stat().st_mtime > made.created]
        return [f"the base's mastery was measured again ({', '.join(sorted(newer))})"] if newer else []

    def _more_cells(self, made: Making, seen: Seen) -> list[str]:
        """Cells of its plan measured since, for a figure of all of them; several plans have a name before theirs."""
        found = []
        for name, plan in made.further.items():
            of_plan = name.removesuffix(PLAN)
            then = made.further.get(f"{of_plan}{CELLS}") if name.endswith(PLAN) else None
            words = str(made.further.get(f"{of_plan}{CELLS_OF}", ""))
            now = self._cells_of(str(plan), words, seen) if then else ""
            if now and now != then:
                whose = f"the plan {plan}" + (f", {words}," if words else "")
                found.append(f"{whose} has {now} cells measured, and had {then}")
        return found

    def _cells_of(self, plan: str, words: str, seen: Seen) -> str:
        """How many of a plan's cells under these words are measured, as pins tell it: "20 of 60"; "" without any."""
        if (plan, words) not in seen.cells:
            try:
                seen.cells[plan, words] = counted_cells(self.store, PlanFolder(self.home).read(plan), words)
            except StoreError:  # forgotten since: what it measured stands as it was
                seen.cells[plan, words] = ""
        return seen.cells[plan, words]


class Seen:
    """What the findings of one report are held against, looked up once for all of them."""

    def __init__(self, placed: Sequence[Placed]) -> None:
        self.newest: dict[str, float] = {}
        for each in placed:
            made = each.finding.making
            self.newest[made.identity] = max(made.created, self.newest.get(made.identity, 0.0))
        self.ids: dict[Comparison, tuple[str, str] | None] = {}
        self.cells: dict[tuple[str, str], str] = {}  # by plan and by the words of what a figure is of
        self._entries: dict[str, Sequence[Entry]] = {}

    def since(self, work: KnowledgeWork, kind: str, moment: float) -> Iterator[Entry]:
        """Results of this kind stored after a moment, newest first."""
        if kind not in self._entries:
            self._entries[kind] = work.store.entries(kind)
        for entry in reversed(self._entries[kind]):  # oldest first in the store
            if entry.created <= moment:
                return
            yield entry


def counted_cells(store: Store, kept: KeptPlan, words: str = "") -> str:
    """How many of a plan's cells under these words are measured: "20 of 60"; "" where none is under them."""
    wanted = set(under(words, (keyed.cell for keyed in kept.cells)))
    keys = {keyed.digest: keyed.key for keyed in kept.cells if keyed.cell in wanted}
    return f"{sum(map(store.holds, keys.values()))} of {len(keys)}" if keys else ""


def _asked_alike(entry: Entry, asked: Asked) -> bool:
    """Whether a stored evaluation is of these questions, put in the same way."""
    from analysis.knowledge.prompts import resolve_prompt

    parts = entry.parts
    return (
        parts.get("questions") == asked.id
        and parts.get("prompt") == resolve_prompt(asked.prompt).template
        and asked.dtype in ("auto", parts.get("dtype"))
    )


def _takes_up(grows: Grows, fields: Mapping[str, Any] | None) -> bool:
    """Whether a figure that grows so would show the stop of these fields."""
    if fields is None:
        return False
    from analysis.figures.stops import is_beside

    spec = RestoreSpec(**fields)
    named = not grows.strategies or spec.strategy in grows.strategies
    drawn = grows.among in ("", spec.among)
    return named and drawn and is_beside(spec, RestoreSpec(**grows.beside))


def _written_after(folder: Path, moment: float) -> bool:
    """Whether a file of a local model was written or put there after a moment; a hub id's never are."""
    try:
        files = [path.stat() for path in folder.expanduser().iterdir() if path.is_file()]
    except OSError:  # gone, or never a folder here
        return False
    return any(max(found.st_mtime, found.st_ctime) > moment for found in files)


def _revised(made: Making) -> list[str]:
    return [
        f"the {name} algorithm was revised (version {version} to {VERSIONS[name]})"
        for name, version in made.algorithms.items()
        if VERSIONS.get(name, version) > version
    ]
