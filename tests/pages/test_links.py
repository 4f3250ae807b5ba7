"""A view is in its address: what a copied link holds, what it does elsewhere, and what it says where things lack."""

from dataclasses import replace
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from analysis.records import RestoreSpec
from cache.asked import Asking, Comparison
from cache.work import Workspace
from pages.components import address, selection
from tests.pages.conftest import Open, settle, words_of

pytestmark = pytest.mark.slow  # a page's run each


@pytest.mark.parametrize(
    "spec",
    [
        RestoreSpec(20),
        RestoreSpec(0.5, strategy="random", seed=3, among="changed", region="mlp"),
        RestoreSpec(100, layers=(0, 11), modules=("q", "k"), arithmetic="paper", scope="tensor"),
    ],
)
def test_a_stop_comes_back_from_its_text(spec: RestoreSpec) -> None:
    assert address.spec_of(address.spec_text(spec)) == spec


@pytest.mark.parametrize(
    "text", ["", "20", "relative-top:", "relative-top:400", "x:2", "random:2;seed=../etc", "a:1;b"]
)
def test_a_text_that_names_no_stop_gives_none(text: str) -> None:
    assert address.spec_of(text) is None


def test_a_view_opened_elsewhere_by_its_address_alone_stands_on_the_same_values(
    open_page: Open, shared: Workspace, pair: Comparison, asking: Asking
) -> None:
    shared.evaluation(pair, "base", asking)
    shared.stop(pair, RestoreSpec(5), asking)
    shared.stop(pair, RestoreSpec(40), asking)
    first = open_page("samples", pair, asking)
    first.selectbox(key="samples_stop").set_value(RestoreSpec(40.0))
    first.text_input(key="samples_search").set_value("who")
    first.selectbox(key="samples_order").set_value("relation")
    first.run()
    assert not first.exception
    second = open_page("samples")
    for name, values in first.query_params.items():
        second.query_params[name] = values
    second.run()
    assert not second.exception
    assert second.selectbox(key="samples_stop").value == RestoreSpec(40.0)
    assert second.text_input(key="samples_search").value == "who"
    assert second.selectbox(key="samples_order").value == "relation"
    assert second.session_state["comparison"] == pair and second.session_state["asking"] == asking
    assert address.NOTICES not in second.session_state


def test_what_a_person_just_changed_is_newer_than_an_address_that_lags_behind(
    open_page: Open, shared: Workspace, pair: Comparison
) -> None:
    shared.profile(pair)
    app = open_page("updates", pair)
    app.query_params["updates_region"] = "mlp"
    app.selectbox(key="updates_region").set_value("attention").run()
    assert app.selectbox(key="updates_region").value == "attention"
    app.query_params["updates_region"] = "mlp"  # the browser's Back
    app.run()
    assert app.selectbox(key="updates_region").value == "mlp"


def test_a_value_the_page_does_not_know_is_left_out_and_told(
    open_page: Open, shared: Workspace, pair: Comparison
) -> None:
    shared.profile(pair)
    app = open_page("updates", pair)
    app.query_params["updates_region"] = "<b>nowhere</b>"
    app.run()
    assert app.selectbox(key="updates_region").value == "transformer"
    assert "does not exist here; it was left out" in words_of(app)
    next(button for button in app.button if button.label == "Dismiss").click().run()
    assert "left out" not in words_of(app)


def test_a_link_to_a_pair_this_store_never_saw_names_it_and_says_what_to_do(
    open_page: Open, pair: Comparison, asking: Asking
) -> None:
    app = open_page("restore")
    app.query_params["v"], app.query_params["pair"] = address.SCHEMA, "0" * selection.ID_LENGTH
    app.query_params["about"] = selection.about(Comparison("/there/llama", "/there/llama-sft"), asking)
    app.run()
    words = words_of(app).replace("\\", "")
    assert "the pair “llama to llama-sft”, which this store has not seen: load it on Compare" in words
    assert "No pair is loaded" in words


@pytest.mark.parametrize(
    ("version", "told"), [("1", "made by an earlier"), ("9", "reads versions up to"), ("x", "“x”")]
)
def test_an_address_of_another_schema_version_is_followed_and_told(
    open_page: Open, shared: Workspace, pair: Comparison, asking: Asking, version: str, told: str
) -> None:
    shared.remember(pair)
    shared.remember_asking(replace(asking, limit=10))
    app = open_page("compare")
    app.query_params["v"], app.query_params["pair"] = version, selection.identity(pair)
    app.run()
    assert told in words_of(app).replace("\\", "")
    assert app.session_state["comparison"] == pair
    assert app.query_params["v"] == [address.SCHEMA] or app.query_params["v"] == address.SCHEMA


