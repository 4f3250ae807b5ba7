"""One of several equal parts of a longer work, seen as a Progress of its own."""

from dataclasses import dataclass

from analysis.records import Progress


@dataclass(frozen=True)
class Part:
    """Part `number` (from 0) of `parts` of a whole work; its own notes stand behind `note`."""

    whole: Progress
    number: int
    parts: int
    note: str = ""

    def report(self, done: float, total: float, note: str = "", partial: object = None) -> None:
        """Pass on, scaled to this part."""
        share = done / total if total else 0.0
        words = ": ".join(text for text in (self.note, note) if text)
        self.whole.report(self.number + share, self.parts, words, partial)

    def cancelled(self) -> bool:
        """Whether the whole is cancelled."""
        return self.whole.cancelled()
