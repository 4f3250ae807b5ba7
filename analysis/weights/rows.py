"""Embeddings that grew: added tokens or padding make one side's embedding and head longer than the other's.

The shared rows can be compared where both tokenizers give those rows to the same tokens; the further rows stay as they
are in the tuned model. Rows in equal number may still mean other tokens (padding put to use, reserved tokens renamed):
that is told. Reads tokenizer.json, no weights.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from analysis.records import Finding
from analysis.weights.checkpoint import Checkpoint
from analysis.weights.headers import TensorEntry
from analysis.weights.pairing import PairedTensor

_TOLD = 5  # disagreeing tokens named in a message
_LARGEST_BYTES = 1 << 28


class _Added(msgspec.Struct):
    id: int
    content: str


class _Model(msgspec.Struct):
    vocab: dict[str, int] | list[tuple[str, float]]


class _Tokenizer(msgspec.Struct):
    """What is needed of tokenizer.json; the merges are skipped unread."""

    model: _Model
    added_tokens: list[_Added] = []


@dataclass(frozen=True)
class SharedRows:
    """The tensors with grown ones cut to their shared rows, and what to say about it."""

    tensors: tuple[PairedTensor, ...]
    findings: tuple[Finding, ...]


def share_rows(base: Checkpoint, tuned: Checkpoint, tensors: Sequence[PairedTensor]) -> SharedRows:
    """Cut embeddings and heads that differ in their number of rows only; all else is left for the shape check."""
    grown = [tensor for tensor in tensors if _only_rows_differ(tensor)]
    if not grown:
        return SharedRows(tuple(tensors), ())
    rows = min(min(t.base.shape[0], t.tuned.shape[0]) for t in grown)
    reason = _disagreement(base, tuned, rows)
    if reason:
        told = tuple(f"{t.name} {list(t.base.shape)} against {list(t.tuned.shape)}" for t in grown)
        message = f"the vocabularies differ in size and their shared rows cannot be compared: {reason}"
        return SharedRows(tuple(t for t in tensors if t not in grown), (Finding("error", "vocabulary", message, told),))
    cut = tuple(_cut(tensor) if tensor in grown else tensor for tensor in tensors)
    message = "the vocabularies differ in size: the shared rows are compared, further rows stay fine-tuned"
    return SharedRows(cut, (Finding("warning", "extra-rows", message, tuple(t.name for t in grown)),))


def _only_rows_differ(tensor: PairedTensor) -> bool:
    base, tuned = tensor.base.shape, tensor.tuned.shape
    vocabulary = tensor.place.layer is None and tensor.place.module in ("embed", "head")
    return vocabulary and base != tuned and len(base) == len(tuned) and base[1:] == tuned[1:]


def _cut(tensor: PairedTensor) -> PairedTensor:
    rows = min(tensor.base.shape[0], tensor.tuned.shape[0])
    return replace(tensor, base=_first_rows(tensor.base, rows), tuned=_first_rows(tensor.tuned, rows))


def _first_rows(entry: TensorEntry, rows: int) -> TensorEntry:
    return replace(entry, shape=(rows, *entry.shape[1:]), nbytes=entry.nbytes // entry.shape[0] * rows)


def _disagreement(base: Checkpoint, tuned: Checkpoint, rows: int) -> str:
    """Why the first rows do not mean the same tokens on both sides; empty where they do."""
    vocabularies = _tokens(base.folder), _tokens(tuned.folder)
    if not all(vocabularies):
        return "put tokenizer.json beside both models, so that it can be seen which tokens the rows belong to"
    differing = [
        f"{i} is {vocabularies[0].get(i)!r} in base, {vocabularies[1].get(i)!r} in tuned"
        for i in sorted(set(vocabularies[0]) | set(vocabularies[1]))
        if i < rows and vocabularies[0].get(i) != vocabularies[1].get(i) and i in vocabularies[0]
    ]
    return f"{len(differing)} tokens differ ({'; '.join(differing[:_TOLD])})" if differing else ""


def other_tokens(base: Checkpoint, tuned: Checkpoint, tensors: Sequence[PairedTensor]) -> tuple[Finding, ...]:
    """A warning where embeddings of equal size hold rows that stand for other tokens in tuned than in base."""
    embeddings = [t for t in tensors if t.place.module == "embed" and len(t.tuned.shape) == 2]
    rows = max((t.elements // t.tuned.shape[-1] for t in embeddings), default=0)
    files = base.folder / "tokenizer.json", tuned.folder / "tokenizer.json"
    if not rows or _same_bytes(*files):
        return ()
    first, second = _tokens(base.folder), _tokens(tuned.folder)
    differing = sorted(i for i, token in second.items() if i < rows and first.get(i) != token)
    if not differing or not first:
        return ()
    told = tuple(f"{i} is {first.get(i)!r} in base, {second[i]!r} in tuned" for i in differing[:_TOLD])
    message = (
        f"{len(differing)} rows of the embedding stand for other tokens in tuned than in base: they are compared as "
        "they lie, which says nothing about them (region transformer leaves embeddings out)"
    )
    return (Finding("warning", "other-tokens", message, told),)


def _same_bytes(first: Path, second: Path) -> bool:
    try:
        sizes = first.stat().st_size, second.stat().st_size
        return sizes[0] == sizes[1] <= _LARGEST_BYTES and first.read_bytes() == second.read_bytes()
    except OSError:
        return False


def _tokens(folder: Path) -> dict[int, str]:
    """Token by id; empty where there is no tokenizer.json that can be read."""
    file = folder / "tokenizer.json"
    try:
        if not file.is_file() or file.stat().st_size > _LARGEST_BYTES:
            return {}
        held = msgspec.json.decode(file.read_bytes(), type=_Tokenizer)
    except (OSError, ValueError, RecursionError):  # msgspec's own errors are ValueErrors
        return {}
    vocabulary = held.model.vocab
    if isinstance(vocabulary, dict):
        tokens = {number: token for token, number in vocabulary.items()}
    else:
        tokens = {number: piece for number, (piece, _) in enumerate(vocabulary)}
    return tokens | {added.id: added.content for added in held.added_tokens}
