from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cortex_lab.widgets.chart.palette import CATEGORIES, CATEGORIES_ON_DARK
from cortex_lab.widgets.chart.scales import GrowingCurve, StickyLimit, nice_ceiling


@given(st.floats(1e-12, 1e12))
def test_a_nice_ceiling_is_round_and_not_far_above(value):
    ceiling = nice_ceiling(value)
    assert value * (1 - 1e-8) <= ceiling <= 1.51 * value
    assert nice_ceiling(ceiling) == ceiling
    assert len(f"{ceiling:.12g}".strip("0.").replace(".", "").split("e")[0].rstrip("0")) <= 2


def test_a_sticky_limit_grows_at_once_and_shrinks_late():
    limit = StickyLimit(share=0.4)
    assert limit.cover(1.1) == 1.2
    assert limit.cover(1.0) == 1.2 and limit.cover(0.5) == 1.2
    assert limit.cover(1.3) == 1.5
    assert limit.cover(0.5) == 0.5
    assert limit.cover(float("inf")) == 0.5
    assert limit.cover(0.0) == nice_ceiling(limit.smallest)


@given(st.integers(0, 30_000), st.integers(0, 10))
def test_a_thinned_curve_is_short_ordered_and_keeps_its_peaks(length, seed):
    values = np.random.default_rng(seed).normal(size=length)
    steps = np.arange(1.0, length + 1)
    x, y = GrowingCurve().decimate(steps, values)
    assert len(x) <= 1000 and (np.diff(x) >= 0).all()
    np.testing.assert_array_equal(values[x.astype(int) - 1], y)
    if length:
        assert y.max() == values.max() and y.min() == values.min()


def test_buckets_stay_where_they_are_while_the_curve_grows():
    values = np.random.default_rng(0).normal(size=9000)
    steps = np.arange(9000.0)
    before = GrowingCurve().decimate(steps[:8500], values[:8500])[0]
    after = GrowingCurve().decimate(steps, values)[0]
    settled = before[before < 8400]
    np.testing.assert_array_equal(after[: len(settled)], settled)


@pytest.mark.parametrize("length", [1, 5, 64, 700, 12_345])
def test_the_running_mean_is_over_the_last_sixteenth(length):
    values = np.random.default_rng(0).normal(size=length)
    x, y = GrowingCurve().running_mean(np.arange(length), values)
    assert len(x) <= 500 and x[-1] == length - 1
    for place, mean in zip(x, y, strict=True):
        assert mean == pytest.approx(values[place + 1 - max(1, (place + 1) // 16) : place + 1].mean())


@pytest.mark.parametrize("share_missing", [0.0, 0.3])
def test_a_curve_drawn_while_it_grows_is_the_curve_drawn_at_once(share_missing):
    random = np.random.default_rng(0)
    values = random.normal(size=20_000)
    values[random.random(len(values)) < share_missing] = np.nan
    steps = np.arange(1.0, len(values) + 1)
    growing = GrowingCurve()
    # Now and then it is asked about less than it has seen: somebody looked earlier and draws later.
    for length in (0, 1, 900, 1001, 1003, 1500, 1400, 5000, 5001, 12_000, 11_990, 20_000):
        known, fresh = growing.recorded(steps[:length], values[:length]), GrowingCurve()
        expected = np.isfinite(values[:length])
        np.testing.assert_array_equal(known, (steps[:length][expected], values[:length][expected]))
        np.testing.assert_array_equal(growing.decimate(*known), fresh.decimate(*known))
        np.testing.assert_allclose(growing.running_mean(*known), fresh.running_mean(*known), atol=1e-12)


def test_a_growing_curve_looks_at_new_points_only():
    values = np.random.default_rng(0).normal(size=9000)
    steps, growing = np.arange(9000.0), GrowingCurve()
    early = growing.recorded(steps[:8500], values[:8500])
    before, _ = growing.decimate(*early)
    growing.running_mean(*early)
    values[:8000] = np.nan
    known = growing.recorded(steps, values)
    after, _ = growing.decimate(*known)
    np.testing.assert_array_equal(after[after < 8000], before[before < 8000])
    assert len(known[0]) == 9000 and np.isfinite(growing.running_mean(*known)[1]).all()


@pytest.mark.parametrize("colors", [CATEGORIES, CATEGORIES_ON_DARK], ids=["light", "dark"])
def test_no_two_categories_are_gray_and_all_are_told_apart(colors):
    found = {color: lab_of(color) for color in colors}
    gray = [color for color, (_, a, b) in found.items() if np.hypot(a, b) < 15]
    assert len(gray) <= 1
    distances = [np.linalg.norm(one - other) for one, other in itertools.combinations(found.values(), 2)]
    assert min(distances) > 22


def lab_of(color: str) -> np.ndarray:
    """A color in CIELAB, where distances are about as they are seen."""
    red_green_blue = np.array([int(color[place : place + 2], 16) for place in (1, 3, 5)]) / 255
    linear = np.where(
        red_green_blue <= 0.04045, red_green_blue / 12.92, ((red_green_blue + 0.055) / 1.055) ** 2.4
    )
    to_xyz = np.array([[0.4125, 0.3576, 0.1804], [0.2127, 0.7152, 0.0722], [0.0193, 0.1192, 0.9503]])
    x, y, z = np.cbrt(to_xyz @ linear / [0.9505, 1.0, 1.0888])
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])
