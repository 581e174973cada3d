"""Pictures made small enough to be many in a notebook."""

from __future__ import annotations

import base64
import io
from html import escape

import numpy as np

from cortex_lab.data._pictures import pixels, png

MOST_BYTES = 6 * 1024
"""A thumbnail takes no more of a page, before it is written in base64."""
LONGEST_SIDE = 96


def thumbnail(
    values: object, told: str, limits: tuple[float, float] | None = None, size: int = 64, exact: bool = False
) -> str | None:
    """An `img` of one tensor, its longer side about `size` CSS pixels; None if it has no picture.

    What is longer than `LONGEST_SIDE` pixels is made smaller, and smaller still, or a JPEG, if it takes more
    than `MOST_BYTES`. An `exact` one keeps every pixel.
    """
    values = np.asarray(values)
    picture = pixels(values, limits)
    if picture is None:
        return None
    tall, wide = picture.shape[:2]
    content, kind = (png(picture), "png") if exact else _fitted(picture)
    zoom = size / max(tall, wide)
    if exact or zoom >= 1:
        # Whole multiples keep every pixel square and equally large.
        zoom = max(1, round(zoom))
    drawn = "pixelated" if zoom >= 1 else "auto"
    data = base64.b64encode(content).decode("ascii")
    return (
        f'<img src="data:image/{kind};base64,{data}" width="{max(round(wide * zoom), 4)}" '
        f'height="{max(round(tall * zoom), 4)}" '
        f'style="image-rendering:{drawn};vertical-align:middle;margin:0" '
        f'alt="{escape(told, quote=True)}">'
    )


def figure(picture: str | None, caption: str) -> str:
    """A thumbnail, or what there is instead of one, above words, which are HTML already."""
    return f"<figure>{picture or ''}<figcaption>{caption}</figcaption></figure>"


def smaller(picture: np.ndarray, longest: int) -> np.ndarray:
    """A picture whose longer side has at most so many pixels: the means of what falls together."""
    tall, wide = picture.shape[:2]
    if max(tall, wide) <= longest:
        return picture
    factor = longest / max(tall, wide)
    for axis, side in ((0, tall), (1, wide)):
        count = max(1, round(side * factor))
        edges = np.linspace(0, side, count + 1).round().astype(np.int64)[:-1]
        widths = np.diff(np.append(edges, side)).reshape(
            [-1 if each == axis else 1 for each in range(picture.ndim)]
        )
        picture = np.add.reduceat(picture.astype(np.float32), edges, axis=axis) / widths
    return picture.round().clip(0, 255).astype(np.uint8)


def _fitted(picture: np.ndarray) -> tuple[bytes, str]:
    longest = LONGEST_SIDE
    while True:
        small = smaller(picture, longest)
        content = png(small)
        if len(content) <= MOST_BYTES or longest <= 8:
            return content, "png"
        packed = _jpeg(small)
        if packed is not None and len(packed) <= MOST_BYTES:
            return packed, "jpeg"
        longest = longest * 3 // 4


def _jpeg(picture: np.ndarray) -> bytes | None:
    """The picture as a JPEG; None without Pillow, and of one that lets what is behind it through."""
    try:
        from PIL import Image
    except ImportError:
        return None
    if picture.ndim == 3 and picture.shape[2] == 4:
        return None
    into = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(picture)).save(into, "JPEG", quality=85)
    return into.getvalue()
