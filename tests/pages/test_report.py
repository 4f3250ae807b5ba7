"""The report page drawn from what was pinned, and what it says when nothing was."""

import shutil
import threading
from dataclasses import replace

import pytest
from streamlit.testing.v1 import AppTest

from analysis.report.records import StopReading
from cache.findings import Findings
from cache.pinned import Pinned
from cache.work import Workspace
from tests.pages.conftest import Open, settle, words_of
from tests.report.handmade import make_placed

pytestmark = pytest.mark.slow  # a page's run each


def test_without_pins_the_page_says_where_they_come_from(open_page: Open) -> None:
    app = open_page("report")
    assert not app.exception
    assert "Nothing is pinned yet" in words_of(app)
    assert "Under every figure and table is a pin" in words_of(app)


def test_pins_are_drawn_in_their_order_without_a_pair_or_a_model(open_page: Open, shared: Workspace) -> None:
    for name, section, table in (("f1", "A", False), ("f2", "A", True), ("f3", "B", False)):
        placed = make_placed(name, title=f"Sentence *{name}*", note="mine <b>", table=table)
        shared.findings.pin(placed.finding, placed.tables, note=placed.note, section=section)
    app = open_page("report")
    assert not app.exception
    told = words_of(app)
    assert told.index(r"Sentence \*f1\*") < told.index(r"Sentence \*f2\*") < told.index(r"Sentence \*f3\*")
    assert {"A", "B"} <= {head.value for head in app.subheader} and "mine <b>" in told
    assert len(app.get("vega_lite_chart") or app.get("arrow_vega_lite_chart")) == 2
    app.button(key="delete-f2").click().run()
    assert [each.finding.id for each in shared.findings.all()] == ["f1", "f3"]
    assert "Undo stands at the top of the page" in app.toast[0].value  # far above a card that was deleted
    app.button(key="undo").click().run()
    app.button(key="Up-f2").click().run()
    assert [each.finding.id for each in shared.findings.all()] == ["f2", "f1", "f3"]


def test_many_pins_come_a_page_at_a_time(open_page: Open, shared: Workspace) -> None:
    placed = make_placed("f00", table=True)
    for number in range(8):
        finding = replace(placed.finding, id=f"f{number:02d}", title=f"Number {number}")
        shared.findings.pin(finding, placed.tables)
    app = open_page("report")
    assert "Findings 1–4 of 8" in words_of(app) and "Number 4" not in words_of(app)
    app.button(key="report-after").click().run()
    assert "Findings 5–8 of 8" in words_of(app) and "Number 7" in words_of(app)


def pin_some(shared: Workspace, count: int) -> None:
    """Pin tables of a few rows."""
    placed = make_placed("f00", table=True)
    for number in range(count):
        shared.findings.pin(replace(placed.finding, id=f"f{number:02d}", title=f"Number {number}"), placed.tables)


def test_where_the_disk_refuses_a_change_the_page_says_so_and_stays(open_page: Open, shared: Workspace) -> None:
    pin_some(shared, 2)
    app = open_page("report")
    folder = shared.home / "findings"
    shutil.rmtree(folder / "again", ignore_errors=True)
    (folder / "arrangement.json").unlink()
    (folder / "arrangement.json").mkdir()  # in the way of every change
    app.text_input(key="report_title").set_value("Mine").run()
    assert not app.exception
    assert any("arrangement" in error.value or "written" in error.value for error in app.error)


def test_a_title_given_by_another_session_is_followed_and_not_written_back(open_page: Open, shared: Workspace) -> None:
    pin_some(shared, 1)
    mine, theirs = open_page("report"), open_page("report")
    theirs.text_input(key="report_title").set_value("  What  came back ").run()
    assert theirs.text_input(key="report_title").value == shared.findings.title() == "What came back"
    assert mine.run().text_input(key="report_title").value == "What came back"
    assert shared.findings.title() == "What came back"


def test_the_page_and_presenting_are_in_the_address(open_page: Open, shared: Workspace) -> None:
    pin_some(shared, 8)
    app = open_page("report")
    app.button(key="report-after").click().run()
    second = elsewhere(open_page, app)
    assert "Findings 5–8 of 8" in words_of(second)
    app.button(key="present").click().run()
    assert elsewhere(open_page, app).session_state["presenting"] is True


def test_where_a_pinned_slider_was_moved_to_is_in_the_address(open_page: Open, shared: Workspace) -> None:
    stops = tuple(StopReading(percent, ("right",), ((f"{percent} it is",),)) for percent in (0.0, 20.0, 62.5))
    for name in ("f1", "f2"):
        placed = make_placed(name, stops=stops)
        shared.findings.pin(placed.finding, placed.tables)
    app = open_page("report")
    assert [app.select_slider(key=f"slider-pinned-{name}").value for name in ("f1", "f2")] == [20.0, 20.0]
    app.select_slider(key="slider-pinned-f2").set_value(62.5).run()
    assert app.select_slider(key="slider-pinned-f2").value == 62.5
    second = elsewhere(open_page, app)
    assert [second.select_slider(key=f"slider-pinned-{name}").value for name in ("f1", "f2")] == [20.0, 62.5]
    second.select_slider(key="slider-pinned-f2").set_value(0.0).run()
    assert elsewhere(open_page, second).select_slider(key="slider-pinned-f2").value == 0.0


