"""Files saved from a page or from the report say what made them, as a pin of the same figure would."""

from collections.abc import Callable

import pytest
from streamlit.runtime.media_file_manager import MediaFileManager
from streamlit.testing.v1 import AppTest

from cache.asked import Asking, Comparison
from cache.work import Workspace
from tests.pages.conftest import Open
from tests.report.handmade import make_placed

Files = dict[str, Callable[[], bytes]]


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch) -> Files:
    """What makes each file that a page offers, by the file's name, as the browser would ask for it."""
    offered: Files = {}
    real = MediaFileManager.add_deferred

    def noted(self, make, mimetype, coordinates, file_name=None, **more):  # type: ignore[no-untyped-def]
        offered[file_name] = make
        return real(self, make, mimetype, coordinates, file_name, **more)

    monkeypatch.setattr(MediaFileManager, "add_deferred", noted)
    return offered


def test_a_pinned_figures_files_carry_its_footer(open_page: Open, shared: Workspace, files: Files) -> None:
    for name, table in (("f1", False), ("f2", True)):
        placed = make_placed(name, table=table)
        shared.findings.pin(placed.finding, placed.tables)
    assert not open_page("report").exception
    told = {name.rpartition(".")[2]: make() for name, make in files.items()}
    assert b"n = 500" in told["svg"] and b"palimpsest sweep" in told["svg"]
    assert b"% Models: base" in told["tex"] and b"n = 500" in told["md"]
    assert b"Models" not in told["csv"] and told["png"].startswith(b"\x89PNG") and told["pdf"].startswith(b"%PDF")


@pytest.mark.slow
def test_files_taken_from_a_page_tell_models_questions_and_command(
    open_page: Open, shared: Workspace, pair: Comparison, asking: Asking, files: Files
) -> None:
    for state in ("base", "tuned"):
        shared.evaluation(pair, state, asking)
    profile = shared.profile(pair)
    app: AppTest = open_page("overview", pair, asking)
    assert not app.exception
    bars, grid = (files[f"palimpsest-{key}.svg"]().decode() for key in ("bars", "grid"))
    for content in (profile.base_id, profile.tuned_id):
        assert content in bars and content in grid
    assert "n = 20" in bars and "Questions:" in bars and "Saved: " in bars
    assert "Questions:" not in grid and "Again: palimpsest profile" in grid
