"""The parameters of a loaded model: found for each stored tensor of a pair, and written to.

transformers may rename on loading (GPT-NeoX's `embed_out` becomes `lm_head`) and stack what the file holds apart (the
experts of Mixtral and Qwen-MoE become one tensor). A stored tensor is matched with a parameter or with a view into one.
Stored values come as bytes of a stored dtype and are cast to the parameter's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from analysis.errors import PairError
from analysis.weights.headers import ITEM_BYTES
from analysis.weights.histogram import Array
from analysis.weights.names import bare
from analysis.weights.pair import CheckpointPair
from analysis.weights.pairing import PairedTensor
from analysis.weights.stream import Bytes

if TYPE_CHECKING:
    import torch

_RENAMED = {"embed_out.weight": "lm_head.weight"}
_EXPERT = re.compile(
    r"^(?P<block>.*)\.experts\.(?P<number>\d+)\.(?P<part>w1|w2|w3|gate_proj|up_proj|down_proj)\.weight$"
)
# stored name -> the stacked parameter, and which half of it (gate and up lie one after the other)
_STACKED = {
    **dict.fromkeys(("w1", "gate_proj"), ("gate_up_proj", 0)),
    **dict.fromkeys(("w3", "up_proj"), ("gate_up_proj", 1)),
    **dict.fromkeys(("w2", "down_proj"), ("down_proj", None)),
}


def find_targets(parameters: Mapping[str, torch.Tensor], pair: CheckpointPair) -> dict[str, torch.Tensor]:
    """Pair name -> flat view of the live parameter. Raises PairError naming every tensor without a counterpart."""
    live = {bare(name): parameter.detach() for name, parameter in parameters.items()}
    found: dict[str, torch.Tensor] = {}
    used: set[str] = set()
    problems = []
    for tensor in pair.tensors:
        name, view = _find(bare(tensor.name), live)
        problem = _problem(tensor, view, pair.tuned.tensors[tensor.name].shape)
        if problem or view is None:
            problems.append(problem)
        else:
            found[tensor.name] = view.view(-1)[: tensor.elements]  # rows of added tokens stay as they are
        used.add(name)
    shared = {live[name].data_ptr() for name in used if name in live}
    for name, parameter in live.items():
        if name not in used and parameter.data_ptr() not in shared:  # a tied head shares its embedding's memory
            problems.append(f"{name} of the loaded model is not in the pair")
    if problems:
        raise PairError("The loaded model does not hold the tensors of this pair.", items=problems)
    return found


def _problem(tensor: PairedTensor, view: torch.Tensor | None, stored: tuple[int, ...]) -> str:
    if view is None:
        return f"{tensor.name} is not in the loaded model"
    if tuple(view.shape) != stored:
        return f"{tensor.name} is {list(view.shape)} in the loaded model, {list(stored)} stored"
    return "" if view.is_contiguous() else f"{tensor.name} is not contiguous in memory"


def _find(name: str, live: Mapping[str, torch.Tensor]) -> tuple[str, torch.Tensor | None]:
    """The live parameter's name, and the parameter or the part of it that holds this tensor."""
    for candidate in (name, _RENAMED.get(name, name), name.replace("block_sparse_moe", "mlp")):
        if candidate in live:
            return candidate, live[candidate]
    expert = _EXPERT.match(name.replace("block_sparse_moe", "mlp"))
    if expert is None:
        return name, None
    stacked, half = _STACKED[expert["part"]]
    whole = f"{expert['block']}.experts.{stacked}"
    if whole not in live or int(expert["number"]) >= len(live[whole]):
        return name, None
    part = live[whole][int(expert["number"])]
    return whole, part if half is None else part.chunk(2)[half]


def memory_of(target: torch.Tensor, dtype: str) -> Callable[[int, int], Bytes] | None:
    """Where values of a stored dtype lie in a flat parameter, as (first, nbytes) -> bytes; None where they are cast."""
    if target.device.type != "cpu" or target.dtype != _torch_dtype(dtype):
        return None
    import torch

    memory, item = target.view(torch.uint8).numpy(), ITEM_BYTES[dtype]
    return lambda first, nbytes: memory[first * item : first * item + nbytes]


def store(target: torch.Tensor, first: int, count: int, dtype: str, data: Bytes) -> None:
    """Put `count` stored values into a flat parameter from the `first` on; nothing where they lie there already."""
    place = target[first : first + count]
    if place.data_ptr() != data.ctypes.data:
        place.copy_(_values(data, dtype))


def store_at(target: torch.Tensor, places: Array, dtype: str, data: Bytes) -> None:
    """Put stored values at these places of a flat parameter."""
    import torch

    if len(places):
        target[torch.from_numpy(places).to(target.device)] = _values(data, dtype).to(target.device, target.dtype)


def _values(data: Bytes, dtype: str) -> torch.Tensor:
    import torch

    return torch.from_numpy(data).view(_torch_dtype(dtype))


def _torch_dtype(dtype: str) -> torch.dtype:
    import torch

    return {"BF16": torch.bfloat16, "F16": torch.float16, "F32": torch.float32}[dtype]
