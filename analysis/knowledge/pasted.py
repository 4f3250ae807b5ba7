"""Texts pasted by a person: a prompt a line, or JSON lines as a file would hold them. Knows no model."""

from __future__ import annotations

from analysis.knowledge.texts import parse_texts
from analysis.records import Text

NAME = "The pasted text"


def pasted_texts(pasted: str) -> tuple[Text, ...]:
    """One text a line, blank lines left out, named by their line; JSON lines where the first line begins with {.

    Raises LanguageError naming every line of JSON that is not usable.
    """
    if pasted.lstrip().startswith("{"):
        return parse_texts(pasted.encode("utf-8", "replace"), NAME)
    lines = enumerate(pasted.splitlines(), 1)
    return tuple(Text(f"line {number}", text=line.strip()) for number, line in lines if line.strip())
