"""Choosing a stop without fooling oneself: choose on one half of the questions, report on the other.

The best of several equally good stops looks better than it is; the half that did not choose tells by how much.
"""

import hashlib
from collections.abc import Mapping

from analysis.records import Answered, Choice, Evaluation


def in_choosing_half(question_id: str) -> bool:
    """Whether a question belongs to the half that chooses: a fixed split by a hash of its id."""
    return hashlib.blake2b(question_id.encode(), digest_size=1).digest()[0] % 2 == 0


def choose_stop(by_percent: Mapping[float, Evaluation]) -> Choice | None:
    """The percentage with the best `contains` accuracy on the choosing half, and what it has on the other.

    Ties go to the smaller percentage. None where a half is empty or there is no stop.
    """
    halves = {percent: _halves(evaluation.rows) for percent, evaluation in sorted(by_percent.items())}
    if not halves or not all(choosing and reporting for choosing, reporting in halves.values()):
        return None
    best = max(halves, key=lambda percent: (_share(halves[percent][0]), -percent))
    choosing, reporting = halves[best]
    return Choice(
        choose_n=len(choosing),
        choose_best_percent=best,
        report_n=len(reporting),
        report_accuracy=_share(reporting),
        optimism=_share(choosing) - _share(reporting),
    )


def _halves(rows: tuple[Answered, ...]) -> tuple[list[bool], list[bool]]:
    choosing = [row.correct["contains"] for row in rows if in_choosing_half(row.id)]
    reporting = [row.correct["contains"] for row in rows if not in_choosing_half(row.id)]
    return choosing, reporting


def _share(correct: list[bool]) -> float:
    return sum(correct) / len(correct)
