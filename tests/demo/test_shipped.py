"""What is shipped under demo/: the promises that the rest of the product and its readers rely on."""

import json
from collections import Counter

import pandas as pd
import pytest

from analysis.demo.world import RECIPES, SHIPPED, DemoFiles
from analysis.knowledge.mastery import level_of
from analysis.knowledge.mastery_table import read_mastery
from analysis.knowledge.questions import load_questions
from analysis.knowledge.scoring import contains
from analysis.records import MASTERY_LEVELS, Question
from analysis.weights.checkpoint import open_checkpoint

FILES = DemoFiles(SHIPPED)
SPLITS = ("train", "dev", "test")


@pytest.fixture(scope="module")
def questions() -> dict[str, tuple[Question, ...]]:
    """The shipped questions with their levels, by split."""
    return {split: load_questions(FILES.questions, split=split, mastery=FILES.mastery).questions for split in SPLITS}


def counts(questions: tuple[Question, ...], domain: str) -> Counter[int | None]:
    """Questions by level in one domain."""
    return Counter(question.level for question in questions if question.domain == domain)


def test_nothing_is_missing_and_the_base_is_small_and_bfloat16() -> None:
    assert FILES.missing() == ()
    assert (FILES.base / "model.safetensors").stat().st_size <= 12_000_000
    assert {entry.dtype for entry in open_checkpoint(FILES.base).tensors.values()} == {"BF16"}


def test_every_level_holds_what_the_tuned_models_are_trained_on(questions: dict[str, tuple[Question, ...]]) -> None:
    held = counts(questions["train"], "in")
    for recipe in RECIPES:
        assert held[recipe.level] >= recipe.size


def test_every_level_holds_enough_test_questions(questions: dict[str, tuple[Question, ...]]) -> None:
    inside, outside = counts(questions["test"], "in"), counts(questions["test"], "out")
    assert min(inside[level] for level in MASTERY_LEVELS) >= 100
    assert min(outside[level] for level in MASTERY_LEVELS) >= 80


def test_splits_share_no_fact(questions: dict[str, tuple[Question, ...]]) -> None:
    facts = [(q.relation, q.subject) for split in SPLITS for q in questions[split]]
    assert len(set(facts)) == len(facts)


def test_no_answer_or_alias_stands_in_its_question(questions: dict[str, tuple[Question, ...]]) -> None:
    assert [q for split in SPLITS for q in questions[split] if contains(q.question, q)] == []


def test_mastery_covers_every_fact_once_by_the_paper_s_protocol() -> None:
    table = read_mastery(FILES.mastery)
    facts = pd.read_parquet(FILES.facts)
    assert sorted(table.frame["id"]) == sorted(facts["id"])
    protocol = {name: table.protocol[name] for name in ("samples", "temperature", "max_new_tokens")}
    assert protocol == {"samples": 10, "temperature": 0.7, "max_new_tokens": 32}
    for row in table.frame.sample(200, random_state=0).itertuples():
        assert len(row.successes) == 21
        assert sum(row.successes) / 210 == row.R
        assert row.level == level_of(row.R)


def test_facts_told_more_often_are_better_mastered() -> None:
    facts = pd.read_parquet(FILES.facts).merge(read_mastery(FILES.mastery).frame[["id", "R"]], on="id")
    means = facts.groupby("sightings")["R"].mean()
    assert means.is_monotonic_increasing
    assert means.iloc[0] < 0.1 < 0.5 < means.iloc[-1]


def test_the_card_agrees_with_the_files() -> None:
    card = json.loads((SHIPPED / "world.json").read_text())
    assert card["training"]["parameters"] == open_checkpoint(FILES.base).parameters
    passes = sum(card["training"]["config"]["cycles"])
    told = set(pd.read_parquet(FILES.facts)["sightings"])
    assert told == {times * passes for times in card["size"]["sightings"]}
