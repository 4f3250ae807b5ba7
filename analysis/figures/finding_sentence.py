"""The finding of a pair in forty words, for a reader in a hurry: intervals, and what was told from chance and random.

Shorter than finding.tell and never stronger: it claims a direction only where the same tests do. Their flips and
p-values are told there.
"""

from collections.abc import Sequence

from analysis.figures import numbers
from analysis.figures.headlines import SCOPE_NAMES, Headline, Scope
from analysis.figures.verdicts import Direction, Verdict

_SIDE: dict[Direction, str] = {"up": "better", "down": "worse"}


def tuning_sentence(before: Headline, after: Headline, scope: Scope, verdict: Verdict | None) -> str:
    """What fine-tuning did to a domain's accuracy; a direction only where the paired test carries one."""
    what = f"{SCOPE_NAMES[scope]} accuracy"
    told = f"from {number(before)} to {number(after)}"
    if verdict is None:
        return f"With fine-tuning, {what} went {told}."
    if verdict.direction == "unclear":
        return f"Fine-tuning: {what} {told}, not distinguishable at n = {numbers.count(verdict.n)}."
    return f"Fine-tuning {'raised' if verdict.direction == 'up' else 'lowered'} {what} {told}."


def number(told: Headline) -> str:
    """A headline with its interval: '41.9% [37.0–47.3%]'."""
    return f"{numbers.share(told.value)} [{numbers.interval(told.interval95)}]"


def restoring_sentence(percent: float, gain: float, versus_tuned: Verdict, draws: Sequence[Verdict]) -> str:
    """What restoring won against tuned, and whether as many parameters drawn at random did otherwise.

    `gain` is a fraction of the questions that did not choose the percentage, on which every test here was made.
    """
    unclear = "unclear" in {versus_tuned.direction, *(draw.direction for draw in draws)}
    n = numbers.count(versus_tuned.n)
    asked = "questions" if unclear else f"the {n} questions"
    return (
        f"Restoring the most changed {numbers.percent(percent)} gives {numbers.points(gain)} against tuned on {asked} "
        f"that did not choose it, {_carried(versus_tuned, draws, n)}."
    )


def _carried(versus_tuned: Verdict, draws: Sequence[Verdict], n: str) -> str:
    """The verdicts in words; n stands beside the first that tells nothing apart."""
    ways = {draw.direction for draw in draws}
    if versus_tuned.direction == "unclear" and ways == {"unclear"}:
        return f"not distinguishable from tuned or {_random(draws, 'any of ')} at n = {n}"
    clear = versus_tuned.direction != "unclear"
    against_tuned = "unlikely to be chance" if clear else f"not distinguishable from tuned at n = {n}"
    if not draws:
        return against_tuned
    joined = "and" if ways == {versus_tuned.direction} else "but"
    return f"{against_tuned}, {joined} {_against_random(draws, f' at n = {n}' if clear else '')}"


def _against_random(draws: Sequence[Verdict], at_n: str) -> str:
    ways = [draw.direction for draw in draws]
    if set(ways) == {"unclear"}:
        return f"not distinguishable from {_random(draws, 'any of ')}{at_n}"
    if len(set(ways)) == 1:
        return f"{_SIDE[ways[0]]} than {_random(draws, 'each of ')}"
    parts = [f"{side} than {ways.count(way)}" for way, side in _SIDE.items() if way in ways]
    parts += [f"not distinguishable from {ways.count('unclear')}{at_n}"] if "unclear" in ways else []
    return f"of {len(ways)} random draws {' and '.join(parts)}"


def _random(draws: Sequence[Verdict], every: str) -> str:
    return "random" if len(draws) == 1 else f"{every}{len(draws)} random draws"
