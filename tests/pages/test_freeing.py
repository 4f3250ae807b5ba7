"""What was freed is gone from the pages too: nothing that a page remembered of it is shown again."""

from pathlib import Path

from cache.asked import Asking, Comparison
from cache.housekeeping import Choice
from cache.kept_texts import KeptTexts
from cache.work import Workspace
from tests.pages.conftest import Open, settle, words_of


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


def test_the_disk_panel_removes_a_model_when_it_is_chosen_and_preselects_nothing_costly(
    open_page: Open, shared: Workspace, pair: Comparison
) -> None:
    model = shared.home / "tuned" / "level-0"
    model.mkdir(parents=True)
    (model / "model.safetensors").write_bytes(b"0" * 1_000)
    shared.texts.keep(KeptTexts("own", "a prompt"))
    app = open_page("compare", pair)
    app.session_state["disk"] = True
    app.run()
    choice = next(each for each in app.multiselect if each.label == "Remove")
    assert choice.value == [] and len(choice.options) == 2
    keys = [str(each.key) for each in app.button]
    assert "disk-free" in keys and not [key for key in keys if key.startswith("pin-disk")], "no finding about models"
    choice.set_value([str(model), str(shared.home / "texts")]).run()
    assert "Cannot be brought back: texts kept for links" in words_of(app).replace("\\", "")
    next(each for each in app.multiselect if each.label == "Remove").set_value([str(model)]).run()
    app.button(key="disk-remove").click().run()
    assert not app.exception
    assert not model.exists() and list((shared.home / "texts").iterdir())
    assert "1 removed" in words_of(app)


def test_the_model_one_looks_at_is_no_choice(open_page: Open, shared: Workspace, pair: Comparison) -> None:
    model = shared.home / "tuned" / "level-0"
    model.mkdir(parents=True)
    (model / "model.safetensors").write_bytes(Path(pair.tuned, "model.safetensors").read_bytes())
    app = open_page("compare", Comparison(pair.base, str(model)))
    app.session_state["disk"] = True
    app.run()
    assert "level-0" not in "".join(next(each for each in app.multiselect if each.label == "Remove").options)
