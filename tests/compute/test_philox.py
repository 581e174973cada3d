from __future__ import annotations

import numpy as np
import pytest

from cortex_lab.compute import get_ops
from cortex_lab.compute.kernels.random import philox

# Known answers of Random123 (kat_vectors, philox4x32-10) for a counter and key of zeros.
ZEROS = (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)


def test_known_answers():
    assert tuple(philox(np, 4, seed=0, step=0, stream=0).tolist()) == ZEROS


def test_words_depend_on_their_place_alone():
    whole = philox(np, 103, 5, 6, 7)
    for count in (1, 4, 50):
        np.testing.assert_array_equal(philox(np, count, 5, 6, 7), whole[:count])


@pytest.mark.parametrize(
    "change", [{"seed": 2}, {"step": 2}, {"stream": 2}, {"seed": 1 + 2**32}, {"step": 1 + 2**32}]
)
def test_every_key_matters(change: dict[str, int]):
    key = {"seed": 1, "step": 1, "stream": 1}
    one, other = philox(np, 1000, **key), philox(np, 1000, **{**key, **change})
    assert (one == other).mean() < 0.01


@pytest.mark.parametrize("backend", ["reference", "cpu"])
def test_uniform_draws_are_uniform(backend: str):
    ops = get_ops(backend)
    draws = ops.empty((100_000,))
    ops.random_uniform(draws, 3, 4, 5)
    assert draws.min() >= 0
    assert draws.max() < 1
    assert draws.mean() == pytest.approx(0.5, abs=0.005)
    assert draws.var() == pytest.approx(1 / 12, abs=0.002)


@pytest.mark.parametrize("backend", ["reference", "cpu"])
def test_normal_draws_are_normal(backend: str):
    ops = get_ops(backend)
    draws = ops.empty((100_001,))
    ops.random_normal(draws, 3, 4, 5)
    assert draws.mean() == pytest.approx(0, abs=0.02)
    assert draws.var() == pytest.approx(1, abs=0.02)
    assert (np.abs(draws) < 1.959964).mean() == pytest.approx(0.95, abs=0.005)


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.5, 0.9])
def test_dropout_keeps_its_rate_and_the_mean(rate: float):
    masks = []
    for backend in ("reference", "cpu"):
        ops = get_ops(backend)
        mask = ops.empty((300, 400))
        ops.dropout_mask(mask, rate, 9, 8, 7)
        masks.append(mask)
    assert (masks[0] == 0).mean() == pytest.approx(rate, abs=0.01)
    assert masks[0].mean() == pytest.approx(1, abs=0.02)
    np.testing.assert_array_equal(masks[0] == 0, masks[1] == 0)
