"""The exact text a model is given: BOS and template included, with every token's id."""

import streamlit as st

from analysis.figures.visible import prompt_tokens
from analysis.knowledge.prompts import PromptView
from cache.memo import workspace
from cache.work import Asking, Comparison
from pages.components.notices import shown_errors
from pages.components.words import plain

BOS_WORDS = {
    "post-processor": "the tokenizer itself puts it in front",
    "added": "put in front here, once",
    "switched off": "switched off by the tokenizer's configuration",
    "chat template": "the chat template writes what it means to have",
    "none": "the tokenizer has none",
}


def popover(pair: Comparison, asking: Asking, question: str | None = None, *, key: str = "prompt") -> None:
    """The prompt of this question (the first one, where none is given), behind a button; read when opened."""
    with st.popover("Exact prompt", icon=":material/terminal:", key=f"{key}-popover", on_change="rerun") as opened:
        if opened.open:
            with shown_errors():
                _body(_view(pair, asking, question))


@st.cache_data(max_entries=64, show_spinner="Reading the tokenizer …")
def _view(pair: Comparison, asking: Asking, question: str | None) -> PromptView:
    return workspace().prompt_preview(pair, asking, question)


def _body(view: PromptView) -> None:
    st.caption("The text as the model gets it")
    st.code(view.text, language=None, wrap_lines=True)
    bos = f"BOS {view.bos.token}" if view.bos.token else "No BOS"
    st.caption(
        plain(f"{bos}: {BOS_WORDS.get(view.bos.reason, view.bos.reason)} · {len(view.ids)} tokens, with their ids")
    )
    st.code(prompt_tokens(view.tokens, view.ids), language=None, wrap_lines=True)
