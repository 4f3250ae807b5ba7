"""What made a finding: content hashes, questions, stop and command; and what has changed since."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from analysis.records import RestoreSpec
from analysis.report.records import Finding
from cache.asked import Asking, Comparison
from cache.keys import VERSIONS
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


def pinned(workspace: Workspace, pair: Comparison, asking: Asking, page: str = "restore") -> Finding:
    made = workspace.making(page, "curve", comparison=pair, asking=asking, spec=FIVE, view="k=5")
    finding = Finding(f"{page}-{made.created}", "figure", "A sentence.", "alt", made)
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


@pytest.mark.slow
def test_stops_evaluated_after_a_curve_was_pinned_are_news(workspace, pair, asking) -> None:
    workspace.stop(pair, FIVE, asking)
    pinned(workspace, pair, asking)
    assert workspace.report_findings()[0].news == ()
    workspace.stop(pair, RestoreSpec(60.0), asking)
    assert workspace.report_findings()[0].news == ("1 more stop was evaluated",)
