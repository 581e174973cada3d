"""Images turned, moved, stretched and mirrored, their tones and colors changed, channels last."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from cortex_lab.compute.kernel import Array, kernel


@kernel
def warp_affine(
    xp: ModuleType,
    x: Array,
    matrices: Array,
    tones: Array,
    nearest: bool,
    out: Array,
    colors: Array | None = None,
    boxes: Array | None = None,
) -> None:
    """out[n, i, j] = factor * x[n] at matrices[n] @ (i, j, 1) + summand, interpolated between four pixels.

    `matrices` (n, 2, 3) and `tones` (n, 2), factors and summands, are float64. Beyond its edge an image is
    zero, or with `nearest` the pixel at the edge. After that `colors` (n, 3, 3) float64 make new channels of
    the three there are, and `boxes` (n, 4) int64, top, bottom, left and right, become zeros. In float32 every
    backend gives the same bits: the operations are those written here, in this order.
    """
    n, height, width, channels = x.shape
    i, j = xp.arange(height)[:, None], xp.arange(width)[None, :]
    m = matrices[:, :, :, None, None]
    # The image begins at 1, inside a border that is as wide as what is seen of it.
    at_row, at_column = (
        xp.clip(m[:, axis, 0] * i + m[:, axis, 1] * j + m[:, axis, 2], -1, end) + 1
        for axis, end in ((0, height), (1, width))
    )
    top, left = at_row.astype(int), at_column.astype(int)
    down, right = (share.astype(out.dtype)[..., None] for share in (at_row - top, at_column - left))
    border = ((0, 0), (1, 2), (1, 2), (0, 0))
    wide = xp.pad(x, border, mode="edge") if nearest else xp.pad(x, border)
    image = xp.arange(n)[:, None, None]
    a, b, c, d = (wide[image, top + below, left + after] for below in (0, 1) for after in (0, 1))
    upper, lower = a + right * (b - a), c + right * (d - c)
    value = upper + down * (lower - upper)
    if xp.isnan(value).any():
        value = xp.where(xp.isnan(value), _mixed(xp, (a, b, c, d), down, right), value)
    factor, summand = (tones[:, k].astype(out.dtype)[:, None, None, None] for k in (0, 1))
    toned = factor * value + summand
    if colors is not None and channels == 3:
        k = colors.astype(out.dtype)[:, None, None]
        for into in range(3):
            first = k[..., into, 0] * toned[..., 0] + k[..., into, 1] * toned[..., 1]
            out[..., into] = first + k[..., into, 2] * toned[..., 2]
    else:
        out[...] = toned
    if boxes is not None:
        first_row, last_row, first_column, last_column = (boxes[:, k, None, None] for k in range(4))
        inside = (i >= first_row) & (i < last_row) & (j >= first_column) & (j < last_column)
        out[inside] = 0


def _mixed(xp: ModuleType, pixels: Any, down: Array, right: Array) -> Array:
    """The sum of four pixels by their shares, for infinite ones, whose differences are none.

    What has no share is not asked.
    """
    total = xp.zeros(pixels[0].shape, pixels[0].dtype)
    shares = [up * before for up in (1 - down, down) for before in (1 - right, right)]
    for share, pixel in zip(shares, pixels, strict=True):
        total += xp.where(share > 0, share * xp.where(share > 0, pixel, 0), 0)
    return total
