"""`palimpsest report`: the pinned findings as a page or a folder. What is pinned, the workspace knows."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from analysis.command_line import terminal
from analysis.command_line.options import Json
from analysis.command_line.product import product_of
from analysis.errors import PalimpsestError


def report(
    context: typer.Context,
    out: Annotated[Path | None, typer.Argument(help="one HTML file that needs no network")] = None,
    static: Annotated[Path | None, typer.Option(help="a new folder any web server can serve, with every file")] = None,
    paper: Annotated[Literal["light", "dark"] | None, typer.Option(help="as the reader's system has it, else")] = None,
    as_json: Json = False,
) -> None:
    """Write the report of the pinned findings: the same page as the dashboard exports."""
    from analysis.report.pack import write_folder, write_page

    if out is None and static is None:
        raise PalimpsestError("Say where the report goes: palimpsest report OUT.html, or --static DIR.", code="usage")
    workspace = product_of(context).workspace()
    findings = workspace.findings
    placed = findings.complete(workspace.report_findings())
    if not placed:
        raise PalimpsestError("Nothing is pinned: pin a figure on a page first (palimpsest serve).", code="report")
    lost = [each for each in placed if each.unreadable]
    if len(lost) == len(placed):
        reasons = [f"{each.finding.id}: {each.unreadable}" for each in lost]
        raise PalimpsestError("None of the pinned findings can be read.", code="report", items=reasons)
    workspace.bring_scripts(terminal.progress())
    told: dict[str, Any] = {"findings": len(placed) - len(lost)}
    if lost:
        told["left_out"] = [{"id": each.finding.id, "reason": each.unreadable} for each in lost]
    if out is not None:
        told |= {"out": str(out), "bytes": write_page(out, placed, findings.title(), paper)}
    if static is not None:
        told |= {"static": str(static), "files": write_folder(static, placed, findings.title(), terminal.progress())}
    terminal.answer(told, as_json)
