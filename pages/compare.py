"""Compare: which two models? Pick base and tuned, check their headers, load the pair."""

from typing import Literal

import streamlit as st

from analysis.figures import numbers
from analysis.figures.checks import findings_table, region_table
from analysis.records import CheckReport
from cache.about import About
from cache.memo import workspace
from cache.work import Asking, Comparison
from pages.components import address, answers, charts, disk, pair_lists, progress, questions, selection
from pages.components.notices import shown_errors, tells_gone
from pages.components.words import PAPER_LINK, plain

CHECKED, TYPED, REPORT = "checked", "checked_typed", "check_report"  # the first is in the address too
SIDES = ("base", "tuned")
NO_CHECK = (
    "This link shows the check of two models that this store has not seen: name both under “Your own pair” and check "
    "them, or open the link where it was made."
)
ICONS = {"error": "✖", "warning": "▲", "info": "●"}


def load(pair: Comparison, asking: Asking | None = None) -> None:
    """Make a pair the active one, with these questions or those looked at, and learn it in the background."""
    answers.learn(pair, asking or selection.asking() or questions.asking_for(pair))


def active_pair() -> None:
    pair = selection.comparison()
    if pair is None:
        return
    with st.container(border=True):
        st.markdown(f"**Active pair** &nbsp; :blue[●] {plain(pair.base)} &nbsp; :orange[●] {plain(pair.tuned)}")
        with shown_errors():
            busy = progress.watch(st.session_state.get("profile_job"), key="profile")
            if busy:
                return
            if workspace().known_profile(pair) is None:
                if tells_gone(pair):
                    return
                st.button("Read its weights", type="primary", on_click=load, args=(pair,), icon=":material/play_arrow:")
                return
            with st.container(horizontal=True):
                st.page_link("overview.py", label="Overview", icon=":material/insights:")
                st.page_link("restore.py", label="Restore", icon=":material/tune:")
                st.page_link("updates.py", label="Updates", icon=":material/grid_on:")


def finished_finding() -> None:
    """Where nothing is loaded and the demo's finding is there: the way to it."""
    if selection.comparison() is not None or workspace().known_demo_finding() is None:
        return
    with st.container(border=True, horizontal=True, vertical_alignment="center", key="first-look"):
        st.markdown("**New here?** The demo holds a finished finding, with a short guide through it.")
        show_finding("Show me", "primary")


def show_finding(label: str, kind: Literal["primary", "tertiary"]) -> None:
    """A button to the demo's finding, where that is in the store and not what is looked at."""
    found = workspace().known_demo_finding()
    if found is None or selection.comparison() == found[0]:
        return
    if st.button(label, type=kind, icon=":material/auto_awesome:"):  # no callback: the pair chosen, it is not drawn
        selection.choose(*found)
        st.switch_page("overview.py")


def demo_pairs() -> None:
    st.subheader("The demo world")
    st.caption(
        "A small LLaMA that learned made-up people, towns and works, and models fine-tuned from it here. "
        "level-L-N: on N facts of mastery level L (0: the base never knew them, 4: it mostly did)."
    )
    demo = workspace().demo()
    if demo is None:
        prepare_demo()
        return
    if selection.comparison() is not None:  # of another pair: who comes later finds the way too
        show_finding("Show its finished finding", "tertiary")
    for found in demo.pairs:
        words, button = st.columns([3, 1], vertical_alignment="center")
        words.markdown(f":orange[●] **{plain(found.name)}**", help=plain(found.tuned))
        button.button(
            "Load",
            key=f"demo-{found.name}",
            on_click=load,
            args=(Comparison(str(found.base), str(found.tuned)), questions.demo_asking()),
            width="stretch",
        )


def prepare_demo() -> None:
    if progress.watch(st.session_state.get("demo_job"), key="demo"):
        return
    st.markdown("The base is shipped; its fine-tuned models are made and asked on this machine, in about a minute.")
    st.button("Prepare the demo", type="primary", on_click=start_demo, icon=":material/science:")


def start_demo() -> None:
    st.session_state["demo_job"] = selection.start("Prepare the demo", "demo_finding", purpose="demo", page="compare")


