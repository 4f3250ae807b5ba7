"""The open questions on the Experiments page: what to do without an answer, and the answer where it is stored."""

import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from analysis.demo.world import SHIPPED, DemoFiles
from analysis.experiments.gradients import GradientSettings
from analysis.experiments.grid import cells_of
from analysis.experiments.plan import Plan, Training
from analysis.experiments.plan_file import read_plan
from analysis.experiments.planted import COLUMNS, GROUPS
from analysis.experiments.results import NUMBER_COLUMNS
from analysis.experiments.skill import SkillSettings
from analysis.records import IN_DOMAIN, Stored
from analysis.report.records import Making
from cache.experiments.folder import KeptPlan, KeyedCell, PlanFolder
from cache.open_planted import PlantedReport, planted_to_stored
from cache.open_skill import SkillReport, skill_to_stored
from cache.work import Asking, Comparison, Workspace
from pages.components import open_gradients, open_planted, open_skill
from pages.components.open_asking import facts_words
from tests.conftest import TinyPair
from tests.experiments.tables import made, number
from tests.experiments.world import make_world
from tests.pages.conftest import Open, settle, words_of
from tests.pages.test_pins import pinned

pytestmark = pytest.mark.slow  # a page's run each, and work behind it


def _at(open_page: Open, question: str, pair: Comparison | None = None, asking: Asking | None = None):  # type: ignore[no-untyped-def]
    app = open_page("experiments", pair, asking)
    app.session_state["doing"], app.session_state["open_question"] = "questions", question
    return app.run()


