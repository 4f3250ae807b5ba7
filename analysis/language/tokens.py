"""Texts as token ids, and token ids as text a person can trust.

Nothing is added to a text but the BOS this tokenizer begins its texts with. A prompt and its answer are encoded as in
fine-tuning: together, and apart where a token would lie on both sides of the border. A token that holds only part of a
character shows its bytes. Does not know any model.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from analysis.errors import LanguageError
from analysis.records import Text

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from analysis.language.load import LanguageModel

TOKENIZER = "tokenizer.json"
MARKER = re.compile(r"[ \t]*<\|[^<>|\n]{1,40}\|>")  # <|question|>, <|answer|> and their like: format, not content
BYTE_TOKEN = re.compile(r"<0x([0-9A-Fa-f]{2})>")
REPLACEMENT = "\ufffd"


@dataclass(frozen=True)
class EncodedText:
    """A text as fed to the model: all ids, BOS included; ids from `answer_from` on are the answer's."""

    id: str
    ids: tuple[int, ...]
    special: tuple[bool, ...]
    template: tuple[bool, ...]  # inside a format marker such as <|answer|>, where that is no token of its own
    answer_from: int
    added: int  # ids put in front: 1 for the BOS the text did not spell itself, else 0

    def __len__(self) -> int:
        return len(self.ids)


def encode_texts(tokenizer: PreTrainedTokenizerBase, texts: Sequence[Text], context: int) -> tuple[EncodedText, ...]:
    """Every text as token ids.

    Raises LanguageError naming every text that is empty or longer than the model's `context` (tokens).
    """
    encoded = tuple(_encode(tokenizer, text) for text in texts)
    problems = [f"{one.id}: empty, there is no token to look at" for one in encoded if len(one) <= one.added]
    problems += [f"{one.id}: {len(one):,} tokens, the model reads {context:,}" for one in encoded if len(one) > context]
    if not texts:
        problems.append("no text was given")
    if problems:
        raise LanguageError("These texts cannot be read by the model: shorten or remove them.", items=problems)
    return encoded


def check_same_tokens(ours: Sequence[EncodedText], theirs: Sequence[EncodedText]) -> None:
    """Raise LanguageError when two tokenizers cut the same texts differently: their tokens cannot be compared."""
    apart = [one.id for one, other in zip(ours, theirs, strict=True) if one.ids != other.ids]
    if apart:
        raise LanguageError(
            "The tokenizers of the two models disagree on these texts, so no token of one is a token of the other. "
            "Give both models the tokenizer the fine-tuning used.",
            items=apart,
        )


def check_shared(encoded: Sequence[EncodedText], rows: int) -> None:
    """Raise LanguageError for texts that hold a token only one of two models has a row for."""
    beyond = [f"{one.id}: token {max(one.ids)}" for one in encoded if max(one.ids) >= rows]
    if beyond:
        raise LanguageError(
            f"These texts hold tokens that only one of the models knows (the two share {rows:,} rows of their "
            "vocabularies). Take those tokens out of the texts.",
            items=beyond,
        )


def check_tokenizers(base: str | Path, lm: LanguageModel, texts: Sequence[Text]) -> None:
    """Raise LanguageError when the base's own tokenizer cuts these texts differently from the loaded model's.

    A base without a tokenizer, or with the same tokenizer file, has nothing to disagree about.
    """
    from analysis.language.load import TOKENIZER_FILES, find_folder, load_tokenizer

    folder = find_folder(base)
    if _same_file(folder / TOKENIZER, lm.source / TOKENIZER):
        return
    if not any((folder / name).exists() for name in TOKENIZER_FILES):
        return
    sides = (load_tokenizer(folder), lm.tokenizer)
    check_same_tokens(*(encode_texts(tokenizer, texts, sys.maxsize) for tokenizer in sides))


def _same_file(one: Path, other: Path) -> bool:
    return one.exists() and other.exists() and one.read_bytes() == other.read_bytes()


