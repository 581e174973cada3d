"""The same values in another shape, and images and sequences made larger or smaller."""

from __future__ import annotations

from cortex_lab.interop.keras_layers.translation import LayerSettings, Made, layer
from cortex_lab.nn import layers as ours


@layer("Flatten")
def flatten(given: LayerSettings) -> Made:
    given.channels_last()
    return Made(ours.Flatten())


@layer("Reshape")
def reshape(given: LayerSettings) -> Made:
    return Made(ours.Reshape(given.pair("target_shape")))


@layer("Permute")
def permute(given: LayerSettings) -> Made:
    return Made(ours.Permute(given.pair("dims")))


@layer("RepeatVector")
def repeat_vector(given: LayerSettings) -> Made:
    return Made(ours.RepeatVector(given.whole("n")))


@layer("UpSampling1D")
def upsampling_1d(given: LayerSettings) -> Made:
    return Made(ours.UpSampling1D(given.whole("size", "length")))


@layer("UpSampling2D")
def upsampling_2d(given: LayerSettings) -> Made:
    given.channels_last()
    given.only("interpolation", "nearest", "bilinear")
    return Made(ours.UpSampling2D(given.pair("size"), given.take("interpolation", default="nearest")))


@layer("ZeroPadding1D")
def zero_padding_1d(given: LayerSettings) -> Made:
    given.channels_last()
    return Made(ours.ZeroPadding1D(given.pair("padding")))


@layer("ZeroPadding2D")
def zero_padding_2d(given: LayerSettings) -> Made:
    given.channels_last()
    return Made(ours.ZeroPadding2D(given.pair("padding")))


@layer("Cropping1D")
def cropping_1d(given: LayerSettings) -> Made:
    return Made(ours.Cropping1D(given.pair("cropping")))


@layer("Cropping2D")
def cropping_2d(given: LayerSettings) -> Made:
    given.channels_last()
    return Made(ours.Cropping2D(given.pair("cropping")))
