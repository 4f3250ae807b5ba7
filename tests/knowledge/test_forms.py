"""What is put to a model: statements where there are some, else the question behind others, never mixed."""

import pytest

from analysis.errors import QuestionError
from analysis.knowledge.forms import DRAWINGS, SHOTS, QuestionForm, Statements, make_form
from analysis.records import Question

TEMPLATES = {"P19": ("{subject} was born in", "Born: {subject} in")}
STATED = tuple(Question(f"s{n}", f"Where was Ada {n} born?", ("Paris",), "P19", f"Ada {n}") for n in range(8))
ASKED = tuple(Question(f"q{n}", f"Who wrote book {n}?", (f"Bo {n}",)) for n in range(12))


def test_facts_with_templates_are_stated_and_others_are_asked() -> None:
    stated, asked = make_form(STATED, TEMPLATES, "auto", 0), make_form(ASKED, TEMPLATES, "auto", 0)
    assert isinstance(stated, Statements) and stated.method == "statements"
    assert stated.texts(STATED[3]) == ("Ada 3 was born in", "Born: Ada 3 in")
    assert isinstance(asked, QuestionForm) and asked.method == "question form"
    assert len(asked.texts(ASKED[0])) == DRAWINGS == len(asked.names[""])


def test_a_question_stands_behind_others_and_never_behind_itself() -> None:
    form = make_form(ASKED, {}, "auto", 0)
    for fact in ASKED:
        for text in form.texts(fact):
            assert text.count("Question:") == SHOTS + 1
            assert text.endswith(f"Question: {fact.question}\nAnswer:")
            assert text.count(fact.question) == 1
            assert fact.answers[0] not in [line.removeprefix("Answer: ") for line in text.splitlines()]
    assert len(set(form.texts(ASKED[0]))) == DRAWINGS
    assert form.texts(ASKED[0]) == make_form(ASKED, {}, "auto", 0).texts(ASKED[0])
    assert form.texts(ASKED[0]) != make_form(ASKED, {}, "auto", 9).texts(ASKED[0])


def test_most_facts_share_their_drawings_so_that_a_prefix_is_computed_once() -> None:
    form = make_form(ASKED, {}, "auto", 0)
    prefixes = {form.texts(fact)[0].rpartition("Question:")[0] for fact in ASKED}
    assert len(prefixes) <= SHOTS + 1


def test_few_questions_are_asked_with_fewer_examples() -> None:
    form = make_form(ASKED[:1], {}, "auto", 0)
    assert set(form.texts(ASKED[0])) == {f"Question: {ASKED[0].question}\nAnswer:"}
    assert make_form(ASKED[:4], {}, "auto", 0).texts(ASKED[0])[0].count("Question:") == 3


def test_statements_and_questions_are_never_mixed() -> None:
    with pytest.raises(QuestionError) as caught:
        make_form([*STATED, ASKED[0]], TEMPLATES, "auto", 0)
    assert "1 of 9 facts" in caught.value.message and caught.value.items[0].startswith("q0:")
    with pytest.raises(QuestionError):
        make_form(ASKED, TEMPLATES, "statements", 0)
    assert make_form([*STATED, ASKED[0]], TEMPLATES, "question form", 0).method == "question form"
