"""Tokens: where did the models stop agreeing? Texts coloured by the disagreement of two states, token by token."""

from typing import Any

import streamlit as st

from analysis.figures import stops, token_tables, tokens
from analysis.figures.reading import Measure, reading
from analysis.records import DivergenceReport, RestoreSpec, Text
from cache.keys import digest
from cache.memo import workspace
from cache.work import Comparison, State
from pages.components import charts, notices, progress, questions, selection
from pages.components.token_view import pin, token_view
from pages.components.words import PAPER_LINK

SOURCES = {"questions": "Test questions", "own": "My own prompt", "file": "JSON lines"}
MEASURES: dict[Measure, str] = {"full": "full vocabulary", "top": "top 10 (paper)"}
CLIPS = {100.0: "none", 99.0: "99%", 95.0: "95%"}
MOST_QUESTIONS = 200
RANKED_ROWS = 200
SHOWN_TEXTS = 100  # sent at once; more come on request
RANKED = "ranked_tokens"
FILE_HELP = 'An object a line: {"text": "..."} or {"prompt": "...", "answer": "..."}.'
MEASURE_HELP = (
    "Full vocabulary: KL(tuned ‖ base) over every token, nats. Top 10: the paper's, over the tuned model's ten largest "
    f"logits and the base's logits of the same tokens, each renormalised ({PAPER_LINK}, section 4)."
)


def controls(pair: Comparison) -> tuple[tuple[Text, ...], dict[str, str], State]:
    """The texts to look at, what each is called, and the state compared; no texts where none is given yet."""
    left, middle, right = st.columns([4, 2, 4])
    with left:
        source = chosen_source()
    with right:
        state = chosen_state(pair)
    if source == "questions":
        questions.bar()
        with middle:
            return *question_texts(pair), state
    return *(own_text() if source == "own" else file_texts()), state


def chosen_source() -> str:
    """Where the texts come from."""
    st.session_state.setdefault("token_source", "questions")  # no default: other pages choose it too
    source = st.segmented_control(
        "Texts",
        list(SOURCES),
        required=True,
        format_func=SOURCES.get,
        key="token_source",
        persist_state="session",
    )
    return source or "questions"


def question_texts(pair: Comparison) -> tuple[tuple[Text, ...], dict[str, str]]:
    """Some of the active questions in their prompt, each followed by its gold answer; the one looked at comes first."""
    asking = selection.asking()
    if asking is None:
        return (), {}
    count = st.number_input(
        "How many",
        min_value=1,
        max_value=MOST_QUESTIONS,
        value=8,
        key="token_questions",
        persist_state="session",
        width=160,
        help="Drawn from the active questions, balanced over relations and mastery levels.",
    )
    chosen = selection.drawn(asking, int(count))
    shots = workspace().question_set(asking).shots
    return workspace().question_texts(pair, asking.prompt, chosen, shots), token_tables.question_titles(chosen)


def own_text() -> tuple[tuple[Text, ...], dict[str, str]]:
    """A prompt of one's own, with an answer if wanted; given to the models exactly as typed."""
    with st.form("own_text", border=False):
        prompt = st.text_area("Prompt", key="token_prompt", height=90, persist_state="session")
        answer = st.text_input(
            "Answer (optional; begins where the prompt ends)", key="token_answer", persist_state="session"
        )
        st.form_submit_button("Compare", type="primary", icon=":material/compare_arrows:")
    if not (prompt or answer):
        return (), {}
    return (Text("yours", prompt=prompt, answer=answer),), {"yours": "Your text"}


def file_texts() -> tuple[tuple[Text, ...], dict[str, str]]:
    """The texts of an uploaded file."""
    file = st.file_uploader("JSON lines", type=["jsonl", "json", "txt"], key="token_file", help=FILE_HELP)
    return ((), {}) if file is None else (workspace().uploaded_texts(file.getvalue(), file.name), {})


def chosen_state(pair: Comparison) -> State:
    """Which state is compared with the base: tuned, or a stop of the slider."""
    asking, current = selection.asking(), selection.restored_spec()
    known = [stop.spec for stop in workspace().known_stops(pair, asking)] if asking else []
    specs = list(dict.fromkeys([*([current] if current else []), *known]))
    options: dict[str, State] = {"tuned": "tuned", **{f"restored, {stops.spec_words(spec)}": spec for spec in specs}}
    name = st.selectbox(
        ":orange[●] tuned or :green[●] restored, against the :blue[●] base",
        list(options),
        key="token_state",
        persist_state="session",
        help="Restored states are the stops of the slider on Restore.",
    )
    return options.get(name or "tuned", "tuned")


def report_for(pair: Comparison, texts: tuple[Text, ...], state: State) -> DivergenceReport | None:
    """The report from the store, else made in the background; a failed or cancelled try is repeated on request only."""
    known = workspace().known_divergence(pair, texts, state=state)
    if known is not None:
        return known
    wanted = digest([pair, texts, state])
    if st.session_state.get("token_tried") != wanted:
        compare(pair, texts, state, wanted)
    if not progress.watch(st.session_state.get("token_job"), key="tokens"):
        st.button("Try again", on_click=compare, args=(pair, texts, state, wanted), icon=":material/refresh:")
    return None


