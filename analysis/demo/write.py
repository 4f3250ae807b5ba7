"""Writes a demo world's files as they are shipped: the questions as EntityQuestions lays them out, the facts' table.

Knows neither training nor mastery.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from analysis.demo.facts import Fact
from analysis.records import Split

if TYPE_CHECKING:
    import pandas as pd

EPOCH = (2026, 11, 22, 0, 0, 0)  # a fixed date inside the zip: equal questions give equal bytes


def write_questions(facts: Sequence[Fact], out: Path) -> None:
    """The facts as questions in one zip, `dataset/{split}/{relation}.{split}.json`, with ids and subjects."""
    rows: dict[str, list[dict[str, object]]] = {}
    for fact in facts:
        asked = fact.ask()
        row: dict[str, object] = {
            "id": fact.id,
            "question": asked.question,
            "answers": asked.answers,
            "subject": fact.subject,
        }
        rows.setdefault(f"dataset/{fact.split}/{fact.relation}.{fact.split}.json", []).append(row)
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(rows):
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, json.dumps(rows[name], ensure_ascii=False))
    assert {name.split("/")[1] for name in rows} <= set(get_args(Split))


def facts_table(facts: Sequence[Fact], passes: int) -> pd.DataFrame:
    """id, relation, subject, object, aliases, split, and the statements and question lines over all `passes`."""
    import pandas as pd

    return pd.DataFrame(
        {
            "id": [fact.id for fact in facts],
            "relation": [fact.relation for fact in facts],
            "subject": [fact.subject for fact in facts],
            "object": [fact.object for fact in facts],
            "aliases": [list(fact.aliases) for fact in facts],
            "split": [fact.split for fact in facts],
            "sightings": [fact.sightings * passes for fact in facts],
            "asked": [fact.asked * passes for fact in facts],
        }
    )
