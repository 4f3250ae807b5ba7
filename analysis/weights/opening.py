"""Opens the two sides of a pair: the tuned one may be an adapter, which only the base can complete."""

from pathlib import Path

from analysis.errors import CheckpointError
from analysis.weights.adapter import is_adapter, open_adapter
from analysis.weights.checkpoint import Checkpoint, locate, open_checkpoint


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
    return open_adapter(path, base) if adapter and base is not None else open_checkpoint(source)
