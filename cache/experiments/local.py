"""The local engine: worker processes on this machine, each with the plan's number of threads, one cell after another.

A worker is a process of its own (`worker.py`), so that cells are repeatable and none shares its weights or its fate
with another. It serves several cells, since loading torch takes seconds and leaves no trace in a result.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import msgspec

from analysis.experiments.plan import Running
from cache.experiments.engine import Event
from cache.experiments.folder import KeyedCell

CELLS_A_WORKER = 20  # then a fresh process: what libraries never give back is bounded
WAIT_SECONDS = 0.5
GOODBYE_SECONDS = 5.0
LOG_LINES = 8
THREAD_SETTINGS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")


@dataclass(eq=False)
class _Worker:
    """One process, and the cell it works on; `log` is what it wrote on standard error."""

    process: subprocess.Popen[bytes]
    log: Path
    cell: KeyedCell | None = None
    served: int = 0


@dataclass
class LocalEngine:
    """`workers` processes at once (None: as many as the processors hold, one where cells need an accelerator)."""

    home: Path
    workers: int | None = None
    cells_a_worker: int = CELLS_A_WORKER
    name: str = "local"
    _heard: SimpleQueue[tuple[_Worker, dict[str, Any] | None]] = field(default_factory=SimpleQueue)

    def check(self, running: Running) -> list[str]:
        """Local processes can always be started."""
        processors = os.cpu_count() or 1
        if running.threads > processors:
            return [f"run.threads is {running.threads}, and this machine has {processors} processors: give fewer"]
        return []

    def places(self, running: Running) -> int:
        """How many cells run at once."""
        if self.workers is not None:
            return max(1, self.workers)
        return 1 if running.gpus else max(1, (os.cpu_count() or 1) // running.threads)

    def run(
        self, cells: Sequence[KeyedCell], running: Running, cancelled: Callable[[], bool]
    ) -> Generator[Event, None, None]:
        """See Engine."""
        waiting, lost = deque(cells), Counter[str]()
        workers: list[_Worker] = []
        try:
            while waiting or any(worker.cell for worker in workers):
                if cancelled():
                    return
                yield from self._give(workers, waiting, running)
                yield from self._hear(workers, waiting, running, lost)
        finally:
            _dismiss(workers)

    def _give(self, workers: list[_Worker], waiting: deque[KeyedCell], running: Running) -> Iterator[Event]:
        while waiting and len(workers) < self.places(running):
            workers.append(self._start(running.threads))
        for worker in workers:
            if worker.cell is None and waiting:
                worker.cell = waiting.popleft()
                worker.served += 1
                _send(worker, {"cell": msgspec.to_builtins(worker.cell), "keep": running.keep})
                yield Event("started", worker.cell.digest)

    def _hear(
        self, workers: list[_Worker], waiting: deque[KeyedCell], running: Running, lost: Counter[str]
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
                yield from _begin_again(cell, waiting, running, lost, _last_words(worker))
        elif cell is not None and told["event"] == "progress":
            yield Event("progress", cell.digest, told["fraction"], told["note"])
        elif cell is not None:
            worker.cell = None
            yield Event(told["event"], cell.digest, 1.0, told.get("note", ""))
            if worker.served >= self.cells_a_worker or told.get("defect"):  # a defect may have left traces
                workers.remove(worker)
                _dismiss([worker])

    def _start(self, threads: int) -> _Worker:
        logs = self.home / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=logs, prefix="worker-", suffix=".log", delete=False) as errors:
            process = subprocess.Popen(
                [sys.executable, "-m", "cache.experiments.worker", str(self.home), str(threads)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=worker_environment(threads),
                start_new_session=True,  # an interrupt at the terminal is for whoever gives the cells
            )
        worker = _Worker(process, Path(errors.name))
        threading.Thread(target=_listen, args=(worker, self._heard), daemon=True).start()
        return worker


def worker_environment(threads: int) -> dict[str, str]:
    """This process's environment, with our rooms importable and every library held to so many threads."""
    root = str(Path(__file__).resolve().parents[2])
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    return dict(os.environ) | {"PYTHONPATH": os.pathsep.join(paths)} | dict.fromkeys(THREAD_SETTINGS, str(threads))


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


def _listen(worker: _Worker, heard: SimpleQueue[tuple[_Worker, dict[str, Any] | None]]) -> None:
    assert worker.process.stdout is not None
    for line in worker.process.stdout:
        with suppress(msgspec.DecodeError):  # a line cut off by the process's end
            heard.put((worker, msgspec.json.decode(line)))
    heard.put((worker, None))


def _send(worker: _Worker, message: dict[str, Any]) -> None:
    assert worker.process.stdin is not None
    with suppress(BrokenPipeError):  # its end is heard as the end of its output
        worker.process.stdin.write(msgspec.json.encode(message) + b"\n")
        worker.process.stdin.flush()


def _dismiss(workers: Sequence[_Worker]) -> None:
    """End these processes: a worker ends with its input, and whatever lies on disk is whole at any moment."""
    for worker in workers:
        if worker.process.stdin is not None:
            with suppress(BrokenPipeError):
                worker.process.stdin.close()
    for worker in workers:
        try:
            worker.process.wait(GOODBYE_SECONDS)
        except subprocess.TimeoutExpired:
            worker.process.kill()
            worker.process.wait()
        worker.log.unlink(missing_ok=True)


def _last_words(worker: _Worker) -> str:
    """The end of what a dead process wrote, and what it died of."""
    code = worker.process.wait()
    try:
        lines = worker.log.read_text("utf-8", "replace").strip().splitlines()[-LOG_LINES:]
    except OSError:
        lines = []
    worker.log.unlink(missing_ok=True)
    how = f"It was killed by signal {-code} (9: by the system or a person, out of memory perhaps)." if code < 0 else ""
    return " ".join([how, *lines]).strip()
