"""What a link names and this store or session lacks is said, wherever the page itself has nothing to choose from."""

import pytest

from analysis.records import RestoreSpec
from cache.asked import Asking, Comparison
from cache.work import Workspace
from pages.components import address, selection
from tests.pages.conftest import Open, settle, words_of


def test_a_link_to_a_restored_model_where_no_stop_was_evaluated_says_so(
    open_page: Open, shared: Workspace, pair: Comparison, asking: Asking
) -> None:
    shared.evaluation(pair, "base", asking)
    shared.evaluation(pair, "tuned", asking)
    app = open_page("samples", pair, asking)
    assert address.NOTICES not in app.session_state
    app.query_params["samples_stop"] = "relative-top:20"
    app.run()
    assert "This link shows a restored model, and no stop" in words_of(app)


@pytest.mark.parametrize(
    ("page", "key", "said"),
    [
        ("mastery", "mastery_table", "This link shows a measurement of what the base knows, and none"),
        ("experiments", "plan", "This link shows a plan, and none was run here"),
    ],
)
def test_a_link_to_what_a_page_has_none_of_says_so(
    open_page: Open, shared: Workspace, pair: Comparison, asking: Asking, page: str, key: str, said: str
) -> None:
    app = open_page(page, pair, asking)
    assert said not in words_of(app)
    app.query_params[key] = "0123456789abcdef"
    app.run()
    assert said in words_of(app)


def test_a_link_to_a_question_that_is_not_among_the_chosen_says_so_on_top_and_in_the_sidebar(
    open_page: Open, shared: Workspace, pair: Comparison, asking: Asking
) -> None:
    app = open_page("compare", pair, asking)
    app.query_params["question"] = "nobody-knows-me"
    app.run()
    assert "“nobody-knows-me”, which is not among the questions chosen here" in words_of(app).replace("\\", "")
    assert "not among the questions chosen" in "\n".join(each.value for each in app.sidebar.markdown)


def test_a_link_to_a_question_among_the_chosen_says_nothing(
    open_page: Open, shared: Workspace, pair: Comparison, asking: Asking
) -> None:
    app = open_page("compare", pair, asking)
    app.query_params["question"] = shared.question_set(asking).questions[0].id
    app.run()
    assert address.NOTICES not in app.session_state


def test_a_question_id_longer_than_any_is_left_out_and_told(open_page: Open, shared: Workspace) -> None:
    app = open_page("compare")
    app.query_params["question"] = "x" * (selection.LONGEST_ID + 1)
    app.run()
    assert selection.QUESTION not in app.session_state
    assert f"longer than {selection.LONGEST_ID} characters" in words_of(app)


def test_a_link_copied_with_no_pair_has_its_schema_version_too(open_page: Open, shared: Workspace) -> None:
    assert list(open_page("compare").query_params["v"]) == [address.SCHEMA]


def test_back_to_another_pair_does_not_offer_the_stop_of_the_one_left(
    open_page: Open, shared: Workspace, pair: Comparison, asking: Asking
) -> None:
    other = Comparison(pair.base, pair.base)
    shared.remember(other)
    app = open_page("compare", pair, asking)
    app.session_state["restored_spec"] = RestoreSpec(20)
    app.session_state["stop_tried"] = (pair, RestoreSpec(20), asking)
    app.session_state[selection.ASKED] = {(pair, "base", asking)}
    app.query_params["pair"] = selection.identity(other)
    app.run()
    assert app.session_state["comparison"] == other
    assert not [name for name in ("restored_spec", "stop_tried", selection.ASKED) if name in app.session_state]
    settle(shared)
