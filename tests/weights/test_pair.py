"""What the headers of a pair tell."""

import json
import os
import shutil
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from analysis.errors import CheckpointError, PairError
from analysis.weights.pair import check_pair, open_pair
from benchmarks.checking import write_sparse

Pairs = dict[str, tuple[Path, Path]]


def codes(base: Path | str, tuned: Path | str) -> dict[str, str]:
    return {finding.code: finding.level for finding in check_pair(base, tuned).findings}


def test_what_cannot_be_read_is_told_in_whole_sentences(llama_pairs: Pairs) -> None:
    (finding,) = check_pair(llama_pairs["bfloat16"][0], "/no/such/folder").findings
    assert finding.message.startswith("tuned: /no/such/folder does not exist. Give a folder")


def test_a_good_pair_is_comparable_and_counted(llama_pairs: Pairs) -> None:
    report = check_pair(*llama_pairs["bfloat16"])
    assert (report.comparable, report.findings) == (True, ())
    assert report.parameters == 28320
    # per layer: q and o 32 x 32, k and v 16 x 32; gate, up, down 48 x 32
    attention, mlp = 2 * (2 * 1024 + 2 * 512), 2 * 3 * 1536
    assert report.region_parameters == {
        "transformer": attention + mlp,
        "attention": attention,
        "mlp": mlp,
        "embedding": 6400,
        "all": 28320,
    }
    assert report.dtype == {"base": "bfloat16", "tuned": "bfloat16"}


def test_both_sides_are_told_when_both_are_bad(tmp_path: Path) -> None:
    report = check_pair("/no/such/base", tmp_path)
    assert not report.comparable
    assert [finding.code for finding in report.findings] == ["base-checkpoint", "tuned-checkpoint"]


def test_different_shapes_and_missing_tensors_are_all_listed(llama_pairs: Pairs, tmp_path: Path) -> None:
    tensors = load_file(llama_pairs["float32"][1] / "model.safetensors")
    tensors["model.layers.0.mlp.up_proj.weight"] = torch.zeros(40, 32)
    tensors["model.norm.weight"] = torch.zeros(31)
    del tensors["model.layers.1.mlp.up_proj.weight"]
    tensors["model.extra.weight"] = torch.zeros(3)
    save_file(tensors, tmp_path / "model.safetensors")
    report = check_pair(llama_pairs["float32"][0], tmp_path)
    found = {finding.code: finding for finding in report.findings}
    assert found["missing-in-tuned"].tensors == ("model.layers.1.mlp.up_proj.weight",)
    assert found["missing-in-base"].tensors == ("model.extra.weight",)
    assert len(found["shape"].tensors) == 2
    assert "model.layers.0.mlp.up_proj.weight [48, 32] against [40, 32]" in found["shape"].tensors
    with pytest.raises(PairError) as caught:
        open_pair(llama_pairs["float32"][0], tmp_path)
    assert len(caught.value.items) == 3


def test_different_architectures_are_told_from_the_configs(llama_pairs: Pairs, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(llama_pairs["float32"][1], tmp_path / "copy"))
    config = json.loads((folder / "config.json").read_text()) | {"model_type": "gpt2", "num_hidden_layers": 3}
    (folder / "config.json").write_text(json.dumps(config))
    finding = check_pair(llama_pairs["float32"][0], folder).findings[0]
    assert finding.code == "architecture"
    assert "model_type is llama in base, gpt2 in tuned; num_hidden_layers is 2 in base, 3 in tuned" in finding.message


def test_mixed_dtypes_are_a_warning(llama_pairs: Pairs) -> None:
    assert codes(llama_pairs["bfloat16"][0], llama_pairs["float32"][1]) == {"dtype": "warning"}


def test_the_same_folder_twice_is_comparable_with_a_warning(llama_pairs: Pairs) -> None:
    report = check_pair(llama_pairs["float32"][0], llama_pairs["float32"][0])
    assert report.comparable
    assert codes(llama_pairs["float32"][0], llama_pairs["float32"][0]) == {"identical": "warning"}


