"""Collects what is wrong with a question file: the first offenders by name, all of them by number."""

from __future__ import annotations

from pathlib import Path

from analysis.errors import QuestionError

ITEMS_SHOWN = 20


class Problems:
    """What was found wrong with one file so far; however many there are, only a few are held."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._shown: list[str] = []
        self.count = 0

    def add(self, where: str, problem: str) -> None:
        """One more problem, at this place in the file."""
        self.count += 1
        if len(self._shown) < ITEMS_SHOWN:
            self._shown.append(f"{where}: {problem}")

    def refuse(self) -> QuestionError:
        """The error that names them."""
        more = self.count - len(self._shown)
        items = [*self._shown, *([f"and {more:,} more"] if more else [])]
        return QuestionError(
            f"{self._path} cannot be used as questions: {self.count:,} problem{'s' if self.count > 1 else ''}.",
            items=items,
        )


def damaged(path: Path, reason: object) -> QuestionError:
    """The error for a compressed file that cannot be unpacked."""
    return QuestionError(f"{path} is a damaged compressed file ({reason}): fetch it again.")
