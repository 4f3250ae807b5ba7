"""A browser that has not heard of the newest address yet does not undo it; Back and links still do what they say."""

import pytest
from streamlit.testing.v1 import AppTest

from tests.pages.conftest import Back


def stops() -> None:
    """A slider held to the address, and buttons that put it on a stop, as on Restore."""
    import streamlit as st

    from pages.components import address

    def move(percent: int) -> None:
        st.session_state["k"] = percent

    address.hold(address.whole_number("k", 0, 100, 5))
    for stop in (5, 20):
        st.button(f"{stop}%", key=f"stop-{stop}", on_click=move, args=(stop,))
    st.slider("k", 0, 100, key="k")


@pytest.fixture
def app() -> AppTest:
    """On 20%, where a button put it; it began on 5%."""
    started = AppTest.from_function(stops)
    started.run().button(key="stop-20").click().run()
    assert stood(started) == (20, "20")
    return started


def stood(app: AppTest) -> tuple[int, str]:
    assert not app.exception
    return app.slider(key="k").value, "".join(app.query_params["k"])


def before_it_heard(app: AppTest) -> AppTest:
    """Let the next message be one that the browser sends with its widgets and its address as they were on 5%."""
    app.query_params["k"] = "5"
    app.slider(key="k").set_value(5)
    return app


def test_a_message_from_before_the_change_does_not_undo_it_and_the_slider_is_told_again(app: AppTest) -> None:
    before_it_heard(app).run()
    assert stood(app) == (20, "20")
    assert app.slider(key="k").proto.set_value, "the browser's own slider stands on 5% and has to move"


def test_what_a_person_did_in_that_moment_counts(app: AppTest) -> None:
    before_it_heard(app).slider(key="k").set_value(7)
    assert stood(app.run()) == (7, "7")


def test_a_button_back_to_where_it_was_counts_in_that_moment_too(app: AppTest) -> None:
    before_it_heard(app).button(key="stop-5").click()
    assert stood(app.run()) == (5, "5")


def test_the_slider_moved_back_by_hand_goes_back(app: AppTest) -> None:
    app.slider(key="k").set_value(5)
    assert stood(app.run()) == (5, "5")


def test_the_browsers_back_goes_back(app: AppTest, go_back: Back) -> None:
    assert stood(go_back(app, k="5")) == (5, "5")


def test_an_address_that_this_session_never_wrote_is_a_link(app: AppTest) -> None:
    app.query_params["k"] = "40"
    assert stood(app.run()) == (40, "40")
