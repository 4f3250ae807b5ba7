"""The results store: one folder a result, written whole or not at all, shared by browser, command line and cluster.

Layout under the home folder: `results/<kind>/<digest>/` holds manifest.json, document.json, tables/*.parquet and
arrays.safetensors.
A result is written into `partial/` and renamed into place, so whoever sees the folder sees all of it; the manifest
names every file with its size, and a folder that disagrees with its manifest counts as absent. A result that the disk
has no room for is kept in memory, and written when there is room. Knows nothing of what the results mean.
"""

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd
from filelock import FileLock, Timeout
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from analysis.errors import StoreError
from analysis.folders import open_to_others, partial_folder, remove_leftovers
from analysis.records import Progress, ResultKey, Silent, Stored, check_cancelled
from cache.keys import key_digest

SCHEMA = 1
UNWRITTEN_HELD = 16
WAIT_SECONDS = 0.2
_PROBE_BYTES = 1 << 20
_SETTLED_SECONDS = 2.0  # a folder changed longer ago has changed no more since it was listed, however coarse its clock


class Manifest(msgspec.Struct):
    """What a result's folder holds: every file with its size, and the key it was stored under."""

    schema: int
    kind: str
    version: int
    parts: dict[str, Any]
    files: dict[str, int]
    created: float


@dataclass(frozen=True)
class Entry:
    """One result in the store, without its contents."""

    digest: str
    kind: str
    version: int
    parts: dict[str, Any]
    bytes: int
    created: float  # seconds since the epoch


class Store:
    """Results by key under one folder (see the module's description)."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._entries: dict[Path, Entry] = {}
        self._listed: dict[str, tuple[int, tuple[Entry, ...]]] = {}
        self._unwritten: dict[Path, tuple[ResultKey, Stored]] = {}
        self._swept = False

    def folder(self, key: ResultKey) -> Path:
        """Where this key's result lies, or would lie."""
        return self.home / "results" / key.kind / key_digest(key)

    def holds(self, key: ResultKey) -> bool:
        """Whether this key's result lies on disk, whole; nothing of it is read."""
        return (self.folder(key) / "manifest.json").is_file()

    def get(self, key: ResultKey) -> Stored | None:
        """The result under this key, or None when there is none or its files are damaged."""
        folder = self.folder(key)
        if not _is_whole(folder):
            return self._unwritten[folder][1] if folder in self._unwritten else None
        try:
            return _read(folder)
        except FileNotFoundError:  # deleted by another process between the two looks
            return None
        except (OSError, ValueError, msgspec.MsgspecError, SafetensorError) as error:
            raise StoreError(
                f"The stored result {folder} cannot be read: {error}. Delete that folder; it will be computed again."
            ) from error

    def by_digest(self, kind: str, digest: str) -> Stored | None:
        """The result of this kind that lies under a digest (a table may name one), or None."""
        folder = self.home / "results" / kind / digest
        return _read(folder) if digest.isalnum() and _is_whole(folder) else None

    def document(self, key: ResultKey) -> dict[str, Any] | None:
        """Only the JSON document of a result: what a list of many results needs."""
        folder = self.folder(key)
        return msgspec.json.decode((folder / "document.json").read_bytes()) if _is_whole(folder) else None

    def put(self, key: ResultKey, result: Stored) -> None:
        """Write a result whole; where another process was quicker, its equal result stays.

        Raises StoreError where the disk refuses it; this store still finds it then, and the next `put` of any result
        writes it too.
        """
        folder = self.folder(key)
        try:
            if not _is_whole(folder):
                self._put(key, result, folder)
        except OSError as error:
            self._hold(folder, key, result)
            raise StoreError(
                f"The result could not be written under {self.home}: {error.strerror or error}. What was stored "
                "before is untouched. Free space there, or set PALIMPSEST_HOME to another folder."
            ) from error
        self._unwritten.pop(folder, None)
        self._write_held()

    def _hold(self, folder: Path, key: ResultKey, result: Stored) -> None:
        self._unwritten[folder] = key, result
        while len(self._unwritten) > UNWRITTEN_HELD:
            self._unwritten.pop(next(iter(self._unwritten)))

    def _write_held(self) -> None:
        for folder, (key, result) in list(self._unwritten.items()):
            with suppress(OSError):
                self._put(key, result, folder)
                self._unwritten.pop(folder, None)

    def _put(self, key: ResultKey, result: Stored, folder: Path) -> None:
        partial_home = self.home / "partial"
        partial_home.mkdir(parents=True, exist_ok=True)
        self._sweep(partial_home)
        folder.parent.mkdir(parents=True, exist_ok=True)
        partial = partial_folder(partial_home, key.kind)
        try:
            _write(partial, key, result)
            if folder.exists():
                shutil.rmtree(folder, ignore_errors=True)  # damaged: a whole one was ruled out above
            try:
                partial.rename(folder)
            except OSError:
                if not _is_whole(folder):
                    raise
        finally:
            shutil.rmtree(partial, ignore_errors=True)

    def _sweep(self, partial_home: Path) -> None:
        if not self._swept:
            remove_leftovers(partial_home)
            self._swept = True

    def require_room(self) -> None:
        """Raise StoreError now where nothing could be stored after hours of work."""
        try:
            (self.home / "partial").mkdir(parents=True, exist_ok=True)
            probe = partial_folder(self.home / "partial", "probe")
            try:
                (probe / "probe").write_bytes(bytes(_PROBE_BYTES))
            finally:
                shutil.rmtree(probe, ignore_errors=True)
        except OSError as error:
            raise StoreError(
                f"Nothing can be stored under {self.home}: {error.strerror or error}. Free space there, or set "
                "PALIMPSEST_HOME to another folder."
            ) from error

    def delete(self, key: ResultKey) -> None:
        """Forget a result."""
        shutil.rmtree(self.folder(key), ignore_errors=True)

    @contextmanager
    def lock(self, key: ResultKey, progress: Progress | None = None) -> Iterator[None]:
        """Hold this key against other processes, so that long work is done once; waiting can be cancelled.

        A lock ends with its process, however that ends. Where the disk knows no locks, work is done twice instead.
        """
        locks = self.home / "locks"
        lock = FileLock(locks / f"{key_digest(key)}.lock")
        try:
            locks.mkdir(parents=True, exist_ok=True)
            _acquire(lock, progress or Silent())
        except (OSError, NotImplementedError):
            yield
            return
        try:
            yield
        finally:
            lock.release()

    @contextmanager
    def lock_if_free(self, key: ResultKey) -> Iterator[bool]:
        """Hold this key where nobody holds it now; the block is told whether it does."""
        locks = self.home / "locks"
        lock = FileLock(locks / f"{key_digest(key)}.lock")
        try:
            locks.mkdir(parents=True, exist_ok=True)
            lock.acquire(timeout=0)
        except Timeout:
            yield False
            return
        except (OSError, NotImplementedError):  # a disk without locks
            yield True
            return
        try:
            yield True
        finally:
            lock.release()

    def entries(self, kind: str) -> tuple[Entry, ...]:
        """Every result of a kind, oldest first; manifests never change, so each is read once.

        The same tuple as before as long as nothing was added or deleted.
        """
        folder = self.home / "results" / kind
        changed, now = _changed(folder), time.time_ns()
        held = self._listed.get(kind)
        if held is not None and held[0] == changed:
            return held[1]
        found = sorted(folder.iterdir()) if folder.is_dir() else []
        entries = [entry for path in found if (entry := self._entry(path)) is not None]
        listed = tuple(sorted(entries, key=lambda entry: entry.created))
        if len(listed) == len(found) and now - changed > _SETTLED_SECONDS * 1e9:
            self._listed[kind] = changed, listed
        return listed

    def _entry(self, folder: Path) -> Entry | None:
        if folder not in self._entries:
            manifest = _manifest(folder)
            if manifest is None:
                return None
            self._entries[folder] = Entry(
                digest=folder.name,
                kind=manifest.kind,
                version=manifest.version,
                parts=manifest.parts,
                bytes=sum(manifest.files.values()),
                created=manifest.created,
            )
        return self._entries[folder]


