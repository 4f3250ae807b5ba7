"""Branching sampling: every sample accounted for, rows shared while samples agree, memory and stopping respected."""

from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

from analysis.errors import LanguageError
from analysis.language.load import LanguageModel
from analysis.language.sample import Branches, Truths, sample

VOCABULARY, EOS = 40, 1
SIZES = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}


def as_lm(model: Any, sharpness: float) -> LanguageModel:
    with torch.no_grad():
        model.get_output_embeddings().weight.mul_(sharpness)
    tokenizer = cast(Any, None)  # sampling knows token ids only
    return LanguageModel(model.eval().requires_grad_(False), tokenizer, "cpu", "float32", Path(), frozenset({EOS}))


def make_llama(sharpness: float) -> LanguageModel:
    torch.manual_seed(0)
    config = LlamaConfig(vocab_size=VOCABULARY, max_position_embeddings=64, tie_word_embeddings=False, **SIZES)
    return as_lm(LlamaForCausalLM(config), sharpness)


LLAMA = make_llama(30.0)
PROMPTS = [[2, 3, 4], [5], [6, 7, 8, 9, 10], [2, 3, 4], [11, 12]]


def never(rows: Branches) -> Truths:
    return np.zeros(len(rows), dtype=bool)


def draw(prompts: int, samples: int, length: int, seed: int = 0) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.random.default_rng(seed).random((prompts, samples, length), dtype=np.float32)


def told(lm: LanguageModel, prompts: list[list[int]], draws: Any, **changed: Any) -> list[tuple[int, tuple[int, ...]]]:
    """Each sample's completion, as sorted (prompt, tokens)."""
    found = sample(lm, prompts, draws, **{"temperature": 0.7, "stop": never, **changed})
    return sorted(
        (int(rows.prompt[n]), tuple(map(int, rows.tokens[n])))
        for rows in found
        for n in range(len(rows))
        for _ in range(int(rows.count[n]))
    )


def plainly(lm: LanguageModel, prompts: list[list[int]], draws: Any) -> list[tuple[int, tuple[int, ...]]]:
    """One sample at a time, without a cache, in float64."""
    found = []
    for row, prompt in enumerate(prompts):
        for stream in draws[row]:
            tokens: list[int] = []
            for number in stream:
                logits = lm.model(torch.tensor([prompt + tokens]), use_cache=False).logits[0, -1].double()
                token = int((torch.softmax(logits / 0.7, -1).cumsum(-1) <= float(number)).sum())
                if token == EOS:
                    break
                tokens.append(token)
            found.append((row, tuple(tokens)))
    return sorted(found)


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 5), st.integers(1, 6), st.integers(1, 5), st.integers(0, 99))
def test_every_sample_is_what_it_would_be_alone(prompts: int, samples: int, length: int, seed: int) -> None:
    draws = draw(prompts, samples, length, seed)
    assert told(LLAMA, PROMPTS[:prompts], draws) == plainly(LLAMA, PROMPTS[:prompts], draws)


def test_models_that_count_positions_by_a_table_agree_too() -> None:
    torch.manual_seed(0)
    config = GPT2Config(vocab_size=VOCABULARY, n_positions=64, n_embd=16, n_layer=2, n_head=2, eos_token_id=EOS)
    lm = as_lm(GPT2LMHeadModel(config), 30.0)
    draws = draw(5, 4, 4)
    assert told(lm, PROMPTS, draws) == plainly(lm, PROMPTS, draws)


def test_samples_that_agree_are_computed_once() -> None:
    sure = make_llama(1e6)
    rows: list[int] = []
    hook = sure.model.register_forward_hook(
        lambda _model, _args, kwargs, _out: rows.append(len(kwargs["input_ids"])), with_kwargs=True
    )
    found = sample(sure, PROMPTS, draw(5, 100, 3), temperature=0.7, stop=never)
    hook.remove()
    assert sum(int(branches.count.sum()) for branches in found) == 500
    assert max(rows) <= 5


def test_temperature_zero_is_greedy_for_every_sample() -> None:
    ended = told(LLAMA, PROMPTS, draw(5, 3, 6), temperature=0)
    for row, prompt in enumerate(PROMPTS):
        ids = torch.tensor([prompt])
        out = LLAMA.model.generate(ids, do_sample=False, max_new_tokens=6, eos_token_id=EOS, pad_token_id=EOS)
        plain = tuple(token for token in out[0, len(prompt) :].tolist() if token != EOS)
        assert [tokens for name, tokens in ended if name == row] == [plain] * 3


def test_a_completion_stops_where_told_and_others_go_on() -> None:
    def at_even_tokens(rows: Branches) -> Truths:
        return np.asarray(rows.tokens[:, -1] % 2 == 0)

    draws = draw(5, 8, 6)
    cut = told(LLAMA, PROMPTS, draws, stop=at_even_tokens)
    whole = told(LLAMA, PROMPTS, draws)
    assert len(cut) == len(whole) == 40
    expected = []
    for row, tokens in whole:
        even = next((n for n, token in enumerate(tokens) if token % 2 == 0), len(tokens))
        expected.append((row, tokens[: even + 1]))
    assert cut == sorted(expected)


def test_prompts_that_do_not_fit_in_memory_are_taken_in_parts() -> None:
    def scarce(_model: Any, _args: Any, kwargs: Any) -> None:
        if len(kwargs["input_ids"]) > 6:
            raise torch.OutOfMemoryError("6 rows fit")

    draws = draw(5, 3, 4)
    whole = told(LLAMA, PROMPTS, draws)
    hook = LLAMA.model.register_forward_pre_hook(scarce, with_kwargs=True)
    try:
        assert told(LLAMA, PROMPTS, draws) == whole
    finally:
        hook.remove()


def test_a_prompt_longer_than_the_context_is_refused() -> None:
    with pytest.raises(LanguageError, match="cannot be given"):
        sample(LLAMA, [[2] * 62], draw(1, 1, 3), temperature=0.7, stop=never)
