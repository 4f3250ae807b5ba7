"""From a parameter's name to its place in a transformer: layer, module kind, regions.

Knows the names that transformers writes for LLaMA, Mistral, Qwen, Gemma, Phi, GPT-2, GPT-J, GPT-Neo, GPT-NeoX, OPT,
OLMo, Bloom, MPT, Falcon and Mixtral. Does not know shapes or values. The regions are the paper's (Ye et al., 2025):
`transformer` is every tensor of the numbered layers but the norms ("layers" in the name, "norm" not), biases with their
weights; `embedding` the input embeddings; the output head is in `all` only.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from analysis.records import Region

# DataParallel / DDP and PEFT put these before the model's own names, in any nesting ...
_WRAPPERS = ("module.", "base_model.model.")
# ... and torch.compile, FSDP and activation checkpointing may wrap any part of a model.
_INNER_WRAPPER = re.compile(r"(?:^|(?<=\.))(?:_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\.")
# The same as renaming patterns, for loaders that take such.
UNWRAPPING = {_INNER_WRAPPER.pattern: "", r"^(?:module\.|base_model\.model\.)+": ""}
# What from_pretrained itself adds or leaves out, depending on the class that saved the file.
_BACKBONES = ("model.", "transformer.", "gpt_neox.", "language_model.", "backbone.")
_LAYER = re.compile(r"(?:^|\.)(?:layers|h|blocks)\.(\d+)\.")

_MODULES = {
    **{"q_proj": "q", "k_proj": "k", "v_proj": "v"},
    **dict.fromkeys(("q_a_proj", "q_b_proj"), "q"),  # DeepSeek writes q, k and v as products of two thin matrices
    **dict.fromkeys(("kv_a_proj_with_mqa", "kv_b_proj"), "kv"),
    **dict.fromkeys(("o_proj", "out_proj"), "o"),
    **dict.fromkeys(("qkv_proj", "query_key_value", "c_attn", "Wqkv", "in_proj_qkvz"), "qkv"),
    **dict.fromkeys(("gate_proj", "w1"), "gate"),
    **dict.fromkeys(("up_proj", "c_fc", "fc1", "fc_in", "dense_h_to_4h", "w3"), "up"),
    **dict.fromkeys(("down_proj", "fc2", "fc_out", "dense_4h_to_h", "w2", "down_proj_bias"), "down"),
    **dict.fromkeys(("gate_up_proj", "gate_up_proj_bias"), "gate_up"),
    **dict.fromkeys(("gate", "router", "shared_expert_gate"), "router"),
    **dict.fromkeys(("embed_tokens", "wte", "embed_in", "word_embeddings", "embeddings"), "embed"),
    **dict.fromkeys(("embed_positions", "wpe"), "position"),
    **dict.fromkeys(("lm_head", "embed_out"), "head"),
}
_NORM = re.compile(r"norm|(?:^|\.)ln_")
_ATTENTION = frozenset({"q", "k", "v", "o", "qkv", "kv", "sinks"})
_MLP = frozenset({"gate", "up", "down", "gate_up", "router"})
_EMBEDDING = frozenset({"embed", "position"})
# Constants of the architecture that older files carry; they are not trained and are never ranked.
_BUFFER = re.compile(
    r"rotary_emb\.inv_freq$|position_ids$|attn\.masked_bias$|(?:^|\.)attn\.bias$|attention\.(?:masked_)?bias$"
    r"|\.e_score_correction_bias$"
)
# Eyes and ears of a multimodal model: their layers are numbered too, and are none of the language model's.
_TOWER = re.compile(
    r"(?:^|\.)(?:vision_tower|vision_model|visual|image_encoder|audio_tower|audio_model|multi_modal_projector)\."
)


@dataclass(frozen=True)
class Place:
    """Where a tensor sits: layer number (None outside the layers), module kind, and the regions it counts in."""

    layer: int | None
    module: str
    regions: frozenset[Region]


def canonical(name: str) -> str:
    """The name without the wrappers that training tools put before and into it, in any nesting."""
    name = _INNER_WRAPPER.sub("", name)
    while wrapper := next((w for w in _WRAPPERS if name.startswith(w)), None):
        name = name[len(wrapper) :]
    return name


def bare(name: str) -> str:
    """The canonical name without the backbone's prefix: equal for `model.layers.0.x` and `layers.0.x`."""
    name = canonical(name)
    while prefix := next((b for b in _BACKBONES if name.startswith(b)), None):
        name = name[len(prefix) :]
    return name


def is_buffer(name: str) -> bool:
    """Whether a tensor is a constant of the architecture, saved but never trained."""
    return _BUFFER.search(name) is not None


@lru_cache(maxsize=65536)
def place(name: str) -> Place:
    """Layer, module kind and regions of a parameter; a kind the table does not know is its own last component."""
    if _TOWER.search(name):
        return Place(None, "tower", frozenset({"all"}))
    found = _LAYER.search(name)
    layer = int(found.group(1)) if found else None
    module = _module(name)
    return Place(layer, module, _regions(layer, module))


def _module(name: str) -> str:
    if _NORM.search(name):
        return "norm"
    parts = name.split(".")
    owner = parts[-2] if len(parts) > 1 and parts[-1] in ("weight", "bias") else parts[-1]
    if owner == "c_proj":  # GPT-2 calls both output projections so
        return "o" if ".attn." in name else "down"
    if owner == "dense":  # GPT-NeoX, Falcon and Phi: the attention's output projection
        return "o"
    return _MODULES.get(owner, owner)


def _regions(layer: int | None, module: str) -> frozenset[Region]:
    regions: set[Region] = {"all"}
    if layer is not None and module != "norm":
        regions.add("transformer")
        if module in _ATTENTION:
            regions.add("attention")
        if module in _MLP:
            regions.add("mlp")
    if layer is None and module in _EMBEDDING:
        regions.add("embedding")
    return frozenset(regions)
