"""An earlier report in a folder gives way to a new one, and everything else in that folder stays: a person's files.

The mark lists what a report wrote, and only that is replaced or removed. The new report is whole beside the folder
before the first file moves; the earlier one is kept beside it until the new one stands, so that a failure, or the run
after one that was killed, puts it back. Knows no finding.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path, PurePosixPath

import msgspec

from analysis.errors import StoreError
from analysis.folders import whole_file

INDEX, MARK = "index.html", "palimpsest-report.json"  # the mark tells a folder of ours from any other
_OWN_FOLDER = "finding.json"  # what a finding's folder holds, where a mark of an earlier version lists no files


class Mark(msgspec.Struct):
    """What a report in a folder is: its findings, its title, every file it wrote; `unfinished` while it is replaced."""

    findings: list[str] = []
    title: str = ""
    files: list[str] | None = None
    unfinished: bool = False


def replace_report(out: Path, new: Path) -> None:
    """Put the report in the folder `new` in the place of the one in `out`; `new` is used up.

    Raises StoreError, and leaves the earlier report, where the system refuses or a person's own file is in the way.
    """
    earlier, coming = written_by(out), _files_in(new)
    in_the_way = [name for name in coming if name not in earlier and _stands(out, name)]
    if in_the_way:
        raise StoreError(
            f"The report in {out} was not replaced: files there that no report wrote are in the way of the new one. "
            "Move them, or give another folder.",
            items=in_the_way,
            code="out-unwritable",
        )
    before = beside(out)
    try:
        before.mkdir()
        shutil.copyfile(out / MARK, before / MARK)
        _write_mark(out, Mark(files=sorted({*earlier, *coming}), unfinished=True))
        _move(out, before, [name for name in earlier if name != MARK])
        _move(new, out, [*(name for name in coming if name not in (INDEX, MARK)), INDEX, MARK])  # the mark ends it
    except OSError as error:
        put_back(out)
        raise StoreError(
            f"The report in {out} could not be replaced: {error.strerror or error}. It is still the earlier one; "
            "give another folder.",
            code="out-unwritable",
        ) from error
    shutil.rmtree(before, ignore_errors=True)
    _remove_empty(out, earlier)


def put_back(out: Path) -> None:
    """Where a run ended between two moves: the earlier report as it was. Elsewhere: nothing, but for what is left."""
    before, now = beside(out), read_mark(out)
    if now is not None and now.unfinished and (before / MARK).is_file():
        earlier = written_by(before)
        for name in _safe(out, now.files or ()):
            if name not in earlier:  # the new one's; what the earlier one had is moved over
                (out / name).unlink(missing_ok=True)
        _move(before, out, [*(name for name in _files_in(before) if name != MARK), MARK])
        _remove_empty(out, now.files or ())
    shutil.rmtree(before, ignore_errors=True)


def beside(out: Path) -> Path:
    """Where the earlier report waits: beside the folder, under a hidden name that no person gives."""
    return out.with_name(f".{out.name}.before-report")


def read_mark(out: Path) -> Mark | None:
    """The mark of the report in this folder; None where there is none that can be read."""
    try:
        return msgspec.json.decode((out / MARK).read_bytes(), type=Mark)
    except (OSError, msgspec.MsgspecError):
        return None


def written_by(out: Path) -> list[str]:
    """The files of the report in `out`, as far as they are inside it: anybody may have written a mark."""
    mark = read_mark(out)
    if mark is None:
        return []
    if mark.files is None:  # of a version that listed none: its page, its mark, and the folders of its findings
        folders = [path.parent for path in out.glob(f"*/{_OWN_FOLDER}")]
        inside = [path for folder in folders for path in folder.iterdir() if path.is_file()]
        return [INDEX, MARK, *(path.relative_to(out).as_posix() for path in inside)]
    return list(dict.fromkeys([*_safe(out, mark.files), MARK]))


def _safe(out: Path, names: Iterable[str]) -> list[str]:
    root = out.resolve()
    parts = {name: PurePosixPath(name) for name in names}
    inside = {name: path for name, path in parts.items() if not path.is_absolute() and ".." not in path.parts}
    return [name for name, path in inside.items() if path.parts and (out / path).parent.resolve().is_relative_to(root)]


def _stands(out: Path, name: str) -> bool:
    """Whether something is in the way of this file: itself, or a file where its folder would be."""
    path = out / name
    return path.exists() or path.is_symlink() or (path.parent.exists() and not path.parent.is_dir())


def _files_in(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def _write_mark(out: Path, mark: Mark) -> None:
    with whole_file(out / MARK) as partial:
        partial.write_bytes(msgspec.json.encode(mark))


def _move(source: Path, target: Path, names: Iterable[str]) -> None:
    for name in names:
        if (source / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).replace(target / name)


def _remove_empty(out: Path, names: Iterable[str]) -> None:
    """Remove the folders of a report's files that nothing lies in any more."""
    for folder in sorted({(out / name).parent for name in _safe(out, names)} - {out}, reverse=True):
        with suppress(OSError):  # not empty, or gone
            folder.rmdir()
