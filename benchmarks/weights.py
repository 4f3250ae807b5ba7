"""The weight engine measured, each figure against its comparison in the same run.

    python -m benchmarks.weights --millions 300

Makes a LLaMA-shaped bfloat16 pair of that size in a temporary folder (a random block tiled, the tuned side after an
update that changes about a third of the values), then times:
- the seven percentages of the paper, ranked and selected, against a plain restatement of the authors' procedure
  (load both models, flat difference, torch.topk, torch.where; once per percentage), with parity of count and threshold;
- the pass against reading the same bytes; threads one against two; slider stop to stop against a read-modify-write of
  the same tensors; writing a restored checkpoint against copying the tuned folder; memory beyond the imports.
CPU seconds stand beside wall seconds, because the machine may be shared.
"""

import argparse
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from analysis.records import PAPER_PERCENTS, RestoreSpec
from analysis.weights.pair import check_pair, open_pair
from analysis.weights.profile import peak_rss_bytes, profile_pair
from analysis.weights.restore import apply_state
from analysis.weights.write import write_restored

_TILE = 1 << 22


@dataclass(frozen=True)
class Figure:
    """One line of the table: seconds of ours and of what it is compared with (wall, CPU)."""

    name: str
    ours: tuple[float, float]
    theirs: tuple[float, float] | None
    note: str = ""


def timed(work: Callable[[], Any], repeats: int = 1) -> tuple[tuple[float, float], Any]:
    """(wall, CPU) seconds of the quickest of `repeats` runs, and the last result."""
    best, result = (float("inf"), float("inf")), None
    for _ in range(repeats):
        wall, cpu = time.perf_counter(), time.process_time()
        result = work()
        best = min(best, (time.perf_counter() - wall, time.process_time() - cpu))
    return best, result


def shapes(millions: int) -> dict[str, tuple[int, ...]]:
    """Names and shapes of a LLaMA with about that many million parameters (tied head)."""
    hidden, inner, vocabulary = 1024, 2816, 32_000
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


def make_pair(home: Path, millions: int) -> tuple[Path, Path]:
    """A bfloat16 pair on disk, written without holding it."""
    generator = np.random.default_rng(0)
    base = generator.normal(0, 0.02, _TILE).astype(np.float32)
    tuned = base + generator.normal(0, 3e-5, _TILE).astype(np.float32)
    for side, values in (("base", base), ("tuned", tuned)):
        bits = values.view(np.uint32)
        tile = ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)
        (home / side).mkdir()
        _write_model(home / side / "model.safetensors", shapes(millions), tile)
        (home / side / "config.json").write_text(json.dumps({"model_type": "llama", "tie_word_embeddings": True}))
    return home / "base", home / "tuned"


def _write_model(path: Path, tensors: dict[str, tuple[int, ...]], tile: np.ndarray[Any, np.dtype[np.uint16]]) -> None:
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


def authors(base: Path, tuned: Path, percent: float) -> tuple[int, float]:
    """One run of the authors' procedure, restated: count and threshold."""
    import torch
    from safetensors.torch import load_file

    p, s = load_file(base / "model.safetensors"), load_file(tuned / "model.safetensors")
    names = [name for name in p if "layers" in name and "norm" not in name]
    ratio = torch.cat([((s[name] - p[name]).abs() / (p[name].abs() + 1e-8)).flatten() for name in names])
    count = int(ratio.numel() * percent / 100)
    values, indices = torch.topk(ratio, count)
    mask = torch.zeros(ratio.numel(), dtype=torch.bool)
    mask[indices] = True
    start = 0
    for name in names:
        part = mask[start : start + s[name].numel()].view(s[name].shape)
        s[name] = torch.where(part, p[name], s[name])
        start += s[name].numel()
    return count, float(values[-1])


