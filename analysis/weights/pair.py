"""Base and tuned beside each other: which tensors belong together, and whether the pair can be compared at all.

Reads headers only. `check_pair` tells everything as findings and never raises for what a user may have given;
`open_pair` raises where one of them is an error, with all of them inside.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from analysis.errors import CheckpointError, PairError
from analysis.records import REGIONS, CheckReport, Finding, Region
from analysis.weights.checkpoint import Checkpoint
from analysis.weights.heads import reconcile_tied, tied_copies
from analysis.weights.names import bare, canonical
from analysis.weights.opening import Sides, open_sides
from analysis.weights.pairing import PairedTensor
from analysis.weights.rows import other_tokens, share_rows

_ARCHITECTURE = (
    *("model_type", "hidden_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads"),
    "intermediate_size",
)


__all__ = ["CheckpointPair", "PairedTensor", "check_pair", "open_pair"]


@dataclass(frozen=True)
class CheckpointPair:
    """Two comparable checkpoints, their tensors matched one to one and sorted by name."""

    base: Checkpoint
    tuned: Checkpoint
    tensors: tuple[PairedTensor, ...]
    findings: tuple[Finding, ...]
    copies: tuple[PairedTensor, ...] = ()  # output heads stored again though tied: counted once, written alike

    @property
    def parameters(self) -> int:
        """Number of values that can be compared."""
        return sum(tensor.elements for tensor in self.tensors)

    @property
    def base_only(self) -> tuple[str, ...]:
        """Tensors of base that tuned has no place for: a model of tuned's shape cannot be brought to base whole."""
        paired = {tensor.base.stored_name for tensor in (*self.tensors, *self.copies)}
        copied = {bare(copy.tuned.stored_name) for copy in self.copies}
        stored = {entry.stored_name for entry in self.base.tensors.values()}
        return tuple(sorted(name for name in stored - paired if bare(name) not in copied))


@dataclass(frozen=True)
class _Matching:
    tensors: tuple[PairedTensor, ...]
    findings: tuple[Finding, ...]
    copies: tuple[PairedTensor, ...] = ()


def open_pair(base: str | Path, tuned: str | Path) -> CheckpointPair:
    """Both checkpoints, matched. Raises CheckpointError when a side cannot be read, PairError when they do not fit."""
    sides = open_sides(base, tuned)
    if sides.base is None or sides.tuned is None:
        raise _unopened(sides)
    opened = sides.base, sides.tuned
    matching = _match(*opened)
    errors = [finding for finding in matching.findings if finding.level == "error"]
    if errors:
        raise PairError(
            f"{base} and {tuned} cannot be compared.",
            code=errors[0].code,
            items=[_line(finding) for finding in errors],
        )
    return CheckpointPair(*opened, matching.tensors, matching.findings, matching.copies)


def _unopened(sides: Sides) -> CheckpointError:
    if len(sides.problems) == 1:
        return sides.problems[0][1]
    items = [f"{side}: {line}" for side, error in sides.problems for line in (error.message, *error.items)]
    return CheckpointError("Neither side can be read.", items=items)


def _told(side: str, error: CheckpointError) -> str:
    """The message is a sentence of its own; what it is about follows it."""
    return f"{side}: {' '.join(filter(None, (error.message, '; '.join(error.items))))}"


def check_pair(base: str | Path, tuned: str | Path) -> CheckReport:
    """What the headers say of a pair: comparable or not, every finding, parameters by region, dtypes."""
    started = time.perf_counter()
    sides = open_sides(base, tuned)
    findings = [Finding("error", f"{side}-{error.code}", _told(side, error)) for side, error in sides.problems]
    matching = _match(sides.base, sides.tuned) if sides.base and sides.tuned else _Matching((), ())
    findings += matching.findings
    return CheckReport(
        comparable=not any(finding.level == "error" for finding in findings),
        findings=tuple(findings),
        parameters=sum(tensor.elements for tensor in matching.tensors),
        region_parameters=region_parameters(matching.tensors),
        dtype={side: opened.dtype for side, opened in (("base", sides.base), ("tuned", sides.tuned)) if opened},
        seconds=time.perf_counter() - started,
    )


def region_parameters(tensors: Iterable[PairedTensor]) -> dict[Region, int]:
    """How many values each region holds."""
    totals: dict[Region, int] = dict.fromkeys(REGIONS, 0)
    for tensor in tensors:
        for region in tensor.place.regions:
            totals[region] += tensor.elements
    return totals


def _line(finding: Finding) -> str:
    return f"{finding.message}: {', '.join(finding.tensors)}" if finding.tensors else finding.message


