"""What this session looks at: the pair, the questions and the restored stop, in the session and in the address.

The address holds digests only, looked up among what this store has seen: a link never makes the server open a path.
"""

import uuid
from collections.abc import Callable

import streamlit as st

from analysis.records import Question, RestoreSpec
from cache.keys import digest
from cache.memo import workspace
from cache.models import State
from cache.slices import Slice
from cache.work import Asking, Comparison

SCHEMA = "1"
ID_LENGTH = 16
DEMO_LIMIT = 500
ANNOUNCED = "jobs_announced"
ASKED = "references_asked"  # what this session has queued by itself, each once
QUESTION, SLICE = "chosen_question", "chosen_slice"  # in the session; "question" and "slice" in the address
LONGEST_ID = 200  # of a question's id in an address


def comparison() -> Comparison | None:
    """The active pair, or None before one is loaded."""
    return st.session_state.get("comparison")


def asking() -> Asking | None:
    """The active questions and prompt, or None before some are chosen."""
    return st.session_state.get("asking")


def restored_spec() -> RestoreSpec | None:
    """The stop the slider stands on, or None before it was used."""
    return st.session_state.get("restored_spec")


def question() -> str | None:
    """The id of the question looked at, or None; it may belong to other questions than the active ones."""
    return st.session_state.get(QUESTION)


def choose_question(question_id: str | None) -> None:
    """Look at this question, on every page; None looks at none."""
    st.session_state[QUESTION] = question_id
    _write_name("question", question_id)


def chosen_slice() -> Slice | None:
    """The slice looked at, or None; one that was deleted meanwhile is none."""
    name = st.session_state.get(SLICE)
    return workspace().slices.get(name) if name else None


def choose_slice(name: str | None) -> None:
    """Look at the questions of this slice, on every page; None looks at all."""
    st.session_state[SLICE] = name
    _write_name("slice", name)


def drawn(questions: Asking, count: int) -> tuple[Question, ...]:
    """Some of these questions, balanced: of the chosen slice where it holds any, the chosen question first."""
    every, chosen = workspace().question_set(questions).questions, chosen_slice()
    pool = tuple(each for each in every if chosen is None or each.id in chosen.ids) or every
    first = tuple(each for each in every if each.id == question())
    others = workspace().sample_questions(pool, count, questions.seed)
    return (*first, *(each for each in others if each not in first))[:count]


def type_text(prompt: str, answer: str) -> None:
    """Let the Tokens page open on this text of one's own."""
    st.session_state.update(token_source="own", token_prompt=prompt, token_answer=answer)


def watcher(purpose: str) -> str:
    """Who asks for background work: this session, for this purpose; the latest request of one purpose wins."""
    return f"{session()}:{purpose}"


def session() -> str:
    """This browser session's own name."""
    return str(st.session_state.setdefault("session_id", uuid.uuid4().hex))


def choose(pair: Comparison, questions: Asking | None = None) -> None:
    """Make a pair (and, if given, its questions) the active ones."""
    workspace().remember(pair)
    st.session_state["comparison"] = pair
    for name in ("restored_spec", "stop_tried", ASKED):
        st.session_state.pop(name, None)
    if questions is not None:
        ask(questions)
    _write_address()


def ask(questions: Asking) -> None:
    """Make these questions the active ones."""
    workspace().remember_asking(questions)
    st.session_state["asking"] = questions
    _write_address()


def start_profile(pair: Comparison) -> None:
    """Read the pair's weights in the background; a callback."""
    st.session_state["profile_job"] = announced(
        workspace().start(f"Profile {pair.name}", "profile", pair, watcher=watcher("profile"), page="overview")
    )


def announced(job_id: str) -> str:
    """Let this session be told, on whatever page it is, when this job has ended; returns the job's id."""
    st.session_state.setdefault(ANNOUNCED, set()).add(job_id)
    return job_id


def start_evaluation(pair: Comparison, state: State, questions: Asking, *, page: str) -> str:
    """Ask one state of the pair these questions in the background; returns the job's id."""
    purpose = watcher(f"evaluate {state}")
    return workspace().start(f"Ask {state}", "evaluation", pair, state, questions, watcher=purpose, page=page)


def follow_address() -> list[str]:
    """Take over what the address names; returns what this store does not have of it. Once a run, by the shell."""
    missing = [
        *_follow("pair", "comparison", workspace().recent()),
        *_follow("questions", "asking", workspace().askings()),
        *_follow_slice(),
    ]
    _follow_question()
    _write_address()
    return missing


def _follow(parameter: str, name: str, known: tuple[Comparison | Asking, ...]) -> list[str]:
    wanted = st.query_params.get(parameter)
    if wanted is None or wanted == identity(st.session_state.get(name)):
        return []
    found = next((candidate for candidate in known if identity(candidate) == wanted), None)
    if found is None:
        return [parameter]
    st.session_state[name] = found
    return []


def _follow_question() -> None:
    """An id is only ever compared with ids, so any short text may be taken over."""
    wanted = st.query_params.get("question")
    if wanted and len(wanted) <= LONGEST_ID:
        st.session_state[QUESTION] = wanted


def _follow_slice() -> list[str]:
    wanted = st.query_params.get("slice")
    if wanted is None or wanted == st.session_state.get(SLICE):
        return []
    if workspace().slices.get(wanted) is None:
        return ["slice"]
    st.session_state[SLICE] = wanted
    return []


def _write_name(parameter: str, value: str | None) -> None:
    if value:
        st.query_params[parameter] = value
    else:
        st.query_params.pop(parameter, None)


def _write_address() -> None:
    for parameter, name in (("question", QUESTION), ("slice", SLICE)):
        value = st.session_state.get(name)
        if value and st.query_params.get(parameter) != value:
            st.query_params[parameter] = value
    for parameter, name in (("pair", "comparison"), ("questions", "asking")):
        current = identity(st.session_state.get(name))
        if current and st.query_params.get(parameter) != current:
            st.query_params[parameter] = current
    if comparison() and st.query_params.get("v") != SCHEMA:
        st.query_params["v"] = SCHEMA


def from_address(key: str, allowed: Callable[[str], object | None]) -> None:
    """Give a widget, before it is drawn, the value the address names; what `allowed` makes None of is left out.

    By hand, because a bound widget does not follow what a callback sets. What this session wrote itself is no news.
    """
    named = st.query_params.get(key)
    if named is None or named == st.session_state.get(f"written-{key}"):
        return
    value = allowed(named)
    if value is not None:
        st.session_state[key] = value


def to_address(key: str, value: object) -> None:
    """Write a widget's value into the address, the default as well: a copied link holds everything."""
    text = f"{value:g}" if isinstance(value, float) else str(value)
    st.session_state[f"written-{key}"] = text
    if st.query_params.get(key) != text:
        st.query_params[key] = text


def identity(chosen: Comparison | Asking | None) -> str:
    """The short digest that stands for a pair or for questions in an address."""
    return digest(chosen)[:ID_LENGTH] if chosen else ""
