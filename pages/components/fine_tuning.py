"""Fine-tuning from a page: what to train on and how, what it will take, the run with its loss curve, the result."""

from functools import partial

import streamlit as st

from analysis.errors import PalimpsestError
from analysis.figures import training
from analysis.training.curve import TrainingSoFar
from cache.memo import workspace
from cache.training import FineTuned, Training
from pages.components import (
    address,
    answers,
    charts,
    fine_tuning_form,
    fine_tuning_making,
    notices,
    progress,
    questions,
    selection,
)
from pages.components.words import MASTERY, plain

JOB, ASKED = "fine_tuning_job", "fine_tuning_asked"
TEXTS = ("ft_base", "ft_questions", "ft_mastery")
SOURCE = "ft_source"  # in the address: the digest of these three, which the store keeps
USUAL = "ft_usual"  # what the form would open with by itself, when it was last drawn
NO_SOURCE = (
    "This link shows a fine-tuning of a base and questions that this store has not seen: name both below, or open the "
    "link where it was made."
)
POLL_SECONDS = 1.0
SHOWN = 6


def send(base: str, source: str, mastery: str, level: int) -> None:
    """Let the form open on the facts of one level; a callback."""
    st.session_state["doing"] = "one"
    for name in (SOURCE, USUAL):
        st.session_state.pop(name, None)
    st.session_state.update({"ft_from": "level", "ft_level": level})
    st.session_state.update(zip(TEXTS, (base, source, mastery), strict=True))


def section() -> None:
    """The whole of it: the training under way, what came of the last, the form, the models made here."""
    st.subheader("Fine-tune a model", anchor="fine-tune")
    st.markdown(
        "Train the base on facts it knew well, or hardly; as the paper does, or in a way that tries to need no repair. "
        "The tuned model is kept here and can be compared with its base on every page."
    )
    with notices.shown_errors():
        if running():
            return
        _finished()
    _form()
    with notices.shown_errors():
        _made_here()


def running() -> bool:
    """Show this session's training while it goes on, or how it ended badly; returns whether it goes on."""
    job_id = st.session_state.get(JOB)
    job = workspace().jobs.view(job_id or "")
    busy = progress.watch(job_id, key="fine-tuning")
    if job is not None and (busy or job.state in ("cancelled", "failed")):
        st.fragment(_so_far, run_every=POLL_SECONDS if busy else None)(job.id)
    if job is not None and job.state == "cancelled":
        st.caption("What is needed to go on is kept: start the same again, and it goes on at that step.")
    return busy


def _so_far(job_id: str) -> None:
    job = workspace().jobs.view(job_id)
    partial = job.partial if job is not None else None
    if isinstance(partial, TrainingSoFar) and partial.loss:
        figure = training.loss_curve({"this training": partial.loss}, steps=partial.steps)
        charts.show(figure, key="loss-so-far", alt=training.curve_words(partial.loss), exports=False)


def _finished() -> None:
    """The model this session asked for last, once it is there."""
    job = workspace().jobs.view(st.session_state.get(JOB) or "")
    asked = st.session_state.get(ASKED)
    if job is None or job.state != "done" or asked is None:
        return
    tuned = workspace().known_fine_tuned(asked)
    if tuned is None:
        return
    with st.container(border=True, key="fine-tuned"):
        words, button = st.columns([4, 1], vertical_alignment="center")
        told = f"{training.card_words(tuned.card)}. {training.curve_words(tuned.card.loss)}"
        words.success(f"**{plain(tuned.folder.name)}** is ready. {plain(told)}", icon=":material/check_circle:")
        _compare_button(button, tuned, "just", primary=True)
        curve, words = training.loss_curve({tuned.folder.name: tuned.card.loss}), training.curve_words(tuned.card.loss)
        charts.show(curve, key="loss", alt=words, about=partial(fine_tuning_making.of_one, tuned))


