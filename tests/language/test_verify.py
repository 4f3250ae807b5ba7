"""Drafts save work and never change an answer."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analysis.language.answers import Answers
from analysis.language.generate import Generation, greedy
from analysis.language.load import LanguageModel, load_model
from analysis.language.prefixes import find_starts
from analysis.language.verify import read_drafts


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


def verified(rows: tuple[Generation, ...]) -> int:
    return sum(row.verified for row in rows)


def test_a_models_own_answers_are_all_verified(lm: LanguageModel, prompts: list[list[int]]) -> None:
    plain = greedy(lm, prompts)
    again = greedy(lm, prompts, drafts=[[row.token_ids] for row in plain], batch_size=16)
    assert again == plain
    assert (verified(plain), verified(again)) == (0, 60)


def test_a_nearby_model_decodes_only_what_diverged(
    lm: LanguageModel, nearby: LanguageModel, prompts: list[list[int]]
) -> None:
    earlier, plain = greedy(lm, prompts), greedy(nearby, prompts)
    same = sum(old == new for old, new in zip(earlier, plain, strict=True))
    assert 0 < same < 60
    again = greedy(nearby, prompts, drafts=[[row.token_ids] for row in earlier])
    assert again == plain
    assert same <= verified(again) < 60  # a row that ends where its draft went on is settled too


def test_a_callers_stop_falls_where_it_falls_without_drafts(
    lm: LanguageModel, nearby: LanguageModel, prompts: list[list[int]]
) -> None:
    def finished(row: int, told: Any) -> Any:
        return "scores" if sum(told) % 7 == row % 7 else None

    drafts = [[row.token_ids] for row in greedy(lm, prompts)]
    plain = greedy(nearby, prompts, finished=finished)
    assert {row.stopped for row in plain} == {"eos", "length", "scores"}
    assert greedy(nearby, prompts, drafts=drafts, finished=finished) == plain


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_the_drafts_the_answers_are_those_of_greedy_decoding(
    lm: LanguageModel, prompts: list[list[int]], data: st.DataObject
) -> None:
    plain = greedy(lm, prompts[:6])
    draft = st.lists(st.integers(0, len(lm.tokenizer) - 1), max_size=20)
    mixed = [
        data.draw(st.lists(st.one_of(draft, draft.map(lambda tail, row=row: [*row.token_ids[:3], *tail])), max_size=3))
        for row in plain
    ]
    again = greedy(lm, prompts[:6], drafts=mixed)
    assert again == plain
    assert not any(row.verified for row, drafts in zip(again, mixed, strict=True) if not drafts)


def test_a_second_draft_takes_over_where_the_first_goes_wrong(lm: LanguageModel, prompts: list[list[int]]) -> None:
    plain = greedy(lm, prompts)
    wrong = [[*row.token_ids[:2], 9, 9, 9, 9] for row in plain]
    calls: list[int] = []
    counted = replace(lm, model=Counting(lm.model, calls))  # type: ignore[arg-type]
    assert greedy(counted, prompts, drafts=[[row] for row in wrong]) == plain
    alone = len(calls)
    calls.clear()
    both = [[first, row.token_ids] for first, row in zip(wrong, plain, strict=True)]
    assert greedy(counted, prompts, drafts=both) == plain
    assert len(calls) < alone / 2


class Counting:
    """A model that notes how many tokens a row is fed in each pass."""

    def __init__(self, model: Any, calls: list[int]) -> None:
        self._model, self._calls, self.config = model, calls, model.config

    def forward(self, input_ids: Any, attention_mask: Any = None, position_ids: Any = None, past_key_values: Any = None,
                use_cache: Any = None, logits_to_keep: Any = 0) -> Any:  # fmt: skip
        """What the model's own pass takes."""

    def __call__(self, **inputs: Any) -> Any:
        self._calls.append(inputs["input_ids"].shape[1])
        return self._model(**inputs)


def test_the_margin_is_the_closest_call_on_the_way(lm: LanguageModel, prompts: list[list[int]]) -> None:
    for prompt, row in zip(prompts[:5], greedy(lm, prompts[:5]), strict=True):
        logits = lm.model(torch.tensor([[*prompt, *row.token_ids]])).logits[0, len(prompt) - 1 :]
        logits = logits[: len(row.token_ids) + (row.stopped == "eos")]
        best = logits.topk(2).values
        assert row.margin == pytest.approx(float((best[:, 0] - best[:, 1]).min()), abs=1e-4)


def test_no_prompts_and_empty_drafts_are_fine(lm: LanguageModel, prompts: list[list[int]]) -> None:
    assert greedy(lm, [], drafts=[]) == ()
    assert greedy(lm, prompts[:2], drafts=[[], [()]]) == greedy(lm, prompts[:2])