def test_an_address_that_names_no_stop_of_a_pinned_slider_leaves_it_where_it_was_pinned(
    open_page: Open, shared: Workspace
) -> None:
    placed = make_placed("f1", stops=(StopReading(0.0, (), ()), StopReading(20.0, (), ())))
    shared.findings.pin(placed.finding, placed.tables)
    for named in ("f1:33", "f1:99999", "<img>", "f1:nan"):
        app = open_page("report")
        app.query_params["report_stops"] = named
        app.run()
        assert not app.exception
        assert app.select_slider(key="slider-pinned-f1").value == 20.0


def elsewhere(open_page: Open, first: AppTest) -> AppTest:
    """The report opened by its address alone."""
    second = open_page("report")
    for name, values in first.query_params.items():
        second.query_params[name] = values
    second.run()
    assert not second.exception
    return second


def test_every_pinned_finding_has_its_files(open_page: Open, shared: Workspace) -> None:
    figure, table = make_placed("f1"), make_placed("f2", table=True)
    for placed in (figure, table):
        shared.findings.pin(placed.finding, placed.tables)
    app = open_page("report")
    offered = {button.proto.label for button in app.get("download_button")}
    assert {"PNG", "SVG", "PDF", "CSV", "Markdown", "LaTeX"} <= offered
    assert not app.exception


def test_a_pin_that_cannot_be_read_has_a_card_that_says_why_and_a_way_out(open_page: Open, shared: Workspace) -> None:
    pin_some(shared, 2)
    document = Pinned(shared.home / "findings").folder("f00") / "document.json"
    content = document.read_bytes()
    document.write_bytes(content.replace(b'"table"', b'"tunes"', 1))  # a kind of a later version
    shared.findings = Findings(shared.home)
    app = open_page("report")
    assert not app.exception
    assert any("This pin cannot be read" in error.value and "newer Palimpsest" in error.value for error in app.error)
    assert "1 cannot be read" in words_of(app) and "Number 1" in words_of(app)
    app.button(key="delete-f00").click().run()
    assert not app.exception and not app.error
    assert [each.finding.id for each in shared.findings.all()] == ["f01"]
    app.button(key="dismiss").click().run()
    assert not any(button.key == "undo" for button in app.button)


def test_damaged_data_of_one_table_leave_the_other_findings_on_the_page(open_page: Open, shared: Workspace) -> None:
    pin_some(shared, 2)
    table = next((Pinned(shared.home / "findings").folder("f00") / "tables").iterdir())
    table.write_bytes(b"?" * table.stat().st_size)
    app = open_page("report")
    assert not app.exception and "Number 1" in words_of(app)
    assert [error for error in app.error if "damaged" in error.value]


def test_the_html_file_is_made_in_the_background_and_then_offered(open_page: Open, shared: Workspace) -> None:
    pin_some(shared, 2)
    app = open_page("report")
    app.button(key="make-html").click().run()
    settle(shared)
    app.run()
    assert not app.exception
    assert "One HTML file" in {button.proto.label for button in app.get("download_button")}
    app.button(key="Down-f00").click().run()
    assert any(button.key == "make-html" for button in app.button), "the file is of the order before"


def test_presenting_that_was_cancelled_leads_back_to_the_report(open_page: Open, shared: Workspace) -> None:
    pin_some(shared, 2)
    app = open_page("report")
    held = threading.Event()
    waiting = shared.jobs.submit("Other", "other", lambda progress: held.wait(60), watcher="someone", lane="report")
    app.button(key="present").click().run()
    assert any(button.key == "cancel-laying" for button in app.button), "it waits, and can be cancelled"
    app.button(key="cancel-laying").click().run()
    assert "cancelled" in words_of(app)
    held.set()
    shared.jobs.wait(waiting)
    app.run()
    assert not app.exception
    assert app.session_state["presenting"] is False and "Number 1" in words_of(app)
    app.button(key="present").click().run()
    settle(shared)
    assert not app.run().exception
    assert app.session_state["presenting"] is True and "Number 1" not in words_of(app)


def test_a_dialog_stays_open_while_the_page_is_drawn_anew_and_not_on_another_page(
    open_page: Open, shared: Workspace
) -> None:
    pin_some(shared, 2)
    app = open_page("report")
    name = shared.findings.all()[0].finding.id
    app.button(key=f"edit-{name}").click().run()
    app.run()  # as a job has it run that ends elsewhere
    assert app.text_area(key="edit_note").value == ""
    app.switch_page("jobs.py").run()
    assert not app.text_area
    app.switch_page("report.py").run()
    assert not app.text_area and not app.exception


def test_no_poll_runs_the_page_while_a_dialog_is_open_over_it() -> None:
    def page() -> None:
        import streamlit as st

        from pages.components import kept_dialog

        kept_dialog.begin("")
        if st.session_state["opens"]:
            kept_dialog.open_with("note")
        kept_dialog.held("note")
        st.session_state["runs"] = st.session_state.get("runs", 0) + 1
        if st.session_state["runs"] < 3:
            kept_dialog.rerun_page()

    runs = {}
    for opens in (True, False):
        app = AppTest.from_function(page)
        app.session_state["opens"] = opens
        runs[opens] = app.run().session_state["runs"]
    assert runs == {True: 1, False: 3}
