"""Random numbers as a function: Philox4x32-10, keyed by (seed, step, stream).

A counter-based generator (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011) needs no
state: word k of a draw depends on (seed, step, stream, k) alone, on every backend alike.

`seed` and `step` are whole numbers, or arrays () of one, which are read when the draw is made: a captured
step draws other numbers each time.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cortex_lab.compute.kernel import kernel

MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
WEYL = (0x9E3779B9, 0xBB67AE85)
_LOW = 0xFFFFFFFF


@kernel
def random_uniform(xp: Any, out: Any, seed: int, step: int, stream: int) -> None:
    """out = uniform draws on [0, 1), multiples of 2**-24."""
    words = philox(xp, out.size, seed, step, stream)
    out[...] = ((words >> 8).astype(out.dtype) * out.dtype.type(2**-24)).reshape(out.shape)


@kernel
def random_normal(xp: Any, out: Any, seed: int, step: int, stream: int) -> None:
    """out = standard normal draws (Box and Muller 1958)."""
    half = (out.size + 1) // 2
    words = (philox(xp, 2 * half, seed, step, stream) >> 8).astype(xp.float64)
    radius = xp.sqrt(-2 * xp.log((words[:half] + 1) * 2**-24))
    angle = 2 * np.pi * 2**-24 * words[half:]
    draws = xp.concatenate([radius * xp.cos(angle), radius * xp.sin(angle)])
    out[...] = draws[: out.size].reshape(out.shape)


@kernel
def dropout_mask(xp: Any, out: Any, rate: float, seed: int, step: int, stream: int) -> None:
    """out = 1 / (1 - rate) where a unit is kept (with probability 1 - rate), 0 where it is dropped."""
    words = philox(xp, out.size, seed, step, stream).reshape(out.shape)
    out[...] = (words >= round(rate * 2**32)) * out.dtype.type(1 / (1 - rate))


@kernel
def dropout(xp: Any, x: Any, mask: Any, out: Any, rate: float, seed: int, step: int, stream: int) -> None:
    """mask as `dropout_mask` draws it, and out = x * mask."""
    dropout_mask.reference(xp, mask, rate, seed, step, stream)
    xp.multiply(x, mask, out=out)


def philox(xp: Any, count: int, seed: int, step: int, stream: int) -> Any:
    """`count` words (uint32) of the draw (seed, step, stream)."""
    # Signed, an array of one would make float64 of the words below; read here, a GPU would be waited for.
    seed, step = (key.astype(xp.uint64) if hasattr(key, "astype") else key for key in (seed, step))
    blocks = -(-count // 4)
    index = xp.arange(blocks, dtype=xp.uint64)
    full = xp.ones_like(index)
    c0, c1, c2, c3 = index, full * (stream & _LOW), full * (step & _LOW), full * (step >> 32 & _LOW)
    k0, k1 = seed & _LOW, seed >> 32 & _LOW
    for _ in range(10):
        low, high = c0 * MULTIPLIERS[0], c2 * MULTIPLIERS[1]
        c0, c1, c2, c3 = (high >> 32) ^ c1 ^ k0, high & _LOW, (low >> 32) ^ c3 ^ k1, low & _LOW
        k0, k1 = (k0 + WEYL[0]) & _LOW, (k1 + WEYL[1]) & _LOW
    return xp.stack([c0, c1, c2, c3], axis=1).astype(xp.uint32).reshape(-1)[:count]
