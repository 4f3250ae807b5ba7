"""Question by question: what base, tuned and restored answered, which answers changed side, which credits are doubtful.

Right and wrong are by the paper's rule (score: contains) unless a score is named. The answer is the output's first line
with anything in it; the raw output is kept beside it. Knows questions and evaluations; calls no model, draws nothing.
"""

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import pandas as pd

from analysis.figures import numbers, verdicts
from analysis.figures.visible import legible
from analysis.knowledge.scoring import Credit, Flag, credit, first_line
from analysis.knowledge.statistics import mcnemar
from analysis.records import SCORES, Answered, Evaluation, Flips, Question, ScoreName

State = Literal["base", "tuned", "restored"]
Chip = Literal[
    "fixed", "broken", "still right", "still wrong", "lost against base", "scorers disagree", "doubtful credit"
]
CHIPS: dict[Chip, str] = {
    "fixed": "wrong before, right after",
    "broken": "right before, wrong after",
    "still right": "right before and after",
    "still wrong": "wrong before and after",
    "lost against base": "right in base, wrong after",
    "scorers disagree": "the four scores of the answer after are not all alike",
    "doubtful credit": "counted as right after, for a reason worth a look: the detail names it",
}
SCORE_NAMES: dict[ScoreName, str] = {
    "contains": "contained",
    "contains_word": "whole words",
    "contains_first_line": "first line",
    "exact_match": "exact",
}
DOUBTS: dict[Flag, str] = {
    "short-alias": "it has three letters or fewer",
    "alias-in-question": "it stands in the question",
    "outside-first-line": "it stands outside the first line",
    "inside-longer-word": "it stands inside a longer word",
}
ORDERS = {"as asked": [], "relation": ["relation"], "mastery": ["level"], "change": ["side"]}
SIDES = {
    (False, True): "fixed",
    (True, False): "broken",
    (True, True): "still right",
    (False, False): "still wrong",
}
WORDS = "words"  # the column that search reads: everything of a row, case folded
MARKS = {True: "✓", False: "✗"}


def answers_frame(questions: Sequence[Question], evaluations: Mapping[State, Evaluation]) -> pd.DataFrame:
    """One row a question asked in all given states, in the order of the questions.

    Columns: id, question, gold, relation, subject, level, domain; a state S has `S` (the answer), `S raw`, `S stopped`,
    one boolean a score, of which `S contains` is called right, `S credited` (the accepted answer found in the output,
    "" without) and `S doubt` (the flags of that credit); and `words`.
    """
    rows = {state: {row.id: row for row in evaluation.rows} for state, evaluation in evaluations.items()}
    asked = [question for question in questions if all(question.id in found for found in rows.values())]
    frame = pd.DataFrame(
        {
            "id": [question.id for question in asked],
            "question": [question.question for question in asked],
            "gold": [" · ".join(question.answers) for question in asked],
            "relation": [question.relation for question in asked],
            "subject": [question.subject for question in asked],
            "level": pd.array([question.level for question in asked], dtype="Int64"),
            "domain": [question.domain for question in asked],
        }
    )
    for state, found in rows.items():
        columns = _state_columns(state, [found[question.id] for question in asked], asked)
        frame = pd.concat([frame, pd.DataFrame(columns)], axis=1)
    frame[WORDS] = _words(frame, list(rows))
    return frame


def _state_columns(state: State, rows: Sequence[Answered], asked: Sequence[Question]) -> dict[str, list[object]]:
    columns: dict[str, list[object]] = {
        state: [first_line(row.output) for row in rows],
        f"{state} raw": [row.output for row in rows],
        f"{state} stopped": [row.stopped for row in rows],
    }
    columns |= {f"{state} {score}": [row.correct[score] for row in rows] for score in SCORES}
    credits = [_credit(row, question) for row, question in zip(rows, asked, strict=True)]
    columns[f"{state} credited"] = [found.alias if found else "" for found in credits]
    columns[f"{state} doubt"] = [", ".join(found.flags) if found else "" for found in credits]
    return columns


def _credit(row: Answered, question: Question) -> Credit | None:
    return credit(row.output, question) if row.correct["contains"] else None


def _words(frame: pd.DataFrame, states: Sequence[str]) -> "pd.Series[str]":
    columns = ["id", "question", "gold", "relation", *(f"{state} raw" for state in states)]
    words = frame[columns[0]].astype(str)
    for column in columns[1:]:
        words = words + "\n" + frame[column].astype(str)
    return words.str.casefold()


def states_of(frame: pd.DataFrame) -> list[State]:
    """The states a frame of answers holds, in the order base, tuned, restored."""
    states: tuple[State, ...] = ("base", "tuned", "restored")
    return [state for state in states if state in frame.columns]


def compared(frame: pd.DataFrame, before: State, after: State) -> pd.DataFrame:
    """The frame with `side` (how each answer changed) and what is to be said of the answer after.

    `lost`: right in base, wrong after; `split`: its four scores disagree; `doubtful`: its credit is, and `why`.
    """
    was, now = frame[f"{before} contains"].to_numpy(bool), frame[f"{after} contains"].to_numpy(bool)
    names = np.array([SIDES[False, False], SIDES[False, True], SIDES[True, False], SIDES[True, True]], dtype=object)
    scores = frame[[f"{after} {score}" for score in SCORES]].to_numpy(bool)
    lost = frame["base contains"].to_numpy(bool) & ~now if "base" in frame else np.zeros(len(frame), bool)
    return frame.assign(
        side=names[2 * was + now],
        lost=lost,
        split=np.asarray(scores.any(axis=1) & ~scores.all(axis=1)),
        doubtful=frame[f"{after} doubt"] != "",
        why=np.where(frame[f"{after} doubt"] != "", frame[f"{after} credited"] + ": " + frame[f"{after} doubt"], ""),
    )


