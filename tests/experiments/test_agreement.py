"""What may be said of the paper's findings: each verdict on numbers that are apart, that overlap, that are absent."""

import pytest

from analysis.experiments.agreement import claims, concentrated, divergence_harms, divergence_turns, lowest_level, of
from analysis.experiments.agreement_restoring import (
    beats_random,
    domains_alike,
    ends_most,
    first_layers,
    mlp_most,
    restoring_collapses,
    restoring_helps,
)
from analysis.experiments.association import kl_and_accuracy, rank_correlation
from analysis.experiments.shape import WeightShares
from tests.experiments.tables import made, number, restored, seeds


def test_nothing_measured_is_missing_and_never_a_verdict() -> None:
    assert {claim.verdict for claim in claims(made())} == {"missing"}


@pytest.mark.parametrize(
    ("four", "verdict"), [([0.40, 0.44], "agrees"), ([0.08, 0.44], "untold"), ([0.01, 0.02], "differs")]
)
def test_level_0_is_lowest_only_where_spreads_lie_apart(four: list[float], verdict: str) -> None:
    claim = lowest_level(made(*seeds("0", 1920, [0.05, 0.10]), *seeds("4", 1920, four)))
    assert claim.verdict == verdict
    assert claim.here.startswith("At 1,920 samples level 0: 7.5% [5.0–10.0]; the next, level 4: ")


def test_restoring_helps_where_every_run_gains_and_a_single_run_tells_nothing() -> None:
    gains = restored("0", 1920, {0: [0.04, 0.10], 20: [0.09, 0.12]})
    claim = restoring_helps(made(*gains))
    assert (claim.verdict, claim.here) == (
        "agrees",
        "At 1,920 samples, change at 20% against the same models at 0%: level 0 +3.5 points [+2.0 to +5.0].",
    )
    assert restoring_helps(made(*restored("0", 1920, {0: [0.04], 20: [0.09]}))).verdict == "untold"
    assert restoring_helps(made(*restored("0", 1920, {0: [0.1, 0.1], 20: [0.0, 0.05]}))).verdict == "differs"
    assert restoring_collapses(made(*restored("0", 1920, {0: [0.4, 0.5], 60: [0.0, 0.1]}))).verdict == "agrees"


def test_a_finding_names_the_size_it_is_of_where_the_papers_was_not_run() -> None:
    claim = restoring_helps(made(*restored("4", 240, {0: [0.4, 0.5], 20: [0.5, 0.6]})))
    assert claim.here.startswith("At 240 samples,")


def test_the_ranking_beats_chance_only_where_it_lies_above_the_random_draw() -> None:
    top = restored("4", 1920, {0: [0.40, 0.42], 20: [0.50, 0.52], 40: [0.30, 0.31]})
    lucky = seeds("4", 1920, [0.49, 0.51], strategy="random", percent=40.0)
    poor = seeds("4", 1920, [0.44, 0.45], strategy="random", percent=40.0)
    assert beats_random(made(*top, *lucky)).verdict == "untold"
    claim = beats_random(made(*top, *poor))
    assert claim.verdict == "agrees"
    assert "level 4: 51.0% [50.0–52.0] at 20%, at random 44.5% [44.0–45.0] at 40%" in claim.here


def test_domains_are_not_called_alike_on_a_handful_of_restorations() -> None:
    few = restored("4", 1920, {0: [0.4], 20: [0.5]}) + restored("4", 1920, {0: [0.3], 20: [0.4]}, domain="out")
    assert domains_alike(made(*few)).verdict == "untold"
    curve = {0.0: [0.4] * 4, 10.0: [0.5] * 4, 20.0: [0.6] * 4, 60.0: [0.1] * 4}
    many = restored("4", 1920, curve) + restored("4", 1920, curve, domain="out")
    assert domains_alike(made(*many)).verdict == "agrees"


def test_concentration_no_larger_than_the_shuffled_nulls_is_no_finding() -> None:
    held = number("0", 1920, 0.84, measure="concentration", group="5", domain="")
    null = held | {"measure": "concentration_null"}
    assert concentrated(made(held, null | {"value": 0.83})).verdict == "untold"
    assert concentrated(made(held, null | {"value": 0.30})).verdict == "agrees"
    assert concentrated(made(held | {"value": 0.2})).verdict == "differs"


