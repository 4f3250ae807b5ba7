"""JSON that came with a checkpoint, read without trust: headers, configs, indexes, adapter settings.

A file found on the web may be anything: gigabytes, a pipe, ten thousand brackets, half a surrogate. Whatever is wrong
is a sentence, and no file makes the process hang, crash or fill its memory. Knows nothing of what the settings mean.
"""

import json
import re
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

LARGEST_BYTES = 100_000_000
MOST_VALUES = 1 << 22  # a value takes some 60 bytes in memory: what is believed stays below about 300 MB
_HALF_CHARACTER = re.compile(rb"\\u[dD][89a-fA-F]")

Pairs = list[tuple[str, Any]]


def parse(raw: bytes, pairs: Callable[[Pairs], Any] | None = None) -> Any:
    """The value of UTF-8 JSON text; `pairs` makes the objects, as in json.loads. Raises ValueError saying why not."""
    if raw.count(b",") + raw.count(b"[") + raw.count(b"{") > MOST_VALUES:
        raise ValueError(f"holds more than {MOST_VALUES:,} values")
    try:
        value = json.loads(raw.decode("utf-8"), object_pairs_hook=pairs)
        if _HALF_CHARACTER.search(raw):
            json.dumps(value, ensure_ascii=False).encode()  # half a character could never be printed
    except RecursionError:
        raise ValueError("is nested too deeply") from None
    except ValueError:
        raise ValueError("is not valid JSON") from None
    return value


def read_table(file: Path) -> tuple[dict[str, Any], str]:
    """The object that a JSON file holds and "", or {} and what is wrong with the file."""
    try:
        status = file.stat()
        if not stat.S_ISREG(status.st_mode):
            return {}, f"{file.name} is not a regular file"
        if status.st_size > LARGEST_BYTES:
            return {}, f"{file.name} is too large for a table of settings ({status.st_size:,} bytes)"
        value = parse(file.read_bytes())
    except OSError as error:
        return {}, f"{file.name} {why_unreadable(file, error)}"
    except ValueError as error:
        return {}, f"{file.name} {error}"
    return (value, "") if isinstance(value, dict) else ({}, f"{file.name} is not a table of settings")


def why_unreadable(file: Path, error: OSError) -> str:
    """The system's reason; of a link that leads nowhere also where it points."""
    if file.is_symlink() and not file.exists():
        return f"is a link to {file.readlink()}, which is not there"
    return f"cannot be read ({error.strerror})"
