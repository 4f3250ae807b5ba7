"""A PEFT LoRA adapter as the tuned side: W = p + scale * B A, made row by row while streaming, never merged on disk.

scale = alpha / r, or alpha / sqrt(r) with rsLoRA (arXiv 2312.03732), per module where patterns say so. The sum is made
in float32 in a fixed order and rounded once to the base's dtype. Reads the adapter's config and headers only; the base
gives names, shapes and files. DoRA and whatever else is no such sum, or changes the base on loading, is refused by
name.
"""

import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import xxhash

from analysis.errors import CheckpointError
from analysis.weights.checkpoint import ADAPTER_CONFIG, INDEX, RANKED_DTYPES, Checkpoint
from analysis.weights.headers import ShardFile, TensorEntry, read_header
from analysis.weights.json_files import read_table
from analysis.weights.lowrank import AdaptedEntry, LowRank
from analysis.weights.names import bare

_PART = re.compile(r"^(?P<module>.+)\.lora_(?P<side>embedding_A|embedding_B|A|B)(\.weight)?$")


_MERGE = "merge it with PEFT (merge_and_unload, save_pretrained) and give the merged folder"
_NO_PLAIN_SUM = {
    "use_dora": "DoRA, which rescales whole columns",
    "use_qalora": "QALoRA, which pools its inputs",
    "use_bdlora": "block-diagonal LoRA",
    "lora_bias": "biases inside LoRA",
    "alora_invocation_tokens": "activated LoRA, which changes some positions of a text only",
    "layer_replication": "layer replication, which adds layers",
    "trainable_token_indices": "single trained tokens",
    "target_parameters": "updates of bare parameters",
    **{f"{kind}_config": f"the {kind} variant" for kind in ("arrow", "kasa", "monteclora", "velora")},
}
_BASE_UNTOUCHED = ("gaussian", "eva", "orthogonal")  # initialisations that leave the base's own weights alone
# GPT-2's Conv1D stores weights transposed; PEFT goes by the layer's class, whatever fan_in_fan_out was saved as.
_CONV1D_MODELS = ("gpt2", "openai-gpt", "imagegpt", "decision_transformer")
_CONV1D_LAYERS = ("c_attn", "q_attn", "c_proj", "c_fc")
_REPEATED_GROUP = re.compile(r"\)\s*[*+{?]")
_MOST_REPETITIONS = 3


def is_adapter(path: Path) -> bool:
    """Whether a folder holds a PEFT adapter and no model of its own."""
    whole = (path / "model.safetensors").exists() or (path / INDEX).exists()
    return (path / ADAPTER_CONFIG).exists() and not whole


def open_adapter(path: Path, base: Checkpoint | None) -> Checkpoint:
    """The base with the adapter's updates as a checkpoint of the base's names, shapes, dtypes and files.

    Raises CheckpointError with every reason why it cannot be one; without a base, those that lie in the adapter alone.
    """
    config, problems = _read_config(path)
    shard, found = _read_weights(path)
    problems += found
    if shard is None or problems:
        raise CheckpointError(f"{path} cannot be read as an adapter.", items=problems)
    if base is None:
        raise CheckpointError(f"{path} is an adapter, which only a readable base completes.", code="no-base")
    changes, problems = _changes(shard, base)
    entries = dict(base.tensors)
    for name, change in changes.items():
        adapted = _adapted(base, name, change, config)
        if isinstance(adapted, str):
            problems.append(adapted)
        else:
            entries[name] = adapted
    if problems:
        raise CheckpointError(
            f"{path} does not fit its base.", items=[*problems, f"If it is the right base, {_MERGE}."]
        )
    return Checkpoint(path, entries, base.buffers, _files(base, shard, entries), base.config)


