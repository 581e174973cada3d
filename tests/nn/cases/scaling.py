"""Inputs brought to a scale."""

import numpy as np

from cortex_lab.nn.layers.layer_scale import LayerScale
from cortex_lab.nn.layers.scaling import Normalization, Rescaling
from tests.nn.cases import Case

MEAN, VARIANCE = (1.0, -2.0, 0.5), (4.0, 0.0, 0.25)


def _normalized(layer, shape=(-1,)):
    """Of PyTorch's tensors; `shape` is that of mean and variance beside rows."""

    def oracle(xs, parameters):
        import torch

        mean = torch.tensor(layer.mean).reshape(shape).double()
        spread = torch.tensor(np.where(np.equal(layer.variance, 0), 1, layer.variance)).reshape(shape).sqrt()
        return xs[0] * spread + mean if layer.invert else (xs[0] - mean) / spread

    return oracle


def _case(layer, rows, label, shape=(-1,)):
    return Case(layer, (rows,), label, oracle=_normalized(layer, shape))


CASES = [
    Case(Rescaling(2.0, -1.0), ((4,),), oracle=lambda xs, p: 2 * xs[0] - 1),
    Case(Rescaling(-0.5), ((2, 3, 1),), "image", oracle=lambda xs, p: -xs[0] / 2),
    Case(LayerScale(0.5), ((4,),), oracle=lambda xs, p: xs[0] * p["gamma"]),
    Case(LayerScale(), ((2, 3, 5),), "image", oracle=lambda xs, p: xs[0] * p["gamma"]),
    _case(Normalization(-1, MEAN, VARIANCE), (3,), "columns"),
    _case(Normalization(-1, MEAN, VARIANCE, invert=True), (3,), "back"),
    _case(Normalization(-1, MEAN, VARIANCE), (2, 4, 3), "channels"),
    _case(Normalization(1, MEAN, VARIANCE), (3, 4), "first", (3, 1)),
    _case(Normalization((1, 3), (MEAN, MEAN), (VARIANCE, VARIANCE)), (2, 4, 3), "two-axes", (2, 1, 3)),
    _case(Normalization(None, 0.5, 4.0), (2, 3), "all"),
    _case(Normalization(-1, 0.5, 4.0, invert=True), (5,), "one-for-all"),
]
