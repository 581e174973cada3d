"""Augmentation: the same picture for the same seed, epoch and row, and what each range does."""

from __future__ import annotations

import numpy as np
import pytest

from cortex_lab.compute import get_ops
from cortex_lab.data import Augmentation
from cortex_lab.data._draws import uniform

ROWS = np.array([3, 0, 12_345])
EVERYTHING = Augmentation(
    horizontal_flip=True, vertical_flip=True, rotation_range=20, shift_range=0.2, zoom_range=0.2,
    shear_range=10, brightness_range=0.1, contrast_range=0.3,
)  # fmt: skip


def warped(augmentation: Augmentation, x: np.ndarray, rows=ROWS, seed=1, epoch=0) -> np.ndarray:
    out = np.full_like(x, np.nan)
    matrices = augmentation.matrices(rows, seed, epoch, *x.shape[1:3])
    tones = augmentation.tones(rows, seed, epoch, x.mean(axis=(1, 2, 3)))
    nearest = augmentation.fill_mode == "nearest"
    get_ops("reference").warp_affine(x, matrices, tones, nearest, out)
    return out


@pytest.fixture
def x() -> np.ndarray:
    return np.random.default_rng(0).random((3, 6, 8, 2))


def test_nothing_asked_for_is_nothing_done(x):
    np.testing.assert_allclose(warped(Augmentation(), x), x, atol=1e-12)


def test_a_row_is_drawn_by_seed_and_epoch_whatever_the_batch(x):
    one = warped(EVERYTHING, x)
    np.testing.assert_array_equal(warped(EVERYTHING, x), one)
    np.testing.assert_array_equal(warped(EVERYTHING, x[::-1], ROWS[::-1])[::-1], one)
    np.testing.assert_array_equal(warped(EVERYTHING, x[1:2], ROWS[1:2]), one[1:2])
    for other in (
        warped(EVERYTHING, x, seed=2),
        warped(EVERYTHING, x, epoch=1),
        warped(EVERYTHING, x, ROWS + 1),
    ):
        assert all(np.abs(theirs - ours).max() > 0.01 for theirs, ours in zip(other, one, strict=True))


def test_half_of_the_pictures_are_mirrored():
    rows = np.arange(2000)
    x = np.broadcast_to(np.arange(4.0).reshape(1, 1, 4, 1), (2000, 2, 4, 1)).copy()
    found = warped(Augmentation(horizontal_flip=True), x, rows)
    mirrored = np.isclose(found, x[:, :, ::-1]).all(axis=(1, 2, 3))
    same = np.isclose(found, x).all(axis=(1, 2, 3))
    assert (mirrored ^ same).all() and 0.45 < mirrored.mean() < 0.55


def test_a_shift_moves_the_picture_and_fills_what_it_leaves(x):
    x = np.ones((400, 10, 10, 1))
    rows = np.arange(400)
    left = warped(Augmentation(shift_range=0.3), x, rows).sum(axis=(1, 2, 3))
    assert left.max() <= 100 + 1e-9 and left.min() > 100 * 0.7**2 - 1e-9 and left.std() > 5
    np.testing.assert_allclose(warped(Augmentation(shift_range=0.3, fill_mode="nearest"), x, rows), 1)


def test_a_quarter_turn_is_a_quarter_turn(monkeypatch):
    monkeypatch.setattr("cortex_lab.data.augmentation.uniform", lambda *_: np.full((1, 7), 1.0))
    matrix = Augmentation(rotation_range=90).matrices(np.zeros(1, int), 0, 0, 5, 5)
    x = np.random.default_rng(0).random((1, 5, 5, 1))
    out = np.empty_like(x)
    get_ops("reference").warp_affine(x, matrix, np.array([[1.0, 0.0]]), False, out)
    turned = [np.rot90(x[0], k) for k in (1, 3)]
    assert any(np.allclose(out[0], each) for each in turned)


def test_tones_keep_within_their_ranges(x):
    rows = np.arange(500)
    tones = Augmentation(brightness_range=0.2).tones(rows, 0, 0, np.zeros(500))
    assert (tones[:, 0] == 1).all() and np.abs(tones[:, 1]).max() <= 0.2 and tones[:, 1].std() > 0.1
    found = warped(Augmentation(contrast_range=0.5), x)
    np.testing.assert_allclose(found.mean(axis=(1, 2, 3)), x.mean(axis=(1, 2, 3)))
    assert (np.abs(found.std(axis=(1, 2, 3)) / x.std(axis=(1, 2, 3)) - 1) <= 0.5).all()


def test_draws_are_uniform_and_do_not_repeat():
    draws = uniform(7, 3, np.arange(20_000), 3)
    assert draws.min() >= 0 and draws.max() < 1 and len(np.unique(draws)) == draws.size
    counts = np.histogram(draws, 20)[0]
    assert np.abs(counts / counts.mean() - 1).max() < 0.1
    assert np.abs(np.corrcoef(draws.T) - np.eye(3)).max() < 0.03
    np.testing.assert_array_equal(uniform(7, 3, np.array([5]), 3), draws[5:6])


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"rotation_range": -1}, "rotation_range must be from 0 to 180"),
        ({"shift_range": float("nan")}, "shift_range must be a finite number"),
        ({"zoom_range": 1.0}, "zoom_range must be at least 0 and under 1"),
        ({"contrast_range": 2}, "contrast_range must be from 0 to 1"),
        ({"fill_mode": "reflect"}, "'constant' or 'nearest', got 'reflect'"),
    ],
)
def test_what_makes_no_sense_is_refused(settings, says):
    with pytest.raises(ValueError, match=says):
        Augmentation(**settings)
