"""Pooling over windows and over whole images."""

from cortex_lab.nn.contract.window import resolve_span
from cortex_lab.nn.layers.global_pooling import (
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    GlobalMaxPooling1D,
    GlobalMaxPooling2D,
)
from cortex_lab.nn.layers.pooling import AveragePooling1D, AveragePooling2D, MaxPooling1D, MaxPooling2D
from tests.nn.cases import Case, all_different
from tests.nn.oracle import channels_first, channels_last, functional, image_border


def _border(layer, shape):
    strides = layer.strides or layer.pool_size
    if len(shape) == 2:
        return resolve_span(layer.padding, shape[0], layer.pool_size, strides)
    return image_border(layer, shape, layer.pool_size, strides)


def largest(layer):
    def oracle(xs, p):
        nn, x = functional(), channels_first(xs[0])
        pool = nn.max_pool2d if x.ndim == 4 else nn.max_pool1d
        padded = nn.pad(x, _border(layer, xs[0].shape[1:]), value=float("-inf"))
        return channels_last(pool(padded, layer.pool_size, layer.strides, ceil_mode=layer.ceil_mode))

    return oracle


def mean(layer):
    """Sums of the image over sums of what counts, since PyTorch pads averages evenly only."""

    def oracle(xs, p):
        nn, x = functional(), channels_first(xs[0])
        border = _border(layer, xs[0].shape[1:])

        def total(values, beyond):
            padded = nn.pad(values, border, value=beyond)
            # What hangs over in ceil mode never counts.
            if x.ndim == 4:
                return nn.avg_pool2d(padded, layer.pool_size, layer.strides, 0, layer.ceil_mode)
            return nn.avg_pool1d(padded, layer.pool_size, layer.strides, 0, layer.ceil_mode)

        counted = total(x.detach() * 0 + 1, 1.0 if layer.count_padding else 0.0)
        return channels_last(total(x, 0.0) / counted)

    return oracle


def _evenly_padded_mean(layer):
    """PyTorch's own rules for padding and ceil mode."""

    def oracle(xs, p):
        y = functional().avg_pool2d(
            channels_first(xs[0]),
            layer.pool_size,
            layer.strides,
            layer.padding,
            layer.ceil_mode,
            layer.count_padding,
        )
        return channels_last(y)

    return oracle


def _rows(oracle, table):
    return [Case(each, (s,), label, all_different(s), oracle(each)) for label, each, s in table]


def _global(layer, shape, reduce):
    axes = tuple(range(1, len(shape)))
    label = f"{len(shape)}-axes{'-keepdims' if layer.keepdims else ''}"
    return Case(
        layer, (shape,), label, all_different(shape), lambda xs, p: reduce(xs[0], axes, layer.keepdims)
    )


def _average(x, axes, keepdims):
    return x.mean(axes, keepdim=keepdims)


def _maximum(x, axes, keepdims):
    return x.amax(axes, keepdim=keepdims)


WINDOWS = [
    ("2", {}, (4, 6, 2)),
    ("odd-size", {}, (5, 7, 3)),
    ("ceil", {"ceil_mode": True}, (5, 7, 2)),
    ("overlapping", {"pool_size": 3, "strides": 2}, (7, 5, 2)),
    ("overlapping-same", {"pool_size": 3, "strides": 2, "padding": "same"}, (6, 7, 2)),
    ("same-stride-1", {"pool_size": (2, 3), "strides": 1, "padding": "same"}, (4, 3, 2)),
    ("gaps", {"pool_size": 2, "strides": 3}, (8, 7, 1)),
    ("padded-ceil", {"pool_size": 3, "strides": 2, "padding": 1, "ceil_mode": True}, (6, 5, 2)),
    ("asymmetric", {"pool_size": (2, 3), "padding": ((1, 0), (0, 2))}, (5, 4, 2)),
    ("whole-image", {"pool_size": (3, 4)}, (3, 4, 2)),
    ("larger-than-image", {"pool_size": (3, 5), "ceil_mode": True}, (2, 3, 17)),
    ("larger-one-way", {"pool_size": 3, "strides": 2, "ceil_mode": True}, (2, 6, 2)),
    ("larger-padded", {"pool_size": 5, "strides": 3, "padding": 1, "ceil_mode": True}, (1, 2, 2)),
]
SPANS = [
    ("2", {}, (7, 2)),
    ("ceil", {"ceil_mode": True}, (7, 2)),
    ("same", {"pool_size": 3, "strides": 2, "padding": "same"}, (6, 3)),
    ("larger-than-sequence", {"pool_size": 4, "ceil_mode": True}, (2, 3)),
    ("larger-padded", {"pool_size": 4, "strides": 3, "padding": 1, "ceil_mode": True}, (1, 3)),
]

CASES = [
    *_rows(largest, [(label, MaxPooling2D(**options), shape) for label, options, shape in WINDOWS]),
    *_rows(largest, [(label, MaxPooling1D(**options), shape) for label, options, shape in SPANS]),
    *_rows(mean, [(label, AveragePooling2D(**options), shape) for label, options, shape in WINDOWS]),
    *_rows(mean, [(label, AveragePooling1D(**options), shape) for label, options, shape in SPANS]),
    *_rows(
        _evenly_padded_mean,
        [
            ("counted", AveragePooling2D(3, 2, 1, count_padding=True), (6, 5, 2)),
            ("counted-ceil", AveragePooling2D(3, 2, 1, True, count_padding=True), (6, 5, 2)),
            ("not-counted-ceil", AveragePooling2D(3, 2, 1, True), (6, 5, 2)),
            ("counted-larger", AveragePooling2D(5, 3, 1, True, count_padding=True), (2, 1, 3)),
            ("not-counted-larger", AveragePooling2D(5, 3, 1, True), (2, 1, 3)),
        ],
    ),
    _global(GlobalAveragePooling2D(), (3, 5, 2), _average),
    _global(GlobalAveragePooling2D(keepdims=True), (2, 3, 1), _average),
    _global(GlobalMaxPooling2D(), (3, 5, 2), _maximum),
    _global(GlobalMaxPooling2D(keepdims=True), (2, 3, 1), _maximum),
    _global(GlobalAveragePooling1D(), (5, 3), _average),
    _global(GlobalMaxPooling1D(keepdims=True), (5, 3), _maximum),
]