def own_pair() -> None:
    st.subheader("Your own pair")
    st.caption("A local folder of safetensors, a single file, or a Hugging Face id such as `org/model`.")
    pair = checked_pair()
    with st.container(key="own"), st.form("own-pair"):
        left, right = st.columns(2)
        base = left.text_input(":blue[●] Base", placeholder="/models/llama-3-8b", key="own_base")
        tuned = right.text_input(":orange[●] Tuned", placeholder="/models/llama-3-8b-sft", key="own_tuned")
        if st.form_submit_button("Check the headers", type="primary", icon=":material/rule:"):
            pair = check(base.strip(), tuned.strip()) or pair
    if pair is not None:
        with shown_errors():
            show_report(report_of(pair), pair)


def checked_pair() -> Comparison | None:
    """The pair whose headers were checked, in the address by its digest; its names stand in the form again."""
    address.hold(address.Field(CHECKED, known_check, ""))
    name = st.session_state[CHECKED]
    texts = workspace().typed.find(name) if name else None
    if texts is None:
        return None
    if name != st.session_state.get(TYPED) or "own_base" not in st.session_state:
        st.session_state[TYPED] = name
        st.session_state["own_base"], st.session_state["own_tuned"] = texts
    return Comparison(*texts)


def known_check(name: str) -> str:
    """The name of a pair that was checked on this store; of one that was not, that is said."""
    texts = workspace().typed.find(name) if name else None
    if name and (texts is None or len(texts) != len(SIDES)):
        address.notice(NO_CHECK)
        return ""
    return name


def check(base: str, tuned: str) -> Comparison | None:
    """Read both headers and keep what was checked, so that a link, F5 and Back find it."""
    if not (base and tuned):
        st.warning("Give both a base and a tuned model.", icon=":material/edit:")
        return None
    pair = Comparison(base, tuned)
    st.session_state.pop(REPORT, None)  # asked again, it is read again
    st.session_state[TYPED] = workspace().typed.keep((base, tuned))
    address.put(CHECKED, st.session_state[TYPED])
    return pair


def report_of(pair: Comparison) -> CheckReport:
    """What the headers of a pair say, read once a session."""
    held = st.session_state.get(REPORT)
    if held is None or held[0] != pair:
        with st.spinner("Reading headers …"):
            held = st.session_state[REPORT] = pair, workspace().check(pair.base, pair.tuned)
    return held[1]


def show_report(report: CheckReport, pair: Comparison) -> None:
    verdict, action = st.columns([4, 1], vertical_alignment="center")
    if report.comparable:
        words = (
            f"{numbers.short_count(report.parameters)} parameters, base {plain(report.dtype.get('base', '?'))}, tuned "
        )
        words += f"{plain(report.dtype.get('tuned', '?'))}; checked in {numbers.duration(report.seconds)}."
        verdict.success(f"**This pair can be compared.** {words}", icon=":material/check_circle:")
        action.button("Load this pair", type="primary", on_click=load, args=(pair,), width="stretch")
    else:
        verdict.error(
            "**This pair cannot be compared.** What is wrong, and the way out, is listed below.",
            icon=":material/error:",
        )
    about = About(models=pair)  # whichever pair the session looks at
    if report.findings:
        charts.wrapped_table(findings_table(report, ICONS), key="findings", about=about)
    if report.comparable:
        with st.expander("Parameters by region"):
            charts.table(region_table(report), key="regions", about=about, width="stretch")


st.title("Compare two models")
st.markdown(
    "See what fine-tuning wrote over in a language model, and scrape it back. "
    f"The method is that of {PAPER_LINK}: rank every parameter by its relative change, restore the most changed to "
    "their base values, and ask again."
)
active_pair()
finished_finding()
left, right = st.columns(2, gap="large")
with left, shown_errors():
    demo_pairs()
with right, shown_errors():
    pair_lists.recent(load)
    pair_lists.named(load)
own_pair()
with st.expander("Questions to ask them", expanded=selection.asking() is None and selection.comparison() is not None):
    with shown_errors():
        if selection.asking() is not None:
            st.caption(questions.summary(selection.asking()))
    questions.form(key="compare")
disk.panel()
