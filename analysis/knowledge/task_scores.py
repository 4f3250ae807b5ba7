"""How a task's answers are filtered and scored, as lm-evaluation-harness names it: exact match, ROUGE for summaries.

exact_match: equal after the task's own clean-up (ignore_case, ignore_punctuation, regexes_to_ignore). rouge1, rouge2,
rougeL: F1 over words without stemming (Lin 2004, "ROUGE: a package for automatic evaluation of summaries"). Scores are
0-1. Knows no files and no models.
"""

from __future__ import annotations

import math
import re
import string
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from analysis.errors import QuestionError

METRICS = ("exact_match", "rouge1", "rouge2", "rougeL")
FILTERS = ("regex", "take_first", "lowercase", "uppercase", "remove_whitespace")
NOTHING_FOUND = "[invalid]"  # lm-eval's word where a regex finds nothing
_WORD = re.compile(r"[a-z0-9]+")


@dataclass(frozen=True)
class Filter:
    """One step on an answer; `pattern`, `group` (which match, -1 the last) and `fallback` are a regex's."""

    function: str
    pattern: str = ""
    group: int = 0
    fallback: str = NOTHING_FOUND


@dataclass(frozen=True)
class Metric:
    """How an answer is compared with its target."""

    name: str
    ignore_case: bool = False
    ignore_punctuation: bool = False
    regexes_to_ignore: tuple[str, ...] = ()


@dataclass(frozen=True)
class Scored:
    """A metric over all documents behind one filter: mean (0-1) with a 95% interval (Wilson; normal for ROUGE)."""

    metric: str
    filter: str
    n: int
    value: float
    low: float
    high: float


def read_filter(told: Mapping[str, Any]) -> Filter:
    """A filter from the task's list; QuestionError for a function that is not known."""
    name = told.get("function")
    if name not in FILTERS:
        raise QuestionError(f"The filter {name!r} is not supported: known are {', '.join(FILTERS)}.", code="task")
    if name != "regex":
        return Filter(str(name))
    pattern = str(told.get("regex_pattern", r"#### (\-?[0-9\.\,]+)"))
    return Filter("regex", pattern, int(told.get("group_select", 0)), str(told.get("fallback", NOTHING_FOUND)))


def read_metric(told: Mapping[str, Any]) -> Metric:
    """A metric from the task's list."""
    flags = {name: bool(told.get(name, False)) for name in ("ignore_case", "ignore_punctuation")}
    return Metric(str(told["metric"]), **flags, regexes_to_ignore=tuple(told.get("regexes_to_ignore") or ()))


def apply_filters(answer: str, filters: Sequence[Filter]) -> str:
    """The answer after every step."""
    for step in filters:
        if step.function == "regex":
            answer = _found(answer, step)
        elif step.function == "remove_whitespace":
            answer = answer.strip()
        elif step.function in ("lowercase", "uppercase"):
            answer = answer.lower() if step.function == "lowercase" else answer.upper()
    return answer


def _found(answer: str, step: Filter) -> str:
    matches = re.findall(step.pattern, answer)
    if not matches:
        return step.fallback
    match = matches[step.group]
    parts = [part for part in match if part] if isinstance(match, tuple) else [match]
    return parts[0].strip() if parts else step.fallback


def score(answer: str, target: str, metric: Metric) -> float:
    """How well an answer meets its target, 0-1."""
    if metric.name == "exact_match":
        return float(_cleaned(answer, metric) == _cleaned(target, metric))
    return rouge(answer, target, metric.name)


def _cleaned(text: str, metric: Metric) -> str:
    for pattern in metric.regexes_to_ignore:
        text = re.sub(pattern, "", text)
    text = text.lower() if metric.ignore_case else text
    if metric.ignore_punctuation:
        text = text.translate(str.maketrans("", "", string.punctuation))
    return text


def rouge(answer: str, target: str, name: str) -> float:
    """ROUGE-1, -2 or -L as F1 (0-1) over lower-case words of letters and digits; 0 where either has none."""
    told, wanted = _WORD.findall(answer.lower()), _WORD.findall(target.lower())
    if name == "rougeL":
        return _f1(_longest_common(told, wanted), len(told), len(wanted))
    size = int(name[-1])
    first, second = (Counter(zip(*(words[n:] for n in range(size)), strict=False)) for words in (told, wanted))
    return _f1((first & second).total(), first.total(), second.total())


def _f1(common: int, told: int, wanted: int) -> float:
    return 2 * common / (told + wanted) if common else 0.0


def _longest_common(first: Sequence[str], second: Sequence[str]) -> int:
    """Length of the longest common subsequence."""
    lengths = [0] * (len(second) + 1)
    for word in first:
        before = 0
        for place, other in enumerate(second, 1):
            kept = lengths[place]
            lengths[place] = before + 1 if word == other else max(kept, lengths[place - 1])
            before = kept
    return lengths[-1]


def summarise(scores: Sequence[float], metric: Metric, filter_name: str) -> Scored:
    """The mean over documents with its interval."""
    from analysis.knowledge.statistics import wilson

    n = len(scores)
    mean = sum(scores) / n if n else math.nan
    if metric.name == "exact_match":
        return Scored(metric.name, filter_name, n, mean, *wilson(round(sum(scores)), n))
    spread = math.sqrt(sum((value - mean) ** 2 for value in scores) / (n - 1) / n) if n > 1 else math.nan
    return Scored(metric.name, filter_name, n, mean, mean - 1.96 * spread, mean + 1.96 * spread)
