"""How a question is put to a model: the prompt's text, its token ids, and the one decision about BOS.

The paper's format (arXiv 2509.16596) is BOS `<|question|> ` question ` <|answer|>`, then ` ` answer ` ` EOS. Its
markers are plain text, encoded by the checkpoint's own tokenizer: no token is ever added. Does not know the model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from analysis.errors import LanguageError, SpecError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase as Tokenizer

IGNORED_LABEL = -100  # what torch's cross entropy leaves out
SLOT = "{question}"
CHAT = "the tokenizer's chat template"


@dataclass(frozen=True)
class Prompt:
    """A question's surroundings: `template` holds `{question}` (for "chat" the tokenizer's own template is used).

    `answer` is the text an answer is trained as; it follows the prompt and is followed by EOS.
    """

    name: str
    template: str
    answer: str = " {answer}"


PROMPTS: dict[str, Prompt] = {
    "paper": Prompt("paper", "<|question|> {question} <|answer|>", " {answer} "),
    "qa": Prompt("qa", "Question: {question}\nAnswer:"),
    "chat": Prompt("chat", CHAT, "{answer}"),
}


@dataclass(frozen=True)
class BosDecision:
    """Whether a prompt starts with BOS, decided once per tokenizer.

    `id` and `token` are None where no BOS is put in front; `reason` says who decided: the tokenizer's own
    post-processor, we (the tokenizer has one and leaves it out by itself), the tokenizer's explicit setting
    `add_bos_token: false`, or there is none.
    """

    id: int | None
    token: str | None
    reason: Literal["post-processor", "added", "switched off", "none"]


@dataclass(frozen=True)
class PromptView:
    """A prompt as the model gets it: the whole text, BOS included, its token ids and each id's text."""

    text: str
    ids: tuple[int, ...]
    tokens: tuple[str, ...]
    bos: BosDecision


class Example(NamedTuple):
    """A training example: token ids, and labels of the same length with -100 over the prompt."""

    ids: list[int]
    labels: list[int]


def resolve_prompt(prompt: str) -> Prompt:
    """The prompt under this name, or the user's own text around `{question}`; SpecError for anything else."""
    if prompt in PROMPTS:
        return PROMPTS[prompt]
    if SLOT in prompt:
        return Prompt(name=prompt, template=prompt)
    raise SpecError(
        f"No prompt is called {prompt!r}: choose one of {', '.join(PROMPTS)}, or give a text that contains {SLOT}."
    )


@lru_cache(maxsize=16)
def decide_bos(tokenizer: Tokenizer) -> BosDecision:
    """Exactly one BOS for every tokenizer that has one, unless its own configuration switches it off."""
    bos: int | None = tokenizer.bos_token_id
    if bos is None:
        return BosDecision(None, None, "none")
    token = str(tokenizer.bos_token)
    if tokenizer("a")["input_ids"][:1] == [bos]:
        return BosDecision(bos, token, "post-processor")
    if tokenizer.init_kwargs.get("add_bos_token") is False:
        return BosDecision(None, None, "switched off")
    return BosDecision(bos, token, "added")


def encode_prompt(tokenizer: Tokenizer, prompt: Prompt, question: str) -> list[int]:
    """Token ids of one question in this prompt, BOS as decided."""
    return encode_prompts(tokenizer, prompt, [question])[0]


def encode_prompts(tokenizer: Tokenizer, prompt: Prompt, questions: Sequence[str]) -> list[list[int]]:
    """Token ids of every question in this prompt, in the same order; one call of the tokenizer."""
    return _encode(tokenizer, prompt, [prompt_text(tokenizer, prompt, question) for question in questions])


def prompt_text(tokenizer: Tokenizer, prompt: Prompt, question: str) -> str:
    """The prompt's text without the BOS we add; LanguageError where "chat" is asked of a tokenizer without one."""
    if prompt.template is not CHAT:
        return prompt.template.replace(SLOT, question)
    if not tokenizer.chat_template:
        raise LanguageError(
            "This tokenizer has no chat template, so the prompt 'chat' cannot be used: take 'paper' or 'qa'."
        )
    messages = [{"role": "user", "content": question}]
    return str(tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False))


def encode_text(tokenizer: Tokenizer, text: str) -> list[int]:
    """Token ids of plain text (a statement, say) with BOS as decided and no EOS."""
    return with_bos(decide_bos(tokenizer), tokenizer(text, add_special_tokens=False)["input_ids"])


def with_bos(bos: BosDecision, ids: Sequence[int]) -> list[int]:
    """These ids with the decided BOS in front, never twice."""
    return list(ids) if bos.id is None or list(ids[:1]) == [bos.id] else [bos.id, *ids]


def encode_example(tokenizer: Tokenizer, prompt: Prompt, question: str, answer: str) -> Example:
    """One training example: the prompt's ids exactly as at evaluation, then the answer's ids and EOS as labels.

    The answer's ids are what follows the prompt when both are encoded together; where the tokenizer would merge
    across the seam, the answer is encoded alone, since at evaluation the prompt ends at the seam.
    """
    if tokenizer.eos_token_id is None:
        raise LanguageError("This tokenizer has no end-of-sequence token, so no answer can be trained to end.")
    text = prompt_text(tokenizer, prompt, question)
    tail = prompt.answer.replace("{answer}", answer)
    asked, whole = _encode(tokenizer, prompt, [text, text + tail])
    if whole[: len(asked)] == asked:
        told = whole[len(asked) :]
    else:
        told = list(tokenizer(tail, add_special_tokens=False)["input_ids"])
    told.append(tokenizer.eos_token_id)
    return Example(asked + told, [IGNORED_LABEL] * len(asked) + told)


def describe_prompt(tokenizer: Tokenizer, prompt: Prompt, question: str) -> PromptView:
    """What the model will really see for this question, to be shown in full."""
    ids = encode_prompt(tokenizer, prompt, question)
    text = prompt_text(tokenizer, prompt, question)
    bos = decide_bos(tokenizer)
    ours = bos.token if bos.token and ids[:1] == [bos.id] and not text.startswith(bos.token) else ""
    return PromptView(ours + text, tuple(ids), tuple(_pieces(tokenizer, ids)), bos)


def _encode(tokenizer: Tokenizer, prompt: Prompt, texts: list[str]) -> list[list[int]]:
    if not texts:
        return []
    bodies: list[list[int]] = tokenizer(texts, add_special_tokens=False)["input_ids"]
    if prompt.template is CHAT:  # the chat template writes its own BOS, or means to have none
        return [list(body) for body in bodies]
    bos = decide_bos(tokenizer)
    return [with_bos(bos, body) for body in bodies]


def _pieces(tokenizer: Any, ids: Sequence[int]) -> list[str]:
    return [str(tokenizer.decode([token], clean_up_tokenization_spaces=False)) for token in ids]
