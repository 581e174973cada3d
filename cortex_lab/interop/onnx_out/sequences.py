"""Recurrent layers, attention and wrappers in ONNX."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from cortex_lab.interop.onnx_out.elementwise import activated, as_numbers
from cortex_lab.interop.onnx_out.writer import LAST, Task, Unwritable, Value, export, exports
from cortex_lab.nn import layers as ours

MOST_STEPS = 500
"""Steps that are written one by one, where ONNX has no operator for what a cell does."""
_USUAL = {"SimpleRNN": ("tanh", None), "LSTM": ("tanh", "sigmoid"), "GRU": ("tanh", "sigmoid")}


@exports(ours.SimpleRNN, ours.LSTM, ours.GRU)
def recurrent(task: Task) -> Value:
    layer = task.layer
    used = (layer.activation, getattr(layer, "recurrent_activation", None))
    masked = len(task.reads) > 1 + layer.initial_state
    usual = used == _USUAL[type(layer).__name__] and not masked
    sequence, ends = _as_operator(task) if usual else _step_by_step(task)
    if not layer.return_state:
        return task.gives(sequence if layer.return_sequences else ends[0])
    if not layer.return_sequences:
        return task.gives(ends[0] if len(ends) == 1 else task.op("Concat", ends, axis=1))
    rows = [task.shaped(end, 1, layer.units) for end in ends]
    return task.gives(task.op("Concat", [sequence, *rows], axis=1))


def _begin(task: Task) -> list[str]:
    """The states that it begins with, (rows, units) each; none are zeros."""
    layer = task.layer
    if not layer.initial_state:
        return []
    state = task.read(1)
    if len(layer.states) == 1:
        return [state]
    units = layer.units
    return [
        task.op("Slice", [state, task.whole(k * units), task.whole((k + 1) * units), task.whole(1)])
        for k in range(len(layer.states))
    ]


def _backwards(task: Task, x: str, axis: int) -> str:
    ends = [task.whole(-1), task.whole(-(2**31)), task.whole(axis), task.whole(-1)]
    return task.op("Slice", [x, *ends])


def _as_operator(task: Task) -> tuple[str, list[str]]:
    """With ONNX' own operator: its sequence (rows, steps, units), as it was read, and its last states."""
    layer, kind = task.layer, type(task.layer).__name__
    # ONNX has the gates of an LSTM in the order i, o, f, c; those of a GRU as here.
    order = (0, 3, 1, 2) if kind == "LSTM" else range(layer.gates)

    def rows(array: np.ndarray) -> np.ndarray:
        parts = np.split(array, layer.gates, axis=-1)
        return np.concatenate([parts[k] for k in order], axis=-1)

    def biases(bias: np.ndarray) -> np.ndarray:
        outer, inner = (bias[0], bias[1]) if bias.ndim == 2 else (bias, np.zeros_like(bias))
        return np.concatenate([rows(outer), rows(inner)])[None]

    x = task.op("Transpose", [task.read()], perm=[1, 0, 2])
    # ONNX gives the steps in their own order, and here they come as they are read.
    turned = layer.go_backwards and layer.return_sequences
    x = _backwards(task, x, 0) if turned else x
    kernel = task.weight("kernel", lambda array: rows(array).T[None])
    recurrent_kernel = task.weight("recurrent_kernel", lambda array: rows(array).T[None])
    bias = task.weight("bias", biases) if layer.use_bias else ""
    begin = [task.op("Unsqueeze", [each, task.whole(0)]) for each in _begin(task)]
    settings: dict[str, Any] = {"hidden_size": layer.units}
    if kind == "GRU":
        settings["linear_before_reset"] = int(layer.reset_after)
    if layer.go_backwards and not turned:
        settings["direction"] = "reverse"
    operator = "RNN" if kind == "SimpleRNN" else kind
    reads = [x, kernel, recurrent_kernel, bias, "", *begin]
    while not reads[-1]:
        reads.pop()
    ends = len(layer.states) if layer.return_state else int(not layer.return_sequences)
    wanted = [layer.return_sequences, ends > 0, *([ends > 1] if kind == "LSTM" else [])]
    sequence, *last = task.several(operator, reads, wanted, **settings)
    if sequence:
        sequence = task.op("Transpose", [task.op("Squeeze", [sequence, task.whole(1)])], perm=[1, 0, 2])
    return sequence, [task.op("Squeeze", [name, task.whole(0)]) for name in last if name]


