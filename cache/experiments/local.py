"""The local engine: worker processes on this machine, each with the plan's number of threads, one cell after another.

A worker is a process of its own (`worker.py`), so that cells are repeatable and none shares its weights or its fate
with another. It serves several cells, since loading torch takes seconds and leaves no trace in a result. Where cells
ask for accelerators each worker sees its own only; where they ask for none it sees none.
"""

from __future__ import annotations

import os
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import count
from pathlib import Path
from queue import Empty, SimpleQueue

import msgspec

from analysis.experiments.memory import CellMemory, cell_memory, held_at_once
from analysis.experiments.plan import Plan, Running
from analysis.language.load import DEVICE, free_memory_bytes
from cache.experiments.engine import Event
from cache.experiments.folder import KeyedCell
from cache.experiments.processes import Heard, Worker, begin, dismiss, last_words, send

CELLS_A_WORKER = 20  # then a fresh process: what libraries never give back is bounded
WAIT_SECONDS = 0.5
VISIBLE = "CUDA_VISIBLE_DEVICES"
THREAD_SETTINGS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")


@dataclass(frozen=True)
class Accelerators:
    """What a machine has: their kind ("cuda", "mps", "" for none), their names as CUDA_VISIBLE_DEVICES has them, and
    the bytes of memory that each of them has (0: unknown).
    """

    kind: str = ""
    names: tuple[str, ...] = ()
    memory_bytes: int = 0


@lru_cache(maxsize=1)
def accelerators_here() -> Accelerators:
    """Those of this machine that this process may see; imports torch, and takes no memory of theirs."""
    import torch

    if found := torch.cuda.device_count():
        told = [name.strip() for name in os.environ.get(VISIBLE, "").split(",") if name.strip()]
        least = min(torch.cuda.get_device_properties(number).total_memory for number in range(found))
        return Accelerators("cuda", tuple(told[:found] if told else map(str, range(found))), least)
    if torch.backends.mps.is_available():
        return Accelerators("mps", ("0",), torch.mps.recommended_max_memory())
    return Accelerators()