def test_prefixes_on_one_side_do_not_matter(llama_pairs: Pairs, tmp_path: Path) -> None:
    tensors = load_file(llama_pairs["float32"][1] / "model.safetensors")
    bare = {f"module.{name.removeprefix('model.')}": value for name, value in tensors.items()}
    save_file(bare, tmp_path / "model.safetensors")
    pair = open_pair(llama_pairs["float32"][0], tmp_path)
    assert pair.parameters == 28320
    assert pair.tensors[0].name in {name.removeprefix("module.") for name in bare}


def test_a_head_tied_in_base_is_compared_with_the_embedding_with_a_warning(llama_pairs: Pairs, tmp_path: Path) -> None:
    base, tuned = llama_pairs["tied"]
    tensors = load_file(tuned / "model.safetensors")
    folder = Path(shutil.copytree(tuned, tmp_path / "untied"))
    save_file(tensors | {"lm_head.weight": torch.zeros(200, 32).bfloat16()}, folder / "model.safetensors")
    config = json.loads((folder / "config.json").read_text()) | {"tie_word_embeddings": False}
    (folder / "config.json").write_text(json.dumps(config))
    assert codes(base, folder) == {"tied-on-one-side": "warning"}
    assert open_pair(base, folder).parameters == 28320
    assert codes(folder, base) == {"tied-on-one-side": "warning"}
    assert open_pair(folder, base).parameters == 21920


def test_a_tied_head_stored_again_on_both_sides_is_counted_once(llama_pairs: Pairs, tmp_path: Path) -> None:
    folders = []
    for side, source in zip(("base", "tuned"), llama_pairs["tied"], strict=True):
        folder = Path(shutil.copytree(source, tmp_path / side))
        tensors = load_file(folder / "model.safetensors")
        tensors["lm_head.weight"] = tensors["model.embed_tokens.weight"].clone()
        save_file(tensors, folder / "model.safetensors")
        folders.append(folder)
    pair = open_pair(*folders)
    assert pair.parameters == 21920
    assert [copy.tuned.stored_name for copy in pair.copies] == ["lm_head.weight"]


def test_a_70b_pair_in_eighty_shards_is_checked_in_under_a_second(tmp_path: Path) -> None:
    folders = [write_sparse(tmp_path / side, 80) for side in ("base", "tuned")]
    started = time.process_time()
    report = check_pair(*folders)
    assert time.process_time() - started < 1
    assert report.comparable
    assert report.parameters == 70_553_706_496
    assert report.region_parameters["transformer"] == 70_553_706_496 - 2 * 128_256 * 8192 - 161 * 8192


def test_everything_wrong_with_both_sides_is_told_at_once_and_unread(tmp_path: Path) -> None:
    base, tuned = (write_sparse(tmp_path / side, 80) for side in ("base", "tuned"))
    (base / "model-00007-of-00080.safetensors").unlink()
    os.truncate(base / "model-00009-of-00080.safetensors", 5000)
    (base / "config.json").write_text("[]")
    os.truncate(tuned / "model-00011-of-00080.safetensors", 10**13)
    (tuned / "model-00012-of-00080.safetensors").unlink()
    os.link(tuned / "model-00013-of-00080.safetensors", tuned / "model-00012-of-00080.safetensors")
    started = time.process_time()
    report = check_pair(base, tuned)
    assert time.process_time() - started < 1
    told = [finding.message for finding in report.findings]
    assert [message.split(":")[0] for message in told] == ["base", "tuned"]
    for part in (
        "model-00007-of-00080.safetensors: the index names this shard but it is missing",
        "model-00009-of-00080.safetensors: is truncated",
        "config.json is not a table of settings",
    ):
        assert part in told[0]
    assert "model-00011-of-00080.safetensors: has" in told[1]
    assert "is there twice" in told[1]
    assert "which does not hold it" in told[1]
    with pytest.raises(CheckpointError) as caught:
        open_pair(base, tuned)
    assert len([item for item in caught.value.items if item.startswith("base: ")]) == 4
    assert any(item.startswith("tuned: ") for item in caught.value.items)