def _acquire(lock: FileLock, progress: Progress) -> None:
    while True:
        try:
            lock.acquire(timeout=WAIT_SECONDS)
            return
        except Timeout:
            progress.report(0, 1, "another process works on the same: waiting for its result")
            check_cancelled(progress)


def _changed(folder: Path) -> int:
    """When a result was last added to or deleted from this folder, in nanoseconds; 0 where it is not there."""
    try:
        return folder.stat().st_mtime_ns
    except OSError:
        return 0


def _manifest(folder: Path) -> Manifest | None:
    try:
        manifest = msgspec.json.decode((folder / "manifest.json").read_bytes(), type=Manifest)
    except (OSError, msgspec.MsgspecError):
        return None
    return manifest if manifest.schema == SCHEMA else None


def _is_whole(folder: Path) -> bool:
    manifest = _manifest(folder)
    if manifest is None:
        return False
    try:
        return all((folder / name).stat().st_size == size for name, size in manifest.files.items())
    except OSError:
        return False


def _write(folder: Path, key: ResultKey, result: Stored) -> None:
    (folder / "document.json").write_bytes(msgspec.json.encode(dict(result.document)))
    if result.tables:
        (folder / "tables").mkdir()
    for name, table in result.tables.items():
        table.to_parquet(folder / "tables" / f"{name}.parquet", index=False)
    if result.arrays:
        arrays = {name: np.ascontiguousarray(array) for name, array in result.arrays.items()}
        (folder / "arrays.safetensors").write_bytes(save(arrays))
    files = {str(path.relative_to(folder)): path.stat().st_size for path in sorted(folder.rglob("*")) if path.is_file()}
    manifest = Manifest(SCHEMA, key.kind, key.version, dict(key.parts), files, time.time())
    (folder / "manifest.json").write_bytes(msgspec.json.encode(manifest))
    open_to_others(folder)
    for path in folder.rglob("*"):
        if path.is_file():
            _sync(path)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read(folder: Path) -> Stored:
    document = msgspec.json.decode((folder / "document.json").read_bytes())
    tables = {path.stem: pd.read_parquet(path) for path in sorted((folder / "tables").glob("*.parquet"))}
    arrays_file = folder / "arrays.safetensors"
    arrays = load_file(arrays_file) if arrays_file.exists() else {}
    return Stored(document=document, tables=tables, arrays=arrays)
