"""Recurrent weights in the order of cuDNN and PyTorch, and back.

| layer     | gates here, as in Keras | gates in cuDNN and PyTorch                       |
|-----------|-------------------------|--------------------------------------------------|
| SimpleRNN | one                     | one                                              |
| LSTM      | i, f, c, o              | i, f, g, o (g is c)                              |
| GRU       | z, r, h                 | r, z, n (n is h); only the `reset_after` kind    |

Kernels there are transposed, (gates * units, features), and there are always two biases: one beside the
input's product, one beside the state's.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from cortex_lab.nn.layers.recurrent import _Recurrent


def to_cudnn(layer: _Recurrent, weights: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """`kernel`, `recurrent_kernel` and `bias` of `layer` as `weight_ih`, `weight_hh`, `bias_ih`, `bias_hh`.

    Where `layer` has one bias, it becomes `bias_ih` and `bias_hh` is 0.
    """
    _check(layer)
    kernel = np.asarray(weights["kernel"])
    nothing = np.zeros(kernel.shape[1], kernel.dtype)
    bias = np.asarray(weights["bias"]) if layer.use_bias else nothing
    outer, inner = (bias[0], bias[1]) if bias.ndim == 2 else (bias, nothing)
    return {
        "weight_ih": _swapped(layer, kernel).T.copy(),
        "weight_hh": _swapped(layer, np.asarray(weights["recurrent_kernel"])).T.copy(),
        "bias_ih": _swapped(layer, outer),
        "bias_hh": _swapped(layer, inner),
    }


def from_cudnn(layer: _Recurrent, weights: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The other way: arrays called as the parameters of `layer`, ready to be copied into them.

    Where `layer` has one bias, it is the sum of the two. ValueError if it has none and they are not 0.
    """
    _check(layer)
    outer, inner = (_swapped(layer, np.asarray(weights[name])) for name in ("bias_ih", "bias_hh"))
    found = {
        "kernel": _swapped(layer, np.asarray(weights["weight_ih"]).T),
        "recurrent_kernel": _swapped(layer, np.asarray(weights["weight_hh"]).T),
    }
    if layer.use_bias:
        # A GRU's reset gate multiplies one of its biases, so they cannot be added up.
        found["bias"] = np.stack([outer, inner]) if layer.gates == 3 else outer + inner
    elif outer.any() or inner.any():
        raise ValueError(f"these weights have biases, and the {type(layer).__name__} has use_bias=False")
    return found


def _check(layer: _Recurrent) -> None:
    if not isinstance(layer, _Recurrent):
        raise TypeError(f"only SimpleRNN, LSTM and GRU have such weights, got {layer!r}")
    if not getattr(layer, "reset_after", True):
        raise ValueError(
            "cuDNN and PyTorch have no GRU with reset_after=False, so its weights do not fit them"
        )


def _swapped(layer: _Recurrent, array: np.ndarray) -> np.ndarray:
    """Its first two blocks along the last axis swapped, for a GRU: z, r, h to r, z, n, or back."""
    if layer.gates != 3:
        return array.copy()
    one, other, last = np.split(array, 3, axis=-1)
    return np.concatenate([other, one, last], axis=-1)