def test_a_cell_of_the_grid_is_chosen_by_keyboard_too_and_is_part_of_the_link(
    open_page: Open, shared: Workspace, pair: Comparison
) -> None:
    shared.profile(pair)
    app = open_page("updates", pair)
    menu = app.selectbox(key="updates_cell")
    assert "layer 0, q" in menu.options
    menu.set_value("0/q").run()
    assert not app.exception
    assert "q, layer" in words_of(app)
    assert "0/q" in "".join(app.query_params["updates_cell"])


def test_a_link_to_a_pair_whose_folder_is_gone_opens_and_says_so(
    open_page: Open, shared: Workspace, tmp_path: Path
) -> None:
    gone = Comparison(str(tmp_path / "base"), str(tmp_path / "tuned"))
    shared.remember(gone)
    app = open_page("restore")
    app.query_params["v"], app.query_params["pair"] = address.SCHEMA, selection.identity(gone)
    app.run()
    assert not app.exception
    assert str(tmp_path / "tuned") in words_of(app).replace("\\", "")
    assert shared.pair_names() == {}


def test_samples_without_questions_say_what_to_do(open_page: Open, shared: Workspace, pair: Comparison) -> None:
    shared.profile(pair)
    assert "No questions are chosen" in words_of(open_page("samples", pair))


@pytest.mark.parametrize("text", ["x", "3-1", "0-", "9999", "1,,a", "0-999999999999"])
def test_numbers_an_address_cannot_mean_are_left_out(text: str) -> None:
    assert address.some_numbers("n", 100).read(text) is None


def test_numbers_come_back_from_their_ranges() -> None:
    field = address.some_numbers("n", 100)
    for chosen in ([], [0], [0, 1, 2, 5, 98, 99]):
        assert field.read(field.text(chosen)) == chosen


def elsewhere(open_page: Open, page: str, first: AppTest) -> AppTest:
    """The page opened by the address alone, in a session that knows nothing else."""
    second = open_page(page)
    for name, values in first.query_params.items():
        second.query_params[name] = values
    second.run()
    assert not second.exception
    return second


def test_a_link_to_a_text_of_ones_own_holds_the_text_the_stop_and_the_pinned_token(
    open_page: Open, shared: Workspace, pair: Comparison
) -> None:
    shared.profile(pair)
    first = open_page("tokens", pair)
    first.session_state["token_source"] = "own"
    first.session_state["restored_spec"] = RestoreSpec(20)
    first.run()
    first.text_area(key="token_prompt").set_value("Ann Lee was born in")
    first.text_input(key="token_answer").set_value(" a b")
    first.button(key="FormSubmitter:own_text-Compare").click().run()
    first.selectbox(key="token_state").set_value("relative-top:20").run()
    settle(shared)
    first.session_state["token"] = ["yours", 3]
    first.run()
    second = elsewhere(open_page, "tokens", first)
    assert second.text_area(key="token_prompt").value == "Ann Lee was born in"
    assert second.text_input(key="token_answer").value == " a b"
    assert second.selectbox(key="token_state").value == "relative-top:20"
    assert second.session_state["token"] == ["yours", 3]
    assert address.NOTICES not in second.session_state


def test_an_uploaded_file_is_in_the_link_and_outlives_its_widget(
    open_page: Open, shared: Workspace, pair: Comparison
) -> None:
    shared.profile(pair)
    first = open_page("tokens", pair)
    first.session_state["token_source"] = "file"
    first.run()
    lines = '{"id": "one", "text": "Ann Lee was"}\n{"id": "two", "text": "Bo Cray was"}\n'
    first.file_uploader(key="token_file").set_value(("mine.jsonl", lines.encode(), "application/json"))
    first.run()
    settle(shared)
    first.run()
    second = elsewhere(open_page, "tokens", first)
    assert "2 texts of mine.jsonl, uploaded earlier" in words_of(second).replace("\\", "")


def test_a_link_to_texts_this_store_does_not_have_says_so(open_page: Open, shared: Workspace, pair: Comparison) -> None:
    shared.profile(pair)
    app = open_page("tokens", pair)
    app.query_params["v"], app.query_params["token_source"] = address.SCHEMA, "paste"
    app.query_params["texts"] = "0" * 32
    app.run().run()
    assert "texts of somebody's own, which this store does not have" in words_of(app)
    assert not app.exception
