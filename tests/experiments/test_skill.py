"""A skill's questions: right by the rule, new names in the test, the same again for the same seed."""

from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.errors import SpecError
from analysis.experiments.skill import (
    NUMBERS,
    SKILLS,
    TRAININGS,
    SkillName,
    SkillSet,
    SkillSettings,
    by_chance,
    make_skill,
)
from analysis.experiments.state_rows import COLUMNS, macro_row, score_row, state_fields
from analysis.knowledge.summary import summarise
from analysis.records import Answered, Question, RestoreSpec
from cache.asked import Asking
from cache.work import Workspace
from tests.conftest import TinyPair


def _names(question: Question) -> list[str]:
    if question.relation == "skill counting":
        listed = question.question.removeprefix("How many names are there in ").removesuffix("?")
        return listed.split(", ")
    return [question.question.removeprefix("With which letter does ").removesuffix(" begin?")]


@given(st.sampled_from(SKILLS), st.integers(0, 5))
@settings(max_examples=8, deadline=None)
def test_every_answer_follows_the_rule_and_no_tested_name_was_learnt(skill: SkillName, seed: int) -> None:
    made = make_skill(skill, 60, 30, seed)
    for question in (*made.train, *made.test):
        names = _names(question)
        assert question.answers == ((NUMBERS[len(names) - 1] if skill == "counting" else names[0][0]),)
    learnt = {name for question in made.train for name in _names(question)}
    assert learnt.isdisjoint(name for question in made.test for name in _names(question))
    every = [question.question for question in (*made.train, *made.test)]
    assert len(set(every)) == 90
    assert make_skill(skill, 60, 30, seed) == made


@pytest.mark.parametrize("skill", SKILLS)
def test_a_larger_training_set_holds_the_smaller_and_leaves_the_test_as_it_is(skill: SkillName) -> None:
    small, large = make_skill(skill, 20, 15), make_skill(skill, 50, 15)
    assert large.test == small.test
    assert large.train[:20] == small.train
    assert make_skill(skill, 20, 15, seed=1) != small


def test_counting_asks_for_every_number_about_as_often() -> None:
    answers = [question.answers[0] for question in make_skill("counting", 800, 1).train]
    assert set(answers) == set(NUMBERS)
    assert max(map(answers.count, NUMBERS)) < 1.5 * 100
    assert by_chance(make_skill("counting", 800, 1).train) == max(map(answers.count, NUMBERS)) / 800


def test_settings_that_cannot_be_are_told_together() -> None:
    with pytest.raises(SpecError) as caught:
        SkillSettings(examples=0, facts=0, test=10**9)
    assert len(caught.value.items) == 3
    with pytest.raises(SpecError):
        SkillSettings(percents=(101.0,))


def test_the_control_is_drawn_with_each_seed_and_the_order_asked_once() -> None:
    stops = SkillSettings(percents=(5.0, 20.0), random_seeds=(0, 1)).stops()
    assert stops[:2] == (RestoreSpec(5.0), RestoreSpec(20.0))
    assert {(spec.seed, spec.percent) for spec in stops[2:]} == {(0, 5.0), (0, 20.0), (1, 5.0), (1, 20.0)}


def test_rows_hold_the_share_the_macro_mean_and_what_the_state_is_called() -> None:
    rights = (True, False, True, True)
    questions = [Question(f"q{n}", "?", ("gold",), "P19", f"{n}", level, "in") for n, level in enumerate((0, 0, 4, 4))]
    correct = [dict.fromkeys(("contains", "contains_word", "contains_first_line", "exact_match"), r) for r in rights]
    rows = [Answered(f"q{n}", (1,), (2,), "gold", "eos", each) for n, each in enumerate(correct)]
    found = summarise(rows, questions, prompt="paper", dtype="float32", seconds=1.0, engine={}, seed=0)
    assert score_row("skill", found, "exact_match")["value"] == 0.75
    assert macro_row("facts", found)["value"] == 0.75  # mean of 1/2 and 2/2
    assert macro_row("facts", found)["low"] < 0.75 < macro_row("facts", found)["high"]
    named = state_fields("both", RestoreSpec(20.0, "random", seed=3))
    assert (named["strategy"], named["seed"], named["percent"]) == ("random", 3, 20.0)


@pytest.mark.slow
def test_the_workspace_trains_restores_asks_and_remembers(tiny_pair: TinyPair, tmp_path: Path) -> None:
    work, asking = Workspace(tmp_path), Asking(str(tiny_pair.questions))
    asked = SkillSettings(
        examples=8, facts=8, level=4, percents=(20.0,), random_seeds=(0,), test=6, fact_limit=10, learning_rate=1e-3
    )
    base = str(tiny_pair.base)
    assert work.known_skill(base, asking, asked) is None
    report = work.skill(base, asking, asked)
    assert list(report.table.columns) == list(COLUMNS)
    counted = report.table.groupby(["training", "strategy", "measure"]).size()
    assert counted.to_dict() == {
        (name, strategy, measure): 1
        for name, strategies in (("", ("base",)), *((name, ("tuned", "relative-top", "random")) for name in TRAININGS))
        for strategy in strategies
        for measure in ("skill", "facts")
    }
    assert set(report.table.loc[report.table["measure"] == "skill", "n"]) == {6}
    assert all(Path(folder, "model.safetensors").is_file() for folder in report.tuned.values())
    known = Workspace(tmp_path).known_skill(base, asking, asked)
    assert known is not None and known.settings == asked
    pd.testing.assert_frame_equal(known.table, report.table)


def test_a_skill_set_is_plain_questions() -> None:
    made: SkillSet = make_skill("letters", 3, 2)
    assert [question.id for question in made.test] == ["letters-test-00000", "letters-test-00001"]
    assert all(question.level is None and question.domain is None for question in made.train)
