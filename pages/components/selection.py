"""What this session looks at: the pair, the questions and the restored stop, in the session and in the address.

The address holds digests only, looked up among what this store has seen: a link never makes the server open a path.
"""

import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import streamlit as st

from analysis.errors import PalimpsestError
from analysis.records import Question, RestoreSpec
from cache.keys import digest
from cache.memo import workspace
from cache.models import State
from cache.slices import Slice
from cache.work import Asking, Comparison
from pages.components import address, heard
from pages.components.address import from_address, to_address

__all__ = ["from_address", "to_address"]  # what holds a page's widgets to the address: pages.components.address

ID_LENGTH = 16
ANNOUNCED = "jobs_announced"  # the jobs whose ending this session is still to be told, by id
ASKED = "references_asked"  # what this session has queued by itself, each once
Chosen = TypeVar("Chosen", Comparison, Asking)
QUESTION, SLICE = "chosen_question", "chosen_slice"  # in the session; "question" and "slice" in the address
LONGEST_ID = 200  # of a question's id in an address
ABOUT_QUESTIONS = ", "  # between the names of pair and questions


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
    address.to_addresses({"question": question_id or ""})


def chosen_slice() -> Slice | None:
    """The slice looked at, or None; one that was deleted meanwhile is none."""
    name = st.session_state.get(SLICE)
    return workspace().slices.get(name) if name else None


def choose_slice(name: str | None) -> None:
    """Look at the questions of this slice, on every page; None looks at all."""
    st.session_state[SLICE] = name
    address.to_addresses({"slice": name or ""})


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
    _look_at(pair)
    if questions is not None:
        ask(questions)
    _write_address()


def _look_at(pair: Comparison) -> None:
    """Put a pair in the session; the stop looked at and what was tried before are of another time."""
    st.session_state["comparison"] = pair
    for name in ("restored_spec", "stop_tried", ASKED):
        st.session_state.pop(name, None)


def ask(questions: Asking) -> None:
    """Make these questions the active ones."""
    workspace().remember_asking(questions)
    st.session_state["asking"] = questions
    _write_address()


def start_profile(pair: Comparison) -> None:
    """Read the pair's weights in the background; a callback."""
    st.session_state["profile_job"] = start(
        f"Profile {pair.name}", "profile", pair, purpose="profile", page="overview", quiet=True
    )


@dataclass(frozen=True)
class Awaited:
    """A job whose ending this session is to be told; `asked` in seconds since the epoch.

    A quiet one is work of a moment that its own page waits for and shows: it is told to who has gone elsewhere.
    """

    asked: float
    quiet: bool


def start(
    title: str, method: str, /, *args: Any, purpose: str, page: str = "jobs", quiet: bool = False, **kwargs: Any
) -> str:
    """Run a method of the workspace in the background for this session, which is told its ending; returns the job's id.

    The latest request of one `purpose` wins; `page` is where the result is looked at; `quiet` as `Awaited` has it.
    """
    job_id = workspace().start(title, method, *args, watcher=watcher(purpose), page=page, **kwargs)
    return announced(job_id, quiet=quiet)


def announced(job_id: str, *, quiet: bool = False) -> str:
    """Let this session be told, on whatever page it is, when this job has ended; returns the job's id."""
    st.session_state.setdefault(ANNOUNCED, {})[job_id] = Awaited(time.time(), quiet)
    return job_id


def leave(job_id: str) -> None:
    """This session wants the job no more, and is told no more of it where others go on wanting it. A callback."""
    jobs = workspace().jobs
    jobs.leave(job_id, session())
    job = jobs.view(job_id)
    if job is not None and job.active and job.owners:
        st.session_state.get(ANNOUNCED, {}).pop(job_id, None)


def start_evaluation(pair: Comparison, state: State, questions: Asking, *, page: str) -> str:
    """Ask one state of the pair these questions in the background; returns the job's id."""
    purpose = f"evaluate {state}"
    return start(f"Ask {state}", "evaluation", pair, state, questions, purpose=purpose, page=page, quiet=True)


def follow_address() -> None:
    """Take over what the address names, and say what of it this store does not have. Once a run, by the shell."""
    heard.arrived()
    old = address.version_words(st.query_params.get("v"))
    if old:
        address.notice(old)
    pair = _named("pair", comparison(), workspace().recent())
    if pair is not None:
        _look_at(pair)
    asked = _named("questions", asking(), workspace().askings())
    if asked is not None:
        st.session_state["asking"] = asked
    _follow_slice()
    _follow_question()
    _write_address()


