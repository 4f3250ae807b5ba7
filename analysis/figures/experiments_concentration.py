"""How much of all relative change the most changed x% hold, by training set (Table 3), beside the shuffled null.

Source: Ye et al., EMNLP 2025 (arXiv 2509.16596). Knows the result table and the paper's numbers.
"""

from typing import Any

import altair as alt
import pandas as pd

from analysis.experiments import paper
from analysis.experiments.spread import Row, level_name, measured, over_runs, size_name, variant_of
from analysis.figures import experiments as look
from analysis.figures import numbers, style
from analysis.figures.experiments_restoration import trained_words

WHAT = {"concentration": "relative change r", "concentration_null": "the same changes shuffled (null)"}
PAPER_ROW = "the paper's"


def concentration_rows(table: pd.DataFrame) -> pd.DataFrame:
    """Shares (0-1) by training level, size, percent and `what` (r, or its null): mean, low, high, runs."""
    parts = []
    for measure, words in WHAT.items():
        rows = measured(table, measure, variant=variant_of(table))
        rows = rows.assign(top=rows["group"].astype(float))
        parts.append(over_runs(rows, ("level", "size", "top")).assign(what=words, measure=measure))
    return pd.concat(parts, ignore_index=True)


def concentration_grid(table: pd.DataFrame, *, papers: bool = True) -> style.Figure:
    """Share of all relative change (percent) in the top x%, a row a training set; beneath each, the null's share."""
    rows = concentration_rows(table)
    wide = rows.pivot_table(index=["level", "size", "top"], columns="measure", values="mean").reset_index()
    wide = wide.sort_values(["size", "level"], ascending=[False, True])
    cells = [_cell(row) for row in wide.to_dict("records")]
    names = list(dict.fromkeys(cell["row"] for cell in cells))
    held = look.beside(paper.CONCENTRATION, table, papers)
    cells += [_paper_cell(value) for value in held]
    return look.grid(
        pd.DataFrame(cells),
        title="Relative change in the top x% (%)",
        subtitle=[
            f"share of all of it · {look.runs_words(rows)}",
            *look.variant_lines(table),
            "in brackets: the same changes shuffled (null)",
            *(["last row: the paper's LLaMA-3-8B, level 0, 1,920; it has no null"] * bool(held)),
        ],
        x_title="Most changed, % of the region",
        columns=[f"{top:g}%" for top in sorted(set(wide["top"]))],
        rows=[*names, *([PAPER_ROW] * bool(held))],
        fields=look.NUMBER_FIELDS,
        tooltip=[
            alt.Tooltip("row:N", title="trained on"),
            alt.Tooltip("column:N", title="most changed"),
            alt.Tooltip("text:N", title="hold, % of r"),
            alt.Tooltip("detail:N", title="null"),
        ],
    )


def _cell(row: Row) -> dict[str, Any]:
    share, null = row["concentration"], row.get("concentration_null")
    return {
        "level": row["level"],
        "size": row["size"],
        "measure": "concentration",
        "group": f"{row['top']:g}",
        "row": trained_words(row["level"], row["size"]),
        "column": f"{row['top']:g}%",
        "text": look.hundredths(share),
        "detail": "" if null is None else f"({look.hundredths(null)})",
        "fill": style.SLATE,
        "strength": look.strength(share, 1.0),
    }


def _paper_cell(value: paper.PaperValue) -> dict[str, Any]:
    return {
        "level": value.level,
        "size": value.size,
        "measure": "concentration",
        "group": look.PAPER_GROUP,
        "row": PAPER_ROW,
        "column": f"{value.group}%",
        "text": look.hundredths(value.value, 2),
        "detail": "",
        "fill": style.RANDOM,
        "strength": 0.05,
    }


