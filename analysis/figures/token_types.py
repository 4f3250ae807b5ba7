"""What kind of token it is: entity, function word, other word, punctuation, format. By its look; no tagger, no model.

A word is an entity where it begins with a capital or a digit and is no English function word: names, places, years. So
a capital at the start of a sentence counts as one, and languages without capitals have none. Format is what only lays
out a text: special tokens, markers such as <|answer|>, white space. A token takes its word's kind; an expected token
that continues a word is judged together with what stands of it.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from analysis.figures.token_columns import SPECIAL, TEMPLATE, TokenColumns
from analysis.figures.token_groups import grouped

if TYPE_CHECKING:
    from numpy.typing import NDArray

KINDS = ("entity", "function word", "other word", "punctuation", "format")
MARKER = re.compile(r"<\|.*\|?>?|</?[A-Za-z_0-9]+>|\[[A-Z]+\]|<unused \d+>")
_LISTED = """
    a about above after again against all am an and any are as at be because been before being below between both
    but by can could did do does doing down during each few for from further had has have having he her here hers him
    his how i if in into is it its just me more most my no nor not of off on once only or other our ours out over own
    same she should so some such than that the their theirs them then there these they this those through to too under
    until up very was we were what when where which while who whom whose why will with would you your yours"""
FUNCTION_WORDS = frozenset(_LISTED.split())


@lru_cache(maxsize=2**16)
def kind_of(word: str) -> str:
    """The kind of a word, given whole or as far as it stands."""
    bare = word.strip()
    if "<0x" in bare:
        return "other word"  # bytes of a letter the tokenizer cut
    if not bare or MARKER.fullmatch(bare):
        return "format"
    if not any(letter.isalnum() for letter in bare):
        return "punctuation"
    if bare.lower() in FUNCTION_WORDS:
        return "function word"
    first = next(letter for letter in bare if letter.isalnum())
    return "entity" if first.isupper() or first.isdigit() else "other word"


def kinds(columns: TokenColumns) -> NDArray[np.int8]:
    """The place in KINDS of every token, by the word it is part of."""
    groups = grouped(columns, "word")
    words: dict[int, str] = {}
    for group, token in zip(groups, columns.tokens, strict=True):
        words[group] = words.get(group, "") + token.text
    hidden = (columns.flags & (SPECIAL | TEMPLATE)) > 0
    numbers = {name: number for number, name in enumerate(KINDS)}
    found = [numbers["format" if cut else kind_of(words[group])] for group, cut in zip(groups, hidden, strict=True)]
    return np.array(found, np.int8)


def words_begun(columns: TokenColumns, rows: NDArray[np.int64]) -> list[str]:
    """What of a word stands before each of these rows: '' where none has begun, or a format marker ends there."""
    groups, hidden = grouped(columns, "word"), (columns.flags & (SPECIAL | TEMPLATE)) > 0
    starts = set(columns.starts.tolist())
    begun = []
    for row in rows.tolist():
        if row in starts or hidden[row - 1]:
            begun.append("")
            continue
        parts = [token.text for token in columns.tokens[int(groups[row - 1]) : row]]
        begun.append("".join(parts))
    return begun


def expected_kind(begun: str, text: str) -> str:
    """The kind of an expected token behind a word begun."""
    continues = bool(begun) and not begun[-1:].isspace() and bool(text) and begun[-1].isalnum() and text[0].isalnum()
    return kind_of(begun + text if continues else text)
