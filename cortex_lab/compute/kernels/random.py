"""Random numbers as a function: Philox4x32-10, keyed by (seed, step, stream).

A counter-based generator (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011) needs no
state: word k of a draw depends on (seed, step, stream, k) alone, on every backend alike.

`seed` and `step` are whole numbers, or arrays () of one, which are read when the draw is made: a captured
step draws other numbers each time. A `Stream` in place of the stream's number draws part of a batch.
"""

from __future__ import annotations

import math
from types import ModuleType
from typing import Any

import numpy as np

from cortex_lab.compute.kernel import Array, kernel

MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
WEYL = (0x9E3779B9, 0xBB67AE85)
_LOW = 0xFFFFFFFF


class Stream(int):
    """The number of a stream, of which rows `first` to `first` + `rows` of a batch of `of` rows are drawn.

    Each row's draws are those that it has in the whole batch. What is drawn is (rows * n, ...), or else, as
    of a layer that draws one array for all rows, the same for every part.
    """

    first: int
    rows: int
    of: int

    def __new__(cls, number: int, first: int, rows: int, of: int) -> Stream:
        stream = super().__new__(cls, number)
        stream.first, stream.rows, stream.of = first, rows, of
        return stream

    def __add__(self, other: int) -> Stream:
        return Stream(int(self) + other, self.first, self.rows, self.of)


def drawn_part(stream: int, shape: tuple[int, ...]) -> tuple[int, int]:
    """At which word of the whole draw an array of this shape begins, and of how many words that is."""
    size = math.prod(shape)
    if not isinstance(stream, Stream) or not shape or shape[0] % stream.rows:
        return 0, size
    return size // stream.rows * stream.first, size // stream.rows * stream.of


@kernel
def random_uniform(xp: ModuleType, out: Array, seed: int, step: int, stream: int) -> None:
    """out = uniform draws on [0, 1), multiples of 2**-24."""
    words = philox(xp, out.size, seed, step, stream, drawn_part(stream, out.shape)[0])
    out[...] = ((words >> 8).astype(out.dtype) * out.dtype.type(2**-24)).reshape(out.shape)


@kernel
def random_normal(xp: ModuleType, out: Array, seed: int, step: int, stream: int) -> None:
    """out = standard normal draws (Box and Muller 1958)."""
    first, total = drawn_part(stream, out.shape)
    half = (total + 1) // 2
    words = (philox(xp, 2 * half, seed, step, stream) >> 8).astype(xp.float64)
    radius = xp.sqrt(-2 * xp.log((words[:half] + 1) * 2**-24))
    angle = 2 * np.pi * 2**-24 * words[half:]
    draws = xp.concatenate([radius * xp.cos(angle), radius * xp.sin(angle)])
    out[...] = draws[first : first + out.size].reshape(out.shape)


@kernel
def dropout_mask(xp: ModuleType, out: Array, rate: float, seed: int, step: int, stream: int) -> None:
    """out = 1 / (1 - rate) where a unit is kept (with probability 1 - rate), 0 where it is dropped."""
    first, _ = drawn_part(stream, out.shape)
    words = philox(xp, out.size, seed, step, stream, first).reshape(out.shape)
    out[...] = (words >= round(rate * 2**32)) * out.dtype.type(1 / (1 - rate))


@kernel
def dropout(
    xp: ModuleType, x: Array, mask: Array, out: Array, rate: float, seed: int, step: int, stream: int
) -> None:
    """mask as `dropout_mask` draws it, and out = x * mask."""
    dropout_mask.reference(xp, mask, rate, seed, step, stream)
    xp.multiply(x, mask, out=out)


def philox(xp: ModuleType, count: int, seed: int, step: int, stream: int, first: int = 0) -> Any:
    """`count` words (uint32) of the draw (seed, step, stream), from word `first` on."""
    # Signed, an array of one would make float64 of the words below; read here, a GPU would be waited for.
    seed, step = (key.astype(xp.uint64) if hasattr(key, "astype") else key for key in (seed, step))
    begin, lead = divmod(first, 4)
    # Words of 32 bits in 64, which hold a product of two of them whole.
    index = xp.arange(begin, begin + -(-(lead + count) // 4), dtype=xp.uint64)
    full = xp.ones_like(index)
    c0, c1, c2, c3 = index, full * (stream & _LOW), full * (step & _LOW), full * (step >> 32 & _LOW)
    k0, k1 = seed & _LOW, seed >> 32 & _LOW
    for _ in range(10):
        low, high = c0 * MULTIPLIERS[0], c2 * MULTIPLIERS[1]
        c0, c1, c2, c3 = (high >> 32) ^ c1 ^ k0, high & _LOW, (low >> 32) ^ c3 ^ k1, low & _LOW
        k0, k1 = (k0 + WEYL[0]) & _LOW, (k1 + WEYL[1]) & _LOW
    return xp.stack([c0, c1, c2, c3], axis=1).astype(xp.uint32).reshape(-1)[lead : lead + count]
