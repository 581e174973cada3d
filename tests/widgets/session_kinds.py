"""Every kind of session that has rows, small: what each panel of a bench must show something of."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd

import cortex_lab as cl

ROWS = 40
_RANDOM = np.random.default_rng(0)
_X = _RANDOM.normal(size=(ROWS, 5)).astype(np.float32)
_CLASSES = np.arange(ROWS) % 3
_PICTURES = _RANDOM.uniform(size=(ROWS, 8, 8, 1)).astype(np.float32)
_SEQUENCES = _RANDOM.normal(size=(ROWS, 7, 3)).astype(np.float32)
_TARGETS_OF_STEPS = (_SEQUENCES.sum(axis=2) > 0).astype(np.int64)
_OPTIONS: dict[str, Any] = {"batch_size": 10, "seed": 0}


def _dense(*layers: Any, shape: Any = (5,)) -> cl.Network:
    return cl.Network([cl.Dense(6, activation="relu"), *layers], shape, seed=0)


def _frame() -> pd.DataFrame:
    frame = pd.DataFrame(_X, columns=list("abcde"))
    return frame.assign(
        kind=np.array(["ant", "bee", "cow"])[_CLASSES], price=40 + 9 * _X[:, 0], size=_X[:, 1]
    )


def dataset() -> Any:
    data = cl.data.Dataset(_frame(), list("abcde"), "kind").split(test=10)
    return cl.train(_dense(cl.Dense(3)), data, "softmax_cross_entropy", **_OPTIONS)


def arrays(x: np.ndarray = _X) -> Any:
    return cl.train(_dense(cl.Dense(3)), (x, _CLASSES), "softmax_cross_entropy", **_OPTIONS)


def arrays_with_a_fraction_held_out() -> Any:
    options = {"validation": 0.25, "metrics": ["f1_macro"], "validate_every": 1, **_OPTIONS}
    return cl.train(_dense(cl.Dense(3)), (_X, _CLASSES), "softmax_cross_entropy", **options)


def some_labels_unknown() -> Any:
    y = np.where(np.arange(ROWS) % 4, _CLASSES, -1)
    return cl.train(_dense(cl.Dense(3)), (_X, y), "softmax_cross_entropy", **_OPTIONS)


class OwnBatches:
    """Batches that nobody but their source knows anything about."""

    batch_size, steps_per_epoch = 10, 4

    def fetch(self, step: int) -> Any:
        rows = 10 * (step % 4) + np.arange(10)
        return SimpleNamespace(inputs=_X[rows], targets=_CLASSES[rows], rows=rows, weights=None)


def batches_of_ones_own() -> Any:
    return cl.train(_dense(cl.Dense(3)), OwnBatches(), "softmax_cross_entropy", validation=None)


def autoencoder() -> Any:
    layers = [cl.Flatten(), cl.Dense(4, activation="tanh"), cl.Dense(64), cl.Reshape((8, 8, 1))]
    return cl.train(cl.Network(layers, (8, 8, 1), seed=0), (_PICTURES, _PICTURES), "mse", **_OPTIONS)


def autoencoder_of_a_dataset() -> Any:
    data = cl.data.Dataset(_frame(), list("abcde"), "inputs").split(validation=10)
    return cl.train(_dense(cl.Dense(5)), data, "mse", **_OPTIONS)


def sequences() -> Any:
    layers = [cl.LSTM(6, return_sequences=True), cl.GRU(4), cl.Dense(3)]
    return cl.train(
        cl.Network(layers, (7, 3), seed=0), (_SEQUENCES, _CLASSES), "softmax_cross_entropy", **_OPTIONS
    )


def a_class_at_each_step() -> Any:
    layers = [cl.Bidirectional(cl.SimpleRNN(4, return_sequences=True)), cl.Dense(2)]
    data = _SEQUENCES, _TARGETS_OF_STEPS
    return cl.train(cl.Network(layers, (7, 3), seed=0), data, "softmax_cross_entropy", **_OPTIONS)


def a_value_at_each_step() -> Any:
    layers = [cl.GRU(4, return_sequences=True), cl.Dense(1)]
    data = _SEQUENCES, _SEQUENCES.sum(axis=2, keepdims=True)
    return cl.train(cl.Network(layers, (7, 3), seed=0), data, "mse", **_OPTIONS)


def ids() -> Any:
    words = _RANDOM.integers(0, 9, (ROWS, 6))
    layers = [cl.Embedding(10, 4, mask_zero=True), cl.LSTM(5), cl.Dense(3)]
    return cl.train(cl.Network(layers, (6,), seed=0), (words, _CLASSES), "softmax_cross_entropy", **_OPTIONS)


def several_inputs_and_outputs() -> Any:
    layers = [
        cl.Node(cl.Dense(4, activation="relu"), "wide", ("numbers",)),
        cl.Node(cl.Flatten(), "flat", ("picture",)),
        cl.Node(cl.Concatenate(), "both", ("wide", "flat")),
        cl.Node(cl.Dense(3), "kind", ("both",)),
        cl.Node(cl.Dense(1), "price", ("both",)),
    ]
    network = cl.Network(layers, {"numbers": (5,), "picture": (8, 8, 1)}, seed=0)
    data = {"numbers": _X, "picture": _PICTURES}, {"kind": _CLASSES, "price": 40 + 9 * _X[:, :1]}
    return cl.train(network, data, {"kind": "softmax_cross_entropy", "price": "mse"}, **_OPTIONS)


def regression() -> Any:
    data = cl.data.Dataset(_frame(), list("abcde"), "price").split(test=10, validation=10)
    options = {"metrics": ["r2", "neg_mean_absolute_error"], "validate_every": 1, **_OPTIONS}
    return cl.train(_dense(cl.Dense(1)), data, "mse", **options)


def regression_of_several_values() -> Any:
    data = cl.data.Dataset(_frame(), list("abcde"), ["price", "size"])
    return cl.train(_dense(cl.Dense(2)), data, "mse", **_OPTIONS)


def yes_or_no() -> Any:
    frame = _frame().assign(kind=np.where(_X[:, 0] > 0, "late", "early"))
    data = cl.data.Dataset(frame, list("abcde"), "kind").split(test=10)
    return cl.train(_dense(cl.Dense(1)), data, "sigmoid_cross_entropy", **_OPTIONS)


def several_labels() -> Any:
    y = (_X[:, :4] > 0).astype(np.float32)
    return cl.train(_dense(cl.Dense(4)), (_X, y), "sigmoid_cross_entropy", **_OPTIONS)


def plane() -> Any:
    network, rows = _dense(cl.Dense(3), shape=(2,)), _X[:, :2]
    return cl.train(network, (rows, _CLASSES), "softmax_cross_entropy", **_OPTIONS)


KINDS: dict[str, Callable[[], Any]] = {
    made.__name__: made
    for made in (
        dataset, arrays, arrays_with_a_fraction_held_out, some_labels_unknown, batches_of_ones_own,
        autoencoder, autoencoder_of_a_dataset, sequences, a_class_at_each_step, a_value_at_each_step, ids,
        several_inputs_and_outputs, regression, regression_of_several_values, yes_or_no, several_labels,
        plane,
    )
}  # fmt: skip
