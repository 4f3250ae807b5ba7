"""How often each interval holds the truth, by exact sums or seeded simulation, at nominal 95%. Prints Markdown tables.

    python -m benchmarks.intervals [--rounds 1000]

"Covers" is the share of made-up evaluations whose interval holds the true value: 93-97% is nominal, more is
conservative. Wilson's is summed exactly over every possible outcome; the anytime interval must hold at every moment of
a whole run at once; the five-level mean and the paired difference are drawn from levels as small as 20 and rates from
0 to 1.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from functools import cache

import numpy as np
from scipy.stats import binom

from analysis.knowledge.statistics import Interval, anytime_interval, stratified_difference, stratified_mean, wilson
from analysis.records import Flips, Tally

SEED = 0
RESAMPLES = 500  # of each interval; the product takes 10,000, whose limits vary less
ALIKE = (20,) * 5, (100,) * 5, (20, 20, 60, 200, 400)
RATES = {
    "all 0.5%": (0.005,) * 5,
    "all 2%": (0.02,) * 5,
    "0, 0, 0, 0, 30%": (0.0, 0.0, 0.0, 0.0, 0.3),
    "0, 5, 30, 70, 95%": (0.0, 0.05, 0.3, 0.7, 0.95),
    "all 50%": (0.5,) * 5,
    "all 98%": (0.98,) * 5,
}
FLIP_RATES = {  # of fixed and broken, level by level
    "0.5 / 2%": ((0.005, 0.02),) * 5,
    "2 / 2%": ((0.02, 0.02),) * 5,
    "10 / 2%": ((0.1, 0.02),) * 5,
    "50 / 30%": ((0.5, 0.3),) * 5,
    "90 / 2%": ((0.9, 0.02),) * 5,
    "0 / 0 to 10 / 30%": ((0.0, 0.0), (0.01, 0.02), (0.05, 0.05), (0.1, 0.3), (0.02, 0.2)),
}


def main() -> None:
    """Every interval the product shows, one table each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=1000, help="made-up evaluations a row")
    rounds = parser.parse_args().rounds
    began = time.process_time()
    _print_rows("Wilson, exactly: mean and least over rates", ("n", "rates", "covers", "least, at"), wilson_rows())
    _print_rows("Anytime, over whole runs", ("right", "covers"), anytime_rows(rounds))
    heading = ("levels", "rates", "covers", "mean width")
    _print_rows("Five-level mean", heading, mean_rows(rounds))
    _print_rows("Paired difference of five-level means", ("levels", "fixed / broken", *heading[2:]), flip_rows(rounds))
    print(f"\nSeed {SEED}, {rounds} rounds a row, {time.process_time() - began:.0f} s of CPU.")


def wilson_rows() -> Iterator[tuple[str, ...]]:
    """Coverage averaged over rates, and the worst rate."""
    for n in (20, 100, 500, 2000):
        limits = np.array([wilson(right, n) for right in range(n + 1)])
        for low, high in ((0.001, 0.05), (0.05, 0.95)):
            rates = np.linspace(low, high, 300)
            held = [_wilson_coverage(limits, n, rate) for rate in rates]
            worst = int(np.argmin(held))
            yield (
                f"{n}",
                f"{low:g} to {high:g}",
                _percent(np.mean(held)),
                f"{_percent(held[worst])}, {rates[worst]:.3f}",
            )


def _wilson_coverage(limits: np.ndarray, n: int, rate: float) -> float:
    inside = (limits[:, 0] <= rate) & (rate <= limits[:, 1])
    return float(binom.pmf(np.arange(n + 1)[inside], n, rate).sum())


def anytime_rows(rounds: int) -> Iterator[tuple[str, ...]]:
    """Simultaneous coverage: every question of small sets is a moment, every tenth of larger ones."""
    rng = np.random.default_rng(SEED)
    for total, step in ((20, 1), (100, 1), (500, 10)):
        for rate in (0.0, 0.02, 0.3, 0.5, 0.98):
            right = round(rate * total)
            held = cache(lambda correct, done, total=total, right=right: _holds(correct, done, total, right))
            answers = np.arange(total) < right
            runs = (np.cumsum(rng.permutation(answers)) for _ in range(rounds))
            covered = [all(held(int(run[done - 1]), done) for done in range(1, total + 1, step)) for run in runs]
            yield f"{right} of {total}", _percent(np.mean(covered))


def _holds(correct: int, done: int, total: int, right: int) -> bool:
    low, high = anytime_interval(correct, done, total)
    return low - 1e-12 <= right / total <= high + 1e-12


def mean_rows(rounds: int) -> Iterator[tuple[str, ...]]:
    """The interval of the five-level mean."""
    rng = np.random.default_rng(SEED)

    @cache
    def interval(right: tuple[int, ...], sizes: tuple[int, ...]) -> Interval:
        levels = {level: Tally(n, one) for level, (n, one) in enumerate(zip(sizes, right, strict=True))}
        return stratified_mean(levels, seed=SEED, resamples=RESAMPLES)

    for name, rates in RATES.items():
        for sizes in ALIKE:
            drawn = rng.binomial(sizes, rates, (rounds, 5)).tolist()
            yield _row(name, sizes, float(np.mean(rates)), drawn, lambda right, n=sizes: interval(tuple(right), n))


def flip_rows(rounds: int) -> Iterator[tuple[str, ...]]:
    """The interval of the difference of two five-level means on the same questions."""
    rng = np.random.default_rng(SEED)

    @cache
    def interval(counts: tuple[tuple[int, ...], ...]) -> Interval:
        levels = {level: Flips(fixed, broken, rest, 0, 1.0) for level, (fixed, broken, rest) in enumerate(counts)}
        return stratified_difference(levels, seed=SEED, resamples=RESAMPLES)

    for name, rates in FLIP_RATES.items():
        change = float(np.mean([fixed - broken for fixed, broken in rates]))
        for sizes in ALIKE:
            shares = [(fixed, broken, 1 - fixed - broken) for fixed, broken in rates]
            parts = [rng.multinomial(n, share, rounds) for n, share in zip(sizes, shares, strict=True)]
            drawn = np.stack(parts, axis=1).tolist()
            yield _row(name, sizes, change, drawn, lambda rows: interval(tuple(map(tuple, rows))))


def _row(
    name: str, sizes: tuple[int, ...], truth: float, drawn: list[list], interval: Callable[[list], Interval]
) -> tuple[str, ...]:
    found = [interval(one) for one in drawn]
    held = np.mean([one.low - 1e-12 <= truth <= one.high + 1e-12 for one in found])
    width = np.mean([one.high - one.low for one in found])
    label = f"5 × {sizes[0]}" if len(set(sizes)) == 1 else ", ".join(map(str, sizes))
    return label, name, _percent(held), f"{width:.3f}"


def _percent(share: float) -> str:
    return f"{100 * share:.1f}%"


def _print_rows(title: str, heading: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> None:
    print(f"\n**{title}**\n")
    for cells in (heading, ("---",) * len(heading)):
        print(f"| {' | '.join(cells)} |")
    for cells in rows:
        print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
