"""A worker process: measures one cell after another with a fixed number of threads, told and telling in JSON lines.

In: {"cell": ..., "keep": ...} a line; the end of input ends the process at once, whatever it does (whoever gave it work
is gone or wants it no more, and everything on disk is whole at any moment). Out: {"event": "progress" | "done" |
"failed", ...} a line. What libraries print goes to standard error.
"""

from __future__ import annotations

import os
import sys
import threading
import time
import traceback
from pathlib import Path
from queue import SimpleQueue
from typing import IO, Any

import msgspec

from analysis.errors import PalimpsestError
from analysis.records import Progress
from cache.experiments.folder import KeyedCell

PROGRESS_SECONDS = 0.5
DEFECT = "This is a defect of Palimpsest, not of your data:\n"


class _Told:
    """The Progress of one cell: told at most twice a second."""

    def __init__(self, out: IO[bytes]) -> None:
        self._out, self._last = out, 0.0

    def report(self, done: float, total: float, note: str = "", partial: object = None) -> None:
        """Tell how far the cell is."""
        del partial
        if time.monotonic() - self._last >= PROGRESS_SECONDS:
            self._last = time.monotonic()
            _tell(self._out, event="progress", fraction=done / total if total else 0.0, note=note)

    def cancelled(self) -> bool:
        """Never: whoever no longer wants the cell ends the process."""
        return False


def main() -> None:
    """Serve until the input ends: HOME THREADS; the environment says which device."""
    home, threads = Path(sys.argv[1]), int(sys.argv[2])
    out = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    tasks: SimpleQueue[dict[str, Any]] = SimpleQueue()
    fix_threads(threads)
    from cache.work import Workspace

    workspace = Workspace(home)
    threading.Thread(target=_listen, args=(tasks,), daemon=True).start()
    while True:
        task = tasks.get()
        _tell(out, **outcome(workspace, task, _Told(out)))


def fix_threads(threads: int) -> None:
    """Hold this process to so many threads: what a cell's key says, and what makes its result repeatable."""
    import torch

    from analysis.language.load import let_waiting_threads_sleep

    let_waiting_threads_sleep()
    torch.set_num_threads(threads)


def _listen(tasks: SimpleQueue[dict[str, Any]]) -> None:
    for line in sys.stdin.buffer:
        tasks.put(msgspec.json.decode(line))
    os._exit(0)


def outcome(workspace: Any, task: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """Run a task's cell; the process outlives any error of it."""
    from cache.experiments.cells import run_cell

    try:
        run_cell(workspace, msgspec.convert(task["cell"], KeyedCell), task["keep"], progress)
    except PalimpsestError as error:
        return {"event": "failed", "note": str(error)}
    except Exception:  # noqa: BLE001 - the boundary of a process: a defect must reach the plan's state, not end the plan
        return {"event": "failed", "note": DEFECT + traceback.format_exc(), "defect": True}
    return {"event": "done"}


def _tell(out: IO[bytes], **fields: Any) -> None:
    out.write(msgspec.json.encode(fields) + b"\n")


if __name__ == "__main__":
    main()
