"""The measures against torch.distributions in float64, worked numbers, properties and edges, in both ways of computing.

`compare_logits` takes float32 logits through the compiled loops and float64 ones through torch: the same test data in
both dtypes holds both to the reference.
"""

import math
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as some
from torch.distributions import Categorical, kl_divergence

from analysis.language.measures import Disagreement, compare_logits
from cache.keys import VERSIONS

BOTH = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["kernels", "torch"])
KLS = ("kl_full", "kl_top", "kl_reverse", "js")


@dataclass
class Expected:
    """torch.distributions' own answers, in float64, for KL(tuned || base) and the rest."""

    base: Categorical
    tuned: Categorical

    @classmethod
    def of(cls, base: torch.Tensor, tuned: torch.Tensor) -> "Expected":
        return cls(Categorical(logits=base.double()), Categorical(logits=tuned.double()))

    def js(self) -> torch.Tensor:
        mean = Categorical(logits=torch.logaddexp(self.base.logits, self.tuned.logits))
        return (exact_kl(self.base, mean) + exact_kl(self.tuned, mean)) / 2

    def check(self, found: Disagreement, actual: torch.Tensor) -> None:
        close(found.kl_full, exact_kl(self.tuned, self.base))
        close(found.kl_reverse, exact_kl(self.base, self.tuned))
        close(found.js, self.js())
        close(found.base_entropy, self.base.entropy())
        close(found.tuned_entropy, self.tuned.entropy())
        close(found.base_logprob, self.base.log_prob(actual))
        close(found.tuned_logprob, self.tuned.log_prob(actual))


def close(found: np.ndarray | None, expected: torch.Tensor, atol: float = 1e-9) -> None:
    assert found is not None
    np.testing.assert_allclose(found, expected.numpy(), rtol=1e-12, atol=atol)


def exact_kl(first: Categorical, second: Categorical) -> torch.Tensor:
    """torch's own sum, without its shortcut: `kl_divergence` says infinity where a probability of the second is below
    float64 (1e-308), although its log-probability, and so the divergence, is a plain number."""
    theirs = kl_divergence(first, second)
    terms = (first.probs * (first.logits - second.logits)).nan_to_num(0.0)
    return torch.where(theirs.isinf(), terms.sum(-1), theirs)


def compare(base: torch.Tensor, tuned: torch.Tensor, top: int = 10, direction: str = "tuned-base") -> Disagreement:
    return compare_logits(base, tuned, torch.zeros(len(base), dtype=torch.long), top=top, direction=direction)


def logs(*rows: list[float]) -> torch.Tensor:
    return torch.tensor(rows).log()


@BOTH
@settings(max_examples=30, deadline=None)
@given(
    seed=some.integers(0, 2**31),
    size=some.sampled_from([1e-3, 1.0, 5.0, 30.0, 1e4]),
    top=some.integers(1, 40),
    vocabulary=some.integers(1, 70),
)
def test_every_measure_is_that_of_torch_distributions_in_float64(
    dtype: torch.dtype, seed: int, size: float, top: int, vocabulary: int
) -> None:
    random = torch.Generator().manual_seed(seed)
    base, tuned = ((torch.rand(4, vocabulary, generator=random) * 2 - 1) * size for _ in range(2))
    actual = torch.randint(0, vocabulary, (4,), generator=random)
    found = compare_logits(base.to(dtype), tuned.to(dtype), actual, top=top, direction="tuned-base")
    Expected.of(base, tuned).check(found, actual)
    kept = tuned.double().topk(min(top, vocabulary)).indices
    close(found.kl_top, exact_kl(*(Categorical(logits=side.double().gather(-1, kept)) for side in (tuned, base))))
    assert all((getattr(found, name) >= 0).all() for name in (*KLS, "base_entropy", "tuned_entropy"))
    assert found.js is not None and (found.js <= math.log(2)).all()


@BOTH
@settings(max_examples=30, deadline=None)
@given(seed=some.integers(0, 2**31), shift=some.sampled_from([0.0, 3.0, -500.0, 1e4]))
def test_symmetries_hold(dtype: torch.dtype, seed: int, shift: float) -> None:
    random = torch.Generator().manual_seed(seed)
    base, tuned = (torch.randn(3, 50, generator=random, dtype=torch.float64).mul(4).round().div(4) for _ in range(2))
    there, back = compare(base.to(dtype), tuned.to(dtype)), compare(tuned.to(dtype), base.to(dtype))
    for one, other in (("kl_full", "kl_reverse"), ("js", "js"), ("base_entropy", "tuned_entropy")):
        np.testing.assert_allclose(getattr(there, one), getattr(back, other), rtol=1e-10, atol=1e-12)
    moved = compare((base + shift).to(dtype), tuned.to(dtype))  # what is added to every logit changes no probability
    np.testing.assert_allclose(moved.kl_full, there.kl_full, rtol=1e-9, atol=1e-9)


