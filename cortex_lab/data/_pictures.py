"""Tensors as little PNG pictures, with nothing but zlib."""

from __future__ import annotations

import base64
import struct
import zlib

import numpy as np

_COLOR_TYPES = {1: 0, 3: 2, 4: 6}


def value_range(values: np.ndarray) -> tuple[float, float]:
    """The values drawn as black and as white: 0..255 for bytes, 0..1 if all fit, else what is there."""
    if values.dtype == np.uint8:
        return 0.0, 255.0
    finite = values[np.isfinite(values)]
    if finite.size == 0:
        return 0.0, 1.0
    low, high = float(finite.min()), float(finite.max())
    if low >= 0.0 and high <= 1.0:
        return 0.0, 1.0
    return low, high if high > low else low + 1.0


def pixels(values: np.ndarray, limits: tuple[float, float] | None = None) -> np.ndarray | None:
    """Gray (h, w) or color (h, w, 3 or 4) bytes of one tensor; None if it has no two-dimensional picture.

    A vector is drawn as a strip one pixel high.
    """
    if values.ndim == 1:
        values = values[np.newaxis]
    if values.ndim == 3 and values.shape[2] == 1:
        values = values[:, :, 0]
    if values.ndim not in (2, 3) or values.size == 0 or (values.ndim == 3 and values.shape[2] not in (3, 4)):
        return None
    if values.dtype == np.uint8:
        return values
    low, high = limits or value_range(values)
    scaled = (values.astype(np.float64) - low) * (255.0 / (high - low))
    return np.nan_to_num(scaled, nan=0.0, posinf=255.0, neginf=0.0).clip(0, 255).round().astype(np.uint8)


def png(picture: np.ndarray) -> bytes:
    """Encode bytes (h, w), (h, w, 3) or (h, w, 4) as a PNG file (RFC 2083)."""
    height, width = picture.shape[:2]
    color_type = _COLOR_TYPES[picture.shape[2] if picture.ndim == 3 else 1]
    rows = np.ascontiguousarray(picture, dtype=np.uint8).reshape(height, -1)
    # Each row starts with a byte that names its filter; 0 is none.
    filtered = np.concatenate([np.zeros((height, 1), np.uint8), rows], axis=1).tobytes()
    header = struct.pack(">IIBBBBB", width, height, 8, color_type, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(filtered, 6)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )


def image_tag(values: np.ndarray, limits: tuple[float, float] | None = None, size: int = 48) -> str | None:
    """An HTML picture of one tensor, its longer side at least `size` CSS pixels; None if it has none."""
    picture = pixels(values, limits)
    if picture is None:
        return None
    height, width = picture.shape[:2]
    # Whole multiples keep every pixel square and equally large.
    zoom = max(1, round(size / max(height, width)))
    shown_height = max(height * zoom, 8)
    data = base64.b64encode(png(picture)).decode("ascii")
    return (
        f'<img src="data:image/png;base64,{data}" width="{width * zoom}" height="{shown_height}"'
        ' style="image-rendering:pixelated;vertical-align:middle;margin:0" alt="">'
    )
