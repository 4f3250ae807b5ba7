"""The planted base's trainings, groups, rows and KL: counted and compared with plain references."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from analysis.demo.planting import PlantSettings, choose_planted
from analysis.errors import SpecError
from analysis.experiments.planted import (
    GROUPS,
    PlantedSettings,
    PlantedTraining,
    asked_groups,
    first_answer_kl,
    group_rows,
    next_logits,
    rank_correlations,
)
from analysis.knowledge.summary import summarise
from analysis.language.load import LanguageModel, load_model
from analysis.records import Answered, Question, Silent
from cache.asked import Comparison
from cache.work import Workspace
from tests.conftest import TinyPair

OBJECTS = ("Arnford", "Belby", "Cresthaven", "Dunwick")


def _facts(count: int, start: int = 0) -> list[Question]:
    return [
        Question(f"f{n}", f"Where is {n}?", (OBJECTS[n % 4],), ("P17", "P19")[n % 2], f"S{n}", 4, "in")
        for n in range(start, start + count)
    ]


def test_half_of_a_correcting_training_are_right_versions_of_planted_facts() -> None:
    train = choose_planted(_facts(40), 0.5, 0)
    planted = {question.id for question in train.planted}
    taken = PlantedTraining(10, True, 0).facts(train)
    assert len(taken) == 10 and sum(question.id in planted for question in taken) == 5
    assert all(
        question.answers[0] in OBJECTS and question.answers[0] != train.wrong.get(question.id) for question in taken
    )
    assert not planted & {question.id for question in PlantedTraining(10, False, 0).facts(train)}


def test_groups_hold_corrected_training_facts_and_test_facts_of_both_kinds() -> None:
    train, test = choose_planted(_facts(40), 0.5, 0), choose_planted(_facts(20, 100), 0.5, 0)
    groups = asked_groups(train, test, PlantedTraining(10, True, 0), most=8)
    assert {name: len(facts) for name, facts in groups.items()} == dict(zip(GROUPS, (5, 8, 8), strict=True))
    assert {q.id for q in groups[GROUPS[1]]} <= {q.id for q in test.planted}
    assert set(asked_groups(train, test, PlantedTraining(10, False, 0), most=8)) == set(GROUPS[1:])


def test_sizes_beyond_what_is_planted_are_refused() -> None:
    with pytest.raises(SpecError, match="follow this planting") as caught:
        PlantedSettings(plant=PlantSettings(known=100), sizes=(40, 60, 1))
    assert len(caught.value.items) == 2


def test_a_groups_row_counts_right_answers_planted_objects_and_the_mean_kl() -> None:
    facts = _facts(4)
    outputs = ("Arnford", "Dunwick", "Dunwick", "Dunwick")  # right, planted, planted, right
    wrong = {"f1": "Dunwick", "f2": "Dunwick"}
    right = [output == fact.answers[0] for output, fact in zip(outputs, facts, strict=True)]
    rows = [
        Answered(
            fact.id,
            (1,),
            (2,),
            output,
            "eos",
            dict.fromkeys(("contains", "contains_word", "contains_first_line", "exact_match"), good),
        )
        for fact, output, good in zip(facts, outputs, right, strict=True)
    ]
    found = summarise(rows, facts, prompt="paper", dtype="float32", seconds=1.0, engine={}, seed=0)
    groups = {GROUPS[1]: facts[1:3], GROUPS[2]: [facts[0], facts[3]]}
    kl = {"f0": 0.0, "f1": 1.0, "f2": 3.0, "f3": 0.0}
    planted, untouched = group_rows(found, kl, groups, wrong)
    assert (planted["right"], planted["wrong"], planted["kl_nats"], planted["n"]) == (0.0, 1.0, 2.0, 2)
    assert planted["kl_high"] == pytest.approx(2 + 1.96 * np.std([1, 3], ddof=1) / np.sqrt(2))
    assert untouched["right"] == 1.0 and np.isnan(untouched["wrong"])


@pytest.fixture(scope="module")
def model(tiny_pair: TinyPair) -> LanguageModel:
    return load_model(tiny_pair.base, dtype="float32", device="cpu")


def test_logits_of_the_next_token_are_those_of_each_prompt_alone(model: LanguageModel) -> None:
    prompts = [[0, 5, 9], [0, 7], [0, 8, 4, 6, 11]]
    found = next_logits(model, prompts, Silent())
    for prompt, logits in zip(prompts, found, strict=True):
        alone = model.model(input_ids=torch.tensor([prompt])).logits[0, -1]
        assert torch.allclose(logits, alone, atol=1e-5)


def test_kl_at_the_first_answer_token_is_the_papers_formula_and_zero_for_the_base_itself(
    tiny_pair: TinyPair, tmp_path: Path
) -> None:
    work = Workspace(tmp_path)
    pair = Comparison(str(tiny_pair.base), str(tiny_pair.tuned))
    work.profile(pair)
    statements, prompts = [[0, 5, 9], [0, 7]], [[0, 8, 4], [0, 6, 11, 3]]
    with work._lease(pair, "float32", Silent()) as resident:
        same = next(iter(first_answer_kl(resident, statements, statements, ["base"], top=10, progress=Silent())))
        (found,) = first_answer_kl(resident, statements, prompts, ["tuned"], top=10, progress=Silent())
    assert np.allclose(same, 0, atol=1e-9)
    base, tuned = (load_model(path, dtype="float32", device="cpu") for path in (tiny_pair.base, tiny_pair.tuned))
    p_all, q_all = next_logits(tuned, prompts, Silent()).double(), next_logits(base, statements, Silent()).double()
    for row in range(2):
        ten = p_all[row].topk(10).indices
        p, q = p_all[row][ten].softmax(-1), q_all[row][ten].softmax(-1)
        assert found[row] == pytest.approx(float((p * (p / q).log()).sum()), rel=1e-5)


def test_the_rank_correlation_is_minus_one_where_less_kl_is_always_better() -> None:
    states = pd.DataFrame(
        {
            "group": [GROUPS[2]] * 4 + [GROUPS[1]] * 4,
            "kl_nats": [0.1, 0.5, 1.0, 3.0] * 2,
            "right": [0.9, 0.8, 0.4, 0.1, 0.0, 0.0, 0.0, 0.0],
            "size": [60, 240, 60, 240] * 2,
            "correcting": [False, False, True, True] * 2,
            "train_seed": 0,
            "n": 50,
        }
    )
    found = rank_correlations(states).set_index("group")
    assert found.loc[GROUPS[2], "rho"] == pytest.approx(-1)
    assert np.isnan(found.loc[GROUPS[1], "rho"]) and found.loc[GROUPS[1], "states"] == 4
    assert list(found.loc[GROUPS[2], ["low", "high", "models", "n"]]) == pytest.approx([-1, -1, 4, 50])
    two = rank_correlations(states.assign(size=60)).set_index("group").loc[GROUPS[2]]
    assert "p" not in found, "restorations of one model are no independent points"
    assert two["models"] == 2 and np.isnan(two["low"])  # two models drawn anew tell nothing


@pytest.mark.slow
def test_the_workspace_plants_the_demos_base_tunes_restores_and_remembers(tmp_path: Path) -> None:
    work = Workspace(tmp_path)
    plant = PlantSettings(known=120, passes=1)
    asked = PlantedSettings(plant=plant, sizes=(8,), percents=(20.0,), asked=20)
    assert work.known_planted(asked) is None
    report = work.planted(asked)
    told = report.states.groupby(["correcting", "strategy"])["group"].agg(list).to_dict()
    assert told == {
        (correcting, strategy): list(GROUPS if correcting else GROUPS[1:])
        for correcting in (False, True)
        for strategy in ("tuned", "relative-top")
    }
    planting = report.planting.set_index(["base", "group"])
    assert planting.loc[("shipped", GROUPS[2]), "right"] > 0.8  # level-4 facts, completed by the relation's statement
    assert planting.loc[("shipped", GROUPS[1]), "wrong"] < 0.2
    assert planting.loc[("planted", GROUPS[1]), "wrong"] > planting.loc[("shipped", GROUPS[1]), "wrong"]
    assert (report.states["kl_nats"] >= 0).all() and Path(report.base, "model.safetensors").is_file()
    known = Workspace(tmp_path).known_planted(asked)
    assert known is not None
    pd.testing.assert_frame_equal(known.states, report.states)
