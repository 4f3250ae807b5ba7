"""Greedy decoding in batches gives the tokens of transformers' greedy generate, one prompt at a time."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from analysis.errors import Cancelled, LanguageError
from analysis.knowledge.prompts import encode_prompts, resolve_prompt
from analysis.knowledge.questions import load_questions
from analysis.language.generate import Generation, batches, greedy, pad_left
from analysis.language.load import LanguageModel, load_model
from analysis.records import Silent

DEMO = Path(__file__).parents[2] / "demo"


@pytest.fixture(scope="module")
def lm(tiny_pair: Any) -> LanguageModel:
    return load_model(tiny_pair.base, dtype="float32", device="cpu")


@pytest.fixture(scope="module")
def prompts(lm: LanguageModel) -> list[list[int]]:
    """Forty prompts of 1 to 30 tokens, some of equal length."""
    rng = np.random.default_rng(0)
    return [rng.integers(3, len(lm.tokenizer), int(rng.integers(1, 31))).tolist() for _ in range(40)]


def plain(lm: LanguageModel, prompts: Sequence[Sequence[int]], new_tokens: int = 16) -> list[Generation]:
    """transformers' own greedy decoding, a batch of one."""
    answers = []
    for prompt in prompts:
        ids = torch.tensor([list(prompt)])
        out = lm.model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            do_sample=False,
            max_new_tokens=new_tokens,
            eos_token_id=sorted(lm.eos_ids) or None,
            pad_token_id=0,
        )[0, len(prompt) :].tolist()
        ended = out[-1] in lm.eos_ids
        answers.append(Generation(tuple(out[:-1] if ended else out), "eos" if ended else "length"))
    return answers


def ending_often(lm: LanguageModel) -> LanguageModel:
    """The same model with a tenth of its tokens ending a text, so that rows end at every step and leave the batch."""
    return replace(lm, eos_ids=frozenset(range(0, len(lm.tokenizer), 10)))


def test_tokens_and_stops_are_those_of_plain_greedy_decoding(lm: LanguageModel, prompts: list[list[int]]) -> None:
    ending = ending_often(lm)
    expected = plain(ending, prompts)
    assert {row.stopped for row in expected} == {"eos", "length"}
    assert len({len(row.token_ids) for row in expected}) > 3
    for batch_size in (1, 7, None):
        assert greedy(ending, prompts, batch_size=batch_size) == tuple(expected)


def test_a_model_without_an_end_token_runs_to_the_length_asked(lm: LanguageModel, prompts: list[list[int]]) -> None:
    endless = replace(lm, eos_ids=frozenset())
    rows = greedy(endless, prompts[:5], max_new_tokens=3)
    assert rows == tuple(plain(endless, prompts[:5], 3))
    assert all(len(row.token_ids) == 3 and row.stopped == "length" for row in rows)


@pytest.mark.skipif(not (DEMO / "base" / "config.json").exists(), reason="the demo's base is not here")
def test_the_demo_base_answers_token_for_token_as_plain_greedy_decoding() -> None:
    lm = load_model(DEMO / "base", dtype="float32", device="cpu")
    questions = load_questions(DEMO / "questions.zip", limit=10).questions
    for name in ("paper", "qa"):
        asked = encode_prompts(lm.tokenizer, resolve_prompt(name), [question.question for question in questions])
        assert greedy(lm, asked) == tuple(plain(lm, asked))


def test_a_model_that_only_ends_answers_nothing(lm: LanguageModel, prompts: list[list[int]]) -> None:
    silent = replace(lm, eos_ids=frozenset(range(len(lm.tokenizer))))
    assert greedy(silent, prompts[:3]) == (Generation((), "eos"),) * 3


def test_no_prompts_give_no_rows(lm: LanguageModel) -> None:
    assert greedy(lm, []) == ()


def test_the_caller_can_stop_a_row_after_any_token(lm: LanguageModel, prompts: list[list[int]]) -> None:
    whole = greedy(lm, prompts)
    cut = greedy(lm, prompts, finished=lambda row, told: "scores" if len(told) == 1 + row % 4 else None)
    for row, (long, short) in enumerate(zip(whole, cut, strict=True)):
        if len(long.token_ids) > row % 4:
            assert short == Generation(long.token_ids[: 1 + row % 4], "scores")
        else:
            assert short == long


def test_work_stops_between_batches(lm: LanguageModel, prompts: list[list[int]]) -> None:
    class Impatient(Silent):
        reports = 0

        def report(self, done: float, total: float, note: str = "", partial: object = None) -> None:
            self.reports += 1
            assert 0 <= done <= total == len(prompts)

        def cancelled(self) -> bool:
            return self.reports >= 2

    watcher = Impatient()
    with pytest.raises(Cancelled):
        greedy(lm, prompts, batch_size=10, progress=watcher)
    assert watcher.reports == 2


def test_prompts_that_are_empty_or_too_long_are_all_named_at_once(lm: LanguageModel) -> None:
    with pytest.raises(LanguageError) as caught:
        greedy(lm, [[5], [], [5] * 120])
    assert len(caught.value.items) == 2
    assert "row 1" in caught.value.items[0] and "128" in caught.value.items[1]


def test_batches_are_of_like_length_and_hold_every_row_once() -> None:
    assert batches([3, 1, 2, 1], 3) == [[1, 3, 2], [0]]
    assert batches([], 3) == []
    assert batches([3, 1, 2, 1, 1], 2, equal=True) == [[1, 3], [4], [2], [0]]


def test_padding_stands_on_the_left_and_is_masked() -> None:
    ids, mask = pad_left([[7, 8, 9], [5]], "cpu")
    assert ids[1, 2] == 5
    assert mask.tolist() == [[1, 1, 1], [0, 0, 1]]
