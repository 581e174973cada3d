"""What may stand as a setting of a layer, such as an initializer: anything that is registered here."""

from __future__ import annotations

import numpy as np

from cortex_lab.ground.described import Registry

Shape = tuple[int, ...]
WHOLE = (int, np.integer)

DESCRIBED = Registry("initializer or penalty")


def describable(cls: type) -> type:
    """Class decorator: instances may stand as hyper-parameters and survive JSON."""
    return DESCRIBED.add(cls)
