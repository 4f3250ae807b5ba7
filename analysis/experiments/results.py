"""The long table of a plan's results: one row a number, whatever was measured. Knows no models and no stores.

`COLUMNS` is the vocabulary; what a row's `group`, `n` and `value` are hangs on its `measure` (see `MEASURES`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal, get_args

from analysis.records import DomainAccuracy, Tally

if TYPE_CHECKING:
    import pandas as pd

Measure = Literal[
    "accuracy",  # share of the questions answered right (contains); group: test level "0".."4", "macro", "micro"
    "train_accuracy",  # the same over the facts trained on; group "micro"
    "kl_paper",  # nats at the first answer token, the paper's measurement (ten largest logits); group "4"
    "kl_full",  # the same tokens, over the whole vocabulary
    "concentration",  # share of the total relative change in the top percent; group: that percent
    "concentration_null",  # the same if the changes were independent of the weights' sizes
    "restored_layer",  # share of the restored parameters that lie in a layer; group: its number
    "restored_module",  # share of the restored parameters that lie in a kind of module; group: its name
    "layer_group",  # accuracy, a whole group of layers restored; group: "0-3"
    "loss",  # mean training loss in nats an answer token, of the last logged steps
]
ResultDomain = Literal["in", "out", "train", ""]
MEASURES: tuple[Measure, ...] = get_args(Measure)

# Which cell a number is of. `tuned` is a folder, "" once it is not kept; `level` is what was trained on ("0" to "4",
# "mix:...", "all", "" for the base itself); `size` 0 means all facts; `variant` "base" is the model untrained.
CELL_COLUMNS = {
    "plan": "str",
    "cell": "str",
    "base": "str",
    "tuned": "str",
    "level": "str",
    "size": "int64",
    "seed": "int64",
    "variant": "str",
}
# `strategy` "" is the tuned model itself (percent 0); `n` and `correct` are -1 where nothing was counted; `value` is a
# fraction 0-1 or nats, [low, high] its 95% interval (NaN where it has none); `evaluation` the store's digest.
NUMBER_COLUMNS = {
    "strategy": "str",
    "stop_seed": "int64",
    "percent": "float64",
    "effective_percent": "float64",
    "measure": "str",
    "domain": "str",
    "group": "str",
    "n": "int64",
    "correct": "int64",
    "value": "float64",
    "low": "float64",
    "high": "float64",
    "evaluation": "str",
}
COLUMNS = {**CELL_COLUMNS, **NUMBER_COLUMNS}


@dataclass(frozen=True)
class Number:
    """One measured number of a cell (see NUMBER_COLUMNS)."""

    measure: Measure
    group: str
    value: float
    domain: ResultDomain = ""
    n: int = -1
    correct: int = -1
    low: float = math.nan
    high: float = math.nan
    strategy: str = ""
    stop_seed: int = 0
    percent: float = 0.0
    effective_percent: float = 0.0
    evaluation: str = ""


@dataclass(frozen=True)
class State:
    """The state of the tuned model that numbers are of: as it is (strategy ""), or restored."""

    strategy: str = ""
    stop_seed: int = 0
    percent: float = 0.0
    effective_percent: float = 0.0


def accuracy_numbers(
    found: DomainAccuracy, domain: ResultDomain, state: State, evaluation: str, measure: Measure = "accuracy"
) -> Iterator[Number]:
    """By test level where there are levels, their plain mean ("macro"), and over all questions ("micro")."""
    from analysis.knowledge.statistics import wilson

    def tally(group: str, counted: Tally) -> Number:
        low, high = wilson(counted.correct, counted.n)
        where = asdict(state) | {"evaluation": evaluation}
        return Number(measure, group, counted.accuracy, domain, counted.n, counted.correct, low, high, **where)

    for level, counted in sorted(found.levels.items()):
        yield tally(str(level), counted)
    if found.macro is not None and found.macro95 is not None:
        low, high = found.macro95
        where = asdict(state) | {"evaluation": evaluation}
        yield Number(measure, "macro", found.macro, domain, found.n, -1, low, high, **where)
    yield tally("micro", Tally(found.n, round(found.accuracy["contains"] * found.n)))


def numbers_table(numbers: Iterable[Number]) -> pd.DataFrame:
    """The numbers of one cell, a row each."""
    import pandas as pd

    rows = [asdict(number) for number in numbers]
    return pd.DataFrame(rows, columns=list(NUMBER_COLUMNS)).astype(NUMBER_COLUMNS)


def plan_table(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Cells' tables under one another, with every column of COLUMNS; empty where there is none."""
    import pandas as pd

    if not parts:
        return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in COLUMNS.items()})
    return pd.concat(parts, ignore_index=True)[list(COLUMNS)].astype(COLUMNS)
