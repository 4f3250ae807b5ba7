"""What restoring wins and loses, model by model and percentage by percentage (Tables 4 and 6), with its control.

Source: Ye et al., EMNLP 2025 (arXiv 2509.16596). Gains are told by sign and words as well as by colour. Knows the
result table and the paper's numbers.
"""

from typing import Any

import altair as alt
import pandas as pd

from analysis.experiments import paper
from analysis.experiments.spread import (
    headline,
    level_name,
    measured,
    over_runs,
    size_name,
    spread_kind,
    variant_of,
    with_restored_start,
)
from analysis.figures import experiments as look
from analysis.figures import numbers, style
from analysis.figures.experiments_sizes import DOMAIN_NAMES
from analysis.figures.strategies import WORDS, strategy_name

TOP, RANDOM = "relative-top", "random"
SHORT: dict[str, str] = {name: words.short for name, words in WORDS.items()}
GRID_TITLES = {TOP: "Right, top k% restored", RANDOM: "Control: random k% restored"}
SCOPES = DOMAIN_NAMES | {"train": "facts trained on"}
BY = ("level", "size", "strategy", "percent")
CLICKED = ("level", "size", "strategy", "percent")


def restored_rows(table: pd.DataFrame, domain: str, strategies: tuple[str, ...] = (TOP,)) -> pd.DataFrame:
    """Accuracy (0-1) by level, size, strategy and percent; `change`: against 0% of the same training sets.

    `change_low`, `change_high`: of the runs' own changes, so that the spread of training sets does not hide them.
    """
    measure = "train_accuracy" if domain == "train" else "accuracy"
    rows = measured(table, measure, domain=domain, variant=variant_of(table))
    rows = rows[rows["group"] == (headline(table) if domain != "train" else "micro")]
    rows = with_restored_start(rows, strategies)
    start = rows[rows["percent"] == 0].groupby("cell")["value"].first()
    changed = rows.assign(
        low=float("nan"), high=float("nan"), value=rows["value"] - rows["cell"].map(start).astype(float)
    )
    joined, changes = over_runs(rows, BY), over_runs(changed, BY)
    named = changes.rename(columns={"mean": "change", "low": "change_low", "high": "change_high"})
    return joined.merge(named[[*BY, "change", "change_low", "change_high"]], on=list(BY))


def restoration_grid(table: pd.DataFrame, domain: str, strategy: str = TOP, *, papers: bool = True) -> style.Figure:
    """Accuracy in percent after restoring k%, a row a training set; blue and ▲ above its 0%, red and ▼ below."""
    rows = restored_rows(table, domain, (strategy,)).sort_values(["size", "level"], ascending=[False, True])
    most = rows["change"].abs().max()
    told = look.beside(paper.RESTORATION, table, papers)
    cells = pd.DataFrame([_cell(row, most, paper_value(row, domain, told)) for row in rows.to_dict("records")])
    percents = [f"{percent:g}%" for percent in sorted(set(rows["percent"]))]
    names = list(dict.fromkeys(cells["row"]))
    return look.grid(
        cells,
        title=f"{grid_title(strategy)}, {SCOPES[domain]} (%)",
        subtitle=[
            f"{strategy_name(strategy)} · below each: change against 0%, in points",
            *look.variant_lines(table),
            f"n = {numbers.count(rows['n'].max())} questions a run · {look.runs_words(rows)}",
        ],
        x_title="Restored, % of the region",
        columns=percents,
        rows=names,
        fields=CLICKED,
        tooltip=[
            alt.Tooltip("row:N", title="trained on"),
            alt.Tooltip("column:N", title="restored"),
            alt.Tooltip("words:N", title="right"),
            alt.Tooltip("against:N", title="against 0%"),
            alt.Tooltip("paper:N", title="the paper's model"),
        ],
    )


def grid_title(strategy: str) -> str:
    """What a grid shows, told apart from that of every other order."""
    return GRID_TITLES.get(strategy) or f"Right, {SHORT.get(strategy, strategy)} k% restored"


def grid_words(table: pd.DataFrame, domain: str, strategy: str = TOP) -> str:
    """What restoring in this order does over all training sets and percentages, in a sentence or two."""
    rows = restored_rows(table, domain, (strategy,))
    rows = rows[rows["percent"] > 0]
    if not len(rows):
        return "Nothing is restored in this order yet."
    ordered = rows.sort_values("change").to_dict("records")
    low, high = ordered[0], ordered[-1]
    told = (
        f"Restored by {strategy_name(strategy)}{look.variant_words(table)}, {SCOPES[domain]}: mean changes against 0% "
        f"run from {_extreme(low)} to {_extreme(high)}"
    )
    asked = f"n = {numbers.count(rows['n'].max())} questions a run"
    several = rows[rows["runs"] > 1]
    if not len(several):
        return f"{told} (one run each, {asked}: no spread over runs). {_PICKED}"
    above, below = int((several["change_low"] > 0).sum()), int((several["change_high"] < 0).sum())
    return (
        f"{told}. Every run gained in {above} of {len(several)} cells and lost in {below} ({look.runs_words(rows)}, "
        f"{asked}). {_PICKED}"
    )


