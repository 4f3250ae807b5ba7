"""Choosing what is asked: prompt and shots, shown exactly as the model gets them; what was noticed is told."""

from pathlib import Path

from cache.asked import Asking, Comparison
from cache.work import Workspace
from tests.pages.conftest import Open, words_of


def test_shots_and_prompt_are_chosen_and_the_exact_prompt_is_shown(
    open_page: Open, shared: Workspace, pair: Comparison, asking: Asking
) -> None:
    shared.profile(pair)
    app = open_page("restore", pair, asking)
    next(field for field in app.number_input if field.label == "Shots").set_value(2)
    next(field for field in app.selectbox if field.label == "Prompt").set_value("qa")
    next(button for button in app.button if button.label == "Use these questions").click().run()
    assert not app.exception
    chosen = app.session_state["asking"]
    assert (chosen.shots, chosen.prompt) == (2, "qa")
    assert "prompt: plain Q and A · 2 shots" in words_of(app).replace("\\", "")
    app.session_state["bar-prompt-popover"] = True
    app.run()
    text = app.code[0].value
    shots = shared.question_set(chosen).shots
    assert text.startswith("<s>Question: " + shots[0].question)
    assert text.endswith("Answer:")
    assert "BOS <s>: put in front here, once" in words_of(app).replace("\\", "")


def test_what_was_noticed_in_a_file_and_its_formats_are_told(
    open_page: Open, shared: Workspace, pair: Comparison, tmp_path: Path
) -> None:
    shared.profile(pair)
    twice = tmp_path / "twice.csv"
    twice.write_text("question,answer\nWho?,Ann\nWho?,Bo\nWhere?,Rome\n")
    app = open_page("restore", pair, Asking(str(twice)))
    assert not app.exception
    assert "1 questions stand more than once" in words_of(app)
    assert "TriviaQA and Natural Questions" in words_of(app)