@dataclass
class LocalEngine:
    """`workers` processes at once (None: as many as the processors hold, or the accelerators where cells ask for any);
    never more than memory holds of the plan checked last.

    `accelerators`: those there are (None: looked for once a plan asks for one). `memory_bytes`: main memory for cells
    (None: what is free when a plan is checked).
    """

    home: Path
    workers: int | None = None
    cells_a_worker: int = CELLS_A_WORKER
    name: str = "local"
    accelerators: Accelerators | None = None
    memory_bytes: int | None = None
    _held: int | None = None
    _cell: CellMemory | None = None
    _heard: Heard = field(default_factory=SimpleQueue)

    def check(self, plan: Plan) -> list[str]:
        """Whether this machine has the processors, the accelerators and the memory that a cell asks for."""
        running, problems = plan.run, []
        processors = os.cpu_count() or 1
        if running.threads > processors:
            problems += [f"run.threads is {running.threads}, and this machine has {processors} processors: give fewer"]
        if running.accelerators:
            problems += self._accelerator_problems(running)
        self._cell = cell_memory(plan)
        return problems + self._memory_problems(running)

    def device(self, running: Running) -> str:
        """See Engine."""
        if not running.accelerators:
            return "cpu"
        return self._accelerators().kind if running.device == "auto" else running.device

    def places(self, running: Running) -> int:
        """How many cells run at once: what processors or accelerators, memory and `workers` allow."""
        if not running.accelerators:
            room = self.workers or (os.cpu_count() or 1) // running.threads
        else:
            room = len(self._accelerators().names) * self._on_one_accelerator(running)
        return max(1, min(room, self.workers or room, self._held or room))

    def environment(self, running: Running, place: int) -> dict[str, str]:
        """Of the worker at this place (0, 1, ...): its threads, the device, and which accelerator it sees."""
        settings = worker_environment(running.threads, self.device(running))
        if not running.accelerators:
            return settings | {VISIBLE: ""}
        if self.device(running) != "cuda":
            return settings
        return settings | {VISIBLE: self._accelerators().names[place // self._on_one_accelerator(running)]}

    def _accelerators(self) -> Accelerators:
        self.accelerators = self.accelerators or accelerators_here()
        return self.accelerators

    def _on_one_accelerator(self, running: Running) -> int:
        """How many cells share one: what the plan says, or its memory holds."""
        asked, memory = int(1 / running.accelerators), self._accelerators().memory_bytes
        return min(asked, max(1, memory // self._cell.trains)) if memory and self._cell else asked

    def _memory_problems(self, running: Running) -> list[str]:
        """What a single cell lacks; beside it, how many main memory holds at once."""
        if self._cell is None:
            return []
        there = free_memory_bytes("cpu") if self.memory_bytes is None else self.memory_bytes
        needed = self._cell.in_main(on_accelerator=bool(running.accelerators))
        self._held = held_at_once(needed, there)
        problems = [self._cell.problem(needed, there, "of main memory")]
        if running.accelerators and (own := self._accelerators().memory_bytes):
            problems.append(self._cell.problem(self._cell.trains, own, "on its accelerator"))
        return [problem for problem in problems if problem]

    def _accelerator_problems(self, running: Running) -> list[str]:
        there = self._accelerators()
        asked = f"run.gpus is {running.accelerators:g}"
        if not there.names:
            return [f'{asked}, and this machine has no accelerator that torch sees: write gpus = 0, device = "auto"']
        if running.device not in ("auto", there.kind):
            return [f"run.device is {running.device!r}, and this machine's accelerator is {there.kind}: write that"]
        return []

    def run(
        self, cells: Sequence[KeyedCell], running: Running, cancelled: Callable[[], bool]
    ) -> Generator[Event, None, None]:
        """See Engine."""
        waiting, lost = deque(cells), Counter[str]()
        workers: list[Worker] = []
        try:
            while waiting or any(worker.cell for worker in workers):
                if cancelled():
                    return
                yield from self._give(workers, waiting, running)
                yield from self._hear(workers, waiting, running, lost)
        finally:
            dismiss(workers)

    def close(self) -> None:
        """See Engine: a run ends its own processes, and a check opens none."""

    def _give(self, workers: list[Worker], waiting: deque[KeyedCell], running: Running) -> Iterator[Event]:
        while waiting and len(workers) < self.places(running):
            taken = {worker.place for worker in workers}
            place = next(place for place in count() if place not in taken)
            settings = self.environment(running, place)
            workers.append(begin(self.home, running.threads, settings, place, self._heard))
        for worker in workers:
            if worker.cell is None and waiting:
                worker.cell = waiting.popleft()
                worker.served += 1
                send(worker, {"cell": msgspec.to_builtins(worker.cell), "keep": running.keep})
                yield Event("started", worker.cell.digest)

    def _hear(
        self, workers: list[Worker], waiting: deque[KeyedCell], running: Running, lost: Counter[str]
    ) -> Iterator[Event]:
        try:
            worker, told = self._heard.get(timeout=WAIT_SECONDS)
        except Empty:
            yield Event("idle")
            return
        if worker not in workers:
            return
        cell = worker.cell
        if told is None:
            workers.remove(worker)
            if cell is not None:
                yield from _begin_again(cell, waiting, running, lost, last_words(worker))
        elif cell is not None and told["event"] == "progress":
            yield Event("progress", cell.digest, told["fraction"], told["note"])
        elif cell is not None:
            worker.cell = None
            yield Event(told["event"], cell.digest, 1.0, told.get("note", ""))
            if worker.served >= self.cells_a_worker or told.get("defect"):  # a defect may have left traces
                workers.remove(worker)
                dismiss([worker])


def worker_environment(threads: int, device: str) -> dict[str, str]:
    """This process's environment, with our rooms importable and every library held to so many threads and a device."""
    root = str(Path(__file__).resolve().parents[2])
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    ours = {"PYTHONPATH": os.pathsep.join(paths), DEVICE: device}
    return dict(os.environ) | ours | dict.fromkeys(THREAD_SETTINGS, str(threads))


def _begin_again(
    cell: KeyedCell, waiting: deque[KeyedCell], running: Running, lost: Counter[str], words: str
) -> Iterator[Event]:
    lost[cell.digest] += 1
    if lost[cell.digest] <= running.retries:
        waiting.appendleft(cell)
        yield Event("lost", cell.digest, note=words)
        return
    times = "once" if lost[cell.digest] == 1 else f"{lost[cell.digest]} times"
    yield Event("failed", cell.digest, note=f"its process ended {times} without a word of ours. {words}".strip())
