"""Activations as small pictures: how to cut them into tiles, scale them to bytes, and lay them out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

MOST_TILES = 64
MOST_UNITS = 1024
MOST_PIXELS = 32
ASPECT = 1.2


@dataclass(frozen=True)
class CutTiles:
    """Values of one layer, cut to be seen: (tiles, height, width), or (1, height, width, 3) in color.

    `total` is how many tiles there would be if all were shown.
    """

    values: np.ndarray
    total: int

    @property
    def in_color(self) -> bool:
        return self.values.ndim == 4


def as_tiles(activation: np.ndarray) -> CutTiles:
    """Cut the output of a layer for one row, (*shape), into tiles; what is too much is left out."""
    if activation.ndim == 3 and activation.shape[2] in (1, 3):
        picture = _thin(activation)
        return CutTiles(picture[None] if activation.shape[2] == 3 else picture[None, :, :, 0], 1)
    if activation.ndim == 3:
        maps = _thin(activation[:, :, :MOST_TILES])
        return CutTiles(np.ascontiguousarray(maps.transpose(2, 0, 1)), activation.shape[2])
    if activation.ndim == 2:
        return CutTiles(activation[None, : 4 * MOST_PIXELS, : 4 * MOST_PIXELS], 1)
    units = activation.ravel()
    return CutTiles(units[:MOST_UNITS].reshape(-1, 1, 1), len(units))


def _thin(picture: np.ndarray) -> np.ndarray:
    # A canvas tile is about 35 pixels high, so more could not be seen; pictures of the input may be larger.
    most = MOST_PIXELS if picture.shape[2] > 3 else 4 * MOST_PIXELS
    return thinned(picture, most)


def thinned(picture: np.ndarray, most: int) -> np.ndarray:
    """Every so manieth pixel of a picture (height, width, ...), at most about `most` on a side."""
    stride = max(1, -(-max(picture.shape[:2]) // most))
    return picture[::stride, ::stride]


def as_bytes(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Values from `low` to `high` as 0..255; what is not a number counts as `low`."""
    scaled = (values - np.float32(low)) * np.float32(255.0 / ((high - low) or 1.0))
    scaled += np.float32(0.5)
    # fmax and fmin pass over NaN.
    return np.fmin(np.fmax(scaled, 0), 255).astype(np.uint8)


def mosaic(values: np.ndarray, aspect: float = ASPECT) -> np.ndarray:
    """Tiles (n, height, width, ...) side by side, `aspect` as wide as high, with gaps of NaN."""
    _, height, width = values.shape[:3]
    rows, columns, gap = _grid(values, aspect)
    across, down = columns * (width + gap) - gap, rows * (height + gap) - gap
    whole = np.full((down, across, *values.shape[3:]), np.nan)
    for tile, picture in enumerate(values):
        top, left = corner(values, tile, aspect)
        whole[top : top + height, left : left + width] = picture
    return whole


def corner(values: np.ndarray, tile: int, aspect: float = ASPECT) -> tuple[int, int]:
    """The first row and column of a tile on the `mosaic` of all."""
    _, height, width = values.shape[:3]
    _, columns, gap = _grid(values, aspect)
    return (tile // columns) * (height + gap), (tile % columns) * (width + gap)


def frames_of(
    values: np.ndarray, chosen: np.ndarray, aspect: float = ASPECT
) -> list[tuple[int, int, int, int]]:
    """Where on the `mosaic` the tiles `chosen`, a bool each, stand: top, left, height and width of each."""
    return [(*corner(values, int(tile), aspect), *values.shape[1:3]) for tile in np.flatnonzero(chosen)]


def _grid(values: np.ndarray, aspect: float) -> tuple[int, int, int]:
    count, height, width = values.shape[:3]
    rows = max(1, round(np.sqrt(count * width / height / aspect)))
    return rows, -(-count // rows), 1 if height > 1 or width > 1 else 0
