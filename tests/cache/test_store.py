"""The store keeps results whole, across processes, damage and a full disk."""

import multiprocessing
import os
import resource
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import numpy as np
import pandas as pd
import pytest

from analysis.errors import Cancelled, StoreError
from analysis.records import ResultKey, Stored
from cache.identity import IdentityMemory
from cache.keys import make_key
from cache.recent import Recent
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


def test_the_list_of_a_folder_that_rests_is_kept_until_another_process_adds_or_deletes(tmp_path: Path) -> None:
    store, other, folder = Store(tmp_path), Store(tmp_path), tmp_path / "results" / "profile"
    other.put(_key(1), _result())
    assert store.entries("profile") is not store.entries("profile")  # just written: its clock may hide a second change
    _age(folder, seconds=60)
    listed = store.entries("profile")
    assert store.entries("profile") is listed
    other.put(_key(2), _result())
    assert [entry.parts["number"] for entry in store.entries("profile")] == [1, 2]
    other.delete(_key(1))
    assert [entry.parts["number"] for entry in store.entries("profile")] == [2]
    _age(folder, seconds=30)
    assert store.entries("profile") == store.entries("profile") != listed


def _age(folder: Path, seconds: float) -> None:
    """As if the folder had last changed so long ago."""
    then = time.time() - seconds
    os.utime(folder, (then, then))


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


@contextmanager
def no_room(bytes_a_file: int) -> Iterator[None]:
    """The system refuses every file beyond this size, as a full disk would (python ignores the signal)."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_a_file, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def _arrays_alone() -> Stored:
    return Stored(document={}, arrays={"sums": np.zeros(5000)})


@pytest.mark.parametrize("result", [_result(rows=5000), _arrays_alone()], ids=["tables", "arrays"])
def test_a_full_disk_is_told_and_the_computed_result_is_kept_until_there_is_room(
    tmp_path: Path, result: Stored
) -> None:
    store = Store(tmp_path)
    store.put(_key(1), _result())
    with no_room(2000):
        with pytest.raises(StoreError, match=r"File too large.*stored before is untouched"):
            store.put(_key(2), result)
        with pytest.raises(StoreError, match="Nothing can be stored"):
            store.require_room()
        assert store.get(_key(2)) is result
    assert [entry.parts["number"] for entry in Store(tmp_path).entries("profile")] == [1]
    assert not list((tmp_path / "partial").iterdir())
    store.require_room()
    store.put(_key(3), _result())
    assert sorted(entry.parts["number"] for entry in Store(tmp_path).entries("profile")) == [1, 2, 3]
    assert not list((tmp_path / "partial").iterdir())


def test_what_is_only_remembered_needs_no_room(tmp_path: Path) -> None:
    memory, recent = IdentityMemory(tmp_path), Recent(tmp_path)
    with no_room(0):
        memory.put("file", {"a": "hash"})
        recent.add({"base": "a", "tuned": "b"})
        assert memory.get("file") == {"a": "hash"}
    assert IdentityMemory(tmp_path).get("file") is None
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    memory.put("file", {"a": "hash"})
    assert IdentityMemory(tmp_path).get("file") == {"a": "hash"}


def test_a_manifest_of_any_content_counts_as_absent(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.put(_key(), _result())
    manifest = store.folder(_key()) / "manifest.json"
    whole = msgspec.json.decode(manifest.read_bytes())
    for damaged in (b"", b"[]", b"{}", b'{"schema": 1}', msgspec.json.encode({**whole, "files": ["document.json"]})):
        manifest.write_bytes(damaged)
        assert store.get(_key()) is None
        assert store.document(_key()) is None
        assert Store(tmp_path).entries("profile") == ()
    store.put(_key(), _result(rows=4))
    found = store.get(_key())
    assert found is not None and len(found.tables["rows"]) == 4


def test_arrays_damaged_at_equal_length_are_named_too(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.put(_key(), _result())
    arrays = store.folder(_key()) / "arrays.safetensors"
    arrays.write_bytes(b"\xff" * arrays.stat().st_size)
    with pytest.raises(StoreError, match="Delete that folder"):
        store.get(_key())


def test_what_a_killed_writer_left_is_gone_after_the_next_result(tmp_path: Path) -> None:
    writer = multiprocessing.get_context("fork").Process(target=_die_while_writing, args=(tmp_path,))
    writer.start()
    writer.join()
    assert writer.exitcode == -signal.SIGKILL
    assert len(list((tmp_path / "partial").iterdir())) == 1
    Store(tmp_path).put(_key(), _result())
    assert not list((tmp_path / "partial").iterdir())


def _die_while_writing(home: Path) -> None:
    pd.DataFrame.to_parquet = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)  # type: ignore[method-assign]
    Store(home).put(_key(), _result())


class _GivesUp:
    """A Progress whose owner cancels at the first report."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def report(self, done: float, total: float, note: str = "", partial: object = None) -> None:
        self.notes.append(note)

    def cancelled(self) -> bool:
        return bool(self.notes)


def test_a_lock_is_held_against_others_and_waiting_for_it_can_be_cancelled(tmp_path: Path) -> None:
    held, release = threading.Event(), threading.Event()

    def hold() -> None:
        with Store(tmp_path).lock(_key()):
            held.set()
            release.wait(20)

    other = threading.Thread(target=hold)
    other.start()
    assert held.wait(20)
    with Store(tmp_path).lock(_key(2)):
        pass  # another key is free
    waiting = _GivesUp()
    with pytest.raises(Cancelled), Store(tmp_path).lock(_key(), waiting):
        pass
    assert "waiting for its result" in waiting.notes[0]
    release.set()
    other.join()
    with Store(tmp_path).lock(_key(), waiting):
        pass