@st.fragment
def _form() -> None:
    with st.container(border=True, key="fine-tuning-form"):
        opened = _opened()
        with st.expander("Base and questions", expanded=not opened, icon=":material/folder:"):
            base = st.text_input("Base", key="ft_base", placeholder="/models/llama-3-8b or org/model")
            source = st.text_input("Questions", key="ft_questions", help=questions.FORMATS)
            table = st.text_input("Mastery table", key="ft_mastery", help=MASTERY)
        if not (base.strip() and source.strip()):
            st.info(
                "Name a base and questions: the demo's stand here once it is prepared (Compare).",
                icon=":material/edit:",
            )
            return
        address.put(SOURCE, workspace().typed.keep((base, source, table)))
        st.caption(plain(f"Base: {base} · facts: {source}" + (f" · levels: {table}" if table else " · no levels")))
        try:
            with st.spinner("Reading the facts …"):
                held = workspace().training_levels(source.strip(), table.strip() or None)
            chosen = fine_tuning_form.chosen(base.strip(), source.strip(), table.strip() or None, held)
            outlook = workspace().outlook(chosen)
        except PalimpsestError as error:
            notices.show_error(error)
            return
        st.markdown(plain(training.outlook_words(outlook)))
        with st.container(horizontal=True, vertical_alignment="center"):
            if st.button("Fine-tune", type="primary", icon=":material/model_training:", key="ft_start"):
                begin(chosen)
                st.rerun()
            st.caption("It goes on in the background. Cancelled or killed, the same goes on where it was.")
        with st.expander("The same on the command line", icon=":material/terminal:"):
            st.code(training.command(chosen, f"tuned-{chosen.name}"), language="bash", wrap_lines=True)


def _opened() -> bool:
    """Fill in base, questions and mastery table where they are empty or the address names others; whether they are so.

    With what the address or this session held, else with what the session looks at, which is gone over to when another
    pair or other questions were chosen since.
    """
    state, anew, usual = st.session_state, address.names_anew(SOURCE), _usual()
    if not anew and state.get(USUAL, usual) != usual:
        for name in (SOURCE, *TEXTS):
            state.pop(name, None)
    state[USUAL] = usual
    address.from_address(SOURCE, _known_source)
    held = workspace().typed.find(state.get(SOURCE, ""))
    for name, text in zip(TEXTS, held or usual, strict=True):
        if name not in state or (anew and held is not None):
            state[name] = text
    return bool(state["ft_base"] and state["ft_questions"])


def _known_source(name: str) -> str | None:
    """The name of texts that were typed on this store; of others, that they are not here is said."""
    texts = workspace().typed.find(name)
    if name and (texts is None or len(texts) != len(TEXTS)):
        address.notice(NO_SOURCE)
        return None
    return name or None


def _usual() -> tuple[str, str, str]:
    """Base, questions and mastery table of what the session looks at, else the demo's."""
    pair, asking, demo = selection.comparison(), selection.asking() or questions.demo_asking(), workspace().demo()
    base = pair.base if pair is not None else str(demo.base) if demo is not None else ""
    return base, asking.questions if asking else "", (asking.mastery or "") if asking else ""


def begin(asked: Training) -> None:
    """Queue this fine-tuning."""
    job = workspace().start(
        f"Fine-tune {asked.name}", "fine_tune", asked, watcher=selection.watcher("fine-tune"), page="experiments"
    )
    st.session_state[JOB] = selection.announced(job)
    st.session_state[ASKED] = asked


def _made_here() -> None:
    found = workspace().fine_tuned()
    if not found:
        return
    st.markdown("**Made here**")
    for tuned in found[:SHOWN]:
        words, button = st.columns([4, 1], vertical_alignment="center")
        words.markdown(f":orange[●] **{plain(tuned.folder.name)}**  \n:gray[{plain(training.card_words(tuned.card))}]")
        _compare_button(button, tuned, tuned.folder.name)
    if len(found) > SHOWN:
        st.caption(f"The newest {SHOWN} of {len(found)}; each is among the recent pairs on Compare.")
    with st.expander("Their loss curves"):
        curves = {tuned.folder.name: tuned.card.loss for tuned in found[:SHOWN]}
        words = " ".join(f"{name}: {training.curve_words(points)}" for name, points in curves.items())
        about = partial(fine_tuning_making.of_several, found[:SHOWN])
        charts.show(training.loss_curve(curves), key="losses", alt=words, about=about)


def _compare_button(place: object, tuned: FineTuned, key: str, *, primary: bool = False) -> None:
    clicked = place.button(  # type: ignore[attr-defined]
        "Compare with its base",
        key=f"compare-{key}",
        type="primary" if primary else "secondary",
        width="stretch",
    )
    if clicked:
        compare(tuned)


def compare(tuned: FineTuned) -> None:
    """Make it the active pair beside its base, learn both in the background, and look at the overview."""
    answers.learn(tuned.pair, selection.asking() or questions.asking_for(tuned.pair))
    st.switch_page("overview.py")