def measure(base: Path, tuned: Path, home: Path, *, against: bool) -> list[Figure]:
    """Every figure of this room; `against` also runs the authors' procedure, which takes minutes."""
    figures = []
    own, _ = timed(lambda: check_pair(base, tuned), 3)
    figures.append(Figure("check, from headers", own, None))
    pair = open_pair(base, tuned)
    profile_pair(pair)  # kernels compiled and files in memory, as a second start finds them
    before = peak_rss_bytes()
    reading, _ = timed(lambda: [_read(path) for path in (base, tuned)], 3)
    one, _ = timed(lambda: profile_pair(pair, threads=1, percents=()), 2)
    own, profile = timed(lambda: profile_pair(pair, threads=2, percents=()), 2)
    per_value = f"{1e9 * own[1] / pair.parameters:.2f} CPU ns a parameter"
    figures.append(Figure("the pass, two threads, against reading the bytes", own, reading, per_value))
    figures.append(Figure("the pass, two threads, against one thread", own, one))
    figures += _seven_percentages(pair, base, tuned, against=against)
    figures += _slider(pair, profile)
    own, report = timed(lambda: write_restored(pair, profile, RestoreSpec(20), home / "out"))
    copying, _ = timed(lambda: _copy(tuned, home / "copy"))
    figures.append(
        Figure("write a restored checkpoint, against copying the folder, synced", own, copying, report.out[-3:])
    )
    figures.append(
        Figure(f"peak memory {peak_rss_bytes() / 1e6:.0f} MB, {before / 1e6:.0f} after one pass", (0, 0), None)
    )
    return figures


def _seven_percentages(pair: Any, base: Path, tuned: Path, *, against: bool) -> list[Figure]:
    def ours() -> Any:
        profile = profile_pair(pair, arithmetic="paper")
        for percent in PAPER_PERCENTS:
            apply_state(live, pair, profile, RestoreSpec(percent, arithmetic="paper"))
        return profile

    live = _live(pair)
    own, profile = timed(ours)
    theirs, found = timed(lambda: [authors(base, tuned, k) for k in PAPER_PERCENTS]) if against else (None, None)
    counts = [profile.count(RestoreSpec(percent, arithmetic="paper")) for percent in PAPER_PERCENTS]
    equal = found is None or found == [(count.count, count.threshold) for count in counts]
    note = "" if found is None else "parity" if equal else "NO PARITY"
    return [Figure("seven percentages ranked and selected, against the authors' procedure", own, theirs, note)]


def _slider(pair: Any, profile: Any) -> list[Figure]:
    live = _live(pair)
    profile.cuts([RestoreSpec(20), RestoreSpec(10)])
    apply_state(live, pair, profile, RestoreSpec(10))
    own, _ = timed(lambda: apply_state(live, pair, profile, RestoreSpec(20)), 3)
    touching, _ = timed(lambda: [values.mul_(1.0) for values in live.values()], 3)
    return [Figure("slider, stop to stop, against a read-modify-write of the model", own, touching)]


def _live(pair: Any) -> dict[str, Any]:
    import torch

    return {tensor.name: torch.zeros(tensor.tuned.shape, dtype=torch.bfloat16) for tensor in pair.tensors}


def _read(folder: Path) -> None:
    buffer = bytearray(1 << 20)
    with (folder / "model.safetensors").open("rb", buffering=0) as file:
        while file.readinto(buffer):
            pass


def _copy(source: Path, target: Path) -> None:
    shutil.copytree(source, target)
    for path in target.iterdir():
        descriptor = os.open(path, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)


def table(figures: list[Figure]) -> str:
    """The figures as Markdown."""
    lines = ["| | ours s (CPU) | comparison s (CPU) | ratio | |", "|---|---|---|---|---|"]
    for figure in figures:
        theirs = f"{figure.theirs[0]:.3f} ({figure.theirs[1]:.3f})" if figure.theirs else ""
        ratio = f"{figure.theirs[0] / figure.ours[0]:.2f}" if figure.theirs else ""
        ours = f"{figure.ours[0]:.3f} ({figure.ours[1]:.3f})" if figure.ours[0] else ""
        lines.append(f"| {figure.name} | {ours} | {theirs} | {ratio} | {figure.note} |")
    return "\n".join(lines)


def main() -> None:
    """Make the pair, measure, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--millions", type=int, default=300)
    parser.add_argument("--alone", action="store_true", help="leave out the authors' procedure")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        base, tuned = make_pair(Path(home), asked.millions)
        print(table(measure(base, tuned, Path(home), against=not asked.alone)))


if __name__ == "__main__":
    main()
