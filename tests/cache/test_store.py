"""The store keeps results whole, across processes, damage and a full disk."""

import multiprocessing
import os
import signal
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.errors import StoreError
from analysis.records import ResultKey, Stored
from cache.keys import make_key
from cache.store import Store


def _key(number: int = 1) -> ResultKey:
    return make_key("profile", number=number)


def _result(rows: int = 3) -> Stored:
    return Stored(
        document={"text": "Žižkov ⟷ naïve", "number": 0.1},
        tables={"rows": pd.DataFrame({"id": [f"q{n}" for n in range(rows)], "ids": [[n, n + 1] for n in range(rows)]})},
        arrays={"bits": np.arange(rows, dtype=np.uint8), "sums": np.linspace(0, 1, rows)},
    )


def test_a_result_comes_back_equal(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.put(_key(), _result())
    found = Store(tmp_path).get(_key())
    assert found is not None
    assert found.document == _result().document
    assert found.tables["rows"]["id"].tolist() == ["q0", "q1", "q2"]
    assert [list(ids) for ids in found.tables["rows"]["ids"]] == [[0, 1], [1, 2], [2, 3]]
    np.testing.assert_array_equal(found.arrays["sums"], np.linspace(0, 1, 3))


def test_an_unknown_key_gives_none(tmp_path: Path) -> None:
    assert Store(tmp_path).get(_key()) is None


def test_equal_numbers_written_differently_are_one_key_and_others_are_not(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.put(make_key("profile", percent=20.0), _result())
    assert store.get(make_key("profile", percent=20)) is not None
    assert store.get(make_key("profile", percent=20.5)) is None
    assert store.get(ResultKey("profile", 999, {"percent": 20})) is None


def test_a_truncated_file_counts_as_absent_and_is_written_again(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.put(_key(), _result())
    rows = store.folder(_key()) / "tables" / "rows.parquet"
    rows.write_bytes(rows.read_bytes()[:50])
    assert store.get(_key()) is None
    store.put(_key(), _result(rows=5))
    found = store.get(_key())
    assert found is not None and len(found.tables["rows"]) == 5


def test_a_file_damaged_at_equal_length_is_named_with_the_way_out(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.put(_key(), _result())
    document = store.folder(_key()) / "document.json"
    document.write_bytes(b"x" * document.stat().st_size)
    with pytest.raises(StoreError, match="Delete that folder"):
        store.get(_key())


def test_a_store_that_cannot_be_written_says_so_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "results").write_text("a file where the folder should be")
    store = Store(tmp_path)
    with pytest.raises(StoreError, match="PALIMPSEST_HOME"):
        store.put(_key(), _result())
    assert not list((tmp_path / "partial").iterdir())


def test_entries_tell_parts_and_size_without_reading_results(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.put(_key(1), _result())
    store.put(_key(2), _result())
    entries = store.entries("profile")
    assert sorted(entry.parts["number"] for entry in entries) == [1, 2]
    assert all(entry.bytes > 100 for entry in entries)
    store.delete(_key(1))
    assert [entry.parts["number"] for entry in Store(tmp_path).entries("profile")] == [2]
    assert [entry.parts["number"] for entry in store.entries("profile")] == [2]


def _write_forever(home: Path) -> None:
    store = Store(home)
    for number in range(10_000):
        store.put(_key(number), _result(rows=2_000))


def test_a_writer_killed_at_any_moment_leaves_only_whole_results(tmp_path: Path) -> None:
    for delay_seconds in (0.15, 0.32):
        writer = multiprocessing.get_context("fork").Process(target=_write_forever, args=(tmp_path,))
        writer.start()
        deadline = time.monotonic() + 20
        while not list(tmp_path.glob("results/profile/*")) and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(delay_seconds)
        assert writer.pid is not None
        os.kill(writer.pid, signal.SIGKILL)
        writer.join()
    store = Store(tmp_path)
    folders = list((tmp_path / "results" / "profile").iterdir())
    assert folders
    assert len(store.entries("profile")) == len(folders)
    for entry in store.entries("profile"):
        found = store.get(_key(entry.parts["number"]))
        assert found is not None and len(found.tables["rows"]) == 2_000


def _write_same(home: Path) -> None:
    store = Store(home)
    for number in range(30):
        store.put(_key(number), _result())


def test_two_processes_writing_the_same_results_do_no_harm(tmp_path: Path) -> None:
    writers = [multiprocessing.get_context("fork").Process(target=_write_same, args=(tmp_path,)) for _ in range(2)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    assert len(Store(tmp_path).entries("profile")) == 30
    assert not list((tmp_path / "partial").iterdir())
