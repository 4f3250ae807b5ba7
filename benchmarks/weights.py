"""The weight engine measured, each figure against its comparison in the same run.

    python -m benchmarks.weights [--sizes 300,1000,8000] [--alone]

Makes LLaMA-shaped bfloat16 pairs of these sizes (millions of parameters) in a temporary folder. On the first size:
- the paper's seven percentages, ranked and selected, against a plain restatement of the authors' procedure (load both
  models, flat difference, torch.topk, torch.where; once per percentage), in process and as whole processes, with parity
  of counts, thresholds and sets outside the ties;
- the pass against reading the same bytes with `cat`; one thread against two;
- slider stop to stop against one read-modify-write of the same tensors;
- writing a restored checkpoint against `cp --reflink=never` of the tuned folder, both synced.
On every size: seconds and nanoseconds a parameter of the pass, and peak resident memory beyond the imports.

`--alone` leaves the authors' procedure out, which takes minutes. Compiled kernels and a warm page cache are the second
start's, as `make demo` leaves them; pairs beyond the memory's size come from the disk.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from analysis.records import PAPER_PERCENTS, RestoreSpec
from analysis.weights.levels import first_stops
from analysis.weights.pair import check_pair, open_pair
from analysis.weights.profile import peak_rss_bytes, profile_pair
from analysis.weights.restore import apply_state
from analysis.weights.write import write_restored
from benchmarks._pairs import make_pair, parameters

Row = tuple[str, float, float | None, str]


def best(work: Callable[[], Any], repeats: int = 3) -> float:
    """Wall seconds of the quickest of some runs."""
    found = []
    for _ in range(repeats):
        began = time.perf_counter()
        work()
        found.append(time.perf_counter() - began)
    return min(found)


def authors(base: Path, tuned: Path, percent: float) -> dict[str, Any]:
    """One run of the authors' procedure, restated: count, threshold, and the restored tensors."""
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
    return {"count": count, "threshold": float(values[-1]), "ratio": ratio, "mask": mask, "names": names}


def ours(base: Path, tuned: Path) -> tuple[Any, Any, dict[str, Any]]:
    """The same seven sets: one pass, and one reading that numbers each weight with the first percentage it is in."""
    pair = open_pair(base, tuned)
    profile = profile_pair(pair, arithmetic="paper")
    return pair, profile, first_stops(pair, profile, PAPER_PERCENTS, RestoreSpec(0, arithmetic="paper"))


def seven_percentages(base: Path, tuned: Path) -> list[Row]:
    """Ranked and selected, theirs with its seven loads; in process and as whole processes."""
    own, (_, profile, found) = best(lambda: ours(base, tuned)), ours(base, tuned)
    began, parity = time.perf_counter(), True
    outside = 0.0
    for number, percent in enumerate(PAPER_PERCENTS):
        theirs = authors(base, tuned, percent)
        checking = time.perf_counter()
        parity &= _agrees(theirs, profile.count(RestoreSpec(percent, arithmetic="paper")), found, number)
        outside += time.perf_counter() - checking
    against = time.perf_counter() - began - outside
    note = "parity of counts, thresholds and sets" if parity else "NO PARITY"
    whole = best(lambda: _child("seven", base, tuned), 2)
    whole_theirs = best(lambda: _child("authors", base, tuned), 1)
    return [
        ("seven percentages ranked and selected, in process", own, against, note),
        ("the same, whole processes", whole, whole_theirs, "imports and loading included"),
    ]


def _agrees(theirs: dict[str, Any], count: Any, found: dict[str, Any], number: int) -> bool:
    """Count, threshold, and the same weights outside the ties; of the unchanged nothing can be told by a value."""
    import torch

    mine = torch.cat([torch.from_numpy(found[name]) for name in theirs["names"]]) <= number
    outside = (theirs["ratio"] != theirs["threshold"]) & (theirs["ratio"] != 0)
    same = torch.equal(mine[outside], theirs["mask"][outside])
    return same and (count.count, count.threshold) == (theirs["count"], theirs["threshold"])


def the_pass(base: Path, tuned: Path) -> list[Row]:
    """The pass against cat, and against itself on one thread."""
    pair = open_pair(base, tuned)
    files = [str(folder / "model.safetensors") for folder in (base, tuned)]
    reading = best(lambda: _cat(files), 5)
    own = best(lambda: profile_pair(pair), 5)
    one = best(lambda: profile_pair(pair, threads=1), 3)
    return [
        ("the pass, everything it stores, against reading the same bytes (cat)", own, reading, ""),
        (f"the pass on {os.cpu_count()} threads, against one thread", own, one, ""),
        ("check, from headers", best(lambda: check_pair(base, tuned)), None, ""),
    ]


def _cat(files: list[str]) -> None:
    with Path(os.devnull).open("wb") as nowhere:
        subprocess.run(["cat", *files], stdout=nowhere, check=True)


def slider(base: Path, tuned: Path) -> list[Row]:
    """Stop to stop in a resident model, against multiplying the same tensors by one in place."""
    import torch

    pair = open_pair(base, tuned)
    profile = profile_pair(pair)
    live = {tensor.name: torch.zeros(tensor.tuned.shape, dtype=torch.bfloat16) for tensor in pair.tensors}
    apply_state(live, pair, profile, RestoreSpec(10))
    rows: list[Row] = []
    touching = best(lambda: [values.mul_(1.0) for values in live.values()], 5)
    for first, second in ((10.0, 20.0), (20.0, 5.0), (5.0, 40.0)):
        apply_state(live, pair, profile, RestoreSpec(first))
        there, back = RestoreSpec(second), RestoreSpec(first)
        own = []
        for _ in range(5):
            own.append(best(lambda to=there, at=back: apply_state(live, pair, profile, to, previous=at), 1))  # type: ignore[misc]
            apply_state(live, pair, profile, back, previous=there)
        own = min(own)
        rows.append((f"slider, {first:g}% to {second:g}%, against a read-modify-write", own, touching, ""))
    return rows


