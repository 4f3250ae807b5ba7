"""What the open questions share: which facts they are asked with, the job under way, the command beneath."""

import shlex
from pathlib import Path
from typing import Any

import streamlit as st

from analysis.knowledge.questions import content_id
from cache.memo import workspace
from cache.work import Asking, Comparison
from pages.components import progress, selection
from pages.components.words import plain

ID_LENGTH = 16  # of a content hash
DEMO_WORDS = "Load a demo pair on Compare to try it in a minute, or a pair of your own."


def pair() -> Comparison | None:
    """The active pair; without one, what to do."""
    found = selection.comparison()
    if found is None:
        with st.container(border=True):
            st.markdown(f"**No pair is loaded.** {DEMO_WORDS}")
            st.page_link("compare.py", label="Choose a pair", icon=":material/arrow_forward:")
    return found


def facts(of: Comparison) -> Asking | None:
    """The session's questions where they carry levels, else the demo's for the demo's base; without, what to do."""
    asked, demo = selection.asking(), workspace().demo()
    if asked is not None and asked.mastery:
        return asked
    if demo is not None and Path(of.base) == demo.base:
        return Asking(str(demo.questions), mastery=str(demo.mastery))
    if asked is not None:
        return asked
    with st.container(border=True):
        st.markdown("**No questions are chosen.** Choose them, and measure the base's mastery of their train split.")
        st.page_link("mastery.py", label="Mastery", icon=":material/arrow_forward:")
    return None


def running(key: str) -> bool:
    """Show this session's job of this question while it goes on, or how it ended."""
    return progress.watch(st.session_state.get(f"open_{key}_job"), key=f"open-{key}")


def start(key: str, title: str, method: str, *args: Any, **named: Any) -> None:
    """Queue the work; a callback."""
    job = workspace().start(title, method, *args, watcher=selection.watcher(f"open-{key}"), page="experiments", **named)
    st.session_state[f"open_{key}_job"] = selection.announced(job)


def offer(key: str, title: str, cost: str, method: str, *args: Any, **named: Any) -> None:
    """Nothing is measured yet: what it will cost, and the button; or how far it is."""
    if running(key):
        return
    with st.container(border=True, key=f"open-{key}-offer"):
        st.markdown(f"**Not measured yet with these settings.** {cost}")
        st.button(
            title,
            type="primary",
            icon=":material/science:",
            key=f"open-{key}-start",
            on_click=start,
            args=(key, title, method, *args),
            kwargs=named,
        )


def command(*words: object) -> str:
    """The command line of what is shown, to paste into a shell."""
    return shlex.join(["palimpsest", "question", *map(str, words)])


def questions(asking: Asking) -> tuple[str, ...]:
    """Its questions as options of a command."""
    return ("--questions", asking.questions, *(("--mastery", asking.mastery) if asking.mastery else ()))


def facts_words(asking: Asking) -> str:
    """The facts that would be trained on: where they came from, and the hash of all of them. Reads the questions."""
    return f"{Path(asking.questions).name} {content_id(workspace().training_facts(asking))[:ID_LENGTH]}"


def foot(made_by: str, *caveats: str) -> None:
    """What the numbers do not say, and the command that makes them again."""
    for words in caveats:
        st.caption(words)
    with st.expander("The command line"):
        st.code(made_by, language="bash", wrap_lines=True)


def base_name(base: str) -> str:
    """A base's folder, harmless in Markdown."""
    return plain(Path(base).name)
