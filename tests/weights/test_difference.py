"""A tuned checkpoint kept as its difference from the base comes back bit for bit."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some
from safetensors.numpy import load_file, save_file

from analysis.errors import CheckpointError
from analysis.records import Silent
from analysis.weights import difference
from analysis.weights.difference import pack, read_index, unpack


@given(some.data(), some.sampled_from([1, 2, 4, 8]), some.integers(0, 40))
def test_subtracting_and_adding_are_inverse_for_every_bit_pattern(data: some.DataObject, item: int, count: int) -> None:
    size = count * item
    tuned, base = (np.frombuffer(data.draw(some.binary(min_size=size, max_size=size)), np.uint8) for _ in range(2))
    planes = difference._subtract(tuned, base, item)
    assert np.array_equal(difference._add(planes, base, item), tuned)


def test_small_steps_up_and_down_become_small_numbers() -> None:
    base = np.array([1000, 1000, 1000, 0], np.uint16).view(np.uint8)
    tuned = np.array([1001, 999, 1000, 65535], np.uint16).view(np.uint8)
    assert difference._subtract(tuned, base, 2).tolist() == [2, 1, 0, 1, 0, 0, 0, 0]


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """Two folders: float32 and float16 tensors, one grown, one new; a config each and a shared tokenizer."""
    draw = np.random.default_rng(0)
    base = {"a": draw.standard_normal((300, 70)).astype(np.float32), "b": draw.standard_normal(9).astype(np.float16)}
    base |= {"grown": draw.standard_normal((4, 2)).astype(np.float32)}
    tuned = dict(base) | {"a": base["a"] + np.float32(1e-4), "grown": np.ones((5, 2), np.float32)}
    tuned["new"] = np.array([np.nan, -0.0, np.inf], np.float32)
    for name, tensors in (("base", base), ("tuned", tuned)):
        (tmp_path / name).mkdir()
        save_file(tensors, tmp_path / name / "model.safetensors", metadata={"format": "pt"})
        (tmp_path / name / "config.json").write_text(json.dumps({"name": name}))
        (tmp_path / name / "tokenizer.json").write_text("{}")
    return tmp_path / "base", tmp_path / "tuned"


def test_every_file_of_the_tuned_folder_comes_back_byte_for_byte(pair: tuple[Path, Path], tmp_path: Path) -> None:
    base, tuned = pair
    pack(base, tuned, tmp_path / "packed", ids=("b", "t"))
    unpack(base, tmp_path / "packed", tmp_path / "out")
    files = sorted(path.name for path in tuned.iterdir())
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == files
    for name in files:
        assert (tmp_path / "out" / name).read_bytes() == (tuned / name).read_bytes()
    index = read_index(tmp_path / "packed")
    assert (index.base_id, index.tuned_id, list(index.same)) == ("b", "t", ["tokenizer.json"])
    packed = (tmp_path / "packed/model.safetensors.packed").stat().st_size
    assert packed < 0.7 * (tuned / "model.safetensors").stat().st_size


def test_a_large_tensor_goes_in_pieces(
    pair: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base, tuned = pair
    monkeypatch.setattr(difference, "CHUNK_VALUES", 1000)
    pack(base, tuned, tmp_path / "packed", ids=("b", "t"))
    assert sum(piece.base == "a" for piece in read_index(tmp_path / "packed").files[0].pieces) == 21
    unpack(base, tmp_path / "packed", tmp_path / "out")
    assert (tmp_path / "out/model.safetensors").read_bytes() == (tuned / "model.safetensors").read_bytes()


def test_another_base_is_refused_and_nothing_is_left(pair: tuple[Path, Path], tmp_path: Path) -> None:
    base, tuned = pair
    pack(base, tuned, tmp_path / "packed", ids=("b", "t"))
    tensors = load_file(base / "model.safetensors")
    tensors["a"] = tensors["a"] + np.float32(1)
    save_file(tensors, base / "model.safetensors")
    (base / "tokenizer.json").write_text("other")
    with pytest.raises(CheckpointError, match="cannot be made again") as told:
        unpack(base, tmp_path / "packed", tmp_path / "out")
    assert len(told.value.items) == 2
    assert not (tmp_path / "out").exists() and not list(tmp_path.glob(".out*"))


def test_a_difference_that_does_not_give_the_model_back_is_not_kept(pair: tuple[Path, Path], tmp_path: Path) -> None:
    base, tuned = pair

    class Writing(Silent):
        """Another process writes over the base once the difference is on disk."""

        def report(self, done: float, total: float, note: str = "", partial: object = None) -> None:
            if "comes back" in note:
                held = (base / "model.safetensors").read_bytes()
                (base / "model.safetensors").write_bytes(held[:-8] + bytes(8))

    with pytest.raises(CheckpointError, match="does not give it back") as told:
        pack(base, tuned, tmp_path / "packed", ids=("b", "t"), progress=Writing())
    assert told.value.items == ("model.safetensors does not come out as it was",)
    assert not list(tmp_path.glob("*packed*")) and (tuned / "model.safetensors").exists()


def test_a_damaged_packed_file_is_named(pair: tuple[Path, Path], tmp_path: Path) -> None:
    base, tuned = pair
    pack(base, tuned, tmp_path / "packed", ids=("b", "t"))
    file = tmp_path / "packed" / "model.safetensors.packed"
    file.write_bytes(file.read_bytes()[:-5])
    with pytest.raises(CheckpointError, match="cannot be made again") as told:
        unpack(base, tmp_path / "packed", tmp_path / "out")
    assert told.value.items[0].startswith("model.safetensors.packed is damaged")
    assert not (tmp_path / "out").exists()


def test_a_folder_that_is_no_difference_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="holds no difference"):
        unpack(tmp_path, tmp_path, tmp_path / "out")