@BOTH
def test_worked_numbers(dtype: torch.dtype) -> None:
    tuned, base = logs([0.5, 0.25, 0.25]).to(dtype), logs([0.25, 0.25, 0.5]).to(dtype)
    found = compare(base, tuned, top=2)
    # 1/2 log 2 + 1/4 log 1 - 1/4 log 2; over two tokens (2/3, 1/3) against (1/2, 1/2)
    assert found.kl_full == pytest.approx(0.25 * math.log(2), abs=1e-7)
    assert found.kl_top == pytest.approx(2 / 3 * math.log(4 / 3) + 1 / 3 * math.log(2 / 3), abs=1e-7)
    assert found.js == pytest.approx(0.5 * (0.5 * math.log(4 / 3) + 0.25 * math.log(2 / 3)) * 2, abs=1e-7)
    assert found.base_entropy == pytest.approx(1.5 * math.log(2), abs=1e-7)
    assert found.tuned_logprob == pytest.approx(math.log(0.5), abs=1e-7)


@BOTH
def test_equal_logits_differ_by_exactly_nothing(dtype: torch.dtype) -> None:
    logits = (torch.randn(8, 3000, generator=torch.Generator().manual_seed(0)) * 20).to(dtype)
    found = compare(logits, logits.clone())
    for name in KLS:
        assert (getattr(found, name) == 0.0).all(), name
    assert (found.base_top_ids == found.tuned_top_ids).all()


@BOTH
def test_distributions_without_common_tokens_are_log_2_apart(dtype: torch.dtype) -> None:
    found = compare(torch.tensor([[0.0, -1e4]], dtype=dtype), torch.tensor([[-1e4, 0.0]], dtype=dtype))
    assert found.js == pytest.approx(math.log(2), abs=1e-10)
    assert found.kl_full == pytest.approx(1e4) and found.kl_reverse == pytest.approx(1e4)


@BOTH
def test_tails_of_ten_thousand_keep_their_size(dtype: torch.dtype) -> None:
    tuned, base = torch.tensor([[1e4, -1e4, 0.0]], dtype=dtype), torch.tensor([[-1e4, 1e4, 0.0]], dtype=dtype)
    found = compare_logits(base, tuned, torch.tensor([2]), top=10, direction="tuned-base")
    assert found.kl_full == pytest.approx(2e4, abs=1e-6)
    assert found.base_logprob == pytest.approx(-1e4, abs=1e-6)


@BOTH
def test_a_token_the_first_model_rules_out_adds_nothing(dtype: torch.dtype) -> None:
    ruled_out, even = (torch.tensor([row], dtype=dtype) for row in ([0.0, -math.inf], [0.0, 0.0]))
    assert compare(ruled_out, ruled_out).kl_full == 0.0
    found = compare(even, ruled_out)
    assert found.kl_full == pytest.approx(math.log(2))
    assert found.kl_reverse == math.inf
    assert found.js == pytest.approx(0.5 * (math.log(4 / 3) + 0.5 * math.log(2 / 3) + 0.5 * math.log(2)))


@BOTH
@pytest.mark.parametrize("wrong", [math.nan, -math.nan, math.inf])
@pytest.mark.parametrize("measures", ["kl", "all"])
def test_logits_that_are_no_numbers_give_none_anywhere(dtype: torch.dtype, wrong: float, measures: str) -> None:
    logits = torch.zeros(3, 40, dtype=dtype)
    broken = logits.clone()
    broken[1, 33] = wrong
    for base, tuned in ((logits, broken), (broken, logits)):
        found = compare_logits(
            base,
            tuned,
            torch.tensor([0, 0, 0]),
            top=10,
            direction="tuned-base",
            measures=measures,  # type: ignore[arg-type]
        )
        assert np.isnan(found.kl_full).tolist() == [False, True, False]
        assert np.isnan(found.kl_top).tolist() == [False, True, False]


@BOTH
def test_the_papers_kl_takes_the_first_models_tokens(dtype: torch.dtype) -> None:
    tuned, base = torch.tensor([[3.0, 2.0, 0.0, 0.0]]), torch.tensor([[0.0, 0.0, 9.0, 9.0]])
    sides = (Categorical(logits=side[:, :2].double()) for side in (tuned, base))
    close(compare(base.to(dtype), tuned.to(dtype), top=2).kl_top, kl_divergence(*sides))


