"""Recurrent operators of ONNX: their steps are the first axis, and the rows of the batch the second."""

from __future__ import annotations

from typing import Any

import numpy as np

from cortex_lab.interop.onnx_in.reader import Call, Held, Reader, operator, refuse
from cortex_lab.nn import layers as ours

# By operator: the layer, how many gates, and which of ONNX' gates is each of ours.
_KINDS: dict[str, tuple[Any, tuple[int, ...]]] = {
    "RNN": (ours.SimpleRNN, (0,)), "GRU": (ours.GRU, (0, 1, 2)), "LSTM": (ours.LSTM, (0, 2, 3, 1)),
}  # fmt: skip
_USUAL = {"RNN": ["Tanh"], "GRU": ["Sigmoid", "Tanh"], "LSTM": ["Sigmoid", "Tanh", "Tanh"]}


@operator("RNN", "GRU", "LSTM")
def recurrent(reader: Reader, call: Call) -> list[Any]:
    kind, gates = _KINDS[call.kind]
    value, units = call.held(), call.take("hidden_size")
    way, rows_first = call.take("direction", "forward"), bool(call.take("layout", 0))
    both = way == "bidirectional"
    if way not in ("forward", "reverse", "bidirectional"):
        refuse(f"has the direction {way!r}")
    ways = 2 if both else 1
    activations = call.take("activations") or _USUAL[call.kind] * ways
    settings: dict[str, Any] = {}
    if call.kind == "RNN" and set(activations) == {"Relu"}:
        settings["activation"] = "relu"
    elif list(activations) != _USUAL[call.kind] * ways:
        refuse(f"has the activations {activations}, which are not read; {_USUAL[call.kind]} are")
    call.only("input_forget", 0)
    call.only("clip", None)
    if call.kind == "GRU":
        settings["reset_after"] = bool(call.take("linear_before_reset", 0))
    _refuse_more(call)
    kernel, states = call.known(1, "kernel"), call.known(2, "kernel")
    features = value.dims[-1]
    wanted = [(ways, len(gates) * units, features), (ways, len(gates) * units, units)]
    if [getattr(each, "shape", None) for each in (kernel, states)] != wanted or len(value.order) != 3:
        refuse(f"has kernels that are not of {wanted[0]} and {wanted[1]}")
    bias = call.known(3, "bias", np.zeros((ways, 2 * len(gates) * units), kernel.dtype))
    if bias.shape != (ways, 2 * len(gates) * units):
        refuse(f"has biases of {bias.shape}")
    order = (0, 1, 2) if rows_first else (1, 0, 2)
    if value.order[order.index(0)] != 0:
        refuse("has its steps where the rows of the batch are; the rows are the second axis there")
    node = reader.arrange(Held(value.node, value.shape, tuple(value.order[k] for k in order)), (0, 1, 2))
    weights = [_weights(call.kind, gates, kernel[k], states[k], bias[k], settings) for k in range(ways)]
    used = [bool(name) and reader.used[name] > 0 for name in [*call.outputs, "", ""][:3]]
    if used[2]:
        refuse("gives its last cell, which is not read")
    sequences = used[0]
    layer = kind(units, return_sequences=sequences, go_backwards=way == "reverse", **settings)
    if not both:
        if way == "reverse" and sequences:
            # Ours give what was read last first.
            refuse("gives its steps backwards in their own order; export it bidirectional, or without")
        found = reader.add(layer, [node], **weights[0])
    else:
        together = {f"{side}_{key}": array for side, own in zip(("forward", "backward"), weights, strict=True)
                    for key, array in own.items()}  # fmt: skip
        found = reader.add(ours.Bidirectional(layer), [node], **together)
    if not sequences:
        return [None, _ends(reader, found, ways, units, rows_first)]
    whole = reader.add(ours.Reshape((found.shape[0], ways, units)), [found.node])
    outer = Held(whole.node, whole.shape, (0, 1, 2, 3) if rows_first else (1, 2, 0, 3))
    if not used[1]:
        return [outer]
    if both:
        refuse("gives its steps and its ends both ways, of which one is read")
    last = reader.add(ours.Cropping1D((found.shape[0] - 1, 0)), [found.node])
    return [outer, _ends(reader, reader.add(ours.Flatten(), [last.node]), ways, units, rows_first)]


def _ends(reader: Reader, found: Held, ways: int, units: int, rows_first: bool) -> Held:
    parted = reader.add(ours.Reshape((ways, units)), [found.node])
    return Held(parted.node, parted.shape, (0, 1, 2) if rows_first else (1, 0, 2))


def _refuse_more(call: Call) -> None:
    call.take("output_sequence")
    for place, what in ((4, "lengths of its sequences"), (7, "peepholes")):
        if call.known(place, what) is not None:
            refuse(f"has {what}, which are not read")
    for place in (5, 6):
        if np.any(call.known(place, "first state", 0)):
            refuse("begins with a state that is not 0, which is not read")


def _weights(
    kind: str, gates: tuple[int, ...], kernel: Any, states: Any, bias: Any, settings: dict[str, Any]
) -> dict[str, np.ndarray]:
    """The weights of one direction, gates in our order."""

    def ordered(array: np.ndarray) -> np.ndarray:
        parts = np.split(array, len(gates), axis=0)
        return np.concatenate([parts[k] for k in gates], axis=0)

    outer, inner = (ordered(each) for each in np.split(bias, 2))
    together = np.stack([outer, inner]) if settings.get("reset_after") else outer + inner
    return {"kernel": ordered(kernel).T, "recurrent_kernel": ordered(states).T, "bias": together}
