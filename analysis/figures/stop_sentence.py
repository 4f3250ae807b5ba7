"""The best stop of a curve in one sentence, for a reader in a hurry: its interval, what its tests carry, its caveat.

Shorter than stops.curve_words and never stronger: it claims a direction only where the same corrected tests do. How
they were made, and against which draws, is told there. Knows stops and verdicts; draws nothing.
"""

from collections.abc import Sequence

from analysis.figures import numbers, verdicts
from analysis.figures.headlines import Scope, headline
from analysis.figures.stop_verdicts import Draw, Judged, best_ranked, known_verdict, ranked
from analysis.records import Stop

CORRECTION = (
    "The best of several stops is chosen on the very questions that test it, so every p here is multiplied by the "
    "number of stops it was chosen from (Bonferroni)."
)
_RANDOM = "as many at random"
_CHOSEN = " Chosen here, it tends to look worse on other questions."

_Ways = dict[verdicts.Direction, list[str]]


def best_sentence(stops: Sequence[Stop], scope: Scope, told: Judged | None = None) -> str:
    """The best stop with its interval against tuned and the control; "" where only 0% was evaluated."""
    best = best_ranked(stops, scope)
    if best is None:
        return ""
    count, number, told = len(ranked(stops)), headline(best.evaluation, scope), told or Judged()
    verdict = told.versus_tuned or known_verdict(best, scope)
    place = f"Best of {count} stops, " if count > 1 else "At "
    return (
        f"{place}{numbers.percent(best.spec.percent)} restored: {numbers.share(number.value)} right "
        f"[{numbers.interval(number.interval95)}]{_claims(verdict, told.draws, count)}."
        f"{_CHOSEN if count > 1 else ''}"
    )


def _claims(verdict: verdicts.Verdict | None, draws: Sequence[Draw], among: int) -> str:
    """What it is more than, fewer than, and not distinguishable from, every test corrected; "" without a test."""
    ways: _Ways = {"up": [], "down": [], "unclear": []}
    if verdict is not None:
        told = verdicts.corrected(verdict, among)
        ways[told.direction].append(f"tuned ({numbers.probability(told.p)})")
    tested = [verdicts.corrected(draw.versus, among) for draw in draws]
    for way, found in ways.items():
        found += _draws([each for each in tested if each.direction == way], len(tested))
    n = numbers.count(verdict.n if verdict is not None else tested[0].n) if verdict is not None or tested else ""
    heads = {"up": "more than ", "down": "fewer than ", "unclear": f"not distinguishable at n = {n} from "}
    more = {"up": " and than ", "down": " and than ", "unclear": " or "}  # "and as many" alone reads as "as many as"
    parts = [heads[way] + more[way].join(found) for way, found in ways.items() if found]
    return f", {', but '.join(parts)}" if parts else ""


def _draws(alike: Sequence[verdicts.Verdict], every: int) -> list[str]:
    """The draws of the control that came out alike, in words; nothing where none did."""
    if not alike:
        return []
    if every == 1:
        return [f"{_RANDOM} ({numbers.probability(alike[0].p)})"]
    return [f"{len(alike)} of {every} draws of {_RANDOM}" if len(alike) < every else f"{every} draws of {_RANDOM}"]
