"""Names as transformers writes them, and their places."""

import pytest

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


def test_constants_of_the_architecture_are_buffers() -> None:
    assert is_buffer("model.layers.0.self_attn.rotary_emb.inv_freq")
    assert is_buffer("h.0.attn.bias")
    assert not is_buffer("h.0.attn.c_attn.bias")
