"""A folder that appears under its name only when it is whole."""

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from analysis.errors import StoreError


@contextmanager
def whole_folder(out: Path) -> Iterator[Path]:
    """A hidden folder beside `out` that becomes `out` when the block ends well, and is removed when it does not.

    Raises StoreError where the system refuses to write, "disk-full" among its codes.
    """
    folder: Path | None = None
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}.partial-"))
        yield folder
        for path in (folder, *folder.rglob("*")):  # safetensors and mkdtemp leave theirs to the owner alone
            path.chmod((0o777 if path.is_dir() else 0o666) & ~_umask())
        folder.rename(out)
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        raise StoreError(
            f"{out} could not be written: {error.strerror or error}. Free space there, or give another folder.",
            code="disk-full" if full else "out-unwritable",
        ) from error
    finally:
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
