"""Normalizations, and inputs brought to a scale."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from cortex_lab.interop.keras_layers.translation import Arrays, LayerSettings, Made, Untranslatable, layer
from cortex_lab.nn import layers as ours
from cortex_lab.nn.contract.axes import row_axes
from cortex_lab.nn.contract.layer import Layer


@layer("BatchNormalization")
def batch_normalization(given: LayerSettings) -> Made:
    given.only("mode", 0, why="of the modes of Keras 1 there is 0")
    given.only("renorm", False)
    given.only("adjustment", None)
    axis = given.take("axis", default=-1)
    axis = axis[0] if isinstance(axis, list) and len(axis) == 1 else axis
    if not isinstance(axis, int):
        raise Untranslatable(f"normalizes over several axes, {axis!r}, which cortex_lab does not")
    scale, center = given.flag("scale", default=True), given.flag("center", default=True)
    made = ours.BatchNormalization(
        axis, given.number("momentum", default=0.99), given.number("epsilon", default=1e-3), center, scale
    )
    return Made(made, (*_affine(scale, center), "moving_mean", "moving_variance"))


@layer("LayerNormalization")
def layer_normalization(given: LayerSettings) -> Made:
    given.only("rms_scaling", False, why="RMSNormalization is a layer of its own")
    scale, center = given.flag("scale", default=True), given.flag("center", default=True)
    made = ours.LayerNormalization(
        _axes(given.take("axis", default=-1)), given.number("epsilon", default=1e-3), center, scale
    )
    return Made(made, _affine(scale, center))


@layer("RMSNormalization")
def rms_normalization(given: LayerSettings) -> Made:
    axis = _axes(given.take("axis", default=-1))
    if given.shapes:
        axes, rank = row_axes("axis", axis, given.shapes[0]), len(given.shapes[0])
        if axes[0] != rank - len(axes):
            raise Untranslatable("normalizes other axes than the last, which Keras scales wrongly")
    made = ours.RMSNormalization(axis, given.number("epsilon", default=1e-6))
    return Made(made, ("scale",))


@layer("GroupNormalization")
def group_normalization(given: LayerSettings) -> Made:
    scale, center = given.flag("scale", default=True), given.flag("center", default=True)
    made = ours.GroupNormalization(
        given.whole("groups"), given.whole("axis"), given.number("epsilon", default=1e-3), center, scale
    )
    return Made(made, _affine(scale, center))


@layer("Rescaling")
def rescaling(given: LayerSettings) -> Made:
    scale, offset = given.take("scale"), given.take("offset", default=0.0)
    if not isinstance(scale, list) and not isinstance(offset, list):
        return Made(ours.Rescaling(given.number("scale"), given.number("offset", default=0.0)))
    # A number for each channel.
    scale, offset = np.broadcast_arrays(np.asarray(scale, float), np.asarray(offset, float))
    if scale.ndim != 1 or not (scale > 0).all():
        raise Untranslatable(
            f"has the scale {given.config.get('scale')!r:.60}, which cortex_lab does not have"
        )
    return Made(ours.Normalization(-1, -offset / scale, scale**-2.0))


@layer("Normalization")
def normalization(given: LayerSettings) -> Made:
    axis = given.take("axis", default=-1)
    axes = None if axis is None or axis == [] else _axes(axis)
    invert = given.flag("invert")
    mean, variance = given.take("mean", "input_mean"), given.take("variance", "input_variance")
    if mean is not None:
        return Made(ours.Normalization(axes, *(_plain(each) for each in (mean, variance)), invert=invert))
    made = ours.Normalization(axes, 0.0, 1.0, invert=invert)
    kept = () if axes is None else tuple(given.shapes[0][i] for i in row_axes("axis", axes, given.shapes[0]))

    def settle(layer: Layer, arrays: Arrays) -> Layer:
        found, spread = (np.asarray(array, float).reshape(kept) for array in arrays[:2])
        # Keras divides by 1e-7 at least.
        spread = np.maximum(spread, 1e-14)
        return replace(layer, mean=found, variance=spread)  # type: ignore[call-arg]

    return Made(made, ("mean", "variance"), settle=settle)


def _affine(scale: bool, center: bool) -> tuple[str, ...]:
    return (*(("gamma",) if scale else ()), *(("beta",) if center else ()))


def _axes(axis: object) -> Any:
    return (axis[0] if len(axis) == 1 else tuple(axis)) if isinstance(axis, list) else axis


def _plain(value: object) -> Any:
    """Keras writes given means with an axis for the batch, and numbers of NumPy as objects."""
    if isinstance(value, dict):
        value = value.get("config", {}).get("value", value.get("value"))
    return np.squeeze(np.asarray(value, float))
