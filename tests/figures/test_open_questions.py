"""Figures of the open questions: valid specifications, tables joined as said, sentences with the numbers in them."""

import altair as alt
import numpy as np
import pandas as pd
import pytest

from analysis.experiments.gradient_overlap import Overlap
from analysis.experiments.gradients import Gathered, GradientSettings, GradientTensor
from analysis.experiments.planted import GROUPS
from analysis.experiments.results import COLUMNS
from analysis.figures import open_domain, open_planted, open_questions, open_skill, open_tasks


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
    assert "of 8 samples a level has norm 2 [2–2] at level 0 and 3 [3–3] at level 4" in words
    assert "across the two levels it is 0.50 [0.50 to 0.50] (95%" in words and "(n = 4 each)" in words
    assert "level 4 in up (3 [3–3]); n = 8 samples a level" in open_questions.norm_words(gathered, "module")


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
    words = open_questions.overlap_words(found, 5.0)
    assert "Of the 100 parameters restored first at 5%" in words and "by chance 5.0%" in words
    assert "largest gradient |g| 6.0% to 7.0% by level; smallest |p| alone (control) 70.0%" in words


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
    assert "90.0% [30.0–95.0%] of the skill and 40.0% [30.0–95.0%] of the facts" in words
    assert "at random: 70.0% [50.0–90.0%] of the skill" in words
    assert "(one training, 95%; n = 100 of the skill, 100 facts)" in words
    assert open_skill.middle_percent(_skill_rows()) == 20.0
    _valid(open_skill.skill_curves(_skill_rows(), 0.16))


def test_every_training_seed_is_drawn_and_the_line_is_their_mean() -> None:
    first = _skill_rows()
    second = first.assign(value=first["value"] - 0.2, low=first["low"] - 0.2)
    rows = open_skill.skill_rows({0: first, 1: second})
    tuned = open_skill.curve_table(rows).set_index(["measure", "strategy", "percent"]).loc[("skill", "random", 0.0)]
    assert (tuned["value"], tuned["low"], tuned["high"], tuned["trainings"]) == pytest.approx((0.8, 0.1, 0.95, 2))
    assert set(open_skill.seed_table(rows)["train_seed"]) == {0, 1}
    assert "means of 2 trainings, outermost 95% limits" in open_skill.skill_words(rows, 20.0)
    spec = _valid(open_skill.skill_curves(rows, 0.16))
    sets = [values for values in spec["datasets"].values() if "train_seed" in values[0]]  # type: ignore[union-attr, attr-defined]
    assert len(sets) == 1 and len(spec["layer"]) == 4  # type: ignore[arg-type]


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
    assert "never corrected: +1.00 [– to –] over 3 states of 2 models, n = 50 facts a state" in words
    assert "untouched: −1.00 [– to –]" in words and "No interval where fewer than four models" in words
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
    found = rows[rows["state"] == "tuned"].set_index(["trained_on", "asked_on", "level"])["mean"]
    assert found[(open_domain.PLACES, open_domain.PLACES, "0")] == pytest.approx(0.15)
    assert found[(open_domain.PLACES, open_domain.OTHERS, "0")] == 0.05
    assert found[(open_domain.OTHERS, open_domain.OTHERS, "4")] == 0.5
    assert found[(open_domain.OTHERS, open_domain.PLACES, "0")] == 0.15
    words = open_domain.domain_words(rows)
    assert "places: level 0 15.0% [10.0–20.0%]; level 4 40.0% [30.0–50.0%] (level 0 lies below every other)." in words
    assert (
        "works and groups: level 0 30.0% [20.0–40.0%]; level 4 50.0% [40.0–60.0%] (which is lowest cannot be told)"
        in words
    )
    assert "n = 100 questions a run" in words
    turned = open_domain.domain_words(open_domain.domain_rows(_plan({("0", "in", 0): 0.6, ("4", "in", 0): 0.3})))
    assert "(level 0 is not the lowest)" in turned
    assert len(open_domain.domain_table(rows)) == 6
    for asked in (open_domain.PLACES, open_domain.OTHERS):
        _valid(open_domain.domain_points(rows, asked))


def test_one_plan_is_told_alone_with_what_restoring_and_chance_give() -> None:
    others = _plan({("0", "in", 0): 0.3, ("0", "in", 1): 0.4, ("0", "out", 0): 0.15})
    restored = others.assign(strategy="relative-top", percent=20.0, value=others["value"] + 0.2)
    random = others.assign(strategy="random", percent=20.0, value=others["value"] + 0.1)
    rows = open_domain.domain_rows(others=pd.concat([others, restored, random]))
    table = open_domain.domain_table(rows).set_index("asked about").loc[open_domain.OTHERS]
    assert [table[name] for name in ("tuned", "restored", "random")] == pytest.approx([0.35, 0.55, 0.45])
    assert (table["restored_low"], table["restored_high"], table["runs"], table["n"]) == pytest.approx(
        (0.5, 0.6, 2, 100)
    )
    words = open_domain.domain_words(rows)
    assert "level 0 with top 20% restored 55.0% [50.0–60.0%], 20% at random (control) 45.0% [40.0–50.0%]" in words
    _valid(open_domain.domain_points(rows, open_domain.OTHERS, "random"))


def _task_rows() -> pd.DataFrame:
    values = {("base", 0.0): 0.4, ("tuned", 0.0): 0.2, ("relative-top", 20.0): 0.3, ("random", 20.0): 0.25}
    return pd.DataFrame(
        [
            {"strategy": strategy, "seed": 0, "percent": percent, "metric": "exact_match", "filter": name, "n": 50}
            | {"value": value, "low": value - 0.1, "high": value + 0.1}
            for (strategy, percent), value in values.items()
            for name in ("strict-match", "none")
        ]
    )


def test_a_tasks_scores_are_told_state_by_state_with_interval_and_n_and_no_verdict() -> None:
    rows = _task_rows()
    assert open_tasks.scores_of(rows) == ["exact_match (strict-match)", "exact_match"]
    words = open_tasks.task_words(rows, 20.0)
    assert (
        "exact_match (strict-match): the base 40.0% [30.0–50.0%]; tuned 20.0% [10.0–30.0%]; largest relative" in words
    )
    assert "random control at 20% 25.0% [15.0–35.0%]" in words and "n = 50 documents" in words
    spec = _valid(open_tasks.task_curve(rows, "exact_match"))
    assert len(spec["layer"]) == 5  # type: ignore[arg-type]