def writing(base: Path, tuned: Path, home: Path) -> list[Row]:
    """A restored checkpoint with the profile known, against cp, both synced."""
    pair = open_pair(base, tuned)
    profile = profile_pair(pair)

    def write() -> None:
        shutil.rmtree(home / "out", ignore_errors=True)
        write_restored(pair, profile, RestoreSpec(20), home / "out")

    def copy() -> None:
        shutil.rmtree(home / "copy", ignore_errors=True)
        command = [
            "cp",
            "-r",
            *(["--reflink=never"] if sys.platform == "linux" else []),
            str(tuned),
            str(home / "copy"),
        ]
        subprocess.run(command, check=True)
        for path in (*(home / "copy").iterdir(), home / "copy"):
            descriptor = os.open(path, os.O_RDONLY)
            os.fsync(descriptor)
            os.close(descriptor)

    rows: list[Row] = [("write a restored checkpoint, against cp and sync", best(write), best(copy), "")]
    for name in ("out", "copy"):
        shutil.rmtree(home / name)
    return rows


def growth(base: Path, tuned: Path, millions: int) -> dict[str, float]:
    """One row of the table by size, measured in a process of its own."""
    figures, count = _child("growth", base, tuned), parameters(millions)
    return {
        "parameters (millions)": count / 1e6,
        "pass s": figures["pass"],
        "ns a parameter": 1e9 * figures["pass"] / count,
        "CPU ns a parameter": 1e9 * figures["cpu"] / count,
        "peak MB, the pass": figures["pass_bytes"] / 1e6,
        "peak MB, writing too": figures["all_bytes"] / 1e6,
    }


def chart(rows: list[dict[str, float]], path: Path) -> None:
    """Cost a parameter and peak memory against the model's size."""
    import altair

    x = altair.X("parameters (millions):Q", scale=altair.Scale(type="log"), title="parameters (millions)")
    panels = []
    for name, title in (
        ("CPU ns a parameter", "CPU time of the pass, ns a parameter"),
        ("peak MB, writing too", "peak memory beyond the imports, MB"),
    ):
        y = altair.Y(f"{name}:Q", title=title, scale=altair.Scale(zero=True))
        panels.append(altair.Chart(altair.Data(values=rows)).mark_line(point=True).encode(x=x, y=y))
    altair.hconcat(*panels).save(path, scale_factor=2)


def _child(what: str, base: Path, tuned: Path) -> Any:
    """Run a part of this script in a new process; what it prints as JSON."""
    command = [sys.executable, "-m", "benchmarks.weights", "--child", what, str(base), str(tuned)]
    answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return json.loads(answer) if answer.strip() else None


def _in_child(what: str, base: Path, tuned: Path) -> None:
    if what == "seven":
        ours(base, tuned)
    elif what == "authors":
        for percent in PAPER_PERCENTS:
            authors(base, tuned, percent)
    else:
        print(json.dumps(_grown(base, tuned)))


def _grown(base: Path, tuned: Path) -> dict[str, float]:
    from benchmarks._warm import warm

    warm()
    imports, pair = peak_rss_bytes(), open_pair(base, tuned)
    wall, cpu = time.perf_counter(), time.process_time()
    profile = profile_pair(pair)
    figures = {"pass": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
    figures["pass_bytes"] = peak_rss_bytes() - imports
    out = base.parent / "grown"
    write_restored(pair, profile, RestoreSpec(20), out)
    shutil.rmtree(out)
    return figures | {"all_bytes": peak_rss_bytes() - imports}


def table(rows: list[Row]) -> str:
    """The figures as Markdown."""
    lines = ["| | ours s | comparison s | theirs / ours | ours / theirs | |", "|---|---|---|---|---|---|"]
    for name, own, theirs, note in rows:
        ratios = f"{theirs / own:.2f} | {own / theirs:.2f}" if theirs else " | "
        lines.append(f"| {name} | {own:.3f} | {f'{theirs:.3f}' if theirs else ''} | {ratios} | {note} |")
    return "\n".join(lines)


def main() -> None:
    """Make the pairs, measure, print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", default="300,1000,8000", help="millions of parameters")
    parser.add_argument("--alone", action="store_true", help="leave out the authors' procedure")
    parser.add_argument("--chart", type=Path, help="draw the cost by size into this .png or .svg")
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.child:
        _in_child(asked.child[0], Path(asked.child[1]), Path(asked.child[2]))
        return
    grown = []
    for number, millions in enumerate(int(size) for size in asked.sizes.split(",")):
        with tempfile.TemporaryDirectory() as home:
            if shutil.disk_usage(home).free < 7 * parameters(millions):
                print(f"{millions} M parameters: the disk is too small, left out.")
                continue
            base, tuned = make_pair(Path(home), millions)
            if number == 0:
                profile_pair(open_pair(base, tuned))  # kernels compiled, files in memory
                rows = the_pass(base, tuned) + slider(base, tuned) + writing(base, tuned, Path(home))
                print(table(rows + ([] if asked.alone else seven_percentages(base, tuned))), flush=True)
            grown.append(growth(base, tuned, millions))
    print("\n| " + " | ".join(grown[0]) + " |", "|" + "---|" * len(grown[0]), sep="\n")
    for row in grown:
        print("| " + " | ".join(f"{value:,.0f}" if value >= 100 else f"{value:.3g}" for value in row.values()) + " |")
    if asked.chart:
        chart(grown, asked.chart)


if __name__ == "__main__":
    main()