def concentration_lines(table: pd.DataFrame, level: str, size: int, *, papers: bool = True) -> style.Figure:
    """One training set: share of all relative change (0-100%) against the top x%, its null, and the paper's points."""
    rows = concentration_rows(table)
    rows = rows[(rows["level"] == level) & (rows["size"] == size)]
    rows = rows.assign(group=[f"{top:g}" for top in rows["top"]])
    order = list(WHAT.values())
    colours = alt.Scale(domain=order, range=[style.SLATE, style.RANDOM])
    dashes = alt.Scale(domain=order, range=[[1, 0], [4, 3]])
    legend = alt.Legend(orient="top", symbolType="stroke", symbolSize=220, labelLimit=300)
    tops = sorted(set(rows["top"]))
    x = alt.X(
        "top:Q",
        scale=alt.Scale(type="log", nice=False),
        axis=alt.Axis(values=tops, format="~g", title="Most changed parameters, % of the region", grid=False),
    )
    y = alt.Y("mean:Q", scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(format=style.PERCENT_FORMAT, title=None))
    colour = alt.Color("what:N", scale=colours, title=None, legend=legend)
    dash = alt.StrokeDash("what:N", scale=dashes, title=None, legend=legend)
    tooltip = [
        alt.Tooltip("what:N", title="share of"),
        alt.Tooltip("top:Q", title="top, %"),
        alt.Tooltip("mean:Q", title="holds", format=".1%"),
        alt.Tooltip("runs:Q", title="runs"),
    ]
    chart = alt.Chart(rows)
    layers = [
        chart.mark_line().encode(x=x, y=y, color=colour, strokeDash=dash),
        chart.mark_point(filled=True, size=45, opacity=1, cursor="pointer")
        .encode(x=x, y=y, color=colour, tooltip=tooltip)
        .add_params(look.click(*look.NUMBER_FIELDS)),
    ]
    held = look.beside(paper.CONCENTRATION, table, papers)
    if held:
        told = pd.DataFrame([{"top": float(each.group), "mean": each.value} for each in held])
        marks = alt.Chart(told).mark_point(shape="diamond", filled=False, size=95, color=style.SAND)
        layers.append(marks.encode(x=x, y=y, tooltip=[alt.Tooltip("mean:Q", title="the paper", format=".2%")]))
    title = f"Relative change, {level_name(level)} · {size_name(size)} (%)"
    return style.finish(
        alt.layer(*layers, height=style.FIGURE_HEIGHT),
        title,
        [
            f"share of all of it · {look.runs_words(rows)}",
            *look.variant_lines(table),
            *([f"{look.PAPER_NOTE}, level 0, 1,920"] * bool(held)),
        ],
    )


def concentration_table(table: pd.DataFrame, *, papers: bool = True) -> pd.DataFrame:
    """Shares (0-1) of r and of its null, by training set and percentage, with the paper's where it has one."""
    rows = concentration_rows(table)
    told = look.beside(paper.CONCENTRATION, table, papers)
    held = {(value.level, value.size, float(value.group)): value.value for value in told}
    ours = rows["measure"] == "concentration"
    paper_values = [
        held.get((row["level"], row["size"], row["top"]), float("nan")) if mine else float("nan")
        for row, mine in zip(rows.to_dict("records"), ours, strict=True)
    ]
    return rows.assign(paper=paper_values)[["level", "size", "what", "top", "mean", "low", "high", "runs", "paper"]]


def null_words(table: pd.DataFrame, level: str | None = None, size: int | None = None) -> str:
    """What the null says, in a sentence: the share at 5% beside chance, with spreads; of one set where named."""
    one = level is not None and size is not None
    own = table[(table["level"] == level) & (table["size"] == size)] if one else table
    found = {measure: _at_five(own, measure) for measure in WHAT}
    held, null = found["concentration"], found["concentration_null"]
    if held is None or null is None:
        return ""
    whose = f"Trained on {trained_words(level or '', size or 0)}" if one else "Over all training sets"
    whose += look.variant_words(table)
    runs = int(held["runs"])
    spread = f"means of {runs} runs, in brackets lowest to highest" if runs > 1 else "one run: no spread over runs"
    return (
        f"{whose}, the most changed 5% hold {_spread(held)}, and {_spread(null)} where the same changes are shuffled "
        f"against the base values ({spread}): only what lies above the null says where fine-tuning wrote."
    )


def _at_five(table: pd.DataFrame, measure: str) -> Row | None:
    rows = over_runs(measured(table, measure, variant=variant_of(table), group="5"), ("measure",)).to_dict("records")
    return rows[0] if rows else None


def _spread(row: Row) -> str:
    return look.spread_words(row) if row["runs"] > 1 else numbers.share(row["mean"])
