"""The sections of a plan of several ways of fine-tuning, of none plain, of other orders and of other relations."""

from pathlib import Path

import pytest

from analysis.training.variants import Variant
from cache.work import Workspace
from pages.components.plan_drawn import OF_ONE_VARIANT, SECTIONS
from tests.conftest import TinyPair
from tests.pages.conftest import Open, words_of
from tests.pages.test_experiments import half_measured_of
from tests.pages.test_pins import pinned

pytestmark = pytest.mark.slow  # a page's run each

PULLED = Variant("l2sp", strength=0.05)
NAME = "Pull toward the base (L2-SP) (strength=0.05)"
PAPERS = ("the paper's LLaMA-3-8B", "The paper's own: LLaMA-3-8B")


def drawn_by(app) -> str:  # type: ignore[no-untyped-def]
    """Every figure of the page, as it is sent to the browser; broken lines as one."""
    return "".join(str(chart.proto.spec) for chart in app.get("vega_lite_chart")).replace('", "', " ")


def test_every_section_draws_for_any_variant_and_names_it(
    open_page: Open, shared: Workspace, tiny_pair: TinyPair, tmp_path: Path
) -> None:
    half_measured_of(shared, tiny_pair, tmp_path, Variant("sft"), PULLED)
    for section in OF_ONE_VARIANT:
        app = open_page("experiments")
        app.query_params["section"] = section
        app.run()
        plain = drawn_by(app)
        assert "models trained by" not in plain and "Held against the paper" in words_of(app), section
        app.selectbox(key="plan_variant").select("l2sp strength=0.05").run()
        assert not app.exception, section
        told = drawn_by(app)
        assert f"models trained by: {NAME}" in told and told != plain, section
        assert not any(words in told for words in PAPERS), "the paper's marks are of plain models"
        assert "Held against the paper" not in words_of(app) and "The paper, " not in words_of(app), section
        assert app.query_params["plan_variant"] == "l2sp strength=0.05"


def test_a_variants_figure_has_its_own_numbers_pin_and_runs(
    open_page: Open, shared: Workspace, tiny_pair: TinyPair, tmp_path: Path
) -> None:
    half_measured_of(shared, tiny_pair, tmp_path, Variant("sft"), PULLED)
    app = open_page("experiments")
    app.query_params["section"], app.query_params["plan_variant"] = "size", "l2sp strength=0.05"
    app.run()
    key = "size-in-l2sp-strength-0.05"
    found = pinned(app, shared, key)
    assert f"Trained on 60 samples · {NAME}, in-domain" in found.title and "level 0 20.0%" in found.title
    made = found.making.further
    assert (made["variant"], made["cells"], made["cells of"]) == (NAME, "1 of 2", "variant l2sp strength=0.05")
    app.selectbox(key=f"menu-{key}").select_index(0).run()
    told = words_of(app).replace("\\", "")
    assert f"**The runs behind:** level 0, 60 samples, {NAME}, in-domain" in told
    assert "seed 0 · 20.0%" in told


def test_a_plan_without_plain_models_draws_its_own_and_no_verdict_of_the_papers(
    open_page: Open, shared: Workspace, tiny_pair: TinyPair, tmp_path: Path
) -> None:
    half_measured_of(shared, tiny_pair, tmp_path, Variant("lora"))
    app = open_page("experiments")
    assert any("trains no plain models" in info.value for info in app.info)
    for section in [name for name in SECTIONS if name != "paper"]:
        app.query_params["section"] = section
        app.run()
        assert not app.exception and not app.info, section
        assert app.get("vega_lite_chart") or app.dataframe, section
        assert "Held against the paper" not in words_of(app), section
    app.segmented_control(key="section").set_value("ways").run()
    assert app.selectbox(key="ways_set").value == "0@60" and app.selectbox(key="ways_percent").options == ["20%"]


def test_a_plan_of_other_orders_has_a_grid_of_each(
    open_page: Open, shared: Workspace, tiny_pair: TinyPair, tmp_path: Path
) -> None:
    orders = ("spectral", "absolute-top")
    half_measured_of(shared, tiny_pair, tmp_path, Variant("sft"), strategies=orders)
    app = open_page("experiments")
    app.segmented_control(key="section").set_value("restoration").run()
    assert not app.exception
    grids = {str(box.key) for box in app.selectbox if str(box.key).startswith("menu-restoration-in-")}
    assert grids == {f"menu-restoration-in-{order}" for order in orders}
    told = drawn_by(app)
    assert "Right, spectral k% restored, in-domain" in told and "Right, absolute top k% restored, in-domain" in told
    assert not any(words in told for words in PAPERS), "the paper's restorations are of its own order"


def test_the_papers_numbers_do_not_stand_beside_a_plan_of_other_relations(
    open_page: Open, shared: Workspace, tiny_pair: TinyPair, tmp_path: Path
) -> None:
    half_measured_of(shared, tiny_pair, tmp_path, Variant("sft"), relations=("P26",))
    app = open_page("experiments")
    for section in ("paper", "concentration", "restoration"):
        app.query_params["section"] = section
        app.run()
        assert not app.exception
        assert "trains on other relations than the paper's places" in words_of(app), section
        assert not any(words in drawn_by(app) for words in PAPERS), section


def test_a_mark_that_was_left_takes_a_click_again(
    open_page: Open, shared: Workspace, tiny_pair: TinyPair, tmp_path: Path
) -> None:
    """A mark stays selected in the browser once it is clicked: its figure is drawn anew when its cell is closed."""
    half_measured_of(shared, tiny_pair, tmp_path, Variant("sft"))
    app = open_page("experiments")
    app.query_params["section"], app.query_params["cell"] = "size", "size-in;level=0;size=60"

    def drawn() -> list[str]:
        return [chart.proto.id for chart in app.get("vega_lite_chart")]

    app.run()
    before = drawn()
    app.session_state["seen-cell-size-in"] = {"level": "0", "size": 60}  # as the click left it
    app.button(key="close-size-in").click().run()
    changed = [old != new for old, new in zip(before, drawn(), strict=True)]
    assert changed == [True, False], "the figure that was clicked, and no other"
