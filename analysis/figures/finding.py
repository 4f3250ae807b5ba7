"""The finding of a pair in sentences: what fine-tuning gave, what restoring wins, and how sure that is.

The percentage is chosen on one half of the questions and reported on the other, so that the best of several stops does
not look better than it is. A difference is claimed only where McNemar's exact test carries it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from analysis.figures import numbers
from analysis.figures.headlines import SCOPE_NAMES, Headline, headline, scopes
from analysis.knowledge.choice import choose_stop, in_choosing_half
from analysis.knowledge.statistics import compare, count_flips, right_by_id
from analysis.records import Evaluation, Flips

SIGNIFICANT = 0.05


@dataclass(frozen=True)
class Story:
    """What the overview says: the effect of fine-tuning, that of restoring, and what to be careful about."""

    tuning: str
    restoring: str
    caveat: str


def tell(
    base: Evaluation,
    tuned: Evaluation,
    stops: Mapping[float, Evaluation],
    random: Mapping[float, Evaluation] | None = None,
) -> Story:
    """The story of a pair from its evaluations, all with their rows.

    `stops` are relative-top restorations by percent, `random` the random control's.
    """
    control = _control(stops, random or {})
    return Story(_tuning(base, tuned), " ".join([_restoring(tuned, stops), *control]), _caveat(tuned, stops))


def best_percent(stops: Mapping[float, Evaluation]) -> float | None:
    """The percentage chosen on the choosing half of the questions; None where nothing was restored."""
    choice = choose_stop({percent: evaluation for percent, evaluation in stops.items() if percent > 0})
    return choice.choose_best_percent if choice else None


def _tuning(base: Evaluation, tuned: Evaluation) -> str:
    scope = scopes(tuned)[0]
    before, after = headline(base, scope), headline(tuned, scope)
    p = compare(base, tuned).mcnemar_p
    verb = "left" if p >= SIGNIFICANT else ("raised" if after.value > before.value else "lowered")
    moved = "about where it was, at" if verb == "left" else "to"
    return (
        f"Fine-tuning {verb} {SCOPE_NAMES[scope]} accuracy from {_number(before)} (base in this prompt) {moved} "
        f"{_number(after)}."
    )


def _number(number: Headline) -> str:
    return f"{numbers.share(number.value)} [{numbers.interval(number.interval95)}]"


def _restoring(tuned: Evaluation, stops: Mapping[float, Evaluation]) -> str:
    candidates = {percent: evaluation for percent, evaluation in stops.items() if percent > 0}
    choice = choose_stop(candidates)
    if choice is None:
        return "No restoration has been evaluated yet."
    percent, n = choice.choose_best_percent, choice.report_n
    flips = _reported_flips(tuned, candidates[percent])
    gain = (flips.fixed - flips.broken) / n
    return (
        f"Restoring the most changed {numbers.percent(percent)} (chosen on {choice.choose_n} other questions) gives "
        f"{numbers.points(gain)} against tuned on the {n} questions that did not choose it: {flips.fixed} fixed, "
        f"{flips.broken} broken, {_verdict(flips)}."
    )


def _control(stops: Mapping[float, Evaluation], random: Mapping[float, Evaluation]) -> list[str]:
    """What as many parameters drawn at random do, on the questions that did not choose; nothing without a control."""
    percent = best_percent(stops)
    if percent is None or percent not in random:
        return []
    flips = _reported_flips(random[percent], stops[percent])
    p = numbers.probability(flips.mcnemar_p)
    difference = f"{flips.fixed} questions right only here, {flips.broken} only at random, McNemar {p}"
    if flips.mcnemar_p >= SIGNIFICANT:
        return [f"Restoring as many parameters at random does about as well ({difference})."]
    return [f"That is {'better' if flips.fixed > flips.broken else 'worse'} than at random ({difference})."]


def _reported_flips(tuned: Evaluation, restored: Evaluation) -> Flips:
    before, after = right_by_id(tuned), right_by_id(restored)
    return count_flips([(before[key], after[key]) for key in before if not in_choosing_half(key)])


def _verdict(flips: Flips) -> str:
    p = f"McNemar {numbers.probability(flips.mcnemar_p)}"
    if flips.mcnemar_p >= SIGNIFICANT:
        return f"no difference that so few changes can show ({p})"
    return f"{'a gain' if flips.fixed > flips.broken else 'a loss'} unlikely to be chance ({p})"


def _caveat(tuned: Evaluation, stops: Mapping[float, Evaluation]) -> str:
    compared = sum(percent > 0 for percent in stops)
    number = headline(tuned, scopes(tuned)[0])
    return (
        f"{number.measure.capitalize()}; 95% intervals in brackets; n = {number.n} in the "
        f"first sentence, over both domains in the second; {compared} restorations compared."
    )
