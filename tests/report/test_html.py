"""The exported page: one file, no network, nothing of a text taken for markup, small enough to send."""

import base64
import hashlib
import json
import re
import time
from dataclasses import replace
from html.parser import HTMLParser

from analysis.figures.style import ON_DARK, RESTORED
from analysis.report import web
from analysis.report.html import report_html
from analysis.report.records import StopReading
from tests.report.handmade import HOSTILE, make_placed

MEGABYTE = 1_000_000
ADDRESS = re.compile(r"""(?:src|href|action|data-src|poster|srcset)\s*=\s*["']?\s*(?!#)(?:[a-z]+:)?//""", re.IGNORECASE)


class Outline(HTMLParser):
    """The elements of a page with their attributes, and the text of its scripts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.inside = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self.inside = tag
        if tag == "script":
            self.scripts.append("")

    def handle_data(self, data: str) -> None:
        if self.inside == "script":
            self.scripts[-1] += data

    def handle_endtag(self, tag: str) -> None:
        self.inside = ""


def test_hostile_titles_notes_sections_labels_and_cells_stay_text() -> None:
    figure = make_placed("f1", title=HOSTILE, note=HOSTILE, section=HOSTILE, label=HOSTILE)
    table = make_placed("f2", title=HOSTILE, table=True, label=HOSTILE)
    page = Outline(report_html([figure, table], title=HOSTILE))
    assert "img" not in {tag for tag, _ in page.elements}
    assert [name for _, attributes in page.elements for name in attributes if name.startswith("on")] == []
    held = json.loads(next(text for text in page.scripts if text.startswith("{")))
    assert HOSTILE in json.dumps(held, ensure_ascii=False).replace('\\"', '"'), "the data is there, whole"


def test_the_page_loads_nothing_and_runs_only_the_scripts_it_carries() -> None:
    page = report_html([make_placed()])
    outline = Outline(page)
    assert not any(tag in ("link", "iframe", "object", "embed", "img", "base") for tag, _ in outline.elements)
    assert not any("src" in attributes for tag, attributes in outline.elements if tag == "script")
    policy = next(found["content"] for tag, found in outline.elements if tag == "meta" and "http-equiv" in found)
    assert policy is not None and policy.startswith("default-src 'none'")
    allowed = set(re.findall(r"'sha256-([^']+)'", policy))
    run = [text for text in outline.scripts if not text.startswith("{")]
    assert allowed == {base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in run}
    assert "unsafe-eval" not in policy and "unsafe-inline" not in policy.partition("script-src")[2].partition(";")[0]
    markup = re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)
    assert not ADDRESS.search(markup) and "@import" not in markup and "url(" not in markup


def test_the_small_print_holds_everything_that_made_a_finding() -> None:
    page = report_html([make_placed()])
    for told in (
        "b" * 32,
        "t" * 32,
        "q" * 32,
        "n = 500",
        "k = 20%",
        "effective k = 18.8%",
        "arithmetic exact",
        "prompt paper",
        "dtype float32",
        "seed 0",
        "torch 2.13.0",
        "evaluation algorithm 2",
        "palimpsest sweep /models/base &#x27;/models/tuned two&#x27;",
    ):
        assert told in page, told


def test_model_colours_follow_the_paper_and_data_stays_as_it_was() -> None:
    page = Outline(report_html([make_placed(label=RESTORED)]))
    held = json.loads(next(text for text in page.scripts if text.startswith("{")))
    spec = held["f1"]["spec"]
    assert spec["mark"]["color"] == "var(--restored)"
    assert spec["width"] == "container"
    assert {row["name"] for rows in spec["datasets"].values() for row in rows} == {RESTORED}


def test_sections_come_in_their_order_and_a_slider_only_where_stops_were_kept() -> None:
    stops = tuple(StopReading(percent, ("restored as", "right"), (("relative top", "40%"),)) for percent in (0.0, 25.0))
    page = report_html([make_placed("f1", section="First", stops=stops), make_placed("f2", section="Second")])
    assert (
        page.index("<h2>First</h2>") < page.index('id="f-1"') < page.index("<h2>Second</h2>") < page.index('id="f-2"')
    )
    assert page.count('type="range"') == 1
    assert 'max="1" step="1" value="1"' in page, "20% was looked at: the slider starts at the nearest stop"


def test_an_empty_report_says_so() -> None:
    assert "Nothing has been pinned yet" in report_html([])


def test_twenty_figures_stay_under_eight_megabytes_and_the_scripts_are_carried_once() -> None:
    placed = [make_placed(f"f{number}", points=1000) for number in range(20)]
    begun = time.process_time()
    page = report_html(placed)
    assert time.process_time() - begun < 20
    assert len(page.encode()) < 8 * MEGABYTE
    assert page.count("window.vegaEmbed") == 1 and "Plotly.newPlot" in page and "plotly.js v" not in page


def test_an_option_of_the_command_is_never_broken_within_its_dashes() -> None:
    placed = make_placed()
    made = replace(placed.finding.making, command="palimpsest sweep a --percents 20 '<b>'")
    page = report_html([replace(placed, finding=replace(placed.finding, making=made))])
    assert "<code>palimpsest sweep a <span>--percents</span> 20 &#x27;&lt;b&gt;&#x27;</code>" in page
    assert ".made code span { white-space: nowrap; }" in page


def test_every_colour_that_is_lighter_on_dark_paper_turns_with_the_page() -> None:
    assert web.VARIABLES.keys() == ON_DARK.keys()
    for colour, variable in web.VARIABLES.items():
        name = variable.removeprefix("var(--").removesuffix(")")
        assert (web.palette("light")[name], web.palette("dark")[name]) == (colour, ON_DARK[colour])


def test_a_print_shows_no_tooltip() -> None:
    rules = report_html([make_placed()]).partition("@media print {\n")[2]
    assert re.search(r"#vg-tooltip-element \{ display: none !important; \}", rules)
