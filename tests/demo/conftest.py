"""A demo world so small that it trains in a second."""

from pathlib import Path

import pytest

from analysis.demo.facts import WorldSize
from analysis.demo.rebuild import rebuild_base
from analysis.demo.train import BaseConfig, BaseReport

TINY_WORLD = WorldSize(in_domain=4, out_of_domain=2, towns=20, sightings=(0, 1))
TINY_BASE = BaseConfig(
    hidden=16, layers=1, heads=2, vocabulary=400, row=64, batch=4, cycles=(1,), threads=1, compiled=False
)


@pytest.fixture(scope="session")
def tiny_demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, BaseReport]:
    """A whole demo folder made by the real rebuild, and its report."""
    out = tmp_path_factory.mktemp("demo") / "tiny"
    return out, rebuild_base(out, size=TINY_WORLD, config=TINY_BASE, samples=1)
