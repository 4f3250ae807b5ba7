"""The Experiments page on a plan as the store holds it: before any plan, half measured, section by section."""

from collections.abc import Iterator
from dataclasses import replace

import pandas as pd
import pytest

from analysis.experiments.grid import cells_of
from analysis.experiments.plan import Plan, Restoring, Training
from analysis.experiments.results import NUMBER_COLUMNS
from analysis.records import Stored
from cache.experiments.folder import KeptPlan, KeyedCell, PlanFolder
from cache.work import Workspace
from pages.components.plan_drawn import SECTIONS
from tests.conftest import TinyPair
from tests.experiments.tables import made, number, restored
from tests.pages.conftest import Open, words_of


@pytest.fixture
def half_measured(shared: Workspace, tiny_pair: TinyPair) -> Plan:
    """A plan of two models and the base, of which the base and level 0 are measured."""
    train = Training(levels=("0", "4"), sizes=(60,), seeds=(0,), learning_rate=3e-4)
    restore = Restoring((20.0,), ("relative-top", "random"))
    plan = Plan("half", str(tiny_pair.base), str(tiny_pair.questions), train=train, restore=restore)
    cells = tuple(KeyedCell(cell, 1, {"cell": cell.name}, _folder(cell.name)) for cell in cells_of(plan))
    for keyed, table in zip(cells, _tables(), strict=False):
        numbers = table[list(NUMBER_COLUMNS)].astype(NUMBER_COLUMNS)
        shared.store.put(keyed.key, Stored({"seconds": {"train": 1.0}, "tuned_id": "x"}, tables={"numbers": numbers}))
    PlanFolder(shared.home).keep(KeptPlan(plan, cells))
    return plan


def _folder(name: str) -> str:
    return "" if name == "base" else f"{name}-tuned"


def _tables() -> Iterator[pd.DataFrame]:
    yield made(number("", 0, 0.02, variant="base", low=0.01, high=0.05))
    both = [row | {"domain": domain} for domain in ("in", "out") for row in restored("0", 60, {0: [0.1], 20: [0.2]})]
    places = {"measure": "restored_module", "strategy": "relative-top", "percent": 20.0, "domain": ""}
    yield made(
        *both,
        number("0", 60, 0.15, strategy="random", percent=20.0),
        number("0", 60, 2.5, measure="kl_paper", group="4", low=2.4, high=2.6),
        number("0", 60, 0.8, measure="concentration", group="5", domain=""),
        number("0", 60, 0.7, measure="concentration_null", group="5", domain=""),
        number("0", 60, 1.0, group="down", **places),
        number("0", 60, 1.0, group="0", **(places | {"measure": "restored_layer"})),
        number("0", 60, 0.05, measure="layer_group", group="0"),
        number("0", 60, 0.12, measure="layer_group", group="1"),
    )


def test_before_any_plan_the_page_tells_three_ways_to_begin_and_counts_before_it_runs(open_page: Open) -> None:
    app = open_page("experiments")
    assert not app.exception
    assert "No plan has been run here yet" in words_of(app)
    assert [code.value.split()[1] for code in app.code if code.language == "bash"] == ["experiments", "experiments"]
    labels = [button.label for button in app.button]
    assert "Count cells, time and disk" in labels and "Run it" not in labels


def test_a_plan_file_that_does_not_work_is_told_where_it_was_named(open_page: Open) -> None:
    app = open_page("experiments")
    app.selectbox(key="plan_choice").select("own").run()
    app.text_input(key="plan_path").input("/nowhere/plan.toml").run()
    assert not app.exception
    assert "/nowhere/plan.toml cannot be read" in words_of(app).replace("\\", "")


def test_a_half_measured_plan_says_how_far_it_is_and_what_cannot_be_told_yet(
    open_page: Open, half_measured: Plan
) -> None:
    app = open_page("experiments")
    assert not app.exception
    assert "Go on" in [button.label for button in app.button]
    text = words_of(app).replace("\\", "")
    assert "cannot be told" in text and "not measured" in text
    assert "At 60 samples, change at 20% against the same models at 0%: level 0 +10.0 points (one run)." in text


@pytest.mark.parametrize("section", [name for name in SECTIONS if name != "paper"])
def test_every_section_of_a_half_measured_plan_draws_what_is_there(
    open_page: Open, half_measured: Plan, section: str
) -> None:
    app = open_page("experiments")
    app.segmented_control(key="section").set_value(section).run()
    assert not app.exception
    assert app.get("vega_lite_chart") or app.dataframe


def test_the_runs_table_lists_every_state_and_says_of_what_it_shows(open_page: Open, half_measured: Plan) -> None:
    app = open_page("experiments")
    app.segmented_control(key="section").set_value("runs").run()
    assert list(app.dataframe[0].value["run"]) == [
        "base",
        "level 0 · 60 · seed 0",
        "level 0 · 60 · seed 0 · random 20%",
        "level 0 · 60 · seed 0 · relative-top 20%",
    ]
    assert "4 of 4 shown" in words_of(app)
    app.multiselect(key="runs_strategy").select("random").run()
    assert "1 of 4 shown" in words_of(app)


def test_a_finished_plan_offers_nothing_more_to_run(open_page: Open, shared: Workspace, half_measured: Plan) -> None:
    kept = shared.plan("half")
    smaller = replace(kept.plan, train=replace(kept.plan.train, levels=("0",)))
    PlanFolder(shared.home).keep(KeptPlan(smaller, kept.cells[:2]))
    app = open_page("experiments")
    assert "Go on" not in [button.label for button in app.button]