def test_modules_hold_more_than_their_number_or_only_as_much() -> None:
    common = {"measure": "restored_module", "strategy": "relative-top", "percent": 20.0, "domain": ""}
    shares = {"down": 0.3, "up": 0.28, "gate": 0.22, "q": 0.2}
    table = made(*[number("0", 1920, value, group=name, **common) for name, value in shares.items()])
    small, large = dict.fromkeys(("down", "up", "gate"), 0.2), dict.fromkeys(("down", "up", "gate"), 0.27)
    assert mlp_most(table, WeightShares({}, small)).verdict == "agrees"
    claim = mlp_most(table, WeightShares({}, large))
    assert claim.verdict == "untold" and "They hold 80.0%. They are 81.0% of the weights" in claim.here


def test_the_ends_hold_most_and_the_first_group_matters_most() -> None:
    common = {"measure": "restored_layer", "strategy": "relative-top", "percent": 20.0, "domain": ""}
    layers = {"0": 0.4, "1": 0.1, "10": 0.3, "2": 0.2}
    assert (
        ends_most(made(*[number("0", 60, value, group=name, **common) for name, value in layers.items()])).verdict
        == "agrees"
    )
    tuned = seeds("0", 60, [0.4, 0.5])
    groups = {"0-3": [0.1, 0.2], "4-7": [0.4, 0.49]}
    rows = [row for name, values in groups.items() for row in seeds("0", 60, values, measure="layer_group", group=name)]
    claim = first_layers(made(*tuned, *rows))
    assert claim.verdict == "agrees" and "layers 0-3 -30.0 points [-30.0 to -30.0]" in claim.here


def kl(level: str, size: int, nats: float, accuracy: float, seed: int = 0) -> list[dict[str, object]]:
    told = number(level, size, nats, measure="kl_paper", group="4", seed=seed, n=40)
    return [told, number(level, size, accuracy, seed=seed)]


def test_accuracy_falls_as_kl_rises_where_the_interval_over_training_sets_says_so() -> None:
    falling = [row for step in range(8) for row in kl(str(step % 5), 60 + step, 0.1 * step, 0.9 - 0.1 * step)]
    points = kl_and_accuracy(made(*falling))
    found = rank_correlation(points)
    assert found is not None and (found.estimate, found.groups) == (pytest.approx(-1.0), 8)
    assert divergence_harms(made(*falling)).verdict == "agrees"
    assert rank_correlation(points.head(3)) is None


def test_the_rank_correlation_is_scipys_ties_included() -> None:
    from scipy.stats import spearmanr

    pairs = [(0.1, 0.5), (0.1, 0.4), (0.3, 0.4), (0.2, 0.9), (0.7, 0.1), (0.5, 0.5)]
    rows = [row for step, (nats, right) in enumerate(pairs) for row in kl(str(step), 60, nats, right)]
    found = rank_correlation(kl_and_accuracy(made(*rows)))
    assert found is not None and found.estimate == pytest.approx(
        spearmanr(*zip(*pairs, strict=True)).statistic, abs=1e-12
    )


def test_seeds_of_one_training_set_do_not_make_a_correlation_certain() -> None:
    """Four sets of 25 seeds: resampling runs would call -0.8 certain, resampling sets does not."""
    sets = [(0.0, 0.9), (0.1, 0.7), (0.2, 0.8), (0.3, 0.6)]
    rows = [
        row
        for number_, (nats, right) in enumerate(sets)
        for seed in range(25)
        for row in kl(str(number_), 60, nats, right, seed)
    ]
    found = rank_correlation(kl_and_accuracy(made(*rows)))
    assert found is not None and found.estimate == pytest.approx(-0.8) and found.high >= 0


def test_kl_that_falls_and_rises_again_is_the_papers_turn() -> None:
    told = {"measure": "kl_paper", "group": "4"}
    turn = [
        *seeds("0", 60, [2.8, 2.9], **told),
        *seeds("0", 240, [2.1, 2.2], **told),
        *seeds("0", 1920, [2.4, 2.5], **told),
    ]
    claim = divergence_turns(made(*turn))
    assert claim.verdict == "agrees"
    assert "2.85 [2.80–2.90] nats at 60, 2.15 [2.10–2.20] at 240, 2.45 [2.40–2.50] at 1,920." in claim.here
    assert [each.where for each in of(made(*turn), "Figures 4 and 5")] == ["Figures 4 and 5"] * 2
