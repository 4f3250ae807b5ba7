"""Every page on a real tiny pair: what it says when something is missing, what it does, what it shows when done."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from analysis.records import RestoreSpec
from cache.asked import Asking, Comparison
from cache.work import Workspace
from pages.components import selection
from tests.pages.conftest import Open, settle, words_of

pytestmark = pytest.mark.slow  # a page's run each

ROOT = Path(__file__).resolve().parents[2]
NEED_A_PAIR = ("overview", "updates", "restore", "samples")


@pytest.fixture
def answered(shared: Workspace, pair: Comparison, asking: Asking) -> Workspace:
    """The pair read, base, tuned and one restoration asked."""
    shared.evaluation(pair, "base", asking)
    shared.stop(pair, RestoreSpec(5), asking)
    return shared


def test_a_first_visit_lands_on_compare_and_offers_the_demo_or_a_pair_of_ones_own(open_page: Open) -> None:
    app = open_page("compare")
    assert not app.exception
    assert app.title[0].value == "Compare two models"
    assert [field.key for field in app.text_input if field.key] == ["own_base", "own_tuned"]


@pytest.mark.parametrize("page", NEED_A_PAIR)
def test_a_page_without_a_pair_says_so_and_leads_to_compare(open_page: Open, page: str) -> None:
    app = open_page(page)
    assert not app.exception
    assert "No pair is loaded" in words_of(app)
    assert "Choose a pair" in links_of(app)


@pytest.mark.parametrize("page", NEED_A_PAIR)
def test_a_page_whose_pair_was_never_read_offers_to_read_it(open_page: Open, pair: Comparison, page: str) -> None:
    app = open_page(page, pair)
    assert not app.exception
    assert "Read them now" in [button.label for button in app.button]


def test_jobs_without_any_job_lead_on(open_page: Open) -> None:
    app = open_page("jobs")
    assert "No job has run" in words_of(app)


def test_checking_a_pair_that_is_not_there_tells_every_side_and_offers_no_loading(open_page: Open) -> None:
    app = open_page("compare")
    app.text_input(key="own_base").input("/nowhere/base")
    app.text_input(key="own_tuned").input("/nowhere/*tuned*")
    app.button[submit_of(app)].click().run()
    assert not app.exception
    assert "This pair cannot be compared" in words_of(app)
    findings = app.table[0].value["finding"].str.cat(sep="\n")
    assert "/nowhere/base" in findings and r"/nowhere/\*tuned\*" in findings  # escaped: shown as it is
    assert "Load this pair" not in [button.label for button in app.button]


def test_a_good_pair_is_checked_loaded_remembered_and_put_into_the_address(
    open_page: Open, shared: Workspace, pair: Comparison
) -> None:
    app = open_page("compare")
    app.text_input(key="own_base").input(pair.base)
    app.text_input(key="own_tuned").input(pair.tuned)
    app.button[submit_of(app)].click().run()
    assert "This pair can be compared" in words_of(app)
    next(button for button in app.button if button.label == "Load this pair").click().run()
    settle(shared)
    app.run()
    assert not app.exception
    assert shared.recent() == (pair,)
    assert shared.known_profile(pair) is not None
    assert app.query_params["pair"] == selection.identity(pair)


def test_an_address_opens_the_pair_and_the_questions_it_names(
    open_page: Open, shared: Workspace, pair: Comparison, asking: Asking
) -> None:
    shared.remember(pair)
    shared.remember_asking(asking)
    app = linked(open_page, "jobs", pair=selection.identity(pair), questions=selection.identity(asking))
    assert app.session_state["comparison"] == pair
    assert app.session_state["asking"] == asking


def test_an_address_never_makes_the_server_open_a_path(open_page: Open) -> None:
    app = linked(open_page, "jobs", pair="/etc")
    assert "comparison" not in app.session_state
    assert "this store has not seen" in words_of(app)


def test_a_bad_question_file_is_told_line_by_line_and_not_taken(
    open_page: Open, pair: Comparison, tmp_path: Path
) -> None:
    bad = tmp_path / "bad*_file.jsonl"
    bad.write_text('{"question": "Where?", "answers": []}\nno json\n')
    app = open_page("compare", pair)
    next(field for field in app.text_input if field.label == "Questions").input(str(bad))
    next(button for button in app.button if button.label == "Use these questions").click().run()
    assert not app.exception
    assert "line 2" in app.error[0].value
    assert "bad\\*\\_file" in app.error[0].value  # a name is shown as it is, not read as Markdown
    assert "asking" not in app.session_state


def test_updates_show_the_grid_the_concentration_and_every_tensor(open_page: Open, answered, pair: Comparison) -> None:
    app = open_page("updates", pair)
    assert not app.exception
    tensors = next(frame.value for frame in app.dataframe if "tensor" in frame.value.columns)
    assert len(tensors) == len(answered.known_profile(pair).tensor_rows("transformer", ()))
    assert len(app.get("vega_lite_chart")) == 2


def test_updates_draw_every_tensor_and_a_lasso_narrows_the_table(open_page: Open, answered, pair: Comparison) -> None:
    app = open_page("updates", pair)
    (figure,) = app.get("plotly_chart")
    rows = {row.name: row for row in answered.known_profile(pair).tensor_rows("transformer", (20.0,))}
    data = json.loads(figure.proto.spec)["data"]
    points = {words[0]: x for trace in data for words, x in zip(trace["customdata"], trace["x"], strict=True)}
    assert points == {name: pytest.approx(100 * row.changed_fraction) for name, row in rows.items()}
    assert json.loads(figure.proto.config)["toImageButtonOptions"]["format"] == "svg"
    assert figure.proto.alt.startswith(f"{len(rows)} tensors")
    names = [row.name for row in answered.known_profile(pair).tensor_rows("transformer", ())]
    app.session_state["updates_tensors"] = [1, 2, 3, 5]
    app.run()
    assert not app.exception
    listed = next(frame.value for frame in app.dataframe if "tensor" in frame.value.columns)
    assert set(listed["tensor"]) == {names[number] for number in (1, 2, 3, 5)}
    assert app.query_params["updates_tensors"] in ("1-3,5", ["1-3,5"])  # part of the link
    next(button for button in app.button if button.label == "List all").click().run()
    listed = next(frame.value for frame in app.dataframe if "tensor" in frame.value.columns)
    assert len(listed) == len(rows)


def test_the_slider_previews_at_once_what_a_stop_restores(open_page: Open, answered, pair: Comparison) -> None:
    app = open_page("restore", pair)
    app.slider(key="k").set_value(20.0).run()
    assert not app.exception
    shown = {metric.label: metric.value for metric in app.metric}
    count = answered.count(pair, RestoreSpec(20))
    assert shown["Effective k"] == f"{count.effective_percent:.2f}".rstrip("0").rstrip(".") + "%"
    assert f"{count.count / 1000:.3g}k" == shown["Restored parameters"]


def test_a_stop_seen_before_answers_at_once_and_starts_no_job(
    open_page: Open, answered, pair: Comparison, asking: Asking
) -> None:
    app = open_page("restore", pair, asking)
    assert not app.exception
    assert "Fixed" in [metric.label for metric in app.metric]
    assert answered.jobs.all() == ()


def test_a_stop_tells_what_it_healed_and_the_best_of_several_where_it_was_not_chosen(
    open_page: Open, answered, pair: Comparison, asking: Asking
) -> None:
    app = open_page("restore", pair, asking)
    assert {"Healed", "Kept", "Newly broken"} <= {metric.label for metric in app.metric}
    assert "Best stop" not in words_of(app)
    answered.stop(pair, RestoreSpec(40.0), asking)
    question = answered.question_set(asking).questions[0]
    answered.slices.save("mine", frozenset({question.id}))
    app.session_state["chosen_question"], app.session_state["chosen_slice"] = question.id, "mine"
    app.run()
    assert not app.exception
    words = words_of(app).replace("\\", "")
    assert "Best stop, chosen on one half of the questions" in words
    assert "Slice mine, n\u00a0=\u00a01: base" in words and question.question in words


def test_a_new_stop_is_evaluated_in_the_background_and_then_shown(
    open_page: Open, answered, pair: Comparison, asking: Asking
) -> None:
    app = open_page("restore", pair, asking)
    app.button(key="stop-40").click().run()
    assert [job.title for job in answered.jobs.all()] == [
        "Ask: top 40% by relative change, transformer, exact arithmetic"
    ]
    settle(answered)
    app.run()
    assert not app.exception
    assert answered.known_evaluation(pair, RestoreSpec(40.0), asking) is not None
    assert "Fixed" in [metric.label for metric in app.metric]


def test_without_autorun_nothing_is_evaluated_before_one_asks(
    open_page: Open, answered, pair: Comparison, asking: Asking
) -> None:
    app = open_page("restore", pair, asking)
    app.toggle(key="autorun").set_value(False).run()
    app.button(key="stop-60").click().run()
    assert answered.jobs.all() == ()
    next(button for button in app.button if button.label == "Evaluate this stop").click().run()
    assert len(answered.jobs.all()) == 1
    settle(answered)


def test_a_stop_that_fails_says_why_and_is_not_tried_again_by_itself(
    open_page: Open, shared: Workspace, pair: Comparison, asking: Asking, tmp_path: Path
) -> None:
    for side in ("base", "tuned"):
        shutil.copytree(getattr(pair, side), tmp_path / side, ignore=shutil.ignore_patterns("tokenizer*"))
    mute = Comparison(str(tmp_path / "base"), str(tmp_path / "tuned"))
    shared.profile(mute)
    app = open_page("restore", mute, asking)
    for _ in range(3):
        settle(shared)
        app.run()
    assert not app.exception
    assert "tokenizer" in app.error[0].value
    assert [job.title.split(":")[0] for job in shared.jobs.all()].count("Ask") == 1


def test_past_the_cliff_the_page_says_that_nothing_more_is_restored(
    open_page: Open, answered, pair: Comparison
) -> None:
    app = open_page("restore", pair)
    app.slider(key="k").set_value(99.0).run()
    assert "Past the cliff" in words_of(app)
    app.slider(key="k").set_value(1.0).run()
    assert "Past the cliff" not in words_of(app)


def test_the_slider_stands_where_the_address_says_and_the_address_follows_it(
    open_page: Open, answered: Workspace, pair: Comparison
) -> None:
    answered.remember(pair)
    address = {"k": "20", "strategy": "random", "region": "mlp", "seed": "3"}
    app = linked(open_page, "restore", pair=selection.identity(pair), **address)
    assert not app.exception
    assert app.session_state["restored_spec"] == RestoreSpec(20.0, strategy="random", region="mlp", seed=3)
    app.button(key="stop-40").click().run()
    assert app.query_params["k"] == "40"


@pytest.mark.parametrize("bad", [{"k": "101"}, {"k": "nan"}, {"strategy": "../x"}, {"region": "no"}, {"seed": "-1"}])
def test_an_address_with_a_setting_out_of_range_opens_the_default(
    open_page: Open, answered: Workspace, pair: Comparison, bad: dict[str, str]
) -> None:
    answered.remember(pair)
    app = linked(open_page, "restore", pair=selection.identity(pair), **bad)
    assert not app.exception
    assert app.session_state["restored_spec"] == RestoreSpec(5.0)


def test_samples_list_every_question_and_a_search_narrows_them(
    open_page: Open, answered, pair: Comparison, asking: Asking
) -> None:
    app = open_page("samples", pair, asking)
    assert not app.exception
    asked = answered.question_set(asking).questions
    assert len(table_of(app)) == len(asked)
    assert set(table_of(app).columns) >= {"question", "gold", "base", "tuned", "restored"}
    app.text_input(key="samples_search").input(asked[0].question).run()
    assert table_of(app)["question"].tolist() == [asked[0].question]


def test_samples_before_anything_was_asked_offer_to_ask(
    open_page: Open, shared: Workspace, pair: Comparison, asking: Asking
) -> None:
    shared.profile(pair)
    app = open_page("samples", pair, asking)
    next(button for button in app.button if button.label == "Ask base and tuned").click().run()
    settle(shared)
    app.run()
    assert not app.exception
    assert len(table_of(app)) == len(shared.question_set(asking).questions)


def test_the_overview_tells_the_finding_and_leads_on_to_every_page(
    open_page: Open, answered, pair: Comparison, asking: Asking
) -> None:
    app = open_page("overview", pair, asking)
    assert not app.exception
    words = words_of(app)
    assert "Fine\\-tuning" in words and "not distinguishable at n\u00a0=\u00a0" in words
    assert {"samples", "restore", "updates", "tokens"} <= pages_linked(app)


def test_the_overviews_sentences_are_short_and_have_their_tests_behind_the_question_mark(
    open_page: Open, answered: Workspace, pair: Comparison, asking: Asking
) -> None:
    app = open_page("overview", pair, asking)
    assert "McNemar" not in words_of(app) and "Brackets" not in words_of(app)
    behind = [caption.proto.help for caption in app.caption if caption.proto.help]
    assert any("base in this prompt" in each and "McNemar" in each for each in behind), "of the finding"
    assert any("Brackets\\: 95% intervals" in each and "half of these questions" in each for each in behind), "of bars"
    alts = " ".join(chart.proto.alt for chart in app.get("vega_lite_chart"))
    assert "Brackets: 95% intervals" in alts, "who does not see a figure is told all of it"
    assert "(n = " in alts and "\u00a0" not in alts, "no-break spaces are for lines on a page alone"


def test_jobs_list_what_is_done_with_the_way_to_its_result(
    open_page: Open, shared: Workspace, pair: Comparison
) -> None:
    shared.start("Profile it", "profile", pair, watcher="me", page="updates")
    settle(shared)
    app = open_page("jobs")
    assert not app.exception
    assert "Profile it" in words_of(app)
    assert "updates" in pages_linked(app)


def test_a_failed_job_tells_why(open_page: Open, shared: Workspace, tmp_path: Path) -> None:
    shared.start("Profile nothing", "profile", Comparison(str(tmp_path / "a"), str(tmp_path / "b")), watcher="me")
    settle(shared)
    app = open_page("jobs")
    assert not app.exception
    assert "Profile nothing" in app.error[0].value and "failed" in app.error[0].value


def test_the_first_page_paints_without_torch(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from streamlit.testing.v1 import AppTest\n"
        "app = AppTest.from_file('pages/_shell.py', default_timeout=60).run()\n"
        "assert not app.exception, app.exception\n"
        "print([name for name in ('torch', 'transformers') if name in sys.modules])\n"
    )
    home = os.environ | {"PALIMPSEST_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT, env=home)
    assert done.stdout.strip() == "[]"


def links_of(app) -> list[str]:  # type: ignore[no-untyped-def]
    return [link.proto.label for link in app.get("page_link")]


def pages_linked(app) -> set[str]:  # type: ignore[no-untyped-def]
    return {Path(link.proto.page).name for link in app.get("page_link")}


def table_of(app):  # type: ignore[no-untyped-def]
    return next(frame.value for frame in app.dataframe if "gold" in frame.value.columns)


def submit_of(app) -> int:  # type: ignore[no-untyped-def]
    return next(place for place, button in enumerate(app.button) if button.label == "Check the headers")


def linked(open_page: Open, page: str, **query: str):  # type: ignore[no-untyped-def]
    """A page opened by an address with these query parameters, in a session that has seen nothing."""
    from streamlit.testing.v1 import AppTest

    app = AppTest.from_file(str(ROOT / "pages" / "_shell.py"), default_timeout=60)
    app.session_state["last_page"] = page
    for name, value in query.items():
        app.query_params[name] = value
    return app.run()


def test_a_pair_is_kept_under_a_name_and_its_results_are_deleted_after_a_preview(
    open_page: Open, answered: Workspace, pair: Comparison, asking: Asking
) -> None:
    app = open_page("compare", pair, asking)
    next(field for field in app.text_input if field.label == "Name for this comparison").input("mine")
    next(button for button in app.button if button.label == "Keep").click().run()
    assert not app.exception
    assert answered.named.all()[0].pair == pair and "mine" in words_of(app)
    app.session_state[f"more-{selection.identity(pair)}"] = True  # its menu is opened
    app.run()
    every = answered.housekeeping.holdings(answered.pair_names())
    held = sum(each.pair == pair.name for each in every)  # the base asked alone may serve other pairs too
    assert held >= 3 and f"{held} results of this pair are stored" in words_of(app)
    next(button for button in app.button if button.label == "Delete its results").click().run()
    assert f"{held} results removed" in words_of(app)
    assert re.search(r"\d (k|M)?B freed", words_of(app)), "a size is told as everywhere, with a space before its unit"
    assert answered.known_profile(pair) is None and answered.known_stops(pair, asking) == ()


def test_delete_and_run_again_asks_the_base_anew_too_and_says_what_goes(
    open_page: Open, answered: Workspace, pair: Comparison, asking: Asking
) -> None:
    first = answered.known_evaluation(pair, "base", asking)
    app = open_page("compare", pair, asking)
    app.session_state[f"more-{selection.identity(pair)}"] = True
    app.run()
    assert "evaluations: every answer of a state: " in words_of(app).replace("\\", "")
    assert "what the base answered by itself goes too" in words_of(app)
    next(button for button in app.button if button.label == "Delete and run again").click().run()
    assert not app.exception
    settle(answered)
    again = answered.known_evaluation(pair, "base", asking)
    assert first is not None and again is not None and again is not first and again.seconds != first.seconds


def test_the_disk_panel_tells_what_would_go_and_frees_it(
    open_page: Open, answered: Workspace, pair: Comparison
) -> None:
    app = open_page("compare", pair)
    app.session_state["disk"] = True
    app.run()
    assert not app.exception
    assert "What would go" in words_of(app)
    app.multiselect(key="disk_kinds").set_value(["profile"]).run()
    app.button(key="disk-free").click().run()
    assert "1 results removed" in words_of(app)
    assert answered.known_profile(pair) is None