@BOTH
def test_ranks_and_alternatives_are_both_models_own(dtype: torch.dtype) -> None:
    base, tuned = logs([0.4, 0.3, 0.2, 0.1]).to(dtype), logs([0.1, 0.2, 0.3, 0.4]).to(dtype)
    found = compare_logits(base, tuned, torch.tensor([1]), top=10, direction="tuned-base")
    assert found.base_rank is not None and found.tuned_rank is not None
    assert (found.base_rank.tolist(), found.tuned_rank.tolist()) == ([2], [3])
    assert found.base_top_ids is not None and found.tuned_top_ids is not None
    assert (found.base_top_ids.tolist(), found.tuned_top_ids.tolist()) == ([[0, 1, 2, 3]], [[3, 2, 1, 0]])
    assert found.base_top is not None
    own, other, ranks = found.base_top[0]
    assert own == pytest.approx([0.4, 0.3, 0.2, 0.1]) and other == pytest.approx([0.1, 0.2, 0.3, 0.4])
    assert ranks.tolist() == [4, 3, 2, 1]


def test_equal_logits_are_ranked_by_their_id_and_share_the_better_rank() -> None:
    logits = torch.zeros(1, 100)
    logits[0, [70, 33]] = 1.0
    found = compare_logits(logits, logits, torch.tensor([70]), top=3, direction="tuned-base")
    assert found.base_top_ids is not None and found.base_top_ids.tolist() == [[33, 70, 0, 1, 2]]
    assert found.base_rank is not None and found.base_rank.tolist() == [1]


def test_the_other_direction_exchanges_the_kls_and_nothing_else() -> None:
    random = torch.Generator().manual_seed(3)
    base, tuned = (torch.randn(5, 60, generator=random) for _ in range(2))
    one, other = compare(base, tuned), compare(base, tuned, direction="base-tuned")
    np.testing.assert_allclose(one.kl_full, other.kl_reverse, rtol=1e-12)
    for name in ("js", "base_entropy", "tuned_entropy", "base_rank", "tuned_rank", "base_top_ids", "tuned_top_ids"):
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=1e-12, err_msg=name)


def test_asking_for_the_kls_alone_gives_the_same_kls() -> None:
    random = torch.Generator().manual_seed(4)
    base, tuned = (torch.randn(200, 333, generator=random) for _ in range(2))
    actual = torch.randint(0, 333, (200,), generator=random)
    few = compare_logits(base, tuned, actual, top=10, direction="tuned-base", measures="kl")
    everything = compare_logits(base, tuned, actual, top=10, direction="tuned-base")
    assert few.js is None and few.base_top is None and few.tuned_rank is None
    for name in ("kl_full", "kl_top", "base_logprob", "tuned_logprob"):
        np.testing.assert_allclose(getattr(few, name), getattr(everything, name), rtol=1e-12, atol=1e-13)


def test_rows_of_bfloat16_are_taken_at_their_value() -> None:
    random = torch.Generator().manual_seed(5)
    base, tuned = (torch.randn(3, 90, generator=random).bfloat16() for _ in range(2))
    Expected.of(base, tuned).check(compare(base, tuned), torch.zeros(3, dtype=torch.long))


def test_a_result_known_today_stays_what_it_is() -> None:
    # Golden values: a change here means that stored reports say something else, so "divergence" in VERSIONS must rise.
    at = torch.arange(3 * 50, dtype=torch.float64).reshape(3, 50)
    base, tuned = (3 * torch.sin(at * 0.7)).float(), (3 * torch.sin(at * 0.7 + 0.4)).float()
    found = compare_logits(base, tuned, torch.tensor([4, 40, 17]), top=10, direction="tuned-base")
    known = {
        "kl_full": [0.191284498364, 0.19844054871, 0.186250824914],
        "kl_top": [0.06329870219, 0.07893195491, 0.076153546481],
        "kl_reverse": [0.191149397377, 0.198144308649, 0.186269011947],
        "js": [0.046234155414, 0.047922101885, 0.045097920378],
        "tuned_entropy": [3.129970614278, 3.020286745641, 3.091986158539],
    }
    for name, values in known.items():
        np.testing.assert_allclose(getattr(found, name), values, rtol=0, atol=1e-7, err_msg=name)
    assert found.tuned_rank is not None and found.tuned_rank.tolist() == [25, 12, 16]
    assert found.tuned_top_ids is not None and found.tuned_top_ids[0].tolist() == [2, 11, 20, 29, 38]
    assert VERSIONS["divergence"] == 4
