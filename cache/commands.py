"""The command lines that make a figure's results again, from what stands in it; ready to paste into a shell.

A command names what was drawn and nothing else: the stops of a curve with their seeds, the texts that were compared,
the protocol of a measurement. Where no command can say it, there is none ("").
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from analysis.records import SEEDED, STRATEGIES, Arithmetic, Region, RestoreSpec, Strategy
from cache.asked import Asking, Comparison
from cache.models import State

_SWEPT = ("overview", "restore", "samples")  # pages whose figures stand on evaluated stops
_READ = ("overview", "updates", "restore")  # and those that show what a pass over the weights tells
_THEN = " && "
_RESTORED = "restored"  # the folder of a stop that only `restore` can make
_LONGEST = 32  # tokens of a completion: `mastery` takes no other number
_Call = tuple[RestoreSpec, tuple[float, ...], tuple[int, ...]]


def command(
    page: str,
    comparison: Comparison | None,
    asking: Asking | None = None,
    spec: RestoreSpec | None = None,
    drawn: Sequence[RestoreSpec] = (),
) -> str:
    """What to type for the results of a figure on this page; `drawn` are its stops where it shows more than `spec`.

    "" for a page whose figures need more than this to be told, and for one that is not known here.
    """
    if comparison is None:
        return ""
    if page in _SWEPT and asking is not None:
        return sweep(comparison, asking, drawn or ([spec] if spec else []))
    if page == "compare":
        return _line("check", comparison.base, comparison.tuned)
    if page not in _READ:
        return ""
    return profile(comparison, "transformer", spec.arithmetic if spec else "exact")


def where(comparison: Comparison, spec: RestoreSpec) -> str:
    """Count by layer and by module what a stop restores; "" where it is not told by the thresholds of a pass alone."""
    if replace(spec.canonical(), seed=0) != RestoreSpec(spec.percent, region=spec.region, arithmetic=spec.arithmetic):
        return ""
    told = ["--percents", f"{spec.percent:g}", "--json"]
    return " ".join([profile(comparison, spec.region, spec.arithmetic), *told])


def profile(comparison: Comparison, region: Region, arithmetic: Arithmetic) -> str:
    """Read a pair in this arithmetic and tell of this region."""
    given = {
        "region": None if region == "transformer" else region,
        "arithmetic": None if arithmetic == "exact" else arithmetic,
    }
    return _line("profile", comparison.base, comparison.tuned, *_options(given))


def sweep(comparison: Comparison, asking: Asking, specs: Iterable[RestoreSpec]) -> str:
    """Evaluate these stops, with base and tuned; several commands where no grid of one holds just these."""
    calls = _calls(specs) or {(RestoreSpec(0), (0.0,), (0,)): ["relative-top"]}
    pair = [comparison.base, comparison.tuned, *_questions(asking)]
    return _THEN.join(_line("sweep", *pair, *_stops(call, strategies)) for call, strategies in calls.items())


def divergence(comparison: Comparison, prompts: Path, state: State, against: str, generate: int | None = None) -> str:
    """Compare this state with base or tuned over the texts of a file; or let both continue them by `generate` tokens.

    `divergence` restores by itself in the paper's order only: any other stop is written as a checkpoint first.
    """
    told = ["--prompts", str(prompts), *_options({"generate": generate})]
    return _compared(comparison, state, against, told)


def paper(comparison: Comparison, asking: Asking, state: State) -> str:
    """The paper's measurement over the facts of level 4."""
    asked = _questions(replace(asking, shots=0))  # the measurement puts no worked examples in front
    return _compared(comparison, state, "base", ["--paper", *asked])


def mastery(base: str, asking: Asking, protocol: Mapping[str, Any], method: str) -> str:
    """Measure the base's mastery of these facts under this protocol; "" where no option says it."""
    if protocol.get("max_new_tokens", _LONGEST) != _LONGEST or protocol.get("until") not in ("length", "sentence"):
        return ""
    preview = protocol.get("preview_of")
    samples, temperature = preview or protocol["samples"], protocol["temperature"]
    facts = replace(asking, mastery=None, prompt="paper", shots=0, seed=int(protocol["seed"]))
    given = {
        "samples": None if samples == 10 else samples,
        "temperature": None if temperature == 0.7 else f"{temperature:g}",
        "until": None if protocol["until"] == "length" else protocol["until"],
        "method": method.partition(",")[0].replace(" ", "-"),
    }
    words = [base, *_questions(facts), "--out", "mastery.parquet", *_options(given)]
    return _line("mastery", *words, *(["--preview"] if preview else []))


