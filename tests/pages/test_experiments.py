"""The Experiments page on a plan as the store holds it: before any plan, half measured, section by section."""

import shutil
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from analysis.experiments.claim import Claim, Verdict
from analysis.experiments.grid import Cell, cells_of
from analysis.experiments.plan import Plan, Restoring, Training
from analysis.experiments.plan_file import read_plan
from analysis.experiments.results import NUMBER_COLUMNS
from analysis.records import IN_DOMAIN, RestoreSpec, Stored, Strategy
from analysis.training.variants import Variant
from cache.asked import Asking, Comparison
from cache.experiments.folder import KeptPlan, KeyedCell, PlanFolder
from cache.work import Workspace
from pages.components import plan_making
from pages.components.plan_claims import tally
from pages.components.plan_drawn import SECTIONS
from tests.conftest import TinyPair
from tests.experiments.tables import made, number, restored
from tests.pages.conftest import Open, settle, words_of
from tests.pages.test_pins import pinned

pytestmark = pytest.mark.slow  # a page's run each, and work behind it

TOP: Strategy = "relative-top"
FACTS = ["P19-1", "P19-2"]


@pytest.fixture
def half_measured(shared: Workspace, tiny_pair: TinyPair, tmp_path: Path) -> Plan:
    """A plan of two models and the base, of which the base and level 0 are measured."""
    return half_measured_of(shared, tiny_pair, tmp_path, Variant("sft"))


def half_measured_of(
    shared: Workspace,
    tiny_pair: TinyPair,
    tmp_path: Path,
    *variants: Variant,
    strategies: tuple[Strategy, ...] = (TOP, "random"),
    relations: tuple[str, ...] = IN_DOMAIN,
) -> Plan:
    """The same of these variants, each with numbers of its own."""
    asked = tmp_path / "asked"
    asked.mkdir()
    for split in ("train", "test"):
        shutil.copy(tiny_pair.questions, asked / f"questions.{split}.jsonl")
    train = Training(levels=("0", "4"), sizes=(60,), seeds=(0,), learning_rate=3e-4, variants=variants)
    train = replace(train, relations=relations)
    restore = Restoring((20.0,), strategies)
    plan = Plan("half", str(tiny_pair.base), str(asked), train=train, restore=restore)
    cells = tuple(KeyedCell(cell, 1, {"cell": cell.name}, _folder(cell.name)) for cell in cells_of(plan))
    for keyed in cells:
        if keyed.cell.level == "4":
            continue
        table = _table_of(keyed.cell, variants.index(keyed.cell.variant) if keyed.cell.level else 0)
        asked = table["measure"].isin(["accuracy", "train_accuracy"])
        orders = table["strategy"].replace(dict(zip((TOP, "random"), strategies, strict=True)))
        table["strategy"] = table["strategy"].where(~asked, orders)
        numbers = table[list(NUMBER_COLUMNS)].astype(NUMBER_COLUMNS)
        document = {"seconds": {"train": 1.0}, "base_id": "b", "tuned_id": "x", "facts": FACTS}
        shared.store.put(keyed.key, Stored(document, tables={"numbers": numbers}))
    PlanFolder(shared.home).keep(KeptPlan(plan, cells))
    return plan


@pytest.fixture
def on_disk(shared: Workspace, half_measured: Plan, tiny_pair: TinyPair) -> Plan:
    """The same plan, its measured model on disk."""
    shutil.copytree(tiny_pair.tuned, shared.home / "tuned" / "level-0-60-seed-0-tuned")
    return half_measured


def _folder(name: str) -> str:
    return "" if name == "base" else f"{name}-tuned"


