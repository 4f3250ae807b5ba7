"""What cannot be trained is told before anything runs, all at once; what can be is drawn as asked."""

import json
from collections import Counter, namedtuple
from contextlib import nullcontext
from pathlib import Path

import pytest

from analysis.errors import CheckpointError, TrainingError
from analysis.records import Question
from analysis.training import asked as rooms
from analysis.training.asked import (
    Asked,
    ask,
    memory_bytes,
    needed_bytes,
    require_memory,
    training_questions,
    wanted_facts,
)
from analysis.training.facts import draw_facts
from analysis.training.settings import Settings
from analysis.training.sft import fine_tune
from analysis.training.variants import Variant
from analysis.weights.checkpoint import open_checkpoint
from tests.training.models import QUESTIONS, make_base


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_base(tmp_path_factory.mktemp("models") / "base")


def test_everything_that_cannot_be_is_told_at_once(base: Path, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    with pytest.raises(TrainingError) as caught:
        fine_tune(
            base,
            tmp_path / "there",
            QUESTIONS,
            size=20,
            mix={0: 0.5, 1: 0.6},
            relations=["P19", "P999"],
            learning_rate=-1.0,
            threads=0,
            variant=Variant("freeze", layers=(1, 7), modules=("q", "elbow")),
        )
    told = "\n".join(caught.value.items)
    for words in (
        "exists already",
        "learning_rate is -1.0",
        "threads is 0",
        "add to 1.1",
        "no question has the relation P999 (there are: P19, P20, P36)",
        "no layer 7 (its layers: 0 to 1)",
        "no module elbow",
    ):
        assert words in told
    assert len(caught.value.items) == 7
    assert [path.name for path in tmp_path.iterdir()] == ["there"]


def test_a_base_that_is_none_keeps_its_own_error_unless_there_are_more(base: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError):
        fine_tune(tmp_path / "none", tmp_path / "out", QUESTIONS, size=4)
    with pytest.raises(TrainingError) as caught:
        fine_tune(tmp_path / "none", tmp_path / "out", QUESTIONS, size=400)
    assert any("none" in item for item in caught.value.items)
    assert any("only 36 facts" in item for item in caught.value.items)


def test_a_disk_without_room_is_told_before_anything_runs(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(rooms.shutil, "disk_usage", lambda path: usage(10, 10, 0))
    with pytest.raises(TrainingError, match=r"0\.0 GB are free there"):
        fine_tune(base, tmp_path / "out", QUESTIONS, size=4)


SPLIT = {"WORLD_SIZE": "2", "ACCELERATE_USE_FSDP": "true"}


@pytest.mark.parametrize(
    ("spread", "kept"),
    [({}, True), ({"WORLD_SIZE": "2"}, True), (SPLIT | {"FSDP_VERSION": "2"}, True), (SPLIT, False)],
    ids=["one process", "two processes", "split", "split by torch's older FSDP"],
)
def test_checkpoints_take_room_on_the_disk_only_where_they_are_kept(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spread: dict[str, str], kept: bool
) -> None:
    for name, value in spread.items():
        monkeypatch.setenv(name, value)
    tuned = needed_bytes(open_checkpoint(base), Settings(), checkpoints=False)
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(rooms.shutil, "disk_usage", lambda path: usage(tuned, 0, tuned))
    wanted = wanted_facts(4, None, None, None)
    assert ask(base, tmp_path / "out", QUESTIONS, wanted, Settings(), checkpoints=False).facts
    with pytest.raises(TrainingError, match="--no-checkpoints") if kept else nullcontext():
        ask(base, tmp_path / "out", QUESTIONS, wanted, Settings())


def test_by_level_needs_levels(base: Path, tmp_path: Path) -> None:
    plain = [Question(str(n), f"Where is {n}?", ("X",)) for n in range(4)]
    with pytest.raises(TrainingError, match="needs the level of every fact"):
        fine_tune(base, tmp_path / "out", plain, size=4, variant=Variant("by-level"))


def test_variants_that_need_whole_weights_are_refused_under_fsdp(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACCELERATE_USE_FSDP", "true")
    with pytest.raises(TrainingError, match="without FSDP"):
        fine_tune(base, tmp_path / "out", QUESTIONS, size=4, variant=Variant("restoring"))


def test_a_batch_that_processes_or_parts_cannot_share_evenly_is_told(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert Settings(batch_size=12, accumulate=2).problems(processes=3) == []
    assert Settings(batch_size=12, accumulate=2).micro_batch(3) == 2
    (told,) = Settings(accumulate=3).problems()
    assert told == "batch_size is 8, and 3 parts cannot share it evenly: give a multiple of 3"
    (told,) = Settings(variant=Variant("by-level"), accumulate=2).problems()
    assert "weighs a batch as a whole" in told
    monkeypatch.setenv("WORLD_SIZE", "3")
    with pytest.raises(TrainingError) as caught:
        fine_tune(base, tmp_path / "out", QUESTIONS, size=4, precision="half")  # type: ignore[arg-type]
    assert caught.value.items == (
        "precision is 'half': choose one of auto, float32, bfloat16",
        "batch_size is 8, and 3 processes cannot share it evenly: give a multiple of 3",
    )


def test_a_training_that_an_accelerator_cannot_hold_is_told_in_bytes_with_the_ways_out(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def asked(variant: Variant) -> Asked:
        return ask(base, tmp_path / "out", QUESTIONS, wanted_facts(4, None, None, None), Settings(variant=variant))

    weights = asked(Variant()).base.parameters
    assert memory_bytes(asked(Variant()).base, Settings()) == 16 * weights
    assert memory_bytes(asked(Variant()).base, Settings(variant=Variant("lora"))) == 4 * weights
    assert memory_bytes(asked(Variant()).base, Settings(variant=Variant("kl"))) == 20 * weights
    frozen = memory_bytes(asked(Variant()).base, Settings(variant=Variant("freeze", layers=(0,))))
    assert 4 * weights < frozen < 16 * weights
    require_memory(asked(Variant()), "cuda", 16 * weights)
    with pytest.raises(TrainingError, match="variant lora") as caught:
        require_memory(asked(Variant()), "cuda", 16 * weights - 1)
    assert caught.value.code == "memory"
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("ACCELERATE_USE_FSDP", "true")
    require_memory(asked(Variant()), "cuda", 8 * weights)  # each process holds its half
    require_memory(asked(Variant("kl")), "cuda", 12 * weights)  # and of the base that it is held against all
    with pytest.raises(TrainingError):
        require_memory(asked(Variant("kl")), "cuda", 12 * weights - 1)


def test_a_mix_gives_every_level_its_share_balanced_over_relations_and_seeded() -> None:
    taken = draw_facts(QUESTIONS, size=20, mix={0: 0.3, 1: 0.7}, seed=5)
    assert Counter(fact.level for fact in taken) == {0: 6, 1: 14}
    by_relation = Counter((fact.level, fact.relation) for fact in taken)
    assert all(by_relation[0, relation] == 2 for relation in ("P19", "P20", "P36"))
    assert taken == draw_facts(QUESTIONS, size=20, mix={0: 0.3, 1: 0.7}, seed=5)
    assert set(taken) != set(draw_facts(QUESTIONS, size=20, mix={0: 0.3, 1: 0.7}, seed=6))
    assert len(set(taken)) == 20


def test_the_shares_of_a_mix_hold_to_within_one_fact_and_fill_the_size() -> None:
    taken = Counter(fact.level for fact in draw_facts(QUESTIONS, size=10, mix={0: 1 / 3, 1: 2 / 3}))
    assert taken == {0: 3, 1: 7}
    whole = Counter(fact.level for fact in draw_facts(QUESTIONS, size=None, mix={0: 0.25, 1: 0.75}))
    assert whole == {0: 6, 1: 18}  # level 1 holds 18


def test_a_mix_that_is_too_large_says_how_large_it_can_be() -> None:
    with pytest.raises(TrainingError, match="has at most 24 facts"):
        draw_facts(QUESTIONS, size=30, mix={0: 0.25, 1: 0.75})


def test_only_the_relations_asked_for_are_drawn_from_inside_and_outside_the_papers(tmp_path: Path) -> None:
    lines = [
        {"id": f"{relation}-{n}", "question": f"Where is {n}?", "answers": ["X"], "relation": relation}
        for relation in ("P19", "P26")
        for n in range(3)
    ]
    (tmp_path / "q.jsonl").write_text("\n".join(map(json.dumps, lines)))
    assert {fact.relation for fact in training_questions(tmp_path / "q.jsonl")} == {"P19"}
    pool = training_questions(tmp_path / "q.jsonl", relations=["P26"])
    taken = draw_facts(pool, size=2, relations=["P26"])
    assert {fact.relation for fact in taken} == {"P26"}


def test_what_can_be_trained_comes_back_checked_and_drawn(base: Path, tmp_path: Path) -> None:
    found = ask(base, tmp_path / "out", QUESTIONS, wanted_facts(6, None, None, ("P20", "P19")), Settings(seed=2))
    assert found.wanted.relations == ("P19", "P20")
    assert Counter(fact.relation for fact in found.facts) == {"P19": 3, "P20": 3}
    assert found.base.parameters > 0
