"""How long a pair's check takes: headers only, at the size of a 70B model in 80 shards a side.

    python -m benchmarks.checking

Lays out LLaMA-3-70B's 723 tensors (141 GB) as sparse files that take no space, with an index, and checks pairs of them
in a fresh process: the whole command as a person runs it, and the check alone. Reading weights would show at once: the
files are longer than any disk could give within the time. The last line adds tokenizers of 128,000 tokens that differ
in one, so that both have to be read.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from math import prod
from pathlib import Path

from analysis.weights.checkpoint import INDEX
from analysis.weights.pair import check_pair

HIDDEN, INNER, GROUPED, VOCABULARY, LAYERS = 8192, 28_672, 1024, 128_256, 80
WANTED_SECONDS = 1.0


def llama_70b(layers: int = LAYERS) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Names and shapes, as transformers saves them."""
    shapes: dict[str, tuple[int, ...]] = {
        **dict.fromkeys(("self_attn.q_proj", "self_attn.o_proj"), (HIDDEN, HIDDEN)),
        **dict.fromkeys(("self_attn.k_proj", "self_attn.v_proj"), (GROUPED, HIDDEN)),
        **dict.fromkeys(("mlp.gate_proj", "mlp.up_proj"), (INNER, HIDDEN)),
        "mlp.down_proj": (HIDDEN, INNER),
        **dict.fromkeys(("input_layernorm", "post_attention_layernorm"), (HIDDEN,)),
    }
    yield "model.embed_tokens.weight", (VOCABULARY, HIDDEN)
    for layer in range(layers):
        yield from ((f"model.layers.{layer}.{part}.weight", shape) for part, shape in shapes.items())
    yield "model.norm.weight", (HIDDEN,)
    yield "lm_head.weight", (VOCABULARY, HIDDEN)


def write_sparse(folder: Path, shards: int) -> Path:
    """The model's files with true headers and holes for weights, and their index."""
    folder.mkdir(parents=True)
    tensors = list(llama_70b())
    weight_map = {}
    for number in range(shards):
        file = f"model-{number + 1:05d}-of-{shards:05d}.safetensors"
        held = tensors[number * len(tensors) // shards : (number + 1) * len(tensors) // shards]
        _write_shard(folder / file, held)
        weight_map |= dict.fromkeys((name for name, _ in held), file)
    total = sum(2 * prod(shape) for _, shape in tensors)
    (folder / INDEX).write_text(json.dumps({"metadata": {"total_size": total}, "weight_map": weight_map}))
    config = {"model_type": "llama", "hidden_size": HIDDEN, "num_hidden_layers": LAYERS, "tie_word_embeddings": False}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def _write_shard(file: Path, tensors: list[tuple[str, tuple[int, ...]]]) -> None:
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, shape in tensors:
        start, end = end, end + 2 * prod(shape)
        header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [start, end]}
    raw = json.dumps(header).encode()
    file.write_bytes(len(raw).to_bytes(8, "little") + raw)
    os.truncate(file, 8 + len(raw) + end)


def write_tokenizer(folder: Path, reserved: str) -> None:
    """A tokenizer of LLaMA-3's size (10 MB) with one reserved token of this name."""
    vocabulary = {f"token {number}": number for number in range(VOCABULARY - 256)}
    merges = [[f"to{number}", f"ken{number}"] for number in range(280_000)]
    added = [{"id": VOCABULARY - 256 + n, "content": f"<|reserved {n}|>" if n else reserved} for n in range(256)]
    held = {"added_tokens": added, "model": {"type": "BPE", "vocab": vocabulary, "merges": merges}}
    (folder / "tokenizer.json").write_text(json.dumps(held))


def _command_seconds(base: Path, tuned: Path) -> float:
    started = time.perf_counter()
    command = [sys.executable, "-m", "analysis.cli", "check", base, tuned]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def _row(name: str, folders: list[Path]) -> str:
    reports = [check_pair(*folders) for _ in range(5)]
    assert reports[0].comparable, reports[0].findings
    alone = sorted(report.seconds for report in reports)
    whole = sorted(_command_seconds(folders[0], folders[1]) for _ in range(5))
    return f"| {name} | {alone[2]:.3f} ({alone[-1]:.3f}) | {whole[2]:.2f} ({whole[-1]:.2f}) | {WANTED_SECONDS:g} |"


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as home:
        print("| a 70B pair (141 GB, 723 tensors a side) | check s | whole command s | wanted s |")
        print("|---|---|---|---|")
        for shards in (1, 30, 80):
            folders = [write_sparse(Path(home) / str(shards) / side, shards) for side in ("base", "tuned")]
            print(_row(f"{shards} shards", folders), flush=True)
        for folder, reserved in zip(folders, ("<|reserved 0|>", "<|question|>"), strict=True):
            write_tokenizer(folder, reserved)
        print(_row("80 shards, tokenizers that differ", folders))
    print("\nMedian of five, the worst in brackets; the whole command starts Python, imports and prints.")


if __name__ == "__main__":
    main()
