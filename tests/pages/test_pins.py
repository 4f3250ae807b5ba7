"""What a pin says of itself, page by page: questions and their number, stop, arithmetic, the command that makes it."""

import shlex
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from analysis.knowledge.texts import read_texts
from analysis.records import RestoreSpec
from analysis.report import footer
from analysis.report.records import Finding, Making
from cache.asked import Asking, Comparison
from cache.work import Workspace
from tests.pages.conftest import Open, settle

FIVE = RestoreSpec(5.0)


@pytest.fixture
def answered(shared: Workspace, pair: Comparison, asking: Asking) -> Workspace:
    """The pair asked, with one stop of the paper's order and two draws of its control."""
    for state in ("base", "tuned"):
        shared.evaluation(pair, state, asking)
    for spec in (FIVE, *(RestoreSpec(5.0, "random", seed=seed) for seed in (0, 1))):
        shared.stop(pair, spec, asking)
    return shared


def pinned(app: AppTest, shared: Workspace, key: str) -> Finding:
    """The finding that the pin of this figure or table keeps."""
    app.button(key=f"pin-{key}").click().run()
    app.button(key=f"pin-{key}").click()  # a dialog is a fragment, which a test runs with the whole page only
    app.button(key="pin_now").click().run()
    assert not app.exception
    found: Finding = shared.findings.all()[-1].finding
    assert found.making.figure == key
    return found


def has_pin(app: AppTest, key: str) -> bool:
    return any(button.key == f"pin-{key}" for button in app.button)


def lines(made: Making) -> dict[str, str]:
    return {line.name: line.words for line in footer.lines(made)}


def test_the_overviews_pins_name_the_stop_they_show_and_the_stops_drawn(
    open_page: Open, answered: Workspace, pair: Comparison, asking: Asking
) -> None:
    app = open_page("overview", pair, asking)
    bars = pinned(app, answered, "bars").making
    assert "k = 5%" in lines(bars)["Restoration"] and "arithmetic exact" in lines(bars)["Restoration"]
    assert shlex.split(bars.command)[-4:] == ["--percents", "5", "--strategies", "relative-top"]
    curve = pinned(app, answered, "curve").making
    told = shlex.split(curve.command)
    assert told[told.index("--strategies") + 1] == "relative-top,random"
    assert told[told.index("--seeds") + 1] == "0,1" and told[told.index("--percents") + 1] == "5"
    grid = pinned(app, answered, "grid").making
    assert grid.asked is None and grid.command == f"palimpsest profile {pair.base} {pair.tuned}"
    assert "arithmetic: exact" in lines(grid)["Further"]


def test_the_pins_of_updates_name_region_and_arithmetic_and_their_command_reads_just_so(
    open_page: Open, shared: Workspace, pair: Comparison
) -> None:
    shared.profile(pair, "paper")
    shared.profile(pair)
    app = open_page("updates", pair)
    app.session_state["updates_region"], app.session_state["updates_arithmetic"] = "mlp", "paper"
    app.run()
    for key in ("grid", "concentration", "shares", "tensors"):
        made = pinned(app, shared, key).making
        assert "region: mlp · arithmetic: paper" in lines(made)["Further"]
        assert made.command == f"palimpsest profile {pair.base} {pair.tuned} --region mlp --arithmetic paper"
        assert made.asked is None and made.restoration is None


def test_the_restored_curves_command_sweeps_what_is_drawn_with_every_seed(
    open_page: Open, answered: Workspace, pair: Comparison, asking: Asking
) -> None:
    app = open_page("restore", pair, asking)
    finding = pinned(app, answered, next(key for key in ("curve-in", "curve-out") if has_pin(app, key)))
    made = finding.making
    assert "k = 5%" in lines(made)["Restoration"] and "n = 20" in lines(made)["Questions"]
    assert made.command.endswith("--percents 5 --strategies relative-top,random --seeds 0,1")
    assert "as many parameters at random" in finding.title and "2 draws" in finding.title
    table = pinned(app, answered, "stops")
    assert table.making.command == made.command
    levels = pinned(app, answered, "by-layer").making
    assert "k = 5%" in lines(levels)["Restoration"] and levels.grows is None


def test_a_pinned_sample_names_the_stop_that_samples_looks_at(
    open_page: Open, answered: Workspace, pair: Comparison, asking: Asking
) -> None:
    app = open_page("samples", pair, asking)
    made = pinned(app, answered, "flips").making
    assert "k = 5%" in lines(made)["Restoration"]
    assert shlex.split(made.command)[-4:] == ["--percents", "5", "--strategies", "relative-top"]


def tokens(open_page: Open, shared: Workspace, *about: Comparison | Asking, **chosen: object) -> AppTest:
    """The Tokens page with its work done."""
    app = open_page("tokens", *about)
    for name, value in chosen.items():
        app.session_state[name] = value
    app.run()
    settle(shared)
    app.run()
    assert not app.exception
    return app


def file_of(made: Making) -> Path:
    told = shlex.split(made.command)
    return Path(told[told.index("--prompts") + 1])


def test_pins_of_drawn_questions_count_them_and_keep_their_texts_where_the_command_finds_them(
    open_page: Open, answered: Workspace, pair: Comparison, asking: Asking
) -> None:
    app = tokens(open_page, answered, pair, asking, token_tab="spread", restored_spec=FIVE)
    finding = pinned(app, answered, "token_means")
    made = finding.making
    assert made.asked is not None and made.asked.n == 8 and "n = 8" in lines(made)["Questions"]
    assert "tuned ‖ base" in lines(made)["Further"] and "measure: kl_full_nats" in lines(made)["Further"]
    assert made.restoration is None and "--percent" not in made.command
    texts = read_texts(file_of(made))
    assert len(texts) == 8 and answered.known_divergence(pair, texts) is not None, "the very texts, read again"
    kept = answered.findings.tables(finding.id)["texts"]
    assert kept["prompt"].tolist() == [text.prompt for text in texts]


def test_pins_of_a_restored_state_name_its_stop_and_the_other_side(
    open_page: Open, answered: Workspace, pair: Comparison, asking: Asking
) -> None:
    app = tokens(open_page, answered, pair, asking, token_tab="spread", restored_spec=FIVE)
    choice = app.selectbox(key="token_state")
    choice.set_value(choice.options[1]).run()
    settle(answered)
    app.run()
    app.session_state["token_against"] = "tuned"
    made = pinned(app.run(), answered, "token_means").making
    assert "k = 5%" in lines(made)["Restoration"] and "restored ‖ tuned" in lines(made)["Further"]
    assert made.command.endswith("--percent 5")


def test_pins_of_texts_of_ones_own_claim_no_questions(
    open_page: Open, answered: Workspace, pair: Comparison, asking: Asking
) -> None:
    app = tokens(
        open_page, answered, pair, asking, token_source="own", token_prompt="Ann Lee was born in", token_tab="spread"
    )
    made = pinned(app, answered, "token_means").making
    assert made.asked is None and lines(made)["Further"].startswith("texts: 1 typed")
    assert [text.prompt for text in read_texts(file_of(made))] == ["Ann Lee was born in"]


def test_a_pinned_continuation_says_how_many_tokens_were_told(
    open_page: Open, answered: Workspace, pair: Comparison, asking: Asking
) -> None:
    app = tokens(open_page, answered, pair, asking, token_tab="told", token_new=4)
    made = pinned(app, answered, "token_together").making
    assert "--generate 4" in made.command and all(text.answer is None for text in read_texts(file_of(made)))
    table = pinned(app, answered, "continuations")
    assert table.making.command == made.command and len(answered.findings.tables(table.id)["data"]) == 8
