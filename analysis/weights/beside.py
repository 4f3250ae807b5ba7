"""What lies beside a restored checkpoint's weights: the tuned side's other files, its index, and the recipe.

Pickled weights and optimiser states are left out and named. Knows files and numbers, no values.
"""

import json
import math
import shutil
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from analysis.records import RestoreCount
from analysis.weights.checkpoint import ADAPTER_CONFIG, INDEX
from analysis.weights.pair import CheckpointPair
from analysis.weights.restore import state_id
from analysis.weights.update import UpdateProfile

RECIPE = "palimpsest.json"
_WEIGHTS = (".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".pkl", ".gguf", ".h5", ".msgpack", ".onnx", ".distcp")
_COMPANIONS = ("config.json", "generation_config.json", "special_tokens_map.json", "added_tokens.json", "merges.txt")
_COMPANION_STARTS = ("tokenizer", "vocab", "chat_template", "preprocessor_config", "processor_config", "spiece")


def other_files(pair: CheckpointPair) -> tuple[dict[str, Path], list[str]]:
    """Files to copy beside the weights, by name, and the names of those left out.

    An adapter has no config of its own, and often no tokenizer: what it lacks comes from the base. Beside a single file
    only what a model needs is taken: its folder may be anybody's.
    """
    own = {shard.path for shard in (*pair.tuned.files, *pair.base.files)}
    adapter = (pair.tuned.folder / ADAPTER_CONFIG).exists() and pair.tuned.path.is_dir()
    copied: dict[str, Path] = {}
    left_out = []
    for folder in (pair.base.folder, pair.tuned.folder) if adapter else (pair.tuned.folder,):
        for file in _files(folder, whole=not pair.tuned.path.is_file()):
            name = str(file.relative_to(folder))
            if file in own or name in (RECIPE, ADAPTER_CONFIG):
                continue
            foreign_index = file.name.endswith(".index.json") and name != INDEX
            if file.suffix in _WEIGHTS or foreign_index or any(part.startswith(".") for part in Path(name).parts):
                left_out.append(name)
            else:
                copied[name] = file
    return copied, left_out


def _files(folder: Path, *, whole: bool) -> Iterator[Path]:
    if whole:
        yield from (file for file in sorted(folder.rglob("*")) if file.is_file())
        return
    for file in sorted(folder.iterdir()):
        if file.is_file() and (file.name in _COMPANIONS or file.name.startswith(_COMPANION_STARTS)):
            yield file


def write_others(folder: Path, files: dict[str, Path], pair: CheckpointPair) -> None:
    """Copy the other files; several shards that came without an index get one, without which they would not load."""
    for name, file in files.items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)
    if len(pair.tuned.files) > 1 and INDEX not in files:
        entries = {entry.stored_name: shard for shard in pair.tuned.files for entry in shard.tensors}
        size = sum(entry.nbytes for shard in pair.tuned.files for entry in shard.tensors)
        index = {
            "metadata": {"total_size": size},
            "weight_map": {name: shard.path.name for name, shard in sorted(entries.items())},
        }
        (folder / INDEX).write_text(json.dumps(index, indent=2) + "\n")


def write_recipe(
    folder: Path, pair: CheckpointPair, profile: UpdateProfile, count: RestoreCount, content_id: str
) -> None:
    """How this checkpoint was made: ids of both sides, the spec, and its counts."""
    recipe: dict[str, Any] = {
        "palimpsest": 1,
        "state": state_id(profile, count.spec),
        "content": content_id,
        "base": {"id": profile.base_id, "source": pair.base.path.name},
        "tuned": {"id": profile.tuned_id, "source": pair.tuned.path.name},
        **asdict(count.spec),
        "region_parameters": count.region_parameters,
        "count": count.count,
        "threshold": "infinity" if count.threshold == math.inf else count.threshold,  # JSON has no infinite number
        "ties": count.ties,
        "ties_restored": count.ties_restored,
        "effective_percent": count.effective_percent,
        "effective_l2_percent": count.effective_l2_percent,
        "realised": asdict(count.realised) if count.realised else None,
        "by_layer": {str(layer): restored for layer, restored in count.by_layer.items()},
        "by_module": count.by_module,
    }
    (folder / RECIPE).write_text(json.dumps(recipe, indent=2) + "\n")
