"""What was freed is gone from the pages too: nothing that a page remembered of it is shown again."""

from cache.asked import Asking, Comparison
from cache.housekeeping import Choice
from cache.work import Workspace
from tests.pages.conftest import Open, settle


def test_a_token_comparison_that_was_freed_is_made_again_and_not_shown_from_memory(
    open_page: Open, shared: Workspace, pair: Comparison, asking: Asking
) -> None:
    shared.profile(pair)
    app = open_page("tokens", pair, asking)
    settle(shared)
    app.run()
    assert [entry.kind for entry in shared.store.entries("divergence")] == ["divergence"]
    preview = shared.housekeeping.preview(Choice(kinds=("divergence",)), shared.pair_names())
    assert shared.free(preview.goes).results == 1
    app.run()
    settle(shared)
    assert len(list(shared.store.entries("divergence"))) == 1
    assert not app.run().exception
