"""Batches fit in memory: reckoned beforehand, halved when that was wrong, and the answers stay the same."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from analysis.language.generate import greedy
from analysis.language.load import LanguageModel, load_model
from analysis.language.memory import halving, out_of_memory, row_bytes, rows_at_once


@pytest.fixture(scope="module")
def lm(tiny_pair: Any) -> LanguageModel:
    return load_model(tiny_pair.base, dtype="float32", device="cpu")


def test_a_batch_too_large_for_memory_is_halved_until_it_fits() -> None:
    tried: list[int] = []

    def work(rows: list[int]) -> list[int]:
        tried.append(len(rows))
        if len(rows) > 3:
            torch.empty(1 << 60)  # torch itself says that memory ran out
        return rows

    assert halving(list(range(10)), work) == list(range(10))
    assert tried == [10, 5, 2, 3, 5, 2, 3]


def test_other_errors_and_a_single_row_that_does_not_fit_are_raised() -> None:
    def fail(rows: list[int]) -> list[int]:
        raise RuntimeError("shapes do not match")

    with pytest.raises(RuntimeError, match="shapes"):
        halving([1, 2], fail)
    with pytest.raises(RuntimeError) as caught:
        halving([1], lambda rows: [int(torch.empty(1 << 60)[0])])
    assert out_of_memory(caught.value) and out_of_memory(MemoryError())


def test_a_rows_bytes_are_those_of_its_cache_its_layer_and_its_logits(lm: LanguageModel) -> None:
    # 10 tokens x (keys and values 2 layers x 1 head x 16 x 2, a layer's 6 x 32 + 3 x 64, 2 heads x 10) x 4 bytes
    # and 4 predictions x the vocabulary x (4 bytes and 4 more in float32)
    vocabulary = lm.model.config.vocab_size
    assert row_bytes(lm, 10, 4) == 10 * (64 + 384 + 20) * 4 + 4 * vocabulary * 8
    assert 1 <= rows_at_once(lm, 10, 4) <= 128
    assert rows_at_once(lm, 10**12, 4) == 1


class Cramped:
    """A model on which torch runs out of memory as soon as a pass has more than so many rows."""

    def __init__(self, model: Any, rows: int) -> None:
        self._model, self.rows, self.config, self.seen = model, rows, model.config, 0

    def forward(self, input_ids: Any, attention_mask: Any = None, position_ids: Any = None, past_key_values: Any = None,
                use_cache: Any = None, logits_to_keep: Any = 0) -> Any:  # fmt: skip
        """What the model's own pass takes."""

    def __call__(self, **inputs: Any) -> Any:
        if len(inputs["input_ids"]) > self.rows:
            self.seen += 1
            torch.empty(1 << 60)
        return self._model(**inputs)


@pytest.mark.parametrize("rows", [1, 3, 20])
def test_running_out_of_memory_anywhere_changes_no_answer(lm: LanguageModel, rows: int) -> None:
    prompts = [[0, 5 + number, 9, *range(20, 20 + number % 7)] for number in range(30)]
    plain = greedy(lm, prompts)
    model = Cramped(lm.model, rows)
    drafts = [[row.token_ids[: place % 4]] for place, row in enumerate(plain)]
    assert greedy(replace(lm, model=model), prompts, batch_size=25, drafts=drafts) == plain  # type: ignore[arg-type]
    assert model.seen > 0


SCRIPT = """
import resource, sys
import torch
torch.set_num_threads(1)
from transformers import LlamaConfig, LlamaForCausalLM
from analysis.language import rows
from analysis.language.generate import greedy
from analysis.language.load import LanguageModel
torch.manual_seed(0)
config = LlamaConfig(vocab_size=32000, hidden_size=64, intermediate_size=128, num_hidden_layers=2,
                     num_attention_heads=2, num_key_value_heads=2, max_position_embeddings=512)
lm = LanguageModel(LlamaForCausalLM(config).eval(), None, "cpu", "float32", None, frozenset())
generator = torch.Generator().manual_seed(0)
prompts = torch.randint(3, 32000, (256, 40), generator=generator).tolist()
drafts = [[list(row.token_ids)] for row in greedy(lm, prompts, max_new_tokens=8)]  # such as hold are read at once
plain = [greedy(lm, [prompt], max_new_tokens=8)[0].token_ids for prompt in prompts[:4]]
held = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (held + 100 * 2**20,) * 2)  # the logits of 128 rows alone are 147 MB
halved = []
fits = rows.Decoder._fits
def watched(work, part):
    done = fits(work, part)
    halved.append(not done)
    return done
rows.Decoder._fits = staticmethod(watched)
told = greedy(lm, prompts, max_new_tokens=8, batch_size=256, drafts=drafts)
assert [row.token_ids for row in told[:4]] == plain
assert any(halved) and len(told) == 256
print("halved", sum(halved))
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="address space is limited through Linux's own means")
def test_a_batch_that_really_does_not_fit_on_the_cpu_is_halved() -> None:
    root = Path(__file__).parents[2]
    told = subprocess.run([sys.executable, "-c", SCRIPT], cwd=root, capture_output=True, text=True, timeout=120)
    assert told.returncode == 0, told.stderr
    assert told.stdout.startswith("halved")
