"""The ways of restoring in words: what each is called, what it does, where it comes from. Knows no number.

Three kinds: those that choose weights, their controls, and blends, which take back a part of every change.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from analysis.figures import numbers
from analysis.records import BLENDS, Arithmetic, RestoreSpec, Strategy

_PAPER = "[Ye et al., EMNLP 2025](https://arxiv.org/abs/2509.16596)"
ARITHMETIC_WORDS: dict[Arithmetic, str] = {
    "exact": "Arithmetic: exact (r in float64 from the stored values, ties by hash).",
    "paper": "Arithmetic: paper (the authors' script: r in the stored dtype, |p| + 1e-8).",
}


@dataclass(frozen=True)
class Words:
    """A strategy on screen: full and short name, its kind, a restoration's name at {} percent, a sentence, a source."""

    name: str
    short: str
    kind: str
    phrase: str
    line: str
    source: str


WORDS: dict[Strategy, Words] = {
    "relative-top": Words(
        "largest relative change first",
        "relative top",
        "Choose weights",
        "top {} by relative change",
        "The k% of weights with the largest |s − p| / |p| get their base values back.",
        _PAPER,
    ),
    "absolute-top": Words(
        "largest absolute change first",
        "absolute top",
        "Choose weights",
        "top {} by absolute change",
        "The k% with the largest |s − p|, however large the weight itself is.",
        "the size of a task vector's entries, as in [TIES](https://arxiv.org/abs/2306.01708)",
    ),
    "random": Words(
        "random draw",
        "random",
        "Control",
        "random {}",
        "As many weights, drawn by lot. Where it does as well, it does not matter which weights go back.",
        _PAPER,
    ),
    "relative-bottom": Words(
        "smallest relative change first",
        "relative bottom",
        "Control",
        "bottom {} by relative change",
        "The k% with the smallest relative change; nothing happens before k passes the unchanged weights.",
        _PAPER,
    ),
    "absolute-bottom": Words(
        "smallest absolute change first",
        "absolute bottom",
        "Control",
        "bottom {} by absolute change",
        "The k% with the smallest |s − p|: what trimming a task vector takes away.",
        "[TIES merging](https://arxiv.org/abs/2306.01708)",
    ),
    "small-base": Words(
        "smallest base values first",
        "small base",
        "Control",
        "{} with the smallest base values",
        "The k% with the smallest |p| among the changed: is the paper's order only “small weights first”?",
        "a control of our own",
    ),
    "interpolation": Words(
        "interpolation",
        "interpolation",
        "Blend",
        "{} of the way back, everywhere",
        "Every weight goes k% of the way back: p + (1 − k/100)(s − p).",
        "[WiSE-FT](https://arxiv.org/abs/2109.01903)",
    ),
    "layer-scaled": Words(
        "interpolation, less in deeper layers",
        "layer-scaled",
        "Blend",
        "{} of the way back, less in deeper layers",
        "The first layer goes k% of the way back, the last one stays tuned, those between in proportion.",
        "[LiNeS](https://arxiv.org/abs/2410.17146)",
    ),
    "drop-rescale": Words(
        "drop at random, rescale the rest",
        "drop, rescale",
        "Blend",
        "{} of the changes dropped, the rest rescaled",
        "Each change is dropped with probability k%, the others grow by 1 / (1 − k/100): the same sum on average.",
        "[DARE](https://arxiv.org/abs/2311.03099)",
    ),
    "spectral": Words(
        "weakest singular directions",
        "spectral",
        "Blend",
        "weakest {} of singular directions",
        "The k% weakest singular directions of each matrix's change go back; vectors stay tuned below 100%.",
        "[arXiv 2605.20296](https://arxiv.org/abs/2605.20296), threshold by "
        "[Gavish and Donoho](https://arxiv.org/abs/1305.5870)",
    ),
}
STRATEGY_NAMES = {strategy: words.name for strategy, words in WORDS.items()}


def strategy_name(strategy: str) -> str:
    """What an order is called on screen; one without a name of its own keeps its id."""
    return next((words.name for known, words in WORDS.items() if known == strategy), strategy)


def grouped_name(strategy: Strategy) -> str:
    """Its name behind its kind, for a list: 'Control: random control'."""
    return f"{WORDS[strategy].kind}: {WORDS[strategy].name}"


def explanation(strategy: Strategy) -> str:
    """One sentence and the source, as Markdown."""
    words = WORDS[strategy]
    return f"{words.line} Source: {words.source}."


def arithmetic_note(arithmetic: Arithmetic) -> str:
    """The arithmetic in two words, for the foot of a title."""
    return f"arithmetic: {arithmetic}"


def arithmetic_words(spec: RestoreSpec) -> str:
    """In which arithmetic the numbers of a restoration were made, in a sentence."""
    if spec.strategy in BLENDS:
        return "Arithmetic: no ranking; values made in float32 or better from the stored ones, rounded to their dtype."
    return ARITHMETIC_WORDS[spec.arithmetic]


def series_name(spec: RestoreSpec) -> str:
    """What a curve of such stops is called in a legend: 'random', 'random, changed only'."""
    return WORDS[spec.strategy].short + (", changed only" if spec.among == "changed" else "")


def spec_words(spec: RestoreSpec) -> str:
    """A restoration in words: 'top 5% by relative change, transformer, exact arithmetic'."""
    parts = [
        WORDS[spec.strategy].phrase.format(numbers.percent(spec.percent)),
        "of the changed weights" if spec.among == "changed" else "",
        spec.region,
        "" if spec.scope == "global" else "in each tensor",
        "" if spec.layers is None else f"layers {ranges(spec.layers)}",
        "" if spec.modules is None else " ".join(spec.modules),
        "" if spec.strategy in BLENDS else f"{spec.arithmetic} arithmetic",
        f"seed {spec.seed}" if spec.seed else "",
    ]
    return ", ".join(part for part in parts if part)


def ranges(numbers_: Sequence[int]) -> str:
    """Sorted whole numbers as people write them: (0, 1, 2, 5) -> '0–2, 5'."""
    runs: list[list[int]] = []
    for number in numbers_:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(f"{run[0]}–{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)
