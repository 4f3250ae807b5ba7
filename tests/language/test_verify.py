"""Drafts save work and never change an answer."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analysis.language.generate import greedy
from analysis.language.load import LanguageModel, load_model
from analysis.language.verify import verified_greedy


@pytest.fixture(scope="module")
def lm(tiny_pair: Any) -> LanguageModel:
    model = load_model(tiny_pair.base, dtype="float32", device="cpu")
    return replace(model, eos_ids=frozenset(range(0, len(model.tokenizer), 10)))


@pytest.fixture(scope="module")
def nearby(tiny_pair: Any) -> LanguageModel:
    """The same model, moved a little."""
    model = load_model(tiny_pair.base, dtype="float32", device="cpu")
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in model.model.parameters():
            parameter.add_(torch.randn(parameter.shape) * 0.01)
    return replace(model, eos_ids=frozenset(range(0, len(model.tokenizer), 10)))


@pytest.fixture(scope="module")
def prompts(lm: LanguageModel) -> list[list[int]]:
    rng = np.random.default_rng(1)
    return [rng.integers(3, len(lm.tokenizer), int(rng.integers(1, 20))).tolist() for _ in range(60)]


def test_a_models_own_answers_are_all_verified(lm: LanguageModel, prompts: list[list[int]]) -> None:
    plain = greedy(lm, prompts)
    verified = verified_greedy(lm, prompts, [row.token_ids for row in plain], batch_size=16)
    assert verified.generations == plain
    assert (verified.verified_rows, verified.decoded_rows) == (60, 0)


def test_a_nearby_model_decodes_only_what_diverged(
    lm: LanguageModel, nearby: LanguageModel, prompts: list[list[int]]
) -> None:
    earlier, plain = greedy(lm, prompts), greedy(nearby, prompts)
    changed = sum(old != new for old, new in zip(earlier, plain, strict=True))
    assert 0 < changed < 60
    verified = verified_greedy(nearby, prompts, [row.token_ids for row in earlier])
    assert verified.generations == plain
    assert 0 < verified.decoded_rows <= changed
    assert verified.verified_rows + verified.decoded_rows == 60


def test_a_callers_stop_falls_where_it_falls_without_drafts(
    lm: LanguageModel, nearby: LanguageModel, prompts: list[list[int]]
) -> None:
    def finished(row: int, told: Any) -> Any:
        return "scores" if sum(told) % 7 == row % 7 else None

    drafts = [row.token_ids for row in greedy(lm, prompts)]
    plain = greedy(nearby, prompts, finished=finished)
    assert {row.stopped for row in plain} == {"eos", "length", "scores"}
    assert verified_greedy(nearby, prompts, drafts, finished=finished).generations == plain


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_the_drafts_the_answers_are_those_of_greedy_decoding(
    lm: LanguageModel, prompts: list[list[int]], data: st.DataObject
) -> None:
    plain = greedy(lm, prompts[:6])
    draft = st.lists(st.integers(0, len(lm.tokenizer) - 1), max_size=20)
    mixed = [
        data.draw(st.one_of(st.none(), draft, draft.map(lambda tail, row=row: [*row.token_ids[:3], *tail])))
        for row in plain
    ]
    verified = verified_greedy(lm, prompts[:6], mixed)
    assert verified.generations == plain
    assert verified.verified_rows + verified.decoded_rows == 6


def test_outside_float32_drafts_are_not_used(tiny_pair: Any, prompts: list[list[int]]) -> None:
    model = load_model(tiny_pair.base, dtype="bfloat16", device="cpu")
    plain = greedy(model, prompts[:8])
    verified = verified_greedy(model, prompts[:8], [row.token_ids for row in plain])
    assert verified.generations == plain
    assert verified.decoded_rows == 8


def test_no_prompts_and_empty_drafts_are_fine(lm: LanguageModel, prompts: list[list[int]]) -> None:
    assert verified_greedy(lm, [], []).generations == ()
    assert verified_greedy(lm, prompts[:2], [[], ()]).generations == greedy(lm, prompts[:2])
