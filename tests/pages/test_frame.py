"""The frame's sheets: every key the views listen to is listed, and every term stands with its source."""

import re
from pathlib import Path

import pytest

from analysis.figures import strategies, token_measures
from analysis.report.html import KEYS as REPORT_KEYS
from pages.components.frame import KEYS
from pages.components.glossary import TERMS

ROOT = Path(__file__).resolve().parents[2]
SIGNS = {"ArrowRight": "→", "ArrowLeft": "←", "ArrowDown": "↓", "ArrowUp": "↑", "Escape": "Esc", " ": "Space"}
VIEWS = {
    "In the text of the Tokens page": (
        "pages/components/token_view.js",
        r'(?:event\.key === "([^"]+)"|^ +([A-Z]\w+): \()',
    ),
    "In the grid of the Tokens page": (
        "pages/components/token_grid.js",
        r'(?:event\.key === "([^"]+)"|([A-Z]\w+): \[)',
    ),
    "Presenting, and in the exported report": (
        "analysis/report/report.js",
        r'(?:if \(event\.key === "([^"]+)"|\b(\w+): "(?:after|before|end|paper|full)")',
    ),
}


@pytest.mark.parametrize("where", VIEWS)
def test_every_key_a_view_listens_to_is_on_the_sheet_of_keys(where: str) -> None:
    file, pattern = VIEWS[where]
    found = re.findall(pattern, (ROOT / file).read_text("utf-8"), re.MULTILINE)
    heard = {SIGNS.get(key, key) for pair in found for key in pair if key}
    told = " ".join(" ".join(row) for row in dict(KEYS)[where])
    assert len(heard) >= 6
    assert not [key for key in heard if not re.search(rf"(?<!\w){re.escape(key)}(?!\w)", told)]


def test_the_frames_sheet_and_the_reports_own_list_the_same_keys() -> None:
    here = dict(KEYS)["Presenting, and in the exported report"]
    assert sorted(key for key, _ in here) == sorted(key for key, _ in REPORT_KEYS)


def test_every_term_stands_once_with_words_and_a_source() -> None:
    assert len({term.name for term in TERMS}) == len(TERMS)
    assert all(term.words and term.source and "](" not in term.words + term.source for term in TERMS)


def test_every_measure_of_a_token_and_every_strategy_is_explained() -> None:
    told = "\n".join(f"{term.name}: {term.words}" for term in TERMS)
    names = {token_measures.short_name(measure, 10) for measure in token_measures.MEASURES}
    names |= {words.name for words in strategies.WORDS.values()}
    assert not [name for name in names if name not in told]


@pytest.mark.parametrize(
    "term", ["Healed, kept, newly broken", "Doubtful credit", "Scorers disagree", "Optimism of a chosen stop"]
)
def test_what_restore_and_samples_count_is_explained(term: str) -> None:
    assert term in {each.name for each in TERMS}
