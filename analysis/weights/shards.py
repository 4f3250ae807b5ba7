"""Which files make up a checkpoint: a single one, an index's shards, or a numbered series; and what is wrong with them.

Looks at names and the index only, opens no weight, and follows no path that leads out of the folder. Files are chosen
as transformers chooses them, so that what is ranked is what is run.
"""

import os
import re
from pathlib import Path

from analysis.weights.formats import unreadable
from analysis.weights.headers import ShardFile
from analysis.weights.json_files import read_table

INDEX = "model.safetensors.index.json"
ADAPTER_CONFIG = "adapter_config.json"
_SHARD = re.compile(r"^(?P<stem>.+)-(?P<number>\d{5})-of-(?P<total>\d{5})\.safetensors$")


def weight_files(path: Path) -> tuple[list[Path], list[str]]:
    """The safetensors files that make up the model, as transformers chooses them, and what is wrong with their set."""
    if not path.is_dir():
        return ([path], []) if path.suffix == ".safetensors" else ([], [unreadable(path)])
    single = path / "model.safetensors"
    if os.path.lexists(single):
        return [single], []
    if os.path.lexists(path / INDEX):
        return _indexed(path)
    held = sorted(path.glob("*.safetensors"))
    found = [file for file in held if not file.name.startswith("consolidated")] or held  # Mistral's second copy
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


def index_problems(path: Path, shards: list[ShardFile]) -> list[str]:
    """Where the index and the headers of the files it names disagree about a tensor."""
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
