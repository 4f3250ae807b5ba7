"""Work on how much a restoration changes: counts, what a blend's values came to be, the spectral threshold.

A choice of weights is counted from the profile. A blend, and a choice in a small pair, is looked at once, value by
value, and that is stored with the count.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from analysis.errors import PalimpsestError
from analysis.records import Progress, Realised, RestoreCount, RestoreSpec, ResultKey, Silent, Stored
from cache.asked import Comparison
from cache.keys import VERSIONS, make_key
from cache.pairs import PairWork

if TYPE_CHECKING:
    from analysis.weights.blends_spectral import Spectrum
    from analysis.weights.pair import CheckpointPair
    from analysis.weights.profile import UpdateProfile


class CountWork(PairWork):
    """What restorations of a pair change, over one store."""

    def count(self, comparison: Comparison, spec: RestoreSpec, progress: Progress | None = None) -> RestoreCount:
        """How many parameters a spec restores, where they lie, and what becomes of them; reads the files once.

        What choices of weights really move is looked at for pairs whose values the profile holds, the small ones: for
        others it would cost another reading of both models, and all but the squared distance is known without.
        """
        known = self.known_count(comparison, spec)
        if known is not None and (known.realised is not None or self._profiled(comparison, spec).held is None):
            return known
        profile, pair = self._profiled(comparison, spec), self._pair(comparison)
        found = profile.count(spec, progress, pair=pair)
        if found.realised is None and profile.held is not None:
            found = replace(found, realised=_look(pair, profile, spec, progress or Silent()))
        if found.realised is not None:
            profile.looked[spec] = found
            self.store.put(_count_key(profile, spec), Stored(msgspec.to_builtins(found)))
        return found

    def known_count(self, comparison: Comparison, spec: RestoreSpec) -> RestoreCount | None:
        """The count, as far as no weight has to be read for it; None where nothing is known without."""
        profile = self._profiled(comparison, spec)
        if spec not in profile.looked:
            stored = self.store.get(_count_key(profile, spec))
            if stored is not None:
                profile.looked[spec] = msgspec.convert(stored.document, RestoreCount, strict=False)
        return None if profile.needs_files(spec) else profile.count(spec)

    def changed_percent(self, comparison: Comparison, spec: RestoreSpec) -> float:
        """The cliff of a spec's parameters, 0-100: the share of them that fine-tuning changed at all."""
        chosen = self._profiled(comparison, spec).chosen(spec)
        return 100 * sum(tensor.changed for tensor in chosen) / sum(tensor.elements for tensor in chosen)

    def spectrum(self, comparison: Comparison, progress: Progress | None = None) -> tuple[Spectrum, ...]:
        """What the hard threshold takes for noise in every matrix of the pair; computed once, stored."""
        from analysis.weights.blends_spectral import spectra

        known = self.known_spectrum(comparison)
        if known is not None:
            return known
        profile = self.profile(comparison, progress=progress)
        found = spectra(self._pair(comparison), progress or Silent())
        self.store.put(_spectrum_key(profile), Stored({"matrices": msgspec.to_builtins(found)}))
        return found

    def known_spectrum(self, comparison: Comparison) -> tuple[Spectrum, ...] | None:
        """The stored spectra of this pair, or None."""
        from analysis.weights.blends_spectral import Spectrum

        profile = self.known_profile(comparison)
        stored = self.store.get(_spectrum_key(profile)) if profile else None
        return msgspec.convert(stored.document["matrices"], tuple[Spectrum, ...]) if stored else None

    def noise_percent(self, comparison: Comparison, spec: RestoreSpec) -> float | None:
        """The percentage of `spectral` the hard threshold stands for among a spec's tensors; None before `spectrum`."""
        from analysis.weights.blends_spectral import noise_percent

        known = self.known_spectrum(comparison)
        if known is None:
            return None
        names = {tensor.name for tensor in self._profiled(comparison, spec).chosen(spec)}
        return noise_percent([matrix for matrix in known if matrix.name in names])

    def _profiled(self, comparison: Comparison, spec: RestoreSpec) -> UpdateProfile:
        profile = self.known_profile(comparison, spec.arithmetic)
        if profile is None:
            raise PalimpsestError(f"{comparison.name} has not been profiled yet. Load the pair first.", code="profile")
        return profile


def _look(pair: CheckpointPair, profile: UpdateProfile, spec: RestoreSpec, progress: Progress) -> Realised:
    from analysis.weights.realised import look
    from analysis.weights.restore import select

    names = {tensor.name for tensor in profile.chosen(spec)}
    return look(pair, select(pair, profile, spec, progress), names, progress)


def _count_key(profile: UpdateProfile, spec: RestoreSpec) -> ResultKey:
    parts = {"base": profile.base_id, "tuned": profile.tuned_id, "spec": spec.identity()}
    return make_key("blend", ranking=VERSIONS["profile"], **parts)


def _spectrum_key(profile: UpdateProfile) -> ResultKey:
    return make_key("spectrum", base=profile.base_id, tuned=profile.tuned_id)
