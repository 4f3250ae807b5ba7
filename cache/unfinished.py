"""The answers of an evaluation under way, block by block, so that what was cut short or killed goes on where it was."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count
from typing import TYPE_CHECKING

from analysis.records import Answered, ResultKey, Stored
from cache.codecs import answers_from_table, answers_table
from cache.keys import key_digest

if TYPE_CHECKING:
    from cache.store import Store


class Unfinished:
    """The blocks of the evaluation under one key; gone once it is finished."""

    def __init__(self, store: Store, key: ResultKey) -> None:
        self._store, self._key = store, key

    def known(self) -> dict[str, Answered]:
        """Every answer kept, by its question's id."""
        return {row.id: row for stored in self._blocks() for row in answers_from_table(stored.tables["rows"])}

    def keep(self, rows: Sequence[Answered]) -> None:
        """Store one block more."""
        number = sum(1 for _ in self._blocks())
        self._store.put(self._part(number), Stored({}, tables={"rows": answers_table(rows)}))

    def forget(self) -> None:
        """The evaluation is finished: its blocks are not needed any more."""
        for number in range(sum(1 for _ in self._blocks())):
            self._store.delete(self._part(number))

    def _blocks(self) -> Iterator[Stored]:
        for number in count():
            stored = self._store.get(self._part(number))
            if stored is None:
                return
            yield stored

    def _part(self, number: int) -> ResultKey:
        return ResultKey("evaluation-part", self._key.version, {"of": key_digest(self._key), "number": number})
