"""Files and folders that appear under their names only when they are whole, and the removal of what killed runs left.

While being written they have a hidden name beside their own, which tells the machine, the process and when it began: a
process that was killed could remove nothing, so the next one removes what no living process of this machine writes.
What another machine left (on a shared disk) is never touched: it may still be written to.
"""

import errno
import glob
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from analysis.errors import StoreError

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def whole_folder(out: Path) -> Iterator[Path]:
    """A hidden folder beside `out` that becomes `out` when the block ends well, and is removed when it does not.

    Raises StoreError where the system refuses to write, "disk-full" among its codes.
    """
    folder: Path | None = None
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        remove_leftovers(out.parent, out.name)
        folder = partial_folder(out.parent, out.name)
        yield folder
        open_to_others(folder)
        folder.rename(out)
    except OSError as error:
        raise StoreError(
            f"{out} could not be written: {error.strerror or error}. Free space there, or give another folder.",
            code="disk-full" if error.errno in FULL else "out-unwritable",
        ) from error
    finally:
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A hidden file beside `path` that replaces it when the block ends well, and is removed when it does not.

    Raises OSError as it comes.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=_own_start(path.name))
    os.close(descriptor)
    partial = Path(name)
    try:
        yield partial
        open_to_others(partial)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def partial_folder(parent: Path, name: str) -> Path:
    """A new hidden folder in `parent` for what will be called `name`."""
    return Path(tempfile.mkdtemp(dir=parent, prefix=_own_start(name)))


def remove_aside(path: Path, aside: Path) -> None:
    """Remove a folder or file, renamed into the folder `aside` of its disk first: nobody ever sees a part of it.

    Gone already is well; raises OSError where it cannot be renamed.
    """
    aside.mkdir(parents=True, exist_ok=True)
    hidden = partial_folder(aside, "freed")
    try:
        with suppress(FileNotFoundError):  # another process was quicker
            path.rename(hidden / path.name)
    finally:
        shutil.rmtree(hidden, ignore_errors=True)


def remove_leftovers(parent: Path, name: str = "*") -> None:
    """Remove what dead processes of this machine left in `parent` of the thing called `name` (of anything)."""
    start = f"{'.*' if name == '*' else glob.escape('.' + name)}.partial-{_machine()}-*"
    for path in parent.glob(start):
        owner = path.name.rpartition(f".partial-{_machine()}-")[2].split("-")
        if len(owner) == 3 and owner[0].isdigit() and _began(int(owner[0])) != owner[1]:
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def open_to_others(path: Path) -> None:
    """The rights that the umask gives: tempfile and safetensors leave theirs to the owner alone."""
    for each in (path, *path.rglob("*")) if path.is_dir() else (path,):
        each.chmod((0o777 if each.is_dir() else 0o666) & ~_umask())


def _own_start(name: str) -> str:
    return f".{name}.partial-{_machine()}-{os.getpid()}-{_began(os.getpid())}-"


@cache
def _machine() -> str:
    """The same for all processes that see each other's numbers: host and process namespace."""
    namespace = Path("/proc/self/ns/pid")
    seen = f"{os.uname().nodename} {namespace.readlink() if namespace.is_symlink() else ''}"
    return hashlib.blake2b(seen.encode(), digest_size=4).hexdigest()


def _began(process: int) -> str | None:
    """When a process began, in the system's ticks ("0" where that cannot be told); None where there is none."""
    if Path("/proc/self/stat").exists():
        try:
            fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return None
        return None if fields[0] == "Z" else fields[19]
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        pass
    return "0"


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
