"""Layers that move values about: larger, smaller, in another order, and several made one."""

from cortex_lab.nn.layers.dot import Dot
from cortex_lab.nn.layers.merging import Add, Average, Concatenate, Maximum, Minimum, Multiply, Subtract
from cortex_lab.nn.layers.reducing import Max, Mean, Sum
from cortex_lab.nn.layers.reshaping import Permute, RepeatVector, Reshape
from cortex_lab.nn.layers.resizing import (
    Cropping1D,
    Cropping2D,
    UpSampling1D,
    UpSampling2D,
    ZeroPadding1D,
    ZeroPadding2D,
)
from tests.nn.cases import Case, all_different
from tests.nn.oracle import channels_first, channels_last, functional


def _resized(layer):
    def oracle(xs, p):
        options = {"align_corners": False} if layer.interpolation == "bilinear" else {}
        size = layer.size if isinstance(layer.size, tuple) else (layer.size, layer.size)
        mode = layer.interpolation
        return channels_last(
            functional().interpolate(channels_first(xs[0]), scale_factor=size, mode=mode, **options)
        )

    return oracle


def _padded(xs, p):
    return functional().pad(xs[0], (0, 0, 3, 0, 1, 2))


def _product(xs, p):
    return xs[0] * xs[1] * xs[2] if len(xs) == 3 else xs[0] * xs[1]


def _largest(xs, p):
    return xs[0].maximum(xs[1]).maximum(xs[-1])


def _smallest(xs, p):
    return xs[0].minimum(xs[1]).minimum(xs[-1])


def _as_keras_broadcasts(combine):
    """Rows with fewer axes get some of length 1 behind the batch."""

    def oracle(xs, p):
        axes = max(x.ndim for x in xs)
        first, *others = (x.reshape(len(x), *[1] * (axes - x.ndim), *x.shape[1:]) for x in xs)
        for other in others:
            first = combine(first, other)
        return first

    return oracle


BROADCAST = {
    "per-channel": ((2, 3, 2), (2,)),
    "per-place": ((2, 3, 2), (2, 3, 1)),
    "both-ways": ((3, 1), (1, 4)),
    "first-smaller": ((4,), (3, 4), (1, 1)),
}


def _broadcast():
    for label, shapes in BROADCAST.items():
        yield Add(), shapes, label, None, lambda a, b: a + b
        yield Multiply(), shapes, label, None, lambda a, b: a * b
        yield Maximum(), shapes, label, all_different(*shapes), lambda a, b: a.maximum(b)
        yield Minimum(), shapes, label, all_different(*shapes), lambda a, b: a.minimum(b)
        if len(shapes) == 2:
            yield Subtract(), shapes, label, None, lambda a, b: a - b
            yield Average(), shapes, label, None, lambda a, b: (a + b) / 2


def _reduced(layer, reduce):
    def oracle(xs, p):
        axes = layer.axis if layer.axis is not None else tuple(range(1, xs[0].ndim))
        return reduce(xs[0], axes, layer.keepdims)

    return oracle


def _reductions():
    kinds = {
        Sum: lambda x, axes, kept: x.sum(axes, keepdim=kept),
        Mean: lambda x, axes, kept: x.mean(axes, keepdim=kept),
        Max: lambda x, axes, kept: x.amax(axes, keepdim=kept),
    }
    for kind, reduce in kinds.items():
        for label, options, shape in (
            ("all", {}, (3, 2, 4)),
            ("first", {"axis": 1}, (3, 4)),
            ("last", {"axis": -1, "keepdims": True}, (3, 2, 4)),
            ("middle", {"axis": 2}, (3, 2, 4)),
            ("outer", {"axis": (1, -1)}, (3, 2, 4)),
            ("image", {"axis": (1, 2), "keepdims": True}, (3, 2, 4)),
        ):
            layer = kind(**options)
            yield Case(layer, (shape,), label, all_different(shape), _reduced(layer, reduce))


def _dot(letters, normalize=False):
    def oracle(xs, p):
        import torch

        ends = [part.index("k") for part in letters.split("->")[0].split(",")]
        if normalize:
            xs = [functional().normalize(x, dim=axis, eps=1e-7) for x, axis in zip(xs, ends, strict=True)]
        y = torch.einsum(letters, *xs)
        return y if y.ndim > 1 else y[:, None]

    return oracle


def _joined(axis):
    def oracle(xs, p):
        import torch

        return torch.cat(xs, axis)

    return oracle


IMAGES = ((2, 3, 2), (2, 3, 2))

