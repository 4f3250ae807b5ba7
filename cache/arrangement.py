"""The order, sections and notes a person gave the pinned findings, as a value and the changes to it.

Knows ids only; cache.findings keeps it on disk.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

LONGEST_NOTE, LONGEST_SECTION, LONGEST_TITLE = 4000, 80, 120
TITLE = "Findings"


@dataclass(frozen=True)
class Place:
    """A finding's id with its section ("" is none) and note."""

    id: str
    section: str = ""
    note: str = ""
    deleted: float = 0.0  # seconds since the epoch, 0 while it stands
    was: int = 0  # where it stood among the findings when it was deleted


@dataclass(frozen=True)
class Arrangement:
    """Every pinned finding, each section's together, and those deleted, the last one last."""

    placed: tuple[Place, ...] = ()
    deleted: tuple[Place, ...] = ()
    title: str = TITLE

    def rename(self, title: str) -> Arrangement:
        """Under another title; an empty one is the usual."""
        return replace(self, title=" ".join(title.split())[:LONGEST_TITLE] or TITLE)

    def sections(self) -> tuple[str, ...]:
        """The sections' names in order."""
        return tuple(dict.fromkeys(place.section for place in self.placed))

    def add(self, finding: str, section: str, note: str) -> Arrangement:
        """With a finding at the end of its section; one that stands in this section already keeps its place."""
        new = Place(finding, _line(section), note.strip()[:LONGEST_NOTE])
        kept = tuple(place for place in self.deleted if place.id != finding)
        if any(place.id == finding and place.section == new.section for place in self.placed):
            placed = tuple(new if place.id == finding else place for place in self.placed)
        else:
            placed = _by_section((*(place for place in self.placed if place.id != finding), new))
        return replace(self, placed=placed, deleted=kept)

    def supersede(self, earlier: str, finding: str, now: float) -> Arrangement:
        """Without an earlier finding, whose place in their section this one takes; `undo` brings the earlier back."""
        held = {place.id: place for place in self.placed}
        if earlier == finding or earlier not in held or finding not in held:
            return self
        new, places = held[finding], list(self.placed)
        if new.section == held[earlier].section:
            places.remove(new)
            places.insert(places.index(held[earlier]), new)
        return replace(self, placed=tuple(places)).delete(earlier, now)

    def edit(self, finding: str, section: str | None, note: str | None) -> Arrangement:
        """With another section (the finding goes to its end) or note; None leaves it as it is."""
        old = next((place for place in self.placed if place.id == finding), None)
        if old is None:
            return self
        new = replace(old, note=old.note if note is None else note.strip()[:LONGEST_NOTE])
        if section is None or _line(section) == old.section:
            return replace(self, placed=tuple(new if place is old else place for place in self.placed))
        return self.add(finding, section, new.note)

    def move(self, finding: str, by: int) -> Arrangement:
        """With a finding one up (by = -1) or down (1); at the end of its section it goes to the next section."""
        places = list(self.placed)
        here = next((index for index, place in enumerate(places) if place.id == finding), None)
        if here is None or not 0 <= here + by < len(places):
            return self
        if places[here].section != places[here + by].section:
            places[here] = replace(places[here], section=places[here + by].section)
        else:
            places.insert(here + by, places.pop(here))
        return replace(self, placed=_by_section(tuple(places)))

    def move_section(self, section: str, by: int) -> Arrangement:
        """With a whole section before (by = -1) or behind (1) its neighbour."""
        names = list(self.sections())
        if section not in names or not 0 <= names.index(section) + by < len(names):
            return self
        names.insert(names.index(section) + by, names.pop(names.index(section)))
        return replace(self, placed=tuple(sorted(self.placed, key=lambda place: names.index(place.section))))

    def rename_section(self, section: str, name: str) -> Arrangement:
        """With a section under another name; the name of another section joins the two."""
        renamed = (replace(place, section=_line(name)) if place.section == section else place for place in self.placed)
        return replace(self, placed=_by_section(tuple(renamed)))

    def delete(self, finding: str, now: float) -> Arrangement:
        """Without a finding, which `undo` brings back; `now` in seconds since the epoch."""
        here = next((index for index, place in enumerate(self.placed) if place.id == finding), None)
        if here is None:
            return self
        gone = replace(self.placed[here], deleted=now, was=here)
        rest = self.placed[:here] + self.placed[here + 1 :]
        return replace(self, placed=rest, deleted=(*self.deleted, gone))

    def undo(self) -> Arrangement:
        """With the finding deleted last back where it stood."""
        if not self.deleted:
            return self
        last, places = self.deleted[-1], list(self.placed)
        places.insert(last.was, replace(last, deleted=0.0, was=0))
        return replace(self, placed=_by_section(tuple(places)), deleted=self.deleted[:-1])


def _by_section(places: tuple[Place, ...]) -> tuple[Place, ...]:
    """Each section's places together, sections in the order in which they first appear."""
    names = list(dict.fromkeys(place.section for place in places))
    return tuple(sorted(places, key=lambda place: names.index(place.section)))


def _line(text: str) -> str:
    return " ".join(text.split())[:LONGEST_SECTION]
