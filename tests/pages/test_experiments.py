"""The Experiments page on a plan as the store holds it: before any plan, half measured, and down to a run."""

from tests.pages.conftest import Open, words_of


def test_before_any_plan_the_page_tells_three_ways_to_begin(open_page: Open) -> None:
    app = open_page("experiments")
    assert not app.exception
    assert "No plan has been run here yet" in words_of(app)
    assert [code.value.split()[1] for code in app.code].count("experiments") == 3
