"""How many rows fit in memory at once, reckoned from the configuration; and what to do when that was wrong.

A row costs its keys and values in every layer, the widest activations of one layer, and logits where tokens are
predicted (float32 beside the model's dtype, as the architectures hand them out). Knows no prompts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from analysis.language.load import ITEM_BYTES, free_memory_bytes

if TYPE_CHECKING:
    from analysis.language.load import LanguageModel

MOST_ROWS = {"cpu": 128, "mps": 128, "cuda": 512}  # beyond, more rows at once are not quicker
SHARE_OF_FREE = 0.5  # the rest is for rows that wait, and for what a library holds for a moment
OUT_OF_MEMORY = ("out of memory", "not enough memory", "DefaultCPUAllocator", "std::bad_alloc")

Result = TypeVar("Result")


def rows_at_once(lm: LanguageModel, width: int, predicted: int) -> int:
    """Rows of `width` tokens, `predicted` of them asked for a next token, to take together; at least 1."""
    return max(1, min(MOST_ROWS[lm.device.split(":")[0]], fitting_rows(lm, width, predicted)))


def fitting_rows(lm: LanguageModel, width: int, predicted: int) -> int:
    """How many such rows fit in free memory, as reckoned."""
    return int(SHARE_OF_FREE * free_memory_bytes(lm.device) / row_bytes(lm, width, predicted))


def row_bytes(lm: LanguageModel, width: int, predicted: int) -> int:
    """Bytes one row takes while it is read: keys and values, the widest activations of a layer, its logits."""
    config, item = lm.model.config.get_text_config(), ITEM_BYTES[lm.dtype]
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    inner = getattr(config, "intermediate_size", None) or 4 * config.hidden_size
    cache = 2 * config.num_hidden_layers * heads * size * item
    activations = (6 * config.hidden_size + 3 * inner) * item
    attention = config.num_attention_heads * width * item
    return int(width * (cache + activations + attention) + predicted * config.vocab_size * (item + 4))


def out_of_memory(error: BaseException) -> bool:
    """Whether this says that memory ran out, on an accelerator or on the CPU."""
    import torch

    words = str(error)
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or any(word in words for word in OUT_OF_MEMORY)


def halving(rows: list[int], work: Callable[[list[int]], list[Result]]) -> list[Result]:
    """`work` over the rows, in ever smaller parts as long as memory runs out; a single row that does not fit raises."""
    try:
        return work(rows)
    except (RuntimeError, MemoryError) as error:
        if not out_of_memory(error) or len(rows) == 1:
            raise
    half = len(rows) // 2  # outside the handler: the traceback would keep the failed batch's tensors alive
    return halving(rows[:half], work) + halving(rows[half:], work)
