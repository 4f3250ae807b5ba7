"""What a store holds, as tables."""

from dataclasses import dataclass, replace
from pathlib import Path

from analysis.experiments.state import RunReport
from analysis.figures import holdings
from cache.housekeeping import FREEABLE
from cache.large import BROUGHT_BACK, MODEL, OPEN_QUESTION, PINS, TEXTS, ZIP, Piece


@dataclass(frozen=True)
class Held:
    """A stored result of a test."""

    kind: str
    pair: str
    bytes: int
    used: float


def test_results_are_added_up_by_kind_and_pair_the_largest_first() -> None:
    held = [Held("profile", "a → b", 4_000_000, 0), Held("evaluation", "a → b", 500_000, 86_400)]
    held.append(Held("evaluation", "a → b", 1_500_000, 3 * 86_400))
    table = holdings.holdings_table(held, now=4 * 86_400)
    assert table["MB"].tolist() == [4.0, 2.0] and table["results"].tolist() == [1, 2]
    assert table["unread for days"].tolist() == [4.0, 1.0]
    assert list(holdings.holdings_table([])) == list(table)


def test_a_preview_by_kind_counts_results_and_bytes_the_largest_first() -> None:
    held = [Held("evaluation", "a → b", 5, 0), Held("profile", "a → b", 40, 0), Held("evaluation", "a alone", 6, 0)]
    assert holdings.by_kind(held) == ((holdings.KINDS["profile"], 1, 40), (holdings.KINDS["evaluation"], 2, 11))


def test_every_kind_that_can_be_freed_is_told_in_words_with_what_it_takes_to_get_back() -> None:
    assert set(FREEABLE) <= set(holdings.KINDS) and set(FREEABLE) <= set(holdings.BACK)


def test_larger_things_are_told_with_what_they_cost_to_get_back_and_what_keeps_them() -> None:
    pieces = [
        Piece(MODEL, "level-0", Path("x"), 2_000_000, seconds=120.0),
        Piece(TEXTS, "texts", Path("y"), 5, lost=True),
    ]
    table = holdings.pieces_table([*pieces, Piece(ZIP, "zip", Path("z"), 1, needed_by="the plan grid")])
    assert table["MB"].iloc[0] == 2.0 and "it took 2" in table["to get it back"].iloc[0]
    assert table["to get it back"].iloc[1].startswith("nothing")
    assert table["stays for"].tolist() == ["", "", "the plan grid"]
    assert {BROUGHT_BACK, MODEL, OPEN_QUESTION, ZIP, PINS, TEXTS} == set(holdings.LARGE) == set(holdings.LARGE_BACK)


def test_folders_are_told_by_what_they_hold_and_the_smallest_left_out() -> None:
    table = holdings.folder_table({"results/profile": 2_500_000, "demo": 1_000_000, "recent.json": 20})
    assert table["MB"].tolist() == [2.5, 1.0]
    assert table["holds"].tolist() == [holdings.KINDS["profile"], holdings.FOLDERS["demo"]]


def test_what_a_run_freed_and_what_stays_is_told_in_a_sentence_each() -> None:
    report = RunReport("tiny", 5, 5, 0, 0, 0, 1.0, "local")
    assert holdings.settled_lines(report) == ()
    stayed = (("level-0-8-seed-0", "the plan other needs it"),)
    assert holdings.settled_lines(replace(report, put_away=2, freed_bytes=3_400_000_000, stayed=stayed)) == (
        "2 models of finished cells put away: 3.4 GB freed.",
        "The model of level-0-8-seed-0 stays on disk: the plan other needs it.",
    )
