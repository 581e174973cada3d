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
    """All that an augmentation does to pictures but mixing them, by the reference kernel."""
    out, means = x.copy(), x.mean(axis=(1, 2, 3))
    moves = augmentation.moves(rows, seed, epoch, x.shape[1:], means)
    if moves is not None:
        nearest = augmentation.fill_mode == "nearest"
        get_ops("reference").warp_affine(
            x, moves.matrices, moves.tones, nearest, out, moves.colors, moves.boxes
        )
    augmentation.finish(out, rows, seed, epoch)
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
    monkeypatch.setattr("cortex_lab.data._changes.uniform", lambda *_: np.full((1, 7), 1.0))
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
        ({"crop": -1}, "crop must be a whole number of at least 0"),
        ({"cutout": 1.5}, "cutout must be from 0 to 1"),
        ({"noise": -0.1}, "noise must be a finite number of at least 0"),
        ({"saturation_range": 2}, "saturation_range must be from 0 to 1"),
        ({"hue_range": 200}, "hue_range must be from 0 to 180"),
        ({"time_shift": 1.1}, "time_shift must be from 0 to 1"),
        ({"time_mask": -0.1}, "time_mask must be from 0 to 1"),
        ({"feature_mask": float("nan")}, "feature_mask must be a finite number"),
        ({"mixup": -1}, "mixup must be a finite number of at least 0"),
        ({"cutmix": float("inf")}, "cutmix must be a finite number"),
        ({"crop": 1, "time_mask": 0.1}, "crop is done to pictures and time_mask to sequences; choose one"),
    ],
)
def test_what_makes_no_sense_is_refused(settings, says):
    with pytest.raises(ValueError, match=says):
        Augmentation(**settings)


def darker(picture, draw):
    return picture * draw.random()


FINISHING = {
    "colors": Augmentation(saturation_range=0.5, hue_range=90),
    "cutout": Augmentation(cutout=0.5),
    "noise": Augmentation(noise=0.1),
    "one's own": Augmentation(then=darker),
    "all": Augmentation(saturation_range=0.5, hue_range=20, cutout=0.3, noise=0.1, then=darker),
}


@pytest.mark.parametrize("name", FINISHING)
def test_what_moves_nothing_is_drawn_by_seed_epoch_and_row(name):
    x, each = np.random.default_rng(0).random((3, 6, 8, 3)), FINISHING[name]
    one = warped(each, x)
    assert np.abs(one - x).max() > 0.01
    np.testing.assert_array_equal(warped(each, x[::-1], ROWS[::-1])[::-1], one)
    np.testing.assert_array_equal(warped(each, x[1:2], ROWS[1:2]), one[1:2])
    many = np.broadcast_to(x[:1], (40, *x.shape[1:])).copy()
    for other in (
        warped(each, many, np.arange(40), 1), warped(each, many, np.arange(40), 2),
        warped(each, many, np.arange(40), 1, 1), warped(each, many, np.arange(40, 80), 1),
    ):  # fmt: skip
        assert len(np.unique(other.reshape(40, -1), axis=0)) > 20


def test_a_crop_moves_whole_pixels_in_every_direction(x):
    x = np.broadcast_to(x[:1], (900, *x.shape[1:])).copy()
    found = warped(Augmentation(crop=2), x, np.arange(900))
    moved = []
    padded = np.pad(x[0], ((2, 2), (2, 2), (0, 0)))
    for picture in found:
        places = [
            (top, left) for top in range(5) for left in range(5)
            if np.array_equal(padded[top : top + 6, left : left + 8], picture)
        ]  # fmt: skip
        assert len(places) == 1
        moved += places
    counts = np.unique(moved, axis=0, return_counts=True)[1]
    assert len(counts) == 25 and counts.min() > 15


def test_pictures_are_mirrored_in_every_second_epoch():
    rows = np.arange(400)
    x = np.broadcast_to(np.arange(4.0).reshape(1, 1, 4, 1), (400, 2, 4, 1)).copy()
    each = Augmentation(alternate_flip=True)
    flips = [
        np.isclose(warped(each, x, rows, epoch=epoch), x[:, :, ::-1]).all(axis=(1, 2, 3))
        for epoch in range(4)
    ]
    assert 0.4 < flips[0].mean() < 0.6 and (flips[0] ^ flips[1]).all()
    np.testing.assert_array_equal(flips[0], flips[2])
    np.testing.assert_array_equal(flips[1], flips[3])


def test_colors_leave_gray_and_lightness_as_they_are():
    x = np.random.default_rng(0).random((3, 4, 4, 3))
    each, weights = Augmentation(saturation_range=0.9, hue_range=180), np.array([0.299, 0.587, 0.114])
    np.testing.assert_allclose(warped(each, x) @ weights, x @ weights, atol=1e-12)
    gray = np.repeat(x[..., :1], 3, axis=3)
    np.testing.assert_allclose(warped(each, gray), gray, atol=1e-3)


def test_cutout_is_a_square_of_zeros_that_may_lie_partly_outside():
    x, rows = np.ones((300, 10, 10, 1)), np.arange(300)
    zeros = (warped(Augmentation(cutout=0.4), x, rows) == 0).sum(axis=(1, 2, 3))
    assert zeros.max() == 16 and zeros.min() < 16 and (zeros > 0).mean() > 0.9


def test_a_function_of_ones_own_gives_back_a_picture():
    with pytest.raises(ValueError, match=r"then is to give back .*\(6, 8, 2\), and gave .* \(8, 2\)"):
        warped(Augmentation(then=lambda picture, draw: picture[0]), np.ones((3, 6, 8, 2)))
    with pytest.raises(TypeError, match="then must be a function"):
        Augmentation(then=3)
    with pytest.raises(ValueError, match="horizontal_flip or by alternate_flip; choose one"):
        Augmentation(horizontal_flip=True, alternate_flip=True)


NO_DRAWS = {
    "seed": [1.5, -1, True, None, "1", float("nan"), 2**64],
    "epoch": [1.5, -1, True, None, "1", float("nan"), 2**64],
    "rows": [None, 3, "x", [[1]], [1.5], [-1], [True]],
    "height": [0, -1, 1.5, True, None, float("nan"), float("inf")],
    "width": [0, -1, 1.5, True, None, float("nan"), float("inf")],
}
DRAWN = {
    "matrices": {"rows": [0, 1], "seed": 0, "epoch": 0, "height": 4, "width": 4},
    "tones": {"rows": [0, 1], "seed": 0, "epoch": 0, "means": np.zeros(2)},
    "moves": {"rows": [0, 1], "seed": 0, "epoch": 0, "shape": (4, 4, 3), "means": np.zeros(2)},
    "finish": {"values": np.zeros((2, 4, 4, 3), np.float32), "rows": [0, 1], "seed": 0, "epoch": 0},
    "mixture": {"rows": [0, 1], "seed": 0, "epoch": 0, "among": np.arange(9), "shape": (4, 4, 3)},
}


@pytest.mark.parametrize("name", DRAWN)
def test_what_draws_are_a_function_of_is_refused_by_name(name):
    augmentation, given = Augmentation(cutout=0.5, rotation_range=10, crop=1, noise=0.1), DRAWN[name]
    getattr(augmentation, name)(**given)
    for argument in given.keys() & NO_DRAWS.keys():
        for value in NO_DRAWS[argument]:
            with pytest.raises(ValueError, match=f"{argument} must be"):
                getattr(augmentation, name)(**{**given, argument: value})
