"""Choosing a stop without fooling oneself: choose on one part of the questions, report on another.

The best of several equally good stops looks better than it is; the part that did not choose tells by how much. The part
that chooses is the dataset's dev split where there is one and it was asked too, else the half of the questions that a
hash of their ids picks: fixed by the id alone, so the same under every limit, seed and order.
"""

import hashlib
from collections.abc import Mapping, Sequence

from analysis.knowledge.statistics import wilson
from analysis.records import Answered, Choice, Evaluation


def in_choosing_half(question_id: str) -> bool:
    """Whether a question belongs to the half that chooses: a fixed split by a hash of its id."""
    return hashlib.blake2b(question_id.encode(), digest_size=1).digest()[0] % 2 == 0


def choose_stop(
    by_percent: Mapping[float, Evaluation], on_dev: Mapping[float, Evaluation] | None = None
) -> Choice | None:
    """The percentage with the best `contains` accuracy where it is chosen, and what it has where it is reported.

    `on_dev`: the same stops asked the dev split; they choose, and the report is over all of `by_percent`. Without it
    one half of `by_percent` chooses and the other reports. Ties go to the smaller percentage. None where a part is
    empty or there is no stop.
    """
    if on_dev is not None:
        choosing = {percent: _right(on_dev[percent].rows) for percent in sorted(by_percent)}
        reporting = {percent: _right(by_percent[percent].rows) for percent in choosing}
    else:
        choosing = {percent: _right(_half(by_percent[percent], True)) for percent in sorted(by_percent)}
        reporting = {percent: _right(_half(by_percent[percent], False)) for percent in choosing}
    if not choosing or not all(choosing.values()) or not all(reporting.values()):
        return None
    best = max(choosing, key=lambda percent: (_share(choosing[percent]), -percent))
    chose, report = choosing[best], reporting[best]
    return Choice(
        choose_n=len(chose),
        choose_best_percent=best,
        report_n=len(report),
        report_accuracy=_share(report),
        optimism=_share(chose) - _share(report),
        chosen_on="half" if on_dev is None else "dev",
        choose_accuracy=_share(chose),
        report95=wilson(sum(report), len(report)),
    )


def _half(evaluation: Evaluation, choosing: bool) -> tuple[Answered, ...]:
    return tuple(row for row in evaluation.rows if in_choosing_half(row.id) == choosing)


def _right(rows: Sequence[Answered]) -> list[bool]:
    return [row.correct["contains"] for row in rows]


def _share(correct: list[bool]) -> float:
    return sum(correct) / len(correct)
