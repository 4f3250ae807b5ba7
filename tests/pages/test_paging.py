"""A long table a page at a time: its page is part of the link, and follows what is chosen and searched."""

import pytest
from streamlit.testing.v1 import AppTest

from tests.pages.conftest import Back, words_of


def table() -> None:
    """450 rows, three pages; a search and a chosen row as on a page."""
    import pandas as pd
    import streamlit as st

    from pages.components import address
    from pages.components.paging import paged

    address.hold(address.words("search"))
    frame = pd.DataFrame({"id": [f"row {number:03}" for number in range(450)]})
    found = frame[frame["id"].str.contains(st.text_input("Search", key="search"))]
    chosen = st.session_state.get("chosen")
    paged(found, key="rows", chosen=chosen, on_choose=lambda _: None, columns={}, height=300, what="Rows")


@pytest.fixture
def app() -> AppTest:
    return AppTest.from_function(table)


def first_row(app: AppTest) -> str:
    assert not app.exception
    return str(app.dataframe[0].value["id"].iloc[0])


def page_named(app: AppTest) -> str:
    return "".join(app.query_params["rows_page"])


def test_turning_a_page_is_in_the_address_and_another_session_opens_there(app: AppTest) -> None:
    app.run()
    assert page_named(app) == "1"
    app.button(key="rows-after").click().run()
    app.button(key="rows-after").click().run()
    assert (first_row(app), page_named(app)) == ("row 400", "3")
    other = AppTest.from_function(table)
    other.query_params["rows_page"] = "3"
    assert first_row(other.run()) == "row 400"
    assert "401–450 of 450" in words_of(other)


def test_the_browsers_back_goes_to_the_page_before(app: AppTest, go_back: Back) -> None:
    app.run().button(key="rows-after").click().run()
    assert first_row(go_back(app, rows_page="1")) == "row 000"


@pytest.mark.parametrize(
    ("named", "opened"), [("99", "row 400"), ("0", "row 000"), ("-2", "row 000"), ("x", "row 000")]
)
def test_a_page_that_is_not_there_opens_the_nearest_or_the_first(app: AppTest, named: str, opened: str) -> None:
    app.query_params["rows_page"] = named
    assert first_row(app.run()) == opened


def test_a_search_begins_at_its_first_page_and_back_undoes_both(app: AppTest, go_back: Back) -> None:
    app.query_params["rows_page"] = "3"
    app.run().text_input(key="search").input("row 4").run()
    assert (first_row(app), page_named(app)) == ("row 400", "1")
    assert "401–450 of 450" in words_of(go_back(app, rows_page="3", search=""))


def test_a_row_chosen_elsewhere_is_gone_to_unless_the_link_names_a_page(app: AppTest) -> None:
    app.session_state["chosen"] = "row 250"
    assert first_row(app.run()) == "row 200"
    other = AppTest.from_function(table)
    other.session_state["chosen"], other.query_params["rows_page"] = "row 250", "1"
    assert first_row(other.run()) == "row 000"
