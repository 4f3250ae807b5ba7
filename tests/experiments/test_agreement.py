"""What may be said of the paper's findings: each verdict on numbers that are apart, that overlap, that are absent."""

import pytest

from analysis.experiments.agreement import claims, concentrated, divergence_harms, divergence_turns, lowest_level, of
from analysis.experiments.agreement_restoring import (
    beats_random,
    domains_alike,
    first_layers,
    first_most_last_least,
    mlp_most,
    restored_beats_ways,
    restoring_collapses,
    restoring_helps,
)
from analysis.experiments.association import kl_and_accuracy, rank_correlation
from analysis.experiments.paper import LAYERS
from analysis.experiments.shape import WeightShares
from analysis.experiments.spread import headline
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
    stops = {0.0: [0.4]} | {float(percent): [0.4 + percent / 200] for percent in range(5, 65, 5)}
    one = restored("4", 1920, stops) + restored("4", 1920, stops, domain="out")
    assert domains_alike(made(*one)).verdict == "untold", "one model's stops hang together"


def test_concentration_no_larger_than_the_shuffled_nulls_is_no_finding() -> None:
    told = {"group": "5", "domain": ""}
    held = seeds("0", 1920, [0.82, 0.86], measure="concentration", **told)
    nulls = {
        value: seeds("0", 1920, [value, value + 0.02], measure="concentration_null", **told) for value in (0.82, 0.3)
    }
    assert concentrated(made(*held, *nulls[0.82])).verdict == "untold"
    claim = concentrated(made(*held, *nulls[0.3]))
    assert claim.verdict == "agrees" and "hold 84.0% [82.0–86.0] (mean of 2 runs" in claim.here
    assert concentrated(made(*seeds("0", 1920, [0.2, 0.3], measure="concentration", **told))).verdict == "differs"


def test_a_share_is_most_only_where_every_run_holds_more_than_half_and_more_than_shuffled() -> None:
    told = {"group": "5", "domain": ""}
    one = number("0", 1920, 0.84, measure="concentration", **told)
    assert concentrated(made(one)).verdict == "untold", "one run alone has no spread"
    either = seeds("0", 1920, [0.45, 0.70], measure="concentration", **told)
    assert concentrated(made(*either)).verdict == "untold"
    held = seeds("0", 1920, [0.60, 0.90], measure="concentration", **told)
    null = seeds("0", 1920, [0.50, 0.66], measure="concentration_null", **told)
    assert concentrated(made(*held, *null)).verdict == "untold", "the spreads meet"


def test_modules_hold_more_than_their_number_or_only_as_much() -> None:
    common = {"measure": "restored_module", "strategy": "relative-top", "percent": 20.0, "domain": ""}
    shares = {"down": 0.3, "up": 0.28, "gate": 0.22, "q": 0.2}
    table = made(*[number("0", 1920, value, group=name, **common) for name, value in shares.items()])
    small, large = dict.fromkeys(("down", "up", "gate"), 0.2), dict.fromkeys(("down", "up", "gate"), 0.27)
    assert mlp_most(table, WeightShares({}, small)).verdict == "agrees"
    assert mlp_most(table).verdict == "untold", "without the base's sizes there is no control"
    claim = mlp_most(table, WeightShares({}, large))
    assert claim.verdict == "untold" and "They hold 80.0%. They are 81.0% of the weights" in claim.here
    few = made(*[number("0", 1920, value, group=name, **common) for name, value in {"down": 0.4, "q": 0.6}.items()])
    claim = mlp_most(few, WeightShares({}, {"down": 0.1, "q": 0.9}))
    assert claim.verdict == "differs" and "no more than half" in claim.here, "more than their share is not most"


def layers(*runs: tuple[float, float, float, float]) -> list[dict[str, object]]:
    """Where the restored 20% lie in layers 0, 1, 2 and 10, run by run."""
    place = {"measure": "restored_layer", "strategy": "relative-top", "percent": 20.0, "domain": ""}
    names = ("0", "1", "2", "10")  # as text "10" comes before "2"
    return [
        number("0", 60, share, group=name, seed=seed, **place)
        for seed, shares in enumerate(runs)
        for name, share in zip(names, shares, strict=True)
    ]


def test_the_first_layer_holds_most_and_the_last_less_than_those_between() -> None:
    """The paper: layer 0 3.77%, layer 31 2.84%, the thirty between 3.11% on average."""
    papers = made(*layers((0.30, 0.25, 0.25, 0.20), (0.31, 0.24, 0.25, 0.20)))
    claim = first_most_last_least(papers)
    assert claim.verdict == "agrees" and "the last holds less (2.84%)" in claim.paper
    assert "flat" not in claim.paper, "how even the layers between are is not held against the paper"
    assert "Layer 0 30.5%, those between 24.8% on average, layer 10 20.0% (means of 2 runs)" in claim.here
    last_more = made(*layers((0.30, 0.20, 0.22, 0.28), (0.31, 0.21, 0.21, 0.27)))
    assert first_most_last_least(last_more).verdict == "differs"
    either_way = made(*layers((0.30, 0.25, 0.25, 0.20), (0.30, 0.20, 0.22, 0.28)))
    assert first_most_last_least(either_way).verdict == "untold"
    assert first_most_last_least(made(*layers((0.30, 0.25, 0.25, 0.20)))).verdict == "untold"


