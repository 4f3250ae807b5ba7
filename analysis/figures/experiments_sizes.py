"""Accuracy against the number of training samples by training level (Figure 2), and by level of the fact (Table 2).

Source: Ye et al., EMNLP 2025 (arXiv 2509.16596). Knows the result table and the paper's numbers.
"""

import altair as alt
import pandas as pd

from analysis.experiments import paper
from analysis.experiments.spread import (
    HEADLINE_WORDS,
    Row,
    headline,
    level_name,
    measured,
    over_runs,
    size_name,
    size_order,
    spread_kind,
    variant_of,
)
from analysis.figures import experiments as look
from analysis.figures import numbers, style

DOMAIN_NAMES = {"in": "in-domain", "out": "out-of-domain"}
MEAN = "macro"
COLUMN_NAMES = {MEAN: "mean", "micro": "all together"}
PAPER_COLUMN = "paper"


def size_rows(table: pd.DataFrame, domain: str, *, papers: bool = True) -> pd.DataFrame:
    """Accuracy of the tuned models (fractions 0-1), one row a training level and size: mean, low, high, kind, n.

    Of one way of fine-tuning (`variant_of`), as everything here. `papers`: see `look.beside`.
    """
    rows = measured(table, "accuracy", strategy="", domain=domain, group=headline(table), variant=variant_of(table))
    joined = over_runs(rows, ("level", "size"))
    values = [
        paper.find(look.beside(paper.SIZES, table, papers), level=level, size=size, domain=domain)
        for level, size in zip(joined["level"], joined["size"], strict=True)
    ]
    return joined.assign(paper=[each.value if each else float("nan") for each in values])


def base_accuracy(table: pd.DataFrame, domain: str) -> float | None:
    """What the base answers right in the same prompt, 0-1; None where it was not asked."""
    rows = measured(table, "accuracy", strategy="", domain=domain, group=headline(table), variant="base")
    return float(rows["value"].iloc[0]) if len(rows) else None


def size_curve(table: pd.DataFrame, domain: str, *, papers: bool = True) -> style.Figure:
    """Headline accuracy (0-100%) against training samples, one line a training level, with its spread."""
    rows = size_rows(table, domain, papers=papers)
    levels, sizes = look.levels_of(rows), size_order(rows["size"])
    placed = look.placed(rows, sizes, levels).assign(measure="accuracy", group=headline(table))
    highs = [*rows["high"].fillna(rows["mean"]), *rows["paper"].dropna()]
    percent = alt.Axis(format=style.PERCENT_FORMAT, title=None)
    y = alt.Y("mean:Q", axis=percent, scale=style.accuracy_scale(highs))
    tooltip = look.run_tooltip(
        alt.Tooltip("mean:Q", title="right, mean", format=".1%"),
        alt.Tooltip("low:Q", title="from", format=".1%"),
        alt.Tooltip("high:Q", title="to", format=".1%"),
        alt.Tooltip("paper:Q", title="the paper's model", format=".1%"),
    )
    layers = look.size_layers(placed, levels, y, tooltip)
    note = _base_note(table, domain)
    if placed["paper"].notna().any():
        layers.append(_paper_marks(placed, look.size_axis(sizes), look.level_colour(levels)))
        note = f"{look.PAPER_NOTE} · {note}" if note else look.PAPER_NOTE
    title = f"Right by training size, {DOMAIN_NAMES[domain]} (%)"
    return style.finish(
        alt.layer(*layers, height=style.FIGURE_HEIGHT),
        title,
        [_subtitle(rows, headline(table)), *look.variant_lines(table), *([note] * bool(note))],
    )


def _paper_marks(placed: pd.DataFrame, x: alt.X, colour: alt.Color) -> style.Figure:
    marks: alt.Chart = alt.Chart(placed[placed["paper"].notna()]).mark_point(
        shape="diamond", filled=False, size=110, strokeWidth=1.75, opacity=1
    )
    where = [
        alt.Tooltip("trained:N", title="the paper, trained on"),
        alt.Tooltip("paper:Q", title="right", format=".2%"),
    ]
    return marks.encode(x=x, y=alt.Y("paper:Q"), color=colour, tooltip=where)


def _subtitle(rows: pd.DataFrame, group: str) -> str:
    return f"{HEADLINE_WORDS[group]} · n = {numbers.count(rows['n'].max())} questions a run · {spread_kind(rows)}"


def _base_note(table: pd.DataFrame, domain: str) -> str:
    base = base_accuracy(table, domain)
    return "" if base is None else f"the base in this prompt: {numbers.share(base)}"