def test_without_a_pair_each_question_says_what_to_do(open_page: Open) -> None:
    for question, words in (
        ("gradients", "No pair is loaded"),
        ("skill", "No pair is loaded"),
        ("domain", "Not measured yet: a plan trained on other relations"),
        ("task", "No pair is loaded"),
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
    assert any("mean gradient of 6 samples a level" in info.value for info in app.info)
    assert "AdamW divides each gradient by its own size" in words_of(app)
    assert any("palimpsest question gradients" in code.value for code in app.code)
    made_by = pinned(app, shared, "gradient-cosines").making
    assert made_by.base is not None and made_by.base.content and made_by.tuned is not None
    assert made_by.further["facts"] == facts_words(asking) and made_by.further["prompt"] == "paper"
    assert made_by.command.startswith("palimpsest question gradients")


TASK = """
task: sums
doc_to_text: "{{q}}"
doc_to_target: "{{a}}"
generation_kwargs: {max_gen_toks: 4, until: ["?"]}
metric_list: [{metric: exact_match}]
"""


def test_a_task_folder_is_asked_of_every_state_from_the_page_and_its_answer_stays(
    open_page: Open, pair: Comparison, shared: Workspace, tmp_path: Path
) -> None:
    folder = tmp_path / "sums"
    folder.mkdir()
    (folder / "sums.yaml").write_text(TASK)
    app = _at(open_page, "task", pair)
    assert not app.error and "gsm8k are not on this machine yet" in words_of(app)  # as shipped
    assert "openai/grade-school-math" in words_of(app) and "Put them there as test.jsonl" in words_of(app)
    app.selectbox(key="task_choice").select("own").run()
    app.text_input(key="task_path").input(str(folder)).run()
    assert "The documents of sums are not on this machine yet" in words_of(app)
    (folder / "test.jsonl").write_text("".join(json.dumps({"q": f"Where was {n}", "a": "a"}) + "\n" for n in range(3)))
    app.text_input(key="task_path").input(str(folder)).run()
    assert "3 documents with 0 worked examples each, of 8 states" in words_of(app)
    app.button(key="open-task-start").click().run()
    settle(shared)
    app.run()
    assert not app.exception
    assert any("n = 3 documents" in info.value and "random control at 20%" in info.value for info in app.info)
    assert set(app.dataframe[0].value["strategy"]) == {"base", "tuned", "relative-top", "random"}
    made = pinned(app, shared, "task_rows").making
    assert made.command.startswith(f"palimpsest question task {pair.base} {pair.tuned} {folder}")
    assert len(made.further["task's hash"]) == 16
    assert made.further["task"] == "sums" and str(folder) not in str(dict(app.query_params))


def test_a_task_folder_of_ones_own_is_found_by_the_address_which_holds_no_path(
    open_page: Open, pair: Comparison, tmp_path: Path
) -> None:
    folder = tmp_path / "sums"
    folder.mkdir()
    (folder / "sums.yaml").write_text(TASK)
    first = _at(open_page, "task", pair)
    first.selectbox(key="task_choice").select("own").run()
    first.text_input(key="task_path").input(str(folder)).run()
    told = dict(first.query_params)
    assert str(folder) not in str(told)
    second = open_page("experiments", pair)
    for name, values in told.items():
        second.query_params[name] = values
    second.run()
    assert not second.exception
    assert second.text_input(key="task_path").value == str(folder)
    assert "The documents of sums are not on this machine yet" in words_of(second)
    third = open_page("experiments", pair)
    for name, values in (told | {"task_folder": "0123456789abcdef"}).items():
        third.query_params[name] = values
    third.run()
    assert "This link shows a task folder that was typed elsewhere" in words_of(third)


def test_another_domain_is_run_from_the_page_and_told_without_a_plan_on_places(
    open_page: Open, shared: Workspace, tiny_pair: TinyPair
) -> None:
    app = _at(open_page, "domain")
    assert "Count cells, time and disk" in [button.label for button in app.button]
    train = Training(levels=("0", "4"), sizes=(60,), seeds=(0,), relations=("P26",))
    plan = Plan("others", str(tiny_pair.base), str(tiny_pair.questions), train=train)
    cells = tuple(KeyedCell(cell, 1, {"cell": cell.name, "base": "b" * 32}) for cell in cells_of(plan))
    for keyed, level in zip(cells[1:], ("0", "4"), strict=True):
        numbers = made(number(level, 60, 0.3), number(level, 60, 0.4, strategy="relative-top", percent=20.0))
        table = numbers[list(NUMBER_COLUMNS)].astype(NUMBER_COLUMNS)
        shared.store.put(keyed.key, Stored({"seconds": {}}, tables={"numbers": table}))
    PlanFolder(shared.home).keep(KeptPlan(plan, cells))
    app = _at(open_page, "domain")
    assert not app.exception
    assert any("people, works and groups: level 0 30.0%" in info.value.replace("\\", "") for info in app.info)
    assert "No plan trained on places is measured here" in words_of(app)
    assert list(app.dataframe[0].value["restored"]) == [0.4, 0.4]
    made_by = pinned(app, shared, "domain_table").making
    assert made_by.command == "palimpsest experiments others.toml"
    assert made_by.further["others: plan"] == "others" and made_by.further["others: base"] == f"base {'b' * 16}"


def test_plans_that_differ_in_more_than_their_relations_do_not_stand_side_by_side(
    open_page: Open, shared: Workspace, tiny_pair: TinyPair
) -> None:
    others = Training(levels=("0",), sizes=(60,), seeds=(0,), relations=("P26",))
    for name, train, value in (
        ("others", others, 0.3),
        ("near", replace(others, relations=IN_DOMAIN), 0.6),
        ("far", replace(others, relations=IN_DOMAIN, learning_rate=0.5), 0.9),
    ):
        plan = Plan(name, str(tiny_pair.base), str(tiny_pair.questions), train=train)
        cells = tuple(KeyedCell(cell, 1, {"cell": name + cell.name, "base": "b" * 32}) for cell in cells_of(plan))
        rows = made(number("0", 60, value))[list(NUMBER_COLUMNS)].astype(NUMBER_COLUMNS)
        shared.store.put(cells[1].key, Stored({"seconds": {}}, tables={"numbers": rows}))
        PlanFolder(shared.home).keep(KeptPlan(plan, cells))
    app = _at(open_page, "domain")
    assert not app.exception and not app.warning
    assert app.selectbox(key="domain_places").value == "near", "the later one is not alike, and is not taken first"
    assert set(app.dataframe[0].value["tuned"]) == {0.3, 0.6}
    app.selectbox(key="domain_places").select("far").run()
    told = app.warning[0].value.replace("\\", "")
    assert "learning rate 0.5 against 1e-05. Only others is shown." in told
    assert set(app.dataframe[0].value["tuned"]) == {0.3}
    assert pinned(app, shared, "domain_table").making.command == "palimpsest experiments others.toml"


def test_every_stored_training_seed_of_a_skill_is_shown(open_page: Open, shared: Workspace, tmp_path: Path) -> None:
    """Two answers of one setting but for the seed, put where the work stores them."""
    plan = read_plan(make_world(tmp_path))
    asking = Asking(plan.questions)
    settings = SkillSettings(examples=8, facts=8, percents=(20.0,), random_seeds=(0,), test=8, fact_limit=8)
    rows = [
        {"training": training, "strategy": strategy, "seed": 0, "percent": percent, "effective_percent": percent}
        | {"measure": measure, "n": 8, "correct": 4, "value": 0.5, "low": 0.2, "high": 0.8}
        for training in ("facts", "skill", "both")
        for measure in ("skill", "facts")
        for strategy, percent in (("tuned", 0.0), ("relative-top", 20.0), ("random", 20.0))
    ]
    for seed in (0, 3):
        told = replace(settings, seed=seed)
        report = SkillReport(told, pd.DataFrame(rows), {"both": str(tmp_path / f"tuned-{seed}")}, 0.2)
        shared.store.put(shared._skill_key(plan.base, asking, told), skill_to_stored(report))
    assert [each.settings.seed for each in shared.known_skills(plan.base, asking, settings)] == [0, 3]
    assert shared.known_skills(plan.base, asking, replace(settings, examples=16)) == ()


def test_a_pin_of_the_skill_is_of_the_base_alone_and_another_seed_makes_a_newer_one(
    pair: Comparison, asking: Asking, shared: Workspace, tmp_path: Path
) -> None:
    shared.profile(pair)
    settings = SkillSettings(examples=8, facts=8, test=8, fact_limit=9)
    reports = [SkillReport(replace(settings, seed=seed), pd.DataFrame(), {"both": "x"}, 0.2) for seed in (0, 3)]

    def made_of(*found: SkillReport) -> Making:
        about = open_skill._about(found, pair.base, replace(asking, split="train"), "palimpsest question skill")
        return shared.making("experiments", "skill-curves-both", comparison=pair, about=about)

    first, later = made_of(reports[0]), made_of(*reports)
    assert first.base is not None and first.base.content and first.tuned is None
    assert (
        first.further["facts from"] == facts_words(asking) and first.further["n"] == "8 of the skill, 9 facts at most"
    )
    assert first.identity == later.identity and later.further["seeds"] == "0, 3"


def test_a_pin_of_the_planted_base_names_that_base_and_no_pair(
    open_page: Open, pair: Comparison, asking: Asking, shared: Workspace, tiny_pair: TinyPair
) -> None:
    shared.profile(pair)
    shared.profile(Comparison(str(DemoFiles(SHIPPED).base), str(DemoFiles(SHIPPED).base)))
    settings = open_planted.SETTINGS
    row = dict.fromkeys(COLUMNS, 0.2) | {"size": 60, "correcting": True, "train_seed": 0, "n": 30}
    states = [row | {"group": group, "strategy": way, "percent": 20.0} for group in GROUPS for way in ("tuned", "base")]
    planting = [
        dict.fromkeys(("right", "right_low", "right_high", "wrong", "wrong_low", "wrong_high"), 0.2)
        | {"base": base, "group": group, "n": 30}
        for base in ("shipped", "planted")
        for group in GROUPS
    ]
    report = PlantedReport(settings, pd.DataFrame(states), pd.DataFrame(planting), pair.base)
    shared.store.put(shared._planted_key(settings), planted_to_stored(report))
    app = _at(open_page, "planted", pair, asking)
    assert {table.proto.placeholder for table in app.dataframe} == {"–"}, "what does not apply is no None"
    assert "nothing was planted in untouched facts" in words_of(app)
    assert "draw whole models anew" in words_of(app) and "does not test" not in words_of(app)
    made_by = pinned(app, shared, "planted_states").making
    assert made_by.base is not None and made_by.base.source == pair.base and made_by.base.content
    assert made_by.tuned is None and made_by.asked is None
    assert f"{GROUPS[0]}: 30" in made_by.further["n"] and made_by.further["facts"].startswith("questions")


def test_a_link_holds_what_an_open_question_was_asked_with(open_page: Open, pair: Comparison, asking: Asking) -> None:
    app = open_page("experiments", pair, asking)
    for name, value in {"doing": "questions", "open_question": "gradients", "gradients_n": "48"}.items():
        app.query_params[name] = value
    app.run()
    assert app.selectbox(key="gradients_n").value == 48
    app.query_params["open_question"], app.query_params["task_limit"] = "task", "50"
    app.run()
    assert app.selectbox(key="task_limit").value == "50"
