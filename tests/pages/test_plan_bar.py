"""A plan under way: what runs, and who may stop it from where."""

import time
from pathlib import Path

import pytest

from analysis.experiments.plan import Plan
from analysis.records import Progress, check_cancelled
from analysis.training.variants import Variant
from cache.experiments.folder import PlanFolder, RunNote
from cache.work import Workspace
from tests.conftest import TinyPair
from tests.pages.conftest import WAIT_SECONDS, Open, words_of
from tests.pages.test_experiments import half_measured_of

pytestmark = pytest.mark.slow  # a page's run each


@pytest.fixture
def under_way(shared: Workspace, tiny_pair: TinyPair, tmp_path: Path) -> Plan:
    """A half measured plan whose last cell is measured right now."""
    plan = half_measured_of(shared, tiny_pair, tmp_path, Variant("sft"))
    last = shared.plan(plan.name).cells[-1]
    PlanFolder(shared.home).note(plan.name, RunNote(time.time(), [last.digest]))
    return plan


def test_a_plan_that_another_process_runs_says_what_runs_and_where_it_is_stopped(
    open_page: Open, under_way: Plan
) -> None:
    app = open_page("experiments")
    text = words_of(app).replace("\\", "")
    assert "Running now: level 4 · 60 · seed 0. Another process runs it" in text
    assert "Missing: level 4 · 60." in text
    assert not {"Stop", "Go on"} & {button.label for button in app.button}


def test_a_plan_begun_in_another_session_can_be_stopped_here(
    open_page: Open, shared: Workspace, under_way: Plan
) -> None:
    def until_cancelled(job: Progress) -> None:
        while True:
            check_cancelled(job)
            time.sleep(0.02)

    job = shared.jobs.submit(f"Plan {under_way.name}", "k", until_cancelled, watcher="other:plan")
    app = open_page("experiments")
    assert "Another process" not in words_of(app)
    app.button(key="plan-stop-all").click().run()
    told = shared.jobs.wait(job, WAIT_SECONDS)
    assert told is not None and told.state == "cancelled"
