"""One text as a figure: lines that hold whole tokens, values only where a token counts."""

import re

import vl_convert

from analysis.figures import style
from analysis.figures.token_columns import TokenColumns
from analysis.figures.token_text import LINE_LETTERS, coloured_text, text_table, text_words
from analysis.records import DivergenceReport, PromptDivergence, TokenDivergence
from analysis.report.pictures import picture


def report(count: int = 40) -> DivergenceReport:
    """One text of words of eight letters; the first predicts nothing, the second is special."""
    tokens = [
        TokenDivergence(f" word{number:03d}", number, number, number == 1, None if number == 0 else number / 10, None)
        for number in range(count)
    ]
    return DivergenceReport((PromptDivergence("t", tuple(tokens)),), 10, "tuned-base", 1.0, None, count - 2, 1, 0.1)


def test_lines_hold_whole_tokens_and_only_counted_ones_have_a_value() -> None:
    table = text_table(TokenColumns.of(report()), 0, "kl_full_nats")
    assert len(table) == 40 and table["end"].max() <= LINE_LETTERS
    assert (table["end"] - table["start"]).eq(8).all() and table["line"].max() == 3  # ten words of eight letters a line
    assert table["value"].isna().tolist() == [True, True] + [False] * 38


def test_the_sentence_names_the_largest_token_and_how_many_count() -> None:
    words = text_words(TokenColumns.of(report()), 0, "kl_full_nats")
    assert "word039” (3.9 nats)" in words and "over the 38 tokens of one text that count" in words


def test_the_text_is_drawn_as_a_file() -> None:
    svg = picture(coloured_text(TokenColumns.of(report()), 0, "kl_full_nats", "A text"), "svg").decode()
    assert "word039" in svg and "A text" in svg


def test_on_a_page_a_text_is_as_high_as_its_lines_under_its_title_and_its_letters_fit_its_width() -> None:
    shown = style.on_screen(coloured_text(TokenColumns.of(report()), 0, "kl_full_nats", "A text"), "light")
    assert shown["autosize"]["type"] == "fit-x", "a page would fit title and legend into the height of the lines"
    narrow = vl_convert.vegalite_to_svg({**shown, "width": 319})  # half as wide as its letters are made for
    sizes = {float(size) for size in re.findall(r'font-family="monospace" font-size="([\d.]+)px"', narrow)}
    assert len(sizes) == 1 and 4 < sizes.pop() < 6.1
