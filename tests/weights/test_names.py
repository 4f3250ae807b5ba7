"""Names as transformers writes them, and their places."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.weights.names import bare, canonical, is_buffer, place


@pytest.mark.parametrize(
    ("name", "layer", "module", "regions"),
    [
        ("model.layers.3.self_attn.q_proj.weight", 3, "q", {"transformer", "attention", "all"}),
        ("model.layers.11.mlp.down_proj.weight", 11, "down", {"transformer", "mlp", "all"}),
        ("model.layers.0.self_attn.k_proj.bias", 0, "k", {"transformer", "attention", "all"}),
        ("model.layers.0.input_layernorm.weight", 0, "norm", {"all"}),
        ("model.layers.0.self_attn.q_norm.weight", 0, "norm", {"all"}),
        ("model.norm.weight", None, "norm", {"all"}),
        ("model.embed_tokens.weight", None, "embed", {"embedding", "all"}),
        ("lm_head.weight", None, "head", {"all"}),
        ("transformer.h.7.attn.c_attn.weight", 7, "qkv", {"transformer", "attention", "all"}),
        ("h.7.attn.c_proj.bias", 7, "o", {"transformer", "attention", "all"}),
        ("transformer.h.0.mlp.c_proj.weight", 0, "down", {"transformer", "mlp", "all"}),
        ("transformer.h.0.ln_1.weight", 0, "norm", {"all"}),
        ("transformer.wpe.weight", None, "position", {"embedding", "all"}),
        ("gpt_neox.layers.2.attention.query_key_value.weight", 2, "qkv", {"transformer", "attention", "all"}),
        ("gpt_neox.layers.2.attention.dense.weight", 2, "o", {"transformer", "attention", "all"}),
        ("gpt_neox.layers.2.mlp.dense_4h_to_h.weight", 2, "down", {"transformer", "mlp", "all"}),
        ("embed_out.weight", None, "head", {"all"}),
        ("model.decoder.layers.1.self_attn.out_proj.weight", 1, "o", {"transformer", "attention", "all"}),
        ("model.decoder.layers.1.fc1.weight", 1, "up", {"transformer", "mlp", "all"}),
        ("model.decoder.layers.1.self_attn_layer_norm.weight", 1, "norm", {"all"}),
        ("model.layers.1.block_sparse_moe.experts.5.w2.weight", 1, "down", {"transformer", "mlp", "all"}),
        ("model.layers.1.block_sparse_moe.gate.weight", 1, "router", {"transformer", "mlp", "all"}),
        ("model.layers.1.mlp.gate_up_proj.weight", 1, "gate_up", {"transformer", "mlp", "all"}),
        ("model.layers.1.mlp.shared_expert_gate.weight", 1, "router", {"transformer", "mlp", "all"}),
        ("model.layers.1.mlp.experts.3.up_proj.weight", 1, "up", {"transformer", "mlp", "all"}),
        ("transformer.h.1.self_attention.dense.bias", 1, "o", {"transformer", "attention", "all"}),
        ("transformer.word_embeddings_layernorm.weight", None, "norm", {"all"}),
        ("transformer.blocks.1.attn.Wqkv.weight", 1, "qkv", {"transformer", "attention", "all"}),
        ("transformer.blocks.1.ffn.down_proj.weight", 1, "down", {"transformer", "mlp", "all"}),
        ("transformer.h.0.mlp.fc_in.weight", 0, "up", {"transformer", "mlp", "all"}),
        ("transformer.h.0.attn.attention.k_proj.weight", 0, "k", {"transformer", "attention", "all"}),
        ("model.layers.4.self_attn.kv_a_proj_with_mqa.weight", 4, "kv", {"transformer", "attention", "all"}),
        ("model.layers.4.self_attn.kv_a_layernorm.weight", 4, "norm", {"all"}),
        ("model.vision_tower.vision_model.encoder.layers.3.self_attn.q_proj.weight", None, "tower", {"all"}),
        ("model.language_model.layers.3.self_attn.q_proj.weight", 3, "q", {"transformer", "attention", "all"}),
        ("something.of.nobodys.weight", None, "nobodys", {"all"}),
    ],
)
def test_a_name_tells_its_place(name: str, layer: int | None, module: str, regions: set[str]) -> None:
    found = place(name)
    assert (found.layer, found.module, set(found.regions)) == (layer, module, regions)


def test_wrappers_come_off_in_any_nesting() -> None:
    assert (
        canonical("_orig_mod.module._orig_mod.model.layers.0.mlp.up_proj.weight") == "model.layers.0.mlp.up_proj.weight"
    )
    assert bare("module.transformer.h.0.ln_1.weight") == bare("h.0.ln_1.weight") == "h.0.ln_1.weight"


@given(st.lists(st.sampled_from(["_orig_mod.", "module.", "base_model.model.", "_fsdp_wrapped_module."]), max_size=6))
def test_any_nesting_of_wrappers_leaves_the_models_own_name(wrappers: list[str]) -> None:
    for name in (
        "model.layers.0.self_attn.q_proj.weight",
        "transformer.h.1.ln_1.bias",
        "lm_head.weight",
        "model.norm.weight",
    ):
        assert canonical("".join(wrappers) + name) == name


def test_constants_of_the_architecture_are_buffers() -> None:
    assert is_buffer("model.layers.0.self_attn.rotary_emb.inv_freq")
    assert is_buffer("h.0.attn.bias")
    assert is_buffer("gpt_neox.layers.0.attention.masked_bias")
    assert is_buffer("transformer.h.0.attn.attention.bias")
    assert is_buffer("model.layers.3.mlp.gate.e_score_correction_bias")
    assert not is_buffer("model.layers.0.self_attn.q_proj.bias")
    assert not is_buffer("gpt_neox.layers.0.attention.dense.bias")
    assert not is_buffer("h.0.attn.c_attn.bias")
