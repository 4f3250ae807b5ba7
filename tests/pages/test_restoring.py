"""The Restore page's strategies: each previewed, each in the address, the rest of the controls folded away."""

from typing import Any

import pytest

from analysis.records import BLENDS, RestoreSpec
from analysis.weights import profile as profiles
from cache.asked import Asking, Comparison
from cache.work import Workspace
from pages.components import selection
from tests.pages.conftest import Open, settle, words_of

pytestmark = pytest.mark.slow  # a page's run each, and work behind it

ROOM = {"layers": "0-0", "modules": "q,up"}


@pytest.fixture
def profiled(shared: Workspace, pair: Comparison) -> Workspace:
    """The pair read, nothing asked."""
    shared.profile(pair)
    shared.remember(pair)
    return shared


def at(open_page: Open, pair: Comparison, **address: str) -> Any:
    """The Restore page at an address."""
    app = open_page("restore")
    for name, value in {"pair": selection.identity(pair), **address}.items():
        app.query_params[name] = value
    return app.run()


@pytest.mark.parametrize("strategy", BLENDS)
def test_a_blend_says_what_it_really_changes_and_what_rounding_made_of_it(
    open_page: Open, profiled: Workspace, pair: Comparison, strategy: str
) -> None:
    app = at(open_page, pair, strategy=strategy, k="40", **ROOM)
    settle(profiled)
    app.run()
    assert not app.exception
    spec = RestoreSpec(40.0, strategy, layers=(0,), modules=("q", "up"))  # type: ignore[arg-type]
    assert app.session_state["restored_spec"] == spec
    count = profiled.known_count(pair, spec)
    assert count is not None and count.realised is not None
    shown = {metric.label: metric.value for metric in app.metric}
    assert shown["Effective k"] == f"{count.effective_percent:.2f}".rstrip("0").rstrip(".") + "%"
    assert "of the squared distance from tuned to base" in words_of(app)
    assert "Arithmetic: no ranking" in words_of(app)


def test_everything_chosen_stands_in_the_address_and_comes_back_from_it(
    open_page: Open, profiled: Workspace, pair: Comparison
) -> None:
    asked = {"strategy": "random", "region": "mlp", "k": "20", "seed": "3", "scope": "tensor", "arithmetic": "exact"}
    app = at(open_page, pair, **asked, layers="1-1", modules="up,down")
    spec = RestoreSpec(20.0, "random", "mlp", "tensor", (1,), seed=3, modules=("down", "up"))
    assert app.session_state["restored_spec"] == spec
    kept = {name: app.query_params[name] for name in (*asked, "layers")}
    assert kept == asked | {"layers": "1-1"}
    assert app.query_params["among"] == "all" and set(app.query_params["modules"].split(",")) == {"up", "down"}
    assert "Arithmetic: exact" in words_of(app)


@pytest.mark.parametrize(
    "bad", [{"layers": "x"}, {"layers": "3-1"}, {"modules": "../q"}, {"among": "few"}, {"scope": "?"}]
)
def test_an_address_that_means_nothing_opens_the_default(
    open_page: Open, profiled: Workspace, pair: Comparison, bad: dict[str, str]
) -> None:
    app = at(open_page, pair, **bad)
    assert not app.exception
    assert app.session_state["restored_spec"] == RestoreSpec(5.0)


def test_layers_and_modules_that_the_pair_does_not_have_are_left_out(
    open_page: Open, profiled: Workspace, pair: Comparison
) -> None:
    app = at(open_page, pair, layers="1-99", modules="q,experts")
    assert not app.exception
    assert app.session_state["restored_spec"] == RestoreSpec(5.0, layers=(1,), modules=("q",))


def test_the_papers_arithmetic_asks_for_a_reading_of_its_own(
    open_page: Open, profiled: Workspace, pair: Comparison
) -> None:
    app = at(open_page, pair, arithmetic="paper")
    assert "not been read in the arithmetic of the paper's script" in words_of(app)
    app.button(key="read-arithmetic").click().run()
    settle(profiled)
    app.run()
    assert not app.exception
    assert app.session_state["restored_spec"] == RestoreSpec(5.0, arithmetic="paper")
    assert "Arithmetic: paper" in words_of(app)


def test_a_control_that_touches_unchanged_weights_only_says_so(
    open_page: Open, profiled: Workspace, pair: Comparison
) -> None:
    app = at(open_page, pair, strategy="relative-bottom", k="10")
    assert "Nothing really changes here" in words_of(app)
    app.toggle(key="among").set_value(True).run()
    assert not app.exception
    assert app.session_state["restored_spec"] == RestoreSpec(10.0, "relative-bottom", among="changed")
    assert app.query_params["among"] == "changed"
    assert {metric.label: metric.value for metric in app.metric}["Effective k"] == "10%"
    assert "Nothing really changes here" not in words_of(app)


def test_the_hard_threshold_becomes_a_named_stop(open_page: Open, profiled: Workspace, pair: Comparison) -> None:
    app = at(open_page, pair, strategy="spectral")
    app.button(key="find-noise").click().run()
    settle(profiled)
    app.run()
    noise = profiled.noise_percent(pair, RestoreSpec(0))
    assert noise is not None
    assert app.button(key="stop-noise").label == f"Donoho–Gavish threshold: {round(noise, 1):g}%"
    app.button(key="stop-noise").click().run()
    assert app.session_state["restored_spec"] == RestoreSpec(round(noise, 1), "spectral")


def test_a_large_pairs_count_is_looked_up_in_the_background(
    open_page: Open, shared: Workspace, pair: Comparison, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(profiles, "KEEP_PARAMETERS", 0)
    shared.profile(pair)
    shared.remember(pair)
    app = at(open_page, pair, strategy="absolute-top", k="37")
    settle(shared)
    app.run()
    assert not app.exception
    assert [job.title.split(":")[0] for job in shared.jobs.all()] == ["Look at"]
    assert "Effective k" in {metric.label for metric in app.metric}
    app.button(key="stop-20").click().run()
    settle(shared)
    app.run()
    assert not app.exception and len(shared.jobs.all()) == 2


@pytest.mark.slow
def test_a_sweep_of_ones_own_goes_through_the_chosen_strategies(
    open_page: Open, profiled: Workspace, pair: Comparison, asking: Asking
) -> None:
    app = open_page("restore", pair, asking)
    settle(profiled)
    app.run()
    app.multiselect(key="sweep-strategies-restore").set_value(["interpolation", "drop-rescale"]).run()
    app.number_input(key="sweep-seeds-restore").set_value(2).run()
    assert app.button(key="sweep-restore").label == "Run this sweep"
    app.button(key="sweep-restore").click().run()
    settle(profiled)
    app.run()
    assert not app.exception
    known = {(stop.spec.strategy, stop.spec.seed) for stop in profiled.known_stops(pair, asking)}
    assert known >= {("interpolation", 0), ("drop-rescale", 0), ("drop-rescale", 1)}
    assert ("random", 0) not in known
