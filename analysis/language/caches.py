"""Keys and values of rows already read, cut, copied and put together.

Caches are transformers' own (5.23). Only plain layers can be put together: others (a sliding window, a recurrent
state) may know more than their keys and values say.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from analysis.language.growing import ROOM, growing_layer

if TYPE_CHECKING:
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

    return all(type(layer) in (DynamicLayer, growing_layer()) for layer in cache.layers)


def rows_of(cache: Any, rows: Sequence[int], width: int | None = None, room: int = ROOM) -> Any:
    """A new cache of these rows (repeats allowed), its first `width` places, with room for more; the old one stays."""
    import torch

    chosen = torch.tensor(list(rows))
    whole = cache.get_seq_length()
    kept = whole if width is None else min(width, whole)
    return _cache([growing_layer().chosen(layer, chosen, kept, room) for layer in cache.layers])


def joined(caches: Sequence[Any]) -> Any:
    """One cache of all their rows, as wide as the widest; what is added on the right is to be masked out."""
    if len(caches) == 1:
        return caches[0]
    layers = zip(*(cache.layers for cache in caches), strict=True)
    return _cache([growing_layer().stacked(parts) for parts in layers])


def _cache(layers: list[Any]) -> Any:
    from transformers import DynamicCache

    cache = DynamicCache()
    cache.layers = layers
    return cache
