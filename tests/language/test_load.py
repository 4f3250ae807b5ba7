"""Loading a model: the dtype that fits, what ends a text, and every way a folder can be no model."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from analysis.errors import CheckpointError, LanguageError
from analysis.language.load import (
    choose_device,
    choose_dtype,
    find_folder,
    free_memory_bytes,
    load_model,
)


@pytest.fixture
def copy(tiny_pair: Any, tmp_path: Path) -> Path:
    """A copy of the tiny base that a test may spoil."""
    return Path(shutil.copytree(tiny_pair.base, tmp_path / "model"))


def configure(folder: Path, name: str = "config.json", **changes: Any) -> None:
    file = folder / name
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


def test_a_small_model_is_loaded_in_float32_whatever_it_is_stored_in(tiny_pair: Any) -> None:
    from safetensors.torch import load_file

    lm = load_model(tiny_pair.base, device="cpu")
    stored = load_file(Path(tiny_pair.base) / "model.safetensors")
    weight = "model.layers.1.mlp.up_proj.weight"
    assert stored[weight].dtype == torch.bfloat16
    loaded = dict(lm.model.named_parameters())[weight]
    assert loaded.dtype == torch.float32 and torch.equal(loaded, stored[weight].float())
    assert (lm.dtype, lm.device, lm.source) == ("float32", "cpu", Path(tiny_pair.base))
    assert not lm.model.training and not any(p.requires_grad for p in lm.model.parameters())


def test_a_dtype_asked_for_is_used(tiny_pair: Any) -> None:
    lm = load_model(str(tiny_pair.base), dtype="bf16", device="cpu")
    assert lm.dtype == "bfloat16" and next(lm.model.parameters()).dtype == torch.bfloat16


def test_float32_is_chosen_where_it_fits_else_bfloat16() -> None:
    assert choose_dtype("auto", parameters=100, free_bytes=1000) == "float32"
    assert choose_dtype("auto", parameters=100, free_bytes=400) == "bfloat16"
    assert choose_dtype("fp16", parameters=0, free_bytes=0) == "float16"
    with pytest.raises(LanguageError, match="bfloat16"):
        choose_dtype("int4", parameters=1, free_bytes=1)


def test_an_unknown_device_is_refused_with_those_there_are() -> None:
    assert choose_device("cpu") == "cpu"
    with pytest.raises(LanguageError, match="cpu"):
        choose_device("abacus")
    assert free_memory_bytes("cpu") > 1 << 20


def test_every_end_of_text_that_model_and_tokenizer_name_counts(copy: Path) -> None:
    assert load_model(copy, device="cpu").eos_ids == {1}
    configure(copy, "generation_config.json", eos_token_id=[7, 9])
    assert load_model(copy, device="cpu").eos_ids == {1, 7, 9}


def test_a_file_of_the_folder_stands_for_the_folder(tiny_pair: Any) -> None:
    assert find_folder(Path(tiny_pair.base) / "model.safetensors") == Path(tiny_pair.base)


@pytest.mark.parametrize("name", ["/no/such/folder", "./absent", "a/b/c"])
def test_a_missing_folder_is_named_without_asking_the_network(name: str) -> None:
    with pytest.raises(CheckpointError, match="does not exist"):
        load_model(name)


def test_a_hub_name_that_cannot_be_fetched_is_named() -> None:
    with pytest.raises(CheckpointError, match="no-such/model"):
        load_model("no-such/model")


def test_a_folder_that_is_no_model_is_told_all_that_is_missing(tmp_path: Path) -> None:
    (tmp_path / "pytorch_model.bin").write_bytes(b"x")
    with pytest.raises(LanguageError) as caught:
        load_model(tmp_path)
    told = "\n".join(caught.value.items)
    assert "pickled" in told and "pytorch_model.bin" in told and "config.json" in told


def test_a_model_without_tokenizer_is_refused_with_a_way_out(copy: Path) -> None:
    for file in copy.glob("tokenizer*"):
        file.unlink()
    with pytest.raises(LanguageError, match=r"copy tokenizer\.json"):
        load_model(copy, device="cpu")


@pytest.mark.parametrize("name", ["tokenizer.json", "config.json"])
def test_a_spoilt_file_is_named(copy: Path, name: str) -> None:
    (copy / name).write_text("{ not json")
    with pytest.raises(LanguageError, match=str(copy)):
        load_model(copy, device="cpu")


def test_an_unknown_architecture_and_its_own_code_are_refused(copy: Path) -> None:
    configure(copy, model_type="wondernet", auto_map={"AutoModelForCausalLM": "wonder.Net"})
    (copy / "wonder.py").write_text("raise SystemExit('remote code was run')\n")
    with pytest.raises(LanguageError, match="wondernet") as caught:
        load_model(copy, device="cpu")
    assert "never run" in caught.value.items[0]


def test_missing_tensors_are_named_not_made_up(copy: Path) -> None:
    from safetensors.torch import load_file, save_file

    file = copy / "model.safetensors"
    tensors = load_file(file)
    del tensors["model.layers.0.mlp.up_proj.weight"], tensors["model.norm.weight"]
    save_file(tensors, file, metadata={"format": "pt"})
    with pytest.raises(LanguageError, match="lacks 2") as caught:
        load_model(copy, device="cpu")
    assert caught.value.items == ("model.layers.0.mlp.up_proj.weight", "model.norm.weight")


@pytest.mark.parametrize("keep", [5, 300, 5000])
def test_a_truncated_file_is_an_error_of_ours(copy: Path, keep: int) -> None:
    file = copy / "model.safetensors"
    file.write_bytes(file.read_bytes()[:keep])
    with pytest.raises(CheckpointError, match=str(copy)):
        load_model(copy, device="cpu")


def test_weights_of_another_shape_are_refused(copy: Path) -> None:
    configure(copy, hidden_size=64)
    with pytest.raises(LanguageError, match="cannot be loaded"):
        load_model(copy, device="cpu")


@pytest.mark.slow
def test_torchs_waiting_threads_are_told_to_sleep_before_torch_is_imported(tiny_pair: Any) -> None:
    """In a fresh process: libgomp reads the setting once, when torch loads it."""
    script = (
        "import builtins, os, sys\n"
        "from analysis.language.load import load_model\n"
        "assert 'torch' not in sys.modules\n"
        "plain, seen = builtins.__import__, []\n"
        "def watch(name, *rest, **named):\n"
        "    if name == 'torch' and not seen: seen.append(os.environ.get('OMP_WAIT_POLICY'))\n"
        "    return plain(name, *rest, **named)\n"
        "builtins.__import__ = watch\n"
        f"load_model({str(tiny_pair.base)!r}, device='cpu')\n"
        "print(seen)\n"
    )
    environment = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    root = Path(__file__).parents[2]
    told = subprocess.run(
        [sys.executable, "-c", script], env=environment, cwd=root, capture_output=True, text=True, check=True
    )
    assert told.stdout.strip() == "['PASSIVE']"
