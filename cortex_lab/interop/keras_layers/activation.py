"""Activations that are layers."""

from __future__ import annotations

from cortex_lab.interop.keras_layers.translation import LayerSettings, Made, Untranslatable, activation, layer
from cortex_lab.nn import layers as ours


@layer("Activation")
def activation_layer(given: LayerSettings) -> Made:
    name, behind = activation(given)
    if not behind:
        # Keras knows masks in its softmax, but as an activation it gives none on to it.
        return Made(ours.Softmax() if name == "softmax" else ours.Activation(name or "linear"))
    *before, last = behind
    return Made(last, before=tuple(before))


@layer("ReLU")
def relu(given: LayerSettings) -> Made:
    limit = given.take("max_value")
    slope, threshold = given.take("negative_slope", default=0.0), given.take("threshold", default=0.0)
    return Made(ours.ReLU(limit, slope or 0.0, threshold or 0.0))


@layer("ThresholdedReLU")
def thresholded_relu(given: LayerSettings) -> Made:
    return Made(ours.ReLU(threshold=given.number("theta", default=1.0)))


@layer("LeakyReLU")
def leaky_relu(given: LayerSettings) -> Made:
    return Made(ours.LeakyReLU(given.number("negative_slope", "alpha", default=0.3)))


@layer("ELU")
def elu(given: LayerSettings) -> Made:
    return Made(ours.ELU(given.number("alpha", default=1.0)))


@layer("PReLU")
def prelu(given: LayerSettings) -> Made:
    shared = given.pair("shared_axes")
    return Made(ours.PReLU(shared_axes=shared or None), ("alpha",))


@layer("Softmax")
def softmax(given: LayerSettings) -> Made:
    axis = given.take("axis", default=-1)
    axis = axis[0] if isinstance(axis, list) and len(axis) == 1 else axis
    if not isinstance(axis, int):
        raise Untranslatable(f"is a softmax over several axes, {axis!r}, which cortex_lab does not have")
    return Made(ours.Softmax(axis), ignores_mask=False)
