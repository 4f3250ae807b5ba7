"""What a home folder holds beside its results, and how to remove it: models made here, what open questions trained, the
packed report, deleted pins, texts kept for links.

Nothing of it goes by itself. Each piece tells what getting it back costs, and whether anything can; what a kept plan or
a named comparison needs stays. A piece goes whole: renamed out of sight, then removed. Knows no page.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from analysis.errors import StoreError
from analysis.folders import remove_aside
from cache.experiments.claims import PACKED, claims_of_people, packed_of, plan_claims
from cache.findings import Findings
from cache.housekeeping import Freed, Housekeeping, bytes_under
from cache.named import NamedComparisons
from cache.store import Store

MODEL, OPEN_QUESTION, ZIP, PINS, TEXTS = "model", "open question", "packed report", "deleted pins", "texts"
BROUGHT_BACK = "brought back"  # a model that lies whole beside its difference


@dataclass(frozen=True)
class Piece:
    """One thing that may be removed: its kind, what it is called, where it lies, and how large it is.

    `seconds` is what making it again took (None: not known, or nothing can); `lost` says that nothing brings it back;
    `needed_by` is what keeps it ("" for nothing).
    """

    kind: str
    name: str
    path: Path
    bytes: int
    seconds: float | None = None
    lost: bool = False
    needed_by: str = ""


class Large:
    """The large things of one home folder, apart from its results."""

    def __init__(self, store: Store, housekeeping: Housekeeping, findings: Findings, named: NamedComparisons) -> None:
        self._store, self._home = store, store.home
        self._keeper, self._findings, self._named = housekeeping, findings, named

    def pieces(self, looked_at: Collection[str] = ()) -> tuple[Piece, ...]:
        """Everything that could be removed or is kept by something, the largest of each kind first.

        `looked_at` are models a person has before them, by path: they stay.
        """
        needed = claims_of_people(self._named, looked_at)
        found = [*self._models(needed), *self._open_questions(needed), *self._packed(), *self._pins(), *self._texts()]
        order = (ZIP, BROUGHT_BACK, MODEL, OPEN_QUESTION, PINS, TEXTS)
        return tuple(sorted(found, key=lambda piece: (order.index(piece.kind), -piece.bytes)))

    def remove(self, goes: Collection[Piece], looked_at: Collection[str] = ()) -> Freed:
        """Remove these, as far as they are there still and nothing needs them.

        Raises StoreError where work is under way on this store, in this process or another.
        """
        busy = self._keeper.busy()
        if busy:
            raise StoreError(f"Nothing was removed: {busy}. What it needs must stay; try again when it has ended.")
        chosen = {(piece.kind, piece.path) for piece in goes}
        free = [piece for piece in self.pieces(looked_at) if (piece.kind, piece.path) in chosen and not piece.needed_by]
        for piece in free:
            if piece.kind == PINS:
                self._findings.forget_deleted()
            else:
                self._remove(piece.path)
        return Freed(len(free), sum(piece.bytes for piece in free), 0)

    def _remove(self, path: Path) -> None:
        try:
            remove_aside(path, self._home / "partial")
        except OSError as error:
            raise StoreError(f"{path} could not be removed: {error.strerror or error}.") from error

    def _needed_by_plans(self) -> dict[Path, str]:
        """Folders of tuned models, whole or packed, that a kept plan needs, each with the words that say so.

        Until its cell is measured a plan needs a model as it lies; then as its `keep` says, and one whose difference
        lies there need not lie whole beside it.
        """
        needed: dict[Path, str] = {}
        for claim in plan_claims(self._home):
            whole = self._home / "tuned" / claim.keyed.tuned
            packed, words = packed_of(whole), f"the plan {claim.plan}"
            if claim.keep != "drop" or not self._store.holds(claim.keyed.key):
                needed[packed] = words
                if claim.keep == "keep" or not packed.is_dir():
                    needed[whole] = words
        return needed

    def _models(self, needed: dict[Path, str]) -> Iterator[Piece]:
        from analysis.training.card import read_card

        of_plans = self._needed_by_plans()
        for folder in (self._home / "tuned").glob("[!.]*"):
            if folder.is_dir():
                card, back = read_card(folder), packed_of(folder).is_dir()
                model = folder.with_name(folder.name.removesuffix(PACKED)).resolve()
                yield Piece(
                    BROUGHT_BACK if back else MODEL,
                    folder.name,
                    folder,
                    bytes_under(folder),
                    card.seconds if card is not None and not back else None,
                    needed_by=of_plans.get(folder) or needed.get(model, ""),
                )

    def _open_questions(self, needed: dict[Path, str]) -> Iterator[Piece]:
        for folder in (self._home / "open-questions").glob("[!.]*"):
            if folder.is_dir():
                inside = (words for place, words in needed.items() if folder.resolve() in place.parents)
                yield Piece(OPEN_QUESTION, folder.name, folder, bytes_under(folder), needed_by=next(inside, ""))

    def _packed(self) -> Iterator[Piece]:
        for file in (self._home / "findings").glob("report-*.*"):
            yield Piece(ZIP, file.name, file, bytes_under(file))

    def _pins(self) -> Iterator[Piece]:
        deleted = self._findings.deleted()
        if deleted:
            size = sum(bytes_under(folder) for folder in deleted)
            yield Piece(PINS, f"deleted pins: {len(deleted)}", self._home / "findings", size, lost=True)

    def _texts(self) -> Iterator[Piece]:
        folder = self._home / "texts"
        count = len(list(folder.glob("*.json")))
        if count:
            yield Piece(TEXTS, f"texts kept for links: {count}", folder, bytes_under(folder), lost=True)
