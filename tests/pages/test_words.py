"""Words on a page: shown as they are, and values that do not fall apart at the end of a line."""

import pytest

from pages.components.words import plain


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ("(McNemar p = 0.02)", "\\(McNemar p~=~0\\.02\\)"),
        ("p < 0.001", "p~\\<~0\\.001"),
        ("at n = 1,920 and k = 5%", "at n~=~1,920 and k~=~5%"),
        ("n = all, spin = 2, n=5", "n = all, spin = 2, n=5"),
    ],
)
def test_a_p_an_n_and_a_k_stay_in_one_line_with_their_value(told: str, shown: str) -> None:
    assert plain(told) == shown.replace("~", "\u00a0")