def _step_by_step(task: Task) -> tuple[str, list[str]]:
    """A cell with a mask or activations that ONNX' operators do not have, step by step."""
    layer = task.layer
    steps = task.shapes[0][0]
    if steps > MOST_STEPS:
        raise Unwritable(
            f"has a mask or activations that ONNX' operators do not have, and {steps} steps, more than the "
            f"{MOST_STEPS} that are written one by one"
        )
    x, mask = task.read(), None
    if len(task.reads) > 1 + layer.initial_state:
        kept = task.op("Equal", [task.read(len(task.reads) - 1), task.constant(0.0)])
        mask = task.op("Not", [kept])
    states = _begin(task) or [_zeros(task, x)] * len(layer.states)
    rows = []
    for step in reversed(range(steps)) if layer.go_backwards else range(steps):
        at = task.op("Gather", [x, task.writer.constant(task.name, np.int64(step))], axis=1)
        found = _CELLS[type(layer)](task, at, states)
        if mask is not None:
            counts = task.op("Gather", [mask, task.whole(step)], axis=1)
            found = [task.op("Where", [counts, new, old]) for new, old in zip(found, states, strict=True)]
        states = found
        rows.append(task.op("Unsqueeze", [states[0], task.whole(1)]))
    return task.op("Concat", rows, axis=1), states


def _zeros(task: Task, x: str) -> str:
    """(rows, units)."""
    rows = task.op("Shape", [x], end=1)
    shape = task.op("Concat", [rows, task.whole(task.layer.units)], axis=0)
    return task.op("Expand", [task.constant(np.zeros((1, 1))), shape])


def _gates(task: Task, x: str, h: str, apart: bool = False) -> tuple[list[str], list[str]]:
    """What of each gate comes from the input, with the bias, and from the state; `apart` its own bias."""
    layer, units = task.layer, task.layer.units
    outer, inner = task.op("MatMul", [x, task.weight("kernel")]), None
    if layer.use_bias:
        bias = task.arrays["bias"]
        one = task.writer.hold(f"{task.prefix}bias", bias) if bias.ndim == 1 else task.constant(bias[0])
        outer = task.op("Add", [outer, one])
        inner = None if bias.ndim == 1 else task.constant(bias[1])
    state = task.op("MatMul", [h, task.weight("recurrent_kernel")])
    state = state if inner is None else task.op("Add", [state, inner])

    def parted(whole: str) -> list[str]:
        return [
            task.op("Slice", [whole, task.whole(k * units), task.whole((k + 1) * units), task.whole(1)])
            for k in range(layer.gates)
        ]

    return parted(outer), parted(state)


def _sum(task: Task, one: str, other: str, name: str) -> str:
    return activated(task, name, task.op("Add", [one, other]))


def _simple_rnn(task: Task, x: str, states: list[str]) -> list[str]:
    (outer,), (inner,) = _gates(task, x, states[0])
    return [_sum(task, outer, inner, task.layer.activation)]


def _lstm(task: Task, x: str, states: list[str]) -> list[str]:
    layer, (h, c) = task.layer, states
    outer, inner = _gates(task, x, h)
    names = (
        layer.recurrent_activation,
        layer.recurrent_activation,
        layer.activation,
        layer.recurrent_activation,
    )
    i, f, new, o = (_sum(task, *each) for each in zip(outer, inner, names, strict=True))
    cell = task.op("Add", [task.op("Mul", [f, c]), task.op("Mul", [i, new])])
    return [task.op("Mul", [o, activated(task, layer.activation, cell)]), cell]


def _gru(task: Task, x: str, states: list[str]) -> list[str]:
    layer, (h,) = task.layer, states
    outer, inner = _gates(task, x, h)
    z, r = (_sum(task, outer[k], inner[k], layer.recurrent_activation) for k in (0, 1))
    if layer.reset_after:
        recalled = task.op("Mul", [r, inner[2]])
    else:
        kernel = task.weight("recurrent_kernel")
        units = task.layer.units
        own = task.op("Slice", [kernel, task.whole(2 * units), task.whole(3 * units), task.whole(1)])
        recalled = task.op("MatMul", [task.op("Mul", [r, h]), own])
    new = _sum(task, outer[2], recalled, layer.activation)
    kept = task.op("Mul", [z, task.op("Sub", [h, new])])
    return [task.op("Add", [new, kept])]


_CELLS: dict[type, Callable[[Task, str, list[str]], list[str]]] = {
    ours.SimpleRNN: _simple_rnn, ours.LSTM: _lstm, ours.GRU: _gru,
}  # fmt: skip


