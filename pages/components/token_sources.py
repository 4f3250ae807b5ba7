"""Where the texts of the Tokens page come from: questions, one's own prompt, many pasted, a file."""

from dataclasses import dataclass, field

import streamlit as st

from analysis.figures import token_tables
from analysis.knowledge.pasted import pasted_texts
from analysis.records import Question, Text
from cache.memo import workspace
from cache.work import Comparison
from pages.components import questions, selection

SOURCES = {"questions": "Test questions", "own": "My own prompt", "paste": "Paste many", "file": "JSON lines"}
MOST_QUESTIONS = 10_000
FILE_HELP = 'An object a line: {"text": "..."} or {"prompt": "...", "answer": "..."}, and "id" where you have one.'
PASTE_HELP = "One prompt a line, given to the models as it stands; or JSON lines as in a file."


@dataclass(frozen=True)
class Chosen:
    """The texts to look at, what each is called on screen, and the questions behind them, by the text's id."""

    texts: tuple[Text, ...] = ()
    titles: dict[str, str] = field(default_factory=dict)
    questions: dict[str, Question] = field(default_factory=dict)


def chooser() -> str:
    """Which source; drawn in the page's first row."""
    st.session_state.setdefault("token_source", "questions")  # no default: other pages choose it too
    options = {"label": "Texts", "options": list(SOURCES), "required": True, "format_func": SOURCES.get}
    return st.segmented_control(**options, key="token_source", persist_state="session") or "questions"


def chosen(pair: Comparison, source: str) -> Chosen:
    """The texts this source gives; none where nothing was typed or uploaded yet."""
    if source == "questions":
        return _questions(pair)
    return {"own": _own, "paste": _pasted, "file": _file}[source]()


def _questions(pair: Comparison) -> Chosen:
    """Some of the active questions in their prompt, each followed by its gold answer; the one looked at comes first."""
    left, right = st.columns([5, 1], vertical_alignment="bottom")
    with left:
        questions.bar()
    asking = selection.asking()
    if asking is None:
        return Chosen()
    count = right.number_input(
        "How many",
        min_value=1,
        max_value=MOST_QUESTIONS,
        value=8,
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
    return Chosen((Text("yours", prompt=prompt, answer=answer),), {"yours": "Your text"})


def _pasted() -> Chosen:
    """Many prompts at once, one a line."""
    with st.form("pasted_texts", border=False):
        pasted = st.text_area("Prompts, one a line", key="token_pasted", height=140, persist_state="session")
        st.caption(PASTE_HELP)
        st.form_submit_button("Compare", type="primary", icon=":material/compare_arrows:")
    return Chosen(pasted_texts(pasted or ""))


def _file() -> Chosen:
    """The texts of an uploaded file."""
    file = st.file_uploader("JSON lines", type=["jsonl", "json", "txt"], key="token_file", help=FILE_HELP)
    return Chosen() if file is None else Chosen(workspace().uploaded_texts(file.getvalue(), file.name))
