"""The commands of a figure make what is in it: its stops with their seeds, its texts, its protocol, and no more."""

import shlex
from pathlib import Path

import pytest

from analysis.records import RestoreSpec
from cache import commands
from cache.asked import Asking, Comparison

PAIR, ASKING = Comparison("base", "tuned"), Asking("q.jsonl", limit=5)
PERCENTS = (0, 1, 5)
PROTOCOL = {"samples": 10, "temperature": 0.7, "max_new_tokens": 32, "seed": 0, "until": "length", "preview_of": None}


def swept(*specs: RestoreSpec) -> list[str]:
    """The options after the pair and the questions, a command each."""
    head = "palimpsest sweep base tuned --questions q.jsonl --limit 5 "
    told = commands.sweep(PAIR, ASKING, specs).split(" && ")
    assert all(each.startswith(head) for each in told)
    return [each.removeprefix(head) for each in told]


def test_a_sweep_names_every_seed_that_was_drawn_and_only_the_strategies_drawn() -> None:
    ours = [RestoreSpec(percent) for percent in PERCENTS]
    lots = [RestoreSpec(percent, "random", seed=seed) for percent in PERCENTS for seed in (0, 1, 2)]
    assert swept(*ours, *lots) == ["--percents 0,1,5 --strategies relative-top,random --seeds 0,1,2"]
    assert swept(*ours) == ["--percents 0,1,5 --strategies relative-top"]
    assert swept() == ["--percents 0 --strategies relative-top"], "base and tuned alone"


def test_stops_that_no_one_grid_holds_take_several_sweeps() -> None:
    changed = RestoreSpec(5, "random", among="changed")
    found = swept(
        RestoreSpec(1), RestoreSpec(2.5), RestoreSpec(1, "random", seed=3), changed, RestoreSpec(5, "spectral")
    )
    assert sorted(found) == [
        "--percents 1 --strategies random --seeds 3",
        "--percents 1,2.5 --strategies relative-top",
        "--percents 5 --strategies random --among changed",
        "--percents 5 --strategies spectral",
    ]


def test_a_restored_state_is_one_option_where_the_command_restores_so_and_a_checkpoint_elsewhere() -> None:
    texts = Path("texts.jsonl")
    told = commands.divergence(PAIR, texts, RestoreSpec(20), "tuned")
    assert told == "palimpsest divergence base tuned --prompts texts.jsonl --percent 20"
    told = commands.divergence(PAIR, texts, RestoreSpec(20, "random", seed=2, region="mlp"), "tuned", 8)
    assert told == (
        "palimpsest restore base tuned restored --percent 20 --strategy random --seed 2 --region mlp && "
        "palimpsest divergence tuned restored --prompts texts.jsonl --generate 8"
    )


def test_the_papers_measure_is_asked_for_with_questions_and_mastery() -> None:
    told = commands.paper(PAIR, Asking("q.jsonl", mastery="m.parquet", shots=4), "tuned")
    assert told == "palimpsest divergence base tuned --paper --questions q.jsonl --mastery m.parquet"


def test_a_mastery_measurement_is_told_with_its_protocol_or_not_at_all() -> None:
    asked = Asking("q.jsonl", split="dev", limit=9)
    told = shlex.split(commands.mastery("base", asked, PROTOCOL | {"seed": 4, "temperature": 1.0}, "statements"))
    assert told[:3] == ["palimpsest", "mastery", "base"]
    options = dict(zip(told[3::2], told[4::2], strict=True))
    assert options == {
        "--questions": "q.jsonl",
        "--split": "dev",
        "--limit": "9",
        "--seed": "4",
        "--out": "mastery.parquet",
        "--temperature": "1",
        "--method": "statements",
    }
    preview = commands.mastery("base", asked, PROTOCOL | {"samples": 1, "preview_of": 20}, "question form, preview")
    assert "--samples 20 --method question-form --preview" in preview
    assert commands.mastery("base", asked, PROTOCOL | {"max_new_tokens": 8}, "statements") == ""


@pytest.mark.parametrize("page", ["tokens", "mastery", "experiments", "jobs", ""])
def test_a_page_whose_figures_need_more_than_the_page_knows_has_no_command_of_its_own(page: str) -> None:
    assert commands.command(page, PAIR, ASKING, RestoreSpec(5)) == ""


def test_what_a_stop_restores_where_is_told_by_a_pass_or_not_at_all() -> None:
    assert commands.where(PAIR, RestoreSpec(5, region="mlp", arithmetic="paper")) == (
        "palimpsest profile base tuned --region mlp --arithmetic paper --percents 5 --json"
    )
    for other in (RestoreSpec(5, "random"), RestoreSpec(5, scope="tensor"), RestoreSpec(5, layers=(0,))):
        assert commands.where(PAIR, other) == ""