@exports(ours.Bidirectional)
def bidirectional(task: Task) -> Value:
    layer = task.layer
    found = []
    for way, inner in (("forward", layer.layer), ("backward", layer._backwards)):
        arrays = {
            key.removeprefix(f"{way}_"): array
            for key, array in task.arrays.items()
            if key.startswith(f"{way}_")
        }
        part = dataclasses.replace(
            task,
            layer=inner,
            arrays=arrays,
            prefix=f"{task.prefix}{way}_",
            out_shape=(),
            name=f"{task.name}/{way}",
        )
        own = recurrent(part).tensors[LAST]
        turned = way == "backward" and inner.return_sequences
        found.append(_backwards(task, own, 1) if turned else own)
    if layer.merge_mode == "concat":
        return task.gives(task.op("Concat", found, axis=2 if layer.layer.return_sequences else 1))
    kind = {"sum": "Add", "mul": "Mul", "ave": "Mean"}[layer.merge_mode]
    return task.gives(task.op(kind, found))


@exports(ours.TimeDistributed)
def time_distributed(task: Task) -> Value:
    steps, *inner = task.shapes[0]
    value = task.reads[0]
    merged = task.op("Reshape", [task.writer.turned(value, LAST, task.name), task.whole(-1, *inner)])
    read = Value(tuple(inner), {LAST: merged}, value.whole)
    part = dataclasses.replace(task, layer=task.layer.layer, reads=[read], out_shape=())
    found = export(part)
    last = task.writer.turned(found, LAST, task.name)
    return task.gives(task.op("Reshape", [last, task.whole(-1, steps, *found.shape)]))


# Attention --------------------------------------------------------------------------------------------------


@exports(ours.Attention)
def attention(task: Task) -> Value:
    layer = task.layer
    query, value, key, mask = _sequences(task)
    keys = task.op("Transpose", [key], perm=[0, 2, 1])
    scores = task.op("MatMul", [query, keys])
    scores = task.op("Mul", [scores, task.weight("scale")]) if layer.use_scale else scores
    return task.gives(task.op("MatMul", [_looked(task, scores, mask, 3), value]))


@exports(ours.MultiHeadAttention)
def multi_head_attention(task: Task) -> Value:
    layer, heads = task.layer, task.layer.num_heads
    *sequences, mask = _sequences(task)
    shapes = layer._sequences(task.shapes)
    projected = {}
    for name, source, shape in zip(("query", "value", "key"), sequences, shapes, strict=True):
        assert source is not None
        size = task.arrays[f"{name}_kernel"].shape[-1]
        kernel = task.weight(f"{name}_kernel", lambda array: array.reshape(array.shape[0], -1))
        found = task.op("MatMul", [source, kernel])
        if layer.use_bias:
            found = task.op("Add", [found, task.weight(f"{name}_bias", np.ravel)])
        parted = task.shaped(found, shape[0], heads, size)
        projected[name] = task.op("Transpose", [parted], perm=[0, 2, 3, 1] if name == "key" else [0, 2, 1, 3])
    scores = task.op("MatMul", [projected["query"], projected["key"]])
    scores = task.op("Mul", [scores, task.constant(1 / math.sqrt(layer.key_dim))])
    mixed = task.op("MatMul", [_looked(task, scores, mask, 4), projected["value"]])
    mixed = task.op("Transpose", [mixed], perm=[0, 2, 1, 3])
    kernel = task.arrays["output_kernel"]
    mixed = task.shaped(mixed, shapes[0][0], kernel.shape[0] * kernel.shape[1])
    kernel = task.weight("output_kernel", lambda array: array.reshape(-1, array.shape[-1]))
    found = task.op("MatMul", [mixed, kernel])
    return task.gives(task.op("Add", [found, task.weight("output_bias")]) if layer.use_bias else found)


def _sequences(task: Task) -> tuple[str, str, str, str | None]:
    """Query, value, key and mask."""
    count = len(task.reads)
    mask = task.read(count - 1) if task.layer.wants_mask_of(task.shapes) is None else None
    last = count - 1 - (mask is not None)
    return task.read(0), task.read(min(last, 1)), task.read(last), mask


def _looked(task: Task, scores: str, mask: str | None, rank: int) -> str:
    """The softmax of scores, (rows, [heads,] queries, values), over what may be seen; 0 where nothing may."""
    queries, values = task.layer._sequences(task.shapes)[0][0], task.layer._sequences(task.shapes)[1][0]
    seen = None
    if mask is not None:
        counts = task.op("Not", [task.op("Equal", [mask, task.constant(0.0)])])
        seen = task.shaped(counts, *[1] * (rank - 2), values)
    if task.layer.use_causal_mask:
        before = task.writer.constant(task.name, np.tri(queries, values, dtype=bool))
        seen = before if seen is None else task.op("And", [seen, before])
    if seen is None:
        return task.op("Softmax", [scores], axis=-1)
    scores = task.op("Where", [seen, scores, task.constant(-1e30)])
    return task.op("Mul", [task.op("Softmax", [scores], axis=-1), as_numbers(task, seen)])
