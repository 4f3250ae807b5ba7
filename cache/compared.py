"""Two stored evaluations of the same questions, compared question by question. Knows no plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from analysis.errors import StoreError
from analysis.records import Change, Evaluation, Flips
from cache.codecs import evaluation_from_stored
from cache.store import Store


@dataclass(frozen=True)
class Compared:
    """The second against the first, over the same n questions (contains).

    `first` and `second` are shares right (0-1); `change` is second minus first, with its paired 95% interval;
    `macro_change` the same of the mean over mastery levels, None where no level is known.
    """

    n: int
    first: float
    second: float
    flips: Flips
    change: Change
    macro_change: Change | None


def compare_stored(store: Store, first: str, second: str, levels: Mapping[str, int | None]) -> Compared:
    """Compare the evaluations of these digests; `levels` gives a question's mastery level by its id.

    QuestionError where they are of different questions, StoreError where one is not there any more.
    """
    from analysis.knowledge.statistics import compare, compare_levels, stratified_difference

    before, after = _read(store, first), _read(store, second)
    flips = compare(before, after)
    by_level = compare_levels(before, after, levels)
    whole, macro = stratified_difference({0: flips}), stratified_difference(by_level)
    return Compared(
        n=len(before.rows),
        first=(flips.broken + flips.still_right) / len(before.rows),
        second=(flips.fixed + flips.still_right) / len(before.rows),
        flips=flips,
        change=Change(whole.estimate, (whole.low, whole.high)),
        macro_change=Change(macro.estimate, (macro.low, macro.high)) if by_level else None,
    )


def _read(store: Store, digest: str) -> Evaluation:
    stored = store.by_digest("evaluation", digest) if digest else None
    if stored is None:
        raise StoreError(
            "The answers of one of these runs are not in this store (any more): run the plan again here, or open the "
            "page where its results lie."
        )
    return evaluation_from_stored(stored)
