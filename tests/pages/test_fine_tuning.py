"""Fine-tuning from the page: told what it takes and what keeps it, run in the background, compared with its base."""

import pytest
from streamlit.testing.v1 import AppTest

from analysis.knowledge.mastery import Protocol
from analysis.training.variants import VARIANTS
from cache.asked import Asking, Comparison
from cache.work import Workspace
from pages.components import address, selection
from tests.pages.conftest import Open, settle, words_of
from tests.pages.test_jobs import Held
from tests.pages.test_pins import pinned

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
    one = pinned(app, shared, "loss").making
    assert (one.base and one.base.source, one.tuned and one.tuned.source) == (pair.base, str(tuned.folder))
    assert one.command.startswith(f"palimpsest sft {pair.base} tuned-level-0-8-seed-0 --questions {asking.questions}")
    assert one.further["trained on"] == "8 facts (level 0: 8)" and one.further["seed"] == tuned.card.seed
    assert one.further["questions"] == f"{tuned.card.questions} ({tuned.card.questions_id})"
    every = pinned(app, shared, "losses").making
    assert every.base and every.base.content == tuned.card.base_id and every.tuned is None
    assert every.command == one.command and tuned.folder.name in every.further
    shared.profile(tuned.pair)
    busy = Held()  # so that the questions to both wait behind it
    shared.jobs.submit("Count stars", "stars", busy, watcher="other:stars")
    press(app, "Compare with its base")
    assert not app.exception and app.title[0].value == "Overview"
    assert "Ask base and tuned" not in [button.label for button in app.button], "both are being asked already"
    busy.may_end.set()
    settle(shared)
    assert app.session_state["comparison"] == tuned.pair == Comparison(pair.base, str(tuned.folder))


def test_a_level_sent_from_elsewhere_is_what_the_form_opens_on(
    open_page: Open, shared: Workspace, pair: Comparison, asking: Asking
) -> None:
    shared.mastery(pair.base, asking, Protocol(samples=1, max_new_tokens=2))
    (table,) = shared.mastery_tables(pair.base)
    app = at_the_form(open_page, pair, asking)
    app.switch_page("mastery.py").run()
    app.segmented_control(key="mastery_training_level").set_value(3).run()
    press(app, "Fine-tune on level 3")
    assert not app.exception
    assert app.segmented_control(key="ft_level").value == 3
    assert app.text_input(key="ft_mastery").value == str(table)


def test_another_session_finds_the_whole_form_by_the_address_which_holds_no_path(
    open_page: Open, pair: Comparison, asking: Asking
) -> None:
    first = at_the_form(open_page, pair, asking)
    first.text_input(key="ft_questions").set_value(f"{asking.questions} ").run()
    first.segmented_control(key="ft_from").set_value("mix").run()
    first.selectbox(key="ft_variant").set_value("restoring").run()
    numbers = {"ft_mix_1": 30, "ft_size": 8, "ft_seed": 7, "ft_epochs": 2, "ft_batch": 4, "ft_accumulate": 2}
    rates = {"ft_rate_1e-05": 2e-5, "ft_strength_restoring": 12.5, "ft_every": 3}
    texts = {"ft_relations": "P17, P19", "ft_layers_restoring": "0", "ft_modules_restoring": "q,k"}
    for name, value in (numbers | rates).items():
        first.number_input(key=name).set_value(value)
    for name, value in texts.items():
        first.text_input(key=name).set_value(value)
    first.selectbox(key="ft_precision").set_value("float32")
    first.checkbox(key="ft_checkpointing").check()
    first.run()
    assert not first.exception
    assert asking.questions not in "".join("".join(values) for values in first.query_params.values())
    second = open_page("experiments")
    for name, values in first.query_params.items():
        second.query_params[name] = values
    second.run()
    assert not second.exception and address.NOTICES not in second.session_state
    assert [second.text_input(key=name).value for name in ("ft_base", "ft_questions")] == [
        pair.base,
        f"{asking.questions} ",
    ]
    assert {name: second.number_input(key=name).value for name in numbers | rates} == numbers | rates
    assert {name: second.text_input(key=name).value for name in texts} == texts
    assert second.segmented_control(key="ft_from").value == "mix"
    assert second.selectbox(key="ft_variant").value == "restoring"
    assert second.selectbox(key="ft_precision").value == "float32" and second.checkbox(key="ft_checkpointing").value


def test_what_was_typed_outlasts_another_view_and_another_pair_brings_its_own_base(
    open_page: Open, shared: Workspace, pair: Comparison, asking: Asking
) -> None:
    app = type_number(at_the_form(open_page, pair, asking), "Facts (0: all)", 8)
    app.text_input(key="ft_base").set_value(pair.tuned).run()
    app.segmented_control(key="doing").set_value("plans").run()
    app.segmented_control(key="doing").set_value("one").run()
    assert (app.text_input(key="ft_base").value, app.number_input(key="ft_size").value) == (pair.tuned, 8)
    other = Comparison("/another/base", pair.tuned)
    shared.remember(other)
    app.query_params["pair"] = selection.identity(other)
    app.run()
    assert app.text_input(key="ft_base").value == "/another/base"


def test_a_link_to_a_form_that_was_filled_in_elsewhere_says_so(
    open_page: Open, pair: Comparison, asking: Asking
) -> None:
    app = at_the_form(open_page, pair, asking)
    app.query_params["ft_source"] = "0" * 16
    app.run()
    assert "a fine-tuning of a base and questions that this store has not seen" in words_of(app).replace("\\", "")
    assert app.text_input(key="ft_base").value == pair.base


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
