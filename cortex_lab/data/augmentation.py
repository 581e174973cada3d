"""Rows a little different in every epoch, each a pure function of (seed, epoch, row)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from cortex_lab.data._changes import COLORS, CROP, CUTOUT, MOVES, TONES, drawn, own_draws, turned_colors
from cortex_lab.data._changes import boxes as squares
from cortex_lab.data._changes import matrices as moved
from cortex_lab.data._mixtures import Mixture, mixture
from cortex_lab.data._sequences import mask, shift_in_time
from cortex_lab.ground import checks
from cortex_lab.ground.described import Described

_OF_PICTURES = (
    "horizontal_flip", "vertical_flip", "rotation_range", "shift_range", "zoom_range", "shear_range",
    "brightness_range", "contrast_range", "alternate_flip", "crop", "saturation_range", "hue_range", "cutout",
    "cutmix",
)  # fmt: skip
_OF_SEQUENCES = ("time_shift", "time_mask", "feature_mask")
_OF_COLORS = ("saturation_range", "hue_range")
_DONE_AFTERWARDS = (*_OF_SEQUENCES, "noise")


class Moves(NamedTuple):
    """What is done to each of some pictures in one pass, as the kernel `warp_affine` takes it."""

    matrices: np.ndarray
    tones: np.ndarray
    colors: np.ndarray | None
    boxes: np.ndarray | None


@dataclass(frozen=True)
class Augmentation(Described):
    """What may be done to a row before it is trained on: a picture, a sequence, or numbers of any shape.

    Every row is drawn anew in every epoch, and the same again whenever its step is repeated. Ranges are
    symmetric: `rotation_range=10` turns by -10 to 10. All that moves a picture is one matrix, and is done in
    one pass with what changes its tones and colors; masks, noise and a function of your own come after it.

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
        What lies beyond the edge: "constant" is zeros, "nearest" the pixel, or the step, at the edge.
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
        A function of your own, (row, draw) -> row, called last, but before rows are mixed; what it draws from
        `draw`, a `numpy.random.Generator`, is a function of (seed, epoch, row) as well.
    time_shift
        Of sequences (steps, features): up to which share of the steps all is moved, earlier or later.
    time_mask, feature_mask
        Of sequences: up to which share of the steps, or of the features, one run of them becomes zeros (Park
        et al., SpecAugment, 2019).
    mixup
        Each row, and its target, is mixed with another of the rows trained on, changed as that is in this
        epoch: by shares s and 1 - s, s drawn from Beta(mixup, mixup) (Zhang et al., mixup: beyond empirical
        risk minimization, 2018). A batch's accuracy counts each target by its share.
    cutmix
        A rectangle of another picture takes the place of this one's; targets are mixed by area, which is
        drawn from Beta(cutmix, cutmix) (Yun et al., CutMix, 2019). With `mixup`, half of the rows each.

    ValueError for a range that is negative or makes no sense, and for settings of pictures and of sequences
    together.
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
    time_shift: float = 0.0
    time_mask: float = 0.0
    feature_mask: float = 0.0
    mixup: float = 0.0
    cutmix: float = 0.0

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
        checks.number("noise", self.noise, least=0)
        for name in ("cutout", *_OF_SEQUENCES):
            checks.number(name, getattr(self, name), 0, 1)
        for name in ("mixup", "cutmix"):
            checks.number(name, getattr(self, name), least=0)
        if self.then is not None:
            checks.function("then", self.then, "a function (row, draw) -> row")
        of_pictures, of_sequences = self._asked(_OF_PICTURES), self._asked(_OF_SEQUENCES)
        if of_pictures and of_sequences:
            raise ValueError(
                f"{of_pictures[0]} is done to pictures and {of_sequences[0]} to sequences; choose one, or "
                "give each input an Augmentation of its own: augment={name: ...}"
            )

    def _asked(self, names: tuple[str, ...]) -> list[str]:
        return [name for name in names if getattr(self, name)]

    # To which rows -----------------------------------------------------------------------------------

    def wrong_for(self, shape: tuple[int, ...]) -> str | None:
        """Why this cannot be done to rows of a `shape`, naming the setting; None if it can."""
        for names, dimensions, what in (
            (_OF_PICTURES, 3, "pictures (height, width, channels)"),
            (_OF_SEQUENCES, 2, "sequences (steps, features)"),
        ):
            asked = self._asked(names)
            if asked and len(shape) != dimensions:
                return f"{asked[0]} is done to {what}, and these rows are {shape}"
        colored = self._asked(_OF_COLORS)
        if colored and shape[2] != 3:
            return f"{colored[0]} is done to pictures in three colors, and these have {shape[2]} channels"
        return None

    @property
    def mixes(self) -> bool:
        """Whether rows are mixed with others, and their targets."""
        return bool(self.mixup or self.cutmix)

    # What is drawn -----------------------------------------------------------------------------------

    def matrices(self, rows: np.ndarray, seed: int, epoch: int, height: int, width: int) -> np.ndarray:
        """(n, 2, 3) float64: for each of `rows`, where in the picture a pixel of the new one comes from.

        matrix @ (row, column, 1) is a (row, column), in pixels from the middle of the first.
        """
        checks.whole("height", height, least=1)
        checks.whole("width", width, least=1)
        crop = drawn(seed, epoch, rows, CROP) if self.crop else None
        return moved(self, rows, seed, epoch, (height, width), drawn(seed, epoch, rows, MOVES), crop)

    def tones(self, rows: np.ndarray, seed: int, epoch: int, means: np.ndarray) -> np.ndarray:
        """(n, 2) float64: factor and summand for the pixels of each of `rows`, by each picture's mean."""
        draws = 2 * drawn(seed, epoch, rows, TONES) - 1
        draws *= [self.contrast_range, self.brightness_range]
        draws[:, 1] -= draws[:, 0] * means
        draws[:, 0] += 1
        return draws

    def moves(
        self, rows: np.ndarray, seed: int, epoch: int, shape: tuple[int, ...], means: np.ndarray
    ) -> Moves | None:
        """What is done to pictures of a `shape` and these `means`, in one pass; None for nothing."""
        if not self._asked(tuple(name for name in _OF_PICTURES if name != "cutmix")):
            return None
        height, width, _ = shape
        colors = turned_colors(self, drawn(seed, epoch, rows, COLORS)) if self._asked(_OF_COLORS) else None
        boxes = squares(self, drawn(seed, epoch, rows, CUTOUT), height, width) if self.cutout else None
        return Moves(
            self.matrices(rows, seed, epoch, height, width),
            self.tones(rows, seed, epoch, means),
            colors,
            boxes,
        )

    @property
    def finishes(self) -> bool:
        """Whether anything is left to be done once pictures were moved."""
        return bool(self._asked(_DONE_AFTERWARDS)) or self.then is not None

    def finish(self, values: np.ndarray, rows: np.ndarray, seed: int, epoch: int) -> None:
        """Do all that is not done in one pass, in place, to the values (n, ...) of these `rows`."""
        if self.time_shift:
            shift_in_time(values, rows, seed, epoch, self.time_shift, self.fill_mode == "nearest")
        for axis, share in ((1, self.time_mask), (2, self.feature_mask)):
            if share:
                mask(values, rows, seed, epoch, share, axis)
        if not self.noise and self.then is None:
            return
        for place, (row, draw) in enumerate(own_draws(seed, epoch, rows)):
            if self.noise:
                values[place] += self.noise * draw.standard_normal(values.shape[1:], np.float32)
            if self.then is not None:
                values[place] = self._own(values[place].copy(), draw, row)

    def _own(self, value: np.ndarray, draw: np.random.Generator, row: int) -> np.ndarray:
        assert self.then is not None
        made = np.asarray(self.then(value, draw))
        if made.shape != value.shape or made.dtype.kind not in "fiub":
            raise ValueError(
                f"then is to give back an array of shape {value.shape}, and gave "
                f"{made.dtype} of shape {made.shape} for row {row}"
            )
        return made

    def mixture(
        self, rows: np.ndarray, seed: int, epoch: int, among: np.ndarray, shape: tuple[int, ...]
    ) -> Mixture:
        """With which of the rows `among` each of `rows` of a `shape` is mixed, and how."""
        return mixture(self.mixup, self.cutmix, rows, seed, epoch, among, shape)
