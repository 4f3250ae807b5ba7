"""Fine-tuning from the page: told what it takes and what keeps it, run in the background, compared with its base."""

import pytest
from streamlit.testing.v1 import AppTest

from analysis.training.variants import VARIANTS
from cache.asked import Asking, Comparison
from cache.work import Workspace
from pages.components import fine_tuning
from tests.pages.conftest import Open, settle, words_of

pytestmark = pytest.mark.slow  # a page's run each, and work behind it


def at_the_form(open_page: Open, pair: Comparison | None = None, asking: Asking | None = None) -> AppTest:
    app = open_page("experiments", pair, asking)
    app.session_state["doing"] = "one"
    return app.run()


def type_number(app: AppTest, label: str, value: float) -> AppTest:
    return next(field for field in app.number_input if field.label == label).set_value(value).run()


def press(app: AppTest, label: str) -> AppTest:
    return next(button for button in app.button if button.label == label).click().run()


def test_without_a_base_the_page_says_what_to_name(open_page: Open) -> None:
    app = at_the_form(open_page)
    assert not app.exception
    assert "Name a base and questions" in words_of(app)


def test_from_the_form_to_a_tuned_model_beside_its_base(
    open_page: Open, shared: Workspace, pair: Comparison, asking: Asking
) -> None:
    app = at_the_form(open_page, pair, asking)
    assert not app.exception
    assert "level 0 holds 8 facts" in words_of(app).replace("\\", "")
    assert "Fine-tune" not in [button.label for button in app.button]
    app = type_number(app, "Facts (0: all)", 8)
    assert "8 facts (level 0: 8)" in words_of(app).replace("\\", "")
    assert "no training of this base was timed here yet" in words_of(app).replace("\\", "")
    press(app, "Fine-tune")
    assert [job.lane for job in shared.jobs.all()] == ["long"]
    settle(shared)
    app.run()
    assert not app.exception
    (tuned,) = shared.fine_tuned()
    assert f"{tuned.folder.name}** is ready" in words_of(app).replace("\\", "")
    assert "Made here" in words_of(app)
    press(app, "Compare with its base")
    assert not app.exception
    assert app.session_state["comparison"] == tuned.pair == Comparison(pair.base, str(tuned.folder))


def test_a_level_sent_from_elsewhere_is_what_the_form_opens_on(
    open_page: Open, pair: Comparison, asking: Asking
) -> None:
    app = open_page("experiments", pair, asking)
    app.session_state["doing"] = "one"
    app.session_state[fine_tuning.START] = fine_tuning.Start(pair.base, asking.questions, "", level=3)
    app.run()
    assert "level 3 holds 8 facts" in words_of(app).replace("\\", "")


def test_every_way_of_fine_tuning_has_its_form_and_its_command(
    open_page: Open, pair: Comparison, asking: Asking
) -> None:
    app = type_number(at_the_form(open_page, pair, asking), "Facts (0: all)", 8)
    for name, about in list(VARIANTS.items())[1:]:
        app.selectbox(key="ft_variant").set_value(name).run()
        assert not app.exception
        assert about.source in words_of(app).replace("\\", "")
        assert f"--variant {name}" in app.code[-1].value


def test_what_saves_memory_is_chosen_under_more_and_stands_in_the_command(
    open_page: Open, pair: Comparison, asking: Asking
) -> None:
    app = type_number(at_the_form(open_page, pair, asking), "Facts (0: all)", 8)
    app = type_number(app, "Parts of a step", 3)
    assert "3 parts cannot share it evenly" in words_of(app).replace("\\", "")
    app = type_number(app, "Parts of a step", 2)
    app.selectbox(key="ft_precision").set_value("bfloat16").run()
    app.checkbox(key="ft_checkpointing").check().run()
    assert not app.exception
    (command,) = [each.value for each in app.code if "palimpsest sft" in each.value]
    assert "--precision bfloat16 --accumulate 2 --gradient-checkpointing" in command
