"""More rows of the table in `cases`: sums and products, element by element."""

from __future__ import annotations

from tests.compute.cases import Case, Draw, case, poison


def _elementwise(draw: Draw) -> Case:
    shape = (draw.size(260, 300, 700), 257)
    return Case([draw.numbers(*shape), draw.numbers(*shape), poison(*shape)], (2,))


@case
def add(draw: Draw) -> Case:
    return _elementwise(draw)


@case
def multiply(draw: Draw) -> Case:
    return _elementwise(draw)


@case
def add_scaled(draw: Draw) -> Case:
    a, b, out = _elementwise(draw).args
    return Case([a, b, draw.pick(-1.0, 0.3), out], (3,))


@case
def scale_shift(draw: Draw) -> Case:
    a, _, out = _elementwise(draw).args
    return Case([a, draw.pick(1.0, 0.3), draw.pick(0.0, -0.7), out], (3,))
