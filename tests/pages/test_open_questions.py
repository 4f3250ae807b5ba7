"""The open questions on the Experiments page: what to do without an answer, and the answer where it is stored."""

import pytest

from analysis.experiments.gradients import GradientSettings
from cache.work import Asking, Comparison, Workspace
from pages.components import open_gradients
from tests.pages.conftest import Open, settle, words_of


def _at(open_page: Open, question: str, pair: Comparison | None = None, asking: Asking | None = None):  # type: ignore[no-untyped-def]
    app = open_page("experiments", pair, asking)
    app.session_state["doing"], app.session_state["open_question"] = "questions", question
    return app.run()


def test_without_a_pair_each_question_says_what_to_do(open_page: Open) -> None:
    for question, words in (
        ("gradients", "No pair is loaded"),
        ("skill", "No pair is loaded"),
        ("domain", "Not measured yet: a plan trained on places and one trained on other relations"),
    ):
        app = _at(open_page, question)
        assert not app.exception
        assert words in words_of(app)


def test_what_a_level_lacks_is_told_in_place_of_the_figure(open_page: Open, pair: Comparison, asking: Asking) -> None:
    app = _at(open_page, "gradients", pair, asking)
    assert not app.exception
    assert "cannot be trained on" in " ".join(error.value for error in app.error)


def test_the_button_answers_the_question_with_a_sentence_caveats_and_the_command(
    open_page: Open, pair: Comparison, asking: Asking, shared: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(open_gradients, "SAMPLES", (12, 6))
    app = _at(open_page, "gradients", pair, asking)
    assert "Not measured yet with these settings" in words_of(app)
    next(button for button in app.button if button.label == "Gather the gradients").click().run()
    settle(shared)
    app.run()
    assert shared.known_gradients(pair, asking, GradientSettings(n=6)) is not None
    assert not app.exception
    assert any("mean gradient of 6 samples" in info.value for info in app.info)
    assert "AdamW divides each gradient by its own size" in words_of(app)
    assert any("palimpsest question gradients" in code.value for code in app.code)