def together(commands: Iterable[str]) -> str:
    """Several commands, one after the other."""
    return _THEN.join(commands)


def _compared(comparison: Comparison, state: State, against: str, told: Sequence[str]) -> str:
    pair = [comparison.base, comparison.tuned]
    if not isinstance(state, RestoreSpec):
        return _line("divergence", *pair, *told)
    if state == RestoreSpec(state.percent):
        return _line("divergence", *pair, *told, "--percent", f"{state.percent:g}")
    made = _line("restore", *pair, _RESTORED, "--percent", f"{state.percent:g}", *_how(state))
    first = comparison.tuned if against == "tuned" else comparison.base
    return _THEN.join([made, _line("divergence", first, _RESTORED, *told)])


def _how(spec: RestoreSpec) -> list[str]:
    given = {"strategy": None if spec.strategy == "relative-top" else spec.strategy, "seed": spec.seed or None}
    return [*_options(given), *_options(_place(spec))]


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


def _calls(specs: Iterable[RestoreSpec]) -> dict[_Call, list[Strategy]]:
    """The sweeps that make just these stops: (where and how, percentages, seeds), each with its strategies."""
    seeds_of: dict[tuple[RestoreSpec, float], set[int]] = {}
    for spec in specs:
        seeds_of.setdefault((replace(spec, percent=0, seed=0), float(spec.percent)), set()).add(spec.seed)
    percents_of: dict[tuple[RestoreSpec, tuple[int, ...]], list[float]] = {}
    for (way, percent), seeds in seeds_of.items():
        lots = way.strategy in SEEDED  # a sweep takes the first seed alone for everything else
        for drawn in [tuple(sorted(seeds))] if lots else [(seed,) for seed in sorted(seeds)]:
            percents_of.setdefault((way, drawn), []).append(percent)
    calls: dict[_Call, list[Strategy]] = {}
    for (way, drawn), percents in sorted(percents_of.items(), key=lambda item: -len(item[0][1])):
        own = replace(way, strategy="relative-top"), tuple(sorted(percents)), drawn
        shared = next((call for call in calls if _joins(own, call, lots=way.strategy in SEEDED)), own)
        calls.setdefault(shared, []).append(way.strategy)
    return calls


def _joins(own: _Call, call: _Call, *, lots: bool) -> bool:
    """Whether one sweep makes both."""
    return own[:2] == call[:2] and (own[2] == call[2] or (not lots and own[2][0] == call[2][0]))


def _stops(call: _Call, strategies: Iterable[Strategy]) -> list[str]:
    place, percents, seeds = call
    given = {
        "percents": _joined(f"{percent:g}" for percent in percents),
        "strategies": _joined(sorted(strategies, key=STRATEGIES.index)),
        "seeds": None if seeds == (0,) else _joined(map(str, seeds)),
    }
    return _options(given | _place(place))


def _place(spec: RestoreSpec) -> dict[str, object]:
    """Where and how a stop is ranked, as far as it departs from the defaults."""
    return {
        "region": None if spec.region == "transformer" else spec.region,
        "scope": None if spec.scope == "global" else spec.scope,
        "layers": None if spec.layers is None else _joined(map(str, spec.layers)),
        "modules": None if spec.modules is None else _joined(spec.modules),
        "among": None if spec.among == "all" else spec.among,
        "arithmetic": None if spec.arithmetic == "exact" else spec.arithmetic,
    }


def _options(given: Mapping[str, object]) -> list[str]:
    return [word for name, value in given.items() if value is not None for word in (f"--{name}", str(value))]


def _joined(parts: Iterable[str]) -> str:
    return ",".join(parts)
