"""Convolution and pooling of any geometry: PyTorch's values, and the same on every backend."""

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from cortex_lab.nn.layers.conv2d import Conv2D
from cortex_lab.nn.layers.conv2d_transpose import Conv2DTranspose
from cortex_lab.nn.layers.depthwise_conv2d import DepthwiseConv2D
from cortex_lab.nn.layers.pooling import AveragePooling2D, MaxPooling2D
from tests.nn.bench import LayerBench
from tests.nn.cases import Case, all_different, convolution, pooling

pairs = st.tuples(st.integers(1, 3), st.integers(1, 3))
sizes = st.tuples(st.integers(1, 8), st.integers(1, 8))
borders = st.tuples(*[st.tuples(st.integers(0, 2), st.integers(0, 2))] * 2)
paddings = st.one_of(st.sampled_from(["valid", "same"]), borders)
margins = st.tuples(st.integers(0, 1), st.integers(0, 1))
few = settings(max_examples=25, suppress_health_check=[HealthCheck.filter_too_much])


def _agree(layer, shape, oracle, inputs=None):
    torch = pytest.importorskip("torch")
    try:
        out_shape = layer.out_shape(shape)
    except ValueError:
        assume(False)
    case = Case(layer, (shape,), "drawn", inputs, oracle)
    xs = case.draw(2, seed=1)
    direction = np.random.default_rng(2).normal(size=(2, *out_shape))
    bench = LayerBench(case)
    found = bench.run(xs, direction)
    tensors = [torch.tensor(xs[0], requires_grad=True)]
    parameters = {name: torch.tensor(p, requires_grad=True) for name, p in bench.parameters().items()}
    y = oracle(tensors, parameters)
    np.testing.assert_allclose(found.y, y.detach().numpy(), rtol=1e-9, atol=1e-11)
    (y * torch.tensor(direction)).sum().backward()
    np.testing.assert_allclose(found.input_gradients[0], tensors[0].grad, rtol=1e-9, atol=1e-11)
    for name, parameter in parameters.items():
        np.testing.assert_allclose(found.gradients[f"layer/{name}"], parameter.grad, rtol=1e-9, atol=1e-11)

    fast = LayerBench(case, "cpu").run(xs, direction, poison=True)
    np.testing.assert_allclose(fast.y, found.y, **case.tolerance)
    np.testing.assert_allclose(fast.input_gradients[0], found.input_gradients[0], **case.tolerance)
    for name, gradient in found.gradients.items():
        np.testing.assert_allclose(fast.gradients[name], gradient, err_msg=name, **case.tolerance)


@pytest.mark.oracle
@few
@given(sizes, pairs, pairs, pairs, paddings, st.integers(1, 3), st.integers(1, 2), st.integers(1, 2))
def test_convolution(size, window, strides, dilation, padding, groups, inputs, filters):
    layer = Conv2D(filters * groups, window, strides, padding, None, dilation, groups)
    _agree(layer, (*size, inputs * groups), convolution.conv2d(layer))


@pytest.mark.oracle
@few
@given(sizes, pairs, pairs, pairs, paddings, st.integers(1, 3), st.integers(1, 2))
def test_depthwise_convolution(size, window, strides, dilation, padding, channels, multiplier):
    layer = DepthwiseConv2D(window, strides, padding, multiplier, None, dilation)
    _agree(layer, (*size, channels), convolution.depthwise(layer))


@pytest.mark.oracle
@few
@given(sizes, pairs, pairs, pairs, paddings, st.integers(1, 3), st.sampled_from([None, 0, 1]))
def test_transposed_convolution(size, window, strides, dilation, padding, channels, extra):
    assume(extra is None or extra < min(strides))
    layer = Conv2DTranspose(2, window, strides, padding, extra, None, dilation)
    _agree(layer, (*size, channels), convolution.transposed(layer))


@pytest.mark.oracle
@few
@given(sizes, pairs, pairs, paddings, st.booleans(), st.integers(1, 3))
def test_pooling(size, window, strides, padding, count_padding, channels):
    shape = (*size, channels)
    layer = MaxPooling2D(window, strides, padding)
    _agree(layer, shape, pooling.largest(layer), all_different(shape))
    layer = AveragePooling2D(window, strides, padding, count_padding=count_padding)
    _agree(layer, shape, pooling.mean(layer), all_different(shape))


@pytest.mark.oracle
@few
@given(sizes, pairs, pairs, margins, st.booleans(), st.integers(1, 3))
def test_pooling_that_hangs_over_the_edge(size, window, strides, padding, count_padding, channels):
    torch = pytest.importorskip("torch")
    assume(all(border <= length // 2 for border, length in zip(padding, window, strict=True)))
    shape = (*size, channels)

    def through(pool):
        return lambda xs, p: pool(xs[0].movedim(-1, 1)).movedim(1, -1)

    layer = MaxPooling2D(window, strides, padding, ceil_mode=True)
    _agree(
        layer,
        shape,
        through(torch.nn.MaxPool2d(window, strides, padding, 1, False, True)),
        all_different(shape),
    )
    layer = AveragePooling2D(window, strides, padding, True, count_padding)
    pool = torch.nn.AvgPool2d(window, strides, padding, True, count_padding)
    _agree(layer, shape, through(pool), all_different(shape))
