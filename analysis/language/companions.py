"""What beside the weights changes a model's answers: its configuration and its tokenizer, as one hash.

Knows no model: it reads the small files of a checkpoint's folder as bytes.
"""

import os
from functools import lru_cache
from pathlib import Path

import xxhash

from analysis.language.load import find_folder

KINDS = (".json", ".model", ".txt", ".jinja", ".tiktoken")
NOT_ASKED = ("palimpsest.json", "trainer_state.json", "model.safetensors.index.json")


def companions_id(source: str | Path) -> str:
    """128-bit hash, 32 hexadecimal digits, over the names and contents of a checkpoint's small files."""
    folder = find_folder(source)
    with os.scandir(folder) as found:
        files = [file for file in found if file.name.endswith(KINDS) and file.name not in NOT_ASKED]
        stats = sorted((file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in files)
    return _hash_files(tuple((folder / name, size, changed) for name, size, changed in stats))


@lru_cache(maxsize=64)
def _hash_files(files: tuple[tuple[Path, int, int], ...]) -> str:
    state = xxhash.xxh3_128()
    for file, size, _ in files:
        state.update(f"{file.name}\0{size}\0".encode())
        state.update(file.read_bytes())
    return state.hexdigest()
