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
from analysis.weights.formats import quantised, unreadable
from analysis.weights.headers import ShardFile, TensorEntry, read_header
from analysis.weights.json_files import read_table
from analysis.weights.names import canonical, is_buffer, place

INDEX = "model.safetensors.index.json"
ADAPTER_CONFIG = "adapter_config.json"
RANKED_DTYPES = ("BF16", "F16", "F32")
_SHARD = re.compile(r"^(?P<stem>.+)-(?P<number>\d{5})-of-(?P<total>\d{5})\.safetensors$")
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
    files, file_problems = _weight_files(path)
    problems += file_problems
    shards = []
    for file in files:
        shard, found = read_header(file)
        problems += found
        if shard is not None:
            shards.append(shard)
    problems += _index_problems(path, shards)
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


def _weight_files(path: Path) -> tuple[list[Path], list[str]]:
    """The safetensors files that make up the model, as transformers chooses them, and what is wrong with their set."""
    if not path.is_dir():
        return ([path], []) if path.suffix == ".safetensors" else ([], [unreadable(path)])
    single = path / "model.safetensors"
    if os.path.lexists(single):
        return [single], []
    if os.path.lexists(path / INDEX):
        return _indexed(path)
    found = sorted(file for file in path.glob("*.safetensors") if not file.name.startswith("consolidated"))
    if not found or (path / ADAPTER_CONFIG).exists():
        return [], [unreadable(path)]
    return found, _missing_numbers(found)


def _indexed(path: Path) -> tuple[list[Path], list[str]]:
    weight_map, problem = _weight_map(path)
    if problem:
        return [], [problem]
    names = sorted(set(weight_map.values()))
    outside = [name for name in names if Path(name).name != name or name in ("", "..")]
    inside = [name for name in names if name not in outside]
    problems = [f"{INDEX} names {name!r}, which is no file of this folder; it is not followed" for name in outside]
    problems += [
        f"{name}: the index names this shard but it is missing; download it again"
        for name in inside
        if not os.path.lexists(path / name)
    ]
    problems += _unnamed_shards(path, names)
    return [path / name for name in inside if os.path.lexists(path / name)], problems


def _weight_map(path: Path) -> tuple[dict[str, str], str]:
    index, problem = read_table(path / INDEX)
    weight_map = index.get("weight_map")
    if problem:
        return {}, problem
    if not isinstance(weight_map, dict) or not weight_map or not all(isinstance(f, str) for f in weight_map.values()):
        return {}, f"{INDEX} is damaged: it holds no weight_map that names files"
    return weight_map, ""


def _unnamed_shards(path: Path, names: list[str]) -> list[str]:
    """Shards of the index's own series (same stem, same total) that it does not name; other series are leftovers."""
    series = {(match["stem"], match["total"]) for name in names if (match := _SHARD.match(name))}
    unnamed = [
        file.name
        for file in sorted(path.glob("*.safetensors"))
        if file.name not in names and (match := _SHARD.match(file.name)) and (match["stem"], match["total"]) in series
    ]
    return [f"{name}: lies here but {INDEX} does not name it; download the index again" for name in unnamed]


def _missing_numbers(files: list[Path]) -> list[str]:
    """Shards that `-00001-of-00003` style names promise and the folder does not hold."""
    groups: dict[tuple[str, int], set[int]] = {}
    for file in files:
        if match := _SHARD.match(file.name):
            groups.setdefault((match["stem"], int(match["total"])), set()).add(int(match["number"]))
    return [
        f"{stem}-{number:05d}-of-{total:05d}.safetensors: is missing; download it again"
        for (stem, total), present in groups.items()
        for number in range(1, total + 1)
        if number not in present
    ]


def _index_problems(path: Path, shards: list[ShardFile]) -> list[str]:
    if path.is_file() or os.path.lexists(path / "model.safetensors") or not os.path.lexists(path / INDEX):
        return []
    weight_map, problem = _weight_map(path)
    if problem:
        return []  # told by _indexed
    held = {entry.stored_name: shard.path.name for shard in shards for entry in shard.tensors}
    read = {shard.path.name for shard in shards}
    absent = [name for name, file in weight_map.items() if file in read and held.get(name) != file]
    unlisted = sorted(set(held) - set(weight_map))
    problems = [f"{INDEX} puts {name} in {weight_map[name]}, which does not hold it" for name in absent]
    return problems + [f"{held[name]} holds {name}, which {INDEX} does not name" for name in unlisted]


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
