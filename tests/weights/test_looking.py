"""What a large pair's profile knows without its files, and what it has to look up."""

from pathlib import Path

import pytest

from analysis.records import SELECTS, STRATEGIES, RestoreSpec
from analysis.weights import profile as profiles
from analysis.weights.pair import open_pair
from analysis.weights.profile import profile_pair

Pairs = dict[str, tuple[Path, Path]]


@pytest.mark.parametrize("dtype", ["bfloat16", "float32"])
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_large_pair_says_truly_whether_a_count_reads_its_weights(
    llama_pairs: Pairs, dtype: str, strategy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(profiles, "KEEP_PARAMETERS", 0)
    pair = open_pair(*llama_pairs[dtype])
    profile, spec = profile_pair(pair), RestoreSpec(37, strategy)  # type: ignore[arg-type]
    needed, read = profile.needs_files(spec), []

    def watched(self: object, entry: object, first: int, out: object) -> None:
        read.append(entry)
        plain(self, entry, first, out)  # type: ignore[arg-type]

    from analysis.weights.stream import FileReader

    plain = FileReader.read
    monkeypatch.setattr(FileReader, "read", watched)
    found = profile.count(spec)
    assert needed == bool(read)
    assert not profile.needs_files(spec)
    read.clear()
    assert profile.count(spec) == found and not read


def test_a_small_pair_looks_up_nothing_but_blends(llama_pairs: Pairs) -> None:
    profile = profile_pair(open_pair(*llama_pairs["float32"]))
    needing = {strategy for strategy in STRATEGIES if profile.needs_files(RestoreSpec(37, strategy))}
    assert needing == set(STRATEGIES) - set(SELECTS)
