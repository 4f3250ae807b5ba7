"""The finding of a pair in sentences: what fine-tuning gave, what restoring wins, and how sure that is.

The percentage is chosen on one half of the questions and reported on the other, so that the best of several stops does
not look better than it is. A difference is claimed only where a paired test carries it (analysis.figures.verdicts), and
where none does the words say "not distinguishable", never "as good as". Each sentence has a short form as well
(analysis.figures.finding_sentence), which leaves the tests to the long one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from analysis.figures import finding_sentence, numbers, verdicts
from analysis.figures.finding_sentence import number
from analysis.figures.headlines import SCOPE_NAMES, Headline, Scope, headline, scopes
from analysis.figures.verdicts import Verdict
from analysis.knowledge.choice import choose_stop, in_choosing_half
from analysis.knowledge.statistics import count_flips, right_by_id
from analysis.records import Evaluation, Flips, Question

NOT_RESTORED = "No restoration has been evaluated yet."


@dataclass(frozen=True)
class Story:
    """What the overview says: the effect of fine-tuning, that of restoring, and what to be careful about.

    `short` is both effects for a reader in a hurry; the sentences have the tests and their numbers as well.
    """

    short: str
    tuning: str
    restoring: str
    caveat: str


def tell(
    base: Evaluation,
    tuned: Evaluation,
    stops: Mapping[float, Evaluation],
    random: Mapping[float, Sequence[Evaluation]] | None = None,
    questions: Sequence[Question] = (),
) -> Story:
    """The story of a pair from its evaluations, all with their rows.

    `stops` are relative-top restorations by percent, `random` every draw of the random control. `questions` are those
    asked: their domains and levels say what a domain's change is tested on; without them it is told and not judged.
    """
    scope = scopes(tuned)[0]
    before, after = headline(base, scope), headline(tuned, scope)
    verdict = verdicts.of_states(base, tuned, scope, questions)
    short = finding_sentence.tuning_sentence(before, after, scope, verdict)
    return Story(
        f"{short} {_short_restoring(tuned, stops, random or {})}",
        _tuning(before, after, scope, verdict),
        restored_words(tuned, stops, random),
        _caveat(tuned, stops),
    )


def restored_words(
    tuned: Evaluation, stops: Mapping[float, Evaluation], random: Mapping[float, Sequence[Evaluation]] | None = None
) -> str:
    """What restoring wins against tuned and against as many weights at random, on the questions that did not choose."""
    return " ".join([_restoring(tuned, stops), *_control(stops, random or {})])


def best_percent(stops: Mapping[float, Evaluation]) -> float | None:
    """The percentage chosen on the choosing half of the questions; None where nothing was restored."""
    choice = choose_stop({percent: evaluation for percent, evaluation in stops.items() if percent > 0})
    return choice.choose_best_percent if choice else None


def _tuning(before: Headline, after: Headline, scope: Scope, verdict: Verdict | None) -> str:
    numbers_told = f"from {number(before)} (base in this prompt) to {number(after)}"
    what = f"{SCOPE_NAMES[scope]} accuracy"
    if verdict is None:
        return f"With fine-tuning, {what} went {numbers_told}."
    if verdict.direction == "unclear":
        return (
            f"Fine-tuning gave {what} not distinguishable from the base's at n = {numbers.count(verdict.n)}: "
            f"{numbers_told} ({verdict.evidence})."
        )
    verb = "raised" if verdict.direction == "up" else "lowered"
    return f"Fine-tuning {verb} {what} {numbers_told} ({verdict.evidence})."


def _restoring(tuned: Evaluation, stops: Mapping[float, Evaluation]) -> str:
    candidates = {percent: evaluation for percent, evaluation in stops.items() if percent > 0}
    choice = choose_stop(candidates)
    if choice is None:
        return NOT_RESTORED
    percent, n = choice.choose_best_percent, choice.report_n
    flips = _reported_flips(tuned, candidates[percent])
    gain = (flips.fixed - flips.broken) / n
    return (
        f"Restoring the most changed {numbers.percent(percent)} gives {numbers.points(gain)} against tuned on the "
        f"{n} questions that did not choose it: {flips.fixed} fixed, {flips.broken} broken, {_verdict(flips)}."
    )


def _control(stops: Mapping[float, Evaluation], random: Mapping[float, Sequence[Evaluation]]) -> list[str]:
    """What as many parameters drawn at random do, on the questions that did not choose; nothing without a control.

    Every draw is tested; the numbers told are those of the draw that comes closest to the restoration.
    """
    percent = best_percent(stops)
    drawn = random.get(percent, ()) if percent is not None else ()
    if percent is None or not drawn:
        return []
    every = sorted((_reported_flips(each, stops[percent]) for each in drawn), key=_gain)
    flips = every[0]
    found = [verdicts.of_flips(each).direction for each in every]
    p = numbers.probability(flips.mcnemar_p)
    draws = "one draw" if len(every) == 1 else f"the best of {len(every)} draws"
    difference = f"right only here {flips.fixed}, only at random {flips.broken}; McNemar {p}, {draws}"
    if set(found) == {"unclear"}:
        n = numbers.count(verdicts.of_flips(flips).n)
        return [f"It is not distinguishable from restoring as many parameters at random at n = {n} ({difference})."]
    if len(set(found)) == 1:
        return [f"That is {'better' if found[0] == 'up' else 'worse'} than at random ({difference})."]
    told = {"up": "better than", "down": "worse than", "unclear": "not distinguishable from"}
    parts = [f"{words} {found.count(way)}" for way, words in told.items() if way in found]
    return [f"Of {len(found)} draws of as many parameters at random it is {' and '.join(parts)} ({difference})."]


def _short_restoring(
    tuned: Evaluation, stops: Mapping[float, Evaluation], random: Mapping[float, Sequence[Evaluation]]
) -> str:
    percent = best_percent(stops)
    if percent is None:
        return NOT_RESTORED
    flips = _reported_flips(tuned, stops[percent])
    versus_tuned = verdicts.of_flips(flips)
    draws = [verdicts.of_flips(_reported_flips(each, stops[percent])) for each in random.get(percent, ())]
    return finding_sentence.restoring_sentence(percent, _gain(flips) / versus_tuned.n, versus_tuned, draws)


def _gain(flips: Flips) -> int:
    return flips.fixed - flips.broken


def _reported_flips(tuned: Evaluation, restored: Evaluation) -> Flips:
    before, after = right_by_id(tuned), right_by_id(restored)
    return count_flips([(before[key], after[key]) for key in before if not in_choosing_half(key)])


def _verdict(flips: Flips) -> str:
    verdict, p = verdicts.of_flips(flips), f"McNemar {numbers.probability(flips.mcnemar_p)}"
    if verdict.direction == "unclear":
        return f"not distinguishable from tuned at n = {numbers.count(verdict.n)} ({p})"
    return f"{'a gain' if verdict.direction == 'up' else 'a loss'} unlikely to be chance ({p})"


def _caveat(tuned: Evaluation, stops: Mapping[float, Evaluation]) -> str:
    compared = sum(percent > 0 for percent in stops)
    told = headline(tuned, scopes(tuned)[0])
    return (
        f"{told.measure.capitalize()}; 95% intervals in brackets; n = {told.n} in the "
        f"first sentence, over both domains in the second; {compared} restorations compared on the other half."
    )
