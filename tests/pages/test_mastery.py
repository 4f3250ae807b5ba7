"""The Mastery page: what it says before anything was measured, measuring in the background, facts, and their use."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from analysis.knowledge.mastery import Protocol
from cache.asked import Asking, Comparison
from cache.work import Workspace
from tests.pages.conftest import Open, settle, words_of

pytestmark = pytest.mark.slow  # a page's run each

QUICK = Protocol(samples=1, max_new_tokens=2)


@pytest.fixture
def measured(shared: Workspace, pair: Comparison, asking: Asking) -> Path:
    """The pair's base, measured on its questions; the table's file."""
    shared.mastery(pair.base, asking, QUICK)
    (path,) = shared.mastery_tables(pair.base)
    return path


def facts_of(app: AppTest):  # type: ignore[no-untyped-def]
    return next(frame.value for frame in app.dataframe if "object" in frame.value.columns)


def test_without_a_pair_the_page_says_what_to_do(open_page: Open) -> None:
    app = open_page("mastery")
    assert not app.exception
    assert "No pair is loaded" in words_of(app)


def test_before_anything_was_measured_the_page_says_what_to_choose_and_offers_to_measure(
    open_page: Open, pair: Comparison, asking: Asking
) -> None:
    app = open_page("mastery", pair)
    assert "Nothing is measured yet" in words_of(app)
    assert "Choose questions first" in words_of(app)
    app = open_page("mastery", pair, asking)
    assert not app.exception
    assert "the session's 20 questions" in words_of(app)
    assert "Measure the base" in [button.label for button in app.button]


def test_measuring_runs_in_the_background_and_its_table_is_shown(
    open_page: Open, shared: Workspace, pair: Comparison, asking: Asking
) -> None:
    app = open_page("mastery", pair, asking)
    for label, value in (("Samples of each statement", 1), ("Longest completion, tokens", 2)):
        next(field for field in app.number_input if field.label == label).set_value(value)
    next(button for button in app.button if button.label == "Measure the base").click().run()
    assert [job.title.split(":")[0] for job in shared.jobs.all()] == ["Measure mastery"]
    settle(shared)
    app.run()
    assert not app.exception
    assert len(facts_of(app)) == 20
    assert "Level 0" in [metric.label for metric in app.metric]
    assert "method: statements (the paper's form, our own templates)" in words_of(app).replace("\\", "")


def test_a_chosen_fact_is_told_statement_by_statement_and_opens_in_tokens(
    open_page: Open, measured: Path, shared: Workspace, pair: Comparison, asking: Asking
) -> None:
    app = open_page("mastery", pair, asking)
    first = facts_of(app).iloc[0]
    app.text_input(key="mastery_search").input(first["subject"]).run()
    assert set(facts_of(app)["subject"].str.contains(first["subject"])) == {True}
    app.session_state["mastery_fact"] = first["id"]
    app.run()
    statements = next(frame.value for frame in app.dataframe if "statement" in frame.value.columns)
    assert len(statements) == 21
    best = shared.mastery_table(measured).best_templates()[first["relation"]]
    next(button for button in app.button if button.label == "Open in Tokens").click().run()
    assert app.session_state["token_prompt"] == best.replace("{subject}", first["subject"])
    assert app.session_state["token_source"] == "own"


def test_the_levels_are_sent_to_the_evaluation_and_to_training(
    open_page: Open, measured: Path, pair: Comparison, asking: Asking
) -> None:
    app = open_page("mastery", pair, asking)
    assert f"--mastery {measured} --level 0" in app.code[-1].value
    next(button for button in app.button if button.label == "Use these levels").click().run()
    assert not app.exception
    assert app.session_state["asking"].mastery == str(measured)
    assert "In use" in app.success[0].value


def test_a_preview_by_the_question_form_is_named_with_its_uncertainty(
    open_page: Open, shared: Workspace, pair: Comparison, tmp_path: Path
) -> None:
    short = tmp_path / "short.csv"  # four examples and a question fit into the tiny model's context
    short.write_text("question,answer\n" + "".join(f"{letter}?,a\n" for letter in "abcdefgh"))
    app = open_page("mastery", pair, Asking(str(short)))
    next(field for field in app.number_input if field.label == "Longest completion, tokens").set_value(2)
    next(box for box in app.checkbox if box.label.startswith("Preview")).check()
    next(button for button in app.button if button.label == "Measure the base").click().run()
    settle(shared)
    app.run()
    assert not app.exception
    assert "method: question form, preview" in words_of(app).replace("\\", "")
    assert "A preview: 1 of 10 samples" in app.info[0].value.replace("\\", "")
    assert "sure" in facts_of(app).columns
    app.session_state["mastery_fact"] = facts_of(app)["id"].iloc[0]
    app.run()
    next(button for button in app.button if button.label == "Open in Tokens").click().run()
    assert not app.exception
    assert app.session_state["chosen_question"] == app.session_state["mastery_fact"]


def test_one_level_is_sent_to_samples(
    open_page: Open, measured: Path, shared: Workspace, pair: Comparison, asking: Asking
) -> None:
    shared.evaluation(pair, "tuned", Asking(asking.questions, limit=20, mastery=str(measured)))
    app = open_page("mastery", pair, asking)
    next(button for button in app.button if button.label == "Samples at level 0").click().run()
    assert not app.exception
    assert app.title[0].value == "Samples"
    assert app.session_state["asking"].mastery == str(measured)
    assert app.session_state["samples_levels"] == [0]


def test_a_table_that_is_gone_is_told(open_page: Open, pair: Comparison, tmp_path: Path, tiny_pair) -> None:  # type: ignore[no-untyped-def]
    bad = tmp_path / "gone.parquet"
    app = open_page("mastery", pair, Asking(str(tiny_pair.questions), mastery=str(bad)))
    assert not app.exception
    assert "gone" in app.error[0].value
