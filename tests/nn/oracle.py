"""PyTorch's word for what our layers compute: axes moved there and back."""

from __future__ import annotations

from typing import Any

from cortex_lab.nn.contract.layer import pair
from cortex_lab.nn.contract.window import resolve_padding


def functional() -> Any:
    """torch.nn.functional, imported when an oracle is asked."""
    import torch.nn.functional

    return torch.nn.functional


def channels_first(x: Any) -> Any:
    """(n, ..., channels) as (n, channels, ...)."""
    return x.movedim(-1, 1)


def channels_last(x: Any) -> Any:
    """(n, channels, ...) as (n, ..., channels)."""
    return x.movedim(1, -1)


def image_border(layer: Any, shape: tuple[int, ...], window: Any, strides: Any, dilation: Any = 1) -> Any:
    """The layer's padding in the order torch.nn.functional.pad takes: left, right, top, bottom."""
    window, strides = pair("window", window), pair("strides", strides)
    rows, columns = resolve_padding(layer.padding, shape[:2], window, strides, pair("dilation", dilation))
    return (*columns, *rows)


def convolve2d(layer: Any, x: Any, kernel: Any, bias: Any, groups: int) -> Any:
    """Channels-last image through torch's conv2d; `kernel` is (height, width, in / groups, out)."""
    nn = functional()
    border = image_border(layer, tuple(x.shape[1:]), layer.kernel_size, layer.strides, layer.dilation_rate)
    strides, dilation = pair("strides", layer.strides), pair("dilation", layer.dilation_rate)
    padded = nn.pad(channels_first(x), border)
    # In the order of its axes, without which PyTorch cannot differentiate some shapes.
    turned = kernel.permute(3, 2, 0, 1).contiguous()
    y = nn.conv2d(padded, turned, bias, strides, 0, dilation, groups)
    return channels_last(y)
