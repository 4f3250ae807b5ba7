"""The Samples page: slices kept and applied, the chosen question on every page, hostile text, the exact prompt."""

import pytest
from streamlit.testing.v1 import AppTest

from analysis.records import RestoreSpec
from cache.asked import Asking, Comparison
from cache.work import Workspace
from tests.pages.conftest import Open, words_of

pytestmark = pytest.mark.slow  # a page's run each

KEPT = ("samples_search", "samples_order", "samples_chips", "samples_levels", "samples_raw", "samples_stop")


@pytest.fixture
def answered(shared: Workspace, pair: Comparison, asking: Asking) -> Workspace:
    """The pair read, base, tuned and one restoration asked."""
    shared.evaluation(pair, "base", asking)
    shared.stop(pair, RestoreSpec(5), asking)
    return shared


def table_of(app: AppTest):  # type: ignore[no-untyped-def]
    return next(frame.value for frame in app.dataframe if "gold" in frame.value.columns)


def press(app: AppTest, label: str) -> AppTest:
    return next(button for button in app.button if button.label == label).click().run()


def test_a_search_is_saved_as_a_slice_applied_and_deleted(
    open_page: Open, answered: Workspace, pair: Comparison, asking: Asking
) -> None:
    app = open_page("samples", pair, asking)
    every, first = len(table_of(app)), table_of(app).iloc[0]
    app.text_input(key="samples_search").input(first["question"]).run()
    app.text_input(key="slice_name").input("**one** <b>").run()
    press(app, "Save slice")
    assert not app.exception
    (saved,) = answered.slices.all()
    assert saved.ids == {first["id"]}
    assert app.query_params["slice"] == saved.name
    app.text_input(key="samples_search").input("").run()
    assert table_of(app)["id"].tolist() == [first["id"]]  # applied, without the search
    assert "Slice **\\*\\*one\\*\\* \\<b\\>**: 1 of its 1 are here" in words_of(app)
    press(app, "Show all")
    assert len(table_of(app)) == every
    press(app, "Delete")
    assert answered.slices.all() == ()


def test_a_slice_without_a_name_is_refused_with_the_reason(
    open_page: Open, answered: Workspace, pair: Comparison, asking: Asking
) -> None:
    app = press(open_page("samples", pair, asking), "Save slice")
    assert "needs a name" in app.error[0].value
    assert answered.slices.all() == ()


def test_the_chosen_question_is_told_in_full_and_follows_to_every_page(
    open_page: Open, answered: Workspace, pair: Comparison, asking: Asking
) -> None:
    app = open_page("samples", pair, asking)
    row = table_of(app).iloc[3]
    app.session_state["chosen_question"] = row["id"]
    app.run()
    assert not app.exception
    words = words_of(app)
    assert "raw output" in words and "whole words" in words and "What changed, tuned → restored" in words
    assert app.query_params["question"] == row["id"]
    press(app, "Next")
    following = table_of(app).iloc[4]
    assert app.query_params["question"] == following["id"]
    press(app, "Open in Tokens")
    assert not app.exception
    assert app.title[0].value == "Tokens"
    from pages.components.words import plain

    assert plain(following["question"]) in "\n".join(str(each.value) for each in app.sidebar.markdown)


def test_an_address_opens_a_question_and_a_slice_and_tells_of_one_that_is_gone(
    open_page: Open, answered: Workspace, pair: Comparison, asking: Asking
) -> None:
    question = answered.question_set(asking).questions[2]
    answered.slices.save("mine", frozenset({question.id}))
    app = open_page("samples", pair, asking)
    app.query_params["question"], app.query_params["slice"] = question.id, "mine"
    app.run()
    assert not app.exception
    assert table_of(app)["id"].tolist() == [question.id]
    app.query_params["slice"] = "another"
    app.run()
    assert "which this store does not have" in words_of(app)


def test_chips_of_the_page_and_the_levels_narrow_the_rows(
    open_page: Open, answered: Workspace, pair: Comparison, asking: Asking
) -> None:
    app = open_page("samples", pair, asking)
    app.session_state["samples_chips"] = ["still wrong"]
    app.session_state["samples_levels"] = [0]
    app.run()
    assert set(table_of(app)["side"]) <= {"still wrong"}
    assert set(table_of(app)["level"]) <= {0}


def test_the_view_survives_a_visit_without_a_pair(
    open_page: Open, answered: Workspace, pair: Comparison, asking: Asking
) -> None:
    app = open_page("samples", pair, asking)
    app.text_input(key="samples_search").input("who")
    app.selectbox(key="samples_order").set_value("relation")
    app.session_state["samples_chips"] = ["still wrong"]
    app.session_state["samples_levels"] = [0]
    app.run()
    kept = {name: app.session_state[name] for name in KEPT}
    del app.session_state["comparison"]
    del app.query_params["pair"]
    app.run()
    assert "No pair is loaded" in words_of(app)
    app.session_state["comparison"] = pair
    app.run()
    assert not app.exception
    assert {name: app.session_state[name] for name in KEPT} == kept
    assert app.text_input(key="samples_search").value == "who"
