"""Convolutions: plain, transposed, depthwise and separable."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from cortex_lab.interop.keras_layers.dense import weights
from cortex_lab.interop.keras_layers.translation import (
    Arrays,
    LayerSettings,
    Made,
    Untranslatable,
    activation,
    layer,
)
from cortex_lab.nn import layers as ours

_CAUSAL = ("valid", "same", "causal")


@layer("Conv2D", "Convolution2D")
def conv2d(given: LayerSettings) -> Made:
    function, behind = activation(given)
    use_bias = given.flag("use_bias", "bias", default=True)
    layout = _layout(given)
    made = ours.Conv2D(
        given.whole("filters", "nb_filter"),
        _window(given),
        given.pair("strides", "subsample") or 1,
        _padding(given),
        function,
        given.pair("dilation_rate") or 1,
        given.take("groups", default=1),
        use_bias,
    )
    return Made(made, weights(use_bias, "kernel"), behind=behind, convert=layout)


@layer("Conv1D", "Convolution1D")
def conv1d(given: LayerSettings) -> Made:
    function, behind = activation(given)
    use_bias = given.flag("use_bias", "bias", default=True)
    given.channels_last()
    given.take("input_length")
    padding = given.take("padding", "border_mode", default="valid")
    if padding not in _CAUSAL:
        raise Untranslatable(f"has the padding {padding!r}, which cortex_lab does not have")
    made = ours.Conv1D(
        given.whole("filters", "nb_filter"),
        given.whole("kernel_size", "filter_length"),
        _first(given.take("strides", "subsample_length", default=1)),
        padding,
        function,
        _first(given.take("dilation_rate", default=1)),
        given.take("groups", default=1),
        use_bias,
    )
    return Made(made, weights(use_bias, "kernel"), behind=behind, convert=_older_1d(given))


@layer("Conv2DTranspose", "Deconvolution2D")
def conv2d_transpose(given: LayerSettings) -> Made:
    function, behind = activation(given)
    use_bias = given.flag("use_bias", "bias", default=True)
    if given.era.major == 1:
        raise Untranslatable("is a Deconvolution2D of Keras 1; open the file in Keras 2, and save it again")
    given.channels_last()
    made = ours.Conv2DTranspose(
        given.whole("filters"),
        _window(given),
        given.pair("strides") or 1,
        _padding(given),
        given.pair("output_padding"),
        function,
        given.pair("dilation_rate") or 1,
        use_bias,
    )
    if given.take("groups", default=1) != 1:
        raise Untranslatable("has groups, which cortex_lab does not have in transposed convolutions")
    return Made(made, weights(use_bias, "kernel"), behind=behind, convert=_flipped(given))


@layer("DepthwiseConv2D")
def depthwise_conv2d(given: LayerSettings) -> Made:
    function, behind = activation(given)
    use_bias = given.flag("use_bias", default=True)
    given.channels_last()
    # Keras 2 writes what a Conv2D has, too; the filters are those of the channels.
    given.take("filters", "groups")
    made = ours.DepthwiseConv2D(
        _window(given),
        given.pair("strides") or 1,
        _padding(given),
        given.take("depth_multiplier", default=1),
        function,
        given.pair("dilation_rate") or 1,
        use_bias,
    )
    return Made(made, weights(use_bias, "kernel"), behind=behind)


@layer("SeparableConv2D", "SeparableConvolution2D")
def separable_conv2d(given: LayerSettings) -> Made:
    function, behind = activation(given)
    use_bias = given.flag("use_bias", "bias", default=True)
    given.channels_last()
    given.take("groups")
    made = ours.SeparableConv2D(
        given.whole("filters", "nb_filter"),
        _window(given),
        given.pair("strides", "subsample") or 1,
        _padding(given),
        given.take("depth_multiplier", default=1),
        function,
        given.pair("dilation_rate") or 1,
        use_bias,
    )
    kernels = weights(use_bias, "depthwise_kernel", "pointwise_kernel")
    return Made(made, kernels, behind=behind)


def _window(given: LayerSettings) -> Any:
    if given.take("nb_row") is not None:
        return given.whole("nb_row"), given.whole("nb_col")
    return given.pair("kernel_size")


def _padding(given: LayerSettings) -> str:
    padding = given.take("padding", "border_mode", default="valid")
    if padding not in ("valid", "same"):
        raise Untranslatable(f"has the padding {padding!r}, which cortex_lab does not have")
    return padding


def _first(value: object) -> Any:
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def _layout(given: LayerSettings) -> Callable[[Arrays], Arrays] | None:
    """How kernels are turned that Keras 1 or Theano wrote; None where they are as today."""
    given.channels_last()
    return _flipped(given)


def _flipped(given: LayerSettings) -> Callable[[Arrays], Arrays] | None:
    """Theano convolves, and all others correlate: its kernels are the other way round."""
    if given.era.backend != "theano":
        return None
    return lambda arrays: [np.ascontiguousarray(arrays[0][::-1, ::-1]), *arrays[1:]]


def _older_1d(given: LayerSettings) -> Callable[[Arrays], Arrays] | None:
    """Keras 1 had images one pixel wide for sequences."""
    theano = given.era.backend == "theano"
    if given.era.major > 1 and not theano:
        return None

    def convert(arrays: Arrays) -> Arrays:
        kernel, *others = arrays
        kernel = kernel[:, 0] if kernel.ndim == 4 else kernel
        return [np.ascontiguousarray(kernel[::-1] if theano else kernel), *others]

    return convert
