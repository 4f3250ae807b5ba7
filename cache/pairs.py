"""Work on a pair of checkpoints: check, profile, write; and the lease of the one resident model."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.records import BLENDS, Arithmetic, CheckReport, Progress, RestoreSpec, ResultKey, Silent
from cache.asked import Comparison
from cache.housekeeping import bytes_under
from cache.identity import IdentityMemory
from cache.keys import VERSIONS, digest, make_key
from cache.memory import set_aside_the_living
from cache.models import ModelPool, PairModel, State
from cache.store import Store

if TYPE_CHECKING:
    from analysis.weights.pair import CheckpointPair
    from analysis.weights.profile import UpdateProfile
    from analysis.weights.write import WriteReport

PROFILES_HELD = 8
_SETTINGS = ("model.safetensors.index.json", "adapter_config.json")
Stamp = tuple[tuple[Any, ...], tuple[Any, ...]]


class PairWork:
    """What is done with the weights of a pair, over one store."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.store = Store(home)
        self._identity = IdentityMemory(home)
        self._pool = ModelPool()
        self._profiles: dict[str, UpdateProfile] = {}
        self._known_ids: dict[Comparison, tuple[Stamp, tuple[str, str]]] = {}

    def check(self, base: str, tuned: str) -> CheckReport:
        """What the headers say of a pair; never raises for what a user may have given."""
        from analysis.weights.pair import check_pair

        return check_pair(base, tuned)

    def profile(
        self,
        comparison: Comparison,
        arithmetic: Arithmetic = "exact",
        progress: Progress | None = None,
        device: str = "cpu",
    ) -> UpdateProfile:
        """The one pass over a pair: every threshold, histogram and content hash; counted on this device."""
        known = self.known_profile(comparison, arithmetic)
        if known is not None:
            return known
        progress = progress or Silent()
        with self.store.lock(_pass_key(comparison, arithmetic), progress):
            return self.known_profile(comparison, arithmetic) or self._pass(comparison, arithmetic, progress, device)

    def _pass(self, comparison: Comparison, arithmetic: Arithmetic, progress: Progress, device: str) -> UpdateProfile:
        from analysis.language.load import choose_device
        from analysis.weights.profile import profile_pair

        progress.report(0, 1, "preparing the kernels (compiled once on a machine)")
        import analysis.weights.kernels  # noqa: F401 - numba is big: set aside before the pass

        set_aside_the_living()
        pair = self._pair(comparison)
        where = device if device == "cpu" else choose_device(device)  # torch is loaded only where it is needed
        profile = profile_pair(pair, arithmetic=arithmetic, memory=self._identity, progress=progress, device=where)
        self.store.put(_profile_key(profile.base_id, profile.tuned_id, arithmetic), profile.to_stored())
        return self._keep_profile(profile)

    def known_profile(self, comparison: Comparison, arithmetic: Arithmetic = "exact") -> UpdateProfile | None:
        """The stored profile of this pair as its files are now, or None."""
        from analysis.weights.profile import UpdateProfile

        ids = self._ids(comparison)
        if ids is None:
            return None
        held = self._profiles.get(digest([*ids, arithmetic]))
        if held is not None:
            return held
        stored = self.store.get(_profile_key(*ids, arithmetic))
        return self._keep_profile(UpdateProfile.from_stored(stored)) if stored else None

    def profile_bytes(self, base_id: str, tuned_id: str) -> int:
        """How large the stored pass of these two is; 0 where there is none."""
        return bytes_under(self.store.folder(_profile_key(base_id, tuned_id, "exact")))

    def forget_profile(self, base_id: str, tuned_id: str) -> int:
        """Remove a pass from the store, where the tuned checkpoint goes away too: one more pass brings it back.

        Returns the bytes that this frees.
        """
        freed = self.profile_bytes(base_id, tuned_id)
        self.store.delete(_profile_key(base_id, tuned_id, "exact"))
        self._profiles.pop(digest([base_id, tuned_id, "exact"]), None)
        return freed

    def write_restored(
        self, comparison: Comparison, spec: RestoreSpec, out: Path, progress: Progress | None = None
    ) -> WriteReport:
        """Write the restored checkpoint into a new folder, whole or not at all."""
        from analysis.weights.write import write_restored

        progress = progress or Silent()
        profile = self.profile(comparison, spec.arithmetic, progress)
        return write_restored(self._pair(comparison), profile, spec, out, progress)

    def _pair(self, comparison: Comparison) -> CheckpointPair:
        from analysis.weights.pair import open_pair

        return open_pair(comparison.base, comparison.tuned)

    def _ids(self, comparison: Comparison) -> tuple[str, str] | None:
        """Both content ids where they are known; headers are parsed again only when a file's stat has changed."""
        from analysis.weights.identity import known_pair_ids

        stamp = (_stamp(comparison.base), _stamp(comparison.tuned))
        held = self._known_ids.get(comparison)
        if held is not None and held[0] == stamp:
            return held[1]
        ids = known_pair_ids(comparison.base, comparison.tuned, self._identity)
        if ids is not None:
            self._known_ids[comparison] = (stamp, ids)
        return ids

    def _keep_profile(self, profile: UpdateProfile) -> UpdateProfile:
        if len(self._profiles) >= PROFILES_HELD:
            self._profiles.pop(next(iter(self._profiles)))
        self._profiles[digest([profile.base_id, profile.tuned_id, profile.arithmetic])] = profile
        return profile

    def _known_dtype(self, checkpoint_id: str, asked: str) -> str | None:
        """The dtype this model is asked in; `auto` is decided once, where the model first runs, and remembered."""
        from analysis.language.load import DTYPES

        if asked != "auto":
            return DTYPES.get(asked, asked)
        decided = self._identity.get(f"dtype of {checkpoint_id}")
        return str(decided["dtype"]) if decided else None

    def _decide_dtype(self, checkpoint_id: str, source: str, asked: str) -> str:
        from analysis.language.load import choose_device, choose_dtype, free_memory_bytes
        from analysis.weights.checkpoint import open_checkpoint

        known = self._known_dtype(checkpoint_id, asked)
        if known is not None:
            return known
        free = free_memory_bytes(choose_device("auto"))
        decided = choose_dtype(asked, parameters=open_checkpoint(source).parameters, free_bytes=free)
        self._identity.put(f"dtype of {checkpoint_id}", {"dtype": decided})
        return decided

    @contextmanager
    def _lease(self, comparison: Comparison, dtype: str, progress: Progress) -> Iterator[PairModel]:
        from analysis.language.load import load_model

        def load() -> PairModel:
            progress.report(0, 1, "loading torch and the model")
            for library in ("torch", "transformers"):
                importlib.import_module(library)
                set_aside_the_living()
            lm = load_model(model_folder(comparison), dtype=dtype)
            return PairModel(lm, self._pair(comparison), lambda arithmetic: self.profile(comparison, arithmetic))

        with self._pool.lease(digest([comparison, self._ids(comparison), dtype]), load, progress) as model:
            yield model

    def weights_part(self, comparison: Comparison, state: State) -> dict[str, Any]:
        """What names this state's weights in a result's key; the pair's pass must have been made."""
        from analysis.weights.restore import state_id

        profile = self.known_profile(comparison, arithmetic_of(state))
        assert profile is not None  # callers profile first
        identity = state_id(profile, state)
        if identity in (profile.base_id, profile.tuned_id) or not isinstance(state, RestoreSpec):
            return {"checkpoint": identity}
        part = {"checkpoint": identity, "base": profile.base_id, "tuned": profile.tuned_id, "spec": state.identity()}
        algorithm = "blend" if state.strategy in BLENDS else "profile"  # the ranking decides which weights are chosen
        return part | {algorithm: VERSIONS[algorithm]}


