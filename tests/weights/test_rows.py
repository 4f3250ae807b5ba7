"""Vocabularies of different size: shared rows compared where the tokenizers agree, further rows left alone."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from analysis.records import RestoreSpec
from analysis.weights.checkpoint import open_checkpoint
from analysis.weights.identity import content_id
from analysis.weights.pair import check_pair, open_pair
from analysis.weights.profile import profile_pair
from analysis.weights.restore import apply_state, state_id
from analysis.weights.write import write_restored

Pairs = dict[str, tuple[Path, Path]]


def tokenizer(folder: Path, words: int, *, swapped: bool = False) -> None:
    vocabulary = {f"word{i}": i for i in range(200)}
    if swapped:
        vocabulary["word3"], vocabulary["word4"] = 4, 3
    added = [{"id": i, "content": f"<|extra{i}|>"} for i in range(200, words)]
    (folder / "tokenizer.json").write_text(json.dumps({"model": {"vocab": vocabulary}, "added_tokens": added}))


@pytest.fixture
def grown(llama_pairs: Pairs, tmp_path: Path) -> tuple[Path, Path]:
    """A tuned model with three tokens added to its 200."""
    base, tuned = (Path(shutil.copytree(f, tmp_path / n)) for f, n in zip(llama_pairs["float32"], "bt", strict=True))
    tensors = load_file(tuned / "model.safetensors")
    for name in ("model.embed_tokens.weight", "lm_head.weight"):
        tensors[name] = torch.cat([tensors[name], torch.randn(3, 32)])
    save_file(tensors, tuned / "model.safetensors", {"format": "pt"})
    config = json.loads((tuned / "config.json").read_text()) | {"vocab_size": 203}
    (tuned / "config.json").write_text(json.dumps(config))
    tokenizer(base, 200)
    tokenizer(tuned, 203)
    return base, tuned


def test_added_tokens_leave_the_shared_rows_comparable(grown: tuple[Path, Path], tmp_path: Path) -> None:
    report = check_pair(*grown)
    assert report.comparable
    assert [finding.code for finding in report.findings] == ["extra-rows"]
    assert report.parameters == 28320
    pair = open_pair(*grown)
    profile = profile_pair(pair)
    assert (profile.base_id, profile.tuned_id) == tuple(content_id(open_checkpoint(folder)) for folder in grown)
    base, tuned = (load_file(folder / "model.safetensors") for folder in grown)
    write_restored(pair, profile, RestoreSpec(100, region="all"), tmp_path / "out")
    written = load_file(tmp_path / "out" / "model.safetensors")
    live = {name: tensor.clone() for name, tensor in tuned.items()}
    apply_state(live, pair, profile, "base")
    for held in (written, live):
        for name, tensor in held.items():
            assert torch.equal(tensor[: len(base[name])], base[name])
            assert torch.equal(tensor[len(base[name]) :], tuned[name][len(base[name]) :])
    assert state_id(profile, RestoreSpec(100, region="all")) != profile.base_id
    assert content_id(open_checkpoint(tmp_path / "out")) not in (profile.base_id, profile.tuned_id)


def test_a_longer_base_is_compared_over_the_tuned_rows(grown: tuple[Path, Path], tmp_path: Path) -> None:
    pair = open_pair(grown[1], grown[0])
    write_restored(pair, profile_pair(pair), RestoreSpec(100, region="all"), tmp_path / "out")
    written, base = load_file(tmp_path / "out" / "model.safetensors"), load_file(grown[1] / "model.safetensors")
    assert all(torch.equal(tensor, base[name][: len(tensor)]) for name, tensor in written.items())


def test_rows_that_mean_other_tokens_are_refused_by_name(grown: tuple[Path, Path]) -> None:
    tokenizer(grown[1], 203, swapped=True)
    finding = check_pair(*grown).findings[0]
    assert (finding.level, finding.code) == ("error", "vocabulary")
    assert "2 tokens differ (3 is 'word3' in base, 'word4' in tuned" in finding.message


def test_without_tokenizers_the_rows_are_not_guessed(grown: tuple[Path, Path]) -> None:
    (grown[0] / "tokenizer.json").unlink()
    assert "put tokenizer.json beside both models" in check_pair(*grown).findings[0].message


def test_an_embedding_that_is_no_table_is_left_to_the_shapes(llama_pairs: Pairs, tmp_path: Path) -> None:
    for side, vocabulary in (("base", {"a": 0}), ("tuned", {"b": 0})):
        (tmp_path / side).mkdir()
        save_file({"model.embed_tokens.weight": torch.tensor(1.0)}, tmp_path / side / "model.safetensors")
        (tmp_path / side / "tokenizer.json").write_text(json.dumps({"model": {"vocab": vocabulary}}))
    report = check_pair(tmp_path / "base", tmp_path / "tuned")
    assert [finding.code for finding in report.findings] == ["no-layers"]
