"""Healed, kept, broken and the choice of a stop, in words whose numbers can be worked out on paper."""

from dataclasses import replace
from math import nan

from analysis.figures import repairs
from analysis.figures.stops import sweep_table
from analysis.knowledge.statistics import three_way
from analysis.records import Change, Choice

BASE = [True, True, False, False, True, False]
TUNED = [False, True, True, False, False, True]
RESTORED = [True, False, True, True, False, False]


def test_every_count_stands_beside_what_it_is_out_of(make_evaluation) -> None:
    told = three_way(make_evaluation(BASE), make_evaluation(TUNED), make_evaluation(RESTORED))
    healed, kept, broken = repairs.repair_metrics(told)
    assert (healed.value, healed.note) == ("1", "of 2 damaged")  # q0; q4 stayed wrong
    assert (kept.value, kept.note) == ("1", "of 2 won")  # q2; q5 was lost
    assert (broken.value, broken.note) == ("2", "of 3 right in tuned")  # q1 and q5
    assert "the base was right in 1 of them and wrong in 1" in broken.help
    assert repairs.repair_columns(told)["gained"] == 1  # q3
    assert repairs.repair_columns(None)["healed"] is None


def test_the_table_of_stops_holds_the_repair(make_stop, make_evaluation) -> None:
    told = three_way(make_evaluation(BASE), make_evaluation(TUNED), make_evaluation(RESTORED))
    table = sweep_table([replace(make_stop(5, RESTORED), three_way=told), make_stop(10, RESTORED)], ["in"])
    assert table["healed"].tolist()[0] == 1
    assert table["healed"].isna().tolist() == [False, True]


def test_the_change_is_told_with_its_interval_where_the_headline_is_a_mean_of_levels(make_stop) -> None:
    change = {"in": Change(0.08, (0.041, 0.12)), "all": Change(0.08, (0.0, 0.1)), "out": Change(nan, (nan, nan))}
    stop = replace(make_stop(5, RESTORED), macro_change=change)
    assert repairs.change_words(stop, "in") == "change +4.1 to +12.0 points"
    assert repairs.change_words(stop, "all") == repairs.change_words(stop, "out") == ""
    assert repairs.change_words(make_stop(5, RESTORED), "in") == ""


def test_the_choice_says_where_it_was_made_where_it_is_reported_and_how_optimistic_it_was() -> None:
    choice = Choice(250, 20.0, 250, 0.461, 0.013, "half", 0.474, (0.4, 0.523))
    words = repairs.choice_words(choice)
    assert words.startswith("Best stop, chosen on one half of the questions (n = 250): 20%, with 47.4% right there.")
    assert "Reported on the other half, which did not choose (n = 250): 46.1% right (95%: 40.0–52.3%)." in words
    assert words.endswith("looks better where it is chosen than it is: here by 1.3 points.")
    assert "the dev split" in repairs.choice_words(replace(choice, chosen_on="dev"))
    assert "1.3 points higher where it was not" in repairs.choice_words(replace(choice, optimism=-0.013))
    assert "no optimism" in repairs.choice_words(replace(choice, optimism=0.0))


def test_a_slice_and_a_question_are_told_in_every_state(make_evaluation, questions) -> None:
    states = {"base": make_evaluation(BASE), "tuned": make_evaluation(TUNED)}
    words = repairs.slice_words("mine", {"q0", "q1"}, states)
    assert words.startswith("Slice mine, n = 2: base 100.0% (") and "tuned 50.0% (" in words
    assert "none of its questions" in repairs.slice_words("mine", {"elsewhere"}, states)
    assert repairs.question_words(questions[0], states) == "Where is 0? (gold) base: gold ✓ · tuned: other ✗"