CASES = [
    *[
        Case(layer, ((3, 2, 2),), label, None, _resized(layer))
        for label, layer in (
            ("nearest", UpSampling2D()),
            ("nearest-uneven", UpSampling2D((1, 3))),
            ("bilinear", UpSampling2D(interpolation="bilinear")),
            ("bilinear-uneven", UpSampling2D((3, 2), "bilinear")),
        )
    ],
    Case(UpSampling2D(2, "bilinear"), ((1, 1, 2),), "one-pixel", None, _resized(UpSampling2D(2, "bilinear"))),
    Case(ZeroPadding2D(), ((2, 3, 2),), oracle=lambda xs, p: functional().pad(xs[0], (0, 0, 1, 1, 1, 1))),
    Case(ZeroPadding2D(((1, 2), (3, 0))), ((2, 3, 2),), "asymmetric", oracle=_padded),
    Case(Cropping2D(), ((4, 3, 2),), oracle=lambda xs, p: xs[0][:, 1:-1, 1:-1]),
    Case(Cropping2D(((0, 1), (2, 0))), ((2, 3, 2),), "asymmetric", oracle=lambda xs, p: xs[0][:, :-1, 2:]),
    Case(Reshape((3, 4)), ((2, 3, 2),), oracle=lambda xs, p: xs[0].reshape(-1, 3, 4)),
    Case(Reshape((2, -1, 1)), ((6,),), "free", oracle=lambda xs, p: xs[0].reshape(-1, 2, 3, 1)),
    Case(Permute((2, 1)), ((3, 4),), oracle=lambda xs, p: xs[0].transpose(1, 2)),
    Case(Permute((3, 1, 2)), ((2, 3, 4),), "three", oracle=lambda xs, p: xs[0].permute(0, 3, 1, 2)),
    Case(Add(), IMAGES, "two", oracle=lambda xs, p: xs[0] + xs[1]),
    Case(Add(), ((4,),) * 4, "four", oracle=lambda xs, p: xs[0] + xs[1] + xs[2] + xs[3]),
    Case(Subtract(), IMAGES, oracle=lambda xs, p: xs[0] - xs[1]),
    Case(Multiply(), IMAGES, "two", oracle=_product),
    Case(Multiply(), ((4,),) * 3, "three", oracle=_product),
    Case(Average(), IMAGES, "two", oracle=lambda xs, p: (xs[0] + xs[1]) / 2),
    Case(Average(), ((4,),) * 3, "three", oracle=lambda xs, p: (xs[0] + xs[1] + xs[2]) / 3),
    Case(Maximum(), IMAGES, "two", all_different(*IMAGES), _largest),
    Case(Maximum(), ((4,),) * 3, "three", all_different((4,), (4,), (4,)), _largest),
    Case(Minimum(), IMAGES, "two", all_different(*IMAGES), _smallest),
    Case(Minimum(), ((4,),) * 3, "three", all_different((4,), (4,), (4,)), _smallest),
    *[
        Case(layer, shapes, label, inputs, _as_keras_broadcasts(combine))
        for layer, shapes, label, inputs, combine in _broadcast()
    ],
    *_reductions(),
    Case(Dot(1), ((4,), (4,)), "vectors", oracle=_dot("nk,nk->n")),
    Case(Dot(-1, normalize=True), ((4,), (4,)), "cosine", oracle=_dot("nk,nk->n", True)),
    Case(Dot((2, 1)), ((3, 4), (4, 2)), "matrices", oracle=_dot("nik,nkj->nij")),
    Case(Dot(1, True), ((4, 3), (4, 2)), "cosines", oracle=_dot("nki,nkj->nij", True)),
    Case(Dot((1, 2)), ((3,), (2, 3, 2)), "image", oracle=_dot("nk,nakb->nab")),
    Case(RepeatVector(3), ((4,),), oracle=lambda xs, p: xs[0][:, None].expand(-1, 3, -1)),
    Case(RepeatVector(1), ((1,),), "one", oracle=lambda xs, p: xs[0][:, None]),
    Case(UpSampling1D(), ((3, 2),), oracle=lambda xs, p: xs[0].repeat_interleave(2, 1)),
    Case(UpSampling1D(3), ((1, 2),), "three", oracle=lambda xs, p: xs[0].repeat_interleave(3, 1)),
    Case(ZeroPadding1D(), ((3, 2),), oracle=lambda xs, p: functional().pad(xs[0], (0, 0, 1, 1))),
    Case(
        ZeroPadding1D((2, 0)), ((3, 2),), "before", oracle=lambda xs, p: functional().pad(xs[0], (0, 0, 2, 0))
    ),
    Case(Cropping1D(), ((4, 2),), oracle=lambda xs, p: xs[0][:, 1:-1]),
    Case(Cropping1D((0, 2)), ((4, 2),), "after", oracle=lambda xs, p: xs[0][:, :-2]),
    Case(Concatenate(), ((2, 3, 1), (2, 3, 4), (2, 3, 2)), "channels", oracle=_joined(3)),
    Case(Concatenate(), ((3,), (2,)), "vectors", oracle=_joined(1)),
    Case(Concatenate(axis=1), ((1, 3), (4, 3)), "first", oracle=_joined(1)),
    Case(Concatenate(axis=-2), ((2, 1, 3), (2, 4, 3)), "middle", oracle=_joined(2)),
]
