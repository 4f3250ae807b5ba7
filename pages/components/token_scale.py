"""What colours the tokens and how: the measure, the scale, what is joined; in the session and in the address."""

import streamlit as st

from analysis.figures.reading import Shown
from analysis.figures.token_columns import TokenColumns
from analysis.figures.token_measures import MEASURES, Measure, measure_name, measure_words, measured, short_name
from pages.components import address
from pages.components.words import PAPER_LINK, plain

GRAINS = {"token": "token", "word": "word", "sentence": "sentence"}
SPACINGS = ("linear", "log")
CLIPS = {100.0: "none", 99.0: "99%", 95.0: "95%"}
SHARING = {"all": "all texts", "each": "each text"}
FIELDS = (
    address.one_of("token_measure", MEASURES, "kl_full_nats"),
    address.one_of("token_grain", GRAINS, "token"),
    address.one_of("token_spacing", SPACINGS, "linear"),
    address.one_of("token_clip", CLIPS, 100.0),
    address.one_of("token_sharing", SHARING, "all"),
)
HELP = {
    "grain": "A word's or a sentence's value is the mean over its counted tokens.",
    "clip": "The scale ends at this percentile of the values' sizes; what lies beyond has the last colour.",
    "sharing": "One scale makes colours comparable between texts; a scale for each shows where in a text it lies.",
}


def hold() -> None:
    """Take the controls' values from the address, and write them there."""
    address.hold(*FIELDS)


def chosen_measure(columns: TokenColumns) -> Measure:
    """The measure, with what it says beneath."""
    held = measured(columns.report)
    if st.session_state["token_measure"] not in held:
        st.session_state["token_measure"] = held[0]
    measure = st.selectbox(
        "Measure",
        held,
        format_func=lambda name: short_name(name, columns.report.top),
        key="token_measure",
        help=f"The paper's measure is KL over the ten likeliest tokens ({PAPER_LINK}, section 4).",
    )
    return measure or held[0]


def explained(columns: TokenColumns, measure: Measure) -> None:
    """The measure in a line: its full name, what it says, unit and range."""
    st.caption(f"**{plain(measure_name(columns.report, measure))}.** {plain(measure_words(columns.report, measure))}")


def controls(columns: TokenColumns) -> Shown:
    """Measure and scale in one row, what the measure says beneath."""
    hold()
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        with st.container(width=250):
            measure = chosen_measure(columns)
        grain = _segments("Colour by", GRAINS, "token_grain", HELP["grain"])
        with st.popover("Scale", icon=":material/gradient:"):
            spacing = _segments("Steps", {name: name for name in SPACINGS}, "token_spacing")
            sharing = _segments("One scale for", SHARING, "token_sharing", HELP["sharing"])
            clip = _segments("Clip at percentile", CLIPS, "token_clip", HELP["clip"])
    explained(columns, measure)
    return Shown(measure, spacing, clip, grain, sharing)


def _segments(label, names, key, help_text=None):  # type: ignore[no-untyped-def]
    return st.segmented_control(
        label, list(names), required=True, format_func=names.get, key=key, help=help_text, width="content"
    )
