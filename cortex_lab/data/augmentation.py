"""Pictures a little different in every epoch, each a pure function of (seed, epoch, row)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from cortex_lab.data._draws import uniform
from cortex_lab.ground import checks
from cortex_lab.ground.described import Described

_YIQ = np.array([[0.299, 0.587, 0.114], [0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]])
"""Lightness and two of color, of red, green and blue."""
ALTERNATING, OWN = 0xA17E_12A7, 0x0C0D_E5ED << 24
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
    alternate_flip
        Mirror each picture left to right in every second epoch: half of them in the first, the others in the
        next (Jordan, 94% on CIFAR-10 in 3.29 seconds on a single GPU, 2024).
    crop
        Up to how many whole pixels a picture is moved up or down, left or right: as cropped, at its own size,
        out of one with so wide a border.
    saturation_range, hue_range
        Of pictures in three colors: 0.2 takes colors farther from gray, or nearer to it, by up to a fifth; in
        degrees, how far colors are turned.
    cutout
        The side of a square of zeros somewhere in the picture, as a share of its longer side (DeVries and
        Taylor, Improved regularization of convolutional neural networks with cutout, 2017).
    noise
        The standard deviation of what is added to each number, anew.
    then
        A function of your own, (picture, draw) -> picture, called last; what it draws from `draw`, a
        `numpy.random.Generator`, is a function of (seed, epoch, row) as well.

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
    alternate_flip: bool = False
    crop: int = 0
    saturation_range: float = 0.0
    hue_range: float = 0.0
    cutout: float = 0.0
    noise: float = 0.0
    then: Callable[[np.ndarray, np.random.Generator], np.ndarray] | None = None

    def __post_init__(self) -> None:
        checks.number("rotation_range", self.rotation_range, 0, 180)
        checks.number("shift_range", self.shift_range, 0, 1)
        checks.number("zoom_range", self.zoom_range, least=0, under=1)
        checks.number("shear_range", self.shear_range, least=0, under=90)
        checks.number("brightness_range", self.brightness_range, least=0)
        checks.number("contrast_range", self.contrast_range, 0, 1)
        checks.choice("fill_mode", self.fill_mode, ("constant", "nearest"))
        checks.flag("alternate_flip", self.alternate_flip)
        if self.alternate_flip and self.horizontal_flip:
            raise ValueError("pictures are mirrored by horizontal_flip or by alternate_flip; choose one")
        checks.whole("crop", self.crop, least=0)
        checks.number("saturation_range", self.saturation_range, 0, 1)
        checks.number("hue_range", self.hue_range, 0, 180)
        checks.number("cutout", self.cutout, 0, 1)
        checks.number("noise", self.noise, least=0)
        if self.then is not None:
            checks.function("then", self.then, "a function (picture, draw) -> picture")

    def matrices(self, rows: np.ndarray, seed: int, epoch: int, height: int, width: int) -> np.ndarray:
        """(n, 2, 3) float64: for each of `rows`, where in the picture a pixel of the new one comes from.

        matrix @ (row, column, 1) is a (row, column), in pixels from the middle of the first.
        """
        checks.whole("height", height, least=1)
        checks.whole("width", width, least=1)
        draws = 2 * _drawn(seed, epoch, rows, 7) - 1
        angle, shear = (
            np.radians(draws[:, i] * size) for i, size in ((0, self.rotation_range), (1, self.shear_range))
        )
        zoom = 1 / (1 + draws[:, 2] * self.zoom_range)
        if self.alternate_flip:
            first = uniform(seed, ALTERNATING, rows, 1)[:, 0] < 0.5
            draws[:, 4] = np.where(first ^ bool(epoch % 2), -1.0, 1.0)
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
        if self.crop:
            moved = _drawn(seed, epoch, rows, 11)[:, 9:] * (2 * self.crop + 1)
            shift = shift + np.floor(moved) - self.crop
        origin = middle - (linear @ (middle + shift)[:, :, np.newaxis])[:, :, 0]
        return np.concatenate([linear, origin[:, :, np.newaxis]], axis=2)

    def tones(self, rows: np.ndarray, seed: int, epoch: int, means: np.ndarray) -> np.ndarray:
        """(n, 2) float64: factor and summand for the pixels of each of `rows`, by each picture's mean."""
        draws = 2 * _drawn(seed, epoch, rows, 9)[:, 7:] - 1
        factor = 1 + draws[:, 0] * self.contrast_range
        return np.stack([factor, draws[:, 1] * self.brightness_range + (1 - factor) * means], axis=-1)

    @property
    def _flips(self) -> tuple[bool, bool]:
        return self.vertical_flip, self.horizontal_flip or self.alternate_flip

    @property
    def finishes(self) -> bool:
        """Whether anything is left to be done once pictures were moved."""
        return bool(
            self.saturation_range or self.hue_range or self.cutout or self.noise or self.then is not None
        )

    def finish(self, pictures: np.ndarray, rows: np.ndarray, seed: int, epoch: int) -> None:
        """Change pictures (n, height, width, channels), in place, in all that moves nothing: colors first."""
        n, height, width, channels = pictures.shape
        draws = _drawn(seed, epoch, rows, 15)[:, 11:]
        if channels == 3 and (self.saturation_range or self.hue_range):
            pictures[...] = np.einsum("nhwc,ndc->nhwd", pictures, self._colors(draws).astype(pictures.dtype))
        for place in range(n if self.cutout else 0):
            side = round(self.cutout * max(height, width))
            top = int(draws[place, 2] * (height + 1)) - side // 2
            left = int(draws[place, 3] * (width + 1)) - side // 2
            pictures[place, max(0, top) : max(0, top + side), max(0, left) : max(0, left + side)] = 0
        if not self.noise and self.then is None:
            return
        for place, row in enumerate(np.asarray(rows).tolist()):
            # Each row begins far from where others go on.
            key, counter = np.array([seed, OWN + epoch], np.uint64), np.array([0, row, 0, 0], np.uint64)
            draw = np.random.Generator(np.random.Philox(key=key, counter=counter))
            if self.noise:
                pictures[place] += self.noise * draw.standard_normal(pictures.shape[1:], np.float32)
            if self.then is not None:
                made = np.asarray(self.then(pictures[place].copy(), draw))
                if made.shape != pictures.shape[1:] or made.dtype.kind not in "fiub":
                    raise ValueError(
                        f"then is to give back a picture of shape {pictures.shape[1:]}, and gave "
                        f"{made.dtype} of shape {made.shape} for row {row}"
                    )
                pictures[place] = made

    def _colors(self, draws: np.ndarray) -> np.ndarray:
        """(n, 3, 3): what makes the new red, green and blue of the old; gray stays the gray it was."""
        angle = np.radians((2 * draws[:, 0] - 1) * self.hue_range)
        size = 1 + (2 * draws[:, 1] - 1) * self.saturation_range
        turned = np.zeros((len(draws), 3, 3))
        turned[:, 0, 0] = 1
        turned[:, 1, 1] = turned[:, 2, 2] = size * np.cos(angle)
        turned[:, 2, 1] = size * np.sin(angle)
        turned[:, 1, 2] = -turned[:, 2, 1]
        return np.linalg.inv(_YIQ) @ turned @ _YIQ


def _drawn(seed: int, epoch: int, rows: np.ndarray, count: int) -> np.ndarray:
    """(n, count) numbers from 0 to 1 for each of `rows` in this epoch."""
    numbers = checks.numbers("rows", rows, "numbers of rows, such as numpy.arange(8)")
    if numbers.ndim != 1 or (numbers.size and (numbers.dtype.kind not in "iu" or numbers.min() < 0)):
        raise checks.refused("rows", "numbers of rows, such as numpy.arange(8)", rows)
    return uniform(checks.seed("seed", seed), STREAM + checks.whole("epoch", epoch, least=0), numbers, count)
