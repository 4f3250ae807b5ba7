"""The command line that makes a page's results again, from what was asked; ready to paste into a shell."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping

from analysis.records import RestoreSpec
from cache.asked import Asking, Comparison
from cache.knowledge import DEFAULT_SWEEP

_SWEPT = ("overview", "restore", "samples")  # pages whose figures stand on evaluated stops


def command(
    page: str, comparison: Comparison | None, asking: Asking | None = None, spec: RestoreSpec | None = None
) -> str:
    """What to type for the results this page shows; "" where no command makes them.

    A sweep holds the paper's percentages and the stop looked at. Texts typed or drawn for Tokens have to be written to
    a file first, P.jsonl.
    """
    if comparison is None:
        return ""
    pair = [comparison.base, comparison.tuned]
    if page in _SWEPT and asking is not None:
        return _line("sweep", *pair, *_questions(asking), *_stops(spec or RestoreSpec(0)))
    if page == "mastery" and asking is not None:
        return _line("mastery", comparison.base, "--questions", asking.questions, "--out", "mastery.parquet")
    if page == "tokens":
        return _line("divergence", *pair, "--prompts", "P.jsonl")
    if page == "compare":
        return _line("check", *pair)
    arithmetic = ["--arithmetic", spec.arithmetic] if spec and spec.arithmetic != "exact" else []
    return _line("profile", *pair, *arithmetic)


def _line(*words: str) -> str:
    return shlex.join(["palimpsest", *words])


def _questions(asking: Asking) -> list[str]:
    """The options of `evaluate` and `sweep` that this asking differs in from their defaults."""
    given = {
        "questions": asking.questions,
        "mastery": asking.mastery,
        "prompt": None if asking.prompt == "paper" else asking.prompt,
        "split": None if asking.split == "test" else asking.split,
        "domain": None if asking.domain == "both" else asking.domain,
        "limit": asking.limit,
        "seed": asking.seed or None,
        "shots": asking.shots or None,
        "dtype": None if asking.dtype == "auto" else asking.dtype,
    }
    return _options(given)


def _stops(spec: RestoreSpec) -> list[str]:
    percents = sorted({*DEFAULT_SWEEP, spec.percent})
    strategies = list(dict.fromkeys(["relative-top", spec.strategy, "random"]))
    given = {
        "percents": _joined(f"{percent:g}" for percent in percents),
        "strategies": _joined(strategies),
        "seeds": spec.seed or None,
        "region": None if spec.region == "transformer" else spec.region,
        "scope": None if spec.scope == "global" else spec.scope,
        "layers": None if spec.layers is None else _joined(map(str, spec.layers)),
        "modules": None if spec.modules is None else _joined(spec.modules),
        "among": None if spec.among == "all" else spec.among,
        "arithmetic": None if spec.arithmetic == "exact" else spec.arithmetic,
    }
    return _options(given)


def _options(given: Mapping[str, object]) -> list[str]:
    return [word for name, value in given.items() if value is not None for word in (f"--{name}", str(value))]


def _joined(parts: Iterable[str]) -> str:
    return ",".join(parts)
