"""Keys and values of rows already read, cut, copied and put together.

Caches are transformers' own (5.23). Only plain layers can be put together: others (a sliding window, a recurrent
state) may know more than their keys and values say.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

    from analysis.language.load import LanguageModel


def joins(lm: LanguageModel) -> bool:
    """Whether the cache this model fills is one that `can_join`."""
    from transformers import DynamicCache

    return can_join(DynamicCache(config=lm.model.config))


def can_drop_rows(cache: Any) -> bool:
    """Whether rows can leave this cache; a recurrent layer's state may not know how."""
    return all(hasattr(layer, "batch_select_indices") for layer in cache.layers)


def can_join(cache: Any) -> bool:
    """Whether rows of this cache may be copied, cut and put beside rows of another."""
    from transformers.cache_utils import DynamicLayer

    return all(type(layer) is DynamicLayer for layer in cache.layers)


def rows_of(cache: Any, rows: Sequence[int], width: int | None = None) -> Any:
    """A new cache of these rows (repeats allowed), its first `width` places; the old one stays as it is."""
    import torch

    chosen = torch.tensor(list(rows))
    return _made([
        (layer.keys[:, :, :width].index_select(0, chosen.to(layer.keys.device)),
         layer.values[:, :, :width].index_select(0, chosen.to(layer.values.device)))
        for layer in cache.layers
    ])  # fmt: skip


def joined(caches: Sequence[Any]) -> Any:
    """One cache of all their rows, as wide as the widest; what is added on the right is to be masked out."""
    import torch
    from torch.nn.functional import pad

    if len(caches) == 1:
        return caches[0]
    width = max(cache.get_seq_length() for cache in caches)

    def put(parts: list[torch.Tensor]) -> torch.Tensor:
        return torch.cat([pad(part, (0, 0, 0, width - part.shape[2])) for part in parts])

    return _made([
        (put([layer.keys for layer in layers]), put([layer.values for layer in layers]))
        for layers in zip(*(cache.layers for cache in caches), strict=True)
    ])  # fmt: skip


def _made(layers: Sequence[tuple[Any, Any]]) -> Any:
    from transformers import DynamicCache

    cache = DynamicCache()
    for number, (keys, values) in enumerate(layers):
        cache.update(keys, values, number)
    return cache
