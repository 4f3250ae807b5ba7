"""The garbage collector of a process that draws pages."""

import gc
from collections.abc import Iterator

import pytest

from cache.memory import SELDOM, collect_seldom, set_aside_the_living


@pytest.fixture(autouse=True)
def collector_as_it_was() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)
    gc.unfreeze()


def test_the_collectors_rounds_begin_later() -> None:
    collect_seldom()
    assert gc.get_threshold() == SELDOM
    assert gc.isenabled()


def test_what_lives_is_set_aside_and_costs_a_round_nothing() -> None:
    living = [[number] for number in range(1000)]
    before = gc.get_freeze_count()
    set_aside_the_living(force=True)
    assert gc.get_freeze_count() >= before + len(living)
    assert len(gc.get_objects()) < gc.get_freeze_count()
