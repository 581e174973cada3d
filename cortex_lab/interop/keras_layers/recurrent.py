"""Recurrent layers, alone, read from both ends and at each step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from cortex_lab.interop.keras_layers.translation import (
    Arrays,
    LayerSettings,
    Made,
    Untranslatable,
    cell_activation,
    layer,
    translated,
)
from cortex_lab.nn import layers as ours

_CELL = ("kernel", "recurrent_kernel", "bias")
Convert = Callable[[Arrays], Arrays] | None


@layer("SimpleRNN")
def simple_rnn(given: LayerSettings) -> Made:
    function, factor = cell_activation(given, "activation", default="tanh")
    convert = None if factor == 1.0 else lambda arrays: [factor * array for array in arrays]
    return _recurrent(given, ours.SimpleRNN, {"activation": function}, convert)


@layer("LSTM")
def lstm(given: LayerSettings) -> Made:
    function, plain = cell_activation(given, "activation", default="tanh")
    gates, factor = cell_activation(given, "recurrent_activation", "inner_activation", default="hard_sigmoid")
    given.take("unit_forget_bias")
    settings = {"activation": function, "recurrent_activation": gates}
    # In the order i, f, c, o; Keras 1 had an array for each, i, c, f and o.
    return _recurrent(
        given, ours.LSTM, settings, _cells(given, (factor, factor, plain, factor), (0, 6, 3, 9))
    )


@layer("GRU")
def gru(given: LayerSettings) -> Made:
    function, plain = cell_activation(given, "activation", default="tanh")
    gates, factor = cell_activation(given, "recurrent_activation", "inner_activation", default="hard_sigmoid")
    if plain != 1.0:
        # What the reset gate multiplies lies inside.
        raise Untranslatable("has the activation 'hard_sigmoid' of Keras 2, which a GRU does not have here")
    after = given.flag("reset_after", default=False)
    settings = {"activation": function, "recurrent_activation": gates, "reset_after": after}
    return _recurrent(given, ours.GRU, settings, _cells(given, (factor, factor, 1.0), (0, 3, 6)))


def _recurrent(given: LayerSettings, kind: Any, settings: dict[str, Any], convert: Convert) -> Made:
    _refuse_cells(given)
    use_bias = given.flag("use_bias", default=True)
    given.take("zero_output_for_mask")
    made = kind(
        given.whole("units", "output_dim"),
        return_sequences=given.flag("return_sequences"),
        go_backwards=given.flag("go_backwards"),
        use_bias=use_bias,
        return_state=given.flag("return_state"),
        initial_state=given.flag("initial_state"),
        **settings,
    )
    arrays = _CELL if use_bias else _CELL[:2]
    states = len(made.states) if made.return_state else 0
    zeros = made.return_sequences and given.flag("zero_output_for_mask")
    return Made(made, arrays, ("cell",), convert=convert, wants_mask=True, states=states, zeros_masked=zeros)


def _refuse_cells(given: LayerSettings) -> None:
    given.take("input_length")
    for name in ("dropout", "recurrent_dropout", "dropout_W", "dropout_U"):
        # Outside training nothing is dropped; cells of ours drop nothing in it either.
        given.take(name)
    if given.flag("stateful"):
        raise Untranslatable("carries its state from batch to batch (stateful); save it with stateful=False")
    given.only("time_major", False)


def _cells(given: LayerSettings, factors: tuple[float, ...], places: tuple[int, ...]) -> Convert:
    """Arrays of Keras 1, one for each gate, put together; gates multiplied by a factor each."""
    older, scaled = given.era.major == 1, set(factors) != {1.0}

    def convert(arrays: Arrays) -> Arrays:
        if older and len(arrays) == 3 * len(places):
            arrays = [np.concatenate([arrays[place + k] for place in places], axis=-1) for k in range(3)]
        if not scaled:
            return arrays
        return [
            array * np.repeat(factors, array.shape[-1] // len(factors)).astype(array.dtype)
            for array in arrays
        ]

    return convert if older or scaled else None


@layer("Bidirectional")
def bidirectional(given: LayerSettings) -> Made:
    inner = given.take("layer")
    mode = given.take("merge_mode", default="concat")
    if mode not in ("concat", "sum", "mul", "ave"):
        raise Untranslatable(f"merges its ways by {mode!r}, which gives two outputs; make it 'concat'")
    other = given.take("backward_layer")
    made = _inner(given, inner)
    if not isinstance(made.layer, (ours.LSTM, ours.GRU, ours.SimpleRNN)):
        raise Untranslatable(f"reads {type(made.layer).__name__} both ways, which cortex_lab does not")
    if isinstance(other, dict):
        backwards = _inner(given, other).layer
        if backwards != ours.Bidirectional(made.layer)._backwards:
            raise Untranslatable("has a backward_layer unlike its layer, which cortex_lab does not have")
    arrays = tuple(f"{way}_{name}" for way in ("forward", "backward") for name in made.arrays)
    convert = made.convert

    def both(found: Arrays) -> Arrays:
        half = len(found) // 2
        assert convert is not None
        return [*convert(found[:half]), *convert(found[half:])]

    return Made(
        ours.Bidirectional(made.layer, mode),
        arrays,
        ("forward_layer/cell", "backward_layer/cell"),
        convert=both if convert is not None else None,
        wants_mask=True,
        zeros_masked=made.zeros_masked,
    )


@layer("TimeDistributed")
def time_distributed(given: LayerSettings) -> Made:
    made = _inner(given, given.take("layer"), [shape[1:] for shape in given.shapes])
    if made.settle or made.wants_mask:
        raise Untranslatable(f"applies a {type(made.layer).__name__} to each step, which is not read")
    around = [tuple(ours.TimeDistributed(each) for each in side) for side in (made.before, made.behind)]
    groups = tuple("/".join(filter(None, ("layer", group))) for group in made.groups)
    return Made(ours.TimeDistributed(made.layer), made.arrays, groups, *around, made.convert)


def _inner(given: LayerSettings, inner: Any, shapes: Any = ()) -> Made:
    if not isinstance(inner, dict) or not isinstance(inner.get("config"), dict):
        raise Untranslatable("does not say which layer it wraps")
    kind = str(inner.get("class_name"))
    if kind in ("Sequential", "Functional", "Model"):
        raise Untranslatable(f"wraps a whole model ({kind}), which is not read")
    return translated(LayerSettings(kind, inner["config"], given.era, shapes or given.shapes))
