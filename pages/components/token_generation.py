"""The generation tab: both models continue the same prompts, aligned token by token, with the place they part."""

from dataclasses import replace
from typing import TYPE_CHECKING

import streamlit as st

from analysis.figures import generation
from analysis.figures.visible import legible
from analysis.records import Text
from cache.keys import digest
from cache.memo import workspace
from cache.work import Comparison, State
from pages.components import address, charts, token_sources
from pages.components.token_work import awaited
from pages.components.words import plain

if TYPE_CHECKING:
    from analysis.language.generation_records import GenerationComparison

AT_ONCE = 25
ORDERS = {"given": "as given", "early": "parting earliest first", "kl": "largest KL where they part first"}
MOST_TOKENS = 256
FIELDS = (
    address.whole_number("token_new", 1, MOST_TOKENS, 16),
    address.one_of("token_told_order", ORDERS, "given"),
)


def tab(pair: Comparison, texts: tuple[Text, ...], titles: dict[str, str], state: State) -> None:
    """Compute where needed, then show; answers are not given to the models, only the prompts."""
    address.hold(*FIELDS)
    st.markdown(
        "Both models continue the same prompt greedily: answers are left off. Grey tokens are told by both; where they "
        "part, each is in its model's colour, and the line beneath says what the other model gave that choice."
    )
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        new = st.number_input("At most so many new tokens", 1, MOST_TOKENS, key="token_new", width=220)
        order = st.selectbox("Order", list(ORDERS), format_func=ORDERS.get, key="token_told_order", width=280)
    prompts = tuple(_prompt(text) for text in texts)
    found = workspace().known_generation_compared(pair, prompts, state=state, max_new_tokens=int(new))
    if found is None:
        wanted = digest([pair, prompts, state, new])
        title = f"Continue {len(prompts):,} prompts with both models"
        awaited("told", wanted, title, "generation_compared", pair, prompts, state=state, max_new_tokens=int(new))
        return
    words, about = generation.generation_words(found), token_sources.about(prompts, state, "base", generate=int(new))
    st.markdown(words)
    charts.show(generation.together(found), key="token_together", alt=words, about=about)
    listing(found, titles, order or "given")
    charts.foot(generation.generation_table(found), key="continuations", finding=words, about=about)


def _prompt(text: Text) -> Text:
    return replace(text, answer=None)


@st.fragment
def listing(found: "GenerationComparison", titles: dict[str, str], order: str) -> None:
    """The prompts one by one, some at a time."""
    shown = st.session_state.get("told_shown", AT_ONCE)
    st.html(generation.STYLE)
    for told in generation.ordered(found, order)[:shown]:
        with st.container(border=True, gap="xsmall"):
            st.markdown(f"**{plain(legible(titles.get(told.id, told.prompt)))}**")
            st.html(generation.told_html(told, found.state))
            st.caption(plain(generation.parting_words(told, found.state)))
    total = len(found.prompts)
    if shown < total:
        more = f"Show {AT_ONCE} more: {shown:,} of {total:,} prompts are on screen"
        st.button(more, on_click=_show_more, icon=":material/expand_more:", key="told_more")


def _show_more() -> None:
    st.session_state["told_shown"] = st.session_state.get("told_shown", AT_ONCE) + AT_ONCE
