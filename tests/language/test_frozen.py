"""In low precision a weight state has one answer, whatever was guessed."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from analysis.language.answers import Generation
from analysis.language.frozen import LAYOUT_ROWS, frozen_blocks, settle
from analysis.language.load import LanguageModel, load_model


@pytest.fixture(scope="module", params=["bfloat16", "float16"])
def lm(tiny_pair: Any, request: pytest.FixtureRequest) -> LanguageModel:
    model = load_model(tiny_pair.base, dtype=request.param, device="cpu")
    return replace(model, eos_ids=frozenset(range(0, len(model.tokenizer), 10)))


@pytest.fixture(scope="module")
def prompts() -> list[list[int]]:
    rng = np.random.default_rng(1)
    return [rng.integers(3, 300, int(rng.integers(1, 20))).tolist() for _ in range(24)]


def told(lm: LanguageModel, prompts: list[list[int]], drafts: Any = None) -> tuple[Generation, ...]:
    return settle(lm, prompts, max_new_tokens=12, drafts=drafts).generations


def test_no_drafts_good_drafts_and_garbage_give_the_same_answers(lm: LanguageModel, prompts: list[list[int]]) -> None:
    plain = told(lm, prompts)
    rng = np.random.default_rng(2)
    for drafts in (
        [[row.token_ids] for row in plain],
        [[rng.integers(3, 300, 12).tolist()] for _ in plain],
        [[[*row.token_ids[: place % 6], 7, 7], rng.integers(3, 300, 9).tolist()] for place, row in enumerate(plain)],
        [[()] if place % 2 else [] for place in range(len(plain))],
    ):
        assert told(lm, prompts, drafts) == plain
    assert sum(row.verified for row in told(lm, prompts, [[row.token_ids] for row in plain])) == len(plain)
    assert {row.stopped for row in plain} >= {"eos"}


def test_each_token_is_the_likeliest_after_those_before_it_in_the_frozen_layout(
    lm: LanguageModel, prompts: list[list[int]]
) -> None:
    """The definition itself, in one pass of the whole batch over the answers found."""
    found = told(lm, prompts)
    width = max(map(len, prompts)) + 11
    texts = [[*prompt, *row.token_ids][:width] for prompt, row in zip(prompts, found, strict=True)]
    ids = torch.tensor([text + [0] * (width - len(text)) for text in texts])
    with torch.inference_mode():
        likeliest = lm.model(input_ids=ids, use_cache=False).logits.argmax(-1)
    for row, prompt, tokens in zip(found, prompts, likeliest.tolist(), strict=True):
        said = tokens[len(prompt) - 1 : len(prompt) - 1 + len(row.token_ids)]
        assert list(row.token_ids) == said
        if row.stopped == "eos":
            assert tokens[len(prompt) - 1 + len(row.token_ids)] in lm.eos_ids


def test_a_prompt_at_the_end_of_the_context_is_answered(lm: LanguageModel) -> None:
    edge = [[5] * 116, [7], [8] * 115]
    assert told(lm, edge) == told(lm, edge, [[(9, 9)], [(1,)], []])


def test_the_layout_depends_on_the_prompts_alone_and_holds_every_row_once() -> None:
    prompts = [[1] * (3 + row % 17) for row in range(700)]
    blocks = frozen_blocks(prompts)
    assert sorted(row for block in blocks for batch in block for row in batch) == list(range(700))
    assert all(len(batch) <= LAYOUT_ROWS for block in blocks for batch in block)
    assert blocks == frozen_blocks([tuple(prompt) for prompt in prompts])
    assert [row for batch in blocks[0] for row in batch] != sorted(row for batch in blocks[0] for row in batch)


def test_where_memory_does_not_suffice_the_smaller_layout_is_told(
    lm: LanguageModel, prompts: list[list[int]], tmp_path: Path
) -> None:
    class Cramped:
        def __init__(self) -> None:
            self.config = lm.model.config

        def forward(self, input_ids: Any, attention_mask: Any = None, position_ids: Any = None,
                    past_key_values: Any = None, use_cache: Any = None, logits_to_keep: Any = 0) -> Any:  # fmt: skip
            """What the model's own pass takes."""

        def __call__(self, **inputs: Any) -> Any:
            if len(inputs["input_ids"]) > 10:
                torch.empty(1 << 60)
            return lm.model(**inputs)

    found = settle(replace(lm, model=Cramped()), prompts, max_new_tokens=4)  # type: ignore[arg-type]
    assert found.rows == 6 and len(found.generations) == 24
