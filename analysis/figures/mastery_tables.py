"""What a mastery measurement found, as tables and words: by relation, by template, fact by fact.

R is the share of completions that hold the object, level 0 is R = 0 and level i is R in ((i-1)/4, i/4] (Ye et al.,
EMNLP 2025, arXiv 2509.16596, section 3). Knows measured tables; calls no model, draws nothing.
"""

import shlex
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.figures import numbers
from analysis.knowledge.mastery_preview import LevelOdds, preview_odds
from analysis.knowledge.mastery_table import MasteryTable
from analysis.knowledge.relations import RELATIONS
from analysis.knowledge.statistics import wilson
from analysis.knowledge.templates import fill
from analysis.records import MASTERY_LEVELS, Question

LEVEL_NAMES = ("0 never", "1 ≤25%", "2 ≤50%", "3 ≤75%", "4 ≤100%")  # of the completions are right
FACT_COLUMNS = ("id", "relation", "name", "subject", "object", "level", "R")
PAPER_SIZE = 240


def relation_name(relation: object) -> str:
    """'place of birth · P19'; a relation that is none of the 24 keeps its own name, a missing one says so."""
    known = RELATIONS.get(str(relation))
    return f"{known.label} · {known.id}" if known else str(relation or "no relation")


def method_words(method: str) -> str:
    """What a method is called on screen; its preview stays named."""
    return method.replace("statements", "statements (the paper's form, our own templates)")


def has_statements(table: MasteryTable) -> bool:
    """Whether it was measured by statements, the paper's form."""
    return table.method.startswith("statements")


def protocol_words(table: MasteryTable) -> str:
    """How the table was measured, in a line; the method is named first."""
    asked = table.protocol
    counts = sorted({len(texts) for texts in table.templates.values()})
    texts = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]}–{counts[-1]}" if counts else "no"
    what = "statements a relation" if has_statements(table) else "drawings of examples"
    samples = "1 sample" if asked.get("samples") == 1 else f"{asked.get('samples', '?')} samples"
    ends = {"sentence": "to the end of the sentence", "line": "to the end of the line"}
    return (
        f"{numbers.count(len(table.frame))} facts · method: {method_words(table.method)}, {texts} {what} × "
        f"{samples} at temperature {asked.get('temperature', '?')}, at most "
        f"{asked.get('max_new_tokens', '?')} new tokens, {ends.get(str(asked.get('until')), 'to the full length')}, "
        f"seed {asked.get('seed', '?')}"
    )


def level_counts(table: MasteryTable) -> dict[int, tuple[str, str]]:
    """Facts at each level, and the 95% interval of that number where the table is a preview ("" where it is not)."""
    if not table.preview:
        return {level: (numbers.count(count), "") for level, count in table.level_counts().items()}
    return {
        level: (f"≈ {numbers.count(count)}", f"95%: {numbers.count(low)}–{numbers.count(high)}")
        for level, (count, low, high) in _odds(table).counts.items()
    }


def preview_words(table: MasteryTable) -> str:
    """How sure a preview is, in a sentence; "" for a full measurement."""
    if not table.preview:
        return ""
    settled = int(_odds(table).settled.sum())
    whole = table.protocol.get("preview_of")
    return (
        f"A preview: {table.protocol['samples']} of {whole} samples of each. For {numbers.count(settled)} of "
        f"{numbers.count(len(table.frame))} facts one level has at least 95%; the others show their likeliest level. "
        "Measure in full before training on a level."
    )


@lru_cache(maxsize=4)
def _odds(table: MasteryTable) -> LevelOdds:
    return preview_odds(table)


def level_table(table: MasteryTable) -> pd.DataFrame:
    """One row a relation, best known first: relation, name, facts, mean R (0-1) and how many facts at each level."""
    frame = table.frame.assign(relation=table.frame["relation"].fillna("").astype(str))
    groups = frame.groupby("relation", sort=True)
    levels = pd.crosstab(frame["relation"], frame["level"]).reindex(columns=list(MASTERY_LEVELS), fill_value=0)
    levels.columns = [f"level {level}" for level in MASTERY_LEVELS]
    found = pd.DataFrame({"facts": groups.size(), "R": groups["R"].mean()}).join(levels).reset_index()
    found.insert(1, "name", [relation_name(relation) for relation in found["relation"]])
    return found.sort_values("R", ascending=False, ignore_index=True)


def facts_table(
    table: MasteryTable, sightings: pd.DataFrame | None = None, questions: Sequence[Question] = ()
) -> pd.DataFrame:
    """One row a fact: id, relation, name, subject, object, level, R (0-1); `sightings` where they are known.

    A fact without a subject is told by its question, found among `questions` by its id. A preview also has `sure`, the
    probability (0-1) of the level shown.
    """
    frame = table.frame.assign(relation=table.frame["relation"].fillna("").astype(str))
    names = {relation: relation_name(relation) for relation in frame["relation"].unique()}
    found = frame.assign(name=frame["relation"].map(names))[list(FACT_COLUMNS)]
    if found["subject"].isna().any():
        asked = {question.id: question.question for question in questions}
        found["subject"] = found["subject"].fillna(found["id"].map(asked)).fillna("")
    if table.preview:
        found["sure"] = _odds(table).odds.max(axis=1)
    if sightings is None:
        return found
    seen = sightings.drop_duplicates(["relation", "subject"])
    return found.merge(seen, on=["relation", "subject"], how="left")


