"""What made a finding: content hashes, questions, stop and command; and what has changed since."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from analysis.records import RestoreSpec, Stored
from analysis.report.records import Finding, Grows, Making
from cache.asked import Asking, Comparison
from cache.keys import VERSIONS, make_key
from cache.making import About
from cache.work import Workspace

FIVE = RestoreSpec(5.0)


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
