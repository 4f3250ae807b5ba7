"""The cell function: one cell measured from beginning to end, over a workspace; the same for every engine.

A cell kind is one generator of numbers. What it goes through (training, passes, evaluations) is kept by the store, so a
cell that was cut short goes on where it was; its own result, the table of numbers, is written last.
"""

from __future__ import annotations

import platform
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from analysis.errors import SpecError
from analysis.experiments import measured
from analysis.experiments.data import Side
from analysis.experiments.grid import Cell, CellKind
from analysis.experiments.plan import Keep
from analysis.experiments.results import Number, State, numbers_table
from analysis.records import Evaluation, PartOf, Progress, RestoreSpec, Silent, Stored, check_cancelled
from cache.asked import Asking, Comparison
from cache.experiments.askings import asking_of, kl_asking, trained_asking
from cache.experiments.folder import KeyedCell
from cache.experiments.keys import libraries, processor
from cache.experiments.tuned import Tuned, put_away, tuned_model
from cache.models import State as WeightState

if TYPE_CHECKING:
    from cache.work import Workspace


# Where a tuned cell's progress stands once these are done.
TRAINED, PASSED, MEASURED = 0.3, 0.32, 0.36


@dataclass
class Spent:
    """Seconds and units of work by phase, for estimating other cells: samples trained on, questions asked."""

    seconds: dict[str, float] = field(default_factory=dict)
    units: Counter[str] = field(default_factory=Counter)

    @contextmanager
    def on(self, phase: str, units: int) -> Iterator[None]:
        """Count what the block takes."""
        began = time.perf_counter()
        yield
        self.add(phase, time.perf_counter() - began, units)

    def add(self, phase: str, seconds: float, units: int) -> None:
        """Count what was timed elsewhere."""
        self.seconds[phase] = self.seconds.get(phase, 0.0) + seconds
        self.units[phase] += units


@dataclass(frozen=True)
class _Run:
    """One cell being measured."""

    workspace: Workspace
    cell: Cell
    progress: Progress
    spent: Spent

    def ask(self, pair: Comparison, state: WeightState, asking: Asking) -> Evaluation:
        """The answers of a state, asked now or known."""
        check_cancelled(self.progress)
        began = time.perf_counter()
        known = self.workspace.known_evaluation(pair, state, asking)
        found = known or self.workspace.evaluation(pair, state, asking, _Quiet(self.progress))
        if known is None:
            self.spent.add("ask", time.perf_counter() - began, found.n)
        return found


def run_cell(workspace: Workspace, keyed: KeyedCell, keep: Keep, progress: Progress | None = None) -> None:
    """Measure a cell and store its table; at once where it is stored already."""
    progress = progress or Silent()
    with workspace.store.lock(keyed.key, progress):
        if workspace.store.document(keyed.key) is not None:
            return
        workspace.store.require_room()
        _require_alike(keyed)
        KINDS[keyed.cell.kind](workspace, keyed, keep, progress)


def _require_alike(keyed: KeyedCell) -> None:
    """A node of a cluster with other versions, or another processor, would give other numbers under this cell's key."""
    wanted, here = keyed.parts.get("libraries", {}), libraries()
    others = [f"{name} is {here.get(name)}, not {told}" for name, told in wanted.items() if here.get(name) != told]
    if others:
        raise SpecError(
            f"{platform.node()} has other libraries than the machine that gave it this cell: install the same there.",
            items=others,
        )
    made_on = keyed.parts.get("processor")
    if made_on and (own := processor()) != made_on:
        raise SpecError(
            f"{platform.node()} has another processor ({own}) than this cell is keyed for ({made_on}), and would give "
            "other bits: keep to like machines, or run the plan again from one like it."
        )


def _run_base(workspace: Workspace, keyed: KeyedCell, keep: Keep, progress: Progress) -> None:
    del keep
    run = _Run(workspace, keyed.cell, progress, Spent())
    numbers: list[Number] = []
    for side, asking in _sides(run):
        check_cancelled(progress)
        with run.spent.on("ask", 0):
            found = workspace.evaluation_of(keyed.cell.base, asking, progress)
        run.spent.units["ask"] += found.n
        digest = workspace.digest_of(keyed.cell.base, asking, progress)
        numbers += measured.asked_numbers(found, side, State(), digest)
    _store(run, keyed, numbers, {})


def _run_tuned(workspace: Workspace, keyed: KeyedCell, keep: Keep, progress: Progress) -> None:
    run = _Run(workspace, keyed.cell, progress, Spent())
    with tuned_model(workspace, keyed, _share(progress, 0.0, TRAINED, "fine-tuning")) as tuned:
        pair = Comparison(keyed.cell.base, str(tuned.folder))
        if tuned.trained_seconds:
            run.spent.add("train", tuned.trained_seconds, len(tuned.facts) * keyed.cell.epochs)
        with run.spent.on("profile", 1):
            profile = workspace.profile(pair, progress=_share(progress, TRAINED, PASSED, "reading base and tuned"))
        numbers = list(_numbers(run, pair, tuned))
        ids = profile.base_id, profile.tuned_id
        _store(run, keyed, numbers, {"base_id": ids[0], "tuned_id": ids[1], "facts": list(tuned.facts)})
        put_away(workspace, keyed, keep, ids, progress)


