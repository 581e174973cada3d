"""Windows that slide over images: padding and output sizes, as Keras defines them."""

from __future__ import annotations

from typing import Any

from cortex_lab.ground import checks
from cortex_lab.nn.contract.layer import WHOLE, Shape

Pair = tuple[int, int]
Padding = tuple[Pair, Pair]


def check_padding(padding: object) -> None:
    """ValueError unless it is "valid", "same" or what `explicit_padding` takes."""
    explicit_padding(padding) if padding not in ("valid", "same") else None


def explicit_padding(padding: Any) -> Padding:
    """A padding n, (rows, columns) or ((top, bottom), (left, right)), in its last form."""
    try:
        if isinstance(padding, WHOLE):
            n = checks.whole("padding", padding, least=0)
            return (n, n), (n, n)
        rows, columns = padding
        rows = (rows, rows) if isinstance(rows, WHOLE) else tuple(rows)
        columns = (columns, columns) if isinstance(columns, WHOLE) else tuple(columns)
        (top, bottom), (left, right) = rows, columns
        top, bottom, left, right = (checks.whole("padding", n, least=0) for n in (top, bottom, left, right))
        return (top, bottom), (left, right)
    except (TypeError, ValueError):
        pass
    raise ValueError(
        'padding must be "valid", "same", a whole number, (rows, columns) or ((top, bottom), (left, right)) '
        f"of at least 0, got {padding!r}"
    )


def check_span_padding(padding: object) -> None:
    """ValueError unless it is "valid", "same", "causal", a whole number or (before, after)."""
    explicit_span(padding) if padding not in ("valid", "same", "causal") else None


def explicit_span(padding: Any) -> Pair:
    """An explicit padding along one axis as (before, after)."""
    try:
        before, after = (padding, padding) if isinstance(padding, WHOLE) else padding
        return checks.whole("padding", before, least=0), checks.whole("padding", after, least=0)
    except (TypeError, ValueError):
        pass
    raise ValueError(
        'padding must be "valid", "same", "causal", a whole number or (before, after) of at least 0, '
        f"got {padding!r}"
    )


def resolve_span(padding: object, length: int, window: int, stride: int, dilation: int = 1) -> Pair:
    """The padding (before, after) of a sequence; "causal" is all before, so that no output sees ahead."""
    if padding == "valid":
        return 0, 0
    if padding == "same":
        return _same(length, window, stride, dilation)
    return ((window - 1) * dilation, 0) if padding == "causal" else explicit_span(padding)


def border(name: str, value: object) -> Padding:
    """A border of n, (rows, columns) or ((top, bottom), (left, right)) pixels, spelled out."""
    try:
        return explicit_padding(value)
    except ValueError:
        raise ValueError(
            f"{name} must be a whole number, (rows, columns) or ((top, bottom), (left, right)) "
            f"of at least 0, got {value!r}"
        ) from None


def span_border(name: str, value: object) -> Pair:
    """A border of n or (before, after) places of a sequence, spelled out."""
    try:
        return explicit_span(value)
    except ValueError:
        raise ValueError(
            f"{name} must be a whole number or (before, after) of at least 0, got {value!r}"
        ) from None


def resolve_padding(padding: object, size: Shape, window: Pair, strides: Pair, dilation: Pair) -> Padding:
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
    window: Shape,
    strides: Shape,
    padding: tuple[Pair, ...],
    dilation: Shape | None = None,
    ceil: bool = False,
) -> Shape:
    """Output size of a window sliding over a padded image or sequence; ValueError if it does not fit once.

    With `ceil`, a last window may hang over the edge, as long as it starts inside the image or its leading
    padding (the rule PyTorch states); so may the only one, by less than a stride.
    """
    names = ("height", "width") if len(size) == 2 else ("length",)
    result = []
    for axis, name in enumerate(names):
        before, after = padding[axis]
        extent = (window[axis] - 1) * (dilation[axis] if dilation else 1) + 1
        room = size[axis] + before + after - extent
        steps = -(-room // strides[axis]) if ceil else room // strides[axis]
        if steps < 0:
            raise ValueError(
                f"{what}: a window of {extent} does not fit into {name} {size[axis]}"
                f"{f' with padding {before} + {after}' if before + after else ''}; "
                'use a smaller window, or padding="same"'
            )
        if ceil and steps * strides[axis] >= size[axis] + before:
            steps -= 1
        result.append(steps + 1)
    return tuple(result)


def spread(length: int, window: int, stride: int, padding: Any, extra: int | None) -> tuple[int, Pair]:
    """Output length of a transposed convolution, and what it cuts off (before, after) the full spread.

    `window` counts dilation in. "same" gives length * stride and "valid" every pixel the window touches, as
    in Keras; `extra` is Keras' `output_padding`: more pixels at the end, fewer than the stride.
    """
    full = (length - 1) * stride + window
    if padding == "same":
        output = length * stride if extra is None else full - window // 2 * 2 + extra
        cut = max(full - output, 0)
        return output, (cut // 2, cut - cut // 2)
    before, after = (0, 0) if padding == "valid" else padding
    if extra is None:
        extra = max(stride - window, 0) if padding == "valid" else 0
    return full - before - after + extra, (before, after)


def _same(length: int, window: int, stride: int, dilation: int) -> Pair:
    extent = (window - 1) * dilation + 1
    total = max((-(-length // stride) - 1) * stride + extent - length, 0)
    return total // 2, total - total // 2
