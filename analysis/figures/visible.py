"""Token text made visible: what has no glyph, or would act on the page around it, is shown as a mark.

A space is a middle dot, a newline an arrow (and still breaks the line), a tab an arrow to a bar; control characters
are their ASCII names; format characters (bidirectional overrides, joiners, byte-order marks), lone surrogates
and unassigned code points are U+XXXX; bytes that are no whole character are hexadecimal. Knows no record.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from itertools import groupby

NEWLINE_MARK = "↵\n"
CONTROLS = (
    *("NUL", "SOH", "STX", "ETX", "EOT", "ENQ", "ACK", "BEL", "BS", "HT", "LF", "VT", "FF", "CR", "SO", "SI"),
    *("DLE", "DC1", "DC2", "DC3", "DC4", "NAK", "SYN", "ETB", "CAN", "EM", "SUB", "ESC", "FS", "GS", "RS", "US"),
)
MARKS = {" ": "·", "\n": NEWLINE_MARK, "\t": "⇥", "\x7f": "DEL"}
SPELLED = ("Cc", "Cf", "Zs", "Zl", "Zp", "Cs", "Co", "Cn")  # Unicode categories without a glyph of their own
BYTES = re.compile(r"((?:<0x[0-9A-F]{2}>)+)")
DOTTED_CIRCLE = "\u25cc"


@lru_cache(maxsize=2**16)
def visible(text: str) -> tuple[str, ...]:
    """The text in pieces: even ones to be shown as they are, odd ones marks that stand for something unseen.

    "" comes out as ("", "∅"), so that every token has something to point at.
    """
    letters = [piece for part in BYTES.split(text) for piece in _letters(part)]
    pieces: list[str] = []
    for is_mark, run in groupby(letters, key=lambda letter: letter[0]):
        if is_mark and not pieces:
            pieces.append("")
        pieces.append("".join(piece for _, piece in run))
    if pieces and unicodedata.combining(pieces[0][:1] or " "):
        pieces[0] = DOTTED_CIRCLE + pieces[0]
    return tuple(pieces) or ("", "∅")


def spoken(text: str) -> str:
    """The visible form in one line, for tables and labels."""
    return "".join(visible(text)).replace("\n", "")


def legible(text: str) -> str:
    """One line to be read: ordinary spaces stay, all else unseen is marked."""
    pieces = visible(text) if text else ()
    parts = (piece.replace(MARKS[" "], " ") if place % 2 else piece for place, piece in enumerate(pieces))
    return "".join(parts).replace("\n", "")


def prompt_tokens(tokens: Sequence[str], ids: Sequence[int]) -> str:
    """Tokens with their ids in one line: '<s>:1 Who:5'."""
    return " ".join(f"{spoken(token)}:{number}" for token, number in zip(tokens, ids, strict=True))


def _letters(part: str) -> list[tuple[bool, str]]:
    if BYTES.fullmatch(part):
        return [(True, " ".join(part[at + 3 : at + 5] for at in range(0, len(part), 6)))]
    return [_mark(letter) for letter in part]


def _mark(letter: str) -> tuple[bool, str]:
    if letter in MARKS:
        return True, MARKS[letter]
    if ord(letter) < 0x20:
        return True, CONTROLS[ord(letter)]
    if unicodedata.category(letter) in SPELLED:
        return True, f"U+{ord(letter):04X}"
    return False, letter
