"""A restored checkpoint on disk: only the restored bytes differ, and it is there whole or not at all."""

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from analysis.errors import Cancelled, CheckpointError, StoreError
from analysis.records import RestoreSpec
from analysis.weights import write
from analysis.weights.beside import RECIPE
from analysis.weights.checkpoint import INDEX, open_checkpoint
from analysis.weights.identity import content_id
from analysis.weights.pair import open_pair
from analysis.weights.profile import profile_pair
from analysis.weights.restore import apply_state, state_id
from analysis.weights.write import write_restored

Pairs = dict[str, tuple[Path, Path]]


def data(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.mark.parametrize("kind", ["bfloat16", "float16", "sharded", "tied"])
def test_the_written_model_loads_and_is_the_restored_state(llama_pairs: Pairs, tmp_path: Path, kind: str) -> None:
    from transformers import LlamaForCausalLM

    pair = open_pair(*llama_pairs[kind])
    profile = profile_pair(pair)
    report = write_restored(pair, profile, RestoreSpec(10), tmp_path / "new" / "out")
    model = LlamaForCausalLM.from_pretrained(llama_pairs[kind][1], dtype="auto")
    apply_state(dict(model.named_parameters()), pair, profile, RestoreSpec(10))
    written = LlamaForCausalLM.from_pretrained(report.out, dtype="auto")
    for (name, ours), theirs in zip(written.named_parameters(), model.parameters(), strict=True):
        assert ours.dtype == theirs.dtype
        assert torch.equal(ours, theirs), name
    assert report.count == profile.count(RestoreSpec(10)).count


def test_only_restored_bytes_differ_from_the_tuned_side(llama_pairs: Pairs, tmp_path: Path) -> None:
    pair = open_pair(*llama_pairs["sharded"])
    profile = profile_pair(pair)
    write_restored(pair, profile, RestoreSpec(10), tmp_path / "out")
    tuned, out = data(llama_pairs["sharded"][1]), data(tmp_path / "out")
    assert set(out) == set(tuned) | {RECIPE}
    assert out[INDEX] == tuned[INDEX]
    changed = 0
    for name in tuned:
        if name.endswith(".safetensors"):
            assert len(out[name]) == len(tuned[name])
            ours, theirs = load_file(tmp_path / "out" / name), load_file(llama_pairs["sharded"][1] / name)
            changed += sum(int((ours[tensor] != theirs[tensor]).sum()) for tensor in theirs)
        else:
            assert out[name] == tuned[name]
    assert changed == profile.count(RestoreSpec(10)).effective_count


def test_nothing_gives_the_tuned_bytes_and_everything_the_base_weights(llama_pairs: Pairs, tmp_path: Path) -> None:
    base, tuned = llama_pairs["bfloat16"]
    pair = open_pair(base, tuned)
    profile = profile_pair(pair)
    none = write_restored(pair, profile, RestoreSpec(0), tmp_path / "none")
    full = write_restored(pair, profile, RestoreSpec(100, region="all"), tmp_path / "full")
    file = "model.safetensors"
    assert (tmp_path / "none" / file).read_bytes() == (tuned / file).read_bytes()
    assert (tmp_path / "full" / file).read_bytes() == (base / file).read_bytes()
    assert (none.content_id, full.content_id) == (profile.tuned_id, profile.base_id)


def test_the_recipe_says_what_was_done(llama_pairs: Pairs, tmp_path: Path) -> None:
    pair = open_pair(*llama_pairs["bfloat16"])
    profile, spec = profile_pair(pair), RestoreSpec(20, layers=(1,), seed=3)
    report = write_restored(pair, profile, spec, tmp_path / "out")
    recipe, count = json.loads((tmp_path / "out" / RECIPE).read_text()), profile.count(spec)
    assert recipe["state"] == state_id(profile, spec)
    assert recipe["content"] == report.content_id == content_id(open_checkpoint(tmp_path / "out"))
    assert (recipe["base"]["id"], recipe["tuned"]["id"]) == (profile.base_id, profile.tuned_id)
    assert (recipe["strategy"], recipe["percent"], recipe["seed"], recipe["layers"]) == ("relative-top", 20, 3, [1])
    assert (recipe["count"], recipe["threshold"]) == (count.count, count.threshold)


def test_a_tied_head_stored_again_is_restored_with_its_embedding(llama_pairs: Pairs, tmp_path: Path) -> None:
    folders = []
    for side, source in zip(("base", "tuned"), llama_pairs["tied"], strict=True):
        folder = Path(shutil.copytree(source, tmp_path / side))
        tensors = load_file(folder / "model.safetensors")
        tensors["lm_head.weight"] = tensors["model.embed_tokens.weight"].clone()
        save_file(tensors, folder / "model.safetensors", {"format": "pt"})
        folders.append(folder)
    pair = open_pair(*folders)
    write_restored(pair, profile_pair(pair), RestoreSpec(40, region="all"), tmp_path / "out")
    written, tuned = load_file(tmp_path / "out" / "model.safetensors"), load_file(folders[1] / "model.safetensors")
    assert torch.equal(written["lm_head.weight"], written["model.embed_tokens.weight"])
    assert not torch.equal(written["lm_head.weight"], tuned["lm_head.weight"])


def test_other_weights_beside_the_checkpoint_are_left_out_by_name(llama_pairs: Pairs, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(llama_pairs["float32"][1], tmp_path / "tuned"))
    (folder / "optimizer.pt").write_bytes(b"x")
    (folder / "templates").mkdir()
    (folder / "templates" / "chat.jinja").write_text("hello")
    pair = open_pair(llama_pairs["float32"][0], folder)
    report = write_restored(pair, profile_pair(pair), RestoreSpec(1), tmp_path / "out")
    assert report.left_out == ("optimizer.pt",)
    assert (tmp_path / "out" / "templates" / "chat.jinja").read_text() == "hello"


def test_an_existing_or_inner_target_is_refused_and_untouched(llama_pairs: Pairs, tmp_path: Path) -> None:
    pair = open_pair(*llama_pairs["float32"])
    profile = profile_pair(pair)
    (tmp_path / "there").mkdir()
    with pytest.raises(CheckpointError, match="exists already"):
        write_restored(pair, profile, RestoreSpec(1), tmp_path / "there")
    for folder in llama_pairs["float32"]:
        with pytest.raises(CheckpointError, match="lies inside"):
            write_restored(pair, profile, RestoreSpec(1), folder / "out")
    assert list((tmp_path / "there").iterdir()) == []


def test_a_disk_that_is_too_small_is_told_before_anything_is_written(
    llama_pairs: Pairs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair = open_pair(*llama_pairs["float32"])
    monkeypatch.setattr(write, "_SPARE_BYTES", 1 << 60)
    with pytest.raises(StoreError, match="is too small"):
        write_restored(pair, profile_pair(pair), RestoreSpec(1), tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


class StopsHalfway:
    """A Progress whose owner gives up after the first report."""

    def __init__(self) -> None:
        self.reports = 0

    def report(self, done: float, total: float, note: str = "", partial: object = None) -> None:
        self.reports += 1

    def cancelled(self) -> bool:
        return self.reports >= 1


def test_cancelling_leaves_nothing_behind(llama_pairs: Pairs, tmp_path: Path) -> None:
    pair = open_pair(*llama_pairs["float32"])
    with pytest.raises(Cancelled):
        write_restored(pair, profile_pair(pair), RestoreSpec(1), tmp_path / "out", StopsHalfway())
    assert list(tmp_path.iterdir()) == []


def test_a_killed_run_leaves_no_checkpoint_and_the_next_one_writes_it(llama_pairs: Pairs, tmp_path: Path) -> None:
    base, tuned = llama_pairs["float32"]
    script = (
        "import os, signal, sys; from pathlib import Path; from analysis.records import RestoreSpec\n"
        "from analysis.weights import pair, profile, write\n"
        "opened = pair.open_pair(sys.argv[1], sys.argv[2])\n"
        "write._sync = lambda folder: os.kill(os.getpid(), signal.SIGKILL)\n"
        "write.write_restored(opened, profile.profile_pair(opened), RestoreSpec(5), Path(sys.argv[3]))\n"
    )
    out = tmp_path / "out"
    ended = subprocess.run([sys.executable, "-c", script, base, tuned, out], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert not out.exists()
    assert [path.name.startswith(".out.partial-") for path in tmp_path.iterdir()] == [True]
    pair = open_pair(base, tuned)
    write_restored(pair, profile_pair(pair), RestoreSpec(5), out)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_shard_cut_short_while_writing_leaves_nothing_behind(llama_pairs: Pairs, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(llama_pairs["float32"][1], tmp_path / "tuned"))
    pair = open_pair(llama_pairs["float32"][0], folder)
    profile = profile_pair(pair)
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-4000])
    with pytest.raises(CheckpointError, match="changed while being read"):
        write_restored(pair, profile, RestoreSpec(1), tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["tuned"]


def test_beside_a_single_file_only_what_a_model_needs_is_copied(llama_pairs: Pairs, tmp_path: Path) -> None:
    home = tmp_path / "downloads"
    shutil.copytree(llama_pairs["bfloat16"][1], home)
    (home / "letter.txt").write_text("private")
    (home / "holiday").mkdir()
    (home / "holiday" / "photo.jpg").write_bytes(b"...")
    pair = open_pair(llama_pairs["bfloat16"][0], home / "model.safetensors")
    write_restored(pair, profile_pair(pair), RestoreSpec(5), tmp_path / "out")
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"model.safetensors", "config.json", "generation_config.json", "tokenizer_config.json", RECIPE}


def test_shards_that_came_without_an_index_get_one(llama_pairs: Pairs, tmp_path: Path) -> None:
    from transformers import LlamaForCausalLM

    home = tmp_path / "tuned"
    shutil.copytree(llama_pairs["sharded"][1], home)
    (home / "model.safetensors.index.json").unlink()
    pair = open_pair(llama_pairs["sharded"][0], home)
    write_restored(pair, profile_pair(pair), RestoreSpec(0), tmp_path / "out")
    whole = LlamaForCausalLM.from_pretrained(tmp_path / "out").state_dict()
    expected = LlamaForCausalLM.from_pretrained(llama_pairs["sharded"][1]).state_dict()
    assert all(torch.equal(whole[name], expected[name]) for name in expected)
