"""Compare's way to the demo's finished finding: for who comes first, and for who comes later."""

from pathlib import Path

import pytest

from analysis.records import RestoreSpec
from cache.asked import Asking, Comparison
from cache.work import Workspace
from tests.pages.conftest import Open, words_of

pytestmark = pytest.mark.slow  # a page's run each, and work behind it


@pytest.fixture
def finding(shared: Workspace, demo: tuple[Comparison, Asking]) -> Comparison:
    """The demo's first pair with one stop evaluated."""
    pair, asking = demo
    for state in ("tuned", RestoreSpec(20)):
        shared.evaluation(pair, state, asking)
    shared.remember(pair)
    return pair


def labels(app) -> list[str]:  # type: ignore[no-untyped-def]
    return [button.label for button in app.button]


def test_the_way_to_the_demos_finding_stays_when_another_pair_was_looked_at(
    open_page: Open, shared: Workspace, finding: Comparison, pair: Comparison
) -> None:
    assert shared.first_view() is not None
    shared.remember(pair)
    assert shared.first_view() is None, "a visit does not open on the demo where somebody works on their own pair"
    app = open_page("compare")
    assert "Show me" in labels(app), "a newcomer's session looks at nothing yet"
    app = open_page("compare", pair)
    assert "Show me" not in labels(app) and "Show its finished finding" in labels(app)
    next(button for button in app.button if button.label == "Show its finished finding").click().run()
    assert app.session_state["comparison"] == finding and app.title[0].value == "Overview"
    assert not {"Show me", "Show its finished finding"} & set(labels(open_page("compare", finding)))


def test_recent_pairs_called_alike_are_told_apart_and_missing_files_are_told(
    open_page: Open, shared: Workspace, tmp_path: Path
) -> None:
    for run in ("first", "second"):
        for side in ("base", "tuned"):
            (tmp_path / run / side).mkdir(parents=True)
        shared.remember(Comparison(str(tmp_path / run / "base"), str(tmp_path / run / "tuned")))
    gone = Comparison(str(tmp_path / "first" / "base"), str(tmp_path / "lost"))
    told = words_of(open_page("compare", gone))
    assert "first/base → **first/tuned**" in told and "second/base → **second/tuned**" in told
    assert "base → **lost** :material/folder_off: files are missing" in told
    assert "no longer there" in told and not {"Read its weights"} & set(labels(open_page("compare", gone)))
