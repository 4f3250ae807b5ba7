"""What the processes of one training must find alike: what the first of them finds, and whether any of them wants it.

torchrun or accelerate start them and tell each its place. They agree over their processors (gloo), so that no
accelerator is waited for. Of a single process every answer is its own, and torch's processes are left alone.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from datetime import timedelta
from functools import cache
from typing import Any, TypeVar

from analysis.errors import PalimpsestError

Given = TypeVar("Given")
_PATIENCE = timedelta(seconds=1800)  # Trainer's own


def processes() -> int:
    """Over how many processes torchrun or accelerate spread this training."""
    return int(os.environ.get("WORLD_SIZE") or 1)


def sharded() -> bool:
    """Whether accelerate splits the weights over the processes (FSDP)."""
    return os.environ.get("ACCELERATE_USE_FSDP", "").lower() == "true"


def keeps_checkpoints() -> bool:
    """Whether a training spread like this one can keep what it needs to go on: all but torch's older FSDP (1)."""
    return not sharded() or os.environ.get("FSDP_VERSION", "1") == "2"


def place() -> int:
    """Which of the processes this is, from 0."""
    return int(os.environ.get("RANK") or 0) if processes() > 1 else 0


def is_first() -> bool:
    """Whether this is the process that writes and answers."""
    return place() == 0


def meet(*, use_cpu: bool) -> None:
    """Wait for the other processes, connected as Trainer connects them; needed before they can agree on anything."""
    if processes() > 1:
        from accelerate import PartialState

        PartialState(cpu=use_cpu, **({} if use_cpu else {"timeout": _PATIENCE}))


def from_first(work: Callable[[], Given]) -> Given:
    """What the first process finds by this work, on all of them; what it raises of ours is raised on all."""
    if processes() == 1:
        return work()
    from torch import distributed

    told: list[Any] = [_found(work) if is_first() else None]
    distributed.broadcast_object_list(told, src=0, group=_processors())
    found, error = told[0]
    if error is not None:
        raise error
    return found  # type: ignore[no-any-return]  # as the first process found it


@contextmanager
def held_by_first(held: AbstractContextManager[Given]) -> Iterator[Given]:
    """What the first process enters and leaves, given to all of them."""
    with ExitStack() as stack:
        yield from_first(lambda: stack.enter_context(held))


def from_all(value: Given) -> list[Given]:
    """What each process has, in their order; all must ask."""
    if processes() == 1:
        return [value]
    from torch import distributed

    told: list[Any] = [None] * processes()
    distributed.all_gather_object(told, value, group=_processors())
    return told


def on_any(told: bool) -> bool:
    """Whether any of the processes says so; all must ask, and none goes on before all have."""
    if processes() == 1:
        return told
    import torch
    from torch import distributed

    said = torch.tensor([int(told)])
    distributed.all_reduce(said, distributed.ReduceOp.MAX, group=_processors())
    return bool(said)


def _found(work: Callable[[], Given]) -> tuple[Given | None, PalimpsestError | None]:
    try:
        return work(), None
    except PalimpsestError as error:
        return None, error


@cache
def _processors() -> Any:
    """The group to agree in; all processes must ask for it first at the same place."""
    from torch import distributed

    return distributed.new_group(backend="gloo")
