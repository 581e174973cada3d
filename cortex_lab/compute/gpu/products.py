"""Matrix products on tensor cores, of matrices and of convolutions seen as such."""

from __future__ import annotations

import os
from functools import cache

import cupy
import numpy as np

from cortex_lab.compute.gpu.functions import FUNCTIONS
from cortex_lab.compute.gpu.launches import Launch, Maybe, given, kernel, processors, room

STEP = 32
"""Numbers along k that a block takes at a time."""
STAGES = 3
BLOCKS = 3
"""For each multiprocessor, where k is long enough to be shared out."""
FEW = 16
"""Parts that one thread adds up; of more, eight threads do."""
LARGEST = 2**31 - 1
TILES = {"wide": (64, 64, 32, 32), "narrow": (128, 32, 16, 32)}


@cache
def terms() -> int:
    """Products of TF32 parts that make one of float32: 3 give it whole, 1 is TF32 (CORTEX_LAB_TF32=1)."""
    return 1 if os.environ.get("CORTEX_LAB_TF32", "0") not in ("", "0") else 3


def matrix_product(
    a: cupy.ndarray,
    b: cupy.ndarray,
    out: cupy.ndarray,
    bias: cupy.ndarray | None = None,
    name: str = "linear",
    addend: cupy.ndarray | None = None,
) -> list[Launch] | None:
    """out = f(a @ b + bias) of 2-D arrays, any of a and b transposed; None if it covers no such arrays."""
    arrays = [each for each in (a, b, out, bias, addend) if each is not None]
    if name not in FUNCTIONS or any(each.dtype != np.float32 or not each.size for each in arrays):
        return None
    left, right = _laid_out(a), _laid_out(b)
    if left is None or right is None or not out.flags.c_contiguous:
        return None
    (by_row, lda), (b_by_row, ldb) = left, right
    va, vb = _at_a_time(a, lda), _at_a_time(b, ldb)
    shape = (a.shape[0], b.shape[1], a.shape[1])
    modes = (0 if by_row else 1, 0 if b_by_row else 1)
    return launch(a, b, out, shape, modes, (va, vb), (lda, ldb), bias, name, addend)


def launch(
    a: cupy.ndarray,
    b: cupy.ndarray,
    out: cupy.ndarray,
    shape: tuple[int, int, int],
    modes: tuple[int, int],
    widths: tuple[int, int],
    strides: tuple[int, int] = (0, 0),
    bias: cupy.ndarray | None = None,
    name: str = "linear",
    addend: cupy.ndarray | None = None,
    geometry: tuple[int, ...] = (0,) * 13,
    divisors: tuple[int, int] = (1, 1),
) -> list[Launch] | None:
    """A product of m x k with k x n numbers, which `modes` of `cuda/product.cu` find in `a` and `b`."""
    m, n, k = shape
    if max(a.size, b.size, out.size) > LARGEST:
        return None
    tile = TILES["narrow" if n <= 32 else "wide"]
    block_m, block_n = tile[:2]
    grid = -(-m // block_m), -(-n // block_n)
    if grid[1] > 65535:
        return None
    tiles, steps = grid[0] * grid[1], -(-k // STEP)
    # Several blocks for each multiprocessor, as one waits a lot; of two steps at least.
    splits = max(1, min(BLOCKS * processors() // tiles, steps // 2))
    share = -(-steps // splits) * STEP
    splits = -(-k // share)
    work = room(splits * m * n) if splits > 1 else None
    found = kernel(
        "product",
        "product",
        BM=tile[0],
        BN=tile[1],
        WM=tile[2],
        WN=tile[3],
        A_MODE=modes[0],
        B_MODE=modes[1],
        VA=widths[0],
        VB=widths[1],
        TERMS=terms(),
    )
    a_size = block_m * (STEP + 4) if modes[0] in (0, 2, 4) else STEP * (block_m + 8)
    b_size = block_n * (STEP + 4) if modes[1] else STEP * (block_n + 8)
    shared = 4 * STAGES * (a_size + b_size)
    if shared > 48 * 1024:
        found.max_dynamic_shared_size_bytes = shared
    numbers = (m, n, k, *strides, n, splits, share, FUNCTIONS[name], *geometry)
    arguments = (
        a,
        b,
        out,
        given(bias),
        given(addend),
        given(work),
        *map(np.int32, numbers),
        *(np.uint32(part) for divisor in divisors for part in (divisor, *_inverse(divisor))),
    )
    threads = 32 * (block_m // tile[2]) * (block_n // tile[3])
    made = [(found, (*grid, splits), (threads,), arguments, shared)]
    if splits > 1:
        made.append(adding(work, out, splits, n, bias, name, addend))
    return made


def adding(
    work: cupy.ndarray,
    out: cupy.ndarray,
    splits: int,
    n: int,
    bias: Maybe = None,
    name: str = "linear",
    addend: Maybe = None,
) -> Launch:
    """out = f(the sum of `splits` parts in `work`, each like `out`, in their order, + bias), rows of n."""
    few = splits <= FEW
    found, each = kernel("parts", "few_parts" if few else "product_parts"), 256 if few else 32
    counts = np.int32(splits), np.int32(n), np.int32(FUNCTIONS[name]), np.int32(out.size)
    arguments = (work, out, given(bias), given(addend), *counts)
    return found, (-(-out.size // each),), (256,), arguments, 0


def _laid_out(a: cupy.ndarray) -> tuple[bool, int] | None:
    """Whether rows are contiguous, else columns are, and numbers from one to the next; None for neither."""
    rows, columns = (stride // a.itemsize for stride in a.strides)
    if columns == 1 or a.shape[1] == 1:
        return (True, rows if a.shape[0] > 1 else a.shape[1]) if rows >= 0 else None
    if rows == 1 or a.shape[0] == 1:
        return (False, columns) if columns > 0 else None
    return None


def _at_a_time(a: cupy.ndarray, stride: int) -> int:
    return next(v for v in (4, 2, 1) if stride % v == 0 and a.data.ptr % (4 * v) == 0)


def _inverse(divisor: int) -> tuple[int, int]:
    """What a whole number below 2**31 is multiplied with and shifted by, to be divided by `divisor`."""
    if divisor == 1:
        return 0, 0
    bits = 31 + (divisor - 1).bit_length()
    return -(-(2**bits) // divisor), bits - 32
