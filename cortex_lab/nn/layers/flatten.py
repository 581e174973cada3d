"""Rows of any shape as vectors."""

from __future__ import annotations

import math
from dataclasses import dataclass

from cortex_lab.nn.contract.layer import Layer, Shape


@dataclass(frozen=True)
class Flatten(Layer):
    """Each row as a vector, over height, then width, then channels. Costs nothing: it is a view."""

    is_view = True

    def out_shape(self, *shapes: Shape) -> Shape:
        return (math.prod(shapes[0]),)
