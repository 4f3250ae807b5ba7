"""The Ray engine: the same cells as tasks of a cluster, over a home folder that every node sees.

A task asks for the plan's processors, accelerators and memory. A worker or node that dies costs its cell a retry. Only
as many tasks are given as the cluster can run at once, so that nodes which join or leave count at once.
"""

from __future__ import annotations

import importlib.util
import os
import socket
import threading
import uuid
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec

from analysis.experiments.plan import Plan, Running
from analysis.language.load import DEVICE
from cache.experiments.engine import Event
from cache.experiments.folder import KeyedCell
from cache.experiments.keys import libraries, processor
from cache.experiments.local import worker_environment
from cache.experiments.nodes import missing_here, node_problems
from cache.experiments.shared_progress import HeardFromFiles, TellingInFile

WAIT_SECONDS = 0.5
CONNECT_SECONDS = 5.0
LOOK_SECONDS = 60.0  # for a node to say what it sees
PATHS = ("base", "questions", "mastery")  # of a plan: what is no hub id lies on a disk that nodes must see
INSTALL = "Ray is not installed here: pip install 'palimpsest[cluster]' (in a checkout: pip install -e '.[cluster]')"
START = "start one with `ray start --head`, and join other machines with `ray start --address=HEAD:6379`"

# Ray keeps one connection a process: the engines that need it now (a dry run beside a plan that runs), by id.
_CONNECTED: set[int] = set()
_LOCK = threading.Lock()


@dataclass
class RayEngine:
    """A cluster by its address ("HOST:6379"; None: the one that runs on this machine)."""

    home: Path
    address: str | None = None
    name: str = "ray"

    def check(self, plan: Plan) -> list[str]:
        """Whether the cluster answers, some node is large enough for a cell, and every node sees what a cell needs:
        the home folder, the plan's files, the same libraries, and on processors the same kind of these.
        """
        if importlib.util.find_spec("ray") is None:
            return [INSTALL]
        if problems := self._connect():
            return problems
        return [*self._too_small(plan.run), *self._blind_nodes(plan)]

    def device(self, running: Running) -> str:
        """Of a cluster the plan alone tells: tasks that ask for accelerators get them."""
        if not running.accelerators:
            return "cpu"
        return "cuda" if running.device == "auto" else running.device

    def places(self, running: Running) -> int:
        """How many cells the nodes alive now can run at once."""
        return max(1, _places(running))

    def run(
        self, cells: Sequence[KeyedCell], running: Running, cancelled: Callable[[], bool]
    ) -> Generator[Event, None, None]:
        """See Engine."""
        import ray

        waiting, lost = deque(cells), Counter[str]()
        under_way: dict[Any, KeyedCell] = {}
        heard = HeardFromFiles(self.home)
        task = ray.remote(run_task).options(**_needs(running), max_retries=0, runtime_env=self._environment(running))
        try:
            while waiting or under_way:
                if cancelled():
                    return
                while waiting and len(under_way) < self.places(running):
                    cell = waiting.popleft()
                    told = msgspec.to_builtins(cell)
                    file = str(heard.file(cell.digest))
                    under_way[task.remote(str(self.home), told, running.keep, running.threads, file)] = cell
                    yield Event("started", cell.digest)
                ready, _ = ray.wait(list(under_way), timeout=WAIT_SECONDS)
                for reference in ready:
                    yield from _taken(reference, under_way.pop(reference), waiting, lost, running)
                yield from heard.events(cell.digest for cell in under_way.values())
                yield Event("idle")
        finally:
            for reference in under_way:
                with suppress(ray.exceptions.RayError):
                    ray.cancel(reference, force=True)
            heard.end()

    def close(self) -> None:
        """See Engine: the last to need this process's connection ends it."""
        with _LOCK:
            if id(self) not in _CONNECTED:
                return
            _CONNECTED.remove(id(self))
            if not _CONNECTED:
                import ray

                ray.shutdown()

    def _connect(self) -> list[str]:
        import ray

        with _LOCK:
            if not ray.is_initialized() and (problem := self._joined()):
                return [problem]
            _CONNECTED.add(id(self))
        return []

    def _joined(self) -> str:
        """Connect this process to the cluster; why that cannot be, or ""."""
        import ray

        where = self.address or os.environ.get("RAY_ADDRESS") or "auto"
        if where != "auto" and (problem := _unreachable(where)):
            return problem
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        try:
            ray.init(address=where, log_to_driver=False, logging_level="ERROR", configure_logging=False)
        except (ConnectionError, RuntimeError, ValueError) as error:
            reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            which = "on this machine" if where == "auto" else f"at {where}"
            return f"no Ray cluster answers {which} ({reason}): {START}, or give its address with --address"
        return ""

    def _too_small(self, running: Running) -> list[str]:
        import ray

        needs = _asked_resources(running)
        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        if any(all(node.get(name, 0) >= amount for name, amount in needs.items()) for node in nodes):
            return []
        most = {name: max((node.get(name, 0) for node in nodes), default=0) for name in needs}
        asked = ", ".join(f"{amount:g} {name} (the most a node has: {most[name]:g})" for name, amount in needs.items())
        return [f"no node of the cluster can run a cell, which asks for {asked}: lower run.cpus, gpus or memory_gb"]

    def _blind_nodes(self, plan: Plan) -> list[str]:
        """What nodes do not see: the home folder, told by a mark that is looked for on each of them, and the plan's
        base, questions and mastery table; and where their libraries or processors are others than here, by which a
        plan's results are keyed.
        """
        import ray
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        mark = self.home / f".seen-{uuid.uuid4().hex}"
        self.home.mkdir(parents=True, exist_ok=True)
        mark.touch()
        needed = {name: getattr(plan, name) for name in PATHS if Path(getattr(plan, name) or "").is_absolute()}
        like = processor() if self.device(plan.run) == "cpu" else ""
        try:
            looks = {}
            for node in ray.nodes():
                if node["Alive"]:
                    there = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
                    look = ray.remote(missing_here).options(
                        num_cpus=0, scheduling_strategy=there, runtime_env=self._environment(plan.run)
                    )
                    looks[look.remote(str(mark), needed, libraries(), like)] = node["NodeManagerAddress"]
            ready, silent = ray.wait(list(looks), num_returns=len(looks), timeout=LOOK_SECONDS)
            told = [(looks[each], problem) for each in ready for problem in self._ill_seen(each)]
            told += [(looks[each], "it does not answer; end it, or look at its log") for each in silent]
        finally:
            mark.unlink(missing_ok=True)
        return [f"the node {address}: {problem}" for address, problem in told]

    def _ill_seen(self, reference: Any) -> list[str]:
        """What `missing_here` found on a node, in words."""
        import ray

        try:
            found = ray.get(reference)
        except ray.exceptions.RayError as error:
            reason = str(error).strip().splitlines()[-1]
            return [f"it cannot run our code ({reason}); install this checkout there, under the same path"]
        return node_problems(found, self.home)

    def _environment(self, running: Running) -> dict[str, Any]:
        """Our rooms importable, every library held to the plan's threads and device; no other variable goes along."""
        settings = worker_environment(running.threads, self.device(running))
        names = [name for name in settings if name in ("PYTHONPATH", DEVICE) or name.endswith("_NUM_THREADS")]
        return {"env_vars": {name: settings[name] for name in names}}


