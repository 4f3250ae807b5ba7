"""Which files a training's facts are from, and the command that makes it again: what a card says of where it is from.

Files are told by name and content, never by where they lie, so that a card is the same on every machine.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import xxhash

_CHUNK = 1 << 20


@dataclass(frozen=True)
class Origin:
    """A question file and the base's mastery table, each by its name and its content's hash, and a command.

    A hash is xxh3-128 in hexadecimal, of a folder over its files' names and contents. The command names the files alone
    and is for the folder they lie in. What is not known, as of facts that were made and not read, is None or "".
    """

    questions: str | None = None
    questions_id: str | None = None
    mastery: str | None = None
    mastery_id: str | None = None
    command: str = ""


UNKNOWN = Origin()


def origin_of(questions: str | Path, mastery: str | Path | None = None, command: str = "") -> Origin:
    """The origin of a training on these files; OSError where one cannot be read."""
    facts = Origin(name_of(questions), file_id(Path(questions)), command=command)
    return facts if mastery is None else replace(facts, mastery=name_of(mastery), mastery_id=file_id(Path(mastery)))


def name_of(source: str | Path) -> str:
    """What a path is called without its folder; a Hugging Face id, which is no path here, stays whole."""
    place = Path(source).expanduser()
    return place.absolute().name if place.exists() else str(source)


def file_id(path: Path) -> str:
    """xxh3-128 of a file's bytes, or of a folder's names and bytes, in the order of names; hidden ones do not count."""
    path = path.expanduser()
    if path.is_file():
        return _hashed(path).hexdigest()
    state = xxhash.xxh3_128()
    names = sorted(each.relative_to(path).as_posix() for each in path.rglob("*") if each.is_file())
    for name in names:
        if not f"/{name}".count("/."):
            state.update(f"{name}\0".encode() + _hashed(path / name).digest())
    return state.hexdigest()


def _hashed(path: Path) -> xxhash.xxh3_128:
    state = xxhash.xxh3_128()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            state.update(chunk)
    return state
