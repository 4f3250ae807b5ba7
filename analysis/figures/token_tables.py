"""A divergence report as tables and words: every token, the means by part, the largest disagreements with context."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from analysis.figures import numbers
from analysis.figures.token_columns import TokenColumns
from analysis.figures.token_intervals import mean_by_text
from analysis.figures.token_mass import Part, rows_of
from analysis.figures.token_measures import WORDS, Measure, measured, value_of
from analysis.figures.token_types import KINDS, kinds
from analysis.figures.visible import spoken
from analysis.records import Alternative, PromptDivergence, Question, TokenDivergence

CONTEXT_TOKENS = 6
ALIGNMENT = (
    "The value on a token is the disagreement of the two models when **predicting** that token from the tokens before "
    "it. The first token has none: nothing predicts it."
)
PARTS: dict[Part, str] = {
    "prompt": "Prompt",
    "answer": "Answer",
    "first": "First answer token",
    "all": "All counted tokens",
}
RANKED_COLUMNS = (
    *("value", "token", "kind", "base_expected", "tuned_expected", "base_probability", "tuned_probability"),
    *("before", "after", "part", "position", "text", "text_id"),
)


def question_titles(questions: Sequence[Question]) -> dict[str, str]:
    """What each question's text is called on screen: the question, its relation and its mastery level."""
    return {question.id: " · ".join(_title_parts(question)) for question in questions}


def _title_parts(question: Question) -> list[str]:
    level = [] if question.level is None else [f"mastery level {question.level}"]
    return [question.question, *([question.relation] if question.relation else []), *level]


def token_table(columns: TokenColumns, titles: Mapping[str, str] | None = None) -> pd.DataFrame:
    """One row a token of every text, hidden ones included and marked: what the CSV holds, every digit kept."""
    found, held = kinds(columns), measured(columns.report)
    rows = [_row(prompt, token, titles or {}, held) for prompt in columns.report.prompts for token in prompt.tokens]
    return pd.DataFrame(rows).assign(kind=[KINDS[kind] for kind in found])


def _row(
    prompt: PromptDivergence, token: TokenDivergence, titles: Mapping[str, str], held: Sequence[Measure]
) -> dict[str, Any]:
    return {
        "text_id": prompt.id,
        "title": titles.get(prompt.id, prompt.id),
        "position": token.position,
        "token": token.text,
        "id": token.id,
        "part": token.part,
        "special": token.special,
        "template": token.template,
        **{name: value_of(token, name) for name in held},
        "base_logprob_nats": token.base_logprob_nats,
        "tuned_logprob_nats": token.tuned_logprob_nats,
        "base_rank": token.base_rank,
        "tuned_rank": token.tuned_rank,
        "base_first": token.base_top[0].text if token.base_top else None,
        "tuned_first": token.tuned_top[0].text if token.tuned_top else None,
    }


def means_table(columns: TokenColumns, measure: Measure) -> pd.DataFrame:
    """Rows prompt, answer, first answer token and all: n tokens, texts, the measure's mean with its 95% interval
    (texts drawn), and the share whose first choice differs.

    Only counted tokens; a part without any has n = 0 and missing means.
    """
    return pd.DataFrame([_mean_row(columns, measure, part) for part in PARTS])


def _mean_row(columns: TokenColumns, measure: Measure, part: Part) -> dict[str, Any]:
    rows = rows_of(columns, part)
    texts = columns.text_numbers[rows]
    found = mean_by_text(columns.values(measure)[rows], texts)
    flips = columns.values("flipped")[rows]
    return {
        "part": PARTS[part],
        "n": len(rows),
        "texts": len(np.unique(texts)),
        "mean": float(found.estimate[0]),
        "low": float(found.low[0]),
        "high": float(found.high[0]),
        "first_choice_differs": float(flips.mean()) if len(rows) else math.nan,
    }


