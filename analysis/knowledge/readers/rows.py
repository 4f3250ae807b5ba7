"""Reads the rows of one file, whichever way they are written: JSON lines, a JSON array, TriviaQA's object, CSV or TSV.

Known by its first character, not by its name. Lines are read one at a time, so that a file may be large; a byte that is
no UTF-8 is a problem of its line. Does not know what a row means.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from itertools import chain
from typing import IO, Any

import msgspec

from analysis.errors import QuestionError
from analysis.knowledge.readers.problems import Problems
from analysis.knowledge.readers.sources import DataFile

Row = tuple[str, Any]  # where it stands ("line 3"), and what stands there
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
DELIMITERS = "\t,;"
NOT_JSON = (msgspec.DecodeError, RecursionError)  # the second of brackets nested thousands deep
BYTE = re.compile(r"\(byte (\d+)\)")


class TriviaFile(msgspec.Struct):
    """The one object of a TriviaQA file; whatever else stands in it is passed over."""

    Data: list[msgspec.Raw]


def read_rows(file: DataFile, stream: IO[bytes], problems: Problems) -> Iterator[Row]:
    """Every row with its place; what cannot be read goes to `problems`. QuestionError for an empty file."""
    lines = enumerate(stream, start=1)
    first = next(((number, line) for number, line in lines if line.strip(BYTE_ORDER_MARK + b" \t\r\n")), None)
    if first is None:
        raise QuestionError(f"{file.path} is empty ({file.label}): expected one question a line.")
    number, line = first
    line = line.removeprefix(BYTE_ORDER_MARK)
    start = line.lstrip()[:1]
    if start == b"[":
        return _array(file, _whole(first, line, stream), problems)
    if start != b"{":
        return _table(number, chain([(number, line)], lines), problems)
    if _is_row(line):
        return _lines(chain([(number, line)], lines), problems)
    whole = _whole(first, line, stream)
    found = _object(whole, problems)
    return _lines(enumerate(whole.split(b"\n"), start=1), problems) if found is None else found


def _whole(first: tuple[int, bytes], line: bytes, stream: IO[bytes]) -> bytes:
    return b"\n" * (first[0] - 1) + line + stream.read()


def _is_row(line: bytes) -> bool:
    try:
        return "Data" not in msgspec.json.decode(line)
    except (*NOT_JSON, UnicodeDecodeError):
        return False


def _lines(lines: Iterator[tuple[int, bytes]], problems: Problems) -> Iterator[Row]:
    decode = msgspec.json.Decoder().decode
    for number, line in lines:
        if not line.isspace() and line:
            try:
                yield f"line {number}", decode(line.decode())
            except UnicodeDecodeError as error:
                problems.add(f"line {number}", _bad_byte(line, error))
            except NOT_JSON as error:
                problems.add(f"line {number}", f"not JSON: {error}")


def _array(file: DataFile, content: bytes, problems: Problems) -> Iterator[Row]:
    try:
        items = msgspec.json.decode(content, type=list[msgspec.Raw])
    except NOT_JSON as error:
        raise QuestionError(f"{file.path} is not JSON{_place(content, error)}: {error}.") from error
    return _items("item", items, problems)


def _object(content: bytes, problems: Problems) -> Iterator[Row] | None:
    """The items of TriviaQA's object, or the one row there is; None where it is no JSON object."""
    try:
        if not isinstance(msgspec.json.decode(content, type=dict[str, msgspec.Raw]).get("Data"), msgspec.Raw):
            return iter([("the object", msgspec.json.decode(content))])
        return _items("Data item", msgspec.json.decode(content, type=TriviaFile).Data, problems)
    except (*NOT_JSON, UnicodeDecodeError):
        return None


def _items(name: str, items: list[msgspec.Raw], problems: Problems) -> Iterator[Row]:
    for number, item in enumerate(items, start=1):
        try:
            yield f"{name} {number}", msgspec.json.decode(bytes(item).decode())
        except UnicodeDecodeError as error:
            problems.add(f"{name} {number}", _bad_byte(bytes(item), error))
        except NOT_JSON as error:
            problems.add(f"{name} {number}", f"not JSON: {error}")


def _table(first: int, lines: Iterator[tuple[int, bytes]], problems: Problems) -> Iterator[Row]:
    texts = _texts(lines, problems)
    head = next(texts)
    delimiter = max(DELIMITERS, key=head.count)
    reader = csv.reader(chain([head], texts), delimiter=delimiter, strict=True)
    begun = first  # the line a row begins at; its fields may go over several
    try:
        header = [name.strip() for name in next(reader)]
        begun = first + reader.line_num
        for cells in reader:
            where, begun = f"line {begun}", first + reader.line_num
            if len(cells) == len(header):
                yield where, dict(zip(header, cells, strict=True))
            elif cells:
                problems.add(where, f"it has {len(cells)} fields, the header has {len(header)}")
    except csv.Error as error:
        problems.add(f"line {begun}", _quoting(error))


def _texts(lines: Iterator[tuple[int, bytes]], problems: Problems) -> Iterator[str]:
    """The lines as text; one with a bad byte is told of and read on, since a field may go over several lines."""
    for number, line in lines:
        try:
            yield line.decode()
        except UnicodeDecodeError as error:
            problems.add(f"line {number}", _bad_byte(line, error))
            yield line.decode(errors="replace")


def _bad_byte(line: bytes, error: UnicodeDecodeError) -> str:
    return f"not UTF-8: the byte 0x{line[error.start]:02x} at place {error.start + 1}; save the file as UTF-8"


def _quoting(error: csv.Error) -> str:
    return (
        f'the quotation marks do not fit ({error}): a field that holds " stands in quotation marks, with each " '
        "doubled; or write JSON lines"
    )


def _place(content: bytes, error: Exception) -> str:
    found = BYTE.search(str(error))
    return f" (line {content.count(bytes([10]), 0, int(found[1])) + 1})" if found else ""
