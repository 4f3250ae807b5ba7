"""config.json, index and adapter settings of any content: an error of ours or a right reading, never anything else."""

import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file

from analysis.errors import CheckpointError
from analysis.weights.checkpoint import INDEX, open_checkpoint
from analysis.weights.json_files import LARGEST_BYTES, read_table
from analysis.weights.pair import check_pair

ANYTHING: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=4), inner, max_size=3)),
    max_leaves=5,
)
SOME = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
LAYER = "model.layers.0.self_attn.q_proj"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return plain(tmp_path / "model")


def plain(folder: Path) -> Path:
    folder.mkdir()
    save_file({f"{LAYER}.weight": np.ones((4, 4), np.float32)}, folder / "model.safetensors")
    return folder


def sharded(folder: Path, weight_map: Any, **more: Any) -> Path:
    """The folder with its one file as a shard, and an index of any content."""
    (folder / "model.safetensors").rename(folder / "model-00001-of-00001.safetensors")
    (folder / INDEX).write_text(json.dumps({"weight_map": weight_map, **more}))
    return folder


def adapter(folder: Path, **config: Any) -> Path:
    folder.mkdir(exist_ok=True)
    parts = {"A": (2, 4), "B": (4, 2)}
    tensors = {
        f"base_model.model.{LAYER}.lora_{side}.weight": np.ones(shape, np.float32) for side, shape in parts.items()
    }
    save_file(tensors, folder / "adapter_model.safetensors")
    (folder / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", "lora_alpha": 4, **config}))
    return folder


def reasons(source: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        open_checkpoint(source)
    assert caught.value.items
    return str(caught.value)


KEYS = ("model_type", "hidden_size", "text_config", "tie_word_embeddings", "quantization_config", "architectures")


@given(config=st.one_of(ANYTHING, st.dictionaries(st.sampled_from(KEYS), ANYTHING)))
@SOME
def test_any_config_gives_a_report(tmp_path_factory: pytest.TempPathFactory, config: Any) -> None:
    home = tmp_path_factory.mktemp("config")
    base, tuned = plain(home / "base"), plain(home / "tuned")
    (base / "config.json").write_text(json.dumps({"model_type": "llama", "hidden_size": 4}))
    (tuned / "config.json").write_bytes(json.dumps(config).encode("utf-8", "surrogatepass"))
    report = check_pair(base, tuned)
    assert report.comparable or all(finding.message for finding in report.findings)
    assert report.comparable == (not any(finding.level == "error" for finding in report.findings))
    json.dumps([finding.message for finding in report.findings]).encode()


@given(index=st.one_of(ANYTHING, st.fixed_dictionaries({"weight_map": ANYTHING})))
@SOME
def test_any_index_is_refused_with_a_reason(tmp_path_factory: pytest.TempPathFactory, index: Any) -> None:
    folder = sharded(plain(tmp_path_factory.mktemp("index") / "model"), {})
    (folder / INDEX).write_bytes(json.dumps(index).encode("utf-8", "surrogatepass"))
    assert reasons(folder)


@given(config=st.one_of(ANYTHING, st.dictionaries(st.sampled_from(("lora_alpha", "alpha_pattern", "r")), ANYTHING)))
@SOME
def test_any_adapter_settings_give_a_report(tmp_path_factory: pytest.TempPathFactory, config: Any) -> None:
    home = tmp_path_factory.mktemp("adapter")
    tuned = adapter(home / "adapter", **(config if isinstance(config, dict) else {}))
    if not isinstance(config, dict):
        (tuned / "adapter_config.json").write_bytes(json.dumps(config).encode("utf-8", "surrogatepass"))
    report = check_pair(plain(home / "base"), tuned)
    assert report.comparable or "adapter" in report.findings[0].message


@given(vocabulary=ANYTHING, added=ANYTHING)
@SOME
def test_any_tokenizer_gives_a_report(tmp_path_factory: pytest.TempPathFactory, vocabulary: Any, added: Any) -> None:
    home = tmp_path_factory.mktemp("tokenizer")
    for side, rows in (("base", 4), ("tuned", 6)):
        (home / side).mkdir()
        save_file({"model.embed_tokens.weight": np.ones((rows, 4), np.float32)}, home / side / "model.safetensors")
    held = {"model": {"vocab": {"a": 0, "b": 1}}}
    (home / "base" / "tokenizer.json").write_text(json.dumps(held))
    hostile = {"model": {"vocab": vocabulary}, "added_tokens": added}
    (home / "tuned" / "tokenizer.json").write_bytes(json.dumps(hostile).encode("utf-8", "surrogatepass"))
    assert {finding.code for finding in check_pair(home / "base", home / "tuned").findings} & {
        "vocabulary",
        "extra-rows",
    }


@pytest.mark.parametrize("name", ["../outside.safetensors", "/etc/passwd", "sub/model.safetensors", "..", ""])
def test_an_index_that_leads_out_of_its_folder_is_not_followed(folder: Path, name: str) -> None:
    save_file({"secret": np.ones(2, np.float32)}, folder.parent / "outside.safetensors")
    text = reasons(sharded(folder, {f"{LAYER}.weight": name}))
    assert "is no file of this folder; it is not followed" in text
    assert "secret" not in text


def test_links_into_a_store_of_blobs_are_followed_and_broken_ones_named(folder: Path) -> None:
    file = folder / "model.safetensors"
    file.rename(folder.parent / "blob")
    file.symlink_to("../blob")
    assert open_checkpoint(folder).parameters == 16
    (folder.parent / "blob").unlink()
    assert "model.safetensors: is a link to ../blob, which is not there" in reasons(folder)
    sharded(folder, {f"{LAYER}.weight": "model-00001-of-00001.safetensors"})
    assert "is a link to ../blob, which is not there" in reasons(folder)
    (folder.parent / "alias").symlink_to("nowhere")
    with pytest.raises(CheckpointError, match="is a link to nowhere, which is not there"):
        open_checkpoint(folder.parent / "alias")


def test_settings_that_are_no_ordinary_files_are_told(folder: Path) -> None:
    os.mkfifo(folder / "config.json")
    assert "config.json is not a regular file" in reasons(folder)
    (folder / "config.json").unlink()
    (folder / "config.json").symlink_to("gone")
    assert "config.json is a link to gone" in reasons(folder)
    (folder / "config.json").unlink()
    (folder / "config.json").write_bytes(b"{}")
    os.truncate(folder / "config.json", LARGEST_BYTES + 1)
    assert "config.json is too large" in reasons(folder)
    (folder / "config.json").write_text('{"model_type": "\\ud800"}')
    assert "config.json is not valid JSON" in reasons(folder)
    (folder / "config.json").write_text('{"time_step_limit": [0.0, Infinity]}')  # as Mamba's configs are written
    assert read_table(folder / "config.json")[1] == ""
    assert open_checkpoint(folder).parameters == 16


@pytest.mark.parametrize("pattern", ["(a+)+b", "([a-z_.0-9]+)*X", ".*.*.*.*.*.*.*.*.*.*.*.*X", "("])
def test_alpha_patterns_that_could_run_for_ages_are_refused_at_once(tmp_path: Path, pattern: str) -> None:
    tuned = adapter(tmp_path / "adapter", alpha_pattern={pattern: 1})
    started = time.process_time()
    report = check_pair(plain(tmp_path / "base"), tuned)
    assert "alpha_pattern of adapter_config.json cannot be understood" in report.findings[0].message
    assert time.process_time() - started < 0.5


def test_a_scale_that_is_no_number_is_refused(tmp_path: Path) -> None:
    base = plain(tmp_path / "base")
    for alpha in ("NaN", "1e999", [], {}, "many"):
        report = check_pair(base, adapter(tmp_path / "adapter", lora_alpha=alpha))
        assert "lora_alpha or alpha_pattern" in report.findings[0].message


def test_a_name_that_no_system_knows_is_our_error() -> None:
    for source in ("~nobody-of-this-name/model", "a\0b", "", "   ", "/dev/null", "\ud800"):
        with pytest.raises(CheckpointError):
            open_checkpoint(source)
