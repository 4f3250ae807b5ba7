"""Ways to begin with experiments: the shipped plan with its numbers first, a plan of one's own, a cluster."""

import streamlit as st

SHIPPED = "demo/plan.toml"


def ways_to_begin() -> None:
    """What an empty page offers: three ways, each with its command."""
    with st.container(border=True, key="no-plan"):
        st.markdown("#### No plan has been run here yet")
        st.markdown("A plan is a small text file (TOML): a base, questions, levels × sizes × seeds, what to measure.")
        first, second, third = st.columns(3, gap="large")
        with first:
            st.markdown("**1 · The demo's plan, on this machine**")
            st.markdown("60 small models and all of the paper's tables. First see how many cells, how long, how much:")
            st.code(f"palimpsest experiments {SHIPPED} --dry-run", language="bash", wrap_lines=True)
        with second:
            st.markdown("**2 · A plan of your own**")
            st.markdown("Copy the shipped one, name your base and questions, and run it; stop and go on at any time.")
            st.code("palimpsest experiments my-plan.toml", language="bash", wrap_lines=True)
        with third:
            st.markdown("**3 · A cluster**")
            st.markdown("The same plan as Ray tasks on many machines. Its results appear here as cells are done.")
            st.code(
                "palimpsest experiments my-plan.toml --engine ray --address HOST:6379", language="bash", wrap_lines=True
            )
