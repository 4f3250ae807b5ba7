"""Checkpoints as they come: what is read, and what is refused with every reason at once."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from analysis.errors import CheckpointError
from analysis.weights.checkpoint import INDEX, open_checkpoint
from analysis.weights.identity import content_id

Pairs = dict[str, tuple[Path, Path]]


def refused(source: Path | str) -> CheckpointError:
    with pytest.raises(CheckpointError) as caught:
        open_checkpoint(source)
    return caught.value


def copied(folder: Path, to: Path) -> Path:
    return Path(shutil.copytree(folder, to))


def test_a_folder_a_single_file_and_shards_hold_the_same_tensors(llama_pairs: Pairs) -> None:
    whole, shards = llama_pairs["float32"][0], llama_pairs["sharded"][0]
    assert len(list(shards.glob("*.safetensors"))) > 2
    one, many, file = open_checkpoint(whole), open_checkpoint(shards), open_checkpoint(whole / "model.safetensors")
    assert one.parameters == many.parameters == file.parameters == 28320
    assert set(one.tensors) == set(many.tensors) == set(file.tensors)
    assert one.dtype == "float32"
    assert content_id(one) == content_id(many) == content_id(file)


def test_the_content_id_changes_with_one_bit(llama_pairs: Pairs, tmp_path: Path) -> None:
    folder = copied(llama_pairs["float32"][0], tmp_path / "copy")
    before = content_id(open_checkpoint(folder))
    file = folder / "model.safetensors"
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    assert content_id(open_checkpoint(folder)) != before


def test_wrapper_prefixes_are_stripped(llama_pairs: Pairs, tmp_path: Path) -> None:
    tensors = load_file(llama_pairs["float32"][0] / "model.safetensors")
    save_file({f"_orig_mod.module.{name}": value for name, value in tensors.items()}, tmp_path / "model.safetensors")
    assert set(open_checkpoint(tmp_path).tensors) == set(tensors)


def test_shards_without_an_index_are_read_when_all_are_there(llama_pairs: Pairs, tmp_path: Path) -> None:
    folder = copied(llama_pairs["sharded"][0], tmp_path / "copy")
    (folder / INDEX).unlink()
    assert open_checkpoint(folder).parameters == 28320
    first = sorted(folder.glob("*.safetensors"))[0]
    first.unlink()
    assert refused(folder).items == (f"{first.name}: is missing; download it again",)


def test_a_missing_folder_says_so_and_what_to_give() -> None:
    error = refused("/no/such/folder")
    assert "/no/such/folder does not exist" in str(error)
    assert "folder" in error.items[0]


def test_a_name_the_system_refuses_is_our_error() -> None:
    assert "cannot be read (File name too long)" in str(refused("/" + "x" * 5000))


def test_a_missing_and_a_truncated_shard_are_told_together(llama_pairs: Pairs, tmp_path: Path) -> None:
    folder = copied(llama_pairs["sharded"][0], tmp_path / "copy")
    first, second = sorted(folder.glob("*.safetensors"))[:2]
    first.unlink()
    second.write_bytes(second.read_bytes()[:-10])
    items = "\n".join(refused(folder).items)
    assert f"{first.name}: the index names this shard but it is missing" in items
    assert f"{second.name}: is truncated, 10 of" in items


def test_an_index_that_disagrees_with_its_files_is_told(llama_pairs: Pairs, tmp_path: Path) -> None:
    folder = copied(llama_pairs["sharded"][0], tmp_path / "copy")
    index = json.loads((folder / INDEX).read_text())
    files = sorted(set(index["weight_map"].values()))
    moved, dropped = "model.norm.weight", "lm_head.weight"
    index["weight_map"][moved] = next(file for file in files if file != index["weight_map"][moved])
    del index["weight_map"][dropped]
    (folder / INDEX).write_text(json.dumps(index))
    items = "\n".join(refused(folder).items)
    assert f"puts {moved} in" in items
    assert f"holds {dropped}, which {INDEX} does not name" in items


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b"PK\x03\x04 this is a zip, not a checkpoint", "is not a safetensors file"),
        ((100).to_bytes(8, "little") + b"{}", "is cut off inside its header"),
        ((4).to_bytes(8, "little") + b"nope", "its header is not valid JSON"),
        ((2).to_bytes(8, "little") + b"[]", "its header is not a table of tensors"),
        ((2).to_bytes(8, "little") + b"{}", "holds no tensors"),
    ],
)
def test_a_file_that_is_no_checkpoint_says_why(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "model.safetensors").write_bytes(content)
    assert reason in "\n".join(refused(tmp_path).items)


def test_header_entries_that_lie_are_told(tmp_path: Path) -> None:
    header = {
        "a": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 12]},
        "b": {"dtype": "F99", "shape": [1], "data_offsets": [0, 4]},
        "c": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]},
        "d": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]},
    }
    raw = json.dumps(header).encode()
    (tmp_path / "model.safetensors").write_bytes(len(raw).to_bytes(8, "little") + raw + bytes(16))
    items = "\n".join(refused(tmp_path).items)
    for part in ("a says shape [2, 2]", "unknown dtype F99", "entry of c is damaged", "d has no elements"):
        assert part in items


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        ("pytorch_model.bin", "is a pickle"),
        ("model-Q4_K_M.gguf", "is GGUF"),
        ("zero_to_fp32.py", "DeepSpeed ZeRO"),
        ("shard_0.distcp", "FSDP"),
        ("adapter_config.json", "PEFT adapter"),
        ("notes.txt", "holds no .safetensors files"),
    ],
)
def test_other_formats_are_named_with_the_way_out(tmp_path: Path, file: str, reason: str) -> None:
    (tmp_path / file).write_bytes(b"x")
    assert reason in "\n".join(refused(tmp_path).items)


def test_quantised_checkpoints_are_refused(llama_pairs: Pairs, tmp_path: Path) -> None:
    folder = copied(llama_pairs["float32"][0], tmp_path / "copy")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"quantization_config": {"quant_method": "gptq"}}))
    assert "quantised (gptq)" in refused(folder).items[0]


def test_integer_weights_are_refused_by_name(tmp_path: Path) -> None:
    save_file({"model.layers.0.mlp.up_proj.weight": torch.zeros(4, dtype=torch.int8)}, tmp_path / "model.safetensors")
    assert "is stored as I8" in refused(tmp_path).items[0]


def test_one_tensor_in_two_shards_is_told(llama_pairs: Pairs, tmp_path: Path) -> None:
    folder = copied(llama_pairs["sharded"][0], tmp_path / "copy")
    (folder / INDEX).unlink()
    first = sorted(folder.glob("*.safetensors"))[0]
    shutil.copy(first, folder / "model-00099.safetensors")
    assert "is there twice" in refused(folder).items[0]


@given(cut=st.integers(0, 4000), flips=st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 255)), max_size=4))
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
def test_damaged_headers_give_our_error_or_a_checkpoint_never_anything_else(
    llama_pairs: Pairs, tmp_path_factory: pytest.TempPathFactory, cut: int, flips: list[tuple[int, int]]
) -> None:
    data = bytearray((llama_pairs["float32"][0] / "model.safetensors").read_bytes())
    for position, value in flips:
        data[position] = value
    folder = tmp_path_factory.mktemp("fuzz")
    (folder / "model.safetensors").write_bytes(data[: len(data) - cut])
    try:
        opened = open_checkpoint(folder)
    except CheckpointError as error:
        assert error.items
    else:
        assert cut == 0
        assert opened.parameters > 0