def compare(pair: Comparison, texts: tuple[Text, ...], state: State, wanted: str) -> None:
    """Queue the comparison of these texts; a newer one of this session takes its place."""
    st.session_state["token_tried"] = wanted
    st.session_state["token_job"] = workspace().start(
        f"Compare {len(texts)} texts token by token",
        "divergence",
        pair,
        texts,
        state=state,
        watcher=selection.watcher("tokens"),
        page="tokens",
    )


def scale_controls() -> dict[str, Any]:
    """How the colour scale is made."""
    left, middle, right = st.columns([4, 2, 4])
    measure = left.segmented_control(
        "KL over",
        list(MEASURES),
        default="full",
        required=True,
        format_func=MEASURES.get,
        help=MEASURE_HELP,
        key="token_measure",
        persist_state="session",
    )
    spacing = middle.segmented_control(
        "Scale", ["linear", "log"], default="linear", required=True, key="token_spacing", persist_state="session"
    )
    clip = right.segmented_control(
        "Clip at percentile",
        list(CLIPS),
        default=100.0,
        required=True,
        format_func=CLIPS.get,
        key="token_clip",
        persist_state="session",
    )
    return {"measure": measure or "full", "spacing": spacing or "linear", "clip_percentile": clip or 100.0}


@st.fragment
def views(report: DivergenceReport, titles: dict[str, str], name: str) -> None:
    """Everything drawn from one report; runs alone when a token is pinned or the scale changes."""
    scale = scale_controls()
    st.markdown(token_tables.report_words(report, scale["measure"], name))
    shown = st.session_state.get("token_shown", SHOWN_TEXTS)
    token_view(reading(report, state=name, titles=titles, limit=shown, **scale))
    if shown < len(report.prompts):
        more = f"Show {SHOWN_TEXTS} more: {shown:,} of {len(report.prompts):,} texts are on screen"
        st.button(more, on_click=show_more, args=(shown + SHOWN_TEXTS,), icon=":material/expand_more:")
    st.subheader("Where the disagreement lies")
    means(report)
    figures(report, scale["measure"], name)
    ranking(report, scale["measure"], titles, name)


def show_more(texts: int) -> None:
    """Let at least this many texts be on screen; a callback."""
    st.session_state["token_shown"] = max(texts, st.session_state.get("token_shown", SHOWN_TEXTS))


def means(report: DivergenceReport) -> None:
    """The averages, each with its count."""
    nats = st.column_config.NumberColumn(format="%.3g nats")
    columns = {
        "part": st.column_config.TextColumn("tokens"),
        "n": st.column_config.NumberColumn("n"),
        "kl_full_nats": nats | {"label": "mean KL, full vocabulary"},
        "kl_top_nats": nats | {"label": f"mean KL, top {report.top}"},
        "first_choice_changed": st.column_config.NumberColumn("first choice changed", format="percent"),
    }
    charts.table(token_tables.means_table(report), key="token_means", columns=columns, width="stretch")


def figures(report: DivergenceReport, measure: Measure, name: str) -> None:
    """Along the text, and over tokens."""
    words = tokens.spread_words(report, measure)
    left, right = st.columns(2)
    with left:
        charts.show(tokens.by_position(report, measure, name), key="token_position", alt=words)
    with right:
        charts.show(tokens.spread(report, measure, name), key="token_spread", alt=words)


def ranking(report: DivergenceReport, measure: Measure, titles: dict[str, str], name: str) -> None:
    """The largest disagreements with their context; a click on a row pins that token above."""
    st.subheader("Largest disagreements")
    table = token_tables.ranked_tokens(report, measure, titles, RANKED_ROWS)
    st.caption(
        f"{len(table):,} of {report.tokens_counted:,} counted tokens. Select a row to pin its token in the text."
    )
    st.session_state["token_places"] = list(zip(table["text_id"], table["position"], strict=True))
    st.session_state["token_order"] = [prompt.id for prompt in report.prompts]
    percent = st.column_config.NumberColumn(format="percent")
    columns = {
        "nats": st.column_config.NumberColumn("nats", format="%.3g"),
        "base_expected": st.column_config.TextColumn("base expected"),
        "tuned_expected": st.column_config.TextColumn(f"{name} expected"),
        "base_probability": percent | {"label": "base gave it"},
        "tuned_probability": percent | {"label": f"{name} gave it"},
        "text_id": None,
    }
    charts.table(
        table, key=RANKED, columns=columns, width="stretch", on_select=pin_row, selection_mode="single-row", height=360
    )
    st.download_button(
        "CSV of every token",
        lambda: token_tables.token_table(report, titles).to_csv(index=False).encode(),
        file_name="palimpsest-tokens.csv",
        mime="text/csv",
        on_click="ignore",
        icon=":material/download:",
    )


def pin_row() -> None:
    """Pin the token of the selected row; a callback."""
    rows = st.session_state[RANKED]["selection"]["rows"]
    if rows:
        text, position = st.session_state["token_places"][rows[0]]
        show_more(st.session_state["token_order"].index(text) + 1)
        pin([text, int(position)])


st.title("Tokens")
st.markdown(token_tables.ALIGNMENT)
pair = notices.needs_pair()
with notices.shown_errors():
    if workspace().known_profile(pair) is None:
        notices.needs_profile(pair)
    texts, names, state = controls(pair)
    if not texts:
        st.info(
            "Choose questions, type a prompt or upload a file to see it token by token.", icon=":material/text_fields:"
        )
        st.stop()
    found = report_for(pair, texts, state)
    if found is not None:
        views(found, names, "restored" if isinstance(state, RestoreSpec) else "tuned")
