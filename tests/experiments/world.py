"""A tiny world on disk that a whole plan runs over in seconds: a base, questions by split with their mastery table, and
the plan's text.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from analysis.knowledge.mastery import Protocol
from analysis.knowledge.mastery_table import MasteryTable
from analysis.records import Question
from tests.training.models import make_base

PLACES = ("other", "coal", "hotel", "bread", "Ada")  # spelled with the letters that the base's tokenizer has
FORMS = {"P19": "Where was {} born?", "P20": "Where did {} die?", "P26": "Who is {} married to?"}
# A base so small says the last word again, so that it "knows" the facts of level 4.
STATEMENTS = ("{subject} is Ada", "Of {subject} one says Ada")
PLAN = """
name = "tiny"
base = "base"
questions = "questions"
mastery = "mastery.parquet"

[train]
levels = [0, 4]
sizes = [8, 16]
seeds = [0]
learning_rate = 1e-2
epochs = 20

[restore]
percents = [20]
strategies = ["relative-top", "random"]

[measure]
in_domain = 20
out_of_domain = 10
train_percents = [20]
kl = true
layer_groups = 2
"""


def make_world(folder: Path) -> Path:
    """The world in this folder; returns the plan's file."""
    make_base(folder / "base")
    (folder / "questions").mkdir()
    for split, count in (("train", 100), ("test", 50)):
        lines = (json.dumps(fact) for fact in facts(split, count))
        (folder / "questions" / f"questions.{split}.jsonl").write_text("\n".join(lines) + "\n")
    mastery(facts("train", 100) + facts("test", 50)).write(folder / "mastery.parquet")
    (folder / "plan.toml").write_text(PLAN)
    return folder / "plan.toml"


def mastery(rows: list[dict[str, Any]], statements: Mapping[str, tuple[str, ...]] | None = None) -> MasteryTable:
    """A measurement that found these levels: so many of four samples right with each of two statements (by relation,
    where they are others).
    """
    known = [
        Question(row["id"], row["question"], tuple(row["answers"]), row["relation"], row["subject"]) for row in rows
    ]
    right = [(row["level"], row["level"]) for row in rows]
    return MasteryTable.of(known, right, dict.fromkeys(FORMS, STATEMENTS) | dict(statements or {}), Protocol(samples=4))


def facts(split: str, count: int) -> list[dict[str, Any]]:
    """`count` facts a relation, every fifth of a level."""
    return [
        {
            "id": f"{split}-{relation}-{number}",
            "question": form.format(f"{split} {number}"),
            "answers": [PLACES[number % 5]],
            "relation": relation,
            "subject": f"{split} {number}",
            "level": number % 5,
        }
        for relation, form in FORMS.items()
        for number in range(count)
    ]
