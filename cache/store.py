"""The results store: one folder a result, written whole or not at all, shared by browser, command line and cluster.

Layout under the home folder: `results/<kind>/<digest>/` holds manifest.json, document.json, tables/*.parquet and
arrays.safetensors.
A result is written into `partial/` and renamed into place, so whoever sees the folder sees all of it; the manifest
names every file with its size, and a folder that disagrees with its manifest counts as absent. Knows nothing of what
the results mean.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd
from filelock import FileLock
from safetensors.numpy import load_file, save_file

from analysis.errors import StoreError
from analysis.records import ResultKey, Stored
from cache.keys import key_digest

SCHEMA = 1


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

    def folder(self, key: ResultKey) -> Path:
        """Where this key's result lies, or would lie."""
        return self.home / "results" / key.kind / key_digest(key)

    def get(self, key: ResultKey) -> Stored | None:
        """The result under this key, or None when there is none or its files are damaged."""
        folder = self.folder(key)
        if not _is_whole(folder):
            return None
        try:
            return _read(folder)
        except FileNotFoundError:  # deleted by another process between the two looks
            return None
        except (OSError, ValueError, msgspec.MsgspecError) as error:
            raise StoreError(
                f"The stored result {folder} cannot be read: {error}. Delete that folder; it will be computed again."
            ) from error

    def document(self, key: ResultKey) -> dict[str, Any] | None:
        """Only the JSON document of a result: what a list of many results needs."""
        folder = self.folder(key)
        return msgspec.json.decode((folder / "document.json").read_bytes()) if _is_whole(folder) else None

    def put(self, key: ResultKey, result: Stored) -> None:
        """Write a result whole; where another process was quicker, its equal result stays."""
        folder = self.folder(key)
        if _is_whole(folder):
            return
        try:
            self._put(key, result, folder)
        except OSError as error:
            raise StoreError(
                f"The result could not be written under {self.home}: {error.strerror or error}. What was stored "
                "before is untouched. Free space there, or set PALIMPSEST_HOME to another folder."
            ) from error

    def _put(self, key: ResultKey, result: Stored, folder: Path) -> None:
        partial_home = self.home / "partial"
        partial_home.mkdir(parents=True, exist_ok=True)
        folder.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(dir=partial_home))
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

    def delete(self, key: ResultKey) -> None:
        """Forget a result."""
        shutil.rmtree(self.folder(key), ignore_errors=True)

    @contextmanager
    def lock(self, key: ResultKey) -> Iterator[None]:
        """Hold this key against other processes, so that long work is done once."""
        locks = self.home / "locks"
        locks.mkdir(parents=True, exist_ok=True)
        with FileLock(locks / f"{key_digest(key)}.lock"):
            yield

    def entries(self, kind: str) -> list[Entry]:
        """Every result of a kind, oldest first; manifests never change, so each is read once."""
        folder = self.home / "results" / kind
        found = sorted(folder.iterdir()) if folder.is_dir() else []
        entries = [entry for path in found if (entry := self._entry(path)) is not None]
        return sorted(entries, key=lambda entry: entry.created)

    def _entry(self, folder: Path) -> Entry | None:
        if folder not in self._entries:
            manifest = _manifest(folder)
            if manifest is None:
                return None
            self._entries[folder] = Entry(
                digest=folder.name,
                kind=manifest["kind"],
                version=manifest["version"],
                parts=manifest["parts"],
                bytes=sum(manifest["files"].values()),
                created=manifest["created"],
            )
        return self._entries[folder]


def _manifest(folder: Path) -> dict[str, Any] | None:
    try:
        manifest = msgspec.json.decode((folder / "manifest.json").read_bytes())
    except (OSError, msgspec.MsgspecError):
        return None
    return manifest if isinstance(manifest, dict) and manifest.get("schema") == SCHEMA else None


def _is_whole(folder: Path) -> bool:
    manifest = _manifest(folder)
    if manifest is None:
        return False
    try:
        return all((folder / name).stat().st_size == size for name, size in manifest["files"].items())
    except OSError:
        return False


def _write(folder: Path, key: ResultKey, result: Stored) -> None:
    (folder / "document.json").write_bytes(msgspec.json.encode(dict(result.document)))
    if result.tables:
        (folder / "tables").mkdir()
    for name, table in result.tables.items():
        table.to_parquet(folder / "tables" / f"{name}.parquet", index=False)
    if result.arrays:
        save_file(
            {name: np.ascontiguousarray(array) for name, array in result.arrays.items()}, folder / "arrays.safetensors"
        )
    files = {str(path.relative_to(folder)): path.stat().st_size for path in sorted(folder.rglob("*")) if path.is_file()}
    newest = (folder / "document.json").stat().st_mtime
    manifest = {
        "schema": SCHEMA,
        "kind": key.kind,
        "version": key.version,
        "parts": dict(key.parts),
        "files": files,
        "created": newest,
    }
    (folder / "manifest.json").write_bytes(msgspec.json.encode(manifest))
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
