"""Small records made by hand, so that every number in a figure can be worked out on paper."""

from collections.abc import Callable, Mapping, Sequence

import pytest

from analysis.knowledge.statistics import compare, wilson
from analysis.records import (
    Answered,
    DomainAccuracy,
    Evaluation,
    Question,
    RestoreCount,
    RestoreSpec,
    Stop,
    Tally,
)

MakeEvaluation = Callable[..., Evaluation]
MakeStop = Callable[..., Stop]
ASKED = 8


def answered(name: str, right: bool) -> Answered:
    correct = dict.fromkeys(("contains", "contains_word", "contains_first_line", "exact_match"), right)
    return Answered(name, (1, 2), (3,), " gold" if right else " other", "eos", correct)


@pytest.fixture
def questions() -> tuple[Question, ...]:
    """Eight questions, q0 to q7: the even ones in-domain, levels 0 to 3."""
    return tuple(
        Question(f"q{n}", f"Where is {n}?", ("gold", "aurum"), "P131", f"{n}", n % 4, "in" if n % 2 == 0 else "out")
        for n in range(ASKED)
    )


@pytest.fixture
def make_evaluation() -> MakeEvaluation:
    """An evaluation from who was right, q0 first; with levels, or as a plain set without domains."""

    def made(right: Sequence[bool], *, domains: bool = True, macro: Mapping[str, float] | None = None) -> Evaluation:
        share, n = sum(right) / len(right), len(right)
        by_domain = {}
        for domain, part in (("in", right[::2]), ("out", right[1::2])) if domains else ():
            tallies = {level: Tally(2, 2 * int(part[0])) for level in (0, 2)}
            value = (macro or {}).get(domain, sum(part) / len(part))
            accuracy = {"contains": sum(part) / len(part)}
            by_domain[domain] = DomainAccuracy(len(part), accuracy, tallies, value, (value - 0.1, value + 0.1))
        return Evaluation(
            n=n,
            prompt="paper",
            dtype="float32",
            rows=tuple(answered(f"q{number}", value) for number, value in enumerate(right)),
            correct={"contains": sum(right)},
            accuracy={"contains": share},
            wilson95={"contains": wilson(sum(right), n)},
            by_domain=by_domain,
            seconds=1.0,
        )

    return made


@pytest.fixture
def make_count() -> Callable[..., RestoreCount]:
    """A count over 1,000 parameters in two layers, of which 400 were changed."""

    def made(spec: RestoreSpec) -> RestoreCount:
        count = int(10 * spec.percent)
        return RestoreCount(
            spec=spec,
            region_parameters=1000,
            count=count,
            threshold=0.5,
            ties=0,
            ties_restored=0,
            effective_count=min(count, 400),
            changed_count=400,
            by_layer={0: count // 4, 1: count - count // 4},
            by_module={"q": count // 5, "down": count - count // 5},
        )

    return made


@pytest.fixture
def make_stop(make_evaluation: MakeEvaluation, make_count: Callable[..., RestoreCount]) -> MakeStop:
    """A stop from its percentage and who was right, against a tuned model that knew nothing."""

    def made(percent: float, right: Sequence[bool], **spec: object) -> Stop:
        asked = RestoreSpec(percent, **spec)  # type: ignore[arg-type]
        evaluation = make_evaluation(right)
        return Stop(asked, make_count(asked), evaluation, compare(make_evaluation([False] * len(right)), evaluation))

    return made
