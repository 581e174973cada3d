"""Do the networks learn what they should? Accuracies on held-out data, three seeds each, worst one judged.

MNIST is read from the folder named by CORTEX_LAB_DATA.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

import cortex_lab as cl
from benchmarks.harness import Row

OPTIONS = {"only": "", "seeds": 3}


def run(options: Any) -> list[Row]:
    """Every problem by default; `--set only=mnist,digits` picks some, `--set seeds=1` takes fewer seeds."""
    only = [name for name in options.only.split(",") if name] or list(PROBLEMS)
    unknown = sorted(set(only) - set(PROBLEMS))
    if unknown:
        raise ValueError(f"there is no problem {', '.join(unknown)}; there are {', '.join(PROBLEMS)}")
    rows = []
    for name in only:
        measure, unit, bar, better = PROBLEMS[name]
        found = [measure(seed) for seed in range(options.seeds)]
        print(f"{name}: {', '.join(f'{value:.4f}' for value in found)}", flush=True)
        worst = min(found) if better == "higher" else max(found)
        rows.append(
            Row(
                what=f"{name}, worst of {options.seeds} seeds", value=worst, unit=unit, bar=bar, better=better
            )
        )
        rows.append(Row(what=f"{name}, median", value=statistics.median(found), unit=unit, better=better))
    return rows


def mnist(seed: int) -> float:
    """Test accuracy of Cortex's convolutional net after ten epochs of the 60,000 training images."""
    data = cl.data.load("mnist")
    network = cl.Network(cl.models.cortex_mnist(dropout=0.5), seed=seed)
    session = cl.train(network, data, "softmax_cross_entropy", cl.Adam(1e-3), batch_size=128, seed=seed)
    for epoch in range(10):
        if epoch in (6, 8):
            session.edit("learning_rate", session.process.optimizer.learning_rate / 5)
        session.run(cl.epochs(1))
    return _accuracy(network, *data.test.arrays())


def digits(seed: int) -> float:
    """Test accuracy on scikit-learn's digits after twenty-three epochs."""
    data = cl.data.load("digits")
    layers = [
        cl.Conv2D(16, 3, padding="same", activation="relu"),
        cl.MaxPooling2D(2),
        cl.Conv2D(32, 3, padding="same", activation="relu"),
        cl.MaxPooling2D(2),
        cl.Flatten(),
        cl.Dense(128, activation="relu"),
        cl.Dropout(0.4),
        cl.Dense(10),
    ]
    network = cl.Network(layers, data.input_shape, seed=seed)
    session = cl.train(network, data, "softmax_cross_entropy", cl.Adam(3e-3), batch_size=32, seed=seed)
    session.run(cl.epochs(15))
    session.edit("learning_rate", 3e-4)
    session.run(cl.epochs(8))
    return _accuracy(network, *data.test.arrays())


def xor(seed: int) -> float:
    """Accuracy on the four cases of exclusive or after at most 1000 steps."""
    x, y = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=float), np.array([0, 1, 1, 0])
    network = cl.Network([cl.Dense(8, activation="tanh"), cl.Dense(2)], (2,), seed=seed)
    cl.train(network, (x, y), "softmax_cross_entropy", cl.Adam(0.05), batch_size=4).run(cl.steps(1000))
    return _accuracy(network, x, y)


def hundred_layers(seed: int, residual: bool) -> float:
    """Test accuracy on digits of a hundred dense layers after twelve epochs, with or without shortcuts."""
    data = cl.data.load("digits")
    last = cl.Dense(32, kernel_initializer="zeros" if residual else None)
    pair = [cl.Dense(32, activation="relu"), cl.Node(last, "last")]
    end = cl.Node(cl.Add(), inputs=("input", "last")) if residual else cl.ReLU()
    layers = [cl.Flatten(), cl.Dense(32, activation="relu"), cl.Block([*pair, end], repeat=49), cl.Dense(10)]
    network = cl.Network(layers, data.input_shape, seed=seed)
    session = cl.train(network, data, "softmax_cross_entropy", cl.Adam(1e-3), batch_size=64, seed=seed)
    session.run(cl.epochs(12))
    return _accuracy(network, *data.test.arrays())


def _accuracy(network: cl.Network, images: np.ndarray, labels: np.ndarray) -> float:
    return float((network.predict(images).argmax(axis=1) == labels).mean())


PROBLEMS: dict[str, tuple[Callable[[int], float], str, float, str]] = {
    "digits": (digits, "accuracy", 0.98, "higher"),
    "mnist": (mnist, "accuracy", 0.992, "higher"),
    "xor": (xor, "accuracy", 1.0, "higher"),
    "hundred layers with shortcuts": (partial(hundred_layers, residual=True), "accuracy", 0.9, "higher"),
    "hundred layers without": (partial(hundred_layers, residual=False), "accuracy", 0.5, "lower"),
}
