"""The four scores on worked examples; flags; and outputs whose scores no continuation can change."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from analysis.knowledge.scoring import (
    ALIASES,
    Credit,
    accepted_answers,
    contains,
    contains_word,
    credit,
    first_line,
    normalise,
    normalise_squad,
    score,
    scores_fixed,
    suspicious,
)
from analysis.records import Question


def ask(*answers: str, relation: str | None = None, question: str = "Where was Ann born?") -> Question:
    return Question("q", question, answers, relation)


def four(output: str, question: Question) -> str:
    """The scores as letters: contains, word, first line, exact."""
    right = score(output, question)
    names = ("contains", "contains_word", "contains_first_line", "exact_match")
    return "".join(letter for letter, name in zip("cwfe", names, strict=True) if right[name])  # type: ignore[index]


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("Paris", "cwfe"),
        (" Paris ", "cwfe"),
        ("The Paris.\nLyon", "cwfe"),
        ("Parisian life", "cf"),
        ("in Paris, France", "cwf"),
        ("Lyon\nParis", "cw"),
        ("Lyon\nParisian", "c"),
        ("\n\nParis\nand so on", "cwfe"),
        ("PARIS", "cwfe"),
        ("Ｐａｒｉｓ", "cwfe"),  # full-width letters: NFKC
        ("Lyon", ""),
        ("", ""),
        ("  \n ", ""),
    ],
)
def test_the_four_scores_of_worked_examples(output: str, expected: str) -> None:
    assert four(output, ask("Paris")) == expected


def test_both_sides_are_normalised() -> None:
    assert four("Sa\u0303o Paulo", ask("São Paulo")) == "cwfe"
    assert four("STRASSE", ask("Straße")) == "cwfe"
    assert four("st louis", ask("St. Louis")) == "e"  # SQuAD drops the full stop, containment does not


def test_any_answer_will_do_and_empty_ones_never_do() -> None:
    assert four("Lyon", ask("Paris", "Lyon")) == "cwfe"
    assert four("Lyon", ask("  ", "\u00ad" * 0)) == ""
    assert four("the", ask("The")) == "cwf"  # an answer that is only an article has no SQuAD form to match


def test_the_papers_aliases_count_for_the_papers_relations_only() -> None:
    assert accepted_answers(ask("New York City", relation="P19")) == ("New York City", "New York")
    assert four("born in new york", ask("New York City", relation="P19")) == "cwf"
    assert four("born in new york", ask("New York City")) == ""
    assert four("PRC", ask("people's republic of china", relation="P17")) == "cwfe"


def test_the_alias_table_is_the_papers() -> None:
    assert len(ALIASES) == 29
    assert sum(map(len, ALIASES.values())) == 40
    assert ALIASES["United Arab Emirates"] == ("UAE", "The Emirates")


def test_whole_words_have_no_letter_digit_or_underscore_beside_them() -> None:
    assert contains_word("a polish pol.", "pol")
    assert not contains_word("police, pol2, pol_, xpol", "pol")
    assert contains_word("st. louis", "st.")
    assert not contains_word("", "pol")


def test_the_first_line_is_the_first_that_holds_anything() -> None:
    assert first_line(" \n  Paris \nLyon") == "Paris"
    assert first_line("\n") == ""


def test_normal_forms() -> None:
    assert normalise("ﬁn ÉCOLE") == "fin école"
    assert normalise_squad("The  St. Louis, an  Arch!") == "st louis arch"


@pytest.mark.parametrize(
    ("output", "question", "expected"),
    [
        ("Paris", ask("Paris"), ()),
        ("police", ask("pol"), ("short-alias", "inside-longer-word")),
        ("Parisian", ask("Paris"), ("inside-longer-word",)),
        ("pol, police", ask("pol"), ("short-alias",)),
        ("police and Poland", ask("pol", "Poland"), ()),  # another accepted answer stands there beyond doubt
        ("東京都です", ask("東京都庁前", "東京都で"), ()),  # no spaces: nothing to say about words
        ("USA", ask("United States of America", relation="P17"), ("short-alias",)),
        ("the USA, United States", ask("United States of America", relation="P17"), ()),
        ("Ann", ask("Ann", question="Where was Ann born?"), ("short-alias", "alias-in-question")),
        ("Lyon\nParis", ask("Paris"), ("outside-first-line",)),
        ("Lyon", ask("Paris", "pol"), ()),
    ],
)
def test_suspicious_credits_are_flagged(output: str, question: Question, expected: tuple[str, ...]) -> None:
    assert suspicious(output, question) == expected


def test_a_credit_names_the_accepted_answer_as_it_is_written() -> None:
    question = ask("New York City", relation="P19", question="Where in New York was Ann born?")
    assert credit("In NEW YORK CITY.", question) == Credit("New York City", ())
    assert credit("In new york.", question) == Credit("New York", ("alias-in-question",))
    assert credit("In Paris.", question) is None
    assert credit("", question) is None


@given(st.text("Paris \npol", max_size=12))
def test_there_is_a_credit_exactly_where_contains_holds(output: str) -> None:
    question = ask("Paris", "pol")
    assert (credit(output, question) is not None) == contains(output, question)


@pytest.mark.parametrize(
    ("output", "fixed"),
    [
        ("Paris", False),  # may become Parisian
        ("Paris,", False),  # the first line may go on, so the exact match may change
        ("Paris\n", True),
        ("\nParis", False),
        ("\nParis\nL", True),
        ("Parisian\n", False),  # contains is settled, contains_word may come true
        ("Lyon\n", False),
        ("Lyon\nParis\n", False),  # the later line is not looked at: never too early
        ("Paris\u0301s\nParis", False),
    ],
)
def test_scores_are_fixed_once_the_first_line_is_whole_and_holds_an_answer_as_words(output: str, fixed: bool) -> None:
    assert scores_fixed(output, ask("Paris")) is fixed


words = st.text(st.sampled_from("Paris \n\u0301.Ｐßﬁ\u1100\u1161\u3099か_1"), max_size=12)


@given(words, words, words)
@example("", "", "\u0301")
def test_no_continuation_changes_scores_called_fixed(before: str, between: str, after: str) -> None:
    question = ask("Paris", "か", "ﬁ", "1.")
    output = before + "Paris" + between
    if scores_fixed(output, question):
        assert score(output + after, question) == score(output, question)


@given(words, words)
def test_contains_word_and_first_line_imply_contains(output: str, answer: str) -> None:
    right = score(output, ask(answer))
    assert right["contains"] or not (right["contains_word"] or right["contains_first_line"])
