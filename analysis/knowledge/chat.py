"""Writes turns of a conversation in a tokenizer's own chat template, the same text on every day and machine.

Does not know questions, prompts or BOS: the template writes what it means to have.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from analysis.errors import LanguageError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase as Tokenizer

# What templates ask for beyond the messages. Some write today's date, which would make a prompt that no key holds, so
# the day stands still; a model that can think aloud is asked not to, since an answer is 16 tokens.
TODAY = "26 Jul 2024"
STILL_CLOCK = "{% macro strftime_now(format) %}" + TODAY + "{% endmacro %}"  # transformers takes no functions here
WAY_OUT = "take the prompt 'paper' or 'qa'"


def chat_text(tokenizer: Tokenizer, turns: Sequence[tuple[str, str]]) -> str:
    """The (role, text) turns up to where the assistant answers; LanguageError without a template that takes them."""
    from jinja2 import TemplateError

    if not tokenizer.chat_template:
        raise LanguageError(f"This tokenizer has no chat template, so the prompt 'chat' cannot be used: {WAY_OUT}.")
    messages = [{"role": role, "content": text} for role, text in turns]
    template = tokenizer.get_chat_template()
    try:
        written = tokenizer.apply_chat_template(
            messages,
            chat_template=STILL_CLOCK + template if "strftime_now" in template else template,
            add_generation_prompt=True,
            tokenize=False,
            date_string=TODAY,
            enable_thinking=False,
        )
    except TemplateError as error:
        raise LanguageError(f"This tokenizer's chat template cannot be filled ({error}): {WAY_OUT}.") from error
    return str(written)
