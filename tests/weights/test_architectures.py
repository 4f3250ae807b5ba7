"""The families as transformers saves them: every tensor placed, and the live model brought to base bit for bit."""

from pathlib import Path
from typing import Any

import pytest
import torch

from analysis.records import RestoreSpec
from analysis.weights.names import place
from analysis.weights.pair import check_pair, open_pair
from analysis.weights.profile import profile_pair
from analysis.weights.restore import apply_state
from analysis.weights.write import write_restored

SIZES: dict[str, Any] = {
    "vocab_size": 64,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "max_position_embeddings": 32,
}
WIDE = SIZES | {"intermediate_size": 24}
GROUPED = WIDE | {"num_key_value_heads": 1, "head_dim": 8}
EXPERTS = GROUPED | {"num_experts_per_tok": 1}
LLAMA = {"q", "k", "v", "o", "gate", "up", "down", "norm", "embed", "head"}
FAMILIES: list[tuple[str, dict[str, Any], set[str]]] = [
    (
        "GPT2Config",
        {
            "vocab_size": 64,
            "n_embd": 16,
            "n_layer": 2,
            "n_head": 2,
            "n_positions": 32,
            "bos_token_id": 0,
            "eos_token_id": 0,
        },
        {"qkv", "o", "up", "down", "norm", "embed", "position"},
    ),
    ("GPTNeoXConfig", WIDE, {"qkv", "o", "up", "down", "norm", "embed", "head"}),
    (
        "OPTConfig",
        SIZES | {"ffn_dim": 24, "word_embed_proj_dim": 16},
        {"q", "k", "v", "o", "up", "down", "norm", "embed", "position"},
    ),
    ("GemmaConfig", GROUPED, LLAMA - {"head"}),
    ("Gemma2Config", GROUPED, LLAMA - {"head"}),
    ("Gemma3TextConfig", GROUPED, LLAMA - {"head"}),
    ("Qwen2Config", WIDE | {"num_key_value_heads": 1}, LLAMA),
    ("Qwen3Config", GROUPED, LLAMA),
    ("MistralConfig", GROUPED, LLAMA),
    ("MixtralConfig", EXPERTS | {"num_local_experts": 2}, LLAMA | {"router"}),
    ("Qwen3MoeConfig", EXPERTS | {"num_experts": 2, "moe_intermediate_size": 8}, LLAMA | {"router"}),
    (
        "Qwen2MoeConfig",
        EXPERTS | {"num_experts": 2, "moe_intermediate_size": 8, "shared_expert_intermediate_size": 8},
        LLAMA | {"router"},
    ),
    ("OlmoConfig", WIDE, LLAMA - {"norm"}),
    ("Olmo2Config", WIDE, LLAMA),
    ("GraniteConfig", WIDE, LLAMA),
    (
        "GPTJConfig",
        {"vocab_size": 64, "n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 32, "rotary_dim": 4},
        {"q", "k", "v", "o", "up", "down", "norm", "embed", "head"},
    ),
    (
        "GPTNeoConfig",
        {
            **{"vocab_size": 64, "hidden_size": 16, "num_layers": 2, "num_heads": 2},
            **{"attention_types": [[["global", "local"], 1]], "max_position_embeddings": 32},
        },
        {"q", "k", "v", "o", "up", "down", "norm", "embed", "position"},
    ),
    (
        "BloomConfig",
        {"vocab_size": 64, "hidden_size": 16, "n_layer": 2, "n_head": 2},
        {"qkv", "o", "up", "down", "norm", "embed"},
    ),
    (
        "MptConfig",
        {"vocab_size": 64, "d_model": 16, "n_layers": 2, "n_heads": 2, "max_seq_len": 32},
        {"qkv", "o", "up", "down", "norm", "embed"},
    ),
    ("PhiConfig", WIDE, {"q", "k", "v", "o", "up", "down", "norm", "embed", "head"}),
    (
        "Phi3Config",
        WIDE | {"num_key_value_heads": 1, "pad_token_id": 0, "bos_token_id": 0, "eos_token_id": 0},
        {"qkv", "o", "gate_up", "down", "norm", "embed", "head"},
    ),
    (
        "DeepseekV3Config",
        {
            **WIDE,
            **{"num_key_value_heads": 2, "q_lora_rank": 8, "kv_lora_rank": 8, "qk_rope_head_dim": 4, "v_head_dim": 8},
            **{"qk_nope_head_dim": 4, "n_routed_experts": 2, "num_experts_per_tok": 1, "moe_intermediate_size": 8},
            **{"first_k_dense_replace": 1, "n_shared_experts": 1, "n_group": 1, "topk_group": 1},
        },
        (LLAMA - {"k", "v"}) | {"kv", "router"},
    ),
    (
        "GptOssConfig",
        EXPERTS | {"num_local_experts": 2},
        (LLAMA - {"gate", "up"}) | {"gate_up", "router", "sinks"},
    ),
    ("Starcoder2Config", WIDE | {"num_key_value_heads": 1}, LLAMA - {"gate", "head"}),
    ("Cohere2Config", GROUPED | {"pad_token_id": 0}, LLAMA - {"head"}),
    (
        "MambaConfig",
        {"vocab_size": 64, "hidden_size": 16, "num_hidden_layers": 2, "state_size": 4},
        {"A_log", "D", "conv1d", "dt_proj", "in_proj", "x_proj", "o", "norm", "embed"},
    ),
    ("FalconConfig", SIZES, {"qkv", "o", "up", "down", "norm", "embed"}),
]


def make_pair(home: Path, config: str, settings: dict[str, Any]) -> tuple[Any, Path, Path]:
    import transformers

    torch.manual_seed(0)
    model = transformers.AutoModelForCausalLM.from_config(getattr(transformers, config)(**settings))
    model.save_pretrained(home / "base")
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 1e-3)
    model.save_pretrained(home / "tuned")
    return model, home / "base", home / "tuned"


