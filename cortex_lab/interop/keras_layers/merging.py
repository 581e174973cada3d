"""Layers that make one array of several."""

from __future__ import annotations

from typing import Any

from cortex_lab.interop.keras_layers.translation import LayerSettings, Made, Untranslatable, layer
from cortex_lab.nn import layers as ours


@layer("Add", "ops.Add")
def add(given: LayerSettings) -> Made:
    return Made(ours.Add())


@layer("Subtract", "ops.Subtract")
def subtract(given: LayerSettings) -> Made:
    return Made(ours.Subtract())


@layer("Multiply", "ops.Multiply")
def multiply(given: LayerSettings) -> Made:
    return Made(ours.Multiply())


@layer("Average")
def average(given: LayerSettings) -> Made:
    return Made(ours.Average())


@layer("Maximum", "ops.Maximum")
def maximum(given: LayerSettings) -> Made:
    return Made(ours.Maximum())


@layer("Minimum", "ops.Minimum")
def minimum(given: LayerSettings) -> Made:
    return Made(ours.Minimum())


@layer("Concatenate")
def concatenate(given: LayerSettings) -> Made:
    return Made(ours.Concatenate(given.take("axis", default=-1)))


@layer("Dot")
def dot(given: LayerSettings) -> Made:
    return Made(ours.Dot(given.pair("axes"), given.flag("normalize")))


_MODES = {
    "sum": ours.Add(), "mul": ours.Multiply(), "ave": ours.Average(), "max": ours.Maximum(),
}  # fmt: skip


@layer("Merge")
def merge(given: LayerSettings) -> Made:
    given.take(
        "mode_type", "output_shape", "output_shape_type", "output_mask", "output_mask_type", "dot_axes"
    )
    given.take("arguments", "node_indices", "tensor_indices")
    mode, axis = given.take("mode"), given.take("concat_axis", default=-1)
    if mode == "concat":
        return Made(ours.Concatenate(axis))
    if mode not in _MODES:
        raise Untranslatable(f"merges by {str(mode)[:40]!r}, which cortex_lab does not")
    return Made(_MODES[mode])


@layer("ops.Mean")
def mean(given: LayerSettings) -> Made:
    return Made(ours.Mean(*_along(given)), ignores_mask=True)


@layer("ops.Sum")
def total(given: LayerSettings) -> Made:
    return Made(ours.Sum(*_along(given)))


@layer("ops.Max")
def largest(given: LayerSettings) -> Made:
    given.only("initial", None)
    return Made(ours.Max(*_along(given)))


def _along(given: LayerSettings) -> tuple[Any, bool]:
    axis = given.pair("axis")
    if axis is None or 0 in (axis if isinstance(axis, tuple) else (axis,)):
        raise Untranslatable("goes over all rows of a batch, which a layer of cortex_lab never does")
    return axis, given.flag("keepdims")
