"""The spectral restoration against numpy's float64 decomposition, its threshold against published numbers."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.weights.blends_spectral import (
    dropped_directions,
    marchenko_pastur_median,
    noise_directions,
    omega,
    without_weakest,
)


def reference(base: np.ndarray, tuned: np.ndarray, percent: float) -> np.ndarray:
    """p + U S' V^T, float64, whole decomposition."""
    d = tuned.astype(float) - base.astype(float)
    u, sizes, v = np.linalg.svd(d, full_matrices=False)
    kept = len(sizes) - int(len(sizes) * percent / 100)
    return base + (u[:, :kept] * sizes[:kept]) @ v[:kept]


def test_a_diagonal_update_loses_its_smallest_entry() -> None:
    base = np.ones((3, 3), np.float32)
    tuned = base + np.diag([1, 3, 2]).astype(np.float32)
    out = without_weakest(base, tuned, 34).numpy()  # a third of three directions
    np.testing.assert_allclose(out, base + np.diag([0, 3, 2]), atol=1e-6)


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 12), st.integers(1, 12), st.sampled_from([0, 10, 25, 50, 75, 99]), st.integers(0, 1000))
def test_it_agrees_with_a_whole_decomposition_in_float64(rows: int, columns: int, percent: float, seed: int) -> None:
    random = np.random.default_rng(seed)
    base, d = (random.normal(size=(rows, columns)).astype(np.float32) for _ in range(2))
    tuned = base + 0.01 * d
    out = without_weakest(base, tuned, percent).numpy()
    np.testing.assert_allclose(out, reference(base, tuned, percent), atol=1e-6)


def test_what_is_left_is_the_nearest_matrix_of_its_rank() -> None:
    random = np.random.default_rng(0)
    base, tuned = np.zeros((20, 30), np.float32), random.normal(size=(20, 30)).astype(np.float32)
    sizes = np.linalg.svd(tuned, compute_uv=False)
    out = without_weakest(base, tuned, 50).numpy()
    assert np.linalg.matrix_rank(out, tol=1e-4) == 10
    assert ((out - tuned) ** 2).sum() == pytest.approx((sizes[10:] ** 2).sum(), rel=1e-5)


def test_only_matrices_have_directions() -> None:
    assert dropped_directions((8,), 99) == dropped_directions((), 99) == dropped_directions((2, 8, 8), 99) == 0
    assert [dropped_directions((8, 100), percent) for percent in (0, 12, 12.5, 99, 100)] == [0, 0, 1, 7, 8]


def test_omega_is_the_published_one() -> None:
    """Gavish and Donoho 2014: omega(1) = 2.858, and a cubic that is within 0.02 of omega everywhere."""
    assert omega(1.0) == pytest.approx(2.858, abs=5e-4)
    assert marchenko_pastur_median(1.0) == pytest.approx(0.6528, abs=1e-4)
    for beta in np.linspace(0.02, 1, 25):
        assert omega(float(beta)) == pytest.approx(0.56 * beta**3 - 0.95 * beta**2 + 1.82 * beta + 1.43, abs=0.02)


def test_the_median_is_the_median_of_a_random_matrix() -> None:
    random = np.random.default_rng(1)
    for beta in (0.25, 1.0):
        noise = random.normal(size=(int(400 * beta), 400))
        squares = np.linalg.svd(noise, compute_uv=False) ** 2 / 400
        assert np.median(squares) == pytest.approx(marchenko_pastur_median(beta), rel=0.03)


def test_the_threshold_tells_a_strong_direction_from_noise() -> None:
    random = np.random.default_rng(2)
    noise = random.normal(size=(60, 90))
    signal = 200 * np.outer(random.normal(size=60) / 60**0.5, random.normal(size=90) / 90**0.5)
    assert noise_directions(np.linalg.svd(noise, compute_uv=False), noise.shape) == 60
    assert noise_directions(np.linalg.svd(noise + signal, compute_uv=False), noise.shape) == 59


def test_the_smaller_side_may_be_either() -> None:
    random = np.random.default_rng(3)
    base, tuned = np.zeros((6, 4), np.float32), random.normal(size=(6, 4)).astype(np.float32)
    for percent in (25, 75):
        tall = without_weakest(base, tuned, percent)
        wide = without_weakest(base.T.copy(), tuned.T.copy(), percent)
        torch.testing.assert_close(tall, wide.T, atol=1e-6, rtol=0)
