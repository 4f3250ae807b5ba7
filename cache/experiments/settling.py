"""Finished cells' tuned models put away as their plan says now: what a killed run left whole, and what another `keep`
asks for since. A model that another plan, a named comparison or whoever looks at it needs stays as that asks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from analysis.errors import Cancelled, PalimpsestError
from analysis.experiments.plan import Keep
from analysis.folders import remove_leftovers
from analysis.records import PartOf, Progress, check_cancelled
from cache.experiments.claims import Claims
from cache.experiments.folder import KeptPlan, KeyedCell
from cache.experiments.tuned import freeable_bytes, lock_key, put_away_as

if TYPE_CHECKING:
    from cache.work import Workspace


@dataclass(frozen=True)
class Settled:
    """How many models were packed or dropped, the bytes that freed, and what stays: a cell's name and the reason."""

    models: int = 0
    bytes: int = 0
    stayed: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class _Finished:
    """A measured cell whose model holds more than its plan asks; `keep` is how it stays, `why` says for what."""

    keyed: KeyedCell
    ids: tuple[str, str]
    keep: Keep
    why: str


def settle(workspace: Workspace, kept: KeptPlan, progress: Progress) -> Settled:
    """Put away what this plan's finished cells hold beyond its `keep`; Cancelled between two models.

    A model in use stays, and one that cannot be packed: the next run tries again.
    """
    remove_leftovers(workspace.home / "tuned")
    models, freed, stayed = 0, 0, []
    found = tuple(_finished(workspace, kept))
    for number, each in enumerate(found):
        check_cancelled(progress)
        name, reason = each.keyed.cell.name, f"{each.why} needs it" if each.why else ""
        part = PartOf(progress, number, 1, len(found), note=f"putting away {name}")
        part.report(0, 1)
        try:
            with workspace.store.lock_if_free(lock_key(each.keyed)) as held:
                gone = put_away_as(workspace, each.keyed, each.keep, each.ids, part) if held else 0
                reason = reason if held else "another process uses it"
        except Cancelled:
            raise
        except PalimpsestError as error:
            gone, reason = 0, str(error)
        models, freed = models + (gone > 0), freed + gone
        stayed += [(name, reason)] if reason else []
    return Settled(models, freed, tuple(stayed))


def would_free(workspace: Workspace, kept: KeptPlan) -> int:
    """About how many bytes `settle` would free: exactly, but for what it would pack."""
    return sum(freeable_bytes(workspace, each.keyed, each.keep, each.ids) for each in _finished(workspace, kept))


def _finished(workspace: Workspace, kept: KeptPlan) -> Iterator[_Finished]:
    claims, asked = Claims(workspace, apart=kept.plan.name), kept.plan.run.keep
    for keyed in kept.cells:
        document = workspace.store.document(keyed.key) if keyed.tuned else None
        if document is None:
            continue
        ids = document["base_id"], document["tuned_id"]
        if freeable_bytes(workspace, keyed, asked, ids):
            folder = workspace.home / "tuned" / keyed.tuned
            keep = claims.keep(folder, asked)
            yield _Finished(keyed, ids, keep, claims.words(folder) if keep != asked else "")
