"""Every run of a plan in one table: filtered, two of them compared question by question, each with its command."""

from typing import Any

import pandas as pd
import streamlit as st

from analysis.experiments.data import load_data
from analysis.experiments.spread import level_name, size_name
from analysis.figures import experiments_runs as shown_runs
from analysis.figures import numbers
from analysis.figures.strategies import strategy_name
from cache.compared import Compared, compare_stored
from cache.keys import digest
from cache.memo import workspace
from pages.components import address, charts, notices, plan_making, run_links
from pages.components.plan_sections import DOMAINS, nothing_yet
from pages.components.plan_shown import Shown
from pages.components.words import EFFECTIVE_K, HEADLINE, MCNEMAR, plain

TABLE = "runs-table"
CHOSEN = "runs_chosen"  # in the address: the runs chosen in the table
MOST_CHOSEN = 4  # of them in the address
TABLE_HEIGHT = 420
COLUMNS: dict[str, Any] = {
    "run": st.column_config.TextColumn("run", width=270, pinned=True),
    "in_domain": st.column_config.NumberColumn("in-domain", format="percent", help=HEADLINE),
    "in_domain_low": st.column_config.NumberColumn("from", format="percent", help="95% interval over the questions"),
    "in_domain_high": st.column_config.NumberColumn("to", format="percent"),
    "in_domain_n": st.column_config.NumberColumn("n", help="questions asked in-domain"),
    "out_of_domain": st.column_config.NumberColumn("out-of-domain", format="percent", help=HEADLINE),
    "out_of_domain_low": st.column_config.NumberColumn("from ", format="percent"),
    "out_of_domain_high": st.column_config.NumberColumn("to ", format="percent"),
    "out_of_domain_n": st.column_config.NumberColumn("n ", help="questions asked out-of-domain"),
    "kl_paper": st.column_config.NumberColumn("KL, nats", format="%.3f"),
    "effective_percent": st.column_config.NumberColumn("effective k", format="%.3g%%", help=EFFECTIVE_K),
    "kept": st.column_config.CheckboxColumn("on disk", help="Whether its model lies on disk as a folder now."),
}
NOT_IN_BOTH = (
    "Not asked in both runs, or the base's answers were not noted when it was measured (by an earlier version)."
)
HIDDEN = dict.fromkeys(
    [
        *("cell", "base", "tuned", "stop_seed", "in_domain_evaluation", "out_of_domain_evaluation"),
        *("level", "size", "seed", "variant", "strategy", "percent"),
    ]
)


def runs(shown: Shown) -> None:
    """The table of every variant, and beneath it the chosen run, or the two chosen ones side by side."""
    plan, every = shown.plan, shown_runs.run_table(shown.every)
    if every.empty:
        nothing_yet()
        return
    found = filters(every)
    st.caption(
        f"{numbers.count(len(found))} of {numbers.count(len(every))} shown. Choose one to open it, two to compare."
    )
    chosen = chosen_of(found, plan, len(every))
    if len(chosen) == 1:
        one(chosen[0], plan)
    elif len(chosen) == 2:
        two(chosen[0], chosen[1], plan)
    elif chosen:
        st.info("Choose one run to open it, or two to compare them.", icon=":material/info:")
    cells(plan)


def chosen_of(found: pd.DataFrame, plan: str, total: int) -> list[pd.Series]:
    """The table of these of `total` runs, and the runs chosen in it, which the address names.

    A selection is of positions: a table of other runs is another table, or another run would stand chosen in it.
    """
    names = [shown_runs.run_id(row) for row in found.to_dict("records")]
    key = f"{TABLE}-{digest(names)[:12]}"
    address.hold(address.Field(CHOSEN, str, ""))
    wanted = [name for name in str(st.session_state[CHOSEN]).split(address.SEPARATOR) if name in names]
    starts = st.session_state.setdefault(f"start-{key}", [names.index(name) for name in wanted])
    event = charts.table(
        found,
        key=key,
        columns=COLUMNS | HIDDEN,
        height=TABLE_HEIGHT,
        finding=shown_runs.runs_words(len(found), total),
        on_select="rerun",
        selection_mode="multi-row",
        selection_default={"selection": {"rows": starts}},
        **plan_making.of(plan, {"shown": f"{len(found)} runs"}),
    )
    rows = [number for number in event["selection"]["rows"] if number < len(found)]
    text = address.SEPARATOR.join(names[number] for number in rows[:MOST_CHOSEN])
    st.session_state[CHOSEN] = st.session_state[f"held-{CHOSEN}"] = text
    address.to_addresses({CHOSEN: text})
    return [found.iloc[number] for number in rows]


def cells(plan: str) -> None:
    """Every cell of the plan: whether it is measured, how long it took, why it failed."""
    found = workspace().plan_cells(plan)
    done = int((found["state"] == "done").sum())
    with st.expander(f"All {len(found)} cells of the plan, {done} measured"):
        shown = found[["level", "size", "seed", "variant", "state", "seconds", "reason", "command"]]
        columns = {
            "size": st.column_config.NumberColumn("samples", help="0: all facts of the level"),
            "seconds": st.column_config.NumberColumn("seconds", format="%.1f", help="of one worker process"),
        }
        charts.table(shown, key="cells-table", columns=columns, **plan_making.of(plan))


