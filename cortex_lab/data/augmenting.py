"""A Dataset that knows how its rows are changed while they are trained on."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, Self

import numpy as np

from cortex_lab.data.augmentation import Augmentation
from cortex_lab.ground import checks
from cortex_lab.ground.doors import through


class Augmentable:
    """Base of `Dataset`: it may have an `augmentation`, which `train` takes unless it is told another."""

    rows: np.ndarray
    _augmentation: Any = None

    @property
    def augmentation(self) -> Any:
        """How rows are changed; of several inputs by name; None if they are not."""
        return self._augmentation

    def augmenting(self, augmentation: Augmentation | Mapping[str, Augmentation] | None) -> Self:
        """The same rows, to be changed by this augmentation in training; None for none.

        A dict of them by input name if there are several.
        """
        several = augmentation if isinstance(augmentation, Mapping) else None
        for each in [augmentation] if several is None else several.values():
            if each is not None:
                such = "an Augmentation such as Augmentation(shift_range=0.1), or None"
                checks.instance("augmentation", each, Augmentation, such)
        other = copy.copy(self)
        other._augmentation = augmentation if several is None else dict(several)
        return other

    def augmented(self, row: int, epoch: int = 0, seed: int = 0) -> Any:
        """What a row is in an epoch, counted from 0: the very numbers that a training of this seed is given.

        An array as a network sees it, bytes of pictures as 0 to 1; of several inputs that are changed, a dict
        of those by name. `row` is a row's number in the frame; where rows are mixed, it is with those of the
        split "train", if there is one. ValueError without an augmentation.
        """
        row = checks.whole("row", row, least=0)
        epoch = checks.whole("epoch", epoch, least=0)
        seed = checks.seed("seed", seed)
        if self.augmentation is None:
            raise ValueError(
                "these data have no augmentation; give them one: "
                "data.augmenting(Augmentation(shift_range=0.1))"
            )
        if row not in self.rows:
            raise IndexError(f"there is no row {row} among these {len(self.rows)} rows")
        return through("augmented")(self, row, epoch, seed)
