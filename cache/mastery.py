"""Work on mastery: what a base states by itself, measured in blocks that the store keeps, and the tables it gave.

A finished table lies under `mastery/<checkpoint's id>/` of the home folder as a parquet file, so that it can be handed
to fine-tuning and to evaluation by its path.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from analysis.records import Progress, ResultKey, Silent
from cache.asked import Asking, Comparison
from cache.keys import digest, key_digest, make_key
from cache.pairs import PairWork

if TYPE_CHECKING:
    import pandas as pd

    from analysis.knowledge.forms import Method
    from analysis.knowledge.mastery import Protocol
    from analysis.knowledge.mastery_table import MasteryTable
    from analysis.knowledge.questions import QuestionSet

_UNSAFE = re.compile(r"[^A-Za-z0-9_-]+")
Stamp = tuple[Path, int, int]


class MasteryWork(PairWork):
    """The paper's filter over one store; work cut short goes on where it was."""

    def mastery(
        self,
        source: str,
        asking: Asking,
        protocol: Protocol,
        templates: Mapping[str, Sequence[str]] | None = None,
        progress: Progress | None = None,
        method: Method | Literal["auto"] = "auto",
    ) -> MasteryTable:
        """R and level of every fact of these questions, for the model in `source`; the table is kept."""
        from analysis.knowledge.mastery import measure
        from analysis.knowledge.questions import load_questions
        from analysis.knowledge.templates import TEMPLATES
        from analysis.language.companions import companions_id
        from analysis.language.load import load_model
        from analysis.weights.checkpoint import open_checkpoint
        from analysis.weights.identity import content_id

        progress = progress or Silent()
        questions = load_questions(
            asking.questions, split=asking.split, domain=asking.domain, limit=asking.limit, seed=asking.seed
        )
        identity = content_id(open_checkpoint(source), self._identity, progress)
        dtype = self._decide_dtype(identity, source, asking.dtype)
        used = templates or TEMPLATES
        key = make_key(
            "mastery",
            checkpoint=identity,
            companions=companions_id(source),
            templates=digest(dict(used)),
            protocol=protocol,
            method=method,
            dtype=dtype,
        )
        progress.report(0, 1, "loading torch and the model")
        table = measure(
            load_model(source, dtype=dtype),
            questions.questions,
            templates=used,
            samples=protocol.samples,
            temperature=protocol.temperature,
            max_new_tokens=protocol.max_new_tokens,
            seed=protocol.seed,
            until=protocol.until,
            preview_of=protocol.preview_of,
            method=method,
            store=self.store,
            key=key,
            progress=progress,
        )
        table.write(self._mastery_folder(identity) / _table_name(asking, questions, table.method, key))
        return table

    def mastery_tables(self, source: str) -> tuple[Path, ...]:
        """The tables measured here for the model in `source`, newest first; none for weights never read."""
        identity = self._known_id(source)
        found = self._mastery_folder(identity).glob("*.parquet") if identity else ()
        return tuple(sorted(found, key=lambda path: (path.stat().st_mtime, path.name), reverse=True))

    def mastery_table(self, path: Path) -> MasteryTable:
        """A table measured before, read again only when its file has changed; QuestionError for any other file."""
        return _read_table(stamp(path))

    def sightings(self, source: str) -> pd.DataFrame | None:
        """How often the model in `source` saw each fact in its training (relation, subject, sightings); else None.

        Known for the demo's base alone.
        """
        from analysis.demo.world import prepared

        demo = prepared(self.home)
        if demo is None or Path(source).expanduser().resolve() != demo.base.resolve():
            return None
        return _read_sightings(stamp(demo.facts))

    def _known_id(self, source: str) -> str | None:
        """The model's id where its hashes are remembered; headers are parsed again only when a file has changed."""
        ids = self._ids(Comparison(source, source))
        return ids[0] if ids else None

    def _mastery_folder(self, identity: str) -> Path:
        return self.home / "mastery" / identity


def _table_name(asking: Asking, questions: QuestionSet, method: str, key: ResultKey) -> str:
    """A file name a person can tell apart: 'questions-test-500-statements-1a2b3c4d.parquet'."""
    stem = _UNSAFE.sub("-", Path(asking.questions).stem).strip("-")[:40] or "questions"
    mark = digest([key_digest(key), questions.id])[:8]
    return f"{stem}-{asking.split}-{len(questions.questions)}-{_UNSAFE.sub('-', method)}-{mark}.parquet"


def stamp(path: Path) -> Stamp:
    """Names a file as it is now; a missing one is told by whoever reads it."""
    found = path.expanduser().resolve()
    try:
        status = found.stat()
    except OSError:
        return found, 0, 0
    return found, status.st_mtime_ns, status.st_size


@lru_cache(maxsize=4)
def _read_table(stamp: Stamp) -> MasteryTable:
    from analysis.knowledge.mastery_table import read_mastery

    return read_mastery(stamp[0])


@lru_cache(maxsize=2)
def _read_sightings(stamp: Stamp) -> pd.DataFrame:
    import pandas as pd

    return pd.read_parquet(stamp[0], columns=["relation", "subject", "sightings"])
