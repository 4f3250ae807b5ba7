"""More sections of a plan's results: KL, concentration, ways of training."""

from dataclasses import replace

import streamlit as st

from analysis.experiments import agreement
from analysis.experiments.agreement_restoring import CONTROL
from analysis.experiments.narrowed import Narrowed
from analysis.experiments.spread import PLAIN
from analysis.figures import experiments_concentration as concentration
from analysis.figures import experiments_divergence as divergence
from analysis.figures import experiments_restoration as restoring
from analysis.figures import experiments_ways as ways
from pages.components import address, charts, plan_claims, plan_making
from pages.components.plan_sections import (
    DOMAINS,
    SHARES,
    SPREAD_COLUMNS,
    domain_control,
    figure,
    held,
    nothing_yet,
    told,
    training_set,
)
from pages.components.plan_shown import Shown
from pages.components.words import CONCENTRATION

PAPER_WAYS = {PLAIN, "lora"}  # the variants of the paper's Table 7
KL_COLUMNS = {name: st.column_config.NumberColumn(f"{name}, nats", format="%.3f") for name in ("mean", "low", "high")}


def kl(shown: Shown) -> None:
    """Figures 4 and 5."""
    table = shown.table
    present = [measure for measure in divergence.KINDS if len(divergence.kl_rows(table, measure))]
    if not present:
        nothing_yet()
        return
    address.hold(address.one_of("kl_kind", present, present[0]))
    measure = st.segmented_control(
        "KL over", present, required=True, format_func=divergence.KINDS.get, key="kl_kind", persist_state="session"
    )
    words = held(shown, "Figures 4 and 5", key="kl") or divergence.kl_words(table, measure)
    left, right = st.columns(2)
    made = {"KL over": divergence.KINDS[measure]}
    with left:
        figure(
            divergence.kl_curve(table, measure),
            shown,
            key=f"kl-{measure}",
            alt=f"KL against training samples. {words}",
            finding=words,
            made=made,
            domain="in",
        )
    with right:
        figure(
            divergence.accuracy_scatter(table, measure),
            shown,
            key=f"kl-accuracy-{measure}",
            alt=f"Accuracy against KL, a mark a run. {words}",
            finding=words,
            made=made,
            domain="in",
        )
    told(shown, "Figures 4 and 5", "Figures 4 and 5: KL and accuracy against size")
    st.caption(
        "Runs of one level and size share their facts: the interval of the correlation resamples training sets, not "
        "runs. A correlation over training sets does not say that KL is the cause."
    )
    with st.expander("The same in numbers"):
        numbers = divergence.divergence_table(table)
        charts.table(numbers, key=shown.key("kl-table"), columns=SPREAD_COLUMNS | KL_COLUMNS, **shown.making())


def concentrated(shown: Shown) -> None:
    """Table 3."""
    table = shown.table
    if not len(concentration.concentration_rows(table)):
        nothing_yet()
        return
    words = f"{held(shown, 'Table 3', key='concentration')} {concentration.null_words(table)}".strip()
    figure(
        concentration.concentration_grid(table, papers=shown.papers),
        shown,
        key="concentration-grid",
        alt=words,
        finding=words,
        domain="in",
    )
    st.caption(CONCENTRATION)
    level, size = training_set(table, "concentration_set", "Curve of the models trained on")
    figure(
        concentration.concentration_lines(table, level, size, papers=shown.papers),
        shown,
        key=f"concentration-{level}-{size}",
        alt=concentration.null_words(table, level, size),
        made={"trained on": restoring.trained_words(level, size)},
        level=level,
        size=size,
        domain="in",
    )
    with st.expander("The same in numbers"):
        columns = SHARES | {"top": st.column_config.NumberColumn("most changed", format="%g%%")}
        numbers = concentration.concentration_table(table, papers=shown.papers)
        charts.table(numbers, key=shown.key("concentration-table"), columns=columns, **shown.making())


def several_ways(shown: Shown) -> None:
    """Table 7: every variant of the plan beside the others."""
    table, plan = shown.every, shown.plan
    shown = replace(shown, variant=PLAIN, table=table)  # of all variants, so that no name or pin is of a single one
    variants = set(table["variant"])
    asked = table[(table["measure"] == "accuracy") & (table["strategy"] != "")]
    percents = sorted({float(percent) for percent in asked["percent"]})
    if not percents:
        nothing_yet()
        return
    if PLAIN in variants:
        plan_claims.lines(agreement.of(table, "Table 7", CONTROL), plan, key="ways")
    domain = domain_control("ways_domain")
    left, right = st.columns(2)
    with left:
        level, size = training_set(table, "ways_set", "Trained on")
    with right:
        address.hold(address.one_of("ways_percent", percents, 20.0 if 20.0 in percents else percents[-1]))
        percent = st.selectbox("Restored", percents, format_func=lambda each: f"{each:g}%", key="ways_percent")
    trained = restoring.trained_words(level, size)
    made = {"asked": DOMAINS[domain], "trained on": trained, "restored %": percent}
    making = plan_making.of(plan, made, only=Narrowed(level, size))
    figure(
        ways.way_dots(table, level, size, percent, domain),
        shown,
        key=f"ways-{domain}-{level}-{size}-{percent:g}",
        alt=ways.way_sentence(table, level, size, percent, domain),
        domain=domain,
        **making,
    )
    st.caption(
        "The percentage is chosen by you, not by these accuracies: the best of several looks better than it is. "
        "Variants appear where the plan names them ([train] variants)."
    )
    charts.table(
        ways.way_table(table, level, size, percent, domain),
        key=f"ways-table-{domain}",
        columns=SPREAD_COLUMNS,
        **making,
    )
    if not shown.on_places or variants.isdisjoint(PAPER_WAYS):
        return
    right_column = {"right": st.column_config.NumberColumn("right (LLaMA-3-8B)", format="percent")}
    charts.table(ways.paper_ways(), key="ways-paper", columns=right_column, **plan_making.PAPER)
    st.caption(
        "**The paper's Table 7**, as far as it is held here (level, size, percentage and domain are not); "
        "another model, not a target."
    )
