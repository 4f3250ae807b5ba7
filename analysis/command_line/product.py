"""What the commands are handed: the work itself, and what makes the things it is asked with.

cli.py makes it and puts it into the context of the run, so that the rooms need not know where the work is done. They
know it by its names alone: the types are cache's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import typer


@dataclass(frozen=True)
class Product:
    """The workspace, opened when first used; the pair, the asking and the training it takes."""

    workspace: Callable[[], Any]
    comparison: Callable[[str, str], Any]
    asking: Callable[..., Any]
    training: Callable[..., Any]


def product_of(context: typer.Context) -> Product:
    """What cli.py handed to this run."""
    found = context.obj
    assert isinstance(found, Product)
    return found
