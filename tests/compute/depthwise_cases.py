"""Rows of the table of cases: depthwise convolution, and the largest of several arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.compute.cases import Case, Draw, case, convolution_shapes, poison


def _depthwise(draw: Draw) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...], tuple[Any, ...]]:
    x, w, y, (*geometry, _) = convolution_shapes(draw)
    channels = draw.pick(1, 3, 16, 20, 33)
    return (*x[:3], channels), (*w[:2], channels, 1), (*y[:3], channels), tuple(geometry)


@case
def depthwise_convolve(draw: Draw) -> Case:
    x, w, y, geometry = _depthwise(draw)
    return Case([draw.numbers(*x), draw.numbers(*w), poison(*y), *geometry], (2,))


@case
def depthwise_convolve_input_gradient(draw: Draw) -> Case:
    x, w, y, geometry = _depthwise(draw)
    return Case([draw.numbers(*y), draw.numbers(*w), poison(*x), *geometry], (2,))


@case
def depthwise_convolve_weight_gradient(draw: Draw) -> Case:
    x, w, y, geometry = _depthwise(draw)
    return Case([draw.numbers(*x), draw.numbers(*y), poison(*w), *geometry], (2,))


def _extreme(draw: Draw) -> Case:
    # Whole numbers, so that some are equal.
    shape = draw.size(1, 30, 300), draw.size(1, 40, 301)
    xs = tuple(np.round(draw.numbers(*shape)) for _ in range(draw.pick(2, 2, 3)))
    return Case([xs, draw.pick(None, poison(*shape, dtype=np.int32)), poison(*shape)], (1, 2), exact=True)


@case
def largest(draw: Draw) -> Case:
    return _extreme(draw)


@case
def smallest(draw: Draw) -> Case:
    return _extreme(draw)


@case
def largest_gradient(draw: Draw) -> Case:
    shape = draw.size(1, 30, 300), draw.size(1, 40, 301)
    winner = draw.random.integers(0, 3, shape, dtype=np.int32)
    return Case([draw.numbers(*shape), winner, draw.pick(0, 1, 2), poison(*shape)], (3,), exact=True)
