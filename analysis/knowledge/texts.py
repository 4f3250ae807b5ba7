"""Texts to look at token by token: JSON lines with `text`, or `prompt` and `answer`; or questions with gold answers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from analysis.errors import LanguageError
from analysis.knowledge.prompts import Prompt, prompt_text
from analysis.records import Question, Text

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase as Tokenizer

UTF8_MARK = b"\xef\xbb\xbf"  # what some editors put in front
MOST_TOLD = 20


def read_texts(path: Path) -> tuple[Text, ...]:
    """Every line of the file as a Text; all unusable lines are named at once.

    Raises LanguageError for a missing or empty file, a line that is no JSON object, or one without text.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise LanguageError(f"The prompts file {path} cannot be read: {error.strerror}.", code="prompts") from error
    return parse_texts(content, str(path))


def parse_texts(content: bytes, name: str) -> tuple[Text, ...]:
    """The same from bytes already read; `name` is what messages call them.

    A line's `id` names its text, else its line number does; ids are told apart, so none may come twice.
    """
    texts: dict[str, Text] = {}
    problems = []
    for number, line in enumerate(content.removeprefix(UTF8_MARK).splitlines(), 1):
        if not line.strip():
            continue
        try:
            text = _text(msgspec.json.decode(line), number)
            if text.id in texts:
                raise LanguageError(f"the id {text.id!r} stands on a line before")
            texts[text.id] = text
        except (msgspec.MsgspecError, UnicodeDecodeError, LanguageError) as error:
            problems.append(f"line {number}: {error}")
    if problems or not texts:
        raise LanguageError(
            f'{name} is not usable: write an object a line, {{"text": "..."}} or {{"prompt": "...", "answer": "..."}}.',
            code="prompts",
            items=_first(problems) or ["the file holds no line"],
        )
    return tuple(texts.values())


def _first(problems: list[str]) -> list[str]:
    """So many that a person reads them, and how many more there are."""
    more = len(problems) - MOST_TOLD
    return problems if more <= 0 else [*problems[:MOST_TOLD], f"and {more:,} more lines"]


def question_texts(
    questions: Sequence[Question], prompt: Prompt, tokenizer: Tokenizer | None = None
) -> tuple[Text, ...]:
    """Each question in its prompt, followed by its gold answer as the model was trained to give it.

    `tokenizer` is needed for the prompt "chat" alone. Without EOS: the text ends with the answer's last token.
    """
    asked = [prompt_text(tokenizer, prompt, question.question) for question in questions]
    told = [prompt.answer.replace("{answer}", question.answers[0]).rstrip() for question in questions]
    return tuple(
        Text(question.id, prompt=before, answer=after)
        for question, before, after in zip(questions, asked, told, strict=True)
    )


def _text(fields: Any, number: int) -> Text:
    if not isinstance(fields, dict):
        raise LanguageError("not an object")
    values = {name: fields.get(name) for name in ("text", "prompt", "answer")}
    wrong = [name for name, value in values.items() if value is not None and not isinstance(value, str)]
    if wrong:
        raise LanguageError(f"{', '.join(wrong)} is not a text")
    if values["text"] and (values["prompt"] or values["answer"]):
        raise LanguageError("text beside prompt or answer: give one or the other")
    if not (values["text"] or values["prompt"]):
        raise LanguageError("neither text nor prompt, or empty")
    told = fields.get("id", number)
    if isinstance(told, bool) or not isinstance(told, str | int):
        raise LanguageError("id is neither a text nor a whole number")
    return Text(id=str(told), **values)
