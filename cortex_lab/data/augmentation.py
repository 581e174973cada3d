"""Pictures a little different in every epoch, each a pure function of (seed, epoch, row)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cortex_lab.data._draws import uniform
from cortex_lab.ground import checks
from cortex_lab.ground.described import Described

STREAM = 0x5A17_A06E
"""Keeps these draws apart from those that shuffle."""


@dataclass(frozen=True)
class Augmentation(Described):
    """What may be done to a picture (height, width, channels) before it is trained on.

    Every row is drawn anew in every epoch, and the same again whenever its step is repeated. Ranges are
    symmetric: `rotation_range=10` turns by -10 to 10.

    Parameters
    ----------
    horizontal_flip, vertical_flip
        Mirror half of the pictures, left to right or top to bottom.
    rotation_range, shear_range
        In degrees, around the middle of the picture.
    shift_range
        As a share of the picture's height and width, drawn for each.
    zoom_range
        0.1 enlarges or shrinks by up to a tenth.
    brightness_range
        What is added to all pixels, which are 0 to 1 if they come from bytes.
    contrast_range
        0.2 brings pixels nearer to the picture's mean, or takes them farther from it, by up to a fifth.
    fill_mode
        What lies beyond the edge: "constant" is zeros, "nearest" the pixel at the edge.

    ValueError for a range that is negative or makes no sense.
    """

    horizontal_flip: bool = False
    vertical_flip: bool = False
    rotation_range: float = 0.0
    shift_range: float = 0.0
    zoom_range: float = 0.0
    shear_range: float = 0.0
    brightness_range: float = 0.0
    contrast_range: float = 0.0
    fill_mode: str = "constant"

    def __post_init__(self) -> None:
        checks.number("rotation_range", self.rotation_range, 0, 180)
        checks.number("shift_range", self.shift_range, 0, 1)
        checks.number("zoom_range", self.zoom_range, least=0, under=1)
        checks.number("shear_range", self.shear_range, least=0, under=90)
        checks.number("brightness_range", self.brightness_range, least=0)
        checks.number("contrast_range", self.contrast_range, 0, 1)
        checks.choice("fill_mode", self.fill_mode, ("constant", "nearest"))

    def matrices(self, rows: np.ndarray, seed: int, epoch: int, height: int, width: int) -> np.ndarray:
        """(n, 2, 3) float64: for each of `rows`, where in the picture a pixel of the new one comes from.

        matrix @ (row, column, 1) is a (row, column), in pixels from the middle of the first.
        """
        draws = 2 * uniform(seed, STREAM + epoch, rows, 7) - 1
        angle, shear = (
            np.radians(draws[:, i] * size) for i, size in ((0, self.rotation_range), (1, self.shear_range))
        )
        zoom = 1 / (1 + draws[:, 2] * self.zoom_range)
        mirrors = [np.where((draws[:, 3 + i] < 0) & asked, -1.0, 1.0) for i, asked in enumerate(self._flips)]
        turned = np.stack([np.cos(angle), -np.sin(angle), np.sin(angle), np.cos(angle)], axis=-1).reshape(
            -1, 2, 2
        )
        sheared = np.zeros_like(turned)
        sheared[:, 0, 0], sheared[:, 1, 1], sheared[:, 1, 0] = 1, 1, np.tan(shear)
        scaled = np.zeros_like(turned)
        scaled[:, 0, 0], scaled[:, 1, 1] = zoom * mirrors[0], zoom * mirrors[1]
        linear = turned @ sheared @ scaled
        middle = np.array([(height - 1) / 2, (width - 1) / 2])
        shift = draws[:, 5:7] * self.shift_range * np.array([height, width])
        origin = middle - (linear @ (middle + shift)[:, :, np.newaxis])[:, :, 0]
        return np.concatenate([linear, origin[:, :, np.newaxis]], axis=2)

    def tones(self, rows: np.ndarray, seed: int, epoch: int, means: np.ndarray) -> np.ndarray:
        """(n, 2) float64: factor and summand for the pixels of each of `rows`, by each picture's mean."""
        draws = 2 * uniform(seed, STREAM + epoch, rows, 9)[:, 7:] - 1
        factor = 1 + draws[:, 0] * self.contrast_range
        return np.stack([factor, draws[:, 1] * self.brightness_range + (1 - factor) * means], axis=-1)

    @property
    def _flips(self) -> tuple[bool, bool]:
        return self.vertical_flip, self.horizontal_flip
