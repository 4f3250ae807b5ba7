"""Plans on the demo world: cells an hour with the local engine, and what it and Ray add to the cells' own work.

    python -m benchmarks.experiments [--plan demo/small.toml] [--places 2] [--rounds 1]

Each round runs the whole plan into a fresh folder with each engine, one after the other. What an engine adds is its
wall time on all places, less what the cells themselves took (as each tells of itself) and less the tail, places that
are idle because no cell is left while the last ones end: starting processes, loading torch, handing out cells. The tail
hangs on the plan's size and is told apart. Ray runs on one node here; its start stands apart.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.demo.world import SHIPPED
from analysis.experiments.plan import Plan
from analysis.experiments.plan_file import read_plan
from cache.experiments.engine import Engine, Event
from cache.work import Workspace


@dataclass(frozen=True)
class Run:
    """One run: wall seconds, the cells' own seconds together, seconds of places idle at the end for want of cells, how
    many cells, and the table for comparing.
    """

    wall: float
    inside: float
    tail: float
    cells: int
    table: pd.DataFrame


def main() -> None:
    """Print one line an engine."""
    options = argparse.ArgumentParser()
    options.add_argument("--plan", type=Path, default=SHIPPED / "small.toml")
    options.add_argument("--places", type=int, default=2)
    options.add_argument("--rounds", type=int, default=1)
    asked = options.parse_args()
    plan = read_plan(asked.plan)
    address, started = start_cluster(asked.places)
    local = [run(plan, asked.places, None) for _ in range(asked.rounds)]
    ray = [run(plan, asked.places, address) for _ in range(asked.rounds)] if address else []
    print(f"{asked.plan.name}: {local[0].cells} cells, {asked.places} at once, {plan.run.threads} thread(s) each\n")
    print("| engine | seconds | cells an hour | cells' own seconds | idle at the end | added by the engine |")
    print("|---|---|---|---|---|---|")
    for name, runs in (("local", local), ("Ray, one node", ray)):
        if runs:
            print(line(name, runs, asked.places))
    if not ray:
        print("\nRay is not installed: pip install -e '.[cluster]'")
        return
    same = local[0].table.drop(columns="tuned").equals(ray[0].table.drop(columns="tuned"))
    print(f"\nTables of both engines {'are equal to the last bit' if same else 'DIFFER'}; Ray's start {started:.1f} s.")
    stop_cluster()


def run(plan: Plan, places: int, address: str | None) -> Run:
    """The whole plan into a fresh folder."""
    with tempfile.TemporaryDirectory() as folder:
        workspace = Watched(Path(folder))
        began = time.perf_counter()
        if address is None:
            report = workspace.run_plan(plan, workers=places)
        else:
            report = workspace.run_plan(plan, engine="ray", address=address)
        wall = time.perf_counter() - began
        assert not report.failed, report.failures
        inside = float(workspace.plan_cells(plan.name)["seconds"].sum())
        tail = idle_tail(workspace.events, places)
        return Run(wall, inside, tail, report.cells, workspace.plan_results(plan.name))


class Watched(Workspace):
    """A workspace that notes when an engine began and ended a cell: (seconds, "started" or anything that ends one)."""

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        self.events: list[tuple[float, str]] = []

    def _engine(self, engine: str, address: str | None, workers: int | None) -> Engine:
        found = super()._engine(engine, address, workers)
        run_cells = found.run

        def noted(*asked: Any) -> Generator[Event, None, None]:
            for event in run_cells(*asked):
                if event.kind in ("started", "done", "failed", "lost"):
                    self.events.append((time.perf_counter(), event.kind))
                yield event

        found.run = noted  # type: ignore[method-assign]
        return found


def idle_tail(events: list[tuple[float, str]], places: int) -> float:
    """Seconds of places that nothing was left for: since the last cell began, each until the last one ended."""
    last_begun = max(when for when, kind in events if kind == "started")
    end = max(when for when, _ in events)
    ended = [when for when, kind in events if kind != "started" and when > last_begun]
    return (places - len(ended)) * (end - last_begun) + sum(end - when for when in ended)


def line(name: str, runs: list[Run], places: int) -> str:
    """Medians over the rounds."""
    wall = statistics.median(each.wall for each in runs)
    inside = statistics.median(each.inside for each in runs)
    tail = statistics.median(each.tail for each in runs)
    added = 1 - inside / (wall * places - tail)
    rate = 3600 * runs[0].cells / wall
    return f"| {name} | {wall:.0f} | {rate:.0f} | {inside:.0f} | {tail:.0f} | {100 * added:.0f}% |"


def start_cluster(places: int) -> tuple[str | None, float]:
    """A Ray node of this machine with so many processors, and the seconds it took; None where Ray is not installed."""
    try:
        from ray.cluster_utils import Cluster
    except ImportError:
        return None, 0.0
    began = time.perf_counter()
    _held.append(Cluster(initialize_head=True, head_node_args={"num_cpus": places, "include_dashboard": False}))
    return _held[0].address, time.perf_counter() - began


def stop_cluster() -> None:
    """End what `start_cluster` began."""
    for cluster in _held:
        cluster.shutdown()


_held: list = []


if __name__ == "__main__":
    main()
