"""More sections of a plan's results: KL, concentration, ways of training, where the restored parameters lie."""

import pandas as pd
import streamlit as st

from analysis.errors import PalimpsestError
from analysis.experiments import agreement
from analysis.experiments.shape import WeightShares, weight_shares
from analysis.figures import experiments_concentration as concentration
from analysis.figures import experiments_divergence as divergence
from analysis.figures import experiments_places as places
from analysis.figures import experiments_restoration as restoring
from analysis.figures import experiments_ways as ways
from pages.components import address, charts, plan_claims, plan_making
from pages.components.plan_sections import (
    DOMAINS,
    PERCENT,
    SHARES,
    SPREAD_COLUMNS,
    domain_control,
    figure,
    nothing_yet,
    told,
    training_set,
)
from pages.components.words import CONCENTRATION

KL_COLUMNS = {name: st.column_config.NumberColumn(f"{name}, nats", format="%.3f") for name in ("mean", "low", "high")}


def kl(table: pd.DataFrame, plan: str) -> None:
    """Figures 4 and 5."""
    present = [measure for measure in divergence.KINDS if len(divergence.kl_rows(table, measure))]
    if not present:
        nothing_yet()
        return
    address.hold(address.one_of("kl_kind", present, present[0]))
    measure = st.segmented_control(
        "KL over", present, required=True, format_func=divergence.KINDS.get, key="kl_kind", persist_state="session"
    )
    found = agreement.of(table, "Figures 4 and 5")
    plan_claims.lines(found, plan, key="kl")
    words = plan_claims.sentence(found)
    left, right = st.columns(2)
    made = {"KL over": divergence.KINDS[measure]}
    with left:
        figure(
            divergence.kl_curve(table, measure),
            key=f"kl-{measure}",
            alt=f"KL against training samples. {words}",
            finding=words,
            made=made,
            table=table,
            domain="in",
            plan=plan,
        )
    with right:
        figure(
            divergence.accuracy_scatter(table, measure),
            key=f"kl-accuracy-{measure}",
            alt=f"Accuracy against KL, a mark a run. {words}",
            finding=words,
            made=made,
            table=table,
            domain="in",
            plan=plan,
        )
    told("Figures 4 and 5", "Figures 4 and 5: KL and accuracy against size")
    st.caption(
        "Runs of one level and size share their facts: the interval of the correlation resamples training sets, not "
        "runs. A correlation over training sets does not say that KL is the cause."
    )
    with st.expander("The same in numbers"):
        shown = divergence.divergence_table(table)
        charts.table(shown, key="kl-table", columns=SPREAD_COLUMNS | KL_COLUMNS, **plan_making.of(plan))


def concentrated(table: pd.DataFrame, plan: str) -> None:
    """Table 3."""
    if not len(concentration.concentration_rows(table)):
        nothing_yet()
        return
    found = agreement.of(table, "Table 3")
    plan_claims.lines(found, plan, key="concentration")
    words = f"{plan_claims.sentence(found)} {concentration.null_words(table)}"
    figure(
        concentration.concentration_grid(table),
        key="concentration-grid",
        alt=words,
        finding=words,
        table=table,
        domain="in",
        plan=plan,
    )
    st.caption(CONCENTRATION)
    level, size = training_set(table, "concentration_set", "Curve of the models trained on")
    figure(
        concentration.concentration_lines(table, level, size),
        key=f"concentration-{level}-{size}",
        alt=concentration.null_words(table, level, size),
        made={"trained on": restoring.trained_words(level, size)},
        table=table,
        domain="in",
        plan=plan,
    )
    with st.expander("The same in numbers"):
        columns = SHARES | {"top": st.column_config.NumberColumn("most changed", format="%g%%")}
        shown = concentration.concentration_table(table)
        charts.table(shown, key="concentration-table", columns=columns, **plan_making.of(plan))


