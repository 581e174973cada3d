"""Normalization over the batch, over each row, and across neighboring channels.

Statistics are summed in float64: over a large batch of images a float32 sum loses too many digits. The
variance is the biased one, divided by the count. `gamma` and `beta` may be None, and so may their gradients.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

from cortex_lab.compute.kernel import Array, kernel


@kernel
def batch_normalize(
    xp: ModuleType, x: Array, gamma: Array | None, beta: Array | None, mean: Array, variance: Array,
    out: Array, epsilon: float,
) -> None:  # fmt: skip
    """out = gamma * (x - mean) / sqrt(variance + epsilon) + beta, with the statistics of each column.

    x, out: (rows, features), out may be x; all others (features,); `mean` and `variance` are written.
    """
    mean[...] = xp.mean(x, axis=0, dtype=xp.float64)
    variance[...] = xp.mean(xp.square(x - mean), axis=0, dtype=xp.float64)
    normalize_columns.reference(xp, x, gamma, beta, mean, variance, out, epsilon)


@kernel
def normalize_columns(
    xp: ModuleType, x: Array, gamma: Array | None, beta: Array | None, mean: Array, variance: Array,
    out: Array, epsilon: float,
) -> None:  # fmt: skip
    """out = gamma * (x - mean) / sqrt(variance + epsilon) + beta, with the statistics given; out may be x."""
    scale = 1 / xp.sqrt(variance + epsilon)
    if gamma is not None:
        scale = scale * gamma
    xp.multiply(x - mean, scale, out=out)
    if beta is not None:
        out += beta


@kernel
def scale_and_shift(
    xp: ModuleType, gamma: Array | None, beta: Array | None, mean: Array, variance: Array,
    bias: Array | None, scale: Array, shift: Array, epsilon: float,
) -> None:  # fmt: skip
    """scale * x + shift = gamma * (x + bias - mean) / sqrt(variance + epsilon) + beta; `bias` may be None."""
    xp.divide(1 if gamma is None else gamma, xp.sqrt(variance + epsilon), out=scale)
    xp.multiply(-mean if bias is None else bias - mean, scale, out=shift)
    if beta is not None:
        shift += beta


@kernel
def batch_normalize_gradient(
    xp: ModuleType, x: Array, dy: Array, gamma: Array | None, mean: Array, variance: Array,
    d_gamma: Array | None, d_beta: Array | None, out: Array | None, epsilon: float,
) -> None:  # fmt: skip
    """Gradients of `batch_normalize` with respect to x (`out`, which may be dy or None), gamma and beta."""
    scale = 1 / xp.sqrt(variance + epsilon)
    normalized = (x - mean) * scale
    along = xp.sum(dy * normalized, axis=0, dtype=xp.float64).astype(x.dtype)
    total = xp.sum(dy, axis=0, dtype=xp.float64).astype(x.dtype)
    if d_gamma is not None:
        d_gamma[...] = along
    if d_beta is not None:
        d_beta[...] = total
    if out is not None:
        scale = scale if gamma is None else scale * gamma
        xp.multiply(scale, dy - (total + normalized * along) / len(x), out=out)


@kernel
def moving_average(xp: ModuleType, average: Array, value: Array, momentum: float) -> None:
    """average = momentum * average + (1 - momentum) * value, in place."""
    average *= momentum
    average += (1 - momentum) * value


@kernel
def layer_normalize(
    xp: ModuleType, x: Array, gamma: Array | None, beta: Array | None, mean: Array | None,
    variance: Array | None, out: Array, epsilon: float,
) -> None:  # fmt: skip
    """out = gamma * (x - mean) / sqrt(variance + epsilon) + beta, with the statistics of each row.

    x, out: (rows, features), out may be x; gamma, beta: (features,); `mean` and `variance` (rows,) are
    written, or None when no gradient will be asked for.
    """
    # All that is asked of x comes first: `out` may be x.
    center = xp.mean(x, axis=1, keepdims=True)
    spread = xp.mean(xp.square(x - center), axis=1, keepdims=True)
    if mean is not None and variance is not None:
        mean[...], variance[...] = center[:, 0], spread[:, 0]
    xp.multiply(x - center, 1 / xp.sqrt(spread + epsilon), out=out)
    if gamma is not None:
        out *= gamma
    if beta is not None:
        out += beta


@kernel
def layer_normalize_gradient(
    xp: ModuleType, x: Array, dy: Array, gamma: Array | None, mean: Array, variance: Array,
    d_gamma: Array | None, d_beta: Array | None, out: Array | None, epsilon: float,
) -> None:  # fmt: skip
    """Gradients of `layer_normalize` with respect to x (`out`, which may be dy or None), gamma and beta."""
    scale = 1 / xp.sqrt(variance + epsilon)[:, None]
    normalized = (x - mean[:, None]) * scale
    if d_gamma is not None:
        d_gamma[...] = xp.sum(dy * normalized, axis=0, dtype=xp.float64)
    if d_beta is not None:
        d_beta[...] = xp.sum(dy, axis=0, dtype=xp.float64)
    if out is not None:
        dz = dy if gamma is None else dy * gamma
        along = xp.mean(dz * normalized, axis=1, keepdims=True)
        total = xp.mean(dz, axis=1, keepdims=True)
        xp.multiply(scale, dz - total - normalized * along, out=out)


@kernel
def rms_normalize(
    xp: ModuleType, x: Array, gamma: Array | None, squares: Array | None, out: Array, epsilon: float,
) -> None:  # fmt: skip
    """out = gamma * x / sqrt(squares + epsilon), squares being the mean of each row's; out may be x.

    x, out: (rows, features); gamma: (features,); `squares` (rows,) is written, or None when no gradient will
    be asked for.
    """
    found = xp.mean(xp.square(x), axis=1, keepdims=True)
    if squares is not None:
        squares[...] = found[:, 0]
    xp.multiply(x, 1 / xp.sqrt(found + epsilon), out=out)
    if gamma is not None:
        out *= gamma


@kernel
def rms_normalize_gradient(
    xp: ModuleType, x: Array, dy: Array, gamma: Array | None, squares: Array, d_gamma: Array | None,
    out: Array | None, epsilon: float,
) -> None:  # fmt: skip
    """Gradients of `rms_normalize` with respect to x (into `out`) and gamma; out may be dy, or None."""
    scale = 1 / xp.sqrt(squares + epsilon)[:, None]
    normalized = x * scale
    if d_gamma is not None:
        d_gamma[...] = xp.sum(dy * normalized, axis=0, dtype=xp.float64)
    if out is not None:
        dz = dy if gamma is None else dy * gamma
        along = xp.mean(dz * normalized, axis=1, keepdims=True)
        xp.multiply(scale, dz - normalized * along, out=out)


@kernel
def group_normalize(
    xp: ModuleType, x: Array, groups: int, gamma: Array | None, beta: Array | None, mean: Array | None,
    variance: Array | None, out: Array, epsilon: float,
) -> None:  # fmt: skip
    """out = gamma * (x - mean) / sqrt(variance + epsilon) + beta, by each row's groups of channels.

    x, out: (rows, places, channels), out may be x; gamma, beta: (channels,); `mean` and `variance` (rows,
    groups) are written, or None when no gradient will be asked for.
    """
    parts = x.reshape(len(x), x.shape[1], groups, -1)
    center = xp.mean(parts, axis=(1, 3), keepdims=True, dtype=xp.float64).astype(x.dtype)
    squares = xp.square(parts - center)
    spread = xp.mean(squares, axis=(1, 3), keepdims=True, dtype=xp.float64).astype(x.dtype)
    if mean is not None and variance is not None:
        mean[...], variance[...] = center[:, 0, :, 0], spread[:, 0, :, 0]
    out[...] = ((parts - center) * (1 / xp.sqrt(spread + epsilon))).reshape(x.shape)
    if gamma is not None:
        out *= gamma
    if beta is not None:
        out += beta


@kernel
def group_normalize_gradient(
    xp: ModuleType, x: Array, dy: Array, groups: int, gamma: Array | None, mean: Array, variance: Array,
    d_gamma: Array | None, d_beta: Array | None, out: Array | None, epsilon: float,
) -> None:  # fmt: skip
    """Gradients of `group_normalize` with respect to x (`out`, which may be dy or None), gamma and beta."""
    shape = len(x), x.shape[1], groups, x.shape[2] // groups
    scale = 1 / xp.sqrt(variance + epsilon)[:, None, :, None]
    slopes, normalized = dy.reshape(shape), (x.reshape(shape) - mean[:, None, :, None]) * scale
    if d_gamma is not None:
        d_gamma[...] = xp.sum(slopes * normalized, axis=(0, 1), dtype=xp.float64).reshape(-1)
    if d_beta is not None:
        d_beta[...] = xp.sum(slopes, axis=(0, 1), dtype=xp.float64).reshape(-1)
    if out is not None:
        dz = slopes if gamma is None else slopes * gamma.reshape(shape[2:])
        along = xp.mean(dz * normalized, axis=(1, 3), keepdims=True, dtype=xp.float64).astype(x.dtype)
        total = xp.mean(dz, axis=(1, 3), keepdims=True, dtype=xp.float64).astype(x.dtype)
        out[...] = (scale * (dz - total - normalized * along)).reshape(out.shape)


@kernel
def local_response_normalize(
    xp: ModuleType, x: Array, base: Array | None, out: Array, size: int, alpha: float, beta: float, k: float
) -> None:
    """out = x / base**beta, where base = k + alpha / size * (sum of squares of the `size` channels around).

    The window of channel c runs from c - size // 2 to c + (size - 1) // 2. `base`, of x's shape, is written,
    or None when no gradient will be asked for.
    """
    found = k + alpha / size * _neighborhood(xp, xp.square(x), size // 2, (size - 1) // 2)
    if base is not None:
        base[...] = found
    xp.multiply(x, found**-beta, out=out)


@kernel
def local_response_normalize_gradient(
    xp: ModuleType, x: Array, y: Array, dy: Array, base: Array, out: Array, size: int, alpha: float,
    beta: float,
) -> None:  # fmt: skip
    """out = gradient with respect to x of `local_response_normalize`."""
    # A channel feels the windows it lies in, which reach the other way round.
    felt = _neighborhood(xp, dy * y / base, (size - 1) // 2, size // 2)
    out[...] = dy * base**-beta - (2 * alpha * beta / size) * x * felt


def _neighborhood(xp: ModuleType, values: Array, before: int, after: int) -> Any:
    """Sum over the last axis from `before` places before each to `after` behind it."""
    total = xp.zeros_like(values)
    channels = values.shape[-1]
    for offset in range(-min(before, channels - 1), min(after, channels - 1) + 1):
        low, high = max(0, -offset), min(channels, channels - offset)
        total[..., low:high] += values[..., low + offset : high + offset]
    return total