def _read_weights(path: Path) -> tuple[ShardFile | None, list[str]]:
    file = path / "adapter_model.safetensors"
    if not file.exists() and (path / "adapter_model.bin").exists():
        way_out = "load it once with PEFT where you trust it and call save_pretrained(folder), which writes safetensors"
        return None, [
            f"adapter_model.bin is a pickle, which can run code when opened and is never loaded here; {way_out}"
        ]
    return read_header(file)


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
    config, problem = read_table(path / ADAPTER_CONFIG)
    if problem:
        return {}, [problem]
    if config.get("peft_type") != "LORA":
        kind = str(config.get("peft_type"))[:40]
        return config, [f"is a {kind} adapter; only LoRA is a low-rank sum: {_MERGE}"]
    problems = [f"uses {what}: {_MERGE}" for setting, what in _NO_PLAIN_SUM.items() if config.get(setting)]
    start = config.get("init_lora_weights", True)
    if isinstance(start, str) and start.lower() not in (*_BASE_UNTOUCHED, "true", "false"):
        problems.append(f"was initialised by {start[:40]}, which changes the base's own weights too: {_MERGE}")
    return config, problems


def _adapted(model: Checkpoint, name: str, change: dict[str, TensorEntry], config: dict[str, Any]) -> TensorEntry | str:
    base = model.tensors[name]
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
    flipped = embedding or _is_transposed(name, model, config)  # the stored weight is then (columns of BA, rows of BA)
    rows, columns = (a.shape[1], b.shape[0]) if flipped else (b.shape[0], a.shape[1])
    if base.shape != (rows, columns) or b.shape[1] != rank:
        return f"{name} is {list(base.shape)} in base, the adapter's product is {[rows, columns]} of rank {rank}"
    try:
        scale = _scale(bare(name).removesuffix(".weight"), rank, config)
    except (re.error, TypeError, ValueError, AttributeError, OverflowError):
        return f"{name}: lora_alpha or alpha_pattern of {ADAPTER_CONFIG} cannot be understood"
    left, right = (b, a) if not flipped else (a, b)
    return _at_place(base, update=LowRank(a=right, b=left, transposed=flipped, scale=scale), whole=whole)


def _is_transposed(name: str, model: Checkpoint, config: dict[str, Any]) -> bool:
    kind = model.config.get("model_type")
    if kind is None:
        return bool(config.get("fan_in_fan_out"))
    return kind in _CONV1D_MODELS and name.split(".")[-2] in _CONV1D_LAYERS


def _at_place(base: TensorEntry, **how: Any) -> AdaptedEntry:
    return AdaptedEntry(base.stored_name, base.file, base.offset, base.nbytes, base.dtype, base.shape, **how)


def _scale(module: str, rank: int, config: dict[str, Any]) -> float:
    patterns = config.get("alpha_pattern") or {}
    found = next((alpha for key, alpha in patterns.items() if _names(key, module)), None)
    alpha = float(config.get("lora_alpha", rank) if found is None else found)
    if not math.isfinite(alpha):
        raise ValueError("no finite scale")
    return alpha / math.sqrt(rank) if config.get("use_rslora") else alpha / rank


def _names(pattern: str, module: str) -> bool:
    """Whether PEFT takes the pattern for this module; patterns that could match for ages are refused (ValueError)."""
    if _REPEATED_GROUP.search(pattern) or len(re.findall(r"[*+{]", pattern)) > _MOST_REPETITIONS:
        raise ValueError("a pattern with repeated groups, or many repetitions")
    return re.match(rf"(.*\.)?({pattern})$", module) is not None


def _files(base: Checkpoint, adapter: ShardFile, entries: dict[str, TensorEntry]) -> tuple[ShardFile, ...]:
    """The base's files with the adapted tensors in their places, identified by both and by the scales."""
    by_place = {(old.file, old.stored_name): entries[name] for name, old in base.tensors.items()}
    updates = [
        (name, entry.update.scale, entry.update.transposed)
        for name, entry in sorted(entries.items())
        if isinstance(entry, AdaptedEntry) and entry.update is not None
    ]
    scales = xxhash.xxh3_128_hexdigest(repr(updates).encode())
    return tuple(
        replace(
            shard,
            fingerprint=f"{shard.fingerprint}+{adapter.fingerprint}+{scales}",
            tensors=tuple(by_place.get((shard.path, entry.stored_name), entry) for entry in shard.tensors),
        )
        for shard in base.files
    )