def _numbers(run: _Run, pair: Comparison, tuned: Tuned) -> Iterator[Number]:
    """Every number of a tuned model, in an order that changes the resident weights as seldom as can be."""
    measure = run.cell.measure
    if tuned.loss is not None:
        yield Number("loss", "", tuned.loss, "train", len(tuned.facts))
    profile = run.workspace.profile(pair)
    if measure.profile:
        yield from measured.profile_numbers(profile, run.cell.restore.percents)
    if measure.kl:
        part = _share(run.progress, PASSED, MEASURED, "KL at the first answer token")
        with run.spent.on("kl", 1):
            found = run.workspace.paper_divergence(pair, kl_asking(run.workspace.home, run.cell), progress=part)
        yield from measured.kl_numbers(found)
    layers = {tensor.place.layer for tensor in profile.select("transformer") if tensor.place.layer is not None}
    groups = list(measured.layer_groups(sorted(layers), measure.layer_groups)) if measure.layer_groups else []
    states = _states(run)
    asked = _share(run.progress, MEASURED, 1.0, "asking")
    for number, (state, jobs) in enumerate(states.items()):
        asked.report(number, len(states) + len(groups))
        for job in jobs:
            yield from job(run, pair, state, tuned)
    for number, group in enumerate(groups):
        asked.report(len(states) + number, len(states) + len(groups))
        yield from _ask_group(run, pair, group)


Job = Callable[[_Run, Comparison, WeightState, Tuned], Iterator[Number]]


def _states(run: _Run) -> dict[WeightState, list[Job]]:
    """What is asked in which state: the test questions at every stop, the facts trained on at some."""
    jobs: dict[WeightState, list[Job]] = {"tuned": [_ask_test]}
    for spec in run.cell.stops():
        jobs.setdefault(spec if spec.percent else "tuned", [])
        if spec.percent:
            jobs[spec].append(_ask_test)
    for percent in run.cell.measure.train_percents:
        state: WeightState = RestoreSpec(percent).canonical() if percent else "tuned"
        jobs.setdefault(state, []).append(_ask_trained)
    return jobs


def _ask_test(run: _Run, pair: Comparison, state: WeightState, tuned: Tuned) -> Iterator[Number]:
    del tuned
    named = _named(run, pair, state)
    for side, asking in _sides(run):
        found = run.ask(pair, state, asking)
        yield from measured.asked_numbers(found, side, named, run.workspace.evaluation_digest(pair, state, asking))


def _ask_trained(run: _Run, pair: Comparison, state: WeightState, tuned: Tuned) -> Iterator[Number]:
    asking = trained_asking(run.workspace.home, run.cell, tuned.facts)
    found = run.ask(pair, state, asking)
    digest = run.workspace.evaluation_digest(pair, state, asking)
    yield from measured.trained_number(found, _named(run, pair, state), digest)


def _ask_group(run: _Run, pair: Comparison, layers: tuple[int, ...]) -> Iterator[Number]:
    state = RestoreSpec(100.0, layers=layers).canonical()
    named = _named(run, pair, state)
    for side, asking in _sides(run):
        found = run.ask(pair, state, asking)
        digest = run.workspace.evaluation_digest(pair, state, asking)
        yield from measured.group_numbers(found, layers, side, named, digest)


def _sides(run: _Run) -> Iterator[tuple[Side, Asking]]:
    sides: tuple[Side, ...] = ("in", "out")
    for side in sides:
        asking = asking_of(run.workspace.home, run.cell, side)
        if asking is not None:
            yield side, asking


def _named(run: _Run, pair: Comparison, state: WeightState) -> State:
    if not isinstance(state, RestoreSpec):
        return State()
    return measured.state_of(run.workspace.count(pair, state))


def _store(run: _Run, keyed: KeyedCell, numbers: list[Number], more: dict[str, Any]) -> None:
    document = {"name": run.cell.name, "seconds": dict(run.spent.seconds), "units": dict(run.spent.units)}
    document |= {"accelerator": _accelerator(run.cell.device)} | more
    run.workspace.store.put(keyed.key, Stored(document, tables={"numbers": numbers_table(numbers)}))


def _accelerator(device: str) -> str:
    """The name of what the cell ran on, kept beside its numbers: those of another model differ in their last bits."""
    import torch

    return torch.cuda.get_device_name() if device == "cuda" else ""


def _share(whole: Progress, start: float, end: float, what: str) -> PartOf:
    """The part of a cell's Progress from `start` to `end` (0-1) that one piece of its work takes."""
    return PartOf(whole, start, end - start, 1.0, note=what)


@dataclass(frozen=True)
class _Quiet:
    """A Progress that reports nothing, and is cancelled when the cell is."""

    whole: Progress

    def report(self, done: float, total: float, note: str = "", partial: object = None) -> None: ...

    def cancelled(self) -> bool:
        return self.whole.cancelled()


KINDS: dict[CellKind, Callable[[Workspace, KeyedCell, Keep, Progress], None]] = {
    "base": _run_base,
    "tuned": _run_tuned,
}
