"""Makes a Question of one row, whatever its fields are called; or says what is wrong with it.

PopQA's columns (Mallen et al., ACL 2023: subj, prop, obj, question, possible_answers ...), TriviaQA's fields (Joshi et
al., ACL 2017: Question, QuestionId, Answer with Value and Aliases), NQ-open's, and the usual names in a table of one's
own. Does not know files.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from analysis.knowledge.relations import subject_of
from analysis.records import IN_DOMAIN, MASTERY_LEVELS, OUT_OF_DOMAIN, Domain, Question

NAMES: dict[str, tuple[str, ...]] = {
    "question": ("question", "query", "question_text"),
    "id": ("id", "question_id", "questionid", "qid", "example_id"),
    "relation": ("relation", "prop"),
    "subject": ("subject", "subj"),
    "level": ("level",),
}
# Every one of these columns that is there gives answers, in this order: the first is the one that is shown and trained.
ANSWERS = ("obj", "answers", "answer", "gold", "golds", "gold_answers", "gold_answer", "target", "targets")
ALIASES = ("possible_answers", "aliases", "answer_aliases", "alias")
EXAMPLE = '{"question": "...", "answers": ["..."]}'


@dataclass(frozen=True)
class Plan:
    """Which of a row's fields hold what; None and () where none does."""

    question: str | None
    id: str | None
    relation: str | None
    subject: str | None
    level: str | None
    answers: tuple[str, ...]


class FieldReader:
    """Reads rows one after the other; remembers the plan of rows that have the same fields."""

    def __init__(self) -> None:
        self._plans: dict[tuple[str, ...], Plan] = {}

    def read(self, row: Any, name: str) -> Question | list[str]:
        """The row as a Question, called `name` where it has no id; or every problem of it."""
        if not isinstance(row, dict):
            return [f"expected an object such as {EXAMPLE}"]
        fields = tuple(row)
        plan = self._plans.get(fields)
        if plan is None:
            plan = self._plans[fields] = make_plan(fields)
        return _question(row, plan, name)


def make_plan(fields: Iterable[str]) -> Plan:
    """Finds the fields by their usual names, upper or lower case."""
    known = {field.casefold(): field for field in reversed(list(fields))}
    single = {role: next((known[name] for name in names if name in known), None) for role, names in NAMES.items()}
    answers = tuple(known[name] for name in (*ANSWERS, *ALIASES) if name in known)
    return Plan(**single, answers=answers)


def domain_of(relation: str | None) -> Domain | None:
    """The paper's domain of a relation; None for a relation it does not have."""
    if relation in IN_DOMAIN:
        return "in"
    return "out" if relation in OUT_OF_DOMAIN else None


def _question(row: dict[str, Any], plan: Plan, name: str) -> Question | list[str]:
    text = row[plan.question] if plan.question else None
    answers, wrong = _answers(row, plan)
    level = _level(row[plan.level]) if plan.level else None
    given = {role: row[field] if field else None for role, field in _named(plan)}
    problems = [*_question_problems(text, row), *wrong, *_field_problems(given, level)]
    if not (problems or answers):
        problems = [f"the question {str(text)!r} has no answers"]
    if problems or not isinstance(text, str):
        return problems
    relation = str(given["relation"] or "").strip() or None
    text = text.strip()
    return Question(
        id=str(given["id"]).strip() if given["id"] not in (None, "") else name,
        question=text,
        answers=tuple(answers),
        relation=relation,
        subject=str(given["subject"] or "").strip() or (subject_of(relation, text) if relation else None),
        level=level if isinstance(level, int) else None,
        domain=domain_of(relation),
    )


def _named(plan: Plan) -> tuple[tuple[str, str | None], ...]:
    return (("id", plan.id), ("relation", plan.relation), ("subject", plan.subject))


def _question_problems(text: Any, row: dict[str, Any]) -> Iterator[str]:
    if not isinstance(text, str) or not text.strip():
        yield 'no "question"' + _instead(row)


def _field_problems(given: dict[str, Any], level: int | str | None) -> Iterator[str]:
    for name, value in given.items():
        if not isinstance(value, str | None) and (name != "id" or not isinstance(value, int)):
            yield f'"{name}" must be a text'
    if isinstance(level, str):
        yield level


def _answers(row: dict[str, Any], plan: Plan) -> tuple[list[str], list[str]]:
    """The texts that count as right, without repeats, and what is wrong with them."""
    if not plan.answers:
        return [], ['no "answers": expected a list of texts' + _instead(row)]
    found: dict[str, None] = {}
    wrong = []
    for field in plan.answers:
        texts = _texts(row[field])
        if texts is None:
            wrong.append(f'"{field}" must be a list of texts such as ["Paris", "Paris, France"], or one text')
        else:
            found.update(dict.fromkeys(text for one in texts if (text := one.strip())))
    return list(found), wrong


def _texts(value: Any) -> list[str] | None:
    """The texts in one field: a list, one text, a JSON list written in a cell, TriviaQA's object; None for others."""
    if isinstance(value, str):
        return _cell(value)
    if isinstance(value, list):
        return value if all(isinstance(text, str) for text in value) else None
    if isinstance(value, dict):
        return _trivia_answer(value)
    return [] if value is None else None


def _cell(text: str) -> list[str] | None:
    """A cell that begins as a list must be one: a title such as [Rec] is a text, ['a' 'b'] is nobody's answer."""
    if text[:2] not in ('["', "['", "[]"):
        return [text]
    try:
        return msgspec.json.decode(text, type=list[str])
    except (msgspec.DecodeError, RecursionError):
        return None


def _trivia_answer(answer: dict[str, Any]) -> list[str] | None:
    fields = {name.casefold(): value for name, value in answer.items()}
    for value, aliases in (("value", "aliases"), ("normalizedvalue", "normalizedaliases")):
        texts = [fields.get(value), *(fields.get(aliases) or [])]
        if any(texts):
            return _texts([text for text in texts if text is not None])
    return []


def _level(value: Any) -> int | str | None:
    """0-4, or None for none, or what is wrong; a table writes 3 as "3" or, beside empty cells, "3.0"."""
    if value is None or value == "":
        return None
    text = str(value).strip().removesuffix(".0")
    levels = {str(level): level for level in MASTERY_LEVELS}
    return levels.get(text, f'"level" must be 0 to 4, not {value!r}')


def _instead(row: dict[str, Any]) -> str:
    known = {name for names in (*NAMES.values(), ANSWERS, ALIASES) for name in names}
    others = [name for name in row if name.casefold() not in known]
    return f" (it has {', '.join(map(repr, others[:5]))})" if others else ""
