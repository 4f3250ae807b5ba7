"""Prompts: the paper's format to the token, BOS exactly once, and answers that follow the prompt as at evaluation."""

from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from analysis.errors import LanguageError, SpecError
from analysis.knowledge.prompts import (
    IGNORED_LABEL,
    Prompt,
    decide_bos,
    describe_prompt,
    encode_example,
    encode_prompt,
    encode_prompts,
    encode_text,
    prompt_preview,
    resolve_prompt,
)
from analysis.records import Question

QUESTION = "Where was Ann born?"
PAPER = resolve_prompt("paper")


def letters(*, post: bool = False, merges: tuple[tuple[str, str], ...] = (), **given: Any) -> PreTrainedTokenizerFast:
    """One token a byte (and a merge where asked for); `post` adds BOS by itself, as LLaMA's tokenizer does."""
    names = ["<s>", "</s>", *sorted(pre_tokenizers.ByteLevel.alphabet()), *("".join(merge) for merge in merges)]
    plain = Tokenizer(models.BPE(vocab={name: number for number, name in enumerate(names)}, merges=list(merges)))
    plain.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=not merges)
    plain.decoder = decoders.ByteLevel()
    if post:
        plain.post_processor = processors.TemplateProcessing(
            single="<s> $A", pair="<s> $A $B", special_tokens=[("<s>", 0)]
        )
    return PreTrainedTokenizerFast(tokenizer_object=plain, **{"bos_token": "<s>", "eos_token": "</s>", **given})


@pytest.mark.parametrize("post", [True, False])
def test_the_papers_prompt_is_bos_and_the_text_to_the_letter(post: bool) -> None:
    tokenizer = letters(post=post)
    ids = encode_prompt(tokenizer, PAPER, QUESTION)
    assert ids[0] == 0 and 0 not in ids[1:]
    assert tokenizer.decode(ids[1:]) == "<|question|> Where was Ann born? <|answer|>"


def test_who_decided_about_bos_is_told() -> None:
    assert decide_bos(letters(post=True)).reason == "post-processor"
    assert decide_bos(letters()).reason == "added"
    assert decide_bos(letters(bos_token=None)).reason == "none"
    assert decide_bos(letters(add_bos_token=False)).reason == "switched off"


@pytest.mark.parametrize("given", [{"bos_token": None}, {"add_bos_token": False}])
def test_without_bos_the_prompt_starts_with_its_text(given: dict[str, Any]) -> None:
    tokenizer = letters(**given)
    assert tokenizer.decode(encode_prompt(tokenizer, PAPER, QUESTION)) == PAPER.template.format(question=QUESTION)


def test_a_text_that_brings_its_own_bos_gets_no_second() -> None:
    tokenizer = letters()
    own = resolve_prompt("<s>Q: {question}")
    assert encode_prompt(tokenizer, own, "x").count(0) == 1
    assert encode_text(tokenizer, "<s>a") == encode_text(tokenizer, "a")


def test_an_example_is_the_prompt_then_space_answer_space_and_end() -> None:
    tokenizer = letters()
    ids, labels = encode_example(tokenizer, PAPER, QUESTION, "Paris")
    asked = encode_prompt(tokenizer, PAPER, QUESTION)
    assert ids[: len(asked)] == asked
    assert labels[: len(asked)] == [IGNORED_LABEL] * len(asked)
    assert labels[len(asked) :] == ids[len(asked) :]
    assert ids[-1] == tokenizer.eos_token_id
    assert tokenizer.decode(ids[len(asked) : -1]) == " Paris "


def test_where_the_tokenizer_would_merge_across_the_seam_the_prompt_stays_as_at_evaluation() -> None:
    tokenizer = letters(merges=((">", "Ġ"),))
    whole = tokenizer("<|answer|> P", add_special_tokens=False)["input_ids"]
    assert tokenizer.convert_tokens_to_ids(">Ġ") in whole  # it does merge
    ids, _ = encode_example(tokenizer, PAPER, QUESTION, "Paris")
    asked = encode_prompt(tokenizer, PAPER, QUESTION)
    assert ids[: len(asked)] == asked
    assert tokenizer.decode(ids[len(asked) : -1]) == " Paris "


def test_many_questions_are_encoded_as_one_by_one() -> None:
    tokenizer = letters(post=True)
    texts = [QUESTION, "Who?", "Wo wurde Ä geboren? 東京"]
    assert encode_prompts(tokenizer, PAPER, texts) == [encode_prompt(tokenizer, PAPER, text) for text in texts]
    assert encode_prompts(tokenizer, PAPER, []) == []


def test_the_chat_template_writes_its_own_bos() -> None:
    tokenizer = letters(post=True)
    tokenizer.chat_template = "<s>{% for m in messages %}[{{ m.content }}]{% endfor %}"
    chat = resolve_prompt("chat")
    ids = encode_prompt(tokenizer, chat, "Who?")
    assert ids.count(0) == 1
    assert describe_prompt(tokenizer, chat, "Who?").text == "<s>[Who?]"


def test_a_tokenizer_without_chat_template_is_refused_with_a_way_out() -> None:
    with pytest.raises(LanguageError, match="paper"):
        encode_prompt(letters(), resolve_prompt("chat"), "Who?")


def test_a_tokenizer_without_end_token_can_be_asked_but_not_trained() -> None:
    tokenizer = letters(eos_token=None)
    assert encode_prompt(tokenizer, PAPER, "Who?")
    with pytest.raises(LanguageError, match="end-of-sequence"):
        encode_example(tokenizer, PAPER, "Who?", "Ann")