def ranked_tokens(
    columns: TokenColumns,
    measure: Measure,
    titles: Mapping[str, str] | None = None,
    limit: int | None = None,
    kind: str | None = None,
) -> pd.DataFrame:
    """Counted tokens by falling size of the measure, each with the tokens around it and both models' first choices.

    `kind` keeps one of KINDS only.
    """
    values, found = columns.values(measure), kinds(columns)
    kept = columns.counted & ~np.isnan(values)
    if kind is not None:
        kept &= found == KINDS.index(kind)
    rows = np.flatnonzero(kept)
    order = rows[np.argsort(-np.abs(values[rows]), kind="stable")][:limit]
    table = [_ranked(columns, int(row), float(values[row]), KINDS[found[row]], titles or {}) for row in order]
    return pd.DataFrame(table, columns=list(RANKED_COLUMNS))


def _ranked(columns: TokenColumns, row: int, value: float, kind: str, titles: Mapping[str, str]) -> tuple[Any, ...]:
    prompt, token = columns.report.prompts[columns.text_numbers[row]], columns.tokens[row]
    at = token.position
    return (
        value,
        spoken(token.text),
        kind,
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


def ranked_words(table: pd.DataFrame, columns: TokenColumns, measure: Measure, kind: str | None) -> str:
    """The ranking in a sentence: the largest disagreement and where it stands; the extremes of many, so no average."""
    first, counted = table.iloc[0], numbers.count(columns.report.tokens_counted)
    only = f", {kind} tokens alone" if kind else ""
    return (
        f"The {numbers.count(len(table))} largest disagreements of {counted} counted tokens{only}: at most "
        f"{amount(float(first['value']), measure)}, at “{first['token']}” in the {first['part']} of “{first['text']}”. "
        "They are the extremes of these texts, not what is usual in them."
    )


def kind_words(table: pd.DataFrame, measure: Measure) -> str:
    """Disagreement by kind of token in a sentence: each kind's share of it with its interval, beside its tokens."""
    rows = [row for row in table.to_dict("records") if row["n"]]
    told = [
        f"{row['kind']} {numbers.share(row['share'])}{_share_bounds(row)} on {numbers.share(row['tokens'])} of tokens"
        for row in rows
    ]
    n = numbers.count(sum(int(row["n"]) for row in rows))
    return f"Of all disagreement ({WORDS[measure].unit}, n = {n} tokens): {'; '.join(told)}. Brackets: 95% intervals."


def _share_bounds(row: Mapping[Any, Any]) -> str:
    return "" if math.isnan(row["low"]) else f" [{numbers.interval((row['low'], row['high']))}]"


def report_words(columns: TokenColumns, measure: Measure) -> str:
    """The report in a sentence: how much, over how many tokens, and what was left out."""
    report = columns.report
    hidden = report.special_hidden + report.template_hidden
    left = f"; {numbers.count(hidden)} special and template tokens are left out" if hidden else ""
    every, first = (_mean_row(columns, measure, part) for part in ("all", "first"))
    if not every["n"]:
        return f"There is no token to average over{left}."
    words = (
        f"{amount(every['mean'], measure)} on average over {numbers.count(every['n'])} tokens{_interval(every)}{left}."
    )
    if first["n"]:
        words += (
            f" At the first answer token: {amount(first['mean'], measure)} over {numbers.count(first['n'])} texts"
            f"{_interval(first)}; {report.state} and {report.against} differ there in their first choice in "
            f"{numbers.share(first['first_choice_differs'], 0)}."
        )
    return words + _shared_rows(report.rows_left_out, report.vocabulary)


def _interval(row: Mapping[str, Any]) -> str:
    if math.isnan(row["low"]):
        return ""
    low, high = (numbers.significant(row[end]) for end in ("low", "high"))
    return f" (95% interval over {numbers.count(row['texts'])} texts: {low} to {high})"


def _shared_rows(left_out: Mapping[str, int], vocabulary: int | None) -> str:
    if not any(left_out.values()):
        return ""
    parts = " and ".join(f"{numbers.count(rows)} of {name}" for name, rows in left_out.items() if rows)
    return f" Compared over the {numbers.count(vocabulary)} vocabulary rows both models have; {parts} are left out."


def amount(value: float | None, measure: Measure) -> str:
    """A value of the measure for people, with its unit."""
    words = WORDS[measure]
    sign = "+" if words.signed and value is not None and value > 0 else ""
    return numbers.share(value) if words.unit == "share" else f"{sign}{numbers.significant(value)} {words.unit}"