def run_task(home: str, cell: dict[str, Any], keep: str, threads: int, progress: str) -> dict[str, Any]:
    """On a node: measure a cell, telling how far it is in the file `progress`, and say how that ended.

    Only a worker's or node's death ends it otherwise.
    """
    from cache.experiments.worker import fix_threads, outcome

    fix_threads(threads)
    return outcome(_workspace(home), {"cell": cell, "keep": keep}, TellingInFile(Path(progress)))


@lru_cache(maxsize=1)
def _workspace(home: str) -> Any:
    from cache.work import Workspace

    return Workspace(Path(home))


def _taken(
    reference: Any, cell: KeyedCell, waiting: deque[KeyedCell], lost: Counter[str], running: Running
) -> Iterator[Event]:
    """What became of a task that ended."""
    import ray

    try:
        told = ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        yield Event("failed", cell.digest, note=str(error))
        return
    except ray.exceptions.RayError as error:
        lost[cell.digest] += 1
        reason = str(error).strip().splitlines()[0]
        if lost[cell.digest] <= running.retries:
            waiting.appendleft(cell)
            yield Event("lost", cell.digest, note=reason)
        else:
            yield Event("failed", cell.digest, note=f"its worker or node died {lost[cell.digest]} times ({reason})")
        return
    yield Event(told["event"], cell.digest, 1.0, told.get("note", ""))


def _needs(running: Running) -> dict[str, Any]:
    memory = {"memory": running.memory_gb * 1e9} if running.memory_gb else {}
    return {"num_cpus": running.cpus, "num_gpus": running.accelerators} | memory


def _asked_resources(running: Running) -> dict[str, float]:
    asked = {"CPU": running.cpus, "GPU": running.accelerators, "memory": running.memory_gb * 1e9}
    return {name: amount for name, amount in asked.items() if amount}


def _places(running: Running) -> int:
    """How many cells the nodes alive now can run at once."""
    import ray

    needs = _asked_resources(running)
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    if not needs:
        return max(1, len(nodes))
    return sum(min(int(node.get(name, 0) // amount) for name, amount in needs.items()) for node in nodes)


def _unreachable(address: str) -> str:
    """Why nothing answers at HOST:PORT; "" where something does."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdigit():
        return f"the address {address!r} is none of a Ray cluster: write HOST:6379"
    try:
        socket.create_connection((host, int(port)), CONNECT_SECONDS).close()
    except OSError as error:
        return f"nothing answers at {address} ({error.strerror or error}): {START}"
    return ""
