"""Close calls first, and an interval that is true at every moment."""

import numpy as np

from analysis.knowledge.order import Order, make_order


def test_close_calls_are_a_stratum_of_their_own_taken_first() -> None:
    margins = [float(row) for row in range(10)]
    order = make_order(margins, [row % 2 == 0 for row in range(10)], seed=0)
    assert sorted(order.close) == [0, 1, 2, 3] and sorted(order.rest) == [4, 5, 6, 7, 8, 9]
    assert order.guessed == 3  # 4, 6 and 8
    close, rest = list(order.close), list(order.rest)
    assert list(order.blocks(3)) == [close[:3], close[3:], rest[:3], rest[3:]]
    assert list(order.blocks(10)) == [close + rest]
    assert order != make_order(margins, [True] * 10, seed=1)


def test_without_margins_all_rows_are_one_random_sample() -> None:
    order = make_order([None, 1.0, 2.0], [None, True, True], seed=0)
    assert order.close == () and sorted(order.rest) == [0, 1, 2]


def test_the_estimate_adds_the_strata_and_ends_exact() -> None:
    order = Order(close=(0, 1), rest=(2, 3, 4, 5), guessed=3)
    begun = order.partial({0: True})
    assert begun.accuracy == (2 * 1 + 3) / 6  # the close calls look all right, of the rest 3 were right before
    middle = order.partial({0: True, 1: False, 2: True, 3: False})
    assert middle.accuracy == (1 + 4 * 0.5) / 6
    assert middle.interval95[0] >= 2 / 6 and middle.interval95[1] <= 4 / 6
    whole = order.partial({row: row < 3 for row in range(6)})
    assert whole.accuracy == 0.5 and whole.interval95 == (0.5, 0.5)


def test_the_interval_holds_the_truth_at_every_moment_at_once() -> None:
    """Answers that change mostly among the close calls: 200 runs, watched at every block."""
    rng = np.random.default_rng(0)
    margins = rng.random(200).tolist()
    right = [bool(rng.random() < (0.2 if margin < 0.4 else 0.7)) for margin in margins]
    truth = sum(right) / 200
    missed = 0
    for seed in range(200):
        order = make_order(margins, [True] * 200, seed)
        done: dict[int, bool] = {}
        ever = False
        for block in order.blocks(20):
            done |= {row: right[row] for row in block}
            low, high = order.partial(done).interval95
            ever |= not low - 1e-12 <= truth <= high + 1e-12
        missed += ever
    assert missed <= 15  # 5% of 200, and three standard errors more would be 19