def several_ways(table: pd.DataFrame, plan: str) -> None:
    """Table 7."""
    asked = table[(table["measure"] == "accuracy") & (table["strategy"] != "")]
    percents = sorted({float(percent) for percent in asked["percent"]})
    if not percents:
        nothing_yet()
        return
    plan_claims.lines(agreement.of(table, "Table 7", "Control (ours)"), plan, key="ways")
    domain = domain_control("ways_domain")
    left, right = st.columns(2)
    with left:
        level, size = training_set(table, "ways_set", "Trained on")
    with right:
        address.hold(address.one_of("ways_percent", percents, 20.0 if 20.0 in percents else percents[-1]))
        percent = st.selectbox("Restored", percents, format_func=lambda each: f"{each:g}%", key="ways_percent")
    trained = restoring.trained_words(level, size)
    made = {"asked": DOMAINS[domain], "trained on": trained, "restored %": percent}
    figure(
        ways.way_dots(table, level, size, percent, domain),
        key=f"ways-{domain}-{level}-{size}-{percent:g}",
        alt=ways.way_sentence(table, level, size, percent, domain),
        made=made,
        table=table,
        domain=domain,
        plan=plan,
    )
    st.caption(
        "The percentage is chosen by you, not by these accuracies: the best of several looks better than it is. "
        "Variants appear where the plan names them ([train] variants)."
    )
    ours, papers = st.columns([2, 1], gap="large")
    with ours:
        charts.table(
            ways.way_table(table, level, size, percent, domain),
            key=f"ways-table-{domain}",
            columns=SPREAD_COLUMNS,
            **plan_making.of(plan, made),
        )
    with papers:
        right_column = {"right": st.column_config.NumberColumn("right (LLaMA-3-8B)", format="percent")}
        charts.table(ways.paper_ways(), key="ways-paper", columns=right_column, **plan_making.PAPER)
        st.caption(
            "**The paper's Table 7**, as far as it is held here (level, size, percentage and domain are not); "
            "another model, not a target."
        )


def where(table: pd.DataFrame, plan: str) -> None:
    """Tables 9, 10 and 11."""
    percents = places.percents_present(table)
    groups = [domain for domain in DOMAINS if len(places.group_rows(table, domain))]
    if not percents and not groups:
        nothing_yet()
        return
    found = agreement.of(table, "Table 9", "Table 10", "Table 11", weights=base_shares(table))
    plan_claims.lines(found, plan, key="places")
    if percents:
        restored_places(table, plan, percents)
    if groups:
        layer_groups(table, plan, groups)
    told("Table 11", "Table 11: whole groups of layers")


def restored_places(table: pd.DataFrame, plan: str, percents: list[float]) -> None:
    """By layer and by kind of module, beside the share of all weights that lies there."""
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
                places.place_bars(table, measure, percent, weights[measure]),
                key=f"{measure}-{percent:g}",
                alt=places.place_words(table, measure, percent, weights[measure]),
                made={"restored %": percent},
                table=table,
                domain="in",
                plan=plan,
            )
            with st.expander("The same in numbers"):
                held, making = (
                    places.place_table(table, measure, percent),
                    plan_making.of(plan, {"restored %": percent}),
                )
                charts.table(held, key=f"{measure}-table", columns=SHARES, **making)
    unlike = places.unlike_paper(table, percent)
    if unlike:
        st.caption(unlike)
    told("Table 9", "Tables 9 and 10: where the restored 20% lie")


def layer_groups(table: pd.DataFrame, plan: str, present: list[str]) -> None:
    """Whole groups of layers given back, one at a time."""
    domain = domain_control("groups_domain", DOMAINS, present)
    figure(
        places.group_grid(table, domain),
        key=f"groups-{domain}",
        alt=places.group_words(table, domain),
        made={"asked": DOMAINS[domain]},
        table=table,
        domain=domain,
        plan=plan,
    )
    with st.expander("The same in numbers"):
        shown = places.group_rows(table, domain)
        columns = SPREAD_COLUMNS | {"tuned": PERCENT}
        charts.table(
            shown, key=f"groups-table-{domain}", columns=columns, **plan_making.of(plan, {"asked": DOMAINS[domain]})
        )


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