def _match(base: Checkpoint, tuned: Checkpoint) -> _Matching:
    findings: list[Finding] = [*_architecture(base, tuned)]
    base_names, base_doubles = _by_bare_name(base, "base")
    tuned_names, tuned_doubles = _by_bare_name(tuned, "tuned")
    findings += base_doubles + tuned_doubles
    findings += reconcile_tied(base, tuned, base_names, tuned_names)
    copies = tied_copies(base, tuned, base_names, tuned_names)
    if copies:
        message = "the output head is stored again though it is tied to the embedding: it is counted once"
        findings.append(Finding("info", "tied-copy", message, tuple(copy.tuned.stored_name for copy in copies)))
    shared = [key for key in tuned_names if key in base_names]
    tensors = tuple(
        PairedTensor(tuned_names[key], base.tensors[base_names[key]], tuned.tensors[tuned_names[key]])
        for key in sorted(shared, key=lambda key: tuned_names[key])
    )
    rows = share_rows(base, tuned, tensors)
    tensors = rows.tensors
    findings += rows.findings or other_tokens(base, tuned, tensors)
    findings += _wrapped(tuned)
    findings += _missing(base_names, tuned_names) + _shapes(tensors) + _dtypes(base, tuned, tensors)
    same_files = {shard.fingerprint for shard in base.files} == {shard.fingerprint for shard in tuned.files}
    if same_files:
        findings.append(Finding("warning", "identical", "base and tuned are the same files: nothing has changed"))
    if not any(tensor.place.layer is not None for tensor in tensors) and tensors:
        findings.append(Finding("warning", "no-layers", "no numbered layers found: only region all is left"))
    return _Matching(tensors, tuple(findings), copies)


def _by_bare_name(checkpoint: Checkpoint, side: str) -> tuple[dict[str, str], list[Finding]]:
    """Bare name -> canonical name; two tensors that become one when their prefixes go are an error."""
    names: dict[str, str] = {}
    doubles = []
    for name in checkpoint.tensors:
        key = bare(name)
        if key in names:
            doubles += [names[key], name]
        names[key] = name
    if not doubles:
        return names, []
    message = f"{side} holds tensors whose names differ by a prefix only, so that none can be told from the other"
    return names, [Finding("error", "ambiguous-names", message, tuple(doubles))]


def _architecture(base: Checkpoint, tuned: Checkpoint) -> list[Finding]:
    differing = [
        f"{entry} is {str(base.config[entry])[:60]} in base, {str(tuned.config[entry])[:60]} in tuned"
        for entry in _ARCHITECTURE
        if entry in base.config and entry in tuned.config and base.config[entry] != tuned.config[entry]
    ]
    if not differing:
        return []
    return [Finding("error", "architecture", f"the configs describe different architectures: {'; '.join(differing)}")]


def _missing(base_names: dict[str, str], tuned_names: dict[str, str]) -> list[Finding]:
    findings = []
    for side, names, others in (("base", base_names, tuned_names), ("tuned", tuned_names, base_names)):
        absent = tuple(sorted(others[key] for key in set(others) - set(names)))
        if absent:
            findings.append(Finding("error", f"missing-in-{side}", f"{len(absent)} tensors are not in {side}", absent))
    return findings


def _wrapped(tuned: Checkpoint) -> list[Finding]:
    """Names that this tool understands and other loaders do not, which would make such weights up."""
    stored = [entry.stored_name for entry in (*tuned.tensors.values(), *tuned.buffers.values())]
    wrapped = tuple(name for name in stored if canonical(name) != name)
    if not wrapped:
        return []
    message = (
        f"{len(wrapped)} tensors of tuned are stored under the names of a training wrapper ({wrapped[0]}, ...): they "
        "are compared and evaluated here, and written under the same names; from_pretrained wants them without it"
    )
    return [Finding("warning", "wrapped-names", message)]


def _shapes(tensors: Iterable[PairedTensor]) -> list[Finding]:
    differing = tuple(
        f"{t.name} {list(t.base.shape)} against {list(t.tuned.shape)}" for t in tensors if t.base.shape != t.tuned.shape
    )
    if not differing:
        return []
    return [Finding("error", "shape", f"{len(differing)} tensors differ in shape (base against tuned)", differing)]


def _dtypes(base: Checkpoint, tuned: Checkpoint, tensors: Iterable[PairedTensor]) -> list[Finding]:
    mixed = tuple(tensor.name for tensor in tensors if tensor.base.dtype != tensor.tuned.dtype)
    if not mixed:
        return []
    message = (
        f"base is stored in {base.dtype}, tuned in {tuned.dtype}: rounding alone looks like change in {len(mixed)} "
        "tensors; restored values are written in the tuned dtype"
    )
    return [Finding("warning", "dtype", message, mixed)]
