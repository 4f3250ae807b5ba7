"""Our own statement templates: 21 per relation, as the paper's mastery filter asks.

The paper does not print its templates; these are written for this project. "{subject} was born in" states the fact up
to its object, which follows after one space. Knows no facts and no model.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import msgspec

from analysis.errors import QuestionError
from analysis.knowledge import statements_in, statements_out
from analysis.knowledge.relations import RELATIONS, SUBJECT

PAPER_TEMPLATES = 21  # templates a relation in the paper's protocol


def _lines(block: str) -> tuple[str, ...]:
    return tuple(line.strip() for line in block.strip().splitlines())


_BLOCKS = {**statements_in.STATEMENTS, **statements_out.STATEMENTS}
TEMPLATES: Mapping[str, tuple[str, ...]] = MappingProxyType({name: _lines(_BLOCKS[name]) for name in RELATIONS})


def fill(template: str, subject: str) -> str:
    """The statement about this subject, up to its object; braces in the subject are left alone."""
    return template.replace(SUBJECT, subject)


def check_templates(templates: Mapping[str, tuple[str, ...]]) -> None:
    """Refuse templates that would measure something else than a completed fact.

    Raises QuestionError with every offender: a relation without templates, a repeated one, {subject} missing or
    repeated, or blanks at the ends (the object brings its own space).
    """
    problems = [f"{name}: no templates" for name, group in templates.items() if not group]
    for name, group in templates.items():
        repeated = sorted({text for text in group if group.count(text) > 1})
        problems += [f"{name}: {text!r} stands there twice" for text in repeated]
        problems += [f"{name}: {text!r} needs {SUBJECT} exactly once" for text in group if text.count(SUBJECT) != 1]
        problems += [f"{name}: {text!r} begins or ends with a blank" for text in group if text != text.strip()]
    if problems:
        raise QuestionError(
            "These statement templates cannot be used: each relation needs different statements with "
            f"{SUBJECT} once, ending right before the object.",
            code="templates",
            items=problems,
        )


def read_templates(path: Path) -> dict[str, tuple[str, ...]]:
    """Statement templates of one's own: a JSON object, relation -> list of statements with {subject}.

    Raises QuestionError naming every statement that cannot be used.
    """
    try:
        found = msgspec.json.decode(path.read_bytes(), type=dict[str, tuple[str, ...]])
    except (OSError, msgspec.MsgspecError) as error:
        raise QuestionError(
            f"{path} holds no templates ({error}).", items=['Write {"P19": ["{subject} was born in", ...], ...}.']
        ) from error
    check_templates(found)
    return found