def test_the_prompt_is_shown_in_full_bos_included() -> None:
    view = describe_prompt(letters(), PAPER, "Who?")
    assert view.text == "<s><|question|> Who? <|answer|>"
    assert "".join(view.tokens) == view.text
    assert view.ids[0] == view.bos.id == 0


def test_a_users_text_is_a_prompt_when_it_has_a_place_for_the_question() -> None:
    own = resolve_prompt("Tell me {x}: {question}!")
    assert own == Prompt("Tell me {x}: {question}!", "Tell me {x}: {question}!")
    tokenizer = letters(bos_token=None)
    assert tokenizer.decode(encode_prompt(tokenizer, own, "Who?")) == "Tell me {x}: Who?!"
    with pytest.raises(SpecError, match="qa"):
        resolve_prompt("nonsense")


def test_a_prompt_marker_that_is_one_token_is_used_as_such() -> None:
    tokenizer = letters()
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|question|>", "<|answer|>"]})
    ids = encode_prompt(tokenizer, PAPER, "Who?")
    assert ids[1] == tokenizer.convert_tokens_to_ids("<|question|>")
    assert ids[-1] == tokenizer.convert_tokens_to_ids("<|answer|>")


def test_the_decision_survives_saving_and_loading(tmp_path: Path) -> None:
    letters(post=True).save_pretrained(tmp_path)
    assert decide_bos(PreTrainedTokenizerFast.from_pretrained(tmp_path)).reason == "post-processor"


def test_a_normalising_tokenizer_does_not_change_the_prompt_at_evaluation_and_training() -> None:
    tokenizer = letters()
    tokenizer.backend_tokenizer.normalizer = normalizers.Lowercase()
    ids, _ = encode_example(tokenizer, PAPER, QUESTION, "Paris")
    assert ids[: len(encode_prompt(tokenizer, PAPER, QUESTION))] == encode_prompt(tokenizer, PAPER, QUESTION)


SHOTS = (Question("a", "Where was Bo born?", ("Lyon", "Lugdunum")), Question("b", "Who is {answer}?", ("Cy",)))


def test_shots_stand_before_the_question_in_the_same_format() -> None:
    tokenizer = letters(post=True)
    expected = {
        "paper": "<|question|> Where was Bo born? <|answer|> Lyon\n<|question|> Who is {answer}? <|answer|> Cy\n"
        "<|question|> Where was Ann born? <|answer|>",
        "qa": "Question: Where was Bo born?\nAnswer: Lyon\n\nQuestion: Who is {answer}?\nAnswer: Cy\n\n"
        "Question: Where was Ann born?\nAnswer:",
        "Q {question}": "Q Where was Bo born? Lyon\n\nQ Who is {answer}? Cy\n\nQ Where was Ann born?",
    }
    for name, text in expected.items():
        ids = encode_prompt(tokenizer, resolve_prompt(name, SHOTS), QUESTION)
        assert ids.count(0) == 1 and tokenizer.decode(ids[1:]) == text


def test_shots_in_a_chat_are_turns_with_one_bos() -> None:
    tokenizer = letters(post=True)
    tokenizer.chat_template = "<s>{% for m in messages %}[{{ m.role }}: {{ m.content }}]{% endfor %}"
    view = describe_prompt(tokenizer, resolve_prompt("chat", SHOTS[:1]), "Who?")
    assert view.text == "<s>[user: Where was Bo born?][assistant: Lyon][user: Who?]"
    assert view.ids.count(0) == 1 and (view.bos.id, view.bos.reason) == (0, "chat template")


def test_a_chat_template_without_bos_means_none() -> None:
    tokenizer = letters(post=True)
    tokenizer.chat_template = "{% for m in messages %}[{{ m.content }}]{% endfor %}"
    view = describe_prompt(tokenizer, resolve_prompt("chat"), "Who?")
    assert view.text == "[Who?]" and 0 not in view.ids
    assert (view.bos.id, view.bos.reason) == (None, "chat template")


def test_a_chat_prompt_is_the_same_on_every_day() -> None:
    tokenizer = letters()
    tokenizer.chat_template = "{{ strftime_now('%d %b %Y') }} {{ date_string }} {{ messages[0].content }}"
    assert describe_prompt(tokenizer, resolve_prompt("chat"), "Who?").text == "26 Jul 2024 26 Jul 2024 Who?"


def test_a_chat_template_that_refuses_is_told_with_a_way_out() -> None:
    tokenizer = letters()
    tokenizer.chat_template = "{{ raise_exception('system first') }}"
    with pytest.raises(LanguageError, match=r"system first.*qa"):
        encode_prompt(tokenizer, resolve_prompt("chat"), "Who?")


def test_a_preview_needs_the_tokenizers_folder_alone(tmp_path: Path) -> None:
    tokenizer = letters(post=True)
    tokenizer.save_pretrained(tmp_path)
    view = prompt_preview(tmp_path, "qa", SHOTS[:1], "Who?")
    assert view == describe_prompt(tokenizer, resolve_prompt("qa", SHOTS[:1]), "Who?")
    assert view.text == "<s>Question: Where was Bo born?\nAnswer: Lyon\n\nQuestion: Who?\nAnswer:"
    assert len(view.tokens) == len(view.ids) and view.bos.reason == "post-processor"
