"""The Tokens page: what it says before there is anything, what it shows when there is, and how it fails."""

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from analysis.records import RestoreSpec
from cache.asked import Asking, Comparison
from cache.work import Workspace
from tests.pages.conftest import Open, settle, words_of

pytestmark = pytest.mark.slow  # a page's run each, and work behind it

HOSTILE = "<img src=x onerror=alert(1)> **b** [l](http://x) \u202eevil 😀 \x07"


@pytest.fixture
def loaded(shared: Workspace, pair: Comparison) -> Workspace:
    """The workspace, with the pair's weights read."""
    shared.profile(pair)
    return shared


def view_of(app: AppTest) -> dict[str, Any]:
    """The data the reading view was given."""
    given = [json.loads(component.proto.json or "{}") for component in app.get("bidi_component")]
    (data,) = (found for found in given if "pieces" in found)  # the frame has components of its own
    assert isinstance(data, dict)
    return data


def finish(app: AppTest, shared: Workspace) -> AppTest:
    """The page once its work has ended."""
    settle(shared)
    app.run()
    assert not app.exception
    return app


def test_without_a_pair_the_page_says_what_to_do(open_page: Open) -> None:
    app = open_page("tokens")
    assert "No pair is loaded" in words_of(app)
    assert not app.exception


def test_without_texts_the_page_says_what_to_do(open_page: Open, loaded: Workspace, pair: Comparison) -> None:
    assert "Choose questions, type a prompt, paste many or upload a file" in words_of(open_page("tokens", pair))


def test_questions_are_compared_in_the_background_and_shown(
    open_page: Open, loaded: Workspace, pair: Comparison, asking: Asking
) -> None:
    app = open_page("tokens", pair, asking)
    assert "**predicting**" in words_of(app)  # the alignment, on screen
    data = view_of(finish(app, loaded))
    assert len(data["texts"]) == 8
    assert data["title"] == "KL(tuned ‖ base), full vocabulary"
    assert "nats on average over" in words_of(app)
    app.session_state["token_tab"] = "spread"
    means = app.run().dataframe[0].value.set_index("part")
    assert means.loc["First answer token", "n"] == 8
    assert means.loc["All counted tokens", "n"] == sum(text["counted"] for text in data["texts"])


def test_a_prompt_of_ones_own_crosses_as_text_and_nothing_else(
    open_page: Open, loaded: Workspace, pair: Comparison
) -> None:
    app = open_page("tokens", pair)
    app.session_state["token_source"] = "own"
    app.run()
    app.text_area(key="token_prompt").set_value(HOSTILE)
    app.button(key="FormSubmitter:own_text-Compare").click().run()
    data = view_of(finish(app, loaded))
    ids = np.frombuffer(base64.b64decode(data["columns"]["ids"]["data"]), "<i4")
    shown = "".join(piece for token in ids for piece in data["pieces"][str(token)])
    assert "onerror" in shown and not any("\u202e" in piece for pieces in data["pieces"].values() for piece in pieces)
    assert HOSTILE not in words_of(app)


def test_a_text_beyond_the_context_is_an_error_said_once_and_not_tried_again(
    open_page: Open, loaded: Workspace, pair: Comparison
) -> None:
    app = open_page("tokens", pair)
    app.session_state["token_source"] = "own"
    app.run()
    app.text_area(key="token_prompt").set_value("born " * 400)
    app.button(key="FormSubmitter:own_text-Compare").click().run()
    finish(app, loaded).run()
    assert "the model reads 128" in "\n".join([words_of(app), *(code.value for code in app.code)])
    assert len(loaded.jobs.all()) == 1
    assert [button.label for button in app.button].count("Try again") == 1


def test_a_restored_stop_can_stand_in_for_tuned(
    open_page: Open, loaded: Workspace, pair: Comparison, asking: Asking
) -> None:
    app = open_page("tokens", pair, asking)
    tuned = view_of(finish(app, loaded))
    app.session_state["restored_spec"] = RestoreSpec(100, region="all")
    app.run()
    choice = app.selectbox(key="token_state")
    app = finish(choice.set_value(choice.options[1]).run(), loaded)
    restored = view_of(app)
    assert restored["title"].startswith("KL(restored ‖ base)")
    assert tuned["texts"][0]["mean"] > 0
    assert {text["mean"] for text in restored["texts"]} == {0}  # all of it restored: the base itself


def test_a_pin_outlives_a_change_of_stop(open_page: Open, loaded: Workspace, pair: Comparison, asking: Asking) -> None:
    app = open_page("tokens", pair, asking)
    place = [view_of(finish(app, loaded))["texts"][1]["id"], 5]
    app.session_state["token"] = place
    app.session_state["restored_spec"] = RestoreSpec(20)
    app.run()
    assert view_of(app)["pinned"] == place
    choice = app.selectbox(key="token_state")
    app = finish(choice.set_value(choice.options[1]).run(), loaded)
    data = view_of(app)
    assert data["states"] == ["base", "restored"]
    assert data["pinned"] == place


