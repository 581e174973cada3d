"""Layers that move values about: larger, smaller, in another order, and several made one."""

from cortex_lab.nn.layers.merging import Add, Average, Concatenate, Maximum, Multiply, Subtract
from cortex_lab.nn.layers.reshaping import Permute, Reshape
from cortex_lab.nn.layers.resizing import Cropping2D, UpSampling2D, ZeroPadding2D
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
    Case(Concatenate(), ((2, 3, 1), (2, 3, 4), (2, 3, 2)), "channels", oracle=_joined(3)),
    Case(Concatenate(), ((3,), (2,)), "vectors", oracle=_joined(1)),
    Case(Concatenate(axis=1), ((1, 3), (4, 3)), "first", oracle=_joined(1)),
    Case(Concatenate(axis=-2), ((2, 1, 3), (2, 4, 3)), "middle", oracle=_joined(2)),
]
