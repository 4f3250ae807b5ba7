"""LoRA adapters as the tuned side, made by peft, against peft's own merging."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from analysis.errors import CheckpointError
from analysis.records import RestoreSpec
from analysis.weights.beside import RECIPE
from analysis.weights.checkpoint import open_checkpoint
from analysis.weights.identity import content_id, known_pair_ids
from analysis.weights.pair import check_pair, open_pair
from analysis.weights.profile import profile_pair
from analysis.weights.restore import apply_state
from analysis.weights.write import write_restored

peft = pytest.importorskip("peft", reason="needs the train extra")

Pairs = dict[str, tuple[Path, Path]]


def adapt(base: Path, out: Path, **settings: Any) -> dict[str, torch.Tensor]:
    """Save a LoRA adapter with random updates; returns what peft merges it to."""
    from transformers import AutoModelForCausalLM

    torch.manual_seed(3)
    config = peft.LoraConfig(
        task_type="CAUSAL_LM", **{"r": 4, "lora_alpha": 8, "target_modules": "all-linear"} | settings
    )
    model = peft.get_peft_model(AutoModelForCausalLM.from_pretrained(base, dtype="auto"), config)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn_like(parameter) * 0.02) if "lora_" in name else parameter.add_(0.01)
    model.save_pretrained(out)
    return {name: value.detach() for name, value in model.merge_and_unload().named_parameters()}


def live_state(pair: Any, profile: Any, like: dict[str, torch.Tensor], state: Any) -> dict[str, torch.Tensor]:
    held = {name: torch.zeros_like(value) for name, value in like.items()}
    apply_state(held, pair, profile, state)
    return held


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"use_rslora": True},
        {"rank_pattern": {"q_proj": 2}, "alpha_pattern": {"q_proj": 20, "layers.1.mlp.up_proj": 1}},
        {"target_modules": ["q_proj", "embed_tokens"]},
        {"target_modules": ["v_proj"], "modules_to_save": ["lm_head"]},
    ],
    ids=["plain", "rslora", "patterns", "embedding", "modules to save"],
)
def test_the_tuned_state_is_what_peft_merges(llama_pairs: Pairs, tmp_path: Path, settings: dict[str, Any]) -> None:
    base = llama_pairs["float32"][0]
    merged = adapt(base, tmp_path / "adapter", **settings)
    assert check_pair(base, tmp_path / "adapter").comparable
    pair = open_pair(base, tmp_path / "adapter")
    profile = profile_pair(pair)
    for name, value in live_state(pair, profile, merged, "tuned").items():
        torch.testing.assert_close(value, merged[name], rtol=1e-5, atol=1e-7)
    assert 0 < profile.changed_fraction("all") < 1


def test_a_transposed_weight_gets_a_transposed_update(tmp_path: Path) -> None:
    from transformers import GPT2Config, GPT2LMHeadModel

    settings = {"vocab_size": 64, "n_embd": 16, "n_layer": 1, "n_head": 2, "bos_token_id": 0, "eos_token_id": 0}
    GPT2LMHeadModel(GPT2Config(**settings)).save_pretrained(tmp_path / "base")
    merged = adapt(tmp_path / "base", tmp_path / "adapter", target_modules=["c_attn", "c_fc"], fan_in_fan_out=True)
    pair = open_pair(tmp_path / "base", tmp_path / "adapter")
    for name, value in live_state(pair, profile_pair(pair), merged, "tuned").items():
        torch.testing.assert_close(value, merged[name], rtol=1e-5, atol=1e-7)


def test_a_restored_adapter_is_written_as_a_whole_model_of_the_base(llama_pairs: Pairs, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM

    base = llama_pairs["bfloat16"][0]
    adapt(base, tmp_path / "adapter")
    pair = open_pair(base, tmp_path / "adapter")
    profile = profile_pair(pair)
    write_restored(pair, profile, RestoreSpec(0), tmp_path / "merged")
    assert content_id(open_checkpoint(tmp_path / "merged")) == profile.tuned_id
    write_restored(pair, profile, RestoreSpec(20), tmp_path / "out")
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"model.safetensors", "config.json", RECIPE} <= names
    assert not names & {"adapter_config.json", "adapter_model.safetensors"}
    loaded = {
        n: p.detach()
        for n, p in AutoModelForCausalLM.from_pretrained(tmp_path / "out", dtype="auto").named_parameters()
    }
    restored = live_state(pair, profile, loaded, RestoreSpec(20))
    assert all(value.dtype == torch.bfloat16 and torch.equal(value, restored[name]) for name, value in loaded.items())


def test_the_adapted_pair_is_known_again_without_reading(llama_pairs: Pairs, tmp_path: Path) -> None:
    class Remembers(dict[str, Any]):
        def put(self, fingerprint: str, known: dict[str, Any]) -> None:
            self[fingerprint] = known

    base, memory = llama_pairs["float32"][0], Remembers()
    adapt(base, tmp_path / "adapter")
    assert known_pair_ids(base, tmp_path / "adapter", memory) is None
    profile = profile_pair(open_pair(base, tmp_path / "adapter"), memory=memory)
    assert known_pair_ids(base, tmp_path / "adapter", memory) == (profile.base_id, profile.tuned_id)
    file = tmp_path / "adapter" / "adapter_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"lora_alpha": 16}))
    assert known_pair_ids(base, tmp_path / "adapter", memory) is None  # another scale is another model
    assert profile_pair(open_pair(base, tmp_path / "adapter"), memory=memory).tuned_id != profile.tuned_id


def test_dora_and_adapters_of_another_model_are_refused_with_the_reason(llama_pairs: Pairs, tmp_path: Path) -> None:
    base = llama_pairs["float32"][0]
    adapt(base, tmp_path / "dora", use_dora=True)
    assert "uses DoRA" in check_pair(base, tmp_path / "dora").findings[0].message
    adapt(base, tmp_path / "lora")
    config = json.loads((tmp_path / "lora" / "adapter_config.json").read_text())
    (tmp_path / "lora" / "adapter_config.json").write_text(json.dumps(config | {"peft_type": "IA3"}))
    assert "is a IA3 adapter" in check_pair(base, tmp_path / "lora").findings[0].message
    broken = config | {"alpha_pattern": {"(": 3}}
    (tmp_path / "lora" / "adapter_config.json").write_text(json.dumps(broken))
    assert "alpha_pattern of adapter_config.json cannot" in check_pair(base, tmp_path / "lora").findings[0].message
    (tmp_path / "lora" / "adapter_config.json").write_text(json.dumps(config))
    other = tmp_path / "other"
    from transformers import LlamaConfig, LlamaForCausalLM

    sizes = {"vocab_size": 200, "hidden_size": 16, "intermediate_size": 48, "num_attention_heads": 4}
    LlamaForCausalLM(LlamaConfig(**sizes, num_hidden_layers=1)).save_pretrained(other)
    message = check_pair(other, tmp_path / "lora").findings[0].message
    assert "changes a tensor that base does not hold" in message
    assert "of rank 4" in message


@pytest.mark.parametrize(
    "settings",
    [
        {"target_modules": ["c_attn", "c_proj", "c_fc"]},  # c_proj of the attention is square: shapes tell nothing
        {"target_modules": ["c_attn", "lm_head"]},  # PEFT saves one fan_in_fan_out for both kinds of layer
        {"target_modules": ["c_proj", "wte"]},
        {"target_modules": ["c_proj"], "rank_pattern": {"attn.c_proj": 2}, "use_rslora": True},
    ],
    ids=["square", "mixed", "embedding", "patterns"],
)
def test_gpt2_adapters_are_what_peft_merges_whatever_fan_in_fan_out_says(
    tmp_path: Path, settings: dict[str, Any]
) -> None:
    from transformers import GPT2Config, GPT2LMHeadModel

    sizes = {"vocab_size": 64, "n_embd": 16, "n_layer": 2, "n_head": 2, "bos_token_id": 0, "eos_token_id": 0}
    GPT2LMHeadModel(GPT2Config(**sizes, tie_word_embeddings=False)).save_pretrained(tmp_path / "base")
    merged = adapt(tmp_path / "base", tmp_path / "adapter", **settings)
    pair = open_pair(tmp_path / "base", tmp_path / "adapter")
    profile = profile_pair(pair)
    for name, value in live_state(pair, profile, merged, "tuned").items():
        torch.testing.assert_close(value, merged[name], rtol=1e-5, atol=1e-7)
    assert profile.changed_fraction("all") > 0


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("kind", ["bfloat16", "float16"])
def test_an_adapter_of_any_dtype_is_added_in_float32_and_rounded_once(
    llama_pairs: Pairs, tmp_path: Path, kind: str, dtype: torch.dtype
) -> None:
    base = llama_pairs[kind][0]
    adapt(base, tmp_path / "adapter", target_modules=["q_proj"])
    file = tmp_path / "adapter" / "adapter_model.safetensors"
    parts = {name: tensor.to(dtype) for name, tensor in load_file(file).items()}
    save_file(parts, file)
    pair = open_pair(base, tmp_path / "adapter")
    stored = load_file(base / "model.safetensors")
    name = "model.layers.0.self_attn.q_proj.weight"
    a, b = (parts[f"base_model.model.{name.removesuffix('.weight')}.lora_{side}.weight"] for side in "AB")
    wanted = (stored[name].double() + 2 * b.double() @ a.double()).to(stored[name].dtype)
    ours = live_state(pair, profile_pair(pair), stored, "tuned")[name]
    step = (ours.float() - wanted.float()).abs().max() / wanted.float().abs().max()
    assert ours.dtype == stored[name].dtype
    assert step < 2**-7  # at most the neighbouring value, where float32 and float64 fall on two sides of a half
    assert (ours == wanted).float().mean() > 0.99


@pytest.mark.parametrize("start", ["pissa", "olora"])
def test_initialisations_that_change_the_base_are_refused_by_name(
    llama_pairs: Pairs, tmp_path: Path, start: str
) -> None:
    base = llama_pairs["float32"][0]
    adapt(base, tmp_path / "adapter", init_lora_weights=start, target_modules=["q_proj"])
    message = check_pair(base, tmp_path / "adapter").findings[0].message
    assert f"was initialised by {start}" in message and "merge it with PEFT" in message


@pytest.mark.parametrize("start", ["gaussian", "orthogonal", False])
def test_initialisations_that_leave_the_base_alone_are_read(llama_pairs: Pairs, tmp_path: Path, start: Any) -> None:
    base = llama_pairs["float32"][0]
    merged = adapt(base, tmp_path / "adapter", init_lora_weights=start, target_modules=["q_proj"])
    pair = open_pair(base, tmp_path / "adapter")
    for name, value in live_state(pair, profile_pair(pair), merged, "tuned").items():
        torch.testing.assert_close(value, merged[name], rtol=1e-5, atol=1e-7)


def test_trained_biases_and_whole_modules_take_the_place_of_the_bases(tmp_path: Path) -> None:
    from transformers import OPTConfig, OPTForCausalLM

    torch.manual_seed(0)
    sizes = {"vocab_size": 64, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "ffn_dim": 24}
    config = OPTConfig(**sizes, word_embed_proj_dim=16, max_position_embeddings=32)
    OPTForCausalLM(config).save_pretrained(tmp_path / "base")
    merged = adapt(tmp_path / "base", tmp_path / "adapter", target_modules=["q_proj", "fc1"], bias="all")
    pair = open_pair(tmp_path / "base", tmp_path / "adapter")
    for name, value in live_state(pair, profile_pair(pair), merged, "tuned").items():
        torch.testing.assert_close(value, merged[name], rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(
    ("setting", "value", "reason"),
    [
        ("layer_replication", [[0, 2], [1, 2]], "layer replication"),
        ("trainable_token_indices", [3], "single trained tokens"),
        ("target_parameters", ["experts.gate_up_proj"], "updates of bare parameters"),
        ("lora_bias", True, "biases inside LoRA"),
        ("alora_invocation_tokens", [1, 2], "activated LoRA"),
        ("kasa_config", {"beta": 1}, "the kasa variant"),
    ],
)
def test_adapters_that_are_no_plain_sum_are_refused_by_name(
    llama_pairs: Pairs, tmp_path: Path, setting: str, value: Any, reason: str
) -> None:
    base = llama_pairs["float32"][0]
    adapt(base, tmp_path / "adapter", target_modules=["q_proj"])
    file = tmp_path / "adapter" / "adapter_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {setting: value}))
    assert f"uses {reason}" in check_pair(base, tmp_path / "adapter").findings[0].message


def test_a_broken_adapter_and_a_broken_base_are_told_together(llama_pairs: Pairs, tmp_path: Path) -> None:
    adapt(llama_pairs["float32"][0], tmp_path / "adapter", use_dora=True)
    codes = [finding.code for finding in check_pair(tmp_path / "nowhere", tmp_path / "adapter").findings]
    assert codes == ["base-checkpoint", "tuned-checkpoint"]
    adapt(llama_pairs["float32"][0], tmp_path / "good")
    codes = [finding.code for finding in check_pair(tmp_path / "nowhere", tmp_path / "good").findings]
    assert codes == ["base-checkpoint"]  # nothing is wrong with the adapter
    with pytest.raises(CheckpointError, match="nowhere does not exist"):
        open_pair(tmp_path / "nowhere", tmp_path / "good")


def test_pickled_adapters_and_adapters_with_missing_files_are_refused(llama_pairs: Pairs, tmp_path: Path) -> None:
    base, adapter = llama_pairs["float32"][0], tmp_path / "adapter"
    adapt(base, adapter)
    parts = load_file(adapter / "adapter_model.safetensors")
    (adapter / "adapter_model.safetensors").unlink()
    assert "adapter_model.safetensors: cannot be read" in check_pair(base, adapter).findings[0].message
    torch.save(parts, adapter / "adapter_model.bin")
    assert "adapter_model.bin is a pickle" in check_pair(base, adapter).findings[0].message
    assert "is a PEFT adapter, not a whole model" in check_pair(adapter, base).findings[0].message


def test_an_adapter_with_new_tokens_is_refused_with_the_way_out(llama_pairs: Pairs, tmp_path: Path) -> None:
    base = llama_pairs["float32"][0]
    adapt(base, tmp_path / "adapter", target_modules=["q_proj"], modules_to_save=["embed_tokens"])
    file = tmp_path / "adapter" / "adapter_model.safetensors"
    parts = load_file(file)
    (name,) = (name for name in parts if "embed_tokens" in name)
    save_file(parts | {name: torch.cat([parts[name], torch.zeros(3, 32)])}, file)
    message = check_pair(base, tmp_path / "adapter").findings[0].message
    assert "is [200, 32] in base, [203, 32] F32 in the adapter" in message
    assert "merge it with PEFT" in message