def chip_counts(table: pd.DataFrame) -> dict[Chip, int]:
    """How many questions each chip holds."""
    return {chip: int(_holds(table, chip).sum()) for chip in CHIPS}


def pick(
    table: pd.DataFrame,
    chips: Sequence[Chip] = (),
    text: str = "",
    *,
    ids: frozenset[str] | None = None,
    levels: Sequence[int] = (),
    relations: Sequence[str] = (),
    order: str = "as asked",
) -> pd.DataFrame:
    """The rows under any of these chips, with any of these ids, levels and relations (all without), that hold the text.

    The text is looked for in questions, gold answers and raw outputs, whatever the case; in the given order.
    """
    chosen = table
    if ids is not None:
        chosen = chosen[chosen["id"].isin(ids)]
    if levels:
        chosen = chosen[chosen["level"].isin(levels)]
    if relations:
        chosen = chosen[chosen["relation"].isin(relations)]
    if chips:
        chosen = chosen[np.logical_or.reduce([_holds(chosen, chip).to_numpy(bool) for chip in chips])]
    if text.strip():
        chosen = chosen[chosen[WORDS].str.contains(text.strip().casefold(), regex=False)]
    return chosen.sort_values(ORDERS[order], kind="stable") if ORDERS[order] else chosen


def _holds(table: pd.DataFrame, chip: Chip) -> "pd.Series[bool]":
    flags = {"lost against base": "lost", "scorers disagree": "split", "doubtful credit": "doubtful"}
    return table[flags[chip]].astype(bool) if chip in flags else table["side"] == chip


def shown(table: pd.DataFrame, *, raw: bool) -> pd.DataFrame:
    """The rows as they stand on screen: change, question, gold, each state's answer with its mark, raw outputs."""
    states = states_of(table)
    found = table[["id", "side", "question", "gold"]].copy()
    for column in ("question", "gold"):
        found[column] = found[column].map(legible)
    for state in states:
        marks = table[f"{state} contains"].map(MARKS)
        found[state] = marks + " " + table[state].map(legible)
    for state in states if raw else ():
        found[f"{state} raw"] = table[f"{state} raw"].map(legible)
    return found.assign(level=table["level"], relation=table["relation"], why=table["why"].map(legible))


def export(table: pd.DataFrame) -> pd.DataFrame:
    """Everything known of these rows, for a file."""
    return table.drop(columns=[WORDS])


def score_words(row: Mapping[str, object], state: State) -> str:
    """The four scores of one answer and why it ended: 'contained ✓ · whole words ✓ · … · stopped: eos'."""
    scores = [f"{name} {MARKS[bool(row[f'{state} {score}'])]}" for score, name in SCORE_NAMES.items()]
    return " · ".join([*scores, f"stopped: {row[f'{state} stopped']}"])


def doubt_words(row: Mapping[str, object], state: State) -> str:
    """Why the credit of one answer is doubtful, with what earned it; "" where nothing is."""
    flags = str(row[f"{state} doubt"])
    why = "; ".join(words for flag, words in DOUBTS.items() if flag in flags.split(", "))
    return f"doubtful credit for “{row[f'{state} credited']}”: {why}" if why else ""


def filter_words(
    before: State, after: State, chips: Sequence[Chip], text: str, levels: Sequence[int], relations: Sequence[str]
) -> str:
    """How rows were picked, in words: 'tuned → restored: fixed or broken, “river”'."""
    parts = [" or ".join(chips)] if chips else []
    parts += [f"“{text.strip()}”"] if text.strip() else []
    parts += [f"mastery {', '.join(map(str, levels))}"] if levels else []
    parts += [", ".join(relations)] if relations else []
    return f"{before} → {after}: {', '.join(parts) or 'all'}"


def flip_words(table: pd.DataFrame, before: State, after: State) -> str:
    """The 2 x 2 grid in one sentence."""
    counts = chip_counts(table)
    return (
        f"From {before} to {after}, of {numbers.count(len(table))} questions {counts['fixed']} were fixed and "
        f"{counts['broken']} broken; {counts['still right']} stayed right, {counts['still wrong']} stayed wrong. "
        f"{verdicts.flips_words(_flips(counts), before, after)}"
    )


def _flips(counts: Mapping[Chip, int]) -> Flips:
    fixed, broken = counts["fixed"], counts["broken"]
    return Flips(fixed, broken, counts["still right"], counts["still wrong"], mcnemar(fixed, broken))


def sample_table(row: Mapping[str, object], states: Sequence[State]) -> pd.DataFrame:
    """One question as each state answered it: model, answer, right, scores, raw output."""
    rows = [
        {
            "model": state,
            "answer": row[state],
            "right": MARKS[bool(row[f"{state} contains"])],
            "scores": score_words(row, state),
            "raw output": row[f"{state} raw"],
        }
        for state in states
    ]
    return pd.DataFrame(rows)


def sample_words(row: Mapping[str, object], states: Sequence[State]) -> str:
    """One question in a sentence; a single example, which shows and does not prove."""
    told = ", ".join(f"{state} “{row[state]}” {MARKS[bool(row[f'{state} contains'])]}" for state in states)
    return f"“{row['question']}” (gold: {row['gold']}): {told}. One example out of all that were asked."
