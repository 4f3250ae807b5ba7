"""A report with all of its files, as a folder any web server can serve or as a zip: page, pictures, tables, data."""

from __future__ import annotations

import re
import shutil
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from analysis.errors import StoreError
from analysis.folders import whole_file, whole_folder
from analysis.records import Progress, Silent, check_cancelled
from analysis.report import beside, footer, pictures, tables
from analysis.report.beside import TEXTS
from analysis.report.html import report_html
from analysis.report.layout import LaidOut
from analysis.report.records import Finding, Placed
from analysis.report.replacing import INDEX, MARK, Mark, put_back, replace_report

if TYPE_CHECKING:
    from analysis.figures.style import Paper


def write_folder(out: Path, placed: Sequence[Placed], title: str, progress: Progress | None = None) -> int:
    """Write `out`/index.html and a folder of files a finding, whole or not at all; returns how many files.

    An earlier report in `out` is replaced, and what else lies there stays; any other folder that is not empty is
    refused (StoreError).
    """
    put_back(out)
    after = out.with_name(f".{out.name}.after-report")
    shutil.rmtree(after, ignore_errors=True)  # of a run that was killed
    again = (out / MARK).is_file()
    with whole_folder(after if again else out) as folder:
        count = _fill(folder, placed, title, progress or Silent())
    if again:
        try:
            replace_report(out, after)
        finally:
            shutil.rmtree(after, ignore_errors=True)
    return count


def write_page(
    out: Path,
    placed: Sequence[Placed],
    title: str,
    paper: Paper | None = None,
    laid: Sequence[LaidOut] | None = None,
) -> int:
    """Write the one HTML file, whole or not at all; returns its size in bytes. `laid` as html.report_html has it."""
    content = report_html(placed, title=title, paper=paper, laid=laid).encode()
    try:
        with whole_file(out) as partial:
            partial.write_bytes(content)
    except OSError as error:
        raise StoreError(f"{out} could not be written: {error.strerror or error}.", code="out-unwritable") from error
    return len(content)


def write_zip(out: Path, placed: Sequence[Placed], title: str, progress: Progress | None = None) -> None:
    """The same as one zip file, whole or not at all."""
    with whole_file(out) as partial, zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as packed:
        folder = out.with_suffix(".folder")
        write_folder(folder, placed, title, progress)
        try:
            for path in sorted(folder.rglob("*")):
                if path.is_file():
                    packed.write(path, path.relative_to(folder))
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _fill(folder: Path, placed: Sequence[Placed], title: str, progress: Progress) -> int:
    files: dict[str, list[str]] = {}
    for number, each in enumerate(placed, start=1):
        check_cancelled(progress)
        progress.report(number - 1, len(placed) + 1, each.finding.title[:60])
        if each.unreadable:  # the page says why
            continue
        name = f"{number:02d}-{_name(each.finding)}"
        written = finding_files(folder / name, each)
        files[each.finding.id] = [f"{name}/{file}" for file in written]
    written = [INDEX, MARK, *(name for names in files.values() for name in names)]
    mark = Mark([each.finding.id for each in placed], title, written)
    (folder / MARK).write_bytes(msgspec.json.encode(mark))
    (folder / INDEX).write_text(report_html(placed, title=title, files=files), "utf-8")
    progress.report(len(placed) + 1, len(placed) + 1, "done")
    return len(written)


def finding_files(folder: Path, placed: Placed) -> list[str]:
    """Write a finding's files into a new folder; returns their names. Every figure and table, in every format."""
    folder.mkdir(parents=True)
    finding = placed.finding
    made: dict[str, bytes] = {}
    origin = footer.lines(finding.making)
    drawn = finding.drawn if finding.kind == "zoomable" else finding.spec if finding.kind == "figure" else None
    if drawn:
        made |= {f"figure.{kind}": pictures.picture(drawn, kind, made=origin) for kind in pictures.PICTURES}
    for name, frame in placed.tables.items():
        shown = (finding.columns if name != TEXTS else ()) or tables.every_column(frame)
        kinds = tables.TABLES if drawn is None else ("csv",)
        made |= {f"{name}.{kind}": tables.text_table(frame, kind, shown, origin).encode() for kind in kinds}
        frame.to_parquet(folder / f"{name}.parquet", index=False)
        if name == TEXTS:
            made[f"{name}.jsonl"] = text_lines(frame.to_dict("records"))
    held = {name: beside.holds(name, placed.tables[name]) for name in beside.in_order(placed.tables)}
    told = {"note": placed.note, "section": placed.section, "tables": held, **msgspec.to_builtins(finding)}
    made["finding.json"] = msgspec.json.format(msgspec.json.encode(told))
    for name, content in made.items():
        (folder / name).write_bytes(content)
    return [*made, *(f"{name}.parquet" for name in placed.tables)]


def text_lines(rows: Iterable[Mapping[Any, Any]]) -> bytes:
    """Texts as JSON lines, as `palimpsest divergence --prompts` reads them; what a text has not is left out."""
    kept = [{name: value for name, value in row.items() if isinstance(value, str) and value} for row in rows]
    return b"".join(msgspec.json.encode(row) + b"\n" for row in kept)


def _name(finding: Finding) -> str:
    return re.sub(r"[^a-z0-9]+", "-", f"{finding.making.page}-{finding.making.figure}".lower()).strip("-")[:50]
