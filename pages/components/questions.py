"""The question set of this session: what is asked, in which prompt, shown in one line and changed in one form."""

from pathlib import Path

import streamlit as st

from analysis.figures import numbers
from cache.memo import workspace
from cache.work import DEMO_LIMIT, Asking, Comparison
from pages.components import prompt_view, selection
from pages.components.notices import shown_errors
from pages.components.words import MASTERY, plain

PROMPTS = {"paper": "the paper's", "qa": "plain Q and A", "chat": "the tokenizer's chat template", "own": "my own text"}
SPLITS = ("test", "dev", "train")
DOMAINS = {"both": "in- and out-of-domain", "in": "in-domain", "out": "out-of-domain"}
SUMMED = {"both": "both domains"}  # in the one line
OWN_EXAMPLE = "Question: {question}\nAnswer:"
MOST_SHOTS = 64
POPOVER = "questions-popover"
CLOSING = "questions-closing"
NOTE_ITEMS = 5
FORMATS = (
    "EntityQuestions, as a zip or a folder · PopQA's TSV · TriviaQA and Natural Questions, their released JSON · JSON "
    "lines, JSON, CSV or TSV of your own, with a question and its answers in each row (and relation, subject, id, "
    "level where you have them) · any of these as .gz"
)
SHOTS = (
    "Worked examples put before every question, in the same prompt: drawn by the seed from another split, never one of "
    "the questions asked nor about the same subject. 0 as in the paper."
)


def demo_asking() -> Asking | None:
    """The demo's questions with its mastery table, as many as answer while one waits; None before it is prepared."""
    demo = workspace().demo()
    if demo is None:
        return None
    return Asking(str(demo.questions), mastery=str(demo.mastery), limit=DEMO_LIMIT)


def asking_for(pair: Comparison) -> Asking | None:
    """The questions that belong to a pair without being told: the demo's, where the base is the demo's."""
    demo = workspace().demo()
    return demo_asking() if demo is not None and Path(pair.base) == demo.base else None


def bar() -> Asking | None:
    """The active questions in one line, with the form that changes them in a popover; returns them, or None."""
    asking = selection.asking()
    if st.session_state.pop(CLOSING, False):
        st.session_state[POPOVER] = False
    with st.container(horizontal=True, vertical_alignment="center", key="questions-bar"):
        with st.popover("Questions", icon=":material/quiz:", key=POPOVER, on_change="rerun"):
            form(key="bar")
        with shown_errors():
            told = summary(asking) if asking else "No questions chosen yet: pick some to see what the models know."
            if asking:
                _remarks(asking)
            st.caption(told)  # last: long, it falls beneath the buttons, which stay in one row
    return asking


def _remarks(asking: Asking) -> None:
    """The prompt as the model gets it, and what was noticed when the questions were read."""
    pair, notes = selection.comparison(), workspace().question_set(asking).notes
    if pair is not None:
        prompt_view.popover(pair, asking, key="bar-prompt")
    if notes:
        with st.popover(f"Notes · {len(notes)}", icon=":material/info:", type="tertiary"):
            for note in notes:
                st.markdown(plain(note.message))
                st.caption("  \n".join(plain(item) for item in note.tensors[:NOTE_ITEMS]))


def summary(asking: Asking) -> str:
    """'500 questions from questions.jsonl · test · both domains · prompt: the paper's', escaped."""
    found = workspace().question_set(asking)
    parts = (
        f"{numbers.count(len(found.questions))} questions from {Path(asking.questions).name}",
        asking.split,
        {**DOMAINS, **SUMMED}.get(asking.domain, asking.domain),
        f"prompt: {PROMPTS.get(asking.prompt, asking.prompt)}",
        *((f"{asking.shots} shots",) if asking.shots else ()),
    )
    return plain(" · ".join(parts))


def form(*, key: str) -> None:
    """Choose questions and prompt; on success they become the session's, and the page runs again."""
    start = selection.asking() or demo_asking() or Asking(questions="")
    with st.form(f"questions-{key}", border=False):
        source = st.text_input(
            "Questions",
            value=start.questions,
            placeholder="/data/entityquestions.zip or questions.jsonl",
            help=FORMATS,
        )
        st.caption(FORMATS)
        mastery = st.text_input("Mastery table (optional)", value=start.mastery or "", help=MASTERY)
        left, right = st.columns(2)
        split = left.selectbox("Split", SPLITS, index=SPLITS.index(start.split))
        domain = right.selectbox(
            "Domain", list(DOMAINS), index=list(DOMAINS).index(start.domain), format_func=DOMAINS.get
        )
        limit = left.number_input("At most (0: all)", min_value=0, value=start.limit or 0, step=100)
        seed = right.number_input("Seed of the draw", min_value=0, value=start.seed)
        named = start.prompt if start.prompt in PROMPTS else "own"
        prompt = left.selectbox("Prompt", list(PROMPTS), index=list(PROMPTS).index(named), format_func=PROMPTS.get)
        shots = right.number_input("Shots", min_value=0, max_value=MOST_SHOTS, value=start.shots, help=SHOTS)
        own = st.text_area(
            "My own text (used with 'my own text'; must hold {question})",
            value=start.prompt if named == "own" else OWN_EXAMPLE,
            height=80,
        )
        if not st.form_submit_button("Use these questions", type="primary"):
            return
    chosen = Asking(
        questions=source.strip(),
        prompt=own if prompt == "own" else prompt,
        split=split,
        domain=domain,
        mastery=mastery.strip() or None,
        limit=int(limit) or None,
        seed=int(seed),
        shots=int(shots),
    )
    with shown_errors():
        workspace().question_set(chosen)
        selection.ask(chosen)
        st.session_state[CLOSING] = True  # the popover is drawn already: it goes in the next run
        st.rerun()
