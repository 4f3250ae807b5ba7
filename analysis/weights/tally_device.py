"""Cells counted on an accelerator: the same integers as on the processor, so that everything that follows is equal.

The pairs that have no cell, and the sampled null, are few and stay with the compiled kernels. The pass is bound by
reading, so a processor with its files in memory is rarely slower: this is for machines whose processor is busy.
"""

import numpy as np
import torch

from analysis.records import Arithmetic
from analysis.weights import kernels_bf16 as kernels
from analysis.weights.histogram import Array
from analysis.weights.stream import Chunk
from analysis.weights.tally import CellTally, Counted

_WAITING = 8192  # pairs without a cell that the kernel takes at once


class DeviceTally(CellTally):
    """A CellTally whose cells lie on a torch device."""

    def __init__(self, arithmetic: Arithmetic, device: str) -> None:
        super().__init__(arithmetic)
        self._there = torch.zeros(kernels.CELLS, dtype=torch.int32, device=device)

    def add(self, chunk: Chunk, null_key: np.uint64, null_every: int) -> tuple[int, int]:
        """See Tally."""
        words = chunk.base.view(np.uint16), chunk.tuned.view(np.uint16)
        place = self.arithmetic, chunk.count, chunk.first, null_key, null_every
        kernels.add_null(*words, *place, self.room[5], self.null.rows)
        outside = self._count(*words)
        bad_base = bad_tuned = 0
        for start in range(0, len(outside), _WAITING):
            some = outside[start : start + _WAITING]
            pending = np.stack([side[some] for side in words])
            tables = self.table.rows, self.escaped, self.room[5], self.room[6]
            bad = kernels.add_outside(pending, len(some), self.arithmetic, *tables)
            bad_base, bad_tuned = bad_base + bad[0], bad_tuned + bad[1]
        return bad_base, bad_tuned

    def _count(self, base: Array, tuned: Array) -> Array:
        """Add one to the cell of each pair; returns the places of those that have none (kernels._cell_numbers)."""
        p, s = (torch.from_numpy(side.view(np.int16)).to(self._there.device).int() & 0xFFFF for side in (base, tuned))
        magnitude, differing = p & 0x7FFF, p ^ s
        step = (s - p + 64) & 0xFFFF
        huge, tiny = (magnitude + 192) & 0x8000, (magnitude - 192) & 0x8000
        far = (differing & 0x8000) | (step & 0xFF80) | tiny
        inside = (huge | torch.where(differing != 0, far, 0)) == 0
        cell = ((step << 15) | magnitude)[inside].long()
        self._there.scatter_add_(0, cell, torch.ones_like(cell, dtype=torch.int32))
        return torch.nonzero(~inside).flatten().cpu().numpy()

    def take(self) -> Counted:
        """See Tally."""
        self.cells[:] = self._there.cpu().numpy().view(np.uint32)
        self._there.zero_()
        used = np.flatnonzero(self.cells.reshape(kernels.STEPS, -1).any(axis=0))
        large = used[used >= 192]  # smaller ones are counted among the unchanged only
        self.span[:] = (large[0] if len(large) else kernels.MAGNITUDES - 1), (used[-1] if len(used) else 0)
        return super().take()
