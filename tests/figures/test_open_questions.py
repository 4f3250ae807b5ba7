"""Figures of the open questions: valid specifications, tables joined as said, sentences with the numbers in them."""

import altair as alt
import numpy as np
import pandas as pd
import pytest

from analysis.experiments.gradient_overlap import Overlap
from analysis.experiments.gradients import Gathered, GradientSettings, GradientTensor
from analysis.experiments.planted import GROUPS
from analysis.experiments.results import COLUMNS
from analysis.figures import open_domain, open_planted, open_questions, open_skill


@pytest.fixture
def gathered() -> Gathered:
    """Two levels at 60 degrees in one tensor, every group alike: norms 2 and 3."""
    first, second = np.array([2.0, 0.0]), 3 * np.array([0.5, np.sqrt(3) / 2])
    vectors = np.array([first] * 4 + [second] * 4)
    tensor = GradientTensor("model.layers.0.mlp.up_proj.weight", 0, "up", True, 2)
    settings = GradientSettings(levels=(0, 4), n=8, groups=4)
    return Gathered(settings, (tensor,), (vectors @ vectors.T)[None], {0: (2.0,), 4: (0.5,)}, {0: 1.0, 4: 2.0})


def _valid(figure: alt.Chart | alt.LayerChart | alt.FacetChart) -> dict[str, object]:
    return dict(figure.to_dict(validate=True))


def test_gradient_figures_draw_every_level_and_its_sentence_names_norms_and_cosines(gathered: Gathered) -> None:
    spec = _valid(open_questions.cosine_grid(gathered))
    (values,) = spec["datasets"].values()  # type: ignore[union-attr, attr-defined]
    assert {(row["row"], row["column"], row["text"]) for row in values} == {
        ("level 0", "level 0", "1.00"),
        ("level 0", "level 4", "0.50"),
        ("level 4", "level 0", "0.50"),
        ("level 4", "level 4", "1.00"),
    }
    for by in ("layer", "module"):
        _valid(open_questions.norm_lines(gathered, by))
    words = open_questions.gradient_words(gathered)
    assert "norm 2 at level 0 and 3 at level 4" in words and "across the two levels it is 0.50" in words


def test_overlaps_are_told_in_words_with_chance_beside_them() -> None:
    found = [
        Overlap(0, "gradient", 5.0, 100, 0.06, 0.05, 0.8),
        Overlap(4, "gradient", 5.0, 100, 0.07, 0.05, 0.8),
        Overlap(None, "small base", 5.0, 100, 0.7, 0.05, float("nan")),
    ]
    table = open_questions.overlap_table(found)
    assert list(table["named"]) == ["level 0", "level 4", open_questions.NO_SAMPLES]
    assert "(control)" in table["score"].iloc[2]
    _valid(open_questions.overlap_dots(found, 5.0))


def _skill_rows() -> pd.DataFrame:
    rows = []
    for measure, tuned in (("skill", 0.9), ("facts", 0.4)):
        base = {"training": "both", "measure": measure, "n": 100, "correct": 0, "effective_percent": 1.0}
        rows.append(base | {"strategy": "tuned", "seed": 0, "percent": 0.0, "value": tuned, "low": 0.3, "high": 0.95})
        ranked = {"strategy": "relative-top", "seed": 0, "percent": 20.0, "value": 0.5, "low": 0.4, "high": 0.6}
        rows.append(base | ranked)
        for seed, value in ((0, 0.6), (1, 0.8)):
            drawn = {"strategy": "random", "seed": seed, "percent": 20.0, "value": value}
            rows.append(base | drawn | {"low": value - 0.1, "high": value + 0.1})
    return pd.DataFrame(rows)


def test_the_controls_draws_are_joined_and_both_curves_start_at_the_tuned_model() -> None:
    table = open_skill.curve_table(_skill_rows()).set_index(["measure", "strategy", "percent"])
    random = table.loc[("skill", "random", 20.0)]
    assert (random["value"], random["low"], random["high"], random["draws"]) == pytest.approx((0.7, 0.5, 0.9, 2))
    assert table.loc[("skill", "random", 0.0), "value"] == table.loc[("skill", "relative-top", 0.0), "value"] == 0.9
    words = open_skill.skill_words(_skill_rows(), 20.0)
    assert "90.0% of the skill and 40.0% of the facts" in words and "at random: 70.0% of the skill" in words
    assert open_skill.middle_percent(_skill_rows()) == 20.0
    _valid(open_skill.skill_curves(_skill_rows(), 0.16))


def test_planted_points_are_drawn_by_group_and_the_sentence_gives_the_rank_correlations() -> None:
    shares = {"right_low": 0.1, "right_high": 0.9, "wrong": 0.2, "wrong_low": 0.1, "wrong_high": 0.3, "n": 50}
    states = pd.DataFrame(
        [
            {
                "size": 60,
                "correcting": kl > 1,
                "train_seed": 0,
                "strategy": strategy,
                "percent": percent,
                "group": group,
            }
            | {"right": right, "kl_nats": kl, "kl_low": kl, "kl_high": kl, **shares}
            for group, sign in ((GROUPS[1], 1), (GROUPS[2], -1))
            for kl, strategy, percent in ((0.5, "tuned", 0.0), (1.5, "relative-top", 20.0), (2.5, "relative-top", 40.0))
            for right in (0.5 + sign * kl / 10,)
        ]
    )
    words = open_planted.planted_words(states)
    assert "never corrected: +1.00 over 3 states" in words and "untouched: −1.00 over 3 states" in words
    _valid(open_planted.kl_scatter(states))


def _plan(values: dict[tuple[str, str, int], float]) -> pd.DataFrame:
    """A plan's long table: accuracy of the tuned models by (level, domain, seed), 240 facts."""
    empty: dict[str, object] = dict.fromkeys(COLUMNS, "") | dict.fromkeys(
        ("stop_seed", "correct", "percent", "effective_percent"), 0
    )
    rows = [
        empty
        | {"level": level, "size": 240, "seed": seed, "variant": "sft", "measure": "accuracy", "domain": domain}
        | {"group": "macro", "n": 100, "value": value, "low": value - 0.1, "high": value + 0.1}
        for (level, domain, seed), value in values.items()
    ]
    return pd.DataFrame(rows).astype(COLUMNS)


def test_two_plans_are_joined_on_the_domain_asked_not_on_in_and_out() -> None:
    places = _plan({("0", "in", 0): 0.1, ("0", "in", 1): 0.2, ("4", "in", 0): 0.4, ("0", "out", 0): 0.05})
    others = _plan({("0", "in", 0): 0.3, ("4", "in", 0): 0.5, ("0", "out", 0): 0.15})
    rows = open_domain.domain_rows(places, others)
    found = rows.set_index(["trained_on", "asked_on", "level"])["mean"]
    assert found[(open_domain.PLACES, open_domain.PLACES, "0")] == pytest.approx(0.15)
    assert found[(open_domain.PLACES, open_domain.OTHERS, "0")] == 0.05
    assert found[(open_domain.OTHERS, open_domain.OTHERS, "4")] == 0.5
    assert found[(open_domain.OTHERS, open_domain.PLACES, "0")] == 0.15
    words = open_domain.domain_words(rows)
    assert "about places, worst is level 0 (15.0%) and best level 4 (40.0%)" in words
    table = open_domain.domain_table(rows)
    assert f"{open_domain.PLACES}: mean" in table and len(table) == 4
    for asked in (open_domain.PLACES, open_domain.OTHERS):
        _valid(open_domain.domain_points(rows, asked))
