"""Tiny real LLaMA checkpoints on disk, and a plain reference for what the engine does with them."""

import os
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import pytest
import torch

Make = Callable[..., Path]


def tiny_llama(folder: Path, *, dtype: torch.dtype, tied: bool = False, seed: int = 0, shard: str = "50GB") -> Path:
    """A two-layer LLaMA of 30 thousand parameters, saved by transformers."""
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=200,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        tie_word_embeddings=tied,
    )
    LlamaForCausalLM(config).to(dtype).save_pretrained(folder, max_shard_size=shard)
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "PreTrainedTokenizerFast"}')
    return folder


def tuned_from(base: Path, folder: Path, *, size: float = 2e-4, seed: int = 1, shard: str = "50GB") -> Path:
    """The base after small random updates, a zeroed and a re-grown weight among them."""
    from transformers import LlamaForCausalLM

    model = LlamaForCausalLM.from_pretrained(base, dtype="auto")
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            noise = torch.randn(parameter.shape, generator=generator) * size
            parameter.copy_((parameter.float() + noise).to(parameter.dtype))
    model.save_pretrained(folder, max_shard_size=shard)
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "PreTrainedTokenizerFast", "tuned": true}')
    return folder


@pytest.fixture(scope="session")
def llama_pairs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Path]]:
    """(base, tuned) by dtype: bfloat16, float16, float32; `tied` is bfloat16 with a tied head, `sharded` float32."""
    home = tmp_path_factory.mktemp("llamas")
    pairs = {}
    for name, dtype, tied, shard in (
        ("bfloat16", torch.bfloat16, False, "50GB"),
        ("float16", torch.float16, False, "50GB"),
        ("float32", torch.float32, False, "50GB"),
        ("tied", torch.bfloat16, True, "50GB"),
        ("sharded", torch.float32, False, "40KB"),
    ):
        base = tiny_llama(home / name / "base", dtype=dtype, tied=tied, shard=shard)
        pairs[name] = base, tuned_from(base, home / name / "tuned", shard=shard)
    return pairs
