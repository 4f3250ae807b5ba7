"""The tiny world's plan, read once for all tests of a file."""

import pytest

from analysis.experiments.plan import Plan
from analysis.experiments.plan_file import read_plan
from tests.experiments.world import make_world


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    return read_plan(make_world(tmp_path_factory.mktemp("world")))