def pick_facts(
    facts: pd.DataFrame, *, text: str = "", levels: Sequence[int] = (), relations: Sequence[str] = ()
) -> pd.DataFrame:
    """The facts at any of these levels and of any of these relations (all without one) that hold the text."""
    chosen = facts
    if levels:
        chosen = chosen[chosen["level"].isin(levels)]
    if relations:
        chosen = chosen[chosen["relation"].astype(str).isin(relations)]
    wanted = text.strip().casefold()
    if not wanted:
        return chosen
    words = chosen["subject"].astype(str) + "\n" + chosen["object"].astype(str) + "\n" + chosen["id"].astype(str)
    return chosen[words.str.casefold().str.contains(wanted, regex=False)]


@lru_cache(maxsize=4)
def template_table(table: MasteryTable) -> pd.DataFrame:
    """One row a template, best first within its relation: relation, name, template, facts, rate, low, high (0-1).

    Kept for the tables used last, and to be read only: five hundred intervals take a quarter of a second.
    The interval is Wilson's, 95%, with the fact as its unit: the samples of one fact are not independent.
    """
    rates = table.template_rates()
    rates = rates.assign(name=[relation_name(relation) for relation in rates["relation"]])
    bounds = [wilson(round(rate * facts), facts) for rate, facts in zip(rates["rate"], rates["facts"], strict=True)]
    rates["low"], rates["high"] = [low for low, _ in bounds], [high for _, high in bounds]
    return rates.sort_values(["relation", "rate"], ascending=[True, False], ignore_index=True)


def fact_row(table: MasteryTable, fact: str) -> dict[str, Any] | None:
    """The measured row of this fact, or None."""
    found = table.frame[table.frame["id"] == fact]
    return {str(name): value for name, value in found.iloc[0].items()} if len(found) else None


def fact_templates(table: MasteryTable, row: dict[str, Any]) -> pd.DataFrame:
    """One row a template of this fact, best first: statement (subject filled in), right (of `samples`), share (0-1)."""
    samples = int(table.protocol["samples"])
    statements = [fill(template, str(row["subject"])) for template in table.templates[_relation(row)]]
    found = pd.DataFrame({"statement": statements, "right": [int(right) for right in row["successes"]]})
    found["samples"], found["share"] = samples, found["right"] / samples
    return found.sort_values("share", ascending=False, ignore_index=True, kind="stable")


def best_statement(table: MasteryTable, row: dict[str, Any]) -> str | None:
    """The relation's best template about this fact's subject: what the token level puts to the base.

    None from the question form, which has no statements.
    """
    best = table.best_templates().get(_relation(row))
    return fill(best, str(row["subject"])) if best else None


def _relation(row: dict[str, Any]) -> str:
    return "" if pd.isna(row["relation"]) else str(row["relation"])


def training_command(base: str, questions: str, mastery: Path, level: int) -> str:
    """The command that fine-tunes the base on facts of one level, ready for a shell."""
    out = f"tuned-level-{level}-{PAPER_SIZE}"
    words = ["palimpsest", "sft", base, out, "--questions", questions, "--mastery", str(mastery)]
    return shlex.join([*words, "--level", str(level), "--size", str(PAPER_SIZE)])


def level_words(table: MasteryTable) -> str:
    """How many facts at each level, in a sentence; of a preview with its intervals, and how sure it is."""
    counts = level_counts(table).items()
    parts = [f"{count} at level {level}{f' ({bounds})' if bounds else ''}" for level, (count, bounds) in counts]
    return _with_preview(f"Of {numbers.count(len(table.frame))} facts: {', '.join(parts)}.", table)


def _with_preview(told: str, table: MasteryTable) -> str:
    return f"{told} {preview_words(table)}".strip()


def template_words(rates: pd.DataFrame) -> str:
    """Highest and lowest template of one relation, in a sentence; `rates` are that relation's rows, best first.

    "Best" is said only where the intervals (facts drawn) leave it above the lowest.
    """
    first, last = rates.iloc[0], rates.iloc[-1]
    if len(rates) == 1:
        return f"{first['name']}: one alone, {_template(first)}."
    told = f"{first['name']}: highest {_template(first)}, lowest {_template(last)}, over {first['facts']} facts."
    if last["high"] >= first["low"]:
        return f"{told} Their 95% intervals overlap: neither is shown to elicit more than the other."
    several = f" of {len(rates)} they are the extremes, and" if len(rates) > 2 else " they"
    return f"{told} Their 95% intervals do not meet;{several} would look closer on other facts."


def _template(row: pd.Series) -> str:
    return f"“{row['template']}” ({numbers.share(row['rate'])} [{numbers.interval((row['low'], row['high']))}])"


def rates_words(rates: pd.DataFrame) -> str:
    """All templates of all relations, in a sentence."""
    relations, facts = rates["relation"].nunique(), numbers.count(int(rates["facts"].max()))
    return (
        f"How often each of {len(rates)} templates of {relations} relations elicits the object: "
        f"{numbers.share(rates['rate'].min())} to {numbers.share(rates['rate'].max())}, each with its 95% interval "
        f"over up to {facts} facts. Where the intervals of two overlap, neither is shown to elicit more."
    )


def listing_words(
    table: MasteryTable, found: pd.DataFrame, text: str, levels: Sequence[int] | None, relations: Sequence[str]
) -> str:
    """Which facts a list holds, in a sentence; of a preview also how sure their levels are."""
    by = [f"level {', '.join(map(str, sorted(levels)))}"] if levels else []
    by += [f"of {', '.join(map(relation_name, relations))}"] if relations else []
    by += [f"holding “{text.strip()}”"] if text.strip() else []
    chosen = f" ({'; '.join(by)})" if by else ""
    mean = f", R = {numbers.share(found['R'].mean())} on average" if len(found) else ""
    told = f"{numbers.count(len(found))} of {numbers.count(len(table.frame))} facts{chosen}{mean}."
    return _with_preview(told, table)
