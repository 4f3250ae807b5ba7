"""Where the restored parameters of a plan's models lie, and whole groups of layers given back (Tables 9 to 11)."""

import pandas as pd
import streamlit as st

from analysis.errors import PalimpsestError
from analysis.experiments.shape import WeightShares, weight_shares
from analysis.figures import experiments_places as places
from pages.components import address, charts
from pages.components.plan_sections import (
    DOMAINS,
    PERCENT,
    SHARES,
    SPREAD_COLUMNS,
    domain_control,
    figure,
    held,
    nothing_yet,
    told,
)
from pages.components.plan_shown import Shown


def where(shown: Shown) -> None:
    """Tables 9, 10 and 11."""
    table = shown.table
    percents = places.percents_present(table)
    groups = [domain for domain in DOMAINS if len(places.group_rows(table, domain))]
    if not percents and not groups:
        nothing_yet()
        return
    held(shown, "Table 9", "Table 10", "Table 11", key="places", weights=base_shares(table))
    if percents:
        restored_places(shown, percents)
    if groups:
        layer_groups(shown, groups)
    told(shown, "Table 11", "Table 11: whole groups of layers")


def restored_places(shown: Shown, percents: list[float]) -> None:
    """By layer and by kind of module, beside the share of all weights that lies there."""
    table = shown.table
    address.hold(address.one_of("places_percent", percents, 20.0 if 20.0 in percents else percents[-1]))
    percent = st.segmented_control(
        "Of the most changed",
        percents,
        required=True,
        format_func=lambda each: f"{each:g}%",
        key="places_percent",
        persist_state="session",
    )
    shares = base_shares(table)
    weights = {
        "restored_layer": shares.by_layer if shares else None,
        "restored_module": shares.by_module if shares else None,
    }
    for column, measure in zip(st.columns(2), places.MEASURES, strict=True):
        with column:
            figure(
                places.place_bars(table, measure, percent, weights[measure], papers=shown.papers),
                shown,
                key=f"{measure}-{percent:g}",
                alt=places.place_words(table, measure, percent, weights[measure]),
                made={"restored %": percent},
                domain="in",
            )
            with st.expander("The same in numbers"):
                rows = places.place_table(table, measure, percent, papers=shown.papers)
                making = shown.making({"restored %": percent})
                charts.table(rows, key=shown.key(f"{measure}-table"), columns=SHARES, **making)
    unlike = places.unlike_paper(table, percent) if shown.papers else ""
    if unlike:
        st.caption(unlike)
    told(shown, "Table 9", "Tables 9 and 10: where the restored 20% lie")


def layer_groups(shown: Shown, present: list[str]) -> None:
    """Whole groups of layers given back, one at a time."""
    table = shown.table
    domain = domain_control("groups_domain", DOMAINS, present)
    figure(
        places.group_grid(table, domain),
        shown,
        key=f"groups-{domain}",
        alt=places.group_words(table, domain),
        made={"asked": DOMAINS[domain]},
        domain=domain,
    )
    with st.expander("The same in numbers"):
        rows = places.group_rows(table, domain)
        columns = SPREAD_COLUMNS | {"tuned": PERCENT}
        making = shown.making({"asked": DOMAINS[domain]})
        charts.table(rows, key=shown.key(f"groups-table-{domain}"), columns=columns, **making)


def base_shares(table: pd.DataFrame) -> WeightShares | None:
    """How the weights of the plan's base are spread; None where it is not on this machine, or nothing is measured."""
    return shares_of(str(table["base"].iloc[0])) if len(table) else None


@st.cache_data(max_entries=8, show_spinner=False)
def shares_of(base: str) -> WeightShares | None:
    """The base's weights by place, from its headers; None where they are not on this machine."""
    try:
        return weight_shares(base)
    except PalimpsestError:
        return None