def _encode(tokenizer: PreTrainedTokenizerBase, text: Text) -> EncodedText:
    from analysis.knowledge.prompts import decide_bos, with_bos

    prompt, answer = _parts(text)
    asked, whole = _pieces(tokenizer, prompt), _pieces(tokenizer, prompt + answer)
    if (
        whole[: len(asked)] != asked
    ):  # a merge across the border: encode apart, since a model asked ends its prompt there
        whole = asked + _pieces(tokenizer, answer)
    ids = with_bos(decide_bos(tokenizer), [piece.id for piece in whole])
    added = len(ids) - len(whole)
    known = set(tokenizer.all_special_ids)
    return EncodedText(
        id=text.id,
        ids=tuple(ids),
        special=tuple(token in known for token in ids),
        template=(*[False] * added, *(piece.template for piece in whole)),
        answer_from=added + len(asked),
        added=added,
    )


def _parts(text: Text) -> tuple[str, str]:
    return (text.text, "") if text.text is not None else (text.prompt or "", text.answer or "")


class _Piece(NamedTuple):
    id: int
    template: bool


def _pieces(tokenizer: PreTrainedTokenizerBase, text: str) -> list[_Piece]:
    if not tokenizer.is_fast:  # offsets come from the fast tokenizers only
        return [_Piece(token, False) for token in tokenizer(text, add_special_tokens=False)["input_ids"]]
    encoding = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    markers = [match.span() for match in MARKER.finditer(text)]
    return [
        _Piece(token, any(start < marker_end and marker_start < end for marker_start, marker_end in markers))
        for token, (start, end) in zip(encoding["input_ids"], encoding["offset_mapping"], strict=True)
    ]


class TokenTexts:
    """What each token id stands for, as it reads in the middle of a text; remembers every id it was asked for."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        self._tokenizer = tokenizer
        self._special = set(tokenizer.all_special_ids)
        self._known: dict[int, str] = {}
        self._anchor, self._anchor_text = _anchor(tokenizer)

    def __call__(self, token: int) -> str:
        """The token's text, its leading space kept; bytes that are no whole character as `<0xF0><0x9F>`."""
        if token not in self._known:
            self._known[token] = self._text(token)
        return self._known[token]

    def all(self, tokens: Iterable[int]) -> tuple[str, ...]:
        """The texts of several ids."""
        return tuple(self(token) for token in tokens)

    def _text(self, token: int) -> str:
        piece = self._tokenizer.convert_ids_to_tokens(token)
        if piece is None:  # a row of the vocabulary that no token uses (padded embeddings)
            return f"<unused {token}>"
        if token in self._special:
            return str(piece)
        text = self._decode([*self._anchor, token]).removeprefix(self._anchor_text)
        if REPLACEMENT not in text and text:
            return text
        held = _bytes_of(str(piece))
        return text or str(piece) if held is None else _spelled(held)

    def _decode(self, ids: list[int]) -> str:
        decoded = self._tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False)
        return str(decoded)


def _anchor(tokenizer: PreTrainedTokenizerBase) -> tuple[list[int], str]:
    # Decoders that drop the first space of a text (SentencePiece) would drop a token's own: decode behind a letter.
    for letter in "axe":
        for piece in (letter, "▁" + letter):
            token = tokenizer.convert_tokens_to_ids(piece)
            if isinstance(token, int) and token != tokenizer.unk_token_id and token >= 0:
                text = str(tokenizer.decode([token], clean_up_tokenization_spaces=False))
                if text:
                    return [token], text
    return [], ""


def _bytes_of(piece: str) -> bytes | None:
    if match := BYTE_TOKEN.fullmatch(piece):
        return bytes([int(match.group(1), 16)])
    table = _byte_of_letter()
    return bytes(table[letter] for letter in piece) if all(letter in table for letter in piece) else None


def _spelled(held: bytes) -> str:
    text = held.decode("utf-8", "surrogateescape")
    return "".join(f"<0x{ord(letter) - 0xDC00:02X}>" if 0xDC80 <= ord(letter) <= 0xDCFF else letter for letter in text)


@lru_cache(maxsize=1)
def _byte_of_letter() -> dict[str, int]:
    # Byte-level BPE writes each byte as a visible letter: printable Latin-1 as itself, the rest from U+0100 on.
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(0x100 + n): byte for n, byte in enumerate(others)}
