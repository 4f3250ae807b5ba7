"""A checkpoint as its headers describe it: every tensor's file, offset, dtype and shape, and the model's config.

Reads headers only, never a weight, and never unpickles anything. Knows a folder of safetensors (single file, shards
with or without an index), a single .safetensors file and a Hugging Face id. Does not know what a pair is.
"""

import os
import re
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from analysis.errors import CheckpointError
from analysis.weights.formats import quantised
from analysis.weights.headers import ShardFile, TensorEntry, read_header
from analysis.weights.json_files import read_table
from analysis.weights.names import canonical, is_buffer, place
from analysis.weights.shards import ADAPTER_CONFIG, INDEX, index_problems, weight_files

__all__ = ["ADAPTER_CONFIG", "INDEX", "RANKED_DTYPES", "Checkpoint", "locate", "open_checkpoint"]

RANKED_DTYPES = ("BF16", "F16", "F32")
_HUB_ID = re.compile(r"^[A-Za-z0-9][\w.-]*(/[\w.-]+)?$")


@dataclass(frozen=True)
class Checkpoint:
    """One model on disk, from its headers. `tensors` maps canonical names (wrapper prefixes stripped) to their place.

    `buffers` are tensors saved but never trained (rotary frequencies, causal masks): kept, never ranked.
    """

    path: Path
    tensors: dict[str, TensorEntry]
    buffers: dict[str, TensorEntry]
    files: tuple[ShardFile, ...]
    config: dict[str, Any] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """Where the files beside the weights (tokenizer, config) lie."""
        return self.path if self.path.is_dir() else self.path.parent

    @cached_property
    def parameters(self) -> int:
        """Number of trained values stored."""
        return sum(entry.elements for entry in self.tensors.values())

    @cached_property
    def dtype(self) -> str:
        """The dtype as transformers names it; several are joined by ' + ', commonest first."""
        counts: dict[str, int] = {}
        for entry in self.tensors.values():
            counts[entry.dtype] = counts.get(entry.dtype, 0) + entry.elements
        names = {"BF16": "bfloat16", "F16": "float16", "F32": "float32", "F64": "float64"}
        return " + ".join(names.get(dtype, dtype) for dtype in sorted(counts, key=lambda d: (-counts[d], d)))

    @property
    def tied(self) -> bool:
        """Whether the output head is the input embedding: as the config says, else when no head is stored."""
        text = self.config.get("text_config")
        for settings in (self.config, text if isinstance(text, dict) else {}):
            if "tie_word_embeddings" in settings:
                return bool(settings["tie_word_embeddings"])
        return not any(place(name).module == "head" for name in self.tensors)


def open_checkpoint(source: str | Path) -> Checkpoint:
    """Read the headers of a folder, a .safetensors file or a Hugging Face id.

    Raises CheckpointError with every problem found: missing, truncated or duplicate shards, an index that disagrees
    with the files, other formats, quantised weights, dtypes that cannot be ranked.
    """
    try:
        return _open(source, locate(source))
    except OSError as error:  # a folder that may not be listed, a name that is too long, a disk that went away
        raise CheckpointError(f"{source} cannot be read ({error.strerror}).") from error


def _open(source: str | Path, path: Path) -> Checkpoint:
    config, problems = _read_config(path)
    files, file_problems = weight_files(path)
    problems += file_problems
    shards = []
    for file in files:
        shard, found = read_header(file)
        problems += found
        if shard is not None:
            shards.append(shard)
    problems += index_problems(path, shards)
    entries, name_problems = _by_canonical_name(shards)
    problems += name_problems + (quantised(config, entries) or _dtype_problems(entries))
    if problems:
        raise CheckpointError(f"{source} cannot be read as a checkpoint.", items=problems)
    buffers = {name: entry for name, entry in entries.items() if is_buffer(name)}
    tensors = {name: entry for name, entry in entries.items() if name not in buffers}
    return Checkpoint(path, tensors, buffers, tuple(shards), config)


def locate(source: str | Path) -> Path:
    """The local path of a source; a Hugging Face id is looked up in the local cache first, then downloaded."""
    text = str(source).strip()
    try:
        path = Path(text).expanduser()
    except RuntimeError:  # ~somebody whom this machine does not know
        path = Path(text)
    if text and path.exists():
        return path.resolve()
    if path.is_symlink():
        raise CheckpointError(f"{text} is a link to {path.readlink()}, which is not there.")
    if _HUB_ID.match(text) and path.suffix != ".safetensors":
        return _from_hub(text)
    raise CheckpointError(f"{text or 'An empty path'} does not exist.", items=["Give a folder that holds safetensors."])


def _from_hub(name: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    wanted = ["*.safetensors", "*.json", "*.model", "*.txt", "*.jinja", "tokenizer*"]
    try:
        return Path(snapshot_download(name, allow_patterns=wanted, etag_timeout=5)).resolve()
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise CheckpointError(
            f"{name} is no local folder, and the Hugging Face hub does not give it.",
            items=[reason, "Give the path of a folder, or download the model first (hf download)."],
        ) from error


def _read_config(path: Path) -> tuple[dict[str, Any], list[str]]:
    file = (path if path.is_dir() else path.parent) / "config.json"
    if not os.path.lexists(file):
        return {}, []
    config, problem = read_table(file)
    return config, [problem] if problem else []


def _by_canonical_name(shards: list[ShardFile]) -> tuple[dict[str, TensorEntry], list[str]]:
    entries: dict[str, TensorEntry] = {}
    problems = []
    for entry in (entry for shard in shards for entry in shard.tensors):
        name = canonical(entry.stored_name)
        if name in entries:
            first = entries[name]
            problems.append(
                f"{name} is there twice: {first.stored_name} in {first.file.name}, "
                f"{entry.stored_name} in {entry.file.name}"
            )
        entries[name] = entry
    if shards and not entries:
        problems.append("holds no tensors")
    return entries, problems


def _dtype_problems(entries: dict[str, TensorEntry]) -> list[str]:
    return [
        f"{name} is stored as {entry.dtype}; only BF16, F16 and F32 can be ranked: save the model in one of these"
        for name, entry in entries.items()
        if entry.dtype not in RANKED_DTYPES and not is_buffer(name)
    ]
