"""The paper's own numbers, as far as this product has them: never computed here, and never guessed.

Source: Ye et al., EMNLP 2025 (arXiv 2509.16596), LLaMA-3-8B throughout. A value says which table or figure it is from
and in which setting it was measured; what is told of a table in words only is a `Told`; and a table without either is
a `Told` that says so. Knows no result of ours.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from analysis.records import PAPER_PERCENTS

MODEL = "LLaMA-3-8B"
ONE_RUN = "one run"
SOURCE = {"source": "Ye et al., EMNLP 2025 (arXiv 2509.16596)", "model": MODEL}  # of a table of the paper's alone
MEAN_OF_RUNS = "mean over five training sets"


@dataclass(frozen=True)
class PaperValue:
    """One number of the paper; `value` is a fraction 0-1. The other fields name it as the result table does.

    `table` is where it stands ("Table 4a"), `setting` what it was measured on beside level and size. A level of "" and
    a size of -1 are not told.
    """

    table: str
    measure: str
    value: float
    level: str = ""
    size: int = -1
    variant: str = "sft"
    strategy: str = ""
    percent: float = 0.0
    domain: str = ""
    group: str = ""
    setting: str = ONE_RUN


@dataclass(frozen=True)
class Told:
    """What the paper says of a table in words, or that its numbers are not held here."""

    table: str
    words: str


def _rows(table: str, measure: str, groups: dict[str, float], **common: object) -> Iterator[PaperValue]:
    for group, percent in groups.items():
        yield PaperValue(table, measure, round(percent / 100, 6), group=group, **common)  # type: ignore[arg-type]


def _restored(level: str, accuracies: tuple[float, ...]) -> Iterator[PaperValue]:
    """A row of Table 4a: 0%, then the paper's percentages."""
    for percent, accuracy in zip((0.0, *PAPER_PERCENTS), accuracies, strict=True):
        yield _restoring(level, 1920, percent, accuracy)


def _restoring(level: str, size: int, percent: float, accuracy: float) -> PaperValue:
    strategy = "relative-top" if percent else ""
    return PaperValue(
        "Table 4a",
        "accuracy",
        round(accuracy / 100, 6),
        level=level,
        size=size,
        strategy=strategy,
        percent=float(percent),
        domain="in",
        group="macro",
    )


_BY_LEVEL = {"0": 45.47, "1": 52.69, "2": 57.53, "3": 55.15, "4": 53.93}

SIZES: tuple[PaperValue, ...] = tuple(
    PaperValue(
        "Figure 2, Table 2",
        "accuracy",
        round(value / 100, 6),
        level=level,
        size=1920,
        domain="in",
        group="macro",
        setting=MEAN_OF_RUNS,
    )
    for level, value in _BY_LEVEL.items()
)
CONCENTRATION: tuple[PaperValue, ...] = tuple(
    _rows(
        "Table 3",
        "concentration",
        dict(
            zip(
                (f"{percent:g}" for percent in PAPER_PERCENTS),
                (70.56, 78.50, 82.24, 86.92, 92.06, 96.26, 98.69),
                strict=True,
            )
        ),
        level="0",
        size=1920,
    )
)
RESTORATION: tuple[PaperValue, ...] = (
    *_restored("0", (44.96, 46.73, 48.53, 49.85, 52.10, 54.81, 55.44, 1.48)),
    *_restored("4", (55.22, 55.88, 56.76, 57.34, 58.24, 58.66, 56.50, 0.60)),
    _restoring("4", 240, 0.0, 53.97),
    _restoring("4", 240, 20.0, 46.45),
)
_DIVIDED = "training data divided by mastery; level, size, percentage and domain are not told here"
WAYS: tuple[PaperValue, ...] = tuple(
    PaperValue(
        "Table 7",
        "accuracy",
        round(value / 100, 6),
        variant=variant,
        strategy=strategy,
        group="macro",
        setting=_DIVIDED,
    )
    for variant, strategy, value in (("sft", "", 58.80), ("lora", "", 57.82), ("sft", "relative-top", 62.21))
)
_PICKED = {"strategy": "relative-top", "percent": 20.0}
LAYERS: tuple[PaperValue, ...] = tuple(_rows("Table 9", "restored_layer", {"0": 3.77, "31": 2.84}, **_PICKED))
_MODULES = {"down": 28.91, "up": 28.26, "gate": 23.37, "o": 9.40, "q": 6.41, "v": 2.55, "k": 1.09}
MODULES: tuple[PaperValue, ...] = tuple(_rows("Table 10", "restored_module", _MODULES, **_PICKED))

TOLD: tuple[Told, ...] = (
    Told(
        "Figure 2",
        "Of the accuracies against size, the five at 1,920 samples are held here; the other sizes are drawn in the "
        "paper only.",
    ),
    Told(
        "Table 2",
        "Of the accuracies by level of the test fact, the means of the five levels are held here; the single levels "
        "are not.",
    ),
    Told(
        "Figures 4 and 5",
        "KL falls from 60 to 240 samples and then rises, most for level-0 and level-1 data; accuracy falls as KL "
        "rises. The values are drawn in the paper and not held here.",
    ),
    Told(
        "Table 4",
        "Out-of-domain accuracy moves like in-domain accuracy. Held here: levels 0 and 4 at 1,920 samples and two "
        "cells of level 4 at 240, all in-domain.",
    ),
    Told(
        "Table 6",
        "The paper reports accuracy on the training set after restoring 5% and 20%; its values are not held here.",
    ),
    Told(
        "Table 9",
        "Of the shares by layer, the first (3.77%) and the last (2.84%) of 32 are held here; between them they are "
        "flat, 3.11% on average: the first holds more than these, the last less.",
    ),
    Told(
        "Table 11",
        "The paper restores whole groups of four layers: the first four, 0–3, are the critical ones. Its values are "
        "not held here.",
    ),
)


def every() -> tuple[PaperValue, ...]:
    """All numbers held, table by table."""
    return (*SIZES, *CONCENTRATION, *RESTORATION, *WAYS, *LAYERS, *MODULES)


def told(table: str) -> str:
    """What is told of a table in words; empty where its numbers say it all."""
    return next((each.words for each in TOLD if each.table == table), "")


def find(values: tuple[PaperValue, ...], **wanted: object) -> PaperValue | None:
    """The value that these fields name, or None where the paper's record holds none."""
    return next((each for each in values if all(getattr(each, name) == is_ for name, is_ in wanted.items())), None)