def _table_of(cell: Cell, number_of_variant: int) -> pd.DataFrame:
    """The base, or a model tuned on level 0: each further variant is right a tenth more often."""
    if cell.kind == "base":
        return made(number("", 0, 0.02, variant="base", low=0.01, high=0.05))
    more = 0.1 * number_of_variant
    both = [
        row | {"domain": domain}
        for domain in ("in", "out")
        for row in restored("0", 60, {0: [0.1 + more], 20: [0.2 + more]})
    ]
    places = {"measure": "restored_module", "strategy": "relative-top", "percent": 20.0, "domain": ""}
    return made(
        *both,
        number("0", 60, 0.15, strategy="random", percent=20.0),
        number("0", 60, 0.9, measure="train_accuracy", domain="train", group="micro"),
        number("0", 60, 0.7, measure="train_accuracy", domain="train", group="micro", strategy=TOP, percent=20.0),
        number("0", 60, 2.5, measure="kl_paper", group="4", low=2.4, high=2.6),
        number("0", 60, 0.8, measure="concentration", group="5", domain=""),
        number("0", 60, 0.7, measure="concentration_null", group="5", domain=""),
        number("0", 60, 1.0, group="down", **places),
        number("0", 60, 1.0, group="0", **(places | {"measure": "restored_layer"})),
        number("0", 60, 0.05, measure="layer_group", group="0", strategy=TOP, percent=100.0),
        number("0", 60, 0.12, measure="layer_group", group="1", strategy=TOP, percent=100.0),
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


OTHER = """
name = "half"
base = "{base}"
questions = "{questions}"
train = {{ levels = ["all"], sizes = [8], seeds = [0], learning_rate = 3e-4 }}
restore = {{ percents = [20], strategies = ["relative-top"] }}
measure = {{ in_domain = 8, out_of_domain = 0, train_percents = [], kl = false, profile = false, layer_groups = 0 }}
"""


def test_another_plan_of_a_name_takes_its_place_only_where_that_is_wished(
    open_page: Open, shared: Workspace, half_measured: Plan, tiny_pair: TinyPair, tmp_path: Path
) -> None:
    shutil.copytree(half_measured.questions, tmp_path / "others")
    (tmp_path / "other.toml").write_text(OTHER.format(base=tiny_pair.base, questions=tmp_path / "others"))
    app = open_page("experiments")
    app.selectbox(key="plan_choice").select("own").run()
    app.text_input(key="plan_path").input(str(tmp_path / "other.toml")).run()
    app.button(key="plan-count").click().run()
    settle(shared)
    app.run()
    app.button(key="plan-run").click().run()
    settle(shared)
    app.run()
    assert "Another plan was run here under the name half" in words_of(app)
    assert shared.plan("half").plan == half_measured
    app.checkbox(key="plan_replace").check().run()
    app.button(key="plan-run").click().run()
    settle(shared)
    app.run()
    assert not app.exception
    assert shared.plan("half").plan.train.levels == ("all",)
    assert shared.plan_state("half").done == 2


def test_another_keep_of_a_measured_plan_says_before_and_after_what_it_frees(
    open_page: Open, shared: Workspace, tiny_pair: TinyPair, half_measured: Plan, tmp_path: Path
) -> None:
    plan = OTHER.format(base=tiny_pair.base, questions=half_measured.questions).replace("half", "whole")
    for keep in ("keep", "drop"):
        (tmp_path / f"{keep}.toml").write_text(f'{plan}run = {{ keep = "{keep}" }}\n')
    shared.run_plan(read_plan(tmp_path / "keep.toml"))
    (model,) = (shared.home / "tuned").glob("level-all-8-*")
    app = open_page("experiments")
    app.selectbox(key="plan_choice").select("own").run()
    app.text_input(key="plan_path").input(str(tmp_path / "drop.toml")).run()
    app.button(key="plan-count").click().run()
    settle(shared)
    app.run()
    assert "put away as the plan says now: about" in words_of(app)
    assert app.button(key="plan-run").label == "Run it"  # though nothing is left to measure
    app.button(key="plan-run").click().run()
    settle(shared)
    app.run()
    assert not app.exception and not model.exists()
    assert "1 model of finished cells put away" in words_of(app)


def test_a_plan_file_of_ones_own_is_found_by_the_address_which_holds_no_path(open_page: Open) -> None:
    first = open_page("experiments")
    first.selectbox(key="plan_choice").select("own").run()
    first.text_input(key="plan_path").input("/nowhere/plan.toml").run()
    assert "nowhere" not in "".join("".join(values) for values in first.query_params.values())
    second = open_page("experiments")
    for name, values in first.query_params.items():
        second.query_params[name] = values
    second.run()
    assert not second.exception
    assert second.text_input(key="plan_path").value == "/nowhere/plan.toml"


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


def at_cell(open_page: Open, section: str, cell: str) -> AppTest:
    """The page as a link to a cell opens it."""
    app = open_page("experiments")
    app.query_params["section"], app.query_params["cell"] = section, cell
    app.run()
    assert not app.exception
    return app


def test_a_link_to_a_cell_opens_its_runs_and_a_closed_one_is_gone(open_page: Open, half_measured: Plan) -> None:
    cell = "restoration-in-relative-top;level=0;size=60;strategy=relative-top;percent=20"
    app = at_cell(open_page, "restoration", cell)
    text = words_of(app).replace("\\", "")
    assert "level 0, 60 samples, 20% restored by largest relative change first, in-domain" in text
    assert "seed 0 · 20.0%" in text
    app.button(key="close-restoration-in-relative-top").click().run()
    assert "The runs behind" not in words_of(app) and app.query_params["cell"] == ""


@pytest.mark.parametrize("section", [name for name in SECTIONS if name not in ("paper", "runs")])
def test_every_cell_that_a_click_opens_has_its_place_in_a_menu(
    open_page: Open, half_measured: Plan, section: str
) -> None:
    app = open_page("experiments")
    app.segmented_control(key="section").set_value(section).run()
    menus = [box.key for box in app.selectbox if str(box.key).startswith("menu-")]
    clicked = [chart for chart in app.get("vega_lite_chart") if list(chart.proto.selection_mode)]
    assert len(menus) == len(clicked) > 0
    for menu in menus:
        words = app.selectbox(key=menu).options
        assert words and len(set(words)) == len(words)
        app.selectbox(key=menu).select_index(len(words) - 1).run()
        assert not app.exception
        assert f"**The runs behind:** {words[-1]}" in words_of(app).replace("\\", "")
        app.button(key=f"close-{menu.removeprefix('menu-')}").click().run()
        assert app.selectbox(key=menu).value is None and "The runs behind" not in words_of(app)


def test_a_linked_cell_stands_in_the_menu_and_emptying_the_menu_closes_it(open_page: Open, half_measured: Plan) -> None:
    cell = "restoration-in-relative-top;level=0;size=60;strategy=relative-top;percent=20"
    app = at_cell(open_page, "restoration", cell)
    menu = app.selectbox(key="menu-restoration-in-relative-top")
    assert menu.value == cell
    menu.set_value(None).run()
    assert "The runs behind" not in words_of(app) and "".join(app.query_params["cell"]) == ""


def test_what_a_link_makes_up_is_no_run(open_page: Open, half_measured: Plan) -> None:
    app = at_cell(
        open_page, "restoration", "restoration-in-relative-top;level=9;size=60;strategy=magic;percent=2e9;x=1"
    )
    assert "None is measured yet" in words_of(app)


@pytest.mark.parametrize(
    ("section", "cell", "stop"),
    [
        ("size", "size-in;level=0;size=60;measure=accuracy;group=macro", None),
        (
            "restoration",
            "restoration-in-random;level=0;size=60;strategy=random;percent=20",
            RestoreSpec(20.0, "random", seed=0),
        ),
        (
            "places",
            "groups-in;level=0;size=60;measure=layer_group;group=1",
            RestoreSpec(100.0, layers=(1,)),
        ),
    ],
)
def test_a_run_opens_at_its_own_stop_whatever_the_session_stood_on(
    open_page: Open, on_disk: Plan, section: str, cell: str, stop: RestoreSpec | None
) -> None:
    app = at_cell(open_page, section, cell)
    left = {"k": 55.0, "strategy": "spectral", "region": "mlp", "seed": 7, "scope": "tensor", "among": True}
    for name, value in (left | {"arithmetic": "paper", "layers": (0, 0), "layers_whole": (0, 1)}).items():
        app.session_state[name] = value
    app.session_state["modules"] = ["q"]
    next(button for button in app.button if button.label == "Updates").click().run()
    state = app.session_state
    wanted = stop or RestoreSpec(0.0)
    assert [state[name] for name in ("k", "strategy", "region", "seed")] == [
        *(wanted.percent, wanted.strategy, "transformer", 0)
    ]
    assert [state[name] for name in ("scope", "among", "arithmetic", "modules")] == ["global", False, "exact", []]
    assert state.get("layers") == ((1, 1) if wanted.layers else None)
    assert state.get("restored_spec") == (stop and stop.canonical())


def test_a_run_on_the_facts_trained_on_opens_those_facts(open_page: Open, on_disk: Plan, shared: Workspace) -> None:
    cell = "restoration-train-relative-top;level=0;size=60;strategy=relative-top;percent=20"
    app = open_page("experiments")
    app.session_state["restoration_domain"] = "train"
    app.query_params["section"], app.query_params["cell"] = "restoration", cell
    app.run()
    next(button for button in app.button if button.label == "Samples").click().run()
    asked = shared.question_set(app.session_state["asking"]).questions
    assert {question.id for question in asked} == set(FACTS)


def test_a_chosen_run_is_another_once_the_filter_leaves_it_out(open_page: Open, half_measured: Plan) -> None:
    app = open_page("experiments")
    app.segmented_control(key="section").set_value("runs").run()
    every = app.dataframe[0].proto.id
    app.multiselect(key="runs_strategy").select("random").run()
    assert app.dataframe[0].proto.id != every


def test_a_link_to_a_run_opens_it_with_the_commands_that_make_its_model_and_ask_its_stop(
    open_page: Open, half_measured: Plan, shared: Workspace
) -> None:
    cell = shared.plan("half").cells[1].digest[:12]
    app = open_page("experiments")
    app.query_params["section"], app.query_params["runs_chosen"] = "runs", f"{cell}.random.20.0"
    app.run()
    made = next(code.value for code in app.code if code.value.startswith("palimpsest sft")).splitlines()
    assert len(made) == 2 and made[1].startswith(f"palimpsest sweep {half_measured.base} level-0-60-seed-0 --questions")
    assert made[1].endswith("--percents 20 --strategies random")


def test_a_pin_of_a_plan_names_the_plan_its_base_cells_and_command(
    open_page: Open, half_measured: Plan, shared: Workspace
) -> None:
    app = open_page("experiments")
    for key, section, cells in (
        ("claims-all", "paper", "2 of 3"),
        ("size-in", "size", "1 of 2"),
        ("cells-table", "runs", "2 of 3"),
    ):
        app.segmented_control(key="section").set_value(section).run()
        made = pinned(app, shared, key).making
        assert made.command == "palimpsest experiments half.toml"
        assert made.further["plan"] == "half" and made.further["cells"] == cells and made.further["seeds"] == "0"
        assert made.further["restored"] == "relative-top, random at k = 20%; arithmetic exact"
        assert made.base is not None and made.base.source == half_measured.base and made.tuned is None


def test_the_pin_of_the_findings_counts_them_and_holds_every_verdict(
    open_page: Open, half_measured: Plan, shared: Workspace
) -> None:
    found = pinned(open_page("experiments"), shared, "claims-all")
    assert found.title.startswith("Of 11 findings of the paper,") and "Control (ours): " in found.title
    assert [column.name for column in found.columns] == ["of", "finding", "verdict", "measured here"]


def test_one_finding_holds_and_two_hold() -> None:
    verdicts: tuple[Verdict, ...] = ("agrees", "differs", "missing", "missing")
    found = [Claim(f"Table {number}", "a sentence", "here", each) for number, each in enumerate(verdicts)]
    assert tally(found) == "Of 4 findings of the paper, 1 holds here, 1 does not, 2 are not measured."
    assert tally(found[:1] * 2) == "Of 2 findings of the paper, 2 hold here."


def test_the_pin_of_the_runs_says_what_they_are_and_names_each_first(
    open_page: Open, half_measured: Plan, shared: Workspace
) -> None:
    app = open_page("experiments")
    app.segmented_control(key="section").set_value("runs").run()
    key = next(str(each.key) for each in app.button if str(each.key).startswith("pin-runs-table-"))
    found = pinned(app, shared, key.removeprefix("pin-"))
    assert found.title.startswith("4 of 4 runs and restorations of runs, one a line")
    assert found.title.endswith("The highest of many looks better than it is.")
    assert found.columns[0].label == "run"


def test_a_shipped_plan_is_named_by_its_file() -> None:
    shipped = plan_making.shipped_plans()
    assert shipped["demo/plan.toml"].name == "demo" and "demo/other_domain.toml" in shipped


def test_two_runs_compared_can_be_pinned_with_both_named(
    open_page: Open, half_measured: Plan, shared: Workspace, pair: Comparison, asking: Asking
) -> None:
    for state in ("base", "tuned"):
        shared.evaluation(pair, state, asking)
    digests = [shared.evaluation_digest(pair, state, asking) for state in ("base", "tuned")]
    keyed = shared.plan("half").cells[1]
    rows = made(
        number("0", 60, 0.1, evaluation=digests[0]),
        number("0", 60, 0.2, strategy=TOP, percent=20.0, evaluation=digests[1]),
    )
    table = rows[list(NUMBER_COLUMNS)].astype(NUMBER_COLUMNS)
    other = KeyedCell(keyed.cell, 2, keyed.parts)
    shared.store.put(other.key, Stored({"seconds": {}}, tables={"numbers": table}))
    PlanFolder(shared.home).keep(KeptPlan(replace(half_measured, name="two"), (other,)))
    app = open_page("experiments")
    app.session_state["plan"] = "two"
    name = other.digest[:12]
    app.query_params["section"], app.query_params["runs_chosen"] = "runs", f"{name}..0.0,{name}.{TOP}.20.0"
    app.run()
    assert not app.exception
    found = pinned(app, shared, "runs-compared")
    first, second = "level 0 · 60 · seed 0", "level 0 · 60 · seed 0 · relative-top 20%"
    assert found.title.startswith(f"{second} against {first}. In-domain: n = 20, the same questions.")
    assert (found.making.further["first"], found.making.further["second"]) == (first, second)
