"""A divergence report as tables and words: every token, the means by part, the largest disagreements with context."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from analysis.figures import numbers
from analysis.figures.reading import Measure, value_of
from analysis.figures.visible import spoken
from analysis.records import Alternative, DivergenceReport, PromptDivergence, Question, TokenDivergence

CONTEXT_TOKENS = 6
ALIGNMENT = (
    "The colour on a token is the disagreement of the two models when **predicting** that token from the tokens "
    "before it. The first token has no value: nothing predicts it."
)
PARTS = {"prompt": "Prompt", "answer": "Answer", "first": "First answer token", "all": "All counted tokens"}
RANKED_COLUMNS = (
    *("nats", "token", "base_expected", "tuned_expected", "base_probability", "tuned_probability"),
    *("before", "after", "part", "position", "text", "text_id"),
)


def question_titles(questions: Sequence[Question]) -> dict[str, str]:
    """What each question's text is called on screen: the question, its relation and its mastery level."""
    return {question.id: " · ".join(_title_parts(question)) for question in questions}


def _title_parts(question: Question) -> list[str]:
    level = [] if question.level is None else [f"mastery level {question.level}"]
    return [question.question, *([question.relation] if question.relation else []), *level]


def token_table(report: DivergenceReport, titles: Mapping[str, str] | None = None) -> pd.DataFrame:
    """One row a token of every text, hidden ones included and marked: what the CSV holds, every digit kept."""
    rows = [_row(prompt, token, titles or {}) for prompt in report.prompts for token in prompt.tokens]
    return pd.DataFrame(rows)


def _row(prompt: PromptDivergence, token: TokenDivergence, titles: Mapping[str, str]) -> dict[str, Any]:
    return {
        "text_id": prompt.id,
        "title": titles.get(prompt.id, prompt.id),
        "position": token.position,
        "token": token.text,
        "id": token.id,
        "part": token.part,
        "special": token.special,
        "template": token.template,
        "kl_full_nats": token.kl_full_nats,
        "kl_top_nats": token.kl_top_nats,
        "base_logprob_nats": token.base_logprob_nats,
        "tuned_logprob_nats": token.tuned_logprob_nats,
        "base_first": token.base_top[0].text if token.base_top else None,
        "tuned_first": token.tuned_top[0].text if token.tuned_top else None,
        "first_choice_changed": token.flipped,
    }


def means_table(report: DivergenceReport) -> pd.DataFrame:
    """Rows prompt, answer, first answer token and all: tokens n, mean KLs (nats), share whose first choice changed.

    Only counted tokens; a part without any has n = 0 and missing means.
    """
    groups = {name: _members(report, name) for name in PARTS}
    return pd.DataFrame([_mean_row(PARTS[name], tokens) for name, tokens in groups.items()])


def _members(report: DivergenceReport, part: str) -> list[TokenDivergence]:
    if part == "first":
        firsts = (next((token for token in prompt.tokens if token.part == "answer"), None) for prompt in report.prompts)
        return [token for token in firsts if token is not None and token.counted]
    tokens = (token for prompt in report.prompts for token in prompt.tokens if token.counted)
    return [token for token in tokens if part in ("all", token.part)]


def _mean_row(name: str, tokens: Sequence[TokenDivergence]) -> dict[str, Any]:
    return {
        "part": name,
        "n": len(tokens),
        "kl_full_nats": _mean([token.kl_full_nats or 0.0 for token in tokens]),
        "kl_top_nats": _mean([token.kl_top_nats or 0.0 for token in tokens]),
        "first_choice_changed": _mean([float(bool(token.flipped)) for token in tokens]),
    }


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def ranked_tokens(
    report: DivergenceReport, measure: Measure, titles: Mapping[str, str] | None = None, limit: int | None = None
) -> pd.DataFrame:
    """Counted tokens by falling disagreement (nats), each with the tokens around it and both models' first choices."""
    found = [
        (value_of(token, measure) or 0.0, prompt, token)
        for prompt in report.prompts
        for token in prompt.tokens
        if token.counted
    ]
    found.sort(key=lambda entry: -entry[0])
    rows = [_ranked(value, prompt, token, titles or {}) for value, prompt, token in found[:limit]]
    return pd.DataFrame(rows, columns=list(RANKED_COLUMNS))


def _ranked(
    value: float, prompt: PromptDivergence, token: TokenDivergence, titles: Mapping[str, str]
) -> tuple[Any, ...]:
    at = token.position
    return (
        value,
        spoken(token.text),
        _first(token.base_top),
        _first(token.tuned_top),
        _probability(token.base_logprob_nats),
        _probability(token.tuned_logprob_nats),
        _around(prompt.tokens[max(0, at - CONTEXT_TOKENS) : at]),
        _around(prompt.tokens[at + 1 : at + 1 + CONTEXT_TOKENS]),
        token.part,
        at,
        titles.get(prompt.id, prompt.id),
        prompt.id,
    )


def _around(tokens: Sequence[TokenDivergence]) -> str:
    return "".join(token.text for token in tokens if not (token.special or token.template))


def _first(top: Sequence[Alternative]) -> str:
    return f"{spoken(top[0].text)} {numbers.share(top[0].probability, 0)}" if top else numbers.MISSING


def _probability(logprob_nats: float | None) -> float | None:
    return None if logprob_nats is None else math.exp(logprob_nats)


def report_words(report: DivergenceReport, measure: Measure, state: str = "tuned") -> str:
    """The report in a sentence: how much, over how many tokens, and what was left out."""
    mean = report.mean_kl_full_nats if measure == "full" else report.mean_kl_top_nats
    hidden = report.special_hidden + report.template_hidden
    left = f"; {numbers.count(hidden)} special and template tokens are left out" if hidden else ""
    if mean is None:
        return f"There is no token to average over{left}."
    words = f"{nats(mean)} nats on average over {numbers.count(report.tokens_counted)} tokens{left}."
    first = _mean_row("first", _members(report, "first"))
    if first["n"]:
        value = first["kl_full_nats" if measure == "full" else "kl_top_nats"]
        words += f" At the first answer token: {nats(value)} nats over {numbers.count(first['n'])} texts; "
        words += (
            f"{state} and base differ there in their first choice in {numbers.share(first['first_choice_changed'], 0)}."
        )
    return words


def nats(value: float | None) -> str:
    """A disagreement for people: three significant digits, a dash where there is none."""
    return numbers.significant(value)
