"""A checked pair is part of the view: found again by a link, F5 and Back, its paths kept out of the address."""

from streamlit.testing.v1 import AppTest

from cache.asked import Comparison
from cache.work import Workspace
from pages.components import address
from tests.pages.conftest import Back, Open, words_of
from tests.pages.test_pins import pinned

CAN = "This pair can be compared"


def checked(app: AppTest, base: str, tuned: str) -> AppTest:
    app.text_input(key="own_base").input(base)
    app.text_input(key="own_tuned").input(tuned)
    next(button for button in app.button if button.label == "Check the headers").click()
    app.run()
    assert not app.exception
    return app


def named(app: AppTest) -> str:
    return "".join(app.query_params["checked"])


def test_another_session_finds_the_checked_pair_by_the_address_which_holds_no_path(
    open_page: Open, pair: Comparison
) -> None:
    first = checked(open_page("compare"), pair.base, pair.tuned)
    assert CAN in words_of(first)
    assert pair.base not in "".join("".join(values) for values in first.query_params.values())
    second = open_page("compare")
    second.query_params["checked"] = named(first)
    second.run()
    assert not second.exception
    assert CAN in words_of(second)
    assert [second.text_input(key=f"own_{side}").value for side in ("base", "tuned")] == [pair.base, pair.tuned]
    assert address.NOTICES not in second.session_state


def test_back_shows_the_check_before_and_further_back_none(open_page: Open, pair: Comparison, go_back: Back) -> None:
    app = checked(open_page("compare"), pair.base, "/nowhere")
    before = named(app)
    checked(app, pair.base, pair.tuned)
    go_back(app, checked=before)
    assert "This pair cannot be compared" in words_of(app)
    assert app.text_input(key="own_tuned").value == "/nowhere"
    assert "compared.**" not in words_of(go_back(app, checked=""))


def test_a_checked_pair_outlasts_a_visit_to_another_page(open_page: Open, pair: Comparison) -> None:
    app = checked(open_page("compare"), pair.base, pair.tuned)
    app.switch_page("jobs.py").run()
    assert app.title[0].value == "Jobs"
    app.switch_page("compare.py").run()
    assert CAN in words_of(app)
    assert app.text_input(key="own_base").value == pair.base


def test_a_link_to_a_check_made_elsewhere_says_so(open_page: Open) -> None:
    app = open_page("compare")
    app.query_params["checked"] = "0" * 16
    app.run()
    assert "the check of two models that this store has not seen" in words_of(app)
    assert not app.exception


def test_a_pin_of_a_check_is_of_the_checked_pair_whichever_pair_is_active(
    open_page: Open, shared: Workspace, pair: Comparison
) -> None:
    app = checked(open_page("compare", Comparison(pair.base, pair.base)), pair.base, pair.tuned)
    made = pinned(app, shared, "regions").making
    assert (made.base and made.base.source, made.tuned and made.tuned.source) == (pair.base, pair.tuned)
    assert made.command == f"palimpsest check {pair.base} {pair.tuned}"


def test_a_check_of_what_is_not_there_can_be_pinned_too(open_page: Open, shared: Workspace, pair: Comparison) -> None:
    app = checked(open_page("compare"), pair.base, "/nowhere/tuned")
    assert pinned(app, shared, "findings").making.command == f"palimpsest check {pair.base} /nowhere/tuned"