def model_folder(comparison: Comparison) -> str:
    """The side whose architecture and tokenizer are run: the tuned one, or the base where tuned is an adapter on it."""
    from analysis.weights.adapter import is_adapter

    return comparison.base if is_adapter(Path(comparison.tuned).expanduser()) else comparison.tuned


def _stamp(source: str) -> tuple[Any, ...]:
    """What changes when a checkpoint's files do: name, inode, size and time of each; () where it is no local folder."""
    path = Path(source).expanduser()
    try:
        with os.scandir(path) as found:
            files = [file for file in found if file.name.endswith(".safetensors") or file.name in _SETTINGS]
            stats = sorted((file.name, file.stat()) for file in files)
    except NotADirectoryError:
        stats = [(path.name, path.stat())]
    except FileNotFoundError:
        stats = []
    return tuple((name, stat.st_ino, stat.st_size, stat.st_mtime_ns) for name, stat in stats)


def arithmetic_of(state: State) -> Arithmetic:
    """The arithmetic a state was ranked in; base and tuned need none and use `exact`."""
    return state.arithmetic if isinstance(state, RestoreSpec) else "exact"


def _pass_key(comparison: Comparison, arithmetic: Arithmetic) -> ResultKey:
    """What two processes on the same pass agree on before its ids are known: the files by name."""
    paths = [str(Path(source).expanduser().absolute()) for source in (comparison.base, comparison.tuned)]
    return make_key("profile", files=paths, arithmetic=arithmetic)


def _profile_key(base_id: str, tuned_id: str, arithmetic: Arithmetic) -> ResultKey:
    return make_key("profile", base=base_id, tuned=tuned_id, arithmetic=arithmetic)