def placed_by_class(model: Any) -> dict[str, set[str]]:
    """Parameter name -> the kinds it may be, told by the class of the layer that owns it rather than by its name."""
    kinds: dict[str, set[str]] = {}
    for owner, module in model.named_modules():
        norm, table = "Norm" in type(module).__name__, isinstance(module, torch.nn.Embedding)
        for name, _ in module.named_parameters(recurse=False):
            kinds[f"{owner}.{name}"] = {"norm"} if norm else {"embed", "position"} if table else set()
    return kinds


def layer_by_list(name: str, model: Any) -> int | None:
    """The place in the one list of layers that is as long as the model is deep; None outside it."""
    parts = name.split(".")
    for end, part in enumerate(parts):
        if part.isdigit() and len(model.get_submodule(".".join(parts[:end]))) == 2 and "experts" not in parts[:end]:
            return int(part)
    return None


@pytest.mark.parametrize(("config", "settings", "modules"), FAMILIES, ids=[family[0] for family in FAMILIES])
def test_a_family_is_placed_and_restored(
    config: str, settings: dict[str, Any], modules: set[str], tmp_path: Path
) -> None:
    import transformers

    model, base, tuned = make_pair(tmp_path, config, settings)
    assert check_pair(base, tuned).findings == ()
    pair = open_pair(base, tuned)
    assert pair.parameters == sum(parameter.numel() for parameter in model.parameters())
    profile = profile_pair(pair)
    rows = profile.modules("all")
    assert {row.module for row in rows} == modules
    layered = sum(row.parameters for row in rows if row.module not in {"norm", "embed", "position", "head"})
    assert profile.region_parameters("transformer") == layered
    for name, kinds in placed_by_class(model).items():
        found = place(name)
        assert found.module in kinds or (not kinds and found.module not in {"norm", "embed", "position"}), name
        assert found.layer == layer_by_list(name, model), name
        assert ("transformer" in found.regions) == (found.layer is not None and found.module != "norm"), name
    live = dict(model.named_parameters())
    for state, folder in (("base", base), ("tuned", tuned)):
        apply_state(live, pair, profile, state)
        expected = transformers.AutoModelForCausalLM.from_pretrained(folder)
        assert all(torch.equal(a, b) for a, b in zip(model.parameters(), expected.parameters(), strict=True))
    apply_state(live, pair, profile, RestoreSpec(30))
    written = write_restored(pair, profile, RestoreSpec(30), tmp_path / "out")
    loaded = transformers.AutoModelForCausalLM.from_pretrained(written.out)
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), loaded.parameters(), strict=True))


def test_the_eyes_of_a_multimodal_model_are_none_of_its_language_models_layers(tmp_path: Path) -> None:
    import transformers

    vision = SIZES | {"intermediate_size": 24, "image_size": 28, "patch_size": 14}
    config = transformers.Gemma3Config(text_config=GROUPED, vision_config=vision, mm_tokens_per_image=4)
    model = transformers.Gemma3ForConditionalGeneration(config)
    for side in ("base", "tuned"):
        model.save_pretrained(tmp_path / side)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(torch.randn_like(parameter) * 1e-3)
    pair = open_pair(tmp_path / "base", tmp_path / "tuned")
    towers = [tensor for tensor in pair.tensors if tensor.place.module == "tower"]
    assert sum(tower.elements for tower in towers) == sum(
        parameter.numel() for name, parameter in model.named_parameters() if "language_model" not in name
    )
    assert all((tower.place.layer, tower.place.regions) == (None, {"all"}) for tower in towers)
    live = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "tuned")
    profile = profile_pair(pair)
    apply_state(dict(live.named_parameters()), pair, profile, RestoreSpec(30))
    loaded = transformers.AutoModelForCausalLM.from_pretrained(
        write_restored(pair, profile, RestoreSpec(30), tmp_path / "out").out
    )
    assert all(torch.equal(a, b) for a, b in zip(live.parameters(), loaded.parameters(), strict=True))
