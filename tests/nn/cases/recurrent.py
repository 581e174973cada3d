"""Recurrent layers in every mode, and the mask."""

from __future__ import annotations

import dataclasses

import numpy as np

from cortex_lab.nn.layers.masking import Mask
from cortex_lab.nn.layers.recurrent_bidirectional import Bidirectional
from cortex_lab.nn.layers.recurrent_gru import GRU
from cortex_lab.nn.layers.recurrent_lstm import LSTM
from cortex_lab.nn.layers.recurrent_simple_rnn import SimpleRNN
from tests.nn.cases import Case

SEQUENCE = ((4, 3),)
MASKED = ((5, 3), (5,))


def _padded(random, rows):
    """Sequences of all lengths from none to whole, and one with a hole."""
    mask = (np.arange(5) < (np.arange(rows)[:, None] * 2) % 6).astype(np.float64)
    mask[-1] = [1, 0, 1, 1, 0]
    return [random.normal(size=(rows, 5, 3)), mask]


def _torch_module(layer, features):
    from torch import nn

    if isinstance(layer, LSTM):
        return nn.LSTM(features, layer.units, batch_first=True)
    if isinstance(layer, GRU):
        return nn.GRU(features, layer.units, batch_first=True)
    return nn.RNN(features, layer.units, nonlinearity=layer.activation, batch_first=True)


def _torch_order(layer, array):
    """The gate blocks along the last axis in PyTorch's order (z, r, h is r, z, n there)."""
    import torch

    if not isinstance(layer, GRU):
        return array
    z, r, h = array.chunk(3, dim=-1)
    return torch.cat([r, z, h], dim=-1)


def _padded_after(width):
    """A state between the sequences and their mask."""

    def inputs(random, rows):
        x, mask = _padded(random, rows)
        return [x, random.normal(size=(rows, width)), mask]

    return inputs


def _with_torch_module(layer, x, parameters, start=None):
    """All outputs and the last states, side by side."""
    import torch

    zeros = torch.zeros(layer.gates * layer.units, dtype=x.dtype)
    bias = parameters.get("bias", zeros)
    inner, outer = (bias[1], bias[0]) if bias.ndim == 2 else (zeros, bias)
    weights = {
        "weight_ih_l0": _torch_order(layer, parameters["kernel"]).T,
        "weight_hh_l0": _torch_order(layer, parameters["recurrent_kernel"]).T,
        "bias_ih_l0": _torch_order(layer, outer),
        "bias_hh_l0": _torch_order(layer, inner),
    }
    module = _torch_module(layer, x.shape[2]).double()
    if start is not None:
        start = tuple(part[None].contiguous() for part in start.chunk(len(layer.states), dim=1))
    start = start if start is None or len(start) > 1 else start[0]
    outputs, ends = torch.func.functional_call(module, weights, (x, start))
    return outputs, torch.cat(ends if isinstance(ends, tuple) else [ends], dim=-1)[0]


def _reset_before(layer, x, parameters, start=None):
    """The older GRU step by step: PyTorch has no module for it."""
    import torch

    units = layer.units
    kernel, recurrent = parameters["kernel"], parameters["recurrent_kernel"]
    h = torch.zeros(len(x), units, dtype=x.dtype) if start is None else start
    states = []
    for t in range(x.shape[1]):
        z_in, r_in, candidate_in = (x[:, t] @ kernel + parameters["bias"]).chunk(3, dim=-1)
        z = torch.sigmoid(z_in + h @ recurrent[:, :units])
        r = torch.sigmoid(r_in + h @ recurrent[:, units : 2 * units])
        candidate = torch.tanh(candidate_in + (r * h) @ recurrent[:, 2 * units :])
        h = z * h + (1 - z) * candidate
        states.append(h)
    return torch.stack(states, dim=1), h


def _run(layer, x, parameters, start=None):
    """All outputs, in the order in which the steps were read, and the last states."""
    if layer.go_backwards:
        x = x.flip(1)
    by_hand = isinstance(layer, GRU) and not layer.reset_after
    return (_reset_before if by_hand else _with_torch_module)(layer, x, parameters, start)


def _oracle(layer):
    def expected(xs, parameters):
        outputs, ends = _run(layer, xs[0], parameters, xs[1] if layer.initial_state else None)
        if layer.return_state and layer.return_sequences:
            import torch

            return torch.cat([outputs, ends.unflatten(1, (-1, layer.units))], dim=1)
        if layer.return_state:
            return ends
        return outputs if layer.return_sequences else outputs[:, -1]

    return expected


def _both_ways(layer):
    inner, merge = layer.layer, layer.merge_mode

    def expected(xs, parameters):
        ways = []
        for way in ("forward", "backward"):
            own = {key.removeprefix(f"{way}_"): p for key, p in parameters.items() if key.startswith(way)}
            states, _ = _run(dataclasses.replace(inner, go_backwards=way == "backward"), xs[0], own)
            if not inner.return_sequences:
                states = states[:, -1]
            elif way == "backward":
                states = states.flip(1)
            ways.append(states)
        one, other = ways
        if merge == "concat":
            import torch

            return torch.cat(ways, dim=-1)
        return {"sum": one + other, "mul": one * other, "ave": (one + other) / 2}[merge]

    return expected


