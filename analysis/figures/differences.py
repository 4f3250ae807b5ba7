"""What changed from one answer to another, word by word, ready to be shown: hostile text stays text.

The longest matching blocks of words are those of difflib (Ratcliff and Obershelp). Knows no record.
"""

import re
from dataclasses import dataclass
from difflib import SequenceMatcher
from html import escape
from typing import Literal

from analysis.figures.visible import legible

Kind = Literal["same", "gone", "new"]
LONGEST = 2_000  # words compared; what follows counts as one piece
_WORDS = re.compile(r"\s*(?:\w+|[^\w\s])|\s+")  # a word brings the white space before it
_TAGS = {"same": "span", "gone": "del", "new": "ins"}


@dataclass(frozen=True)
class Piece:
    """A stretch of text that stayed, went or came."""

    kind: Kind
    text: str


def word_diff(before: str, after: str) -> tuple[Piece, ...]:
    """The pieces of both texts in order: those `same` and `gone` make up `before`, those `same` and `new` `after`.

    White space before a word is no difference; a piece that stayed is written as in `after`.
    """
    old, new = _split(before), _split(after)
    words = [word.strip() for word in old], [word.strip() for word in new]
    pieces: list[Piece] = []
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, *words, autojunk=False).get_opcodes():
        if tag == "equal":
            pieces.append(Piece("same", "".join(new[j1:j2])))
            continue
        pieces += [Piece("gone", "".join(old[i1:i2]))] if i2 > i1 else []
        pieces += [Piece("new", "".join(new[j1:j2]))] if j2 > j1 else []
    return tuple(pieces)


def diff_html(before: str, after: str) -> str:
    """The pieces as `<span>`, `<del>` and `<ins>`, their text escaped and what is unseen marked; no attribute."""
    pieces = (
        f"<{_TAGS[piece.kind]}>{escape(legible(piece.text))}</{_TAGS[piece.kind]}>" for piece in _seen(before, after)
    )
    return "".join(pieces)


def _seen(before: str, after: str) -> tuple[Piece, ...]:
    return word_diff(before, after) or (Piece("same", "both empty"),)


def _split(text: str) -> list[str]:
    words = _WORDS.findall(text)
    return words[:LONGEST] + (["".join(words[LONGEST:])] if len(words) > LONGEST else [])
