"""Finds the question files in what a person names: a file, a folder or a zip; compressed by gzip or not.

Known by their names: the EntityQuestions release of Sciavolino et al., EMNLP 2021 (`{train,dev,test}/P19.dev.json`, one
file a relation), and else one file a split ("NQ-open.dev.jsonl", "unfiltered-web-train.json", "validation.csv.gz").
Does not know what stands in a file.
"""

from __future__ import annotations

import gzip
import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import IO, Literal, cast, get_args

from analysis.errors import QuestionError
from analysis.knowledge.readers.problems import damaged
from analysis.records import IN_DOMAIN, OUT_OF_DOMAIN, Split

RELEASED = re.compile(r"(?:^|/)(P\d+)\.(train|dev|test)\.json$")
TABLES = re.compile(r"\.(json|jsonl|ndjson|csv|tsv)(\.gz)?$", re.IGNORECASE)
SPLIT_NAME = re.compile(r"(?<![a-z])(train|dev|valid|validation|val|test)(?![a-z])", re.IGNORECASE)
SPLIT_OF = {"valid": "dev", "validation": "dev", "val": "dev"}
ZIP_START, GZIP_START, PARQUET_START = b"PK\x03\x04", b"\x1f\x8b", b"PAR1"
ARCHIVES = (".tar", ".tar.gz", ".tgz", ".bz2", ".xz", ".zst", ".7z", ".rar")
NO_ANSWERS = "without-answers"  # how TriviaQA names the test questions it keeps the answers of
SPLITS: tuple[Split, ...] = get_args(Split)


@dataclass(frozen=True)
class DataFile:
    """One file of questions: `name` inside `path`, which holds it (a folder or a zip) or is it (`name` is "")."""

    path: Path
    name: str = ""
    relation: str | None = None  # of a file of the EntityQuestions release
    split: Split | None = None

    @property
    def label(self) -> str:
        """What messages call it."""
        return self.name or self.path.name


def find_files(path: Path) -> tuple[DataFile, ...]:
    """Every file that may hold questions, of every split. Raises QuestionError where there is nothing to read."""
    if path.is_dir():
        return _inside(path, _folder_names(path))
    if not path.is_file():
        raise QuestionError(f"There is no question file {str(path)!r}.")
    if path.name.lower().endswith(ARCHIVES):
        raise QuestionError(f"{path} is an archive of a kind that is not read: unpack it and give the file or folder.")
    with path.open("rb") as stream:
        start = stream.read(4)
    if zipfile.is_zipfile(path) and start == ZIP_START:
        return _inside(path, _zip_names(path))
    if start == ZIP_START:
        raise damaged(path, "its end is missing")
    if start == PARQUET_START:
        raise QuestionError(f"{path} is a parquet file: write the table as CSV or JSON lines and give that.")
    released = RELEASED.search(path.name)
    return (DataFile(path, "", released[1], _split(released[2])) if released else DataFile(path),)


def choose_files(files: Sequence[DataFile], path: Path, split: Split | Literal["all"]) -> tuple[DataFile, ...]:
    """Those of one split or of all: the release's relations in the paper's order, or the one file there is."""
    if len(files) == 1:
        return tuple(files)
    wanted = SPLITS if split == "all" else (split,)
    if any(file.relation for file in files):
        found = {(file.relation, file.split): file for file in files}
        places = product((*IN_DOMAIN, *OUT_OF_DOMAIN), wanted)
        chosen = tuple(found[place] for place in places if place in found)
    else:
        chosen = tuple(file for file in files if file.split in wanted)
        if len(chosen) > len({file.split for file in chosen}):
            names = [file.name for file in chosen]
            raise QuestionError(f"{path} holds {len(chosen)} files for the split {split!r}: give one.", items=names)
    if not chosen:
        raise QuestionError(
            f"{path} holds no questions of the split {split!r}: expected EntityQuestions files "
            f"({split}/P19.{split}.json ...) or a file with {split!r} in its name.",
            items=[file.name for file in files[:20]],
        )
    return chosen


def splits_of(files: Sequence[DataFile]) -> tuple[Split, ...]:
    """Which splits these files are; empty where they do not say."""
    return tuple(split for split in SPLITS if any(file.split == split for file in files))


@contextmanager
def opened(file: DataFile) -> Iterator[IO[bytes]]:
    """The file's bytes, unpacked; QuestionError where they cannot be."""
    try:
        with ExitStack() as stack:
            yield _stream(file, stack)
    except (zipfile.BadZipFile, gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise damaged(file.path, error) from error
    except OSError as error:
        raise QuestionError(f"{file.path} cannot be read: {error.strerror or error}.") from error


def _stream(file: DataFile, stack: ExitStack) -> IO[bytes]:
    if file.path.is_dir():
        raw: IO[bytes] = stack.enter_context((file.path / file.name).open("rb"))
    elif file.name:
        raw = stack.enter_context(_open_inside(stack.enter_context(zipfile.ZipFile(file.path)), file))
    else:
        raw = stack.enter_context(file.path.open("rb"))
    start = raw.peek(2)[:2]  # type: ignore[attr-defined]  # both kinds of stream are buffered
    return cast("IO[bytes]", gzip.GzipFile(fileobj=raw)) if start == GZIP_START else raw


def _open_inside(archive: zipfile.ZipFile, file: DataFile) -> IO[bytes]:
    try:
        return archive.open(file.name)
    except RuntimeError as error:  # how zipfile says encrypted, or compressed in a way it does not know
        raise QuestionError(f"{file.path} cannot be unpacked here ({error}): unpack it and give the folder.") from error


def _folder_names(folder: Path) -> list[str]:
    """Files in the folder or up to two folders below; no deeper, whatever folder was given."""
    files = (file for pattern in ("*", "*/*", "*/*/*") for file in folder.glob(pattern))
    return sorted(file.relative_to(folder).as_posix() for file in files if TABLES.search(file.name))


def _zip_names(path: Path) -> list[str]:
    try:
        with zipfile.ZipFile(path) as archive:
            return [name for name in archive.namelist() if TABLES.search(name) and not name.startswith("__MACOSX/")]
    except zipfile.BadZipFile as error:
        raise damaged(path, error) from error


def _inside(path: Path, names: Sequence[str]) -> tuple[DataFile, ...]:
    released = [(name, match) for name in names if (match := RELEASED.search(name))]
    files = [DataFile(path, name, match[1], _split(match[2])) for name, match in released]
    files = files or [DataFile(path, name, None, _named_split(name)) for name in names if NO_ANSWERS not in name]
    if not files:
        raise QuestionError(
            f"{path} holds no EntityQuestions files (test/P19.test.json ...), nor a .jsonl, .json, .csv or .tsv file."
        )
    return tuple(files)


def _named_split(name: str) -> Split | None:
    found = SPLIT_NAME.search(name.rsplit("/", 1)[-1]) or SPLIT_NAME.search(name)
    return _split(found[1].lower()) if found else None


def _split(name: str) -> Split:
    wanted = SPLIT_OF.get(name, name)
    return next(split for split in SPLITS if split == wanted)
