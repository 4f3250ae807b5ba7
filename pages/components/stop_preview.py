"""What a stop changes, before any evaluation: how many weights, how many really, where, what rounding made of it."""

from typing import Any

import streamlit as st

from analysis.figures import numbers, places, stops, strategies
from analysis.records import BLENDS, RestoreCount, RestoreSpec
from cache import commands
from cache.about import About
from cache.memo import workspace
from cache.work import Comparison
from pages.components import charts, once, progress, selection
from pages.components.words import CLIFF, EFFECTIVE_K, L2_MOVED, THRESHOLD

METRIC_WIDTH = 168  # pixels: two beside each other on a phone


def number(label: str, value: str, note: str = "", **options: Any) -> None:
    """One metric of fixed width, so that a row of them wraps on a narrow page."""
    if not note:
        st.metric(label, value, width=METRIC_WIDTH, **options)
        return
    with st.container(width=METRIC_WIDTH, gap="xsmall"):
        st.metric(label, value, **options)
        st.caption(note)


def is_read(comparison: Comparison, spec: RestoreSpec) -> bool:
    """Whether the pair was read in the spec's arithmetic; offers to read it where it was not."""
    if workspace().known_profile(comparison, spec.arithmetic) is not None:
        return True
    if not progress.watch(st.session_state.get("arithmetic_job"), key="arithmetic"):
        with st.container(border=True, horizontal=True, vertical_alignment="center"):
            st.markdown("This pair has not been read in the arithmetic of the paper's script yet.")
            st.button("Read it now", key="read-arithmetic", on_click=_read, args=(comparison, spec))
    return False


def _read(comparison: Comparison, spec: RestoreSpec) -> None:
    title = f"Profile {comparison.name}, {spec.arithmetic} arithmetic"
    st.session_state["arithmetic_job"] = selection.start(
        title, "profile", comparison, spec.arithmetic, purpose="arithmetic", page="restore", quiet=True
    )


def counted(comparison: Comparison, spec: RestoreSpec) -> RestoreCount | None:
    """The stop's count; where the weights have to be read for it, in the background, and None until it is there."""
    known = workspace().known_count(comparison, spec)
    if known is not None:
        return known
    wanted = (comparison, spec)
    if st.session_state.get("count_tried") != wanted:
        _count(*wanted)
    if not progress.watch(st.session_state.get("count_job"), key="count"):
        st.button("Look at what this stop changes", key="count-again", on_click=_count, args=wanted)
    return None


def _count(comparison: Comparison, spec: RestoreSpec) -> None:
    st.session_state["count_tried"] = (comparison, spec)
    title = f"Look at: {stops.spec_words(spec)}"
    st.session_state["count_job"] = selection.start(
        title, "count", comparison, spec, purpose="count", page="restore", quiet=True
    )


def preview(count: RestoreCount) -> None:
    """What this stop restores, in numbers and, for a blend, what storing it made of its values."""
    changed = numbers.percent(count.changed_percent)
    blend = count.spec.strategy in BLENDS
    with st.container(horizontal=True, key="preview"):
        if blend:
            number("Weights moved", numbers.short_count(count.count), help=f"{count.count:,} by the formula.")
            number("Way to the base", numbers.percent(count.effective_l2_percent), help=L2_MOVED)
        else:
            number("Restored parameters", numbers.short_count(count.count), help=f"{count.count:,} of the region.")
            number("Threshold", numbers.significant(count.threshold), help=THRESHOLD)
        number("Effective k", numbers.percent(count.effective_percent), help=EFFECTIVE_K)
        number("Changed by fine-tuning", changed, help=CLIFF)
    st.caption(
        " ".join(part for part in (stops.rounding_words(count), strategies.arithmetic_words(count.spec)) if part)
    )
    if stops.past_cliff(count):
        st.info(
            f"Past the cliff: fine-tuning changed only {changed} of this region, so beyond that restoring more "
            "restores nothing more, and the region equals the base.",
            icon=":material/landslide:",
        )
    elif stops.nothing_moves(count):
        st.info(
            "Nothing really changes here: all of these weights are among those that fine-tuning left alone. "
            "Under More ways to choose, draw on the changed weights only.",
            icon=":material/info:",
        )


def where(comparison: Comparison, count: RestoreCount) -> None:
    """Where the restored parameters lie: no question bears on that."""
    about = About(spec=count.spec, command=commands.where(comparison, count.spec))
    left, right = st.columns(2)
    with left:
        layers = once.figure(lambda: places.layer_bars(count), "by layer", count)
        charts.show(layers, key="by-layer", alt=places.layer_words(count), about=about)
    with right:
        modules = once.figure(lambda: places.module_bars(count), "by module", count)
        charts.show(modules, key="by-module", alt=places.module_words(count), about=about)
