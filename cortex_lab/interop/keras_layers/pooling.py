"""Pooling over windows, and over whole images and sequences."""

from __future__ import annotations

from typing import Any

from cortex_lab.interop.keras_layers.translation import LayerSettings, Made, Untranslatable, layer
from cortex_lab.nn import layers as ours


@layer("MaxPooling2D")
def max_pooling_2d(given: LayerSettings) -> Made:
    return Made(ours.MaxPooling2D(*_images(given)))


@layer("AveragePooling2D")
def average_pooling_2d(given: LayerSettings) -> Made:
    return Made(ours.AveragePooling2D(*_images(given)))


@layer("MaxPooling1D")
def max_pooling_1d(given: LayerSettings) -> Made:
    return Made(ours.MaxPooling1D(*_sequences(given)))


@layer("AveragePooling1D")
def average_pooling_1d(given: LayerSettings) -> Made:
    return Made(ours.AveragePooling1D(*_sequences(given)))


@layer("GlobalAveragePooling2D")
def global_average_pooling_2d(given: LayerSettings) -> Made:
    given.channels_last()
    return Made(ours.GlobalAveragePooling2D(given.flag("keepdims")))


@layer("GlobalMaxPooling2D")
def global_max_pooling_2d(given: LayerSettings) -> Made:
    given.channels_last()
    return Made(ours.GlobalMaxPooling2D(given.flag("keepdims")))


@layer("GlobalAveragePooling1D")
def global_average_pooling_1d(given: LayerSettings) -> Made:
    given.channels_last()
    # Keras leaves padded steps out of the mean.
    return Made(ours.GlobalAveragePooling1D(given.flag("keepdims")), ignores_mask=False)


@layer("GlobalMaxPooling1D")
def global_max_pooling_1d(given: LayerSettings) -> Made:
    given.channels_last()
    return Made(ours.GlobalMaxPooling1D(given.flag("keepdims")))


def _images(given: LayerSettings) -> tuple[Any, ...]:
    given.channels_last()
    return given.pair("pool_size") or 2, given.pair("strides"), _padding(given)


def _sequences(given: LayerSettings) -> tuple[Any, ...]:
    given.channels_last()
    strides = given.take("strides", "stride")
    strides = strides[0] if isinstance(strides, list) else strides
    return given.whole("pool_size", "pool_length"), strides, _padding(given)


def _padding(given: LayerSettings) -> str:
    padding = given.take("padding", "border_mode", default="valid")
    if padding not in ("valid", "same"):
        raise Untranslatable(f"has the padding {padding!r}, which cortex_lab does not have")
    return padding
