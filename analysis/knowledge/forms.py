"""What is put to a model to see whether it knows a fact: the paper's statements, or the question after a few others.

The paper's form completes statements of the fact, which needs templates for its relation and the fact's subject. The
question form asks the fact's own question behind worked examples drawn from the same set (never the fact itself), with
several drawings where statements have several templates; an answer ends with its line. The two measure different
things: a number is always named with its form. Knows no models.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from analysis.errors import QuestionError
from analysis.knowledge.prompts import prompt_text, resolve_prompt
from analysis.knowledge.shots import draw_shots
from analysis.knowledge.templates import check_templates, fill
from analysis.records import Question

Method = Literal["statements", "question form"]
DRAWINGS = 5
SHOTS = 4
SPARE = 2  # a fact may clash with one shot by its text and with one by its subject


class Form(Protocol):
    """Texts that a fact is put into, the same number for every fact of a relation."""

    @property
    def method(self) -> Method: ...
    @property
    def names(self) -> Mapping[str, tuple[str, ...]]: ...  # by relation ("" for none): what the texts are called
    def texts(self, fact: Question) -> tuple[str, ...]: ...


@dataclass(frozen=True)
class Statements:
    """The paper's: each template of the fact's relation, with its subject."""

    names: Mapping[str, tuple[str, ...]]
    method: Method = "statements"

    def texts(self, fact: Question) -> tuple[str, ...]:
        """The statements up to the object."""
        return tuple(fill(template, fact.subject or "") for template in self.names[fact.relation or ""])


@dataclass(frozen=True)
class QuestionForm:
    """The fact's question behind SHOTS others, in each of several drawings."""

    names: Mapping[str, tuple[str, ...]]
    drawings: tuple[tuple[Question, ...], ...]
    method: Method = "question form"

    def texts(self, fact: Question) -> tuple[str, ...]:
        """The question, to be answered on the same line."""
        return tuple(_asked(fact, drawing) for drawing in self.drawings)


def _asked(fact: Question, drawing: Sequence[Question]) -> str:
    shots = draw_shots(drawing, [fact], min(SHOTS, max(0, len(drawing) - SPARE)), 0)
    return prompt_text(None, resolve_prompt("qa", shots), fact.question)


def make_form(
    facts: Sequence[Question], templates: Mapping[str, Sequence[str]], method: Method | Literal["auto"], seed: int
) -> Form:
    """The form for these facts: "auto" is statements where every fact has them, the question form where none has.

    Raises QuestionError naming every fact that the asked form cannot put, and where some have statements and some not.
    """
    lacking = list(_lacking(facts, templates))
    if not facts:
        raise QuestionError("Mastery cannot be measured: there are no facts. Give at least one question.")
    if method == "question form" or (method == "auto" and len(lacking) == len(facts)):
        return _question_form(facts, seed)
    if lacking:
        shown = lacking[:20] + ([f"and {len(lacking) - 20} more"] if len(lacking) > 20 else [])
        raise QuestionError(
            f"{len(lacking)} of {len(facts)} facts cannot be put into statements. Give templates for their relations "
            "and their subjects, leave them out, or measure all of them by the question form.",
            items=shown,
        )
    relations = sorted({fact.relation or "" for fact in facts})
    used = {relation: tuple(templates[relation]) for relation in relations}
    check_templates(used)
    return Statements(used)


def _lacking(facts: Sequence[Question], templates: Mapping[str, Sequence[str]]) -> Iterator[str]:
    for fact in facts:
        if not fact.subject:
            yield f"{fact.id}: no subject could be read from {fact.question!r}"
        elif fact.relation not in templates:
            yield f"{fact.id}: no templates for the relation {fact.relation!r}"


def _question_form(facts: Sequence[Question], seed: int) -> QuestionForm:
    names = tuple(f"question form, drawing {number + 1}" for number in range(DRAWINGS))
    drawings = tuple(_drawn(facts, seed + number) for number in range(DRAWINGS))
    return QuestionForm(dict.fromkeys(sorted({fact.relation or "" for fact in facts}), names), drawings)


def _drawn(facts: Sequence[Question], seed: int) -> tuple[Question, ...]:
    """As many questions as there are to draw, at most SHOTS and what is spared for clashes."""
    for count in range(SHOTS + SPARE, 0, -1):
        try:
            return draw_shots(facts, (), count, seed)
        except QuestionError:
            continue
    return ()
