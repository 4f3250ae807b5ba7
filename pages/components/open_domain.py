"""Does it hold for another domain than places? Two plans side by side: trained on places, trained on the others."""

import streamlit as st

from analysis.figures import open_domain as figures
from cache.memo import workspace
from cache.open_questions import domain_plans
from pages.components import charts, open_asking
from pages.components.words import plain

SHIPPED = "demo/other_domain.toml"
PERCENT = st.column_config.NumberColumn(format="percent")


def show() -> None:
    """The two plans' figure, or how to run what is missing."""
    st.markdown(
        "**The paper trains on ten relations about places and tests the others. What if one trains on the others?** A "
        "plan's `train_relations` says what is trained on; tests on these are then in-domain, on the rest "
        "out-of-domain."
    )
    plans = domain_plans(workspace())
    if not plans["places"] or not plans["others"]:
        _missing(plans)
        return
    with st.container(horizontal=True):
        places = st.selectbox("Trained on places", plans["places"], key="domain_places", width=260)
        others = st.selectbox("Trained on other relations", plans["others"], key="domain_others", width=260)
    rows = figures.domain_rows(workspace().plan_results(places), workspace().plan_results(others))
    if rows.empty:
        st.caption("The two plans share no measured training size yet; the figure appears as cells are done.")
        return
    words = figures.domain_words(rows)
    st.info(plain(words), icon=":material/insights:")
    made = {"plans": f"{places} and {others}"}
    asked = st.segmented_control(
        "Asked about", [figures.PLACES, figures.OTHERS], default=figures.OTHERS, required=True, key="domain_asked"
    )
    charts.show(
        figures.domain_points(rows, asked or figures.OTHERS),
        key=f"domain-points-{asked}",
        alt=words,
        made=made,
        command=_command(),
    )
    charts.table(
        figures.domain_table(rows), key="domain_table", columns=dict.fromkeys(_shares(rows), PERCENT), width="stretch"
    )
    open_asking.foot(
        _command(),
        "The demo's other relations hold a fifth as many facts each and were a smaller part of its training, so the "
        "two domains differ in more than their subject: compare the order of the levels, not the heights.",
    )


def _shares(rows: object) -> list[str]:
    table = figures.domain_table(rows)
    return [name for name in table.columns if ": " in str(name)]


def _missing(plans: dict[str, tuple[str, ...]]) -> None:
    with st.container(border=True, key="open-domain-missing"):
        lacking = [
            name for name, found in (("places", plans["places"]), ("other relations", plans["others"])) if not found
        ]
        st.markdown(f"**Not measured yet: a plan trained on {' and one trained on '.join(lacking)}.**")
        st.markdown("The shipped ones on the demo world; both can be stopped and gone on with:")
        lines = ["palimpsest experiments demo/plan.toml"] if not plans["places"] else []
        lines += [_command()] if not plans["others"] else []
        st.code("\n".join(lines), language="bash", wrap_lines=True)


def _command() -> str:
    return f"palimpsest experiments {SHIPPED}"
