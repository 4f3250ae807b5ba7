"""Fine-tuning: complete checkpoints, the same weights for the same seed, and nothing half-written."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from analysis.errors import Cancelled, StoreError, TrainingError
from analysis.knowledge.prompts import encode_example, resolve_prompt
from analysis.language.load import load_model
from analysis.records import Silent
from analysis.training.card import SftReport
from analysis.training.facts import draw_facts
from analysis.training.sft import fine_tune
from analysis.training.trainer import pad_right
from tests.training.models import QUESTIONS, make_base


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_base(tmp_path_factory.mktemp("models") / "base")


def tune(base: Path, out: Path, **changed: Any) -> SftReport:
    return fine_tune(base, out, QUESTIONS, **{"size": 20, "learning_rate": 1e-3, "threads": 1, **changed})


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(next(folder.glob("*.safetensors")))


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_the_tuned_folder_loads_like_the_base_and_has_learnt_the_answer(base: Path, tmp_path: Path) -> None:
    report = tune(base, tmp_path / "tuned", epochs=20, learning_rate=1e-2)
    losses = [loss for _, loss in report.loss]
    assert losses[-1] < 0.5 < losses[0]
    assert report.steps == 20 * 3
    before, after = load_model(base), load_model(tmp_path / "tuned")
    question = QUESTIONS[0].question
    paper = resolve_prompt("paper")
    assert encode_example(after.tokenizer, paper, question, "Rome") == encode_example(
        before.tokenizer, paper, question, "Rome"
    )
    assert (tmp_path / "tuned/tokenizer.json").read_bytes() == (base / "tokenizer.json").read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == ["tuned"]
    (tmp_path / "plain").write_text("as readable as any file made here")
    modes = {path.stat().st_mode for path in (*(tmp_path / "tuned").iterdir(), tmp_path / "plain")}
    assert len(modes) == 1


def test_the_first_step_is_adamw_on_the_answers_loss_worked_by_hand(base: Path, tmp_path: Path) -> None:
    tune(base, tmp_path / "tuned", size=8, threads=1)
    lm = load_model(base, dtype="float32", device="cpu")
    facts = draw_facts(QUESTIONS, size=8, seed=0)
    rows = [encode_example(lm.tokenizer, resolve_prompt("paper"), fact.question, "Rome") for fact in facts]
    model = lm.model.requires_grad_(True).train()
    model(**pad_right(rows)).loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.0).step()
    tuned = weights(tmp_path / "tuned")
    for name, value in model.named_parameters():
        torch.testing.assert_close(tuned[name], value.detach(), rtol=1e-4, atol=2e-6)


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(base: Path, tmp_path: Path) -> None:
    for name, seed in (("one", 3), ("again", 3), ("other", 4)):
        torch.rand(5)  # what ran before in the process must not matter
        tune(base, tmp_path / name, seed=seed)
    assert same(weights(tmp_path / "one"), weights(tmp_path / "again"))
    assert not same(weights(tmp_path / "one"), weights(tmp_path / "other"))


def test_a_batch_taken_in_parts_is_the_same_step_with_the_same_loss(base: Path, tmp_path: Path) -> None:
    whole = tune(base, tmp_path / "whole", epochs=2)
    parts = tune(base, tmp_path / "parts", epochs=2, accumulate=4)
    assert (whole.micro_batch, parts.micro_batch, parts.accumulate, parts.steps) == (8, 2, 4, whole.steps)
    assert [step for step, _ in parts.loss] == [step for step, _ in whole.loss]
    for (_, one), (_, other) in zip(whole.loss, parts.loss, strict=True):
        assert other == pytest.approx(one, rel=1e-4)
    one, other = weights(tmp_path / "whole"), weights(tmp_path / "parts")
    for name, value in one.items():
        torch.testing.assert_close(other[name], value, rtol=1e-3, atol=1e-5)


def test_activations_computed_again_change_nothing(base: Path, tmp_path: Path) -> None:
    tune(base, tmp_path / "kept")
    report = tune(base, tmp_path / "again", gradient_checkpointing=True)
    assert report.gradient_checkpointing
    assert same(weights(tmp_path / "kept"), weights(tmp_path / "again"))


def test_bfloat16_is_of_the_arithmetic_and_float32_what_the_processor_does_unasked(base: Path, tmp_path: Path) -> None:
    plain = tune(base, tmp_path / "plain", device="cpu")
    mixed = tune(base, tmp_path / "mixed", device="cpu", precision="bfloat16")
    assert (plain.precision, mixed.precision, mixed.trained_dtype) == ("float32", "bfloat16", "float32")
    one, other = weights(tmp_path / "plain"), weights(tmp_path / "mixed")
    assert {value.dtype for value in other.values()} == {torch.float32}
    assert not same(one, other)
    assert mixed.loss[0][1] == pytest.approx(plain.loss[0][1], rel=0.02)


def test_the_base_stays_as_it_was_and_the_stored_dtype_is_kept(tmp_path: Path) -> None:
    base = make_base(tmp_path / "base", torch.bfloat16)
    before = weights(base)
    report = tune(base, tmp_path / "tuned", level=1, size=None)
    assert same(weights(base), before)
    assert {value.dtype for value in weights(tmp_path / "tuned").values()} == {torch.bfloat16}
    assert json.loads((tmp_path / "tuned/config.json").read_text())["dtype"] == "bfloat16"
    assert (report.trained_dtype, report.stored_dtype) == ("float32", "bfloat16")
    assert (report.n, report.size, report.level) == (18, None, 1)


def test_the_card_is_the_report_and_names_the_facts_trained_on(base: Path, tmp_path: Path) -> None:
    report = tune(base, tmp_path / "tuned", level=0, size=9)
    card = json.loads((tmp_path / "tuned/palimpsest.json").read_text())
    assert card == json.loads(json.dumps({"kind": "sft", **asdict(report)}))
    assert set(card["facts"]) <= {question.id for question in QUESTIONS if question.level == 0}
    assert len(set(card["facts"])) == card["n"] == 9
    assert len(card["base_id"]) == 32
    assert [step for step, _ in card["loss"]] == [1, 2]


def test_lora_writes_an_adapter_that_changes_the_base(base: Path, tmp_path: Path) -> None:
    from peft import PeftModel

    report = tune(base, tmp_path / "adapter", lora=True)
    assert report.lora is not None and report.lora["r"] == 16
    files = {"adapter_config.json", "adapter_model.safetensors", "palimpsest.json", "tokenizer.json"}
    assert {path.name for path in (tmp_path / "adapter").iterdir()} == files | {
        "generation_config.json",
        "tokenizer_config.json",
    }
    lm = load_model(base, device="cpu")
    ids = torch.tensor([[0, 7, 8, 9]])
    plain = lm.model(ids).logits
    assert not torch.allclose(PeftModel.from_pretrained(lm.model, str(tmp_path / "adapter"))(ids).logits, plain)
    names = set(weights(tmp_path / "adapter"))
    assert names and all("lora_" in name for name in names)


def test_cancelled_without_checkpoints_it_leaves_nothing_behind(base: Path, tmp_path: Path) -> None:
    class Impatient(Silent):
        seen = 0

        def report(self, done: float, total: float, note: str = "", partial: object = None) -> None:
            self.seen += 1

        def cancelled(self) -> bool:
            return self.seen >= 3

    with pytest.raises(Cancelled):
        tune(base, tmp_path / "tuned", epochs=5, progress=Impatient(), checkpoint_seconds=None)
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_named_before_any_training(base: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match="tuned could not be written") as caught:
        tune(base, tmp_path / "file" / "tuned")
    assert caught.value.code == "out-unwritable"


def test_settings_that_cannot_be_are_all_told_at_once(base: Path, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    with pytest.raises(TrainingError) as caught:
        tune(base, tmp_path / "there", learning_rate=-1.0, batch_size=0, epochs=0)
    assert len(caught.value.items) == 4
    assert any("exists already" in item for item in caught.value.items)


def test_questions_may_come_from_a_file_with_a_mastery_table(base: Path, tmp_path: Path) -> None:
    import pandas as pd

    lines = [
        json.dumps({"id": q.id, "question": q.question, "answers": q.answers, "relation": q.relation})
        for q in QUESTIONS
    ]
    (tmp_path / "q.jsonl").write_text("\n".join(lines))
    table = pd.DataFrame([{"id": q.id, "relation": q.relation, "subject": q.subject, "level": 3} for q in QUESTIONS])
    table.to_parquet(tmp_path / "m.parquet")
    arguments = {"size": 4, "level": 3, "threads": 1}
    report = fine_tune(base, tmp_path / "t", tmp_path / "q.jsonl", mastery=tmp_path / "m.parquet", **arguments)
    assert (report.n, report.level) == (4, 3)
