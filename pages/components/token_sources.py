"""Where the texts of the Tokens page come from: questions, one's own prompt, many pasted, a file.

Texts of one's own are kept by the store, and the address names them: a link opens on the same texts, and an uploaded
file outlives its widget.
"""

from dataclasses import dataclass, field

import streamlit as st

from analysis.errors import StoreError
from analysis.figures import token_tables
from analysis.knowledge.pasted import pasted_texts
from analysis.records import Question, RestoreSpec, Text
from cache.kept_texts import KeptTexts
from cache.making import About
from cache.making import Compared as Texts
from cache.memo import workspace
from cache.work import Comparison, State
from pages.components import address, notices, questions, selection
from pages.components.words import plain

SOURCES = {"questions": "Test questions", "own": "My own prompt", "paste": "Paste many", "file": "JSON lines"}
WORDS = {  # of a pin: so many "of the questions", "typed", ...
    "questions": "of the questions, each with its gold answer",
    "own": "typed",
    "paste": "pasted",
    "file": "of an uploaded file",
}
MOST_QUESTIONS = 10_000
KEPT, FILLED = "texts", "texts_filled"  # the id of texts of one's own: in the address too; already in its widgets
FILE_HELP = 'An object a line: {"text": "..."} or {"prompt": "...", "answer": "..."}, and "id" where you have one.'
PASTE_HELP = "One prompt a line, given to the models as it stands; or JSON lines as in a file."


@dataclass(frozen=True)
class Chosen:
    """The texts to look at, what each is called on screen, and the questions behind them, by the text's id."""

    texts: tuple[Text, ...] = ()
    titles: dict[str, str] = field(default_factory=dict)
    questions: dict[str, Question] = field(default_factory=dict)


def about(texts: tuple[Text, ...], state: State, against: str, *, generate: int | None = None) -> About:
    """What a pin says of these texts, of the source that is chosen: only drawn questions are questions of a set."""
    source = st.session_state.get("token_source") or "questions"
    asked = selection.asking() if source == "questions" else None
    words = WORDS[source]
    if asked is not None and generate is not None:
        words = "of the questions, without their answers"
    compared = Texts(texts, words, state, against, generate)
    spec = state if isinstance(state, RestoreSpec) else None
    return About(spec=spec, asking=asked, n=len(texts) if asked else None, compared=compared)


def chooser() -> str:
    """Which source; drawn in the page's first row."""
    address.hold(address.one_of("token_source", SOURCES, "questions"))
    options = {"label": "Texts", "options": list(SOURCES), "required": True, "format_func": SOURCES.get}
    return st.segmented_control(**options, key="token_source", persist_state="session") or "questions"


def chosen(pair: Comparison, source: str) -> Chosen:
    """The texts this source gives; none where nothing was typed or uploaded yet."""
    if source == "questions":
        return _questions(pair)
    _follow_kept()
    return {"own": _own, "paste": _pasted, "file": _file}[source]()


def _follow_kept() -> None:
    """Put the texts that the address names into the widgets they came from."""
    address.hold(address.Field(KEPT, _known, ""))
    named = st.session_state[KEPT]
    found = workspace().texts.get(named) if named and named != st.session_state.get(FILLED) else None
    if found is None:
        return
    st.session_state[FILLED] = named
    if found.kind == "own":
        st.session_state.update(token_prompt=found.content, token_answer=found.answer)
    elif found.kind == "paste":
        st.session_state["token_pasted"] = found.content


def _known(text_id: str) -> str | None:
    """The id where its texts are kept here; else None, and what to do is said."""
    if not text_id or workspace().texts.get(text_id) is not None:
        return text_id
    address.notice(
        "This link shows texts of somebody's own, which this store does not have: type or upload them again, or open "
        "the link where it was made."
    )
    return ""


def _keep(texts: KeptTexts) -> None:
    """Let the address name these texts; where the disk refuses, say so and show them all the same."""
    try:
        st.session_state[KEPT] = st.session_state[FILLED] = workspace().texts.keep(texts)
    except StoreError as error:
        notices.show_error(error)
    else:
        address.to_addresses({KEPT: st.session_state[KEPT]})


def _questions(pair: Comparison) -> Chosen:
    """Some of the active questions in their prompt, each followed by its gold answer; the one looked at comes first."""
    left, right = st.columns([5, 1], vertical_alignment="bottom")
    with left:
        questions.bar()
    asking = selection.asking()
    if asking is None:
        return Chosen()
    address.hold(address.whole_number("token_questions", 1, MOST_QUESTIONS, 8))
    count = right.number_input(
        "How many",
        min_value=1,
        max_value=MOST_QUESTIONS,
        key="token_questions",
        persist_state="session",
        help="Drawn from the active questions, balanced over relations and mastery levels; the question chosen on "
        "Samples comes first.",
    )
    drawn = selection.drawn(asking, int(count))
    texts = workspace().question_texts(pair, asking.prompt, drawn, workspace().question_set(asking).shots)
    return Chosen(texts, token_tables.question_titles(drawn), {question.id: question for question in drawn})


def _own() -> Chosen:
    """A prompt of one's own, with an answer if wanted; given to the models exactly as typed."""
    with st.form("own_text", border=False):
        prompt = st.text_area("Prompt", key="token_prompt", height=90, persist_state="session")
        answer = st.text_input(
            "Answer (optional; begins where the prompt ends)", key="token_answer", persist_state="session"
        )
        st.form_submit_button("Compare", type="primary", icon=":material/compare_arrows:")
    if not (prompt or answer):
        return Chosen()
    _keep(KeptTexts("own", prompt or "", answer or ""))
    return Chosen((Text("yours", prompt=prompt, answer=answer),), {"yours": "Your text"})


def _pasted() -> Chosen:
    """Many prompts at once, one a line."""
    with st.form("pasted_texts", border=False):
        pasted = st.text_area("Prompts, one a line", key="token_pasted", height=140, persist_state="session")
        st.caption(PASTE_HELP)
        st.form_submit_button("Compare", type="primary", icon=":material/compare_arrows:")
    texts = pasted_texts(pasted or "")
    if texts:
        _keep(KeptTexts("paste", pasted))
    return Chosen(texts)


def _file() -> Chosen:
    """The texts of an uploaded file; without one, of the file that the address names."""
    file = st.file_uploader("JSON lines", type=["jsonl", "json", "txt"], key="token_file", help=FILE_HELP)
    if file is not None:
        content = file.getvalue()
        texts = workspace().uploaded_texts(content, file.name)
        _keep(KeptTexts("file", content.decode(), name=file.name))
        return Chosen(texts)
    kept = workspace().texts.get(st.session_state[KEPT])
    if kept is None or kept.kind != "file":
        return Chosen()
    texts = workspace().uploaded_texts(kept.content.encode(), kept.name)
    st.caption(plain(f"{len(texts):,} texts of {kept.name}, uploaded earlier. Upload another to look at that instead."))
    return Chosen(texts)