def filters(every: pd.DataFrame) -> pd.DataFrame:
    """Level, size, variant and way of restoring, in the address too."""
    options = {
        "level": (list(dict.fromkeys(every["level"])), "Trained on", lambda each: level_name(each) if each else "base"),
        "size": (sorted({int(size) for size in every["size"]}), "Samples", size_name),
        "variant": (list(dict.fromkeys(every["variant"])), "Variant", str),
        "strategy": (
            list(dict.fromkeys(every["strategy"])),
            "Restored",
            lambda each: strategy_name(each) or "as tuned",
        ),
    }
    wanted: dict[str, list[Any]] = {}
    address.hold(*(address.some_of(f"runs_{name}", given) for name, (given, _, _) in options.items()))
    for column, (name, (given, label, words)) in zip(st.columns(4), options.items(), strict=True):
        with column:
            wanted[name] = st.multiselect(label, given, format_func=words, key=f"runs_{name}", placeholder="all")
    return shown_runs.filtered(
        every,
        levels=wanted["level"],
        sizes=wanted["size"],
        variants=wanted["variant"],
        strategies=wanted["strategy"],
    ).reset_index(drop=True)


def one(run: pd.Series, plan: str) -> None:
    """One run: on to its pages, and the command that makes it."""
    with st.container(border=True, key="run-chosen"):
        st.markdown(f"**{plain(run['run'])}**")
        if run["variant"] != "base":
            row = run.to_dict() | {"domain": "in", "value": run["in_domain"], "n": run["in_domain_n"]}
            row |= {"low": run["in_domain_low"], "high": run["in_domain_high"]}
            run_links.one(row, plan, "table")
        made = run_links.command(plan, run.to_dict() | {"domain": "in"})
        if made:
            st.code(made, language="bash", wrap_lines=True)


def two(first: pd.Series, second: pd.Series, plan: str) -> None:
    """The second run against the first: paired difference, McNemar, and what changed side."""
    with st.container(border=True, key="runs-compared"):
        st.markdown(f"**{plain(second['run'])}** against **{plain(first['run'])}**", help=MCNEMAR)
        levels = levels_of(plan)
        told: dict[str, Compared] = {}
        for domain, column in zip(DOMAINS, st.columns(2), strict=True):
            name = shown_runs.HEADLINES[domain]
            with column, notices.shown_errors():
                st.markdown(f"*{DOMAINS[domain]}*")
                digests = first[f"{name}_evaluation"], second[f"{name}_evaluation"]
                if not all(isinstance(digest, str) and digest for digest in digests):
                    st.caption(NOT_IN_BOTH)
                    continue
                told[domain] = compare_stored(workspace().store, *digests, levels)
                comparison(told[domain], key=domain)
        if told:
            pin_of_two(first["run"], second["run"], told, plan)


def pin_of_two(first: str, second: str, told: dict[str, Compared], plan: str) -> None:
    """The pin and the files of a comparison of two runs."""
    frame = pd.DataFrame([_compared_row(DOMAINS[domain], found) for domain, found in told.items()])
    words = " ".join(
        f"{DOMAINS[domain].capitalize()}: "
        + shown_runs.compared_words(found.n, found.change, found.macro_change, found.flips)
        for domain, found in told.items()
    )
    finding = f"{second} against {first}. {words}"
    shares = dict.fromkeys(("first", "second"), st.column_config.NumberColumn(format="percent"))
    making = plan_making.of(plan, {"first": first, "second": second}, whole=False)
    charts.foot(frame, key="runs-compared", columns=shares, finding=finding, **making)


def _compared_row(asked: str, found: Compared) -> dict[str, Any]:
    low, high = found.change.interval95
    right = {"asked": asked, "n": found.n, "first": found.first, "second": found.second}
    change = {"points": 100 * found.change.estimate, "from (95%)": 100 * low, "to (95%)": 100 * high}
    flips = {"fixed": found.flips.fixed, "broken": found.flips.broken, "McNemar p": found.flips.mcnemar_p}
    return right | change | flips


def comparison(found: Compared, *, key: str) -> None:
    """A comparison in numbers and a sentence."""
    with st.container(horizontal=True, key=f"compared-{key}"):
        told = shown_runs.is_told(found.flips)
        change = numbers.delta(found.change.estimate)
        st.metric("Share right", numbers.share(found.second), change, delta_color="normal" if told else "off")
        st.metric("Fixed", numbers.count(found.flips.fixed))
        st.metric("Broken", numbers.count(found.flips.broken))
    st.markdown(shown_runs.compared_words(found.n, found.change, found.macro_change, found.flips))


def levels_of(plan: str) -> dict[str, int | None]:
    """The mastery level of every test question of the plan."""
    asked = workspace().plan(plan).plan
    data = load_data(asked.questions, asked.mastery, asked.train.relations)
    return {question.id: question.level for question in (*data.inside, *data.outside)}
