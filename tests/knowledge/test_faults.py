"""Models and tokenizers as they should not be: answered all the same, or refused with the reason."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from analysis.errors import LanguageError
from analysis.knowledge.evaluation import evaluate
from analysis.knowledge.mastery import measure
from analysis.knowledge.questions import QuestionSet, load_questions
from analysis.language.load import LanguageModel, load_model
from analysis.records import Question

TEMPLATES = {"P19": ("{subject} was born in",)}


@pytest.fixture(scope="module")
def lm(tiny_pair: Any) -> LanguageModel:
    return load_model(tiny_pair.base, dtype="float32", device="cpu")


@pytest.fixture(scope="module")
def asked(tiny_pair: Any) -> QuestionSet:
    return load_questions(tiny_pair.questions, limit=20)


@pytest.fixture(scope="module")
def bare(lm: LanguageModel, tmp_path_factory: pytest.TempPathFactory) -> LanguageModel:
    """The same model with a tokenizer that has no BOS, no EOS and no padding token, and no end named anywhere."""
    from transformers import PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("bare")
    lm.model.save_pretrained(folder)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=lm.tokenizer.backend_tokenizer)  # type: ignore[attr-defined]
    tokenizer.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    config = json.loads((folder / "config.json").read_text())
    config |= {"bos_token_id": None, "eos_token_id": None, "pad_token_id": None}
    (folder / "config.json").write_text(json.dumps(config))
    return load_model(folder, dtype="float32", device="cpu")


def test_a_tokenizer_without_bos_eos_or_padding_is_asked_to_the_full_length(
    bare: LanguageModel, asked: QuestionSet
) -> None:
    assert (bare.tokenizer.bos_token_id, bare.tokenizer.pad_token_id, bare.eos_ids) == (None, None, frozenset())
    told = evaluate(bare, asked)
    assert {row.stopped for row in told.rows} <= {"length", "scores"}
    assert (told.engine["bos"], told.engine["bos_reason"]) == (None, "none")
    for row in told.rows[:3]:
        ids = torch.tensor([row.prompt_ids])
        plain = bare.model.generate(ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=16)
        assert list(row.token_ids) == plain[0, len(row.prompt_ids) :].tolist()[: len(row.token_ids)]


def test_mastery_needs_neither_bos_nor_padding(bare: LanguageModel) -> None:
    facts = [Question(f"f{n}", "?", ("a",), "P19", f"Ada {n}") for n in range(3)]
    found = measure(bare, facts, templates=TEMPLATES, samples=2, max_new_tokens=4)
    assert len(found.frame) == 3


def test_an_empty_prompt_is_refused_where_no_bos_stands_in_front(bare: LanguageModel) -> None:
    from analysis.language.generate import greedy

    with pytest.raises(LanguageError) as caught:
        greedy(bare, [[5], []])
    assert "row 1: the prompt has no tokens" in caught.value.items[0] and "BOS" in caught.value.items[0]


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_model_that_only_ends_the_text_is_wrong_everywhere_and_stays_so_with_drafts(
    lm: LanguageModel, asked: QuestionSet, tiny_pair: Any, dtype: str
) -> None:
    from analysis.knowledge.drafts import Bank

    loaded = load_model(tiny_pair.base, dtype=dtype, device="cpu")
    silent = replace(loaded, eos_ids=frozenset(range(len(lm.tokenizer))))
    bank = Bank({question.id: [(5, 6, 7)] for question in asked.questions})
    for told in (evaluate(silent, asked, drafts=bank), evaluate(silent, asked, drafts=bank)):
        assert all(row.output == "" and row.token_ids == () and row.stopped == "eos" for row in told.rows)
        assert set(told.accuracy.values()) == {0.0} and told.wilson95["contains"][0] == 0.0


def test_statements_too_long_for_the_context_name_their_facts(lm: LanguageModel, tmp_path: Path) -> None:
    facts = [Question("long", "?", ("a",), "P19", "Ada " * 60), Question("short", "?", ("a",), "P19", "Ada")]
    with pytest.raises(LanguageError) as caught:
        measure(lm, facts, templates=TEMPLATES, samples=1)
    assert [item.split(":")[0] for item in caught.value.items] == ["long"] and "128" in caught.value.message


def test_questions_too_long_with_their_shots_are_named(lm: LanguageModel, asked: QuestionSet) -> None:
    shown = replace(asked, shots=tuple(replace(one, question="why " * 30) for one in asked.questions[:2]))
    with pytest.raises(LanguageError, match="fewer shots") as caught:
        evaluate(lm, shown)
    assert caught.value.items
