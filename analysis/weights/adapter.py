"""A PEFT LoRA adapter as the tuned side: W = p + scale * B A, made row by row while streaming, never merged on disk.

scale = alpha / r, or alpha / sqrt(r) with rsLoRA (arXiv 2312.03732), per module where patterns say so. The sum is made
in float32 in a fixed order and rounded once to the base's dtype. Reads the adapter's config and headers only; the base
gives names, shapes and files. DoRA and other methods are refused by name.
"""

import json
import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from analysis.errors import CheckpointError
from analysis.weights.checkpoint import ADAPTER_CONFIG, INDEX, RANKED_DTYPES, Checkpoint
from analysis.weights.headers import ShardFile, TensorEntry, read_header
from analysis.weights.lowrank import AdaptedEntry, LowRank
from analysis.weights.names import bare

_PART = re.compile(r"^(?P<module>.+)\.lora_(?P<side>embedding_A|embedding_B|A|B)(\.weight)?$")


def is_adapter(path: Path) -> bool:
    """Whether a folder holds a PEFT adapter and no model of its own."""
    whole = (path / "model.safetensors").exists() or (path / INDEX).exists()
    return (path / ADAPTER_CONFIG).is_file() and not whole


def open_adapter(path: Path, base: Checkpoint) -> Checkpoint:
    """The base with the adapter's updates as a checkpoint of the base's names, shapes, dtypes and files.

    Raises CheckpointError with every reason why it cannot be one.
    """
    config, problems = _read_config(path)
    shard, found = read_header(path / "adapter_model.safetensors")
    problems += found
    if shard is None or problems:
        raise CheckpointError(f"{path} cannot be read as an adapter.", items=problems)
    changes, found = _changes(shard, base)
    problems += found
    entries = dict(base.tensors)
    for name, change in changes.items():
        adapted = _adapted(base.tensors[name], name, change, config)
        if isinstance(adapted, str):
            problems.append(adapted)
        else:
            entries[name] = adapted
    if problems:
        raise CheckpointError(f"{path} does not fit its base.", items=problems)
    return Checkpoint(path, entries, base.buffers, _files(base, shard, entries), base.config)


def _changes(adapter: ShardFile, base: Checkpoint) -> tuple[dict[str, dict[str, TensorEntry]], list[str]]:
    """What the adapter holds for each of the base's tensors: the two matrices, or the `whole` tensor."""
    by_name = {bare(name): name for name in base.tensors}
    changes: dict[str, dict[str, TensorEntry]] = {}
    problems = []
    for entry in adapter.tensors:
        name = bare(entry.stored_name)
        part = _PART.match(name)
        target = f"{part['module']}.weight" if part else name.replace(".base_layer.", ".")
        if target in by_name:
            changes.setdefault(by_name[target], {})[part["side"] if part else "whole"] = entry
        else:
            problems.append(f"{entry.stored_name} changes a tensor that base does not hold")
    return changes, problems


def _read_config(path: Path) -> tuple[dict[str, Any], list[str]]:
    try:
        config = json.loads((path / ADAPTER_CONFIG).read_bytes())
    except (ValueError, OSError, RecursionError):
        return {}, [f"{ADAPTER_CONFIG} is not valid JSON"]
    if not isinstance(config, dict) or config.get("peft_type") != "LORA":
        kind = config.get("peft_type") if isinstance(config, dict) else None
        return {}, [f"is a {kind} adapter; only LoRA is a low-rank sum: merge it with PEFT and give the merged folder"]
    if config.get("use_dora"):
        return {}, ["uses DoRA, which rescales whole columns: merge it with PEFT and give the merged folder"]
    return config, []


def _adapted(base: TensorEntry, name: str, change: dict[str, TensorEntry], config: dict[str, Any]) -> TensorEntry | str:
    whole = change.get("whole")
    if whole is not None and (whole.shape != base.shape or whole.dtype not in RANKED_DTYPES):
        return f"{name} is {list(base.shape)} in base, {list(whole.shape)} {whole.dtype} in the adapter"
    if set(change) == {"whole"}:
        return _at_place(base, whole=whole)
    embedding = "embedding_A" in change
    a, b = (change.get(f"embedding_{side}" if embedding else side) for side in "AB")
    if a is None or b is None:
        return f"{name} has only one of its two low-rank matrices"
    if any(entry.dtype not in RANKED_DTYPES or len(entry.shape) != 2 for entry in (a, b)):
        return f"{name}: its low-rank matrices are not matrices of floats"
    rank = a.shape[0]
    flipped = embedding or bool(config.get("fan_in_fan_out"))  # the stored weight is then (columns of BA, rows of BA)
    rows, columns = (a.shape[1], b.shape[0]) if flipped else (b.shape[0], a.shape[1])
    if base.shape != (rows, columns) or b.shape[1] != rank:
        return f"{name} is {list(base.shape)} in base, the adapter's product is {[rows, columns]} of rank {rank}"
    try:
        scale = _scale(bare(name).removesuffix(".weight"), rank, config)
    except (re.error, TypeError, ValueError, AttributeError):
        return f"{name}: lora_alpha or alpha_pattern of {ADAPTER_CONFIG} cannot be understood"
    left, right = (b, a) if not flipped else (a, b)
    return _at_place(base, update=LowRank(a=right, b=left, transposed=flipped, scale=scale), whole=whole)


def _at_place(base: TensorEntry, **how: Any) -> AdaptedEntry:
    return AdaptedEntry(base.stored_name, base.file, base.offset, base.nbytes, base.dtype, base.shape, **how)


def _scale(module: str, rank: int, config: dict[str, Any]) -> float:
    patterns = config.get("alpha_pattern") or {}
    found = next((alpha for key, alpha in patterns.items() if re.match(rf"(.*\.)?({key})$", module)), None)
    alpha = float(config.get("lora_alpha", rank) if found is None else found)
    return alpha / math.sqrt(rank) if config.get("use_rslora") else alpha / rank


def _files(base: Checkpoint, adapter: ShardFile, entries: dict[str, TensorEntry]) -> tuple[ShardFile, ...]:
    """The base's files with the adapted tensors in their places, identified by both."""
    by_place = {(old.file, old.stored_name): entries[name] for name, old in base.tensors.items()}
    return tuple(
        replace(
            shard,
            fingerprint=f"{shard.fingerprint}+{adapter.fingerprint}",
            tensors=tuple(by_place.get((shard.path, entry.stored_name), entry) for entry in shard.tensors),
        )
        for shard in base.files
    )
