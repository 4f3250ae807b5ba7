"""What the comparison of base, tuned and restored carries, in one short sentence over bars that show the numbers.

Shorter than verdicts.states_words and never stronger: it claims a direction only where the same test does. The tests'
numbers, and the intervals of every bar, are told there.
"""

from collections.abc import Sequence

from analysis.figures import numbers
from analysis.figures.headlines import SCOPE_NAMES, Scope
from analysis.figures.verdicts import Direction, Step

_CLEAR: dict[Direction, str] = {"up": "beats", "down": "trails"}


def states_sentence(steps: Sequence[Step], *, chosen: str = "") -> str:
    """Each state against the one before it (verdicts.of_steps), domain by domain; "" where no domain can be tested.

    `chosen` says how the restored stop was come by; it is told where restored is claimed to differ, and only there.
    """
    tested = [step for step in steps if step.found]
    if not tested:
        return ""
    words = "; ".join(f"{step.after} {_step(step)}" for step in tested)
    claimed = any(_claims(step) for step in tested if step.after == "restored")
    return f"{words[0].upper()}{words[1:]}.{f' {chosen}' if chosen and claimed else ''}"


def _claims(step: Step) -> bool:
    return any(verdict.direction != "unclear" for verdict in step.found.values())


def _step(step: Step) -> str:
    """One state against the one before it: 'beats base in-domain, not distinguishable out-of-domain at n = 290'."""
    by_way: dict[Direction, list[Scope]] = {"up": [], "down": [], "unclear": []}
    for scope, verdict in step.found.items():
        by_way[verdict.direction].append(scope)
    parts = [f"{_CLEAR[way]} {step.before}{_where(by_way[way])}" for way in _CLEAR if by_way[way]]
    if unclear := by_way["unclear"]:
        head = "not distinguishable" if parts else f"is not distinguishable from {step.before}"
        where = "" if len(unclear) > 1 else _where(unclear)  # each n stands for its domain
        parts.append(f"{head}{where} at n = {' and '.join(numbers.count(step.found[scope].n) for scope in unclear)}")
    return ", ".join(parts)


def _where(alike: Sequence[Scope]) -> str:
    if len(alike) > 1:
        return " in both domains"
    return "" if alike[0] == "all" else f" {SCOPE_NAMES[alike[0]]}"
