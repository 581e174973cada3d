"""What is drawn for a picture, as numbers: matrices, colors and squares."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from cortex_lab.data._draws import uniform
from cortex_lab.ground import checks

STREAM = 0x5A17_A06E
"""Keeps these draws apart from those that shuffle."""
ALTERNATING, OWN = 0xA17E_12A7, 0x0C0D_E5ED << 24

# Which of a row's draws are for what: files and scripts repeat a training, so none changes its place.
MOVES, TONES, CROP, COLORS, CUTOUT = (0, 7), (7, 9), (9, 11), (11, 13), (13, 15)
TIME_SHIFT, TIME_MASK, FEATURE_MASK, MIXTURE = (15, 16), (16, 18), (18, 20), (20, 25)

_YIQ = np.array([[0.299, 0.587, 0.114], [0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]])
"""Lightness and two of color, of red, green and blue."""
_FROM_YIQ = np.linalg.inv(_YIQ)


def drawn(seed: int, epoch: int, rows: np.ndarray, which: tuple[int, int]) -> np.ndarray:
    """(n, k) numbers from 0 to 1 for each of `rows` in this epoch: those from one place to another."""
    numbers = checks.numbers("rows", rows, "numbers of rows, such as numpy.arange(8)")
    if numbers.ndim != 1 or (numbers.size and (numbers.dtype.kind not in "iu" or numbers.min() < 0)):
        raise checks.refused("rows", "numbers of rows, such as numpy.arange(8)", rows)
    stream = STREAM + checks.whole("epoch", epoch, least=0)
    return uniform(checks.seed("seed", seed), stream, numbers, which[1] - which[0], which[0])


def own_draws(seed: int, epoch: int, rows: np.ndarray) -> Iterator[tuple[int, np.random.Generator]]:
    """Each row's number, and a generator of its own in this epoch."""
    drawn(seed, epoch, rows, (0, 0))
    for row in np.asarray(rows).tolist():
        # Each row begins far from where others go on.
        key, counter = np.array([seed, OWN + epoch], np.uint64), np.array([0, row, 0, 0], np.uint64)
        yield row, np.random.Generator(np.random.Philox(key=key, counter=counter))


def matrices(
    asked: Any,
    rows: np.ndarray,
    seed: int,
    epoch: int,
    size: tuple[int, int],
    draws: np.ndarray,
    crop: np.ndarray | None,
) -> np.ndarray:
    """(n, 2, 3): turned after sheared after enlarged and mirrored, around the middle, and then moved."""
    draws = 2 * draws.T - 1
    n = draws.shape[1]
    rows_by = columns_by = np.ones(n)
    if asked.zoom_range:
        rows_by = columns_by = 1 / (1 + draws[2] * asked.zoom_range)
    if asked.vertical_flip:
        rows_by = np.where(draws[3] < 0, -rows_by, rows_by)
    if asked.alternate_flip:
        first = uniform(seed, ALTERNATING, rows, 1)[:, 0] < 0.5
        columns_by = np.where(first ^ bool(epoch % 2), -columns_by, columns_by)
    elif asked.horizontal_flip:
        columns_by = np.where(draws[4] < 0, -columns_by, columns_by)
    found = np.zeros((2, 3, n))
    if asked.rotation_range or asked.shear_range:
        angle = np.radians(draws[0] * asked.rotation_range)
        cos, sin = np.cos(angle), np.sin(angle)
        slope = np.tan(np.radians(draws[1] * asked.shear_range)) if asked.shear_range else 0.0
        found[0, 0], found[0, 1] = (cos - sin * slope) * rows_by, -sin * columns_by
        found[1, 0], found[1, 1] = (sin + cos * slope) * rows_by, cos * columns_by
    else:
        found[0, 0], found[1, 1] = rows_by, columns_by
    middle = np.array([(size[0] - 1) / 2, (size[1] - 1) / 2])[:, np.newaxis]
    begin = middle + draws[5:7] * asked.shift_range * np.array(size)[:, np.newaxis]
    if crop is not None:
        begin = begin + np.floor(crop.T * (2 * asked.crop + 1)) - asked.crop
    found[:, 2] = middle - (found[:, 0] * begin[0] + found[:, 1] * begin[1])
    return np.ascontiguousarray(found.transpose(2, 0, 1))


def turned_colors(asked: Any, draws: np.ndarray) -> np.ndarray:
    """(n, 3, 3): what makes the new red, green and blue of the old; gray stays the gray it was."""
    angle = np.radians((2 * draws[:, 0] - 1) * asked.hue_range)
    size = 1 + (2 * draws[:, 1] - 1) * asked.saturation_range
    turned = np.zeros((len(draws), 3, 3))
    turned[:, 0, 0] = 1
    turned[:, 1, 1] = turned[:, 2, 2] = size * np.cos(angle)
    turned[:, 2, 1] = size * np.sin(angle)
    turned[:, 1, 2] = -turned[:, 2, 1]
    return _FROM_YIQ @ turned @ _YIQ


def boxes(asked: Any, draws: np.ndarray, height: int, width: int) -> np.ndarray:
    """(n, 4): top, bottom, left and right of a square, which may lie partly outside."""
    side = round(asked.cutout * max(height, width))
    first = (draws * [height + 1, width + 1]).astype(np.int64) - side // 2
    return np.stack([first[:, 0], first[:, 0] + side, first[:, 1], first[:, 1] + side], axis=1)
