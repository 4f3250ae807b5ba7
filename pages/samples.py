"""Samples: question by question, what do base, tuned and restored answer, and which answers changed side?"""

from dataclasses import asdict

import pandas as pd
import streamlit as st

from analysis.figures import flips, mastery_tables, numbers, samples, stops
from analysis.records import MASTERY_LEVELS, Evaluation, RestoreSpec
from analysis.report import drawn
from cache.keys import digest
from cache.memo import workspace
from cache.work import Asking, Comparison
from pages.components import address, answer_view, answers, charts, notices, once, pinning, questions, selection, slices
from pages.components.paging import paged
from pages.components.words import MASTERY

FLIPS, CHIPS, RAW, STOP = "flips", "samples_chips", "samples_raw", "samples_stop"
CHIP_ICONS = {
    "fixed": "✚",
    "broken": "✖",
    "still right": "●",
    "still wrong": "○",
    "lost against base": "▼",
    "scorers disagree": "≠",
    "doubtful credit": "?",
}
ROWS_HEIGHT = 430
Answered = dict[samples.State, Evaluation]


def restored_stop(comparison: Comparison, asking: Asking) -> RestoreSpec | None:
    """The restored model to look at: any evaluated stop, the slider's first."""
    known = sorted(
        (stop.spec for stop in workspace().known_stops(comparison, asking)),
        key=lambda spec: spec.strategy != "relative-top",
    )
    if not known:
        address.named_in_vain(STOP, answers.NO_STOP)
        return None
    slider = selection.restored_spec()
    written = {address.spec_text(spec): spec for spec in known}
    first = slider if slider in known else known[0]
    address.hold(address.Field(STOP, written.get, first, address.spec_text))
    return st.selectbox("Restored model", known, format_func=stops.spec_words, key=STOP)


def sides(states: list[samples.State]) -> tuple[samples.State, samples.State]:
    """Which two states to compare."""
    options = {
        f"{before} → {after}": (before, after) for index, before in enumerate(states) for after in states[index + 1 :]
    }
    last = list(options)[-1]
    key = f"samples_sides_{len(states)}"
    address.hold(address.one_of(key, list(options), last))
    chosen = st.segmented_control("Compare", list(options), required=True, key=key, persist_state="session")
    return options[chosen or last]


@st.cache_resource(max_entries=4, show_spinner="Laying the answers side by side …")
def laid_out(name: str, _asking: Asking, _answered: Answered) -> pd.DataFrame:
    """The answers in one frame, made once for every `name`, which tells all that they depend on; read-only."""
    del name
    return samples.answers_frame(workspace().question_set(_asking).questions, _answered)


def name_of(pair: Comparison, asking: Asking, spec: RestoreSpec | None, answered: Answered) -> str:
    """What tells one layout of answers from another: weights, questions, prompt, and each evaluation's own run."""
    profile = workspace().known_profile(pair)
    runs = {state: [evaluation.n, evaluation.dtype, evaluation.seconds] for state, evaluation in answered.items()}
    weights = [profile.base_id, profile.tuned_id, asdict(spec) if spec else None]
    return digest([weights, workspace().question_set(asking).id, asdict(asking), runs])


def follow_tile(key: str) -> None:
    """Show the clicked tile's questions, or all again where they were shown alone; a callback."""
    picked = st.session_state[key]["selection"].get(flips.FLIP_CLICK) or []
    side = picked[0].get("side") if picked else None
    if side in samples.CHIPS:
        st.session_state[CHIPS] = [] if st.session_state.get(CHIPS) == [side] else [side]


def tiles(table: pd.DataFrame, before: samples.State, after: samples.State) -> None:
    """The 2 x 2 grid; a widget of its own for every choice of chips, so that each click is news."""
    chosen = st.session_state.get(CHIPS) or []
    key = "-".join([FLIPS, *(chip.replace(" ", "-") for chip in chosen)])
    counts = table["side"].value_counts().to_dict()
    with st.container(key="tiles"):
        charts.show(
            once.figure(lambda: flips.flip_grid(table, before, after, chosen), "tiles", counts, before, after, chosen),
            key=key,
            alt=samples.flip_words(table, before, after),
            on_select=lambda: follow_tile(key),
            selection_mode=flips.FLIP_CLICK,
        )


def chips(table: pd.DataFrame) -> list[samples.Chip]:
    """What is shown, each chip with its count."""
    counts = samples.chip_counts(table)
    return st.pills(
        "Show",
        list(samples.CHIPS),
        selection_mode="multi",
        format_func=lambda chip: f"{CHIP_ICONS[chip]} {chip} · {counts[chip]:,}",
        help="; ".join(f"{chip}: {words}" for chip, words in samples.CHIPS.items()) + ".",
        key=CHIPS,
        persist_state="session",
    )


