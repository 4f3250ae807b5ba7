"""What is half-written is never seen under its name, and what killed processes left is removed by the next."""

import os
import resource
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from analysis import folders
from analysis.errors import StoreError
from analysis.folders import partial_folder, remove_leftovers, whole_file, whole_folder

WRITES_FOR_EVER = """
import sys, time
from pathlib import Path
from analysis.folders import whole_folder
with whole_folder(Path(sys.argv[1])) as folder:
    (folder / "part").write_text("half")
    print("writing", flush=True)
    time.sleep(60)
"""


def writer(out: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen([sys.executable, "-c", WRITES_FOR_EVER, out], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "writing\n"
    return process


def test_a_folder_appears_whole_and_open_to_others(tmp_path: Path) -> None:
    with whole_folder(tmp_path / "deep" / "out") as folder:
        (folder / "file").write_text("x")
        assert not (tmp_path / "deep" / "out").exists()
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["out"]
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE((tmp_path / "deep" / "out").stat().st_mode) == 0o777 & ~umask
    assert stat.S_IMODE((tmp_path / "deep" / "out" / "file").stat().st_mode) == 0o666 & ~umask


def test_a_block_that_fails_leaves_nothing_and_the_old_file_stands(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), whole_folder(tmp_path / "out"):
        _ = 1 / 0
    (tmp_path / "file").write_text("old")
    with pytest.raises(ZeroDivisionError), whole_file(tmp_path / "file") as partial:
        partial.write_text("new, half")
        _ = 1 / 0
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("file", "old")]


def test_what_a_killed_writer_left_goes_with_the_next_and_a_living_ones_stays(tmp_path: Path) -> None:
    killed, living = writer(tmp_path / "out"), writer(tmp_path / "out")
    killed.kill()
    killed.wait()
    assert len(list(tmp_path.iterdir())) == 2
    remove_leftovers(tmp_path, "other")
    assert len(list(tmp_path.iterdir())) == 2
    with whole_folder(tmp_path / "out"):
        pass
    left = [path.name for path in tmp_path.iterdir()]
    assert len(left) == 2 and "out" in left
    living.send_signal(signal.SIGINT)
    living.wait()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_leftovers_of_other_machines_and_of_reborn_process_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = partial_folder(tmp_path, "out")
    start = mine.name.rpartition("-")[0]
    reborn = tmp_path / f"{start[:-1]}x-abcdefgh"  # this process's number, begun at another time
    elsewhere = tmp_path / ".out.partial-00000000-999999999-1-abcdefgh"
    odd = tmp_path / f"{start.rsplit('-', 2)[0]}-what-ever"
    for folder in (reborn, elsewhere, odd):
        folder.mkdir()
    remove_leftovers(tmp_path)
    assert set(tmp_path.iterdir()) == {mine, elsewhere, odd}


def test_where_processes_cannot_be_listed_only_the_dead_are_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exists = Path.exists
    monkeypatch.setattr(Path, "exists", lambda path: False if path == Path("/proc/self/stat") else exists(path))
    mine = partial_folder(tmp_path, "out")
    dead = tmp_path / mine.name.replace(f"-{os.getpid()}-", "-999999999-")
    dead.mkdir()
    remove_leftovers(tmp_path)
    assert list(tmp_path.iterdir()) == [mine]


def test_a_disk_without_room_is_told_and_nothing_is_left(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))  # python ignores the signal and gets "File too large"
    try:
        with pytest.raises(StoreError, match="File too large") as caught, whole_folder(tmp_path / "out") as folder:
            (folder / "file").write_bytes(bytes(5000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert caught.value.code == "disk-full"
    assert list(tmp_path.iterdir()) == []


def test_asking_for_a_dead_process_gives_none() -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    time.sleep(0)
    ended.wait()
    assert folders._began(ended.pid) is None
    assert folders._began(os.getpid()) is not None
