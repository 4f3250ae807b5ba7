"""What a pin says of itself, page by page: questions and their number, stop, arithmetic, the command that makes it."""

import json
import shlex
from dataclasses import replace
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from analysis.knowledge.mastery import Protocol
from analysis.knowledge.mastery_table import MasteryTable
from analysis.knowledge.texts import read_texts
from analysis.records import RestoreSpec
from analysis.report import footer
from analysis.report.records import Finding, Making
from cache.asked import Asking, Comparison
from cache.work import Workspace
from pages.components.guide import tuned_words
from tests.pages.conftest import Open, settle, words_of

pytestmark = pytest.mark.slow  # a page's run each, and work behind it

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


def press(app: AppTest, key: str) -> None:
    """Open the dialog of this pin."""
    app.button(key=f"pin-{key}").click().run()
    assert not app.exception


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
    assert "as many at random" in finding.title and "2 draws" in finding.title
    app.session_state["every-stop"] = True  # opened
    table = pinned(app.run(), answered, "stops")
    assert table.making.command == made.command
    levels = pinned(app, answered, "by-layer").making
    assert "k = 5%" in lines(levels)["Restoration"] and levels.grows is None
    assert levels.asked is None, "no question bears on where the restored weights lie"
    assert levels.command == f"palimpsest profile {pair.base} {pair.tuned} --percents 5 --json"


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


def test_what_is_listed_can_be_pinned_whole_with_how_it_was_picked(
    open_page: Open, answered: Workspace, pair: Comparison, asking: Asking
) -> None:
    app = open_page("samples", pair, asking)
    app.session_state["samples_search"] = "Ann"
    listing = pinned(app.run(), answered, "listing")
    rows = answered.findings.tables(listing.id)["data"]
    assert 0 < len(rows) < 20 and f"{len(rows)} of 20 questions" in listing.title and "“Ann”" in listing.title
    assert listing.columns[0].label == "change", "as on the page, the id hidden"


def test_the_overviews_sentence_is_pinned_with_the_numbers_it_tells_of(
    open_page: Open, answered: Workspace, pair: Comparison, asking: Asking
) -> None:
    app = open_page("overview", pair, asking)
    story = pinned(app, answered, "story")
    assert "against tuned" in story.title
    assert set(answered.findings.tables(story.id)["data"]["state"]) == {"base", "tuned", "restored"}
    assert "random" in story.making.command


def test_pins_of_a_mastery_measurement_tell_its_own_facts_and_protocol(
    open_page: Open, shared: Workspace, pair: Comparison, asking: Asking
) -> None:
    facts = replace(asking, limit=6)
    shared.mastery(pair.base, facts, Protocol(samples=2, max_new_tokens=32))
    shared.profile(pair)
    made = pinned(open_page("mastery", pair, facts), shared, "mastery_levels").making
    assert made.asked is not None and made.asked.n == 6 and made.restoration is None
    assert made.base is not None and made.base.content and made.tuned is None, "the base alone is measured"
    assert "samples: 2" in lines(made)["Further"] and "method: statements" in lines(made)["Further"]
    told = shlex.split(made.command)
    assert told[told.index("--samples") + 1] == "2" and told[told.index("--limit") + 1] == "6"
    other = pinned(open_page("mastery", pair, replace(asking, limit=12)), shared, "facts").making
    assert other.asked is None and other.command == "", "other questions than those that were measured"


def test_a_pin_of_the_demos_shipped_mastery_table_names_the_command_that_measures_it(
    open_page: Open, shared: Workspace, demo: tuple[Comparison, Asking]
) -> None:
    pair, asking = demo
    made = pinned(open_page("mastery", pair, asking), shared, "mastery_levels").making
    told = ["palimpsest", "mastery", pair.base, "--questions", asking.questions, "--split", "all"]
    further = ["--out", "mastery.parquet", "--until", "sentence", "--method", "statements"]
    assert shlex.split(made.command) == [*told, *further]
    assert made.asked is not None and made.asked.n == 25_600