def test_the_papers_shares_by_layer_add_up_to_a_whole_as_it_is_told() -> None:
    first, last = (each.value for each in LAYERS)
    assert (1 - first - last) / 30 == pytest.approx(0.0311, abs=5e-5)
    assert first > 0.0311 > last


def grouped(level: str, tuned: list[float], **by_group: list[float]) -> list[dict[str, object]]:
    """Runs of a level as tuned, and with a group of layers given back ("l0_3": layers 0-3)."""
    rows = seeds(level, 60, tuned)
    for name, values in by_group.items():
        rows += seeds(level, 60, values, measure="layer_group", group=name.removeprefix("l").replace("_", "-"))
    return rows


def test_the_first_group_matters_most_where_it_moves_every_run_furthest() -> None:
    """Levels far apart hide nothing: each run is held against itself."""
    low = grouped("0", [0.10, 0.12], l0_3=[0.02, 0.03], l4_7=[0.09, 0.10])
    high = grouped("4", [0.50, 0.60], l0_3=[0.20, 0.30], l4_7=[0.48, 0.57])
    claim = first_layers(made(*low, *high))
    assert claim.verdict == "agrees"
    assert "restoring layers 0-3 moves it further than layers 4-7 by +17.2 points [+7.0 to +28.0]" in claim.here
    assert claim.here.endswith("Further than every other group in every run of: level 0, level 4.")
    other = grouped("4", [0.50, 0.60], l0_3=[0.49, 0.58], l4_7=[0.10, 0.20])
    assert first_layers(made(*other)).verdict == "differs"
    both = first_layers(made(*low, *other))
    assert both.verdict == "untold" and both.here.endswith("in every run of: level 0.")
    assert first_layers(made(*grouped("0", [0.4], l0_3=[0.1], l4_7=[0.4]))).verdict == "untold"


def ways(full: list[float], restored_: list[float], lora: list[float]) -> list[dict[str, object]]:
    return [*restored("4", 1920, {0: full, 20: restored_}), *seeds("4", 1920, lora, variant="lora")]


def test_table_7_is_restored_above_full_above_lora_on_the_same_facts() -> None:
    claim = restored_beats_ways(made(*ways([0.58, 0.50], [0.62, 0.55], [0.57, 0.48])))
    assert (claim.where, claim.verdict) == ("Table 7", "agrees")
    assert "20% restored against fine-tuned level 4 +4.5 points [+4.0 to +5.0]" in claim.here
    assert "fine-tuned against LoRA level 4 +1.5 points [+1.0 to +2.0]" in claim.here
    assert restored_beats_ways(made(*ways([0.58, 0.50], [0.62, 0.55], [0.59, 0.52]))).verdict == "differs"
    assert restored_beats_ways(made(*ways([0.58, 0.50], [0.62, 0.49], [0.57, 0.48]))).verdict == "untold"
    assert restored_beats_ways(made(*ways([0.58], [0.62], [0.57]))).verdict == "untold"
    assert restored_beats_ways(made(*ways([0.58, 0.50], [0.62, 0.55], []))).verdict == "missing"


def test_the_random_control_is_never_called_a_finding_of_the_paper() -> None:
    claim = beats_random(made())
    assert claim.where == "Control (ours)" and claim.paper.startswith("Not a finding of the paper:")


def test_questions_without_levels_are_judged_by_all_of_them_together() -> None:
    gains = restored("0", 1920, {0: [0.04, 0.10], 20: [0.09, 0.12]}, group="micro")
    assert restoring_helps(made(*gains)).verdict == "agrees"
    assert (headline(made(*gains)), headline(made(*gains, number("0", 60, 0.1)))) == ("micro", "macro")


def test_only_the_levels_whose_numbers_the_paper_gives_are_held_against_table_4() -> None:
    gains = restored("0", 1920, {0: [0.04, 0.10], 20: [0.09, 0.12]})
    losses = restored("2", 1920, {0: [0.4, 0.5], 20: [0.3, 0.4]})
    assert restoring_helps(made(*gains, *losses)) == restoring_helps(made(*gains))


def kl(level: str, size: int, nats: float, accuracy: float, seed: int = 0) -> list[dict[str, object]]:
    told = number(level, size, nats, measure="kl_paper", group="4", seed=seed, n=40)
    return [told, number(level, size, accuracy, seed=seed)]


def test_accuracy_falls_as_kl_rises_where_the_interval_over_training_sets_says_so() -> None:
    falling = [row for step in range(8) for row in kl(str(step % 5), 60 + step, 0.1 * step, 0.9 - 0.1 * step)]
    points = kl_and_accuracy(made(*falling))
    found = rank_correlation(points)
    assert found is not None and (found.estimate, found.groups) == (pytest.approx(-1.0), 8)
    told = divergence_harms(made(*falling))
    assert told.verdict == "agrees" and told.here.startswith("Rank correlation −1.00 [−1.00, −1.00] over")
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
    assert claim.verdict == "agrees" and "most" not in claim.paper, "other levels are not compared"
    assert "2.85 [2.80–2.90] nats at 60, 2.15 [2.10–2.20] at 240, 2.45 [2.40–2.50] at 1,920." in claim.here
    assert [each.where for each in of(made(*turn), "Figures 4 and 5")] == ["Figures 4 and 5"] * 2