def _named(parameter: str, current: Chosen | None, known: tuple[Chosen, ...]) -> Chosen | None:
    """What the address names and the session does not look at already; None, and said so, where it is not known."""
    wanted = st.query_params.get(parameter)
    if not wanted or wanted == identity(current) or heard.is_behind(parameter):
        return None
    found = next((candidate for candidate in known if identity(candidate) == wanted), None)
    if found is None:
        address.notice(_missing(parameter))
    return found


def _missing(parameter: str) -> str:
    """What to say of a pair or of questions that this store has not seen; their names are the link's own word."""
    about = st.query_params.get("about", "")[: address.LONGEST_TEXT]
    pair, _, questions = about.partition(ABOUT_QUESTIONS)
    if parameter == "pair":
        named = f"the pair “{pair}”" if pair else "a pair"
        way = "load it on Compare (the same two folders or ids)"
    else:
        named = f"the questions “{questions}”" if questions else "questions"
        way = "choose them under Questions (the same file and settings)"
    return f"This link shows {named}, which this store has not seen: {way}, or open the link where it was made."


def _follow_question() -> None:
    """An id is only ever compared with ids, so any short text may be taken over: its questions may be chosen later.

    Where the session has just chosen another, the address is the older one.
    """
    wanted = st.query_params.get("question") or None
    written = st.session_state.get("written-question") or None
    if not _says(wanted) or wanted == written or heard.is_behind("question"):
        return
    if wanted is not None and len(wanted) > LONGEST_ID:
        address.notice(f"This link looks at a question, whose id is longer than {LONGEST_ID} characters: left out.")
        return
    st.session_state[QUESTION] = wanted
    if wanted is not None and lacks(wanted):
        address.notice(
            f"This link looks at the question “{wanted}”, which is not among the questions chosen here: choose those "
            "it was made with under Questions, or open the link where it was made."
        )


def active_questions() -> tuple[Question, ...]:
    """The active questions; none where none are chosen, or where they cannot be read."""
    asked = asking()
    try:
        return workspace().question_set(asked).questions if asked is not None else ()
    except PalimpsestError:  # the page itself tells what is wrong with the questions
        return ()


def lacks(question_id: str) -> bool:
    """Whether questions are chosen and this is none of them."""
    every = active_questions()
    return bool(every) and all(each.id != question_id for each in every)


def _says(wanted: str | None) -> bool:
    """Whether the address says this: it names something, or it holds a whole view and names nothing there."""
    return wanted is not None or "v" in st.query_params


def _follow_slice() -> None:
    wanted = st.query_params.get("slice") or None
    if not _says(wanted) or wanted == (st.session_state.get("written-slice") or None) or heard.is_behind("slice"):
        return
    if wanted is None or workspace().slices.get(wanted) is not None:
        st.session_state[SLICE] = wanted
    else:
        address.notice(
            f"This link looks at the slice “{wanted[: address.LONGEST_TEXT]}”, which this store does not have: all "
            "questions are shown. Save a slice of that name on Samples, or open the link where it was made."
        )


def _write_address() -> None:
    """Pair, questions, question and slice, with the schema version and names for a reader elsewhere; in one step."""
    pair, asked = comparison(), asking()
    texts = {"v": address.SCHEMA}
    if pair is not None:
        texts |= {"pair": identity(pair), "about": about(pair, asked)}
    if asked is not None:
        texts["questions"] = identity(asked)
    texts |= {"question": question() or "", "slice": st.session_state.get(SLICE) or ""}
    address.to_addresses(texts)


def about(pair: Comparison, asked: Asking | None) -> str:
    """Names for whoever opens the link where pair or questions are not known: never used to find anything."""
    name = f"{Path(pair.base).name} to {Path(pair.tuned).name}"
    return f"{name}{ABOUT_QUESTIONS}{Path(asked.questions).name}" if asked is not None else name


def identity(chosen: Comparison | Asking | None) -> str:
    """The short digest that stands for a pair or for questions in an address."""
    return digest(chosen)[:ID_LENGTH] if chosen else ""
