"""The sections of a plan's results, each a figure beside the paper's numbers: drawn here, made by analysis.figures.

A section gets what of the plan is shown (`plan_shown`); a click on a cell shows the runs behind it (`run_links`).
"""

from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from analysis.experiments import agreement, paper
from analysis.experiments.agreement_restoring import CONTROL
from analysis.experiments.shape import WeightShares
from analysis.experiments.spread import PLAIN, size_name
from analysis.figures import experiments as look
from analysis.figures import experiments_restoration as restoring
from analysis.figures import experiments_sizes as sizes
from analysis.figures import style
from pages.components import address, charts, plan_cell, plan_claims, plan_making, plan_menu, plan_paper, run_links
from pages.components.plan_shown import Shown

PERCENT = st.column_config.NumberColumn(format="percent")
SHARES = dict.fromkeys(("mean", "low", "high", "paper"), PERCENT)
DOMAINS = {"in": "in-domain", "out": "out-of-domain"}
SPREAD_COLUMNS = SHARES | {
    "kind": st.column_config.TextColumn("from low to high is", help="runs: lowest to highest; questions: 95% interval"),
    "n": st.column_config.NumberColumn("questions a run"),
}
NOTHING = "Nothing of this is measured yet in this plan; it appears as cells are done."


def size(shown: Shown) -> None:
    """Figure 2 and Table 2."""
    domain, table = domain_control("size_domain"), shown.table
    if sizes.size_rows(table, domain).empty:
        nothing_yet()
        return
    present = sizes.sizes_present(table)
    words = held(shown, "Figure 2", key="size") or sizes.level_words(table, present[-1], domain)
    figure(
        sizes.size_curve(table, domain, papers=shown.papers),
        shown,
        key=f"size-{domain}",
        alt=f"Accuracy against training samples by training level. {words}",
        finding=words,
        made={"asked": DOMAINS[domain]},
        domain=domain,
    )
    told(shown, "Figure 2", "Figure 2: accuracy against size")
    address.hold(address.one_of("level_size", present, present[-1]))
    wanted = st.segmented_control(
        "Training samples",
        present,
        required=True,
        format_func=size_name,
        key="level_size",
        persist_state="session",
    )
    figure(
        sizes.level_grid(table, wanted, domain, papers=shown.papers),
        shown,
        key=f"levels-{domain}-{wanted}",
        alt=sizes.level_words(table, wanted, domain),
        made={"asked": DOMAINS[domain], "samples": size_name(wanted)},
        size=wanted,
        domain=domain,
    )
    told(shown, "Table 2", "Table 2: accuracy by level at 1,920 samples")
    with st.expander("The same in numbers"):
        charts.table(
            sizes.size_table(table, domain, papers=shown.papers),
            key=shown.key(f"size-table-{domain}"),
            columns=SPREAD_COLUMNS,
            **shown.making({"asked": DOMAINS[domain]}),
        )
        charts.table(
            sizes.level_table(table, wanted, domain),
            key=shown.key(f"level-table-{domain}"),
            columns=SPREAD_COLUMNS,
            **shown.making({"asked": DOMAINS[domain], "samples": size_name(wanted)}, size=wanted),
        )


def restoration(shown: Shown) -> None:
    """Tables 4 and 6."""
    table = shown.table
    scopes = [domain for domain in restoring.SCOPES if not restoring.restored_rows(table, domain).empty]
    if not scopes:
        nothing_yet()
        return
    domain = domain_control("restoration_domain", restoring.SCOPES, scopes)
    held(shown, "Table 4", CONTROL, key="restoration")
    orders = restored_by(table, domain)
    for strategy in orders:
        words = restoring.grid_words(table, domain, strategy)
        figure(
            restoring.restoration_grid(table, domain, strategy, papers=shown.papers),
            shown,
            key=f"restoration-{domain}-{strategy}",
            alt=words,
            finding=words,
            made={"asked": restoring.SCOPES[domain], "strategy": strategy},
            domain=domain,
        )
    if domain == "train":
        told(shown, "Table 6", "Table 6: accuracy on the training set")
    elif shown.papers and restoring.TOP in orders:  # the paper's order alone
        beside_paper()
    one_training_set(shown, domain)
    with st.expander("The same in numbers"):
        changes = {
            name: st.column_config.NumberColumn(format="%+.4f") for name in ("change", "change_low", "change_high")
        }
        charts.table(
            restoring.restoration_table(table, domain, papers=shown.papers),
            key=shown.key(f"restoration-table-{domain}"),
            columns=SPREAD_COLUMNS | changes,
            **shown.making({"asked": restoring.SCOPES[domain]}),
        )


