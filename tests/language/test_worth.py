"""Drafts are used as long as they save time, by what was measured."""

from analysis.language.worth import Worth


def test_drafts_are_trusted_until_enough_are_seen() -> None:
    worth = Worth()
    worth.read(1.0, 1000, 63, 0)
    assert worth.pays
    worth.read(1.0, 1000, 1, 0)
    assert not worth.pays


def test_the_break_even_is_the_cost_of_a_read_token_over_that_of_a_decoded_one() -> None:
    worth = Worth()
    worth.read(1.0, 1000, 1000, 300)  # 1 ms a token
    assert worth.break_even == 0.5 and not worth.pays  # nothing is known of single steps yet
    worth.stepped(1.0, 250)  # 4 ms a token
    assert worth.break_even == 0.25 and worth.pays
    worth.read(1.0, 1000, 1000, 0)
    assert not worth.pays
    worth.forget_drafts()
    assert worth.pays and worth.break_even == 0.25 and not worth.proven
    worth.read(1.0, 1000, 1000, 900)
    worth.forget_drafts()
    assert worth.proven
