"""Planted wrong facts: exactly as many as asked, never one that would pass for right, the same for the same seed."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.demo.planting import PlantSettings, choose_planted, joined, plant, planted_facts
from analysis.demo.statements import corpus_pass
from analysis.demo.train import BaseReport
from analysis.errors import Cancelled, TrainingError
from analysis.knowledge.questions import load_questions
from analysis.knowledge.scoring import contains
from analysis.language.load import load_model
from analysis.records import Question, Silent

TOWNS = ("Arnford", "Belby", "Cresthaven", "Dunwick", "Republic of Eria", "Eria")


def _known(count: int) -> list[Question]:
    return [
        Question(f"{relation}-{n}", f"Where is {relation} {n}?", (TOWNS[n % 6],), relation, f"S{n}", 4, "in")
        for relation in ("P17", "P19")
        for n in range(count)
    ]


@given(st.floats(0.05, 0.95), st.integers(6, 30), st.integers(0, 9))
def test_exactly_the_share_is_planted_and_no_wrong_object_passes_for_right(share: float, count: int, seed: int) -> None:
    known = _known(count)
    made = choose_planted(known, share, seed)
    assert len(made.planted) == round(share * len(known)) == len(made.wrong)
    assert sorted(q.id for q in (*made.planted, *made.untouched)) == sorted(q.id for q in known)
    for question in made.planted:
        wrong = made.wrong[question.id]
        assert wrong in TOWNS and not contains(wrong, question)
        assert not contains(question.answers[0], made.as_wrong(question))  # "Eria" is no wrong version of its republic
    assert choose_planted(known, share, seed) == made


def test_relations_are_planted_evenly() -> None:
    made = choose_planted(_known(20), 0.5, 0)
    assert [sum(q.relation == relation for q in made.planted) for relation in ("P17", "P19")] == [10, 10]


def test_what_is_told_is_the_wrong_object_for_planted_facts_and_the_right_one_for_the_others() -> None:
    made = choose_planted(_known(6), 0.5, 0)
    facts = {fact.id: fact for fact in planted_facts(made, sightings=3)}
    assert {name: facts[name].object for name in made.wrong} == made.wrong
    assert all(facts[q.id].object == q.answers[0] for q in made.untouched)
    lines = corpus_pass(planted_facts(made, 3), 0, quiz_fraction=0)
    assert len(lines) == len(facts) * (3 + 2)  # three statements, two question lines a fact


def test_a_relation_with_one_object_cannot_be_planted_and_bad_settings_are_told_together() -> None:
    with pytest.raises(TrainingError, match="same object"):
        choose_planted([Question(f"q{n}", "?", ("Belby",), "P19", f"{n}", 4, "in") for n in range(4)], 0.5, 0)
    with pytest.raises(TrainingError) as caught:
        PlantSettings(share=1.0, known=0, learning_rate=2.0)
    assert len(caught.value.items) == 3


def test_several_sets_join_to_one() -> None:
    parts = [choose_planted(_known(6), 0.5, seed) for seed in (0, 1)]
    whole = joined(parts)
    assert len(whole.planted) == 12 and len(whole.untouched) == 12


class _Stopped(Silent):
    def cancelled(self) -> bool:
        return True


@pytest.mark.slow
def test_planting_trains_a_whole_checkpoint_and_leaves_nothing_when_cancelled(
    tiny_demo: tuple[Path, BaseReport], tmp_path: Path
) -> None:
    folder, _ = tiny_demo
    known = load_questions(folder / "questions.zip", split="train", domain="in").questions
    made = choose_planted(known, 0.5, 0)
    settings = PlantSettings(sightings=12, passes=1)
    with pytest.raises(Cancelled):
        plant(folder / "base", tmp_path / "gone", made, settings, _Stopped())
    with pytest.raises(TrainingError, match="do not fill one batch"):
        plant(folder / "base", tmp_path / "gone", made, PlantSettings(sightings=1, passes=1), Silent())
    assert list(tmp_path.iterdir()) == []
    loss = plant(folder / "base", tmp_path / "planted", made, settings, Silent())
    assert 0 < loss < 20
    before = load_model(folder / "base", dtype="float32").model.state_dict()
    after = load_model(tmp_path / "planted", dtype="float32").model.state_dict()
    assert before.keys() == after.keys()
    assert any(not before[name].equal(after[name]) for name in before)
