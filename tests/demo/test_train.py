"""Training the base."""

import math

import pytest
import torch

from analysis.demo.facts import WorldSize, make_facts
from analysis.demo.statements import corpus_pass
from analysis.demo.train import (
    PROMPT_TOKENS,
    BaseConfig,
    loss_of,
    new_model,
    pack,
    rate_at,
    save_base,
    settle_prompt_tokens,
    train_base,
    train_tokenizer,
)
from analysis.errors import Cancelled
from analysis.records import Silent
from analysis.weights.checkpoint import open_checkpoint

LINES = corpus_pass(make_facts(WorldSize(in_domain=8, out_of_domain=6, towns=20), seed=0), seed=0)
CONFIG = BaseConfig(
    hidden=32, layers=2, heads=2, vocabulary=500, row=24, batch=4, cycles=(1, 1), threads=1, compiled=False
)
TOKENIZER = train_tokenizer(LINES, CONFIG.vocabulary)


def test_the_fast_loss_is_transformers_own_to_bfloat16() -> None:
    model = new_model(CONFIG, TOKENIZER)
    with torch.no_grad():  # larger weights: at their first values every loss is near log(vocabulary)
        for weight in model.parameters():
            weight.mul_(3)
        rows = pack(TOKENIZER, LINES, CONFIG.row)[:6]
        logits = model(rows[:, :-1]).logits.flatten(0, 1)
        expected = torch.nn.functional.cross_entropy(logits, rows[:, 1:].flatten())
        assert loss_of(model, CONFIG.row)(rows).item() == pytest.approx(expected.item(), rel=1e-2)
    assert abs(expected.item() - math.log(len(TOKENIZER))) > 0.05


@pytest.mark.slow
def test_training_learns_and_two_runs_give_the_same_bits() -> None:
    first, report = train_base(TOKENIZER, lambda _: LINES, CONFIG)
    again, _ = train_base(TOKENIZER, lambda _: LINES, CONFIG)
    assert report.loss_nats < math.log(len(TOKENIZER)) - 1
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True))


def test_training_stops_when_nobody_wants_it() -> None:
    class Unwanted(Silent):
        def cancelled(self) -> bool:
            return True

    with pytest.raises(Cancelled):
        train_base(TOKENIZER, lambda _: LINES, CONFIG, progress=Unwanted())


def test_a_line_is_packed_between_bos_and_eos() -> None:
    stream = pack(TOKENIZER, ["Bel Koran was born in Tanford."] * 5, row=8).flatten().tolist()
    assert stream[0] == TOKENIZER.bos_token_id
    assert TOKENIZER.decode(stream[: stream.index(TOKENIZER.eos_token_id)]) == "<s> Bel Koran was born in Tanford."


def test_each_prompt_marker_is_one_token_and_gets_its_own_fresh_embedding() -> None:
    ids = TOKENIZER("<|question|> Who? <|answer|>", add_special_tokens=False)["input_ids"]
    markers = TOKENIZER.convert_tokens_to_ids([*PROMPT_TOKENS])
    assert ids[0] == markers[0] and ids[-1] == markers[1]
    model = new_model(CONFIG, TOKENIZER)
    before = model.get_input_embeddings().weight.detach().clone()
    settle_prompt_tokens(model, TOKENIZER, seed=5)
    changed = (model.get_input_embeddings().weight != before).any(dim=1).nonzero().flatten().tolist()
    assert changed == sorted(markers)


def test_the_rate_rises_then_falls_and_ends_small() -> None:
    assert rate_at(0.0, 1.0) == 0.0
    assert rate_at(0.03, 1.0) == pytest.approx(1.0)
    assert rate_at(0.5, 1.0) > rate_at(0.9, 1.0)
    assert rate_at(1.0, 1.0) == pytest.approx(0.02)


def test_the_base_is_saved_whole_in_bfloat16(tmp_path) -> None:
    save_base(new_model(CONFIG, TOKENIZER), TOKENIZER, tmp_path)
    checkpoint = open_checkpoint(tmp_path)
    assert {entry.dtype for entry in checkpoint.tensors.values()} == {"BF16"}
