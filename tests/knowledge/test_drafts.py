"""A bank keeps what was answered, the newest first."""

from analysis.knowledge.drafts import DRAFTS_A_QUESTION, Bank
from analysis.records import Answered


def row(name: str, tokens: tuple[int, ...], right: bool = False, margin: float | None = None) -> Answered:
    scores = dict.fromkeys(("contains", "contains_word", "contains_first_line", "exact_match"), right)
    return Answered(name, (0,), tokens, "", "eos", scores, margin)  # type: ignore[arg-type]


def test_the_newest_answer_comes_first_and_none_stands_twice() -> None:
    bank = Bank({"a": [(1,)]})
    bank.learn([row("a", (2,), True, 0.5), row("b", ())])
    assert bank.of("a") == [(2,), (1,)] and bank.of("b") == [()] and bank.of("c") == ()
    bank.learn([row("a", (1,), False)])
    assert bank.of("a") == [(1,), (2,)]
    assert (bank.right("a"), bank.margin("a"), bank.right("c"), bank.margin("c")) == (False, 0.5, None, None)


def test_old_answers_are_forgotten_beyond_a_few() -> None:
    bank = Bank()
    for token in range(20):
        bank.learn([row("a", (token,))])
    assert bank.of("a") == [(token,) for token in range(19, 19 - DRAFTS_A_QUESTION, -1)]
