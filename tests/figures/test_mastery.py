"""What a mastery measurement found: levels by relation, templates with their interval, facts searched and filtered."""

import json
import shlex
from pathlib import Path

import pandas as pd
import pytest

from analysis.figures import mastery
from analysis.figures import mastery_tables as tables
from analysis.knowledge.mastery import Protocol
from analysis.knowledge.mastery_preview import preview_odds, with_odds
from analysis.knowledge.mastery_table import MasteryTable
from analysis.knowledge.statistics import wilson
from analysis.records import Question

TEMPLATES = {"P19": ("{subject} was born in", "Born: {subject} in"), "P26": ("{subject} is married to",)}
FACTS = [
    (Question("a", "?", ("Rome",), "P19", "Ann <b>Lee"), (4, 0)),  # R = 1/2, level 2
    (Question("b", "?", ("Oslo",), "P19", "Bo"), (0, 0)),  # 0, level 0
    (Question("c", "?", ("Oslo",), "P19", "Cy"), (4, 4)),  # 1, level 4
    (Question("d", "?", ("Eve",), "P26", "Di"), (1,)),  # 1/4, level 1
]
SEEN = pd.DataFrame(
    {"relation": ["P19", "P19", "P26"], "subject": ["Ann <b>Lee", "Bo", "Di"], "sightings": [34, 0, 34]}
)


@pytest.fixture
def table() -> MasteryTable:
    return MasteryTable.of([fact for fact, _ in FACTS], [right for _, right in FACTS], TEMPLATES, Protocol(samples=4))


def test_each_relation_counts_its_facts_at_every_level_best_known_first(table: MasteryTable) -> None:
    found = tables.level_table(table).set_index("relation")
    assert list(found.index) == ["P19", "P26"]
    assert found.loc["P19", [f"level {level}" for level in range(5)]].tolist() == [1, 0, 1, 0, 1]
    assert found.loc["P26", "R"] == 0.25
    assert found.loc["P19", "name"] == "place of birth · P19"
    assert tables.level_words(table).startswith("Of 4 facts: 1 at level 0, 1 at level 1, 1 at level 2, 0 at level 3")


def test_templates_are_ranked_with_wilsons_interval_over_facts(table: MasteryTable) -> None:
    rates = tables.template_table(table).query("relation == 'P19'")
    assert rates["template"].tolist() == ["{subject} was born in", "Born: {subject} in"]
    assert rates["rate"].tolist() == [pytest.approx(8 / 12), pytest.approx(4 / 12)]
    assert (rates["low"].iloc[0], rates["high"].iloc[0]) == wilson(2, 3)
    words = tables.template_words(rates)
    assert "highest “{subject} was born in” (66.7% [20.8–93.9%])" in words
    assert "overlap: neither is shown to elicit more" in words
    sure = rates.assign(facts=300, low=[0.61, 0.28], high=[0.72, 0.39])
    assert "do not meet" in tables.template_words(sure) and "overlap" not in tables.template_words(sure)


def test_facts_are_narrowed_by_text_level_and_relation(table: MasteryTable) -> None:
    facts = tables.facts_table(table, SEEN)
    assert tables.pick_facts(facts)["id"].tolist() == ["a", "b", "c", "d"]
    assert tables.pick_facts(facts, text="OSLO")["id"].tolist() == ["b", "c"]
    assert tables.pick_facts(facts, text="<b>", levels=[2])["id"].tolist() == ["a"]
    assert tables.pick_facts(facts, text="o.lo").empty  # no pattern
    assert tables.pick_facts(facts, relations=["P26"], levels=[0, 1])["id"].tolist() == ["d"]


def test_a_fact_tells_its_successes_and_the_best_statement_of_its_relation(table: MasteryTable) -> None:
    row = tables.fact_row(table, "a")
    assert row is not None
    statements = tables.fact_templates(table, row)
    assert statements["statement"].tolist() == ["Ann <b>Lee was born in", "Born: Ann <b>Lee in"]
    assert statements["share"].tolist() == [1.0, 0.0]
    assert tables.best_statement(table, row) == "Ann <b>Lee was born in"
    assert tables.fact_row(table, "none") is None


def test_r_is_told_for_every_count_of_sightings_and_facts_of_unknown_count_are_left_out(table: MasteryTable) -> None:
    facts = tables.facts_table(table, SEEN)
    found = mastery.sighting_table(facts).set_index("seen")
    assert found["facts"].to_dict() == {0: 1, 34: 2}  # Cy's is not known
    assert found.loc[34, "mean"] == pytest.approx(0.375)
    assert found.loc[34, "p50"] == pytest.approx(0.375)
    assert "seen 34×: median 37.5% of 2 facts" in mastery.sighting_words(facts)


