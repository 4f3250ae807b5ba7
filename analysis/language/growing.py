"""A plain cache layer with room behind its keys and values, so that new ones are written and the old ones not copied.

transformers' own (5.23) concatenates at every pass, which copies all that was read before. Attention sees the same
keys and values either way. Knows no rows or masks.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

ROOM = 8  # places made beyond those needed, whenever room is made


@lru_cache(maxsize=1)
def growing_layer() -> type[Any]:
    """The class, a DynamicLayer of transformers; made at the first call, since transformers loads slowly."""
    import torch
    from transformers.cache_utils import DynamicLayer

    class GrowingLayer(DynamicLayer):  # type: ignore[misc]
        """`keys` and `values` are the filled first places of two larger tensors, `_keys` and `_values`."""

        keys: torch.Tensor
        values: torch.Tensor
        _keys: torch.Tensor
        _values: torch.Tensor

        @classmethod
        def chosen(cls, source: DynamicLayer, rows: torch.Tensor, width: int, room: int) -> GrowingLayer:
            """A layer of these rows of another (repeats allowed), its first `width` places, with room behind them."""
            layer = cls._made(source, len(rows), width + room)
            for part, store in ((source.keys, layer._keys), (source.values, layer._values)):
                index = rows.to(part.device)
                torch.index_select(part[:, :, :width], 0, index, out=store[:, :, :width])
            return layer._filled(width)

        @classmethod
        def stacked(cls, sources: Sequence[DynamicLayer]) -> GrowingLayer:
            """A layer of all their rows, as wide as the widest; the others end in zeros."""
            width = max(source.keys.shape[2] for source in sources)
            layer, first = cls._made(sources[0], sum(len(source.keys) for source in sources), width + ROOM), 0
            for source in sources:
                last, filled = first + len(source.keys), source.keys.shape[2]
                for part, store in ((source.keys, layer._keys), (source.values, layer._values)):
                    store[first:last, :, :filled] = part
                    store[first:last, :, filled:width] = 0
                first = last
            return layer._filled(width)

        def update(
            self, key_states: torch.Tensor, value_states: torch.Tensor, *_: Any, **__: Any
        ) -> tuple[torch.Tensor, torch.Tensor]:
            """Write what is new behind the rest; all keys and all values."""
            before, more = self.get_seq_length(), key_states.shape[2]
            if not self.is_initialized:
                self.lazy_initialization(key_states, value_states)
                self._make_room(key_states, value_states, len(key_states), more + ROOM)
            elif before + more > self._keys.shape[2]:
                keys, values = self.keys, self.values
                self._make_room(keys, values, len(keys), before + more + ROOM)
                self._keys[:, :, :before], self._values[:, :, :before] = keys, values
            self._filled(before + more)
            self.keys[:, :, before:], self.values[:, :, before:] = key_states, value_states
            return self.keys, self.values

        def batch_select_indices(self, indices: torch.Tensor) -> None:
            """Keep these rows, and the room behind them."""
            if self.is_initialized:
                width = self.keys.shape[2]
                self._keys, self._values = self._keys[indices], self._values[indices]
                self._filled(width)

        @classmethod
        def _made(cls, like: DynamicLayer, rows: int, width: int) -> GrowingLayer:
            layer = cls()
            layer.lazy_initialization(like.keys, like.values)
            layer._make_room(like.keys, like.values, rows, width)
            return layer

        def _make_room(self, keys: torch.Tensor, values: torch.Tensor, rows: int, width: int) -> None:
            self._keys = keys.new_empty((rows, keys.shape[1], width, keys.shape[3]))
            self._values = values.new_empty((rows, values.shape[1], width, values.shape[3]))

        def _filled(self, width: int) -> GrowingLayer:
            """Itself, with so many places filled."""
            self.keys, self.values = self._keys[:, :, :width], self._values[:, :, :width]
            return self

    return GrowingLayer
