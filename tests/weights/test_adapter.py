"""LoRA adapters as the tuned side, made by peft, against peft's own merging."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from analysis.records import RestoreSpec
from analysis.weights.checkpoint import open_checkpoint
from analysis.weights.identity import content_id, known_pair_ids
from analysis.weights.pair import check_pair, open_pair
from analysis.weights.profile import profile_pair
from analysis.weights.restore import apply_state
from analysis.weights.write import RECIPE, write_restored

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
