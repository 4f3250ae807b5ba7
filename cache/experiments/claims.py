"""Who needs a plan's tuned model, and as what: every kept plan as its `keep` says, a named comparison and whoever looks
at one whole. The most generous wins. Removes nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from analysis.errors import StoreError
from analysis.experiments.plan import KEEPS, Keep
from cache.experiments.folder import KeyedCell, PlanFolder
from cache.named import NamedComparisons

if TYPE_CHECKING:
    from cache.work import Workspace

PACKED = ".difference"  # what follows a tuned model's name where its difference from the base lies


@dataclass(frozen=True)
class PlanClaim:
    """One cell of a kept plan, whose tuned model is kept so once it is measured."""

    plan: str
    keep: Keep
    keyed: KeyedCell


def plan_claims(home: Path) -> Iterator[PlanClaim]:
    """Every tuned model's cell of every kept plan."""
    plans = PlanFolder(home)
    for name in plans.names():
        with suppress(StoreError):  # a damaged plan is told on its own page
            kept = plans.read(name)
            yield from (PlanClaim(name, kept.plan.run.keep, keyed) for keyed in kept.cells if keyed.tuned)


def claims_of_people(named: NamedComparisons, looked_at: Collection[str]) -> dict[Path, str]:
    """Folders of models that somebody looks at or has named, each with the words that say so."""
    found = {_folder(source): "the pair you look at" for source in looked_at}
    for each in named.all():
        found |= dict.fromkeys((_folder(each.pair.base), _folder(each.pair.tuned)), f"the comparison “{each.name}”")
    return found


def packed_of(folder: Path) -> Path:
    """Where the difference of this tuned model lies, if it does."""
    return folder.with_name(folder.name + PACKED)


class Claims:
    """What is asked of the tuned models of one home folder, read once; `apart` from the plan that is asked for."""

    def __init__(self, workspace: Workspace, *, apart: str = "") -> None:
        last = workspace.recent()[:1]
        self._people = claims_of_people(workspace.named, [pair.tuned for pair in last])
        self._plans: dict[str, PlanClaim] = {}
        for claim in plan_claims(workspace.home):
            known = self._plans.get(claim.keyed.tuned)
            if claim.plan != apart and (known is None or _generous(claim.keep) > _generous(known.keep)):
                self._plans[claim.keyed.tuned] = claim

    def keep(self, folder: Path, asked: Keep) -> Keep:
        """As what this model is kept where a plan asks so."""
        if _folder(folder) in self._people:
            return "keep"
        claim = self._plans.get(folder.name)
        return asked if claim is None else max(asked, claim.keep, key=_generous)

    def words(self, folder: Path) -> str:
        """What keeps this model better than a plan asks."""
        claim = self._plans.get(folder.name)
        return self._people.get(_folder(folder)) or (f"the plan {claim.plan}" if claim else "")


def _generous(keep: Keep) -> int:
    return -KEEPS.index(keep)


def _folder(source: str | Path) -> Path:
    return Path(source).expanduser().resolve()