def test_following_a_draft_ends_at_its_first_wrong_token_which_is_kept() -> None:
    def followed(draft: list[int], predicted: list[int], stop: int = -1) -> list[int]:
        answers = Answers(1, None, frozenset({stop}), 99, None)
        answers.follow(0, draft, [(token, 0.0) for token in predicted])
        return answers.told[0]

    assert followed([1, 2], [1, 2, 3]) == [1, 2, 3]
    assert followed([1, 2], [1, 9, 3]) == [1, 9]
    assert followed([1, 2], [9, 2, 3]) == [9]
    assert followed([], [5]) == [5]
    assert followed([1, 2], [1, 2, 3], stop=2) == [1]


def test_what_is_guessed_is_the_rest_of_the_first_draft_that_begins_with_what_was_told() -> None:
    answers = Answers(1, [[(1, 2, 3), (1, 5, 6, 7, 8), (4,)]], frozenset(), 4, None)
    assert answers.guess(0) == (1, 2, 3)
    answers.take(0, 1, 0.0)
    answers.take(0, 5, 0.0)
    assert answers.guess(0) == (6, 7)  # never more than the answer may still hold
    answers.take(0, 9, 0.0)
    assert answers.guess(0) == ()


def test_one_pass_predicts_every_place_of_every_draft(lm: LanguageModel, prompts: list[list[int]]) -> None:
    drafts = [[5, 6, 7], [], [8]]
    read = read_drafts(lm, prompts[:3], drafts)
    for prompt, draft, predicted in zip(prompts, drafts, read.predicted, strict=False):
        logits = lm.model(torch.tensor([[*prompt, *draft]])).logits[0]
        assert [token for token, _ in predicted] == logits[len(prompt) - 1 :].argmax(-1).tolist()


def test_shared_starts_change_no_answer(lm: LanguageModel, prompts: list[list[int]]) -> None:
    starts = [[7, 8, 9, 10, 11, 12], [7, 8, 20, 21, 22, 23], [30, 31, 32, 33, 34, 35]]
    asked = [[*starts[row % 3], *prompt] for row, prompt in enumerate(prompts)]
    assert find_starts(asked, 100) is not None
    plain = tuple(row for prompt in asked for row in greedy(lm, [prompt]))
    assert greedy(lm, asked) == plain
    drafts = [[[*row.token_ids[: place % 5], 9] if place % 3 else row.token_ids] for place, row in enumerate(plain)]
    assert greedy(lm, asked, drafts=drafts, batch_size=25) == plain


def model_of(name: str, folder: Path, **config: Any) -> LanguageModel:
    """A tiny random model of another architecture."""
    from transformers import AutoConfig, AutoModelForCausalLM

    torch.manual_seed(0)
    small = {"vocab_size": 60, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "head_dim": 16}
    made = AutoModelForCausalLM.from_config(AutoConfig.for_model(name, **{**small, "eos_token_id": 1, **config}))
    with torch.no_grad():
        for parameter in made.parameters():
            if parameter.ndim > 1:
                parameter.normal_(0, 0.3)
    return LanguageModel(made.eval(), None, "cpu", "float32", folder, frozenset(range(0, 60, 9)))  # type: ignore[arg-type]


OTHERS = {
    "gpt2": {"n_embd": 32, "n_layer": 2, "n_head": 2},  # learned positions
    "gpt_neox": {"intermediate_size": 64},
    "qwen2": {"intermediate_size": 64, "num_key_value_heads": 1},
    "mistral": {"intermediate_size": 64, "num_key_value_heads": 1, "sliding_window": 8},  # shorter than the prompts
    "gemma3_text": {"intermediate_size": 64, "num_key_value_heads": 1, "sliding_window": 8},
    "bloom": {"n_head": 2, "n_layer": 2},  # counts positions by itself
    "mpt": {"d_model": 32, "n_heads": 2, "n_layers": 2},
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_architectures_too_answer_as_transformers_greedy_one_by_one(name: str, tmp_path: Path) -> None:
    lm = model_of(name, tmp_path, **OTHERS[name])
    rng = np.random.default_rng(0)
    prompts = [rng.integers(2, 60, int(rng.integers(1, 14))).tolist() for _ in range(12)]
    prompts += [[5, 6, 7, 8, 9, 10, number] for number in range(10, 16)]
    plain = []
    for prompt in prompts:
        ids = torch.tensor([prompt])
        settings = {"do_sample": False, "max_new_tokens": 8, "eos_token_id": sorted(lm.eos_ids), "pad_token_id": 0}
        out = lm.model.generate(ids, attention_mask=torch.ones_like(ids), **settings)[0, len(prompt) :].tolist()
        ended = out[-1] in lm.eos_ids
        plain.append(Generation(tuple(out[:-1] if ended else out), "eos" if ended else "length"))
    assert greedy(lm, prompts, max_new_tokens=8, batch_size=5) == tuple(plain)
    drafts = [[[*row.token_ids[:4], 7, 8]] for row in plain]
    assert greedy(lm, prompts, max_new_tokens=8, drafts=drafts) == tuple(plain)
