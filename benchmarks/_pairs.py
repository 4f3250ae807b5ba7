"""LLaMA-shaped bfloat16 pairs of any size, written without holding them: a random block, tiled and rotated.

The tuned side is the base after normal updates of 3e-5 on weights of 0.02, which change about two fifths of the values
once rounded: real differences, in as many as a small-learning-rate fine-tuning leaves.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

_TILE = 1 << 22


def shapes(millions: int) -> dict[str, tuple[int, ...]]:
    """Names and shapes of a LLaMA with about that many million parameters (tied head)."""
    hidden, inner = (1024, 2816) if millions < 3000 else (4096, 14336)
    vocabulary = 32_000
    layer = 4 * hidden * hidden + 3 * hidden * inner
    layers = max(1, round((millions * 1e6 - vocabulary * hidden) / layer))
    held: dict[str, tuple[int, ...]] = {
        "model.embed_tokens.weight": (vocabulary, hidden),
        "model.norm.weight": (hidden,),
    }
    for number in range(layers):
        at = f"model.layers.{number}."
        held |= {f"{at}self_attn.{name}_proj.weight": (hidden, hidden) for name in "qkvo"}
        held |= {f"{at}mlp.{name}_proj.weight": (inner, hidden) for name in ("gate", "up")}
        held |= {f"{at}mlp.down_proj.weight": (hidden, inner), f"{at}input_layernorm.weight": (hidden,)}
    return held


def parameters(millions: int) -> int:
    """How many parameters that is."""
    return sum(int(np.prod(shape)) for shape in shapes(millions).values())


def make_pair(home: Path, millions: int) -> tuple[Path, Path]:
    """Folders of base and tuned, made in `home`."""
    generator = np.random.default_rng(0)
    base = generator.normal(0, 0.02, _TILE).astype(np.float32)
    tuned = base + generator.normal(0, 3e-5, _TILE).astype(np.float32)
    for side, values in (("base", base), ("tuned", tuned)):
        bits = values.view(np.uint32)
        tile = ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)
        (home / side).mkdir(parents=True)
        _write(home / side / "model.safetensors", shapes(millions), tile)
        (home / side / "config.json").write_text(json.dumps({"model_type": "llama", "tie_word_embeddings": True}))
    return home / "base", home / "tuned"


def _write(path: Path, tensors: dict[str, tuple[int, ...]], tile: np.ndarray[Any, np.dtype[np.uint16]]) -> None:
    header, offset = {}, 0
    for name, shape in tensors.items():
        end = offset + 2 * int(np.prod(shape))
        header[name] = {"dtype": "BF16", "shape": list(shape), "data_offsets": [offset, end]}
        offset = end
    raw = json.dumps(header).encode()
    with path.open("wb") as file:
        file.write(len(raw).to_bytes(8, "little") + raw)
        for number, shape in enumerate(tensors.values()):
            count = int(np.prod(shape))
            rotated = np.roll(tile, 977 * number)
            for first in range(0, count, _TILE):
                file.write(rotated[: min(_TILE, count - first)].tobytes())