def _plain(layer, label, shapes=SEQUENCE):
    return Case(layer, shapes, label, oracle=_oracle(layer))


def _two_way(layer, label):
    return Case(layer, SEQUENCE, label, oracle=_both_ways(layer))


CASES = [
    Case(Mask(), ((4, 3),), "features", differentiable_input=False),
    Case(Mask(value=2.0), ((4,),), "ids", differentiable_input=False),
]
for cell in (SimpleRNN, LSTM, GRU):
    CASES += [
        _plain(cell(5), "last"),
        _plain(cell(5, return_sequences=True), "all"),
        _plain(cell(5, go_backwards=True), "backwards-last"),
        _plain(cell(5, return_sequences=True, go_backwards=True), "backwards-all"),
        _plain(cell(4, use_bias=False, return_sequences=True), "no-bias"),
        _plain(cell(1), "one-step-one-unit", shapes=((1, 1),)),
        Case(cell(5), MASKED, "masked-last", inputs=_padded),
        Case(cell(5, return_sequences=True), MASKED, "masked-all", inputs=_padded),
        Case(cell(5, return_sequences=True, go_backwards=True), MASKED, "masked-backwards", inputs=_padded),
        _plain(cell(5, stateful=5), "stateful"),
    ]
    width = 5 * len(cell.states)
    begun, begun_masked = (*SEQUENCE, (width,)), ((5, 3), (width,), (5,))
    for label, settings in (
        ("end", {"return_state": True}),
        ("end-backwards", {"return_state": True, "go_backwards": True}),
        ("end-all", {"return_state": True, "return_sequences": True}),
        ("end-all-backwards", {"return_state": True, "return_sequences": True, "go_backwards": True}),
        ("end-stateful", {"return_state": True, "stateful": 5}),
        ("begin", {"initial_state": True}),
        ("begin-all-backwards", {"initial_state": True, "return_sequences": True, "go_backwards": True}),
        ("begin-end", {"initial_state": True, "return_state": True}),
        ("begin-end-all", {"initial_state": True, "return_state": True, "return_sequences": True}),
    ):
        layer = cell(5, **settings)
        CASES.append(_plain(layer, label, begun if layer.initial_state else SEQUENCE))
        if "begin-end" in label:
            CASES.append(Case(layer, begun_masked, f"{label}-masked", inputs=_padded_after(width)))
CASES += [
    _plain(SimpleRNN(5, activation="relu", return_sequences=True), "relu"),
    Case(SimpleRNN(5, activation="softplus"), SEQUENCE, "softplus"),
    Case(SimpleRNN(5, activation="softsign"), SEQUENCE, "softsign"),
    Case(LSTM(5, activation="softplus", recurrent_activation="tanh"), SEQUENCE, "other-activations"),
    Case(LSTM(5, unit_forget_bias=False), SEQUENCE, "no-forget-bias", oracle=_oracle(LSTM(5))),
    Case(GRU(5, activation="softplus", recurrent_activation="tanh"), SEQUENCE, "other-activations"),
    _plain(GRU(5, reset_after=False, initial_state=True), "reset-before-begin", (*SEQUENCE, (5,))),
    _plain(GRU(5, reset_after=False), "reset-before-last"),
    _plain(GRU(5, reset_after=False, return_sequences=True), "reset-before-all"),
    _plain(GRU(5, reset_after=False, return_sequences=True, go_backwards=True), "reset-before-backwards"),
    Case(GRU(5, reset_after=False, use_bias=False), SEQUENCE, "reset-before-no-bias"),
    Case(
        GRU(5, reset_after=False, return_sequences=True), MASKED, "reset-before-masked", inputs=_padded
    ),
    _two_way(Bidirectional(SimpleRNN(4)), "rnn-last"),
    _two_way(Bidirectional(LSTM(4)), "lstm-last"),
    _two_way(Bidirectional(LSTM(4, return_sequences=True)), "lstm-all"),
    _two_way(Bidirectional(LSTM(4, return_sequences=True), merge_mode="sum"), "lstm-sum"),
    _two_way(Bidirectional(GRU(4, return_sequences=True), merge_mode="mul"), "gru-mul"),
    _two_way(Bidirectional(GRU(4), merge_mode="mul"), "gru-mul-last"),
    _two_way(Bidirectional(SimpleRNN(4, return_sequences=True), merge_mode="ave"), "rnn-ave"),
    Case(Bidirectional(LSTM(4, return_sequences=True)), MASKED, "lstm-masked", inputs=_padded),
    Case(Bidirectional(GRU(4), merge_mode="sum"), MASKED, "gru-masked", inputs=_padded),
]  # fmt: skip
