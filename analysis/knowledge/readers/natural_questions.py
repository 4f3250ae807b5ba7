"""The questions of Natural Questions (Kwiatkowski et al., TACL 2019) whose short answer is a text.

A row of the release is a question over a whole page, with annotations that point into it by token: `document_text`,
split at spaces, in the simplified files, `document_tokens` in the original ones. The answers are every annotator's
short answers as their tokens read; tokens of markup are left out. Yes/no questions and those without a short answer
are no closed-book questions with a text to find, and are left out. NQ-open needs none of this.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Fields = dict[str, Any]
NO_ANSWER = "no short answer"
YES_OR_NO = "answered by yes or no"


def is_natural_question(row: Any) -> bool:
    """Whether a row is one of the release's."""
    return isinstance(row, dict) and "annotations" in row and ("document_text" in row or "document_tokens" in row)


def read_natural_question(row: Fields) -> Fields | str:
    """The row's question, answers and id; or why it is left out. KeyError, TypeError where it is not as released."""
    annotations = row["annotations"]
    spans = [span for annotation in annotations for span in annotation["short_answers"]]
    if not spans:
        yes_no = {annotation.get("yes_no_answer", "NONE") for annotation in annotations} - {"NONE"}
        return YES_OR_NO if yes_no else NO_ANSWER
    tokens = _tokens(row)
    answers = dict.fromkeys(text for span in spans if (text := _text(tokens, span)))
    if not answers:
        return NO_ANSWER
    return {"question": row["question_text"], "answers": list(answers), "id": str(row["example_id"])}


def _tokens(row: Fields) -> list[str]:
    if "document_tokens" in row:
        return ["" if token["html_token"] else token["token"] for token in row["document_tokens"]]
    return ["" if token.startswith("<") and token.endswith(">") else token for token in row["document_text"].split(" ")]


def _text(tokens: list[str], span: Fields) -> str:
    return " ".join(_words(tokens[span["start_token"] : span["end_token"]]))


def _words(tokens: list[str]) -> Iterator[str]:
    return (token for token in tokens if token)
