"""The grid as a figure and as a table: the texts in the order asked for, as many as are read, only what counts."""

from analysis.figures import token_cells
from analysis.figures.reading import Shown
from analysis.figures.token_columns import TokenColumns
from analysis.records import DivergenceReport
from analysis.report.pictures import picture
from tests.figures.test_tokens import columns, make_report, report, token

__all__ = ["columns", "report"]  # fixtures
KL = Shown("kl_full_nats")


def test_cells_are_the_counted_tokens_and_answers_begin_in_one_column(columns: TokenColumns) -> None:
    table = token_cells.cell_table(columns, KL, "given", "answer", {"one": "First"})
    assert len(table) == int(columns.counted.sum())
    assert table["text"].unique().tolist() == ["1. First", "2. two"]
    firsts = columns.values("kl_full_nats")[columns.first_answers()].tolist()
    assert table[table["column"] == 0]["value"].tolist() == firsts


def test_a_figure_of_many_texts_holds_as_many_as_are_read_and_says_so(report: DivergenceReport) -> None:
    many = [type(report.prompts[0])(f"t{n}", (token("So", 0, None), token(" it", 1, n / 10))) for n in range(90)]
    columns = TokenColumns.of(make_report(*many))
    table = token_cells.cell_table(columns, KL, "mean", "start", {})
    assert table["text"].nunique() == token_cells.MOST_TEXTS and table["text"].iloc[0] == "1. t89"
    svg = picture(token_cells.cell_figure(columns, KL, "mean", "start", {}), "svg").decode()
    assert "40 of 90 texts, mean, largest first" in svg
    assert len(token_cells.text_table(columns, KL, "mean", {})) == 90


def test_the_sentence_tells_how_texts_differ_and_claims_no_interval(columns: TokenColumns) -> None:
    table = token_cells.text_table(columns, KL, "given", {})
    words = token_cells.grid_words(table, columns, "kl_full_nats")
    assert "of 2 texts" in words and "not how sure their mean is" in words
    assert table["n"].sum() == int(columns.counted.sum())
