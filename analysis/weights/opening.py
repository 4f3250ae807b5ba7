"""Opens the two sides of a pair: the tuned one may be an adapter, which only the base can complete."""

from dataclasses import dataclass
from pathlib import Path

from analysis.errors import CheckpointError
from analysis.weights.adapter import is_adapter, open_adapter
from analysis.weights.checkpoint import Checkpoint, locate, open_checkpoint


@dataclass(frozen=True)
class Sides:
    """Both sides as far as they could be opened, and why the others could not: (side, error)."""

    base: Checkpoint | None
    tuned: Checkpoint | None
    problems: tuple[tuple[str, CheckpointError], ...]


def open_sides(base: str | Path, tuned: str | Path) -> Sides:
    """Open both and collect what is wrong with either; never raises for what a user may have given."""
    opened: dict[str, Checkpoint] = {}
    problems = []
    for side, source in (("base", base), ("tuned", tuned)):
        try:
            opened[side] = open_base(source) if side == "base" else open_tuned(source, opened.get("base"))
        except CheckpointError as error:
            if error.code != "no-base":  # the base's own problems say enough
                problems.append((side, error))
    return Sides(opened.get("base"), opened.get("tuned"), tuple(problems))


def open_base(source: str | Path) -> Checkpoint:
    """The base: always a whole model."""
    return open_checkpoint(source)


def open_tuned(source: str | Path, base: Checkpoint | None) -> Checkpoint:
    """The tuned side; an adapter is put on the base it was given with."""
    try:
        path = locate(source)
        adapter = path.is_dir() and is_adapter(path)
    except OSError as error:
        raise CheckpointError(f"{source} cannot be read ({error.strerror}).") from error
    return open_adapter(path, base) if adapter else open_checkpoint(source)
