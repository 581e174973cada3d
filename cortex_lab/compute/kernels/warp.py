"""Images turned, moved, stretched and mirrored, channels last."""

from __future__ import annotations

from types import ModuleType

from cortex_lab.compute.kernel import Array, kernel


@kernel
def warp_affine(xp: ModuleType, x: Array, matrices: Array, tones: Array, nearest: bool, out: Array) -> None:
    """out[n, i, j] = factor * x[n] at matrices[n] @ (i, j, 1) + summand, interpolated between four pixels.

    `matrices` (n, 2, 3) and `tones` (n, 2), factors and summands, are float64. Beyond its edge an image is
    zero, or with `nearest` the pixel at the edge.
    """
    n, height, width, _ = x.shape
    i, j = xp.arange(height)[:, None], xp.arange(width)[None, :]
    m = matrices[:, :, :, None, None]
    at_row, at_column = (m[:, axis, 0] * i + m[:, axis, 1] * j + m[:, axis, 2] for axis in (0, 1))
    top, left = xp.floor(at_row), xp.floor(at_column)
    down, right = at_row - top, at_column - left
    image = xp.arange(n)[:, None, None]
    total = xp.zeros((*at_row.shape, x.shape[3]), out.dtype)
    for row, row_share in ((top, 1 - down), (top + 1, down)):
        for column, column_share in ((left, 1 - right), (left + 1, right)):
            share = row_share * column_share
            r = xp.clip(row, 0, height - 1).astype(int)
            c = xp.clip(column, 0, width - 1).astype(int)
            seen = share > 0
            if not nearest:
                seen &= (row >= 0) & (row < height) & (column >= 0) & (column < width)
            # What has no share is not asked: it might be no number.
            pixels = xp.where(seen[..., None], x[image, r, c], 0)
            total += share.astype(out.dtype)[..., None] * pixels
    factor, summand = (tones[:, k].astype(out.dtype)[:, None, None, None] for k in (0, 1))
    out[...] = factor * total + summand
