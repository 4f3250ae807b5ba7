"""What two plans differ in beside the relations they train on: only plans alike may stand side by side.

Knows plans as they are written; whether two bases of one name hold the same weights its caller tells.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from analysis.experiments.plan import Plan
from analysis.training.variants import Variant


def unlike(places: Plan, others: Plan) -> tuple[str, ...]:
    """Each difference in words: 'learning rate 0.0003 against 1e-05'; empty where both can be held side by side.

    What one is asked in-domain is the other's out-of-domain. Sizes may differ where some are in both, and
    stops too: only what both have is compared.
    """
    told = [f"{name} {_told(ours)} against {_told(theirs)}" for name, ours, theirs in _settings(places, others)]
    if not set(places.train.sizes) & set(others.train.sizes):
        told.append(f"no size in common ({_told(places.train.sizes)} against {_told(others.train.sizes)})")
    lacking = [plan.name for plan in (places, others) if Variant() not in plan.train.variants]
    return (*told, *(f"no plain fine-tuning in {name}" for name in lacking))


def _settings(places: Plan, others: Plan) -> Iterator[tuple[str, Any, Any]]:
    """Name and both values of every setting that is not the same in both."""
    for name in ("base", "questions", "mastery", "prompt", "dtype"):
        yield from _where_other(name, getattr(places, name), getattr(others, name))
    for name in ("levels", "seeds", "learning_rate", "batch_size", "accumulate", "epochs", "precision"):
        yield from _where_other(name, getattr(places.train, name), getattr(others.train, name))
    ours, theirs = places.measure, others.measure
    yield from _where_other("questions about places", ours.in_domain, theirs.out_of_domain)
    yield from _where_other("questions about other relations", ours.out_of_domain, theirs.in_domain)
    yield from _where_other("draw of questions", ours.draw_seed, theirs.draw_seed)


def _where_other(name: str, ours: Any, theirs: Any) -> Iterator[tuple[str, Any, Any]]:
    if _unordered(ours) != _unordered(theirs):
        yield name.replace("_", " "), ours, theirs


def _unordered(value: Any) -> Any:
    return set(value) if isinstance(value, tuple) else value


def _told(value: Any) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return "none" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
