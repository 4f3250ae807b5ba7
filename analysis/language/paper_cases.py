"""Facts put to the base as statements: which completions tell the answer near their beginning, and where it begins.

The base's half of the paper's measurement (paper.py). Knows neither the tuned model nor the measures.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from analysis.knowledge.prompts import Prompt, encode_prompts, encode_text
from analysis.knowledge.scoring import contains
from analysis.knowledge.templates import fill
from analysis.language.generate import MAX_NEW_TOKENS, context_length, greedy
from analysis.language.visits import Part
from analysis.records import Progress, Question

if TYPE_CHECKING:
    from analysis.language.load import LanguageModel
    from analysis.records import Stopped

NEAR = 3  # tokens: room for an article or a preposition before the answer
NO_STATEMENT = "its relation has no statement in the mastery table"
TOO_LONG = "its statement or question does not fit in the model's context"
NOT_SAID = "the base's completion does not hold the answer"
LATE = "the answer begins after token {} of the base's completion"


@dataclass(frozen=True)
class Statement:
    """A relation's statement with {subject}, the best of the base's: its rate is the share right of all samples."""

    text: str
    rate: float


@dataclass(frozen=True)
class Case:
    """A fact put to the base: the ids up to where its answer begins, and what it told."""

    fact: Question
    ids: tuple[int, ...]
    begins: int
    completion: str


def ask_base(
    lm: LanguageModel,
    facts: Sequence[Question],
    statements: Mapping[str, Statement],
    prompt: Prompt,
    near: int,
    progress: Progress,
) -> tuple[list[Case], Counter[str]]:
    """The facts that count, and how many others do not, by reason; `lm` is the base, `prompt` the tuned model's."""
    told = [fact for fact in facts if fact.relation in statements and fact.subject]
    dropped: Counter[str] = Counter()
    dropped[NO_STATEMENT] = len(facts) - len(told)
    put = {fact.id: encode_text(lm.tokenizer, _filled(statements, fact)) for fact in told}
    fitting = _fitting(lm, told, put, prompt, near)
    dropped[TOO_LONG] = len(told) - len(fitting)
    cases = []
    for fact, tokens in zip(fitting, _complete(lm, fitting, put, near, progress), strict=True):
        place = answer_place(lm, fact, tokens)
        if place is None:
            dropped[NOT_SAID] += 1
        elif place[0] >= near:
            dropped[LATE.format(near)] += 1
        else:
            before = (*put[fact.id], *tokens[: place[0]])
            cases.append(Case(fact, before, place[0], _decode(lm, tokens[: place[1]])))
    return cases, +dropped  # without the reasons that nothing was left out for


def _filled(statements: Mapping[str, Statement], fact: Question) -> str:
    return fill(statements[fact.relation or ""].text, fact.subject or "")


def _fitting(
    lm: LanguageModel, facts: Sequence[Question], put: Mapping[str, Sequence[int]], prompt: Prompt, near: int
) -> list[Question]:
    """Those whose statement, with a completion, and whose question fit in the context."""
    asked = encode_prompts(lm.tokenizer, prompt, [fact.question for fact in facts])
    context, more = context_length(lm), near + MAX_NEW_TOKENS
    return [
        fact
        for fact, question in zip(facts, asked, strict=True)
        if len(put[fact.id]) + more <= context and len(question) <= context
    ]


def _complete(
    lm: LanguageModel, facts: Sequence[Question], put: Mapping[str, Sequence[int]], near: int, progress: Progress
) -> list[tuple[int, ...]]:
    """Greedy completions, each until it holds an accepted answer."""

    def finished(row: int, tokens: Sequence[int]) -> Stopped | None:
        return "scores" if contains(_decode(lm, tokens), facts[row]) else None

    part = Part(progress, 0, 2, "Completing the base's best statements")
    ids = [put[fact.id] for fact in facts]
    told = greedy(lm, ids, max_new_tokens=near + MAX_NEW_TOKENS, finished=finished, progress=part)
    return [answer.token_ids for answer in told]


def answer_place(lm: LanguageModel, fact: Question, tokens: Sequence[int]) -> tuple[int, int] | None:
    """Where the first accepted answer lies in a completion: its first token, and one past its last; None without one.

    Tokens are from 0. The answer ends where the text first holds it, and begins at the last token from which on the
    text up to there still does.
    """
    end = next((n for n in range(1, len(tokens) + 1) if contains(_decode(lm, tokens[:n]), fact)), None)
    if end is None:
        return None
    begin = max(n for n in range(end) if contains(_decode(lm, tokens[n:end]), fact))
    return begin, end


def _decode(lm: LanguageModel, tokens: Sequence[int]) -> str:
    text = lm.tokenizer.decode(list(tokens), skip_special_tokens=True, clean_up_tokenization_spaces=False)
    return str(text)
