"""How a question is put to a model: the prompt's text, its token ids, and the one decision about BOS.

The paper's format (arXiv 2509.16596) is BOS `<|question|> ` question ` <|answer|>`, then ` ` answer ` ` EOS. Its
markers are plain text, encoded by the checkpoint's own tokenizer: no token is ever added. Shots, worked examples put
before the question, are written in the same format, or as turns of a chat. Does not know the model or question files.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from analysis.errors import LanguageError, SpecError
from analysis.knowledge.chat import chat_text
from analysis.records import Question

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase as Tokenizer

IGNORED_LABEL = -100  # what torch's cross entropy leaves out
SLOT = "{question}"
CHAT = "the tokenizer's chat template"


class Shot(NamedTuple):
    """A worked example: a question and its answer."""

    question: str
    answer: str


@dataclass(frozen=True)
class Prompt:
    """A question's surroundings: `template` holds `{question}` (for "chat" the tokenizer's own template is used).

    `answer` is the text an answer is trained as; it follows the prompt and is followed by EOS. `shots` stand before the
    question, each in the template with its answer and `between` after it.
    """

    name: str
    template: str
    answer: str = " {answer}"
    between: str = "\n\n"
    shots: tuple[Shot, ...] = ()


PROMPTS: dict[str, Prompt] = {
    "paper": Prompt("paper", "<|question|> {question} <|answer|>", " {answer} ", between="\n"),
    "qa": Prompt("qa", "Question: {question}\nAnswer:"),
    "chat": Prompt("chat", CHAT, "{answer}"),
}


@dataclass(frozen=True)
class BosDecision:
    """Whether a prompt starts with BOS, decided once per tokenizer.

    `id` and `token` are None where no BOS is put in front; `reason` says who decided: the tokenizer's own
    post-processor, we (the tokenizer has one and leaves it out by itself), the tokenizer's explicit setting
    `add_bos_token: false`, its chat template (which writes what it means to have), or there is none.
    """

    id: int | None
    token: str | None
    reason: Literal["post-processor", "added", "switched off", "chat template", "none"]


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


def resolve_prompt(prompt: str, shots: Sequence[Question] = ()) -> Prompt:
    """The prompt under this name, or the user's own text around `{question}`; SpecError for anything else.

    `shots` are shown before every question, each with its first answer.
    """
    shown = tuple(Shot(question.question, question.answers[0]) for question in shots)
    if prompt in PROMPTS:
        return replace(PROMPTS[prompt], shots=shown)
    if SLOT in prompt:
        return Prompt(name=prompt, template=prompt, shots=shown)
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


def decide_prompt_bos(tokenizer: Tokenizer, prompt: Prompt) -> BosDecision:
    """The decision for this prompt: the tokenizer's, except that a chat template writes its own BOS or means none."""
    if prompt.template is not CHAT:
        return decide_bos(tokenizer)
    bos: int | None = tokenizer.bos_token_id
    if bos is not None and encode_prompt(tokenizer, prompt, "")[:1] == [bos]:
        return BosDecision(bos, str(tokenizer.bos_token), "chat template")
    return BosDecision(None, None, "none" if bos is None else "chat template")


def encode_prompt(tokenizer: Tokenizer, prompt: Prompt, question: str) -> list[int]:
    """Token ids of one question in this prompt, BOS as decided."""
    return encode_prompts(tokenizer, prompt, [question])[0]


def encode_prompts(tokenizer: Tokenizer, prompt: Prompt, questions: Sequence[str]) -> list[list[int]]:
    """Token ids of every question in this prompt, in the same order; one call of the tokenizer."""
    return _encode(tokenizer, prompt, [prompt_text(tokenizer, prompt, question) for question in questions])


def prompt_text(tokenizer: Tokenizer | None, prompt: Prompt, question: str) -> str:
    """The prompt's text, shots included, without the BOS we add.

    `tokenizer` is needed for "chat" alone; LanguageError where it has no chat template, or cannot fill it.
    """
    if prompt.template is not CHAT:
        shown = [_fill(prompt, shot.question) + _told(prompt, shot) + prompt.between for shot in prompt.shots]
        return "".join([*shown, _fill(prompt, question)])
    assert tokenizer is not None  # callers load it for this prompt
    turns = [turn for shot in prompt.shots for turn in (("user", shot.question), ("assistant", shot.answer))]
    return chat_text(tokenizer, [*turns, ("user", question)])


def _fill(prompt: Prompt, question: str) -> str:
    return prompt.template.replace(SLOT, question)


def _told(prompt: Prompt, shot: Shot) -> str:
    return prompt.answer.replace("{answer}", shot.answer).rstrip()


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
    bos = decide_prompt_bos(tokenizer, prompt)
    ours = bos.token if bos.token and ids[:1] == [bos.id] and not text.startswith(bos.token) else ""
    return PromptView(ours + text, tuple(ids), tuple(_pieces(tokenizer, ids)), bos)


def prompt_preview(source: str | Path, prompt: str, shots: Sequence[Question], question: str) -> PromptView:
    """The same for the tokenizer in a model's folder (or of a Hugging Face id); loads no weights."""
    from analysis.language.load import find_folder, load_tokenizer

    return describe_prompt(load_tokenizer(find_folder(source)), resolve_prompt(prompt, shots), question)


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
