"""Result tables made by hand, so that every number of a spread or a sentence can be worked out on paper."""

import pandas as pd

from analysis.experiments.results import COLUMNS, plan_table

EMPTY = {"plan": "p", "base": "b", "tuned": "", "variant": "sft", "strategy": "", "stop_seed": 0, "percent": 0.0}
EMPTY |= {"effective_percent": 0.0, "domain": "in", "n": 100, "correct": -1, "low": float("nan"), "evaluation": ""}
EMPTY |= {"high": float("nan"), "measure": "accuracy", "group": "macro", "seed": 0}


def number(level: str, size: int, value: float, **fields: object) -> dict[str, object]:
    """One row: by default the in-domain headline of the tuned model of seed 0."""
    row = EMPTY | {"level": level, "size": size, "value": value} | fields
    return row | {"cell": f"{level}-{size}-{row['seed']}-{row['variant']}"}


def made(*rows: dict[str, object]) -> pd.DataFrame:
    """The table of these rows."""
    return plan_table([pd.DataFrame(list(rows), columns=list(COLUMNS))])


def seeds(level: str, size: int, values: list[float], **fields: object) -> list[dict[str, object]]:
    """One row a seed."""
    return [number(level, size, value, seed=seed, **fields) for seed, value in enumerate(values)]


def restored(level: str, size: int, by_percent: dict[float, list[float]], **fields: object) -> list[dict[str, object]]:
    """A restoration curve over seeds; 0% is the tuned model."""
    told = {"strategy": "relative-top"} | fields
    return [
        row
        for percent, values in by_percent.items()
        for row in seeds(level, size, values, **(told | {"percent": percent} if percent else fields))
    ]
