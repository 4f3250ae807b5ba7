"""Imports and compiled kernels in place, as on a machine where the product has run before."""

import tempfile
from pathlib import Path

from analysis.records import RestoreSpec
from analysis.weights.pair import open_pair
from analysis.weights.profile import profile_pair
from analysis.weights.write import write_restored
from benchmarks._pairs import make_pair


def warm() -> None:
    """Go the whole way once on a small pair."""
    with tempfile.TemporaryDirectory() as home:
        pair = open_pair(*make_pair(Path(home), 1))
        write_restored(pair, profile_pair(pair), RestoreSpec(20), Path(home) / "out")
