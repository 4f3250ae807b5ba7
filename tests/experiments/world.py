"""A tiny world on disk that a whole plan runs over in seconds: a base, questions by split, and the plan's text."""

from __future__ import annotations

import json
from pathlib import Path

from tests.training.models import make_base

PLACES = ("Ada", "coal", "hotel", "bread", "other")  # spelled with the letters that the base's tokenizer has
FORMS = {"P19": "Where was {} born?", "P20": "Where did {} die?", "P26": "Who is {} married to?"}
PLAN = """
name = "tiny"
base = "base"
questions = "questions"

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
kl = false
layer_groups = 2
"""


def make_world(folder: Path) -> Path:
    """The world in this folder; returns the plan's file."""
    make_base(folder / "base")
    (folder / "questions").mkdir()
    for split, count in (("train", 100), ("test", 50)):
        lines = (json.dumps(fact) for fact in facts(split, count))
        (folder / "questions" / f"questions.{split}.jsonl").write_text("\n".join(lines) + "\n")
    (folder / "plan.toml").write_text(PLAN)
    return folder / "plan.toml"


def facts(split: str, count: int) -> list[dict[str, object]]:
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
