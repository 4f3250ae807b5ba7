"""Whatever the shapes, dtypes, chunk sizes, threads, region, layers and k: the engine equals the plain full sort."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from analysis.records import SELECTS, RestoreSpec
from analysis.weights import gathering, stream, ties
from analysis.weights import profile as profiles
from analysis.weights.pair import open_pair
from analysis.weights.profile import profile_pair
from analysis.weights.restore import apply_state
from analysis.weights.write import write_restored
from tests.weights import plain_reference as reference

NAMES = [
    *("model.embed_tokens.weight", "model.layers.0.self_attn.q_proj.weight", "model.layers.0.mlp.up_proj.weight"),
    *("model.layers.1.mlp.down_proj.weight", "model.layers.1.input_layernorm.weight", "lm_head.weight"),
]
DTYPES = {"bfloat16": torch.bfloat16, "float16": torch.float16, "float32": torch.float32}
IN_REGION = {
    "all": lambda name: True,
    "transformer": reference.in_transformer,
    "embedding": lambda name: "embed" in name,
    "attention": lambda name: "self_attn" in name,
    "mlp": lambda name: "mlp" in name,
}


@st.composite
def pairs(draw: st.DrawFn) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """Two state dicts with ties, zeros, unchanged and very different weights; each side in a dtype of its own."""
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**31)))
    base_dtype = DTYPES[draw(st.sampled_from(sorted(DTYPES)))]
    tuned_dtype = draw(st.sampled_from([base_dtype, base_dtype, *DTYPES.values()]))
    size = draw(st.sampled_from([1e-5, 1e-3, 0.1]))
    base, tuned = {}, {}
    for name in NAMES:
        shape = draw(st.sampled_from([(), (1,), (7,), (3, 5), (16, 9), (4100,)]))
        p = torch.randn(shape, generator=generator) * 0.02
        p = torch.where(torch.rand(shape, generator=generator) < 0.1, torch.zeros(()), p)
        p = torch.where(torch.rand(shape, generator=generator) < 0.2, p.sign() * 0.01, p)
        d = torch.randn(shape, generator=generator) * size
        d = torch.where(torch.rand(shape, generator=generator) < 0.3, torch.zeros(()), d)
        base[name] = p.to(base_dtype)
        tuned[name] = (p.to(base_dtype).float() + d).to(tuned_dtype)
    return base, tuned


@pytest.mark.slow
@given(
    tensors=pairs(),
    percent=st.one_of(st.sampled_from([0, 1, 5, 20, 60, 100]), st.floats(0, 100)),
    strategy=st.sampled_from(SELECTS),
    scope=st.sampled_from(["global", "tensor"]),
    region=st.sampled_from(sorted(IN_REGION)),
    layer=st.sampled_from([None, 1]),
    chunk=st.sampled_from([1, 64, 4096, 5000]),
    segment=st.sampled_from([256, 8192, 1 << 22]),
    threads=st.sampled_from([1, 3]),
    keep=st.booleans(),
    narrow=st.booleans(),
    few_keys=st.booleans(),
    among=st.sampled_from(["all", "changed"]),
    seed=st.integers(0, 3),
)
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_restoring_equals_the_plain_reference(
    tensors: tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]],
    percent: float,
    strategy: Any,
    scope: Any,
    region: Any,
    layer: int | None,
    chunk: int,
    segment: int,
    threads: int,
    keep: bool,
    narrow: bool,
    few_keys: bool,
    among: Any,
    seed: int,
) -> None:
    base, tuned = tensors
    names = [name for name in base if IN_REGION[region](name)]
    if layer is not None:
        names = [name for name in names if f"layers.{layer}." in name]
    if not names:
        return
    spec = RestoreSpec(
        percent,
        strategy,
        region=region,
        scope=scope,
        layers=None if layer is None else (layer,),
        seed=seed,
        among=among,
    )
    part = {name: base[name] for name in names}, {name: tuned[name] for name in names}
    masks = reference.restored_masks(*part, percent, strategy=strategy, seed=seed, scope=scope, among=among)
    with tempfile.TemporaryDirectory() as home, pytest.MonkeyPatch.context() as patch:
        patch.setattr(stream, "CHUNK", max(chunk, segment // 64))
        patch.setattr(stream, "SEGMENT", segment)
        patch.setattr(profiles, "KEEP_PARAMETERS", 10**7 if keep else 0)
        if few_keys:  # so that cuts far up look into the files
            patch.setattr(gathering, "KEYS_KEPT", 0)
            patch.setattr(gathering, "KEYS_AT_LEAST", 0)
        if narrow:  # so that windows hold few ties, or miss the last one
            patch.setattr(ties, "_REACH", 0.5)
            patch.setattr(ties, "_FEW", 1)
        for side, held in (("base", base), ("tuned", tuned)):
            (Path(home) / side).mkdir()
            save_file(held, Path(home) / side / "model.safetensors")
        pair = open_pair(Path(home) / "base", Path(home) / "tuned")
        profile = profile_pair(pair, threads=threads)
        count = profile.count(spec)
        live = {name: torch.empty(tensor.shape) for name, tensor in tuned.items()}
        apply_state(live, pair, profile, spec, threads=threads)
        write_restored(pair, profile, spec, Path(home) / "out", threads=threads)
        written = reference.load(Path(home) / "out")
    assert count.count == sum(int(mask.sum()) for mask in masks.values())
    differs = {name: (base[name].double() != tuned[name].double()).numpy().ravel() for name in names}
    assert count.effective_count == sum(int((masks[name] & differs[name]).sum()) for name in names)
    for name, tensor in tuned.items():
        mask = torch.from_numpy(masks.get(name, np.zeros(tensor.numel(), bool))).view(tensor.shape)
        expected = torch.where(mask, base[name].to(tensor.dtype), tensor)
        assert written[name].dtype == tensor.dtype
        assert torch.equal(written[name], expected)
        assert torch.equal(live[name], expected.float())
