"""Pairs as they come: each made through transformers, compared, restored in memory and on disk, and loaded again."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from analysis.errors import CheckpointError, PairError
from analysis.records import RestoreSpec
from analysis.weights.checkpoint import INDEX, open_checkpoint
from analysis.weights.pair import check_pair, open_pair
from analysis.weights.profile import profile_pair
from analysis.weights.restore import apply_state
from analysis.weights.write import write_restored

SIZES: dict[str, Any] = {
    **{"vocab_size": 64, "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2},
    **{"num_attention_heads": 2, "num_key_value_heads": 1, "bos_token_id": 0, "eos_token_id": 1},
}
SPEC = RestoreSpec(30, region="all")
MODEL = "model.safetensors"
WRAPPERS = ("_orig_mod.", "module.", "base_model.model.", "_fsdp_wrapped_module.")


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Path]]:
    """(base, tuned) in float32: with a head of its own, and tied."""
    home = tmp_path_factory.mktemp("wild")
    return {name: llama_pair(home / name, tied=name == "tied") for name in ("untied", "tied")}


def llama_pair(home: Path, *, tied: bool) -> tuple[Path, Path]:
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    model = LlamaForCausalLM(LlamaConfig(**SIZES, tie_word_embeddings=tied))
    model.save_pretrained(home / "base")
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 1e-3)
    model.save_pretrained(home / "tuned")
    return home / "base", home / "tuned"


def load(folder: Path | str) -> Any:
    from transformers import AutoModelForCausalLM

    model, told = AutoModelForCausalLM.from_pretrained(folder, dtype="auto", output_loading_info=True)
    assert not told["missing_keys"] and not told["unexpected_keys"]
    return model


def codes(base: Path, tuned: Path) -> dict[str, str]:
    return {finding.code: finding.level for finding in check_pair(base, tuned).findings}


def renamed(folder: Path, to: Path, rename: Callable[[str], str]) -> Path:
    shutil.copytree(folder, to)
    tensors = {rename(name): tensor for name, tensor in load_file(folder / MODEL).items()}
    save_file(tensors, to / MODEL, {"format": "pt"})
    return to


def restored_both_ways(base: Path, tuned: Path, out: Path, spec: RestoreSpec = SPEC) -> tuple[Any, Any]:
    """The tuned model brought live to the restored state, and the written checkpoint loaded; checked equal."""
    pair = open_pair(base, tuned)
    profile = profile_pair(pair)
    live = load(tuned)
    apply_state(dict(live.named_parameters()), pair, profile, spec)
    write_restored(pair, profile, spec, out)
    written = load(out)
    for (name, ours), theirs in zip(written.named_parameters(), live.parameters(), strict=True):
        assert ours.dtype == theirs.dtype
        assert torch.equal(ours, theirs), name
    return live, written


@pytest.mark.parametrize("prefix", [*WRAPPERS, "_orig_mod.module.", "module._orig_mod.base_model.model.module."])
def test_wrappers_on_either_side_or_both_do_not_matter(
    pairs: dict[str, tuple[Path, Path]], tmp_path: Path, prefix: str
) -> None:
    base, tuned = pairs["untied"]
    wrapped = [renamed(side, tmp_path / side.name, lambda name: prefix + name) for side in (base, tuned)]
    plain = profile_pair(open_pair(base, tuned))
    for sides in ((wrapped[0], tuned), (base, wrapped[1]), (wrapped[0], wrapped[1])):
        assert codes(*sides) == ({"wrapped-names": "warning"} if sides[1] == wrapped[1] else {})
        profile = profile_pair(open_pair(*sides))
        assert profile.region_parameters("transformer") == plain.region_parameters("transformer")
        assert profile.count(RestoreSpec(10)).threshold == plain.count(RestoreSpec(10)).threshold
        assert (profile.base_id, profile.tuned_id) == (plain.base_id, plain.tuned_id)


def test_wrappers_inside_the_model_do_not_matter(pairs: dict[str, tuple[Path, Path]], tmp_path: Path) -> None:
    def compiled_layers(name: str) -> str:
        return name.replace(".self_attn.", "._checkpoint_wrapped_module.self_attn._orig_mod.")

    base, tuned = pairs["untied"]
    pair = open_pair(base, renamed(tuned, tmp_path / "compiled", compiled_layers))
    assert pair.parameters == open_pair(base, tuned).parameters
    assert {tensor.place.layer for tensor in pair.tensors} == {None, 0, 1}


def test_a_wrapped_checkpoint_is_evaluated_restored_and_written_with_its_own_weights(
    tiny_pair: Any, tmp_path: Path
) -> None:
    from analysis.language.load import load_model

    wrapped = renamed(tiny_pair.tuned, tmp_path / "wrapped", lambda name: f"_orig_mod.module.{name}")
    model, plain = load_model(wrapped).model, load_model(tiny_pair.tuned).model
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), plain.parameters(), strict=True))
    pair = open_pair(tiny_pair.base, wrapped)
    profile = profile_pair(pair)
    apply_state(dict(model.named_parameters()), pair, profile, SPEC)
    write_restored(pair, profile, SPEC, tmp_path / "out")
    written = load_model(tmp_path / "out").model
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), written.parameters(), strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(model.parameters(), plain.parameters(), strict=True))


def test_a_head_that_only_tuned_stores_goes_back_to_the_embedding_it_came_from(
    pairs: dict[str, tuple[Path, Path]], tmp_path: Path
) -> None:
    base, tuned = pairs["tied"][0], pairs["untied"][1]
    assert codes(base, tuned) == {"tied-on-one-side": "warning"}
    live, _ = restored_both_ways(base, tuned, tmp_path / "out", RestoreSpec(100, region="all"))
    pair = open_pair(base, tuned)
    assert pair.parameters == sum(parameter.numel() for parameter in live.parameters())
    original = load(base)
    for state in (live, load(tuned)):
        apply_state(dict(state.named_parameters()), pair, profile_pair(pair), "base")
        assert torch.equal(state.lm_head.weight, original.model.embed_tokens.weight)
        assert torch.equal(state(torch.arange(9)[None]).logits, original(torch.arange(9)[None]).logits)


def test_a_head_that_only_base_stores_is_left_out_and_base_is_not_faked(
    pairs: dict[str, tuple[Path, Path]], tmp_path: Path
) -> None:
    base, tuned = pairs["untied"][0], pairs["tied"][1]
    assert codes(base, tuned) == {"tied-on-one-side": "warning"}
    live, _ = restored_both_ways(base, tuned, tmp_path / "out")
    pair = open_pair(base, tuned)
    assert pair.base_only == ("lm_head.weight",)
    assert pair.parameters == sum(parameter.numel() for parameter in live.parameters())
    with pytest.raises(PairError, match="cannot be brought back to the base whole"):
        apply_state(dict(live.named_parameters()), pair, profile_pair(pair), "base")


def test_a_config_that_says_nothing_of_tying_leaves_it_to_the_stored_tensors(
    pairs: dict[str, tuple[Path, Path]], tmp_path: Path
) -> None:
    base = Path(shutil.copytree(pairs["tied"][0], tmp_path / "base"))
    config = json.loads((base / "config.json").read_text())
    (base / "config.json").write_text(json.dumps({k: v for k, v in config.items() if k != "tie_word_embeddings"}))
    assert codes(base, pairs["untied"][1]) == {"tied-on-one-side": "warning"}
    (base / "config.json").write_text(json.dumps(config | {"tie_word_embeddings": False}))
    assert codes(base, pairs["untied"][1]) == {"missing-in-base": "error"}


@pytest.mark.parametrize("tuned_dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("base_dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
def test_every_mixture_of_dtypes_is_restored_in_the_tuned_dtype(
    pairs: dict[str, tuple[Path, Path]], tmp_path: Path, base_dtype: torch.dtype, tuned_dtype: torch.dtype
) -> None:
    base, tuned = pairs["untied"]
    for side, dtype in ((base, base_dtype), (tuned, tuned_dtype)):
        load(side).to(dtype).save_pretrained(tmp_path / side.name)
    sides = tmp_path / "base", tmp_path / "tuned"
    assert codes(*sides) == ({"dtype": "warning"} if base_dtype != tuned_dtype else {})
    live, _ = restored_both_ways(*sides, tmp_path / "out", RestoreSpec(100, region="all"))
    for ours, theirs in zip(live.parameters(), load(sides[0]).parameters(), strict=True):
        assert torch.equal(ours, theirs.to(tuned_dtype))


def tokenizer(folder: Path, words: list[str]) -> None:
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast

    vocabulary = {word: number for number, word in enumerate(words)}
    plain = Tokenizer(models.WordLevel(vocabulary, unk_token=words[0]))
    PreTrainedTokenizerFast(tokenizer_object=plain, unk_token=words[0]).save_pretrained(folder)


WORDS = [f"word{number}" for number in range(60)]


def resized(tuned: Path, to: Path, rows: int) -> Path:
    model = load(tuned)
    model.resize_token_embeddings(rows, mean_resizing=False)
    model.save_pretrained(to)
    return to


@pytest.mark.parametrize("kind", ["untied", "tied"])
def test_tokens_added_by_transformers_stay_fine_tuned(
    pairs: dict[str, tuple[Path, Path]], tmp_path: Path, kind: str
) -> None:
    base = Path(shutil.copytree(pairs[kind][0], tmp_path / "base"))
    tuned = resized(pairs[kind][1], tmp_path / "tuned", 70)
    tokenizer(base, WORDS)
    tokenizer(tuned, [*WORDS, *(f"new{number}" for number in range(8))])
    assert codes(base, tuned) == {"extra-rows": "warning"}
    live, _ = restored_both_ways(base, tuned, tmp_path / "out", RestoreSpec(100, region="all"))
    ours, extra = live.model.embed_tokens.weight, load(tuned).model.embed_tokens.weight[64:]
    assert torch.equal(ours[:64], load(base).model.embed_tokens.weight)
    assert torch.equal(ours[64:], extra)
    tokenizer(tuned, ["other", *WORDS[1:]])
    report = check_pair(base, tuned)
    assert "0 is 'word0' in base, 'other' in tuned" in report.findings[0].message


def test_padding_rows_that_tuned_gave_to_new_tokens_are_told(
    pairs: dict[str, tuple[Path, Path]], tmp_path: Path
) -> None:
    base, tuned = (Path(shutil.copytree(side, tmp_path / side.name)) for side in pairs["untied"])
    tokenizer(base, WORDS)
    tokenizer(tuned, WORDS)
    assert codes(base, tuned) == {}
    tokenizer(tuned, [*WORDS, "<|question|>"])
    finding = check_pair(base, tuned).findings[0]
    assert (finding.level, finding.code) == ("warning", "other-tokens")
    assert finding.tensors == ("60 is None in base, '<|question|>' in tuned",)


def test_a_series_of_shards_is_restored_file_by_file(pairs: dict[str, tuple[Path, Path]], tmp_path: Path) -> None:
    base, tuned = pairs["untied"]
    load(tuned).save_pretrained(tmp_path / "tuned", max_shard_size="6KB")
    assert len(list((tmp_path / "tuned").glob("*.safetensors"))) > 3
    assert codes(base, tmp_path / "tuned") == {}
    restored_both_ways(base, tmp_path / "tuned", tmp_path / "out")
    assert (tmp_path / "out" / INDEX).read_bytes() == (tmp_path / "tuned" / INDEX).read_bytes()


def test_the_single_file_is_taken_where_transformers_takes_it(
    pairs: dict[str, tuple[Path, Path]], tmp_path: Path
) -> None:
    base, tuned = pairs["untied"]
    load(base).save_pretrained(tmp_path / "both", max_shard_size="6KB")
    shutil.copy(tuned / MODEL, tmp_path / "both")
    assert [file.path.name for file in open_checkpoint(tmp_path / "both").files] == [MODEL]
    taken, meant = load(tmp_path / "both"), load(tuned)
    assert all(torch.equal(a, b) for a, b in zip(taken.parameters(), meant.parameters(), strict=True))


def test_files_beside_the_shards_do_not_disturb(pairs: dict[str, tuple[Path, Path]], tmp_path: Path) -> None:
    base, tuned = pairs["untied"]
    folder = Path(shutil.copytree(tuned, tmp_path / "tuned"))
    torch.save({"lm_head.weight": torch.zeros(3)}, folder / "pytorch_model.bin")
    save_file({"layers.0.attention.wq.weight": torch.zeros(2)}, folder / "consolidated.safetensors")
    assert codes(base, folder) == {}
    (folder / MODEL).rename(folder / "model-00001-of-00001.safetensors")
    assert codes(base, folder) == {}
    (folder / "model-00001-of-00001.safetensors").unlink()
    assert list(open_checkpoint(folder).tensors) == ["layers.0.attention.wq.weight"]


def test_only_pickles_are_refused_with_the_way_out(pairs: dict[str, tuple[Path, Path]], tmp_path: Path) -> None:
    base, tuned = pairs["untied"]
    for name in ("pytorch_model.bin", "consolidated.00.pth", "model.ckpt"):
        folder = tmp_path / name
        folder.mkdir()
        torch.save(load(tuned).state_dict(), folder / name)
        shutil.copy(tuned / "config.json", folder)
        message = check_pair(base, folder).findings[0].message
        assert f"{name} is a pickle" in message and "save_pretrained" in message


def test_training_checkpoints_in_other_formats_are_refused_with_their_command(
    pairs: dict[str, tuple[Path, Path]], tmp_path: Path
) -> None:
    from torch.distributed import checkpoint as distributed

    base, tuned = pairs["untied"]
    state = load(tuned).state_dict()
    distributed.save(state, checkpoint_id=tmp_path / "trainer" / "pytorch_model_fsdp_0", no_dist=True)
    zero = tmp_path / "checkpoint-9" / "global_step9"
    zero.mkdir(parents=True)
    torch.save({"module": state}, zero / "mp_rank_00_model_states.pt")
    torch.save({"optimizer_state_dict": {}}, zero / "zero_pp_rank_0_mp_rank_00_optim_states.pt")
    (zero.parent / "latest").write_text("global_step9")
    gguf = tmp_path / "gguf"
    gguf.mkdir()
    (gguf / "model-Q4_K_M.gguf").write_bytes(b"GGUF" + (3).to_bytes(4, "little") + bytes(16))
    for folder, reason in (
        (tmp_path / "trainer" / "pytorch_model_fsdp_0", "`accelerate merge-weights FOLDER OUT`"),
        (tmp_path / "trainer", "is a sharded FSDP checkpoint (.distcp)"),
        (zero.parent, "run `python zero_to_fp32.py . OUT --safe_serialization` inside it"),
        (zero, "is the inside of a DeepSpeed ZeRO checkpoint"),
        (gguf, "model-Q4_K_M.gguf is GGUF"),
        (gguf / "model-Q4_K_M.gguf", "model-Q4_K_M.gguf is GGUF"),
        (tuned.parent, "(there are some in base, tuned)"),
    ):
        assert reason in check_pair(base, folder).findings[0].message


def quantised_files(method: str) -> dict[str, torch.Tensor]:
    """The tensors of one linear layer as that method stores them."""
    stem, codes = "model.layers.0.self_attn.q_proj", torch.zeros(2, 16, dtype=torch.int32)
    return {
        f"{stem}.{name}": tensor
        for name, tensor in {
            "gptq": {"qweight": codes, "qzeros": codes + 1, "scales": torch.ones(1, 16).half(), "g_idx": codes[0] + 2},
            "awq": {"qweight": codes, "qzeros": codes + 1, "scales": torch.ones(1, 16).half()},
            "bitsandbytes": {
                "weight": torch.zeros(128, 1, dtype=torch.uint8),
                "weight.absmax": torch.ones(4),
                "weight.quant_map": torch.ones(16),
                "weight.quant_state.bitsandbytes__nf4": torch.zeros(80, dtype=torch.uint8),
            },
            "fp8": {"weight": torch.zeros(16, 16).to(torch.float8_e4m3fn), "weight_scale_inv": torch.ones(1, 1)},
        }[method].items()
    }


def quantisation_config(method: str) -> Any:
    import transformers

    return {
        "gptq": lambda: {"quant_method": "gptq", "bits": 4, "group_size": 128, "desc_act": True},
        "awq": lambda: {"quant_method": "awq", "bits": 4, "group_size": 128, "zero_point": True},
        "bitsandbytes": lambda: transformers.BitsAndBytesConfig(load_in_4bit=True).to_dict(),
        "fp8": lambda: transformers.FineGrainedFP8Config().to_dict(),
    }[method]()


@pytest.mark.parametrize("method", ["gptq", "awq", "bitsandbytes", "fp8"])
def test_quantised_weights_are_refused_by_config_and_by_tensors(
    pairs: dict[str, tuple[Path, Path]], tmp_path: Path, method: str
) -> None:
    base, tuned = pairs["untied"]
    folder = Path(shutil.copytree(tuned, tmp_path / method))
    tensors = {n: t for n, t in load_file(tuned / MODEL).items() if "layers.0.self_attn.q_proj" not in n}
    save_file(tensors | quantised_files(method), folder / MODEL, {"format": "pt"})
    with pytest.raises(CheckpointError) as without_config:
        open_checkpoint(folder)
    assert len(without_config.value.items) == 1
    assert "16-bit checkpoint" in without_config.value.items[0] or "dequantise it" in without_config.value.items[0]
    config = json.loads((folder / "config.json").read_text())
    settings = json.loads(json.dumps(quantisation_config(method), default=str))
    (folder / "config.json").write_text(json.dumps(config | {"quantization_config": settings}))
    finding = check_pair(base, folder).findings[0]
    assert finding.level == "error"
    assert f"quantised ({settings['quant_method']}" in finding.message


def test_unrelated_models_of_one_shape_are_told_from_their_values(
    pairs: dict[str, tuple[Path, Path]], tmp_path: Path
) -> None:
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(9)
    LlamaForCausalLM(LlamaConfig(**SIZES)).save_pretrained(tmp_path / "other")
    assert codes(pairs["untied"][0], tmp_path / "other") == {}
    told = profile_pair(open_pair(pairs["untied"][0], tmp_path / "other")).findings
    assert [(finding.level, finding.code) for finding in told] == [("warning", "unrelated")]
    copy = Path(shutil.copytree(pairs["untied"][0], tmp_path / "copy"))
    told = profile_pair(open_pair(pairs["untied"][0], copy)).findings
    assert [(finding.level, finding.code) for finding in told] == [("warning", "identical")]


def test_empty_tensors_are_refused(tmp_path: Path) -> None:
    save_file({"model.norm.weight": torch.ones(3), "model.extra.weight": torch.zeros(0, 3)}, tmp_path / MODEL)
    with pytest.raises(CheckpointError) as caught:
        open_checkpoint(tmp_path)
    assert caught.value.items == (f"{MODEL}: model.extra.weight has no elements (shape [0, 3])",)