def size_table(table: pd.DataFrame, domain: str, *, papers: bool = True) -> pd.DataFrame:
    """The figure as a table (fractions 0-1)."""
    rows = size_rows(table, domain, papers=papers).sort_values(["level", "size"])
    return rows.assign(samples=[size_name(size) for size in rows["size"]])[
        ["level", "samples", "mean", "low", "high", "kind", "runs", "n", "paper"]
    ]


# --- Table 2: by level of the fact asked -----------------------------------------------------------------------


def level_rows(table: pd.DataFrame, size: int, domain: str) -> pd.DataFrame:
    """Accuracy (0-1) at each level of the test fact, and their mean, by training level, for one training size.

    Where the questions carry no levels: over all of them together, the group "micro".
    """
    rows = measured(table, "accuracy", strategy="", domain=domain, variant=variant_of(table), size=size)
    left_out = "micro" if headline(table) == MEAN else ""
    return over_runs(rows[rows["group"] != left_out], ("level", "group"))


def level_grid(table: pd.DataFrame, size: int, domain: str, *, papers: bool = True) -> style.Figure:
    """Trained on a level (rows), asked about facts of a level (columns): accuracy in percent, mean and spread."""
    rows = level_rows(table, size, domain)
    levels = look.levels_of(rows)
    told = look.beside(paper.SIZES, table, papers)
    held = {value.level: value.value for value in told if (value.size, value.domain) == (size, domain)}
    cells = [_level_cell(row) for row in rows.to_dict("records")]
    cells += [_paper_cell(level, held[level]) for level in levels if level in held]
    present = set(rows["group"])
    columns = [*sorted(present - {MEAN, "micro"}), *(COLUMN_NAMES[each] for each in (MEAN, "micro") if each in present)]
    return look.grid(
        pd.DataFrame(cells).assign(size=size),
        title=f"Right by level of the fact, {DOMAIN_NAMES[domain]} (%)",
        subtitle=[
            f"trained on {size_name(size)} samples · n = {numbers.count(rows['n'].max())} questions a run",
            *look.variant_lines(table),
            f"in brackets: {spread_kind(rows)}",
        ],
        x_title="Mastery level of the fact asked about",
        columns=[*columns, *([PAPER_COLUMN] * bool(held))],
        rows=[level_name(level) for level in levels],
        fields=look.NUMBER_FIELDS,
        tooltip=[alt.Tooltip("row:N", title="trained on"), alt.Tooltip("words:N", title="right")],
    )


def level_words(table: pd.DataFrame, size: int, domain: str) -> str:
    """The headline of each training level for one training size, in a sentence."""
    rows = level_rows(table, size, domain)
    group = headline(table)
    means = rows[rows["group"] == group]
    trained = f"Trained on {size_name(size)} samples{look.variant_words(table)}"
    if not len(means):
        return f"{trained}: nothing is asked {DOMAIN_NAMES[domain]} yet."
    told = "; ".join(f"{level_name(row['level'])} {look.spread_words(row)}" for row in means.to_dict("records"))
    return f"{trained}, {DOMAIN_NAMES[domain]}, {HEADLINE_WORDS[group]}: {told} {look.asked_words(means)}."


def _level_cell(row: Row) -> dict[str, object]:
    mean = row["mean"]
    column = COLUMN_NAMES.get(row["group"], str(row["group"]))
    bounds = numbers.interval((row["low"], row["high"]))
    return {
        "level": row["level"],
        "measure": "accuracy",
        "group": row["group"],
        "row": level_name(row["level"]),
        "column": column,
        "text": look.hundredths(mean),
        "detail": "" if bounds == numbers.MISSING else f"[{100 * row['low']:.0f}–{100 * row['high']:.0f}]",
        "fill": style.TUNED,
        "strength": look.strength(mean, 1.0),
        "words": f"{numbers.share(mean)}, {bounds}, {row['runs']} runs",
    }


def _paper_cell(level: str, value: float) -> dict[str, object]:
    return {
        "level": level,
        "measure": "accuracy",
        "group": look.PAPER_GROUP,
        "row": level_name(level),
        "column": PAPER_COLUMN,
        "text": look.hundredths(value, 2),
        "detail": "mean",
        "fill": style.RANDOM,
        "strength": 0.05,
        "words": f"{numbers.share(value, 2)} ({paper.MEAN_OF_RUNS}; another model)",
    }


def level_table(table: pd.DataFrame, size: int, domain: str) -> pd.DataFrame:
    """The grid as a table (fractions 0-1), with n."""
    rows = level_rows(table, size, domain)
    return rows[["level", "group", "mean", "low", "high", "kind", "runs", "n"]].rename(columns={"group": "asked about"})


def sizes_present(table: pd.DataFrame) -> list[int]:
    """The sizes of training set that have an accuracy."""
    return size_order(measured(table, "accuracy", strategy="", variant=variant_of(table))["size"])
