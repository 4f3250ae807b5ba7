"""Worker processes of this machine as whoever gives them cells sees them: begun, spoken to, listened to, ended.

Each writes what its libraries print into a log of its own, whose end is its last words where it dies.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import msgspec

from cache.experiments.folder import KeyedCell

GOODBYE_SECONDS = 5.0
LOG_LINES = 8


@dataclass(eq=False)
class Worker:
    """One process at its place (0, 1, ...), and the cell it works on; `log` is what it wrote on standard error."""

    process: subprocess.Popen[bytes]
    log: Path
    place: int = 0
    cell: KeyedCell | None = None
    served: int = 0


Heard = SimpleQueue[tuple[Worker, dict[str, Any] | None]]  # what workers tell; None: its process has ended


def begin(home: Path, threads: int, settings: Mapping[str, str], place: int, heard: Heard) -> Worker:
    """A process over this home folder, with this environment, whose every word is put into `heard`."""
    logs = home / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=logs, prefix="worker-", suffix=".log", delete=False) as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "cache.experiments.worker", str(home), str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=dict(settings),
            start_new_session=True,  # an interrupt at the terminal is for whoever gives the cells
        )
    worker = Worker(process, Path(errors.name), place)
    threading.Thread(target=_listen, args=(worker, heard), daemon=True).start()
    return worker


def _listen(worker: Worker, heard: Heard) -> None:
    assert worker.process.stdout is not None
    for line in worker.process.stdout:
        with suppress(msgspec.DecodeError):  # a line cut off by the process's end
            heard.put((worker, msgspec.json.decode(line)))
    heard.put((worker, None))


def send(worker: Worker, message: dict[str, Any]) -> None:
    """Give it a task, as worker.py has them."""
    assert worker.process.stdin is not None
    with suppress(BrokenPipeError):  # its end is heard as the end of its output
        worker.process.stdin.write(msgspec.json.encode(message) + b"\n")
        worker.process.stdin.flush()


def dismiss(workers: Sequence[Worker]) -> None:
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


def last_words(worker: Worker) -> str:
    """The end of what a dead process wrote, and what it died of."""
    code = worker.process.wait()
    try:
        lines = worker.log.read_text("utf-8", "replace").strip().splitlines()[-LOG_LINES:]
    except OSError:
        lines = []
    worker.log.unlink(missing_ok=True)
    how = f"It was killed by signal {-code} (9: by the system or a person, out of memory perhaps)." if code < 0 else ""
    return " ".join([how, *lines]).strip()
