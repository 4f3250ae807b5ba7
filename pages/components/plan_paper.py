"""The paper's own restoration grid (Table 4a) in words: what its figure shows to who does not see it."""

from collections.abc import Sequence

from analysis.experiments import paper
from analysis.figures import experiments_restoration as restoring
from analysis.figures import numbers


def grid_words() -> str:
    """Every training set as tuned, and where restoring it left the most and the fewest right answers."""
    sets = dict.fromkeys((value.level, value.size) for value in paper.RESTORATION)
    told = [_set_words([each for each in paper.RESTORATION if (each.level, each.size) == one]) for one in sets]
    return f"The paper's own accuracies after restoring, Table 4a, in-domain, one run each. {' '.join(told)}"


def _set_words(values: Sequence[paper.PaperValue]) -> str:
    start = next(each for each in values if not each.percent)
    restored = sorted((each for each in values if each.percent), key=lambda each: each.value)
    ends = [("best", restored[-1]), ("worst", restored[0])] if len(restored) > 1 else [("", restored[0])]
    cells = [f"{word} {_cell_words(each, start)}".strip() for word, each in ends]
    trained = restoring.trained_words(start.level, start.size)
    return f"Trained on {trained}: {numbers.share(start.value, 2)} as tuned; {', '.join(cells)}."


def _cell_words(value: paper.PaperValue, start: paper.PaperValue) -> str:
    change = numbers.points(value.value - start.value)
    return f"{numbers.share(value.value, 2)} ({change}) with {value.percent:g}% restored"