def test_the_guide_tells_of_the_pair_that_is_looked_at(shared: Workspace, pair: Comparison, open_page: Open) -> None:
    app = open_page("overview", pair)
    given = [json.loads(part.proto.json or "{}") for part in app.get("bidi_component")]
    (steps,) = (data["steps"] for data in given if "steps" in data)
    assert steps[0]["words"].startswith("A model was fine-tuned from the base beside it. This sentence says")
    given = [json.loads(part.proto.json or "{}") for part in open_page("overview").get("bidi_component")]
    (without,) = (data["steps"] for data in given if "steps" in data)
    assert without[0]["page"] == "compare" and "No pair is loaded" in without[0]["words"]
    assert without[1:] == steps[1:]
    assert tuned_words("level-0-1920") == (
        "A small model was fine-tuned on 1,920 facts that its base never told rightly (mastery level 0)."
    )
    assert "240 facts that its base knew well (mastery level 4)" in tuned_words("level-4-240")


def test_the_grid_and_the_text_looked_at_can_be_pinned_and_saved(
    open_page: Open, answered: Workspace, pair: Comparison, asking: Asking
) -> None:
    app = tokens(open_page, answered, pair, asking, token_tab="grid", token_align="answer")
    grid = pinned(app, answered, "token_cells")
    assert grid.kind == "figure" and grid.making.further["positions"] == "answer" and grid.making.asked is not None
    assert len(answered.findings.tables(pinned(app, answered, "token_texts").id)["data"]) == 8
    app.session_state["token_tab"] = "reading"
    reading = pinned(app.run(), answered, "reading").making
    assert reading.further["text"] and reading.command.startswith("palimpsest divergence")


def test_pinned_again_a_figure_has_its_note_and_section_and_takes_its_earlier_place(
    open_page: Open, answered: Workspace, pair: Comparison, asking: Asking
) -> None:
    app = open_page("restore", pair, asking)
    key = next(key for key in ("curve-in", "curve-out") if has_pin(app, key))
    first = pinned(app, answered, key)
    answered.findings.edit(first.id, note="What I saw", section="Curves")
    answered.findings.edit(pinned(app, answered, "by-layer").id, section="Curves")

    press(app, key)
    assert next(area for area in app.text_area if area.label == "Note").value == "What I saw"
    assert "with the same content" in words_of(app) and not [box for box in app.checkbox if "earlier pin" in box.label]
    app.button(key=f"pin-{key}").click()
    app.button(key="pin_now").click().run()
    again = next(each for each in answered.findings.all() if each.finding.id == first.id)
    assert (again.note, again.section) == ("What I saw", "Curves")
    assert again.finding.making.created > first.making.created and len(answered.findings.all()) == 2

    assert [each.finding.making.figure for each in answered.findings.all()] == [key, "by-layer"], "in its place"
    answered.stop(pair, RestoreSpec(60.0), asking)
    press(app.run(), key)
    assert next(box for box in app.checkbox if box.label == "Replace the earlier pin").value
    app.button(key=f"pin-{key}").click()
    app.button(key="pin_now").click().run()
    found = answered.findings.all()
    assert [each.finding.making.figure for each in found] == [key, "by-layer"]
    newer = next(each for each in found if each.finding.making.figure == key)
    assert newer.finding.id != first.id and (newer.note, newer.section) == ("What I saw", "Curves")
    gone = answered.findings.last_deleted()
    assert gone is not None and gone.id == first.id


def test_the_table_of_every_tuned_model_is_of_their_base_and_names_them_all(
    open_page: Open, shared: Workspace, pair: Comparison, asking: Asking, tmp_path: Path
) -> None:
    facts = shared.question_set(replace(asking, limit=None)).questions
    templates = dict.fromkeys(("P19", "P26"), ("{subject} has", "{subject} was born in"))
    table = MasteryTable.of(facts, [(1, 9 if (one.level or 0) == 4 else 3) for one in facts], templates, Protocol())
    frame = table.frame.assign(level=[one.level for one in facts])
    MasteryTable(frame, table.templates, table.protocol).write(tmp_path / "mastery.parquet")
    asked = replace(asking, limit=None, mastery=str(tmp_path / "mastery.parquet"))
    shared.paper_divergence(pair, asked)
    app = open_page("tokens", pair, asked)
    app.session_state["token_tab"] = "paper"
    made = pinned(app.run(), shared, "paper_model_table").making
    assert made.base is not None and made.base.content and made.tuned is None
    assert made.further["models"] == ["tuned"] and "--paper" in made.command
