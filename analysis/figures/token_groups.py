"""Tokens joined to words and sentences. A group's value is the mean over its counted tokens.

A word begins where a token begins or follows white space, at punctuation, at a character of a script written without
spaces, and where prompt, answer or a format marker begins. A sentence ends behind . ! ? … or a line's end, before white
space; abbreviations are not known ("St. Petersburg" is cut). Knows token text only, no model.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

from analysis.figures.token_columns import TokenColumns
from analysis.records import TokenDivergence

if TYPE_CHECKING:
    from numpy.typing import NDArray

Grain = Literal["token", "word", "sentence"]
ENDS = (".", "!", "?", "…", "。", "！", "？", "\n")
CLOSERS = "\"'”’»)]"
WITHOUT_SPACES = ("CJK", "HIRAGANA", "KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR")
APOSTROPHES = "'’"


def grouped(columns: TokenColumns, grain: Grain) -> NDArray[np.int64]:
    """For every token the row of the first token of its group; a token alone is its own group."""
    rows = np.arange(len(columns))
    if grain == "token":
        return rows
    begins = _word_begins if grain == "word" else _sentence_begins
    first = np.concatenate([begins(prompt.tokens) for prompt in columns.report.prompts] or [np.zeros(0, bool)])
    return np.maximum.accumulate(np.where(first, rows, 0)) if len(rows) else rows


def group_means(columns: TokenColumns, groups: NDArray[np.int64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Every token's group mean over the counted tokens in it; NaN where a group has none."""
    members = columns.counted & ~np.isnan(values)
    sums = np.bincount(groups, np.where(members, values, 0.0), minlength=len(groups))
    sizes = np.bincount(groups, members, minlength=len(groups))
    means = np.full(len(sums), math.nan)
    np.divide(sums, sizes, out=means, where=sizes > 0)
    return means[groups]


def _word_begins(tokens: Sequence[TokenDivergence]) -> NDArray[np.bool_]:
    pairs = zip([None, *tokens[:-1]], tokens, strict=True)
    return np.array([before is None or _parted(before, token) for before, token in pairs], bool)


def _parted(before: TokenDivergence, token: TokenDivergence) -> bool:
    left, right = before.text[-1:], token.text[:1]
    if _borders(before, token) or right.isspace() or left.isspace() or not left or not right:
        return True
    if before.text.endswith(">") and "<0x" in before.text and "<0x" in token.text:
        return False  # bytes of one character
    return _kind(left) != _kind(right) or _stands_alone(right)


def _borders(before: TokenDivergence, token: TokenDivergence) -> bool:
    """Whether format markers or the border of prompt and answer lie between two tokens."""
    return (before.part, before.special, before.template) != (token.part, token.special, token.template)


def _kind(letter: str) -> str:
    return "word" if letter.isalnum() or unicodedata.combining(letter) or letter in APOSTROPHES else "mark"


def _stands_alone(letter: str) -> bool:
    return ord(letter) > 0x0E00 and unicodedata.name(letter, "").startswith(WITHOUT_SPACES)


def _sentence_begins(tokens: Sequence[TokenDivergence]) -> NDArray[np.bool_]:
    begins, ended = np.zeros(len(tokens), bool), False
    for at, token in enumerate(tokens):
        rest = token.text.rstrip(" \t" + CLOSERS)
        opens = ended and bool(token.text.strip()) and _opens(tokens[at - 1].text, token.text)
        begins[at] = at == 0 or opens or _borders(tokens[at - 1], token)
        ended = rest.endswith(ENDS) or (ended and not rest)
    return begins


def _opens(before: str, text: str) -> bool:
    """Whether a sentence that has ended is over: white space follows, or the mark is one that needs none."""
    return text[:1].isspace() or before[-1:].isspace() or before.rstrip(CLOSERS).endswith(("。", "！", "？"))