def test_many_counts_of_sightings_are_taken_together_in_doublings() -> None:
    facts = pd.DataFrame({"sightings": range(16), "R": [0.5] * 16})
    assert mastery.sighting_table(facts)["facts"].tolist() == [1, 1, 1, 2, 4, 7]  # 0, 1, 2, 3-4, 5-8, 9-16
    assert mastery.sighting_table(facts)["seen"].tolist() == [0, 1, 2, 3, 5, 9]


def test_the_figures_hold_every_relation_template_and_level(table: MasteryTable) -> None:
    bars = json.loads(mastery.level_bars(tables.level_table(table)).to_json())
    (data,) = bars["datasets"].values()
    assert {(row["name"], row["order"]): row["n"] for row in data}["place of birth · P19", 4] == 1
    assert sum(row["share"] for row in data) == pytest.approx(2)  # each relation's shares add up
    templates = json.loads(mastery.template_bars(tables.template_table(table).query("relation == 'P19'")).to_json())
    (data,) = templates["datasets"].values()
    assert [row["template"] for row in data] == ["… was born in", "Born: … in"]
    (data,) = json.loads(mastery.progress_bar({0: 3, 4: 1}).to_json())["datasets"].values()
    assert [row["n"] for row in data] == [3, 0, 0, 0, 1]
    assert mastery.sighting_boxes(tables.facts_table(table, SEEN)).to_dict()


def test_the_training_command_survives_a_shell_whatever_the_names() -> None:
    line = tables.training_command("/a b/base", "q'$(x).zip", Path("/m;.parquet"), 3)
    words = shlex.split(line)
    assert words[:3] == ["palimpsest", "sft", "/a b/base"]
    assert words[4:] == ["--questions", "q'$(x).zip", "--mastery", "/m;.parquet", "--level", "3", "--size", "240"]


def test_a_preview_says_how_sure_it_is() -> None:
    facts = [Question(f"f{n}", "?", ("Rome",), "P19", f"Ann {n}") for n in range(40)]
    rights = [(n % 2, (n // 2) % 2) for n in range(40)]
    table = with_odds(MasteryTable.of(facts, rights, TEMPLATES, Protocol(samples=1, preview_of=10)))
    odds = preview_odds(table)
    assert tables.protocol_words(table).startswith(
        "40 facts · method: statements (the paper's form, our own templates), preview, 1–2 statements"
    )
    count, bounds = tables.level_counts(table)[0]
    assert count == f"≈ {round(odds.counts[0][0])}" and bounds.startswith("95%: ")
    assert tables.facts_table(table)["sure"].tolist() == odds.odds.max(axis=1).tolist()
    words = tables.preview_words(table)
    assert f"For {odds.settled.sum()} of 40 facts" in words and "1 of 10 samples" in words


def test_what_is_said_of_a_previews_levels_carries_their_intervals_and_that_it_is_a_preview() -> None:
    facts = [Question(f"f{n}", "?", ("Rome",), "P19", f"Ann {n}") for n in range(40)]
    rights = [(n % 2, (n // 2) % 2) for n in range(40)]
    table = with_odds(MasteryTable.of(facts, rights, TEMPLATES, Protocol(samples=1, preview_of=10)))
    count, bounds = tables.level_counts(table)[0]
    words = tables.level_words(table)
    assert words.startswith(f"Of 40 facts: {count} at level 0 ({bounds}), ≈ ")
    assert words.endswith(tables.preview_words(table))
    listed = tables.facts_table(table, SEEN)
    assert tables.listing_words(table, listed, "", (), ()).endswith(tables.preview_words(table))
    counted = listed.assign(sightings=3)
    assert "A preview: each R is of fewer samples" in mastery.sighting_words(counted)
    assert "preview" not in mastery.sighting_words(counted.drop(columns="sure"))


def test_the_question_form_is_named_and_its_facts_are_told_by_their_question() -> None:
    facts = [Question(f"f{n}", f"Who wrote {n}?", ("Eve",)) for n in range(2)]
    table = MasteryTable.of(
        facts, [(4, 2), (0, 0)], {"": ("drawing 1", "drawing 2")}, Protocol(samples=4), "question form"
    )
    assert "method: question form, 2 drawings of examples" in tables.protocol_words(table)
    assert not tables.has_statements(table) and tables.preview_words(table) == ""
    assert tables.level_counts(table)[3] == ("1", "")
    assert tables.facts_table(table, questions=facts)["subject"].tolist() == ["Who wrote 0?", "Who wrote 1?"]
    row = tables.fact_row(table, "f0")
    assert row is not None and tables.best_statement(table, row) is None
    assert tables.fact_templates(table, row)["share"].tolist() == [1.0, 0.5]
    assert tables.level_table(table)["name"].tolist() == ["no relation"]
    assert tables.template_table(table)["rate"].tolist() == [0.5, 0.25]
