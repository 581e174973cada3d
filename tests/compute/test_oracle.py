"""The references themselves, in float64, against PyTorch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from cortex_lab.compute import get_ops
from tests.compute.cases import Draw, convolution_shapes

pytestmark = pytest.mark.oracle
OPS = get_ops("reference")


def images(array: np.ndarray) -> Any:
    """An array (n, height, width, channels) as PyTorch has it, with a gradient."""
    import torch

    return torch.tensor(array.transpose(0, 3, 1, 2).copy(), requires_grad=True)


def back(tensor: Any) -> np.ndarray:
    return tensor.detach().numpy().transpose(0, 2, 3, 1)


@pytest.mark.parametrize("seed", range(12))
def test_convolution_and_its_gradients(seed: int):
    import torch

    draw = Draw(seed, large=False)
    x_shape, w_shape, y_shape, geometry = convolution_shapes(draw)
    x, w, dy = (draw.random.standard_normal(shape) for shape in (x_shape, w_shape, y_shape))
    strides, ((top, bottom), (left, right)), dilation, groups = geometry
    y, dx, dw = np.full(y_shape, np.nan), np.full(x_shape, np.nan), np.full(w_shape, np.nan)
    OPS.convolve(x, w, y, *geometry)
    OPS.convolve_input_gradient(dy, w, dx, *geometry)
    OPS.convolve_weight_gradient(x, dy, dw, *geometry)

    x_t, w_t = images(x), torch.tensor(w.transpose(3, 2, 0, 1).copy(), requires_grad=True)
    padded = torch.nn.functional.pad(x_t, (left, right, top, bottom))
    y_t = torch.nn.functional.conv2d(padded, w_t, None, strides, 0, dilation, groups)
    y_t.backward(torch.tensor(dy.transpose(0, 3, 1, 2).copy()))
    np.testing.assert_allclose(y, back(y_t), atol=1e-10)
    np.testing.assert_allclose(dx, back(x_t.grad), atol=1e-10)
    np.testing.assert_allclose(dw, w_t.grad.numpy().transpose(2, 3, 1, 0), atol=1e-10)


@pytest.mark.parametrize("window, stride, padding", [(2, 2, 0), (3, 2, 1), (3, 1, 1), (2, 3, 0)])
def test_pooling_and_its_gradients(window: int, stride: int, padding: int):
    import torch

    x = np.random.default_rng(0).standard_normal((2, 9, 11, 3))
    geometry = (window, window), (stride, stride), ((padding, padding), (padding, padding))
    for kind in ("max", "average"):
        x_t = images(x)
        if kind == "max":
            y_t = torch.nn.functional.max_pool2d(x_t, window, stride, padding)
        else:
            y_t = torch.nn.functional.avg_pool2d(x_t, window, stride, padding, count_include_pad=True)
        y, dx = np.full(back(y_t).shape, np.nan), np.full(x.shape, np.nan)
        dy = np.random.default_rng(1).standard_normal(y.shape)
        y_t.backward(torch.tensor(dy.transpose(0, 3, 1, 2).copy()))
        if kind == "max":
            winner = np.zeros(y.shape, np.int32)
            OPS.pool_max(x, y, winner, *geometry)
            OPS.pool_max_gradient(dy, winner, dx, *geometry)
        else:
            OPS.pool_average(x, y, *geometry, True)
            OPS.pool_average_gradient(dy, dx, *geometry, True)
        np.testing.assert_allclose(y, back(y_t), atol=1e-12)
        np.testing.assert_allclose(dx, back(x_t.grad), atol=1e-12)


def test_softmax_cross_entropy_and_its_gradient():
    import torch

    random = np.random.default_rng(0)
    logits, classes = 5 * random.standard_normal((20, 7)), random.integers(0, 7, 20)
    weights, rows, gradient = random.random(20), np.empty(20), np.empty((20, 7))
    OPS.softmax_cross_entropy(logits, classes, weights, rows, gradient)
    t = torch.tensor(logits, requires_grad=True)
    losses = torch.nn.functional.cross_entropy(t, torch.tensor(classes), reduction="none")
    (losses * torch.tensor(weights)).sum().backward()
    np.testing.assert_allclose(rows, losses.detach().numpy(), atol=1e-12)
    np.testing.assert_allclose(gradient, t.grad.numpy(), atol=1e-12)


@pytest.mark.parametrize(
    "name", ["relu", "tanh", "sigmoid", "elu", "selu", "gelu", "swish", "softplus", "softmax"]
)
def test_activations_and_their_derivatives(name: str):
    import torch

    x, dy = np.random.default_rng(0).standard_normal((2, 5, 6)) * 3
    y, dx = np.empty(x.shape), np.empty(x.shape)
    OPS.activate(name, x, y)
    OPS.activate_gradient(name, x, y, dy, dx)
    t = torch.tensor(x, requires_grad=True)
    functions = {"swish": torch.nn.functional.silu, "softmax": lambda v: torch.softmax(v, -1)}
    y_t = (functions.get(name) or getattr(torch.nn.functional, name))(t)
    y_t.backward(torch.tensor(dy))
    np.testing.assert_allclose(y, y_t.detach().numpy(), atol=1e-7)
    np.testing.assert_allclose(dx, t.grad.numpy(), atol=1e-6)
