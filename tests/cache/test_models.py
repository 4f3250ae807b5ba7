"""The lease: one at a time, in the order of asking, cancellable while waiting."""

import threading
import time
from typing import Any, cast

import pytest

from analysis.errors import Cancelled
from analysis.records import Silent
from cache.models import ModelPool, PairModel


class _Unwanted(Silent):
    def cancelled(self) -> bool:
        return True


def _loader(log: list[str], name: str) -> Any:
    def load() -> PairModel:
        log.append(name)
        return cast(PairModel, name)

    return load


def test_a_resident_model_is_loaded_once_and_replaced_by_another() -> None:
    pool, log = ModelPool(), []
    for name in ("a", "a", "b", "a"):
        with pool.lease(name, _loader(log, name), Silent()) as model:
            assert model == name
    assert log == ["a", "b", "a"]


def test_leases_are_served_in_the_order_of_asking() -> None:
    pool, order = ModelPool(), []
    threads = []

    def wait_for_turn(number: int) -> None:
        with pool.lease("m", _loader([], "m"), Silent()):
            order.append(number)

    with pool.lease("m", _loader([], "m"), Silent()):
        for number in range(5):
            thread = threading.Thread(target=wait_for_turn, args=(number,))
            thread.start()
            threads.append(thread)
            while len(pool._waiting) < number + 2:
                time.sleep(0.001)
    for thread in threads:
        thread.join()
    assert order == [0, 1, 2, 3, 4]


def test_a_cancelled_waiter_leaves_the_queue() -> None:
    pool = ModelPool()
    with pool.lease("m", _loader([], "m"), Silent()):
        with pytest.raises(Cancelled), pool.lease("m", _loader([], "m"), _Unwanted()):
            pass
        assert len(pool._waiting) == 1
    with pool.lease("m", _loader([], "m"), Silent()) as model:
        assert model == "m"
