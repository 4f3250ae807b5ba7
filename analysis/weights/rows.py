"""Embeddings that grew: added tokens or padding make one side's embedding and head longer than the other's.

The shared rows can be compared where both tokenizers give those rows to the same tokens; the further rows stay as they
are in the tuned model. Reads tokenizer.json, no weights.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from analysis.records import Finding
from analysis.weights.checkpoint import Checkpoint
from analysis.weights.headers import TensorEntry
from analysis.weights.pairing import PairedTensor

_TOLD = 5  # disagreeing tokens named in a message


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


def _tokens(folder: Path) -> dict[int, str]:
    """Token by id; empty where there is no tokenizer.json that can be read."""
    try:
        held = json.loads((folder / "tokenizer.json").read_bytes())
        vocabulary = held["model"]["vocab"]
        listed = vocabulary.items() if isinstance(vocabulary, dict) else ((t[0], i) for i, t in enumerate(vocabulary))
        tokens = {int(i): str(token) for token, i in listed}
        return tokens | {int(added["id"]): str(added["content"]) for added in held.get("added_tokens", [])}
    except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError):
        return {}