def restored_by(table: pd.DataFrame, domain: str) -> list[str]:
    """The orders with a grid of their own: the paper's and its control; every order of a plan without the paper's."""
    found = restoring.strategies_asked(table, domain)
    main = [restoring.TOP] if restoring.TOP in found else [name for name in found if name != restoring.RANDOM]
    return [*main, *(name for name in found if name == restoring.RANDOM)]


def beside_paper() -> None:
    """The paper's own table, in the same form and marked as the paper's."""
    with st.container(border=True):
        charts.show(
            restoring.paper_grid(),
            key="restoration-paper",
            alt=plan_paper.grid_words(),
            **plan_making.PAPER,
        )
        st.caption(paper.told("Table 4"))


def one_training_set(shown: Shown, domain: str) -> None:
    """Every order of one training set as curves."""
    table = shown.table
    level, count = training_set(table, "restoring_set", "Every order of restoring, for the models trained on")
    figure(
        restoring.restoration_curve(table, level, count, domain, papers=shown.papers),
        shown,
        key=f"restoring-{domain}-{level}-{count}",
        alt=restoring.curve_words(table, level, count, domain),
        made={"asked": restoring.SCOPES[domain], "trained on": restoring.trained_words(level, count)},
        level=level,
        size=count,
        domain=domain,
    )


# --- shared ----------------------------------------------------------------------------------------------------


def nothing_yet() -> None:
    """What a section says whose numbers are still to come."""
    st.info(NOTHING, icon=":material/hourglass_empty:")


def held(shown: Shown, *where: str, key: str, weights: WeightShares | None = None) -> str:
    """The paper's findings of these tables held against plain models, as lines; the same as running text.

    Models trained in another way are held against nothing: empty.
    """
    if not shown.is_plain:
        return ""
    found = agreement.of(shown.table, *where, weights=weights)
    plan_claims.lines(found, shown.plan, key=key)
    return plan_claims.sentence(found)


def training_set(table: pd.DataFrame, key: str, label: str) -> tuple[str, int]:
    """One training set (level, size) of the plan, in the address too; the largest size's lowest level first."""
    tuned = table[table["level"] != ""]
    plain = tuned[tuned["variant"] == PLAIN]
    rows = (tuned if plain.empty else plain).sort_values(["size", "level"], ascending=[False, True])
    sets = list(dict.fromkeys(f"{level}@{size}" for level, size in zip(rows["level"], rows["size"], strict=True)))
    address.hold(address.one_of(key, sets, sets[0]))
    chosen = st.selectbox(label, sets, format_func=lambda each: restoring.trained_words(*parted(each)), key=key)
    return parted(str(chosen))


def parted(name: str) -> tuple[str, int]:
    """Level and size of a training set as the address writes it: '0@1920'."""
    level, _, size = name.rpartition("@")
    return level, int(size)


def domain_control(key: str, names: dict[str, str] | None = None, present: list[str] | None = None) -> str:
    """In-domain or out-of-domain, in the address too."""
    names = names or DOMAINS
    options = present or list(names)
    address.hold(address.one_of(key, options, options[0]))
    chosen = st.segmented_control(
        "Asked", options, required=True, format_func=names.get, key=key, persist_state="session"
    )
    return str(chosen or options[0])


def figure(
    drawn: Any,
    shown: Shown,
    *,
    domain: str,
    key: str,
    made: Mapping[str, Any] | None = None,
    level: str | None = None,
    size: int | None = None,
    **options: Any,
) -> None:
    """A figure whose cells and points lead to their runs, shown beneath it once one is clicked, or chosen by name.

    `level`, `size`: of which training sets alone it is.
    """
    key, common = shown.key(key), {"domain": domain, "variant": shown.variant}
    options = shown.making(made, level=level, size=size) | options
    spec = style.specification(drawn)
    event = charts.show(
        spec,
        key=key,
        drawn_as=plan_cell.drawn_as(key),
        on_select="rerun",
        selection_mode=look.CELL_CLICK,
        **options,
    )
    fields = plan_cell.of(key, event)
    plan_menu.choose(spec, fields, common=common, key=key)
    if fields:
        run_links.panel(shown.table, shown.plan, common | fields, key=key)
        st.button(
            "Close", key=f"close-{key}", type="tertiary", icon=":material/close:", on_click=plan_cell.choose, args=("",)
        )


def told(shown: Shown, table: str, title: str) -> None:
    """What is known of the paper's own table, under ours."""
    words = paper.told(table)
    if words and shown.papers:
        st.caption(f"**The paper, {title}.** {words}")
