"""Word-level differences: both texts are in them, and hostile text stays text."""

from html.parser import HTMLParser

from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.figures.differences import LONGEST, Piece, diff_html, word_diff


def squeezed(text: str) -> str:
    return "".join(text.split())


def test_words_that_stayed_went_and_came() -> None:
    assert word_diff("born in Paris, France", "born in Lyon, France") == (
        Piece("same", "born in"),
        Piece("gone", " Paris"),
        Piece("new", " Lyon"),
        Piece("same", ", France"),
    )
    assert word_diff("The Paris", "Paris") == (Piece("gone", "The"), Piece("same", "Paris"))
    assert word_diff("", "") == ()


@settings(max_examples=50)
@given(st.text(), st.text())
def test_both_texts_can_be_read_off_the_pieces(before: str, after: str) -> None:
    pieces = word_diff(before, after)
    assert squeezed("".join(piece.text for piece in pieces if piece.kind != "new")) == squeezed(before)
    assert squeezed("".join(piece.text for piece in pieces if piece.kind != "gone")) == squeezed(after)


@settings(max_examples=50)
@given(st.text(alphabet="<>&'\"/ab =\u202e\n"), st.text(alphabet="<>&'\"/ab =\u202e\n"))
def test_no_text_becomes_a_tag_an_attribute_or_a_control(before: str, after: str) -> None:
    html = diff_html(before, after)
    found = []

    class Tags(HTMLParser):
        def handle_starttag(self, tag: str, attrs: object) -> None:
            found.append((tag, attrs))

    Tags().feed(html)
    assert {tag for tag, _ in found} <= {"span", "del", "ins"}
    assert not any(attrs for _, attrs in found)
    assert "\u202e" not in html


def test_very_long_outputs_are_compared_in_bounded_time() -> None:
    long = "a b " * (4 * LONGEST)
    assert word_diff(long, long) == (Piece("same", long),)
