"""What made a finding, in words: the small print under it on pages, in reports and in files."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from analysis.figures import numbers
from analysis.figures.strategies import STRATEGY_NAMES
from analysis.records import BLENDS
from analysis.report.records import Asked, Making, Restoration, Side

_SILENT = {"limit": None, "seed": 0, "shots": 0, "mastery": None, "domain": "both", "layers": None, "modules": None}


@dataclass(frozen=True)
class Line:
    """One line of the small print: what it is about, and what there is to say; `code` marks a command."""

    name: str
    words: str
    code: bool = False


def lines(made: Making, kept: str = "Pinned") -> tuple[Line, ...]:
    """The small print of a finding; what is not known of it is left out. `kept` is what was done at that moment."""
    found = [
        _models(made),
        _line("Restoration", restoration_words(made.restoration) if made.restoration else ""),
        _line("Questions", asked_words(made.asked) if made.asked else ""),
        _line("Further", " · ".join(f"{name}: {_value(value)}" for name, value in made.further.items())),
        _line("Versions", _versions(made)),
        _line(kept, f"{date(made.created)}, from {made.page or 'a page'}, {made.figure}"),
        Line("Again", made.command, code=True) if made.command else None,
    ]
    return tuple(line for line in found if line is not None)


def date(seconds: float) -> str:
    """A moment as 2026-11-23 10:15, in the local time of this machine."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))


def _line(name: str, words: str) -> Line | None:
    return Line(name, words) if words else None


def _models(made: Making) -> Line | None:
    sides = [(role, side) for role, side in (("base", made.base), ("tuned", made.tuned)) if side is not None]
    return _line("Models", " → ".join(f"{role}: {_side(side)}" for role, side in sides))


def _side(side: Side) -> str:
    return f"{side.name} (content {side.content or 'not hashed'})"


def restoration_words(stop: Restoration) -> str:
    """A stop with its k, its effective k, and everything that departs from the defaults."""
    effective = (
        f", effective k = {numbers.percent(stop.effective_percent)}" if stop.effective_percent is not None else ""
    )
    ranked = () if stop.strategy in BLENDS else (f"arithmetic {stop.arithmetic}",)
    parts = [
        f"{STRATEGY_NAMES.get(stop.strategy, stop.strategy)}, k = {numbers.percent(stop.percent)}{effective}",  # type: ignore[call-overload]
        f"region {stop.region}",
        *ranked,
        f"seed {stop.seed}",
        *_settings(stop.settings, {"scope": "global", "among": "all"}),
    ]
    return " · ".join(parts)


def asked_words(asked: Asked) -> str:
    """The questions with their number, their hash and how they were put."""
    parts = [
        f"{asked.source.rstrip('/').rpartition('/')[2]} ({asked.id})",
        f"n = {numbers.count(asked.n)}",
        f"prompt {asked.prompt}",
        f"dtype {asked.dtype}",
        f"seed {asked.settings.get('seed', 0)}",
        *_settings({name: value for name, value in asked.settings.items() if name not in ("seed", "dtype")}, {}),
    ]
    return " · ".join(parts)


def _settings(given: dict[str, Any], defaults: dict[str, Any]) -> list[str]:
    usual = _SILENT | defaults
    return [f"{name} {_value(value)}" for name, value in given.items() if usual.get(name, ...) != value]


def _value(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _versions(made: Making) -> str:
    algorithms = [f"{name} algorithm {version}" for name, version in made.algorithms.items()]
    return " · ".join([*algorithms, *(f"{name} {version}" for name, version in made.versions.items())])
