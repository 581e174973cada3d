"""Pooling over a whole image or sequence."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from cortex_lab.compute import Ops
from cortex_lab.nn.contract.layer import Buffer, Layer, Shape, Slots, need_rank


class _Global(Layer):
    """One value per channel; `keepdims` keeps the pooled axes with length 1."""

    carries_activation = True
    replays = True
    keepdims: bool
    _rows = "(height, width, channels)"

    def out_shape(self, *shapes: Shape) -> Shape:
        need_rank(self, shapes[0], self._rows.count(",") + 1, self._rows)
        *pooled, channels = shapes[0]
        return (*(1 for _ in pooled), channels) if self.keepdims else (channels,)

    def constants(self, *shapes: Shape) -> dict[str, Any]:
        return {"split": (math.prod(shapes[0][:-1]), shapes[0][-1])}


class _Mean(_Global):
    def forward(self, ops: Ops, at: Slots) -> None:
        ops.pool_global_average(at.x.reshape(-1, *at.split), at.y.reshape(-1, at.split[1]))

    def backward(self, ops: Ops, at: Slots) -> None:
        if at.dx is not None:
            ops.pool_global_average_gradient(at.dy.reshape(-1, at.split[1]), at.dx.reshape(-1, *at.split))


class _Largest(_Global):
    def saved(self, *shapes: Shape) -> dict[str, Buffer]:
        return {"winner": Buffer((shapes[0][-1],), "int32")}

    def forward(self, ops: Ops, at: Slots) -> None:
        winner = at.winner if at.training else None
        ops.pool_global_max(at.x.reshape(-1, *at.split), at.y.reshape(-1, at.split[1]), winner)

    def backward(self, ops: Ops, at: Slots) -> None:
        if at.dx is not None:
            dy, dx = at.dy.reshape(-1, at.split[1]), at.dx.reshape(-1, *at.split)
            ops.pool_global_max_gradient(dy, at.winner, dx)


@dataclass(frozen=True)
class GlobalAveragePooling2D(_Mean):
    """The mean of each channel of an image: (channels,), or (1, 1, channels) with `keepdims`."""

    keepdims: bool = False


@dataclass(frozen=True)
class GlobalMaxPooling2D(_Largest):
    """The largest value of each channel of an image: (channels,), or (1, 1, channels) with `keepdims`."""

    keepdims: bool = False


@dataclass(frozen=True)
class GlobalAveragePooling1D(_Mean):
    """The mean of each channel of a sequence: (channels,), or (1, channels) with `keepdims`."""

    _rows = "(length, channels)"
    keepdims: bool = False


@dataclass(frozen=True)
class GlobalMaxPooling1D(_Largest):
    """The largest value of each channel of a sequence: (channels,), or (1, channels) with `keepdims`."""

    _rows = "(length, channels)"
    keepdims: bool = False