_PICKED = "The largest of many changes look larger than they are."


def _extreme(row: dict[Any, Any]) -> str:
    return f"{numbers.points(row['change'])} ({trained_words(row['level'], row['size'])}, {row['percent']:g}%)"


def curve_words(table: pd.DataFrame, level: str, size: int, domain: str) -> str:
    """One training set at one percentage, every order beside the tuned model: 20% (the paper's best), or the middle."""
    own = table[(table["level"] == level) & (table["size"] == size)]
    rows = restored_rows(own, domain, strategies_asked(own, domain))
    percents = sorted(set(rows["percent"]) - {0.0})
    trained = f"Trained on {trained_words(level, size)}{look.variant_words(table)}, {SCOPES[domain]}"
    if not percents:
        return f"{trained}: nothing is restored yet."
    chosen = 20.0 if 20.0 in percents else percents[len(percents) // 2]
    start = rows[rows["percent"] == 0].to_dict("records")
    tuned = f"{look.spread_words(start[0])} as tuned" if start else "not asked as tuned"
    at = rows[rows["percent"] == chosen].to_dict("records")
    told = "; ".join(f"{strategy_name(row['strategy'])} {look.spread_words(row)}" for row in at)
    return f"{trained}: {tuned}; {chosen:g}% restored by {told} {look.asked_words(rows)}."


def _cell(row: dict[Any, Any], most: float, held: paper.PaperValue | None) -> dict[str, Any]:
    change = row["change"] if row["percent"] else 0.0
    return {name: row[name] for name in CLICKED} | {
        "row": trained_words(row["level"], row["size"]),
        "column": f"{row['percent']:g}%",
        "text": look.hundredths(row["mean"]),
        "detail": look.change_mark(change) if row["percent"] else "tuned",
        "fill": look.change_colour(change),
        "strength": look.strength(change, most),
        "words": f"{numbers.share(row['mean'])} [{numbers.interval((row['low'], row['high']))}]",
        "against": _against(row),
        "paper": numbers.share(held.value, 2) if held else numbers.MISSING,
    }


def _against(row: dict[Any, Any]) -> str:
    if not row["percent"]:
        return "this is the tuned model"
    mean = numbers.points(row["change"])
    if row["runs"] < 2:
        return f"{mean} (one run)"
    low, high = (numbers.signed(100 * row[end]) for end in ("change_low", "change_high"))
    return f"{mean} (single runs {low} to {high})"


def trained_words(level: str, size: int) -> str:
    """What a model was trained on, short: 'level 0 · 1,920'."""
    return f"{level_name(level)} · {size_name(size)}"


def paper_value(
    row: dict[Any, Any], domain: str, held: tuple[paper.PaperValue, ...] = paper.RESTORATION
) -> paper.PaperValue | None:
    """Table 4a's number for a row's training set and percentage, where it is held: in-domain, of the paper's order."""
    if row["strategy"] != TOP:
        return None
    wanted = {"level": str(row["level"]), "size": int(row["size"]), "percent": float(row["percent"])}
    return paper.find(held, **wanted, domain=domain)


def paper_grid() -> style.Figure:
    """The paper's own Table 4a, as far as it is held, in the same form."""
    start = {(each.level, each.size): each.value for each in paper.RESTORATION if not each.percent}
    cells = [_paper_cell(each, each.value - start[each.level, each.size]) for each in paper.RESTORATION]
    return look.grid(
        pd.DataFrame(cells),
        title="The paper's own: LLaMA-3-8B, in-domain (%)",
        subtitle=[
            "Ye et al., Table 4a, as far as it is held here · one run each",
            "below each: change against 0%, in points",
        ],
        x_title="Restored, % of the region",
        columns=[f"{percent:g}%" for percent in sorted({each.percent for each in paper.RESTORATION})],
        rows=list(dict.fromkeys(cell["row"] for cell in cells)),
        fields=("row", "column"),
        tooltip=[alt.Tooltip("row:N", title="the paper, trained on"), alt.Tooltip("text:N", title="right")],
    )


def _paper_cell(value: paper.PaperValue, change: float) -> dict[str, Any]:
    return {
        "row": trained_words(value.level, value.size),
        "column": f"{value.percent:g}%",
        "text": look.hundredths(value.value, 2),
        "detail": look.change_mark(change) if value.percent else "tuned",
        "fill": look.change_colour(change),
        "strength": look.strength(change, 0.5),
    }


def restoration_curve(table: pd.DataFrame, level: str, size: int, domain: str, *, papers: bool = True) -> style.Figure:
    """One training set: accuracy (0-100%) against k for every strategy measured, the paper's points where held."""
    own = table[(table["level"] == level) & (table["size"] == size)]
    present = strategies_asked(own, domain)
    rows = restored_rows(own, domain, present)
    rows = rows.assign(
        order=[strategy_name(name) for name in rows["strategy"]],
        whose=["the paper's" if name == TOP else "other" for name in rows["strategy"]],
    )
    told = look.beside(paper.RESTORATION, table, papers and TOP in present) if domain == "in" else ()
    held = [each for each in told if (each.level, each.size) == (level, size)]
    marks = pd.DataFrame([{"percent": each.percent, "mean": each.value} for each in held])
    names = [strategy_name(name) for name in present]
    colours = alt.Scale(domain=names, range=[style.STRATEGY_COLOURS[name] for name in present])
    dashes = alt.Scale(domain=["the paper's", "other"], range=[[1, 0], [5, 3]])
    shapes = alt.Scale(domain=names, range=[style.STRATEGY_SHAPES[name] for name in present])
    legend = alt.Legend(orient="top", columns=2, labelLimit=240, symbolSize=120, symbolOpacity=1)
    x = alt.X("percent:Q", title="Restored, % of the region", axis=alt.Axis(grid=False), scale=alt.Scale(nice=False))
    highs = [*rows["high"].fillna(rows["mean"]), *(each.value for each in held)]
    axis = alt.Axis(format=style.PERCENT_FORMAT, title=None)
    y = alt.Y("mean:Q", axis=axis, scale=style.accuracy_scale(highs))
    colour = alt.Color("order:N", scale=colours, title=None, legend=legend)
    chart = alt.Chart(rows)
    layers = [
        chart.mark_area(opacity=0.14).encode(x=x, y=alt.Y("low:Q", axis=axis), y2="high:Q", color=colour),
        chart.mark_line().encode(
            x=x, y=y, color=colour, strokeDash=alt.StrokeDash("whose:N", scale=dashes, legend=None)
        ),
        chart.mark_point(filled=True, size=70, opacity=1, cursor="pointer")
        .encode(
            x=x,
            y=y,
            color=colour,
            shape=alt.Shape("order:N", scale=shapes, title=None, legend=legend),
            tooltip=_curve_tooltip(),
        )
        .add_params(look.click(*CLICKED)),
    ]
    if held:
        paper_marks = alt.Chart(marks).mark_point(shape="diamond", filled=False, size=95, color=style.RESTORED)
        layers.append(paper_marks.encode(x=x, y=y, tooltip=[alt.Tooltip("mean:Q", title="the paper", format=".2%")]))
    asked = f"{SCOPES[domain]} · n = {numbers.count(rows['n'].max())} questions a run"
    subtitle = [f"trained on {trained_words(level, size)} samples · {asked}", *look.variant_lines(table)]
    subtitle += [f"bands: {spread_kind(rows)}"]
    title = f"Right at k%, {trained_words(level, size)} (%)"
    return style.finish(
        alt.layer(*layers, height=style.FIGURE_HEIGHT), title, [*subtitle, *([look.PAPER_NOTE] * bool(held))]
    )


def _curve_tooltip() -> list[alt.Tooltip]:
    return [
        alt.Tooltip("order:N", title="restored by"),
        alt.Tooltip("percent:Q", title="k, %"),
        alt.Tooltip("mean:Q", title="right", format=".1%"),
        alt.Tooltip("low:Q", title="from", format=".1%"),
        alt.Tooltip("high:Q", title="to", format=".1%"),
        alt.Tooltip("runs:Q", title="runs"),
    ]


def strategies_asked(table: pd.DataFrame, domain: str) -> tuple[str, ...]:
    """The orders of restoring whose accuracy was asked of these facts."""
    measure = "train_accuracy" if domain == "train" else "accuracy"
    rows = measured(table, measure, domain=domain, variant=variant_of(table))
    return tuple(name for name in dict.fromkeys(rows["strategy"]) if name)


def restoration_table(table: pd.DataFrame, domain: str, *, papers: bool = True) -> pd.DataFrame:
    """Every strategy, training set and percentage (fractions 0-1), with change, spread, n and the paper's number."""
    rows = restored_rows(table, domain, strategies_asked(table, domain))
    told = look.beside(paper.RESTORATION, table, papers)
    held = [paper_value(row, domain, told) for row in rows.to_dict("records")]
    return rows.assign(paper=[each.value if each else float("nan") for each in held])
