"""`palimpsest demo` and `serve`: the dashboard on this machine, with the demo pair or without. Knows no page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from analysis.command_line import terminal
from analysis.command_line.options import Json
from analysis.command_line.product import product_of


def demo(
    context: typer.Context,
    prepare: Annotated[bool, typer.Option("--prepare", help="make the demo pair, do not open the page")] = False,
    rebuild_base: Annotated[
        Path | None, typer.Option(help="train the demo's base again into this new folder (hours)")
    ] = None,
    port: Annotated[int, typer.Option(help="of the page")] = 8501,
    as_json: Json = False,
) -> None:
    """Make the demo pair (about a minute the first time) and open the dashboard on it."""
    if rebuild_base is not None:
        from analysis.demo.rebuild import rebuild_base as rebuild

        rebuild(rebuild_base, terminal.progress())
        return
    workspace = product_of(context).workspace()
    world = workspace.prepare_demo(terminal.progress())
    if prepare:
        terminal.answer(msgspec.to_builtins(world, enc_hook=str), as_json)
        return
    workspace.demo_finding(terminal.progress())  # so that the first page tells a finished finding
    from analysis.command_line.serving import serve_dashboard

    serve_dashboard(port, open_browser=True)


def serve(port: Annotated[int, typer.Option(help="on 127.0.0.1")] = 8501) -> None:
    """Serve the dashboard on this machine."""
    from analysis.command_line.serving import serve_dashboard

    serve_dashboard(port, open_browser=False)
