"""What made a finding: content hashes, questions, stop and command; and what has changed since."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from analysis.experiments.grid import cells_of
from analysis.experiments.plan import Plan, Training
from analysis.records import RestoreSpec, Stored
from analysis.report import footer
from analysis.report.records import Finding, Grows, Making
from cache.about import NO_MODEL, Models
from cache.asked import Asking, Comparison
from cache.experiments.folder import KeptPlan, KeyedCell, PlanFolder
from cache.keys import VERSIONS, make_key
from cache.making import About
from cache.work import Workspace
from tests.report.handmade import make_placed

FIVE = RestoreSpec(5.0)


def lines(made: Making) -> dict[str, str]:
    return {line.name: line.words for line in footer.lines(made)}


@pytest.fixture
def pair(tiny_pair, tmp_path: Path) -> Comparison:
    """The tiny pair, its tuned side a copy that may be changed."""
    shutil.copytree(tiny_pair.tuned, tmp_path / "tuned")
    return Comparison(str(tiny_pair.base), str(tmp_path / "tuned"))


@pytest.fixture
def asking(tiny_pair) -> Asking:
    return Asking(str(tiny_pair.questions), limit=8)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "home")


def pinned(
    workspace: Workspace,
    pair: Comparison,
    asking: Asking,
    page: str = "restore",
    about: About | None = None,
    name: str = "",
    further: dict[str, Any] | None = None,
) -> Finding:
    made = workspace.making(
        page, name or "curve", comparison=pair, asking=asking, spec=FIVE, about=about, view="k=5", further=further
    )
    finding = Finding(name or f"{page}-{made.created}", "figure", "A sentence.", "alt", made)
    workspace.findings.pin(finding, {})
    return finding


def test_a_making_holds_hashes_questions_stop_and_a_command_and_grows_old_in_words(workspace, pair, asking) -> None:
    workspace.profile(pair)
    made = pinned(workspace, pair, asking).making
    ids = workspace.known_profile(pair)
    assert (made.base.content, made.tuned.content) == (ids.base_id, ids.tuned_id)
    assert made.asked.n == 8 and made.asked.id == workspace.question_set(asking).id
    assert made.restoration.percent == 5 and made.restoration.effective_percent == pytest.approx(
        workspace.known_count(pair, FIVE).effective_percent
    )
    assert made.algorithms["evaluation"] == VERSIONS["evaluation"] and "torch" in made.versions
    assert made.command.startswith(
        f"palimpsest sweep {pair.base} {pair.tuned} --questions {asking.questions} --limit 8"
    )
    assert workspace.report_findings()[0].news == ()

    (Path(pair.tuned) / "model.safetensors").write_bytes((Path(pair.base) / "model.safetensors").read_bytes())
    workspace.profile(pair)
    assert workspace.report_findings()[0].news == ("the tuned model's weights have changed",)
    shutil.rmtree(pair.tuned)
    assert workspace.report_findings()[0].finding.spec == {}, "a pin needs no model"


def test_a_revised_algorithm_and_a_newer_pin_are_news(workspace, pair, asking, monkeypatch) -> None:
    first = pinned(workspace, pair, asking, "updates")
    monkeypatch.setitem(VERSIONS, "profile", VERSIONS["profile"] + 1)
    told = workspace.report_findings()[0].news
    assert told == (
        f"the profile algorithm was revised (version {first.making.algorithms['profile']} to {VERSIONS['profile']})",
    )
    workspace.findings.pin(
        replace(first, id="later", making=replace(first.making, created=first.making.created + 1)), {}
    )
    assert "a newer pin of the same figure is in this report" in workspace.report_findings()[0].news
    assert first.making.asked is None and first.making.restoration is None, "the questions do not bear on Updates"


def test_only_stops_that_a_figure_draws_are_news_of_it_and_pinning_it_again_clears_them(
    workspace, pair, asking
) -> None:
    workspace.stop(pair, FIVE, asking)
    grows = About(spec=FIVE, asking=asking, grows=Grows(FIVE.identity(), ("relative-top",)))
    pinned(workspace, pair, asking, about=grows, name="curve")
    pinned(workspace, pair, asking, name="by-layer")
    other = RestoreSpec(60.0, "random"), RestoreSpec(60.0, region="mlp"), RestoreSpec(60.0, scope="tensor")
    for spec in other:
        workspace.stop(pair, spec, asking)
    workspace.stop(pair, RestoreSpec(60.0), replace(asking, prompt="qa"))
    assert [each.news for each in workspace.report_findings()] == [(), ()], "none of these is on the curve"
    workspace.stop(pair, RestoreSpec(60.0), asking)
    assert [each.news for each in workspace.report_findings()] == [("1 more stop was evaluated",), ()]
    pinned(workspace, pair, asking, about=grows, name="curve")  # the same content, its advice followed
    assert [each.news for each in workspace.report_findings()] == [(), ()]
    assert [each.news for each in Workspace(workspace.home).report_findings()] == [(), ()], "on disk too"


def test_files_written_since_and_never_read_are_said_to_have_changed(workspace, pair, asking) -> None:
    workspace.profile(pair)
    pinned(workspace, pair, asking)
    (Path(pair.tuned) / "model.safetensors").write_bytes((Path(pair.base) / "model.safetensors").read_bytes())
    assert workspace.report_findings()[0].news == (
        "the tuned model's files have changed since and were not read again",
    )


def test_another_measurement_of_the_bases_mastery_is_news_of_a_pin_that_shows_one(workspace, pair, asking) -> None:
    workspace.profile(pair)
    pinned(workspace, pair, asking, "mastery", further={"measurement": "old.parquet"})
    folder = workspace.home / "mastery" / workspace.known_profile(pair).base_id
    folder.mkdir(parents=True)
    (folder / "old.parquet").write_bytes(b"")
    assert workspace.report_findings()[0].news == (), "the one it shows, written again"
    (folder / "new.parquet").write_bytes(b"")
    assert workspace.report_findings()[0].news == ("the base's mastery was measured again (new.parquet)",)


def test_a_pin_stored_before_there_were_growing_figures_is_read() -> None:
    old = {"page": "restore", "figure": "curve", "identity": "x", "created": 1.0, "command": "palimpsest"}
    assert msgspec.convert(old, Making).grows is None


def test_only_models_measured_on_the_same_facts_for_the_first_time_are_news_of_the_figure_of_all(
    workspace, pair, asking
) -> None:
    workspace.profile(pair)
    base = workspace.known_profile(pair).base_id

    def measure(model: str, facts: str, near: int = 3) -> None:
        parts = {"base": {"checkpoint": base}, "weights": {"checkpoint": model}, "facts": facts, "near": near}
        workspace.store.put(make_key("paper_divergence", **parts), Stored({}, {}))

    measure("one", "asked")
    pinned(workspace, pair, asking, "tokens", further={"models": ["one"]})
    measure("one", "asked", near=5)
    measure("two", "others")
    assert workspace.report_findings()[0].news == ()
    measure("three", "asked")
    assert workspace.report_findings()[0].news == ("1 tuned model was measured since",)


def test_a_making_names_whose_models_it_is_of_and_grows_old_by_these_alone(workspace, pair, asking) -> None:
    workspace.profile(pair)
    ids = workspace.known_profile(pair)

    def made(models: Models | Comparison | None, active: Comparison | None = pair, view: str = "") -> Making:
        about = About(models=models)
        return workspace.making("experiments", "table", comparison=active, asking=asking, about=about, view=view)

    session, base, none = made(None), made(Models(pair.base)), made(NO_MODEL)
    assert session.base.content == ids.base_id and session.tuned.content == ids.tuned_id
    assert base.base.content == ids.base_id and base.tuned is None and "tuned" not in lines(base)["Models"]
    assert none.base is None and none.tuned is None and "Models" not in lines(none)
    assert len({session.identity, base.identity, none.identity}) == 3
    other = Comparison(pair.base, pair.base)
    assert made(other).tuned.source == pair.base
    for models in (other, Models(pair.base), NO_MODEL):
        here, there = made(models, view="pair=1&k=5"), made(models, other, view="pair=2&k=5")
        assert here.identity == there.identity, "the active pair does not bear on it"

    for name, making in (("session", session), ("base", base), ("none", none)):
        workspace.findings.pin(Finding(name, "figure", "A sentence.", "alt", making), {})
    (Path(pair.tuned) / "model.safetensors").write_bytes((Path(pair.base) / "model.safetensors").read_bytes())
    workspace.profile(pair)
    told = {each.finding.id: each.news for each in workspace.report_findings()}
    assert told == {"session": ("the tuned model's weights have changed",), "base": (), "none": ()}


def test_a_base_alone_is_said_to_have_changed(workspace, pair, asking) -> None:
    workspace.profile(pair)
    about = About(models=Models(pair.tuned, base_content="another"))  # what a stored result was measured on
    made = workspace.making("experiments", "table", comparison=pair, about=about)
    assert made.base.content == "another"
    workspace.findings.pin(Finding("base", "figure", "A sentence.", "alt", made), {})
    assert workspace.report_findings()[0].news == ("the base model's weights have changed",)


def test_how_far_the_measuring_was_is_told_and_makes_no_other_figure(workspace, pair) -> None:
    def made(**so_far: str) -> Making:
        return workspace.making("experiments", "table", about=About(further={"plan": "scale"}, so_far=so_far))

    first, later = made(cells="20 of 60"), made(cells="60 of 60")
    assert first.identity == later.identity and "cells: 60 of 60" in lines(later)["Further"]


def test_a_figure_without_a_command_has_no_line_for_one(workspace, pair, asking) -> None:
    made = workspace.making("experiments", "table", comparison=pair, asking=asking)
    assert made.command == "" and "Again" not in lines(made)


def test_a_pin_of_a_plan_grows_old_as_more_of_its_cells_are_measured(workspace) -> None:
    plan = Plan("scale", "base", "facts", train=Training(levels=("0", "4"), sizes=(60,), seeds=(0,)))
    cells = tuple(KeyedCell(cell, 1, {"cell": cell.name}) for cell in cells_of(plan))
    PlanFolder(workspace.home).keep(KeptPlan(plan, cells))
    workspace.store.put(cells[0].key, Stored({}))
    whole = About(further={"plan": "scale"}, so_far={"cells": "1 of 3"})
    several = About(further={"places: plan": "scale"}, so_far={"places: cells": "1 of 3"})
    one_run = About(further={"plan": "scale"})
    its_own, others = (
        About(further={"plan": "scale", "cells of": f"{level}, 60 samples, variant sft"}, so_far={"cells": "0 of 1"})
        for level in ("level 0", "level 4")
    )
    figures = {"whole": whole, "several": several, "one run": one_run, "level 0": its_own, "level 4": others}
    for name, about in figures.items():
        made = workspace.making("experiments", name, about=about)
        workspace.findings.pin(Finding(name, "figure", "A sentence.", "alt", made), {})
    assert [each.news for each in workspace.report_findings()] == [()] * 5
    workspace.store.put(cells[1].key, Stored({}))
    news = ("the plan scale has 2 of 3 cells measured, and had 1 of 3",)
    own = ("the plan scale, level 0, 60 samples, variant sft, has 1 of 1 cells measured, and had 0 of 1",)
    assert [each.news for each in workspace.report_findings()] == [news, news, (), own, ()]
    PlanFolder(workspace.home).forget("scale")
    assert [each.news for each in workspace.report_findings()] == [()] * 5


def test_a_zip_packed_before_something_was_pinned_again_is_not_offered(workspace) -> None:
    placed = make_placed("f1", table=True)
    workspace.findings.pin(placed.finding, placed.tables)
    assert workspace.packed_report() is None
    assert workspace.pack_report() == workspace.packed_report()
    later = replace(placed.finding.making, created=placed.finding.making.created + 60)
    workspace.findings.pin(replace(placed.finding, making=later), placed.tables)
    assert workspace.packed_report() is None, "its small print is another"
