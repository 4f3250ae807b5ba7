"""The report page drawn from what was pinned, and what it says when nothing was."""

from dataclasses import replace

from cache.work import Workspace
from tests.pages.conftest import Open, words_of
from tests.report.handmade import make_placed


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
    app.button(key="undo").click().run()
    app.button(key="Up-f2").click().run()
    assert [each.finding.id for each in shared.findings.all()] == ["f2", "f1", "f3"]


def test_many_pins_come_a_page_at_a_time(open_page: Open, shared: Workspace) -> None:
    placed = make_placed("f00", table=True)
    for number in range(8):
        finding = replace(placed.finding, id=f"f{number:02d}", title=f"Number {number}")
        shared.findings.pin(finding, placed.tables)
    app = open_page("report")
    assert "Findings 1–6 of 8" in words_of(app) and "Number 7" not in words_of(app)
    app.button(key="report-after").click().run()
    assert "Findings 7–8 of 8" in words_of(app) and "Number 7" in words_of(app)
