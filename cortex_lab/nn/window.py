"""Windows that slide over images: padding and output sizes, as Keras defines them."""

from __future__ import annotations

from typing import Any

from cortex_lab.nn.layer import Shape

Pair = tuple[int, int]
Padding = tuple[Pair, Pair]


def check_padding(padding: Any) -> None:
    """ValueError unless it is "valid", "same", a whole number, (rows, columns), or ((top, bottom), (left, right))."""
    explicit_padding(padding) if padding not in ("valid", "same") else None


def explicit_padding(padding: Any) -> Padding:
    """An explicit padding as ((top, bottom), (left, right))."""
    try:
        rows, columns = (padding, padding) if isinstance(padding, int) else padding
        rows = (rows, rows) if isinstance(rows, int) else tuple(rows)
        columns = (columns, columns) if isinstance(columns, int) else tuple(columns)
        (top, bottom), (left, right) = rows, columns
        if min(top, bottom, left, right) >= 0:
            return (int(top), int(bottom)), (int(left), int(right))
    except (TypeError, ValueError):
        pass
    raise ValueError(
        'padding must be "valid", "same", a whole number, (rows, columns) or ((top, bottom), (left, right)) '
        f"of at least 0, got {padding!r}"
    )


def resolve_padding(padding: Any, size: Shape, window: Pair, strides: Pair, dilation: Pair) -> Padding:
    """The padding in pixels for an image of `size`. "same" puts the odd pixel at the bottom and right."""
    if padding == "valid":
        return (0, 0), (0, 0)
    if padding != "same":
        return explicit_padding(padding)
    return tuple(  # type: ignore[return-value]
        _same(length, w, s, d) for length, w, s, d in zip(size, window, strides, dilation, strict=True)
    )


def slide(
    what: str,
    size: Shape,
    window: Pair,
    strides: Pair,
    padding: Padding,
    dilation: Pair = (1, 1),
    ceil: bool = False,
) -> Pair:
    """Output (height, width) of a window sliding over a padded image; ValueError if it does not fit once.

    With `ceil`, a last window may hang over the edge, as long as it starts inside the image or its leading
    padding (the rule PyTorch states).
    """
    result = []
    for axis in (0, 1):
        before, after = padding[axis]
        extent = (window[axis] - 1) * dilation[axis] + 1
        room = size[axis] + before + after - extent
        if room < 0:
            raise ValueError(
                f"{what}: a window of {extent} does not fit into {('height', 'width')[axis]} {size[axis]}"
                f"{f' with padding {before} + {after}' if before + after else ''}; "
                'use a smaller window, or padding="same"'
            )
        steps = -(-room // strides[axis]) if ceil else room // strides[axis]
        if ceil and steps * strides[axis] >= size[axis] + before:
            steps -= 1
        result.append(steps + 1)
    return result[0], result[1]


def _same(length: int, window: int, stride: int, dilation: int) -> Pair:
    extent = (window - 1) * dilation + 1
    total = max((-(-length // stride) - 1) * stride + extent - length, 0)
    return total // 2, total - total // 2
