"""What `palimpsest divergence` does, given a workspace: texts token by token, the paper's measurement, continuations.

Refuses contradictory requests before any work. Does not know the store, nor how answers are printed.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from analysis.errors import SpecError
from analysis.knowledge.texts import read_texts
from analysis.records import DivergenceReport, Progress, RestoreSpec

DERIVED = ("flipped", "entropy_change_nats", "log_prob_change_nats")


@dataclass(frozen=True)
class Wish:
    """What was asked for; exactly one of `prompts` and `paper`."""

    prompts: Path | None
    top: int
    direction: Any
    measures: Any
    dtype: str
    paper: bool = False
    near: int = 3
    generate: int | None = None
    restored: RestoreSpec | None = None

    def check(self) -> None:
        """Raise SpecError for wishes that exclude each other."""
        problems = []
        if self.paper == (self.prompts is not None):
            problems.append("give --prompts FILE, or --paper with --questions and --mastery")
        if self.paper and self.generate is not None:
            problems.append("--generate continues the texts of --prompts: leave --paper out")
        if problems:
            raise SpecError("The divergence cannot be measured as asked.", items=problems)


def answer(workspace: Any, comparison: Any, asking: Any, wish: Wish, progress: Progress) -> dict[str, Any]:
    """The fields to print. `asking` is None where no questions were given."""
    wish.check()
    if wish.paper:
        return _paper(workspace, comparison, asking, wish, progress)
    assert wish.prompts is not None
    texts = read_texts(wish.prompts)
    state = wish.restored or "tuned"
    if wish.generate is not None:
        found = workspace.generation_compared(
            comparison, texts, state=state, max_new_tokens=wish.generate, dtype=wish.dtype, progress=progress
        )
        return _fields(found)
    asked = {"top": wish.top, "direction": wish.direction, "measures": wish.measures, "dtype": wish.dtype}
    if wish.restored is None:
        return report_fields(workspace.divergence(comparison, texts, **asked, progress=progress))
    three = workspace.three_states(comparison, texts, wish.restored, **asked, progress=progress)
    return {
        **report_fields(three.tuned_base),
        "restored": msgspec.to_builtins(wish.restored),
        "restored_base": report_fields(three.restored_base),
        "restored_tuned": report_fields(three.restored_tuned),
    }


def _paper(workspace: Any, comparison: Any, asking: Any, wish: Wish, progress: Progress) -> dict[str, Any]:
    if asking is None:
        raise SpecError(
            "The paper's measurement needs questions.", items=["give --questions Q and --mastery M.parquet"]
        )
    found = workspace.paper_divergence(
        comparison, asking, state=wish.restored or "tuned", top=wish.top, near=wish.near, progress=progress
    )
    return _fields(found)


def report_fields(report: DivergenceReport) -> dict[str, Any]:
    """A report as plain values, each token with what follows from its numbers."""
    fields = _fields(report)
    for prompt, told in zip(report.prompts, fields["prompts"], strict=True):
        for token, values in zip(prompt.tokens, told["tokens"], strict=True):
            values.update({name: getattr(token, name) for name in DERIVED})
    return fields


def _fields(record: Any) -> dict[str, Any]:
    fields: dict[str, Any] = msgspec.to_builtins(record)
    return fields
