"""Samples: question by question, what do base, tuned and restored answer, and which answers changed side?"""

import streamlit as st

from analysis.figures import samples, stops
from analysis.records import RestoreSpec
from cache.memo import workspace
from cache.work import Asking, Comparison
from pages.components import answers, charts, notices, questions, selection

FLIPS = "flips"
CHIP_ICONS = {"fixed": "✚", "broken": "✖", "still right": "●", "still wrong": "○", "lost against base": "▼"}
ROWS_HEIGHT = 560


def restored_stop(comparison: Comparison, asking: Asking) -> RestoreSpec | None:
    """The restored model to look at: any evaluated stop, the slider's first."""
    known = sorted(
        (stop.spec for stop in workspace().known_stops(comparison, asking)),
        key=lambda spec: spec.strategy != "relative-top",
    )
    if not known:
        return None
    slider = selection.restored_spec()
    start = known.index(slider) if slider in known else 0
    return st.selectbox("Restored model", known, index=start, format_func=stops.spec_words, key="samples_stop")


def sides(states: list[str]) -> tuple[str, str]:
    """Which two states to compare."""
    options = {
        f"{before} → {after}": (before, after) for index, before in enumerate(states) for after in states[index + 1 :]
    }
    last = list(options)[-1]
    chosen = st.segmented_control(
        "Compare", list(options), default=last, required=True, key=f"samples_sides_{len(states)}"
    )
    return options[chosen or last]


def clicked_side() -> str | None:
    """The tile of the 2 x 2 grid that was clicked, or None."""
    picked = (st.session_state.get(FLIPS) or {}).get("selection", {}).get(samples.FLIP_CLICK) or [{}]
    return picked[0].get("side")


def columns(states: list[str]) -> dict[str, object]:
    """How the table's columns look."""
    widths = {
        "id": None,
        "lost": None,
        "side": st.column_config.TextColumn("change", width=85),
        "question": st.column_config.TextColumn("question", width=240),
        "level": st.column_config.NumberColumn("mastery", width=70),
        "gold": st.column_config.TextColumn("gold answers", width=140),
    }
    outputs = {state: st.column_config.TextColumn(state, width=150) for state in states}
    marks = {
        f"{state} right": st.column_config.CheckboxColumn("✓", width=45, help=f"{state} right") for state in states
    }
    return widths | outputs | marks


st.title("Samples")
st.markdown("The same questions, asked of each state of the model; the raw output, as it was decoded.")
pair = notices.needs_pair()
with notices.shown_errors():
    if workspace().known_profile(pair) is None:
        notices.needs_profile(pair)
    asked = questions.bar()
    if asked is None:
        st.stop()
    answered = answers.needs_answers(pair, asked)
    left, right = st.columns([2, 3], gap="large")
    with left:
        spec = restored_stop(pair, asked)
        if spec is not None:
            answered["restored"] = workspace().known_evaluation(pair, spec, asked)
        else:
            st.page_link("restore.py", label="Evaluate a restored model to see it here", icon=":material/tune:")
        before, after = sides(list(answered))
        search = st.text_input("Search questions and answers", key="samples_search", icon=":material/search:")
    table = samples.answers_table(workspace().question_set(asked).questions, answered, before, after)
    with right:
        charts.show(
            samples.flip_grid(table, before, after),
            key=FLIPS,
            alt=samples.flip_words(table, before, after),
            on_select="rerun",
            selection_mode=samples.FLIP_CLICK,
        )
    counts = samples.chip_counts(table)
    chips = st.pills(
        "Show",
        list(samples.CHIPS),
        selection_mode="multi",
        format_func=lambda chip: f"{CHIP_ICONS[chip]} {chip} · {counts[chip]}",
        help="; ".join(f"{chip}: {words}" for chip, words in samples.CHIPS.items()) + ".",
        key="samples_chips",
    )
    tile = clicked_side()
    chosen = samples.pick(table, [*chips, *([tile] if tile and tile not in chips else [])], search)
    st.caption(f"{len(chosen):,} of {len(table):,} questions; the CSV holds the rows shown.")
    charts.table(chosen, key="answers", columns=columns(list(answered)), width="stretch", height=ROWS_HEIGHT)