def test_the_papers_measure_and_a_log_scale_are_one_click_away(
    open_page: Open, loaded: Workspace, pair: Comparison, asking: Asking
) -> None:
    app = finish(open_page("tokens", pair, asking), loaded)
    app.session_state["token_measure"] = "kl_top_nats"
    app.session_state["token_spacing"] = "log"
    data = view_of(app.run())
    assert (data["measure"], data["scale"]["spacing"]) == ("kl_top_nats", "log")
    assert len(loaded.jobs.all()) == 1  # nothing was computed again


def test_many_texts_come_in_steps_with_the_true_total_beside(
    open_page: Open, loaded: Workspace, pair: Comparison, tmp_path: Path
) -> None:
    lines = "".join(json.dumps({"id": f"t{number}", "text": f"Ann Lee {number}"}) + "\n" for number in range(130))
    app = open_page("tokens", pair)
    app.session_state["token_source"] = "file"
    app.run()
    app.file_uploader(key="token_file").set_value(("many.jsonl", lines.encode(), "application/json"))
    app.session_state["token_shown"] = 300
    data = view_of(finish(app.run(), loaded))
    shown = len(data["texts"])
    assert 0 < shown < 130 and data["texts"][-1]["end"] <= 300
    (more,) = (button for button in app.button if button.label.startswith("Show more"))
    assert f"{shown} of 130 texts" in more.label
    assert len(view_of(more.click().run())["texts"]) == 130


def test_every_view_draws_and_only_the_one_looked_at(
    open_page: Open, loaded: Workspace, pair: Comparison, asking: Asking
) -> None:
    app = finish(open_page("tokens", pair, asking), loaded)
    jobs = len(loaded.jobs.all())
    app.session_state["token_tab"] = "grid"
    given = [json.loads(part.proto.json or "{}") for part in app.run().get("bidi_component")]
    assert [len(data["texts"]) for data in given if "anchor" in data] == [8]
    assert not any("pieces" in data for data in given)  # the reading view is not computed
    app.session_state["token_tab"] = "ranked"
    words = words_of(app.run())
    assert "Largest disagreements" in words and "Does probability move from facts to format?" in words
    app.session_state["token_tab"] = "spread"
    assert len(app.run().get("vega_lite_chart") or app.get("arrow_vega_lite_chart")) >= 3
    assert not app.exception and len(loaded.jobs.all()) == jobs  # all of them from one comparison


def test_a_chosen_cell_opens_its_token_in_the_text(
    open_page: Open, loaded: Workspace, pair: Comparison, asking: Asking
) -> None:
    app = finish(open_page("tokens", pair, asking), loaded)
    place = [view_of(app)["texts"][2]["id"], 4]
    app.session_state["token_tab"] = "reading"
    app.session_state["token"] = place
    app.session_state["token_shown"] = 1  # too few for the third text: the pinned one is sent all the same
    data = view_of(app.run())
    assert data["pinned"] == place
    assert len(data["texts"]) == 3


def test_both_models_continue_the_prompts_and_the_place_they_part_is_said(
    open_page: Open, loaded: Workspace, pair: Comparison, asking: Asking
) -> None:
    app = open_page("tokens", pair, asking)
    app.session_state["token_tab"] = "told"
    app.session_state["token_new"] = 4
    app = finish(app.run(), loaded)
    words = words_of(app)
    assert "of 8 prompts are continued differently by base and tuned" in words or "all 8 prompts alike" in words
    told = [part.proto.body for part in app.get("html") if 'class="told"' in part.proto.body]
    assert len(told) == 8


def test_many_prompts_can_be_pasted_one_a_line_and_a_bad_line_is_named(
    open_page: Open, loaded: Workspace, pair: Comparison
) -> None:
    app = open_page("tokens", pair)
    app.session_state["token_source"] = "paste"
    app.run()
    app.text_area(key="token_pasted").set_value("Ann was born in\n\nBob lives in")
    app.button(key="FormSubmitter:pasted_texts-Compare").click().run()
    data = view_of(finish(app, loaded))
    assert [text["id"] for text in data["texts"]] == ["line 1", "line 3"]
    app.text_area(key="token_pasted").set_value('{"text": "Ann"}\n{"text": 7}')
    app.button(key="FormSubmitter:pasted_texts-Compare").click().run()
    assert "line 2" in words_of(app)


def test_the_papers_measure_without_a_mastery_table_says_where_to_get_one(
    open_page: Open, loaded: Workspace, pair: Comparison, asking: Asking
) -> None:
    app = open_page("tokens", pair, asking)
    app.session_state["token_tab"] = "paper"
    words = words_of(app.run())
    assert "No mastery table is chosen" in words and not app.exception