def filters(table: pd.DataFrame) -> dict[str, object]:
    """Levels, relations and order, behind a button."""
    relations_here = sorted(table["relation"].dropna().unique())
    address.hold(
        address.some_of("samples_levels", MASTERY_LEVELS),
        address.some_of("samples_relations", relations_here),
        address.one_of("samples_order", samples.ORDERS, "as asked"),
    )
    with st.popover("Filter and order", icon=":material/filter_list:"):
        levels = st.pills(
            "Mastery",
            MASTERY_LEVELS,
            selection_mode="multi",
            key="samples_levels",
            help=MASTERY,
            persist_state="session",
        )
        relations = st.multiselect(
            "Relations",
            relations_here,
            format_func=mastery_tables.relation_name,
            key="samples_relations",
        )
        order = st.selectbox("Order", list(samples.ORDERS), key="samples_order", persist_state="session")
    return {"levels": levels, "relations": relations, "order": order}


def columns(states: list[samples.State]) -> dict[str, object]:
    """How the table's columns look."""
    fixed = {
        "id": None,
        "side": st.column_config.TextColumn("change", width=85),
        "question": st.column_config.TextColumn("question", width=230),
        "gold": st.column_config.TextColumn("gold answers", width=120),
        "level": st.column_config.NumberColumn("mastery", width=70),
        "relation": st.column_config.TextColumn("relation", width=75),
        "why": st.column_config.TextColumn("doubtful credit", width=170),
    }
    said = {state: st.column_config.TextColumn(state, width=130) for state in states}
    return fixed | said | {f"{state} raw": st.column_config.TextColumn(f"{state}, raw", width=150) for state in states}


def picked_rows(table: pd.DataFrame, before: samples.State, after: samples.State, search: str) -> pd.DataFrame:
    """The chips and the bar of filters, slices and CSV; returns the rows they pick."""
    address.hold(address.some_of(CHIPS, samples.CHIPS), address.switch(RAW, True))
    chosen, slice_ = chips(table), selection.chosen_slice()
    with st.container(horizontal=True, vertical_alignment="center"):
        by = filters(table)
        found = samples.pick(table, chosen, search, ids=slice_.ids if slice_ is not None else None, **by)
        words = samples.filter_words(before, after, chosen, search, by["levels"], by["relations"])
        slices.menu(found["id"], words)
        st.toggle("Raw outputs", key=RAW, persist_state="session")
        rows = numbers.count(len(found))
        charts.csv(lambda: samples.export(found), "answers", label=f"CSV of {rows} rows, everything in it")
        told = f"{words}, {rows} of {numbers.count(len(table))} questions. {samples.flip_words(table, before, after)}"
        pinning.button(lambda: listed(found, told), key="listing", finding=told, made={"listed": words})
    slices.banner(table["id"])
    return found


def listed(found: pd.DataFrame, words: str) -> drawn.Drawn:
    """The rows that were picked, all of them, as a table to keep."""
    frame = samples.shown(found, raw=True).reset_index(drop=True)
    return drawn.of_table(frame, pinning.columns_of(list(frame.columns), columns(samples.states_of(found))), words)


def listing(found: pd.DataFrame, words: str) -> None:
    """The rows, a page at a time; the chosen one is the session's question."""
    paged(
        found,
        key="answers",
        chosen=selection.question(),
        on_choose=selection.choose_question,
        columns=columns(samples.states_of(found)),
        height=ROWS_HEIGHT,
        what="Questions",
        prepare=lambda page: samples.shown(page, raw=st.session_state[RAW]),
        alt=words,
    )


st.title("Samples")
st.markdown("The same questions, asked of each state of the model: what it answered, and the raw output as decoded.")
pair = notices.needs_pair()
with notices.shown_errors():
    if workspace().known_profile(pair) is None:
        notices.needs_profile(pair)
    asked = questions.bar()
    if asked is None:
        notices.empty(
            "No questions are chosen",
            "Choose questions to see what each state of the model answers, one by one.",
            page="compare.py",
            label="Choose questions",
        )
        st.stop()
    answered = answers.needs_answers(pair, asked)
    left, right = st.columns(2, gap="medium")
    with left:
        spec = restored_stop(pair, asked)
        if spec is not None:
            answered["restored"] = workspace().known_evaluation(pair, spec, asked)
        else:
            st.page_link("restore.py", label="Evaluate a restored model to see it here", icon=":material/tune:")
        before, after = sides(list(answered))
        address.hold(address.words("samples_search"))
        search = st.text_input(
            "Search questions and answers", key="samples_search", icon=":material/search:", persist_state="session"
        )
    table = samples.compared(laid_out(name_of(pair, asked, spec, answered), asked, answered), before, after)
    with right:
        tiles(table, before, after)
    found = picked_rows(table, before, after, search)
    listing(found, samples.flip_words(table, before, after))
    answer_view.detail(table, found, before, after, pair, asked)
