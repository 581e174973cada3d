"""Small trainings in which something can be planted: what a diagnosis is tried on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import cortex_lab as cl


@dataclass
class Setup:
    """A training about to be made; faults are planted by changing it. `parts` are what `layers` takes."""

    x: np.ndarray
    y: np.ndarray
    held: tuple[np.ndarray, np.ndarray]
    layers: Callable[[Parts], list[Any]]
    loss: Any = "softmax_cross_entropy"
    optimizer: Any = field(default_factory=lambda: cl.Adam(0.003))
    steps: int = 160
    batch_size: int = 32
    seed: int = 0
    parts: Parts = field(default_factory=lambda: Parts())
    options: dict[str, Any] = field(default_factory=dict)
    prepare: Callable[[Any], None] | None = None
    midway: Callable[[Any], None] | None = None

    def session(self, **changed: Any) -> Any:
        """The session right after its steps, or where a fault stopped it."""
        session = self.begun(**changed)
        with np.errstate(all="ignore"):
            try:
                session.step(self.steps // 2)
                if self.midway is not None:
                    self.midway(session)
                session.step(self.steps - self.steps // 2)
            except ValueError:
                pass  # Data that are refused in mid-run: the session is at the step before.
        return session

    def begun(self, **changed: Any) -> Any:
        network = cl.Network(self.layers(self.parts), self.x.shape[1:], seed=self.seed)
        if self.prepare is not None:
            self.prepare(network)
        options = {
            "batch_size": self.batch_size, "seed": self.seed, "validation": self.held, **self.options,
        }  # fmt: skip
        options |= changed
        optimizer = options.pop("optimizer", self.optimizer)
        data: Any = (self.x, self.y)
        # What is missing among rows in memory is refused, and met in batches of one's own.
        if not all(np.isfinite(each).all() for each in data):
            data = cl.data.Batches(*data, batch_size=self.batch_size, seed=self.seed)
        return cl.train(network, data, self.loss, optimizer, **options)


@dataclass
class Parts:
    """What the layers of a network are made from."""

    activation: str | None = "relu"
    kernel: Any = None
    bias: Any = "zeros"
    units: int = 32
    deep: int = 1
    between: tuple[Any, ...] = ()
    first: tuple[Any, ...] = ()
    end: tuple[Any, ...] = ()
    outputs: int = 0
    last: str | None = None


# Networks --------------------------------------------------------------------------------------------


def dense_layers(parts: Parts) -> list[Any]:
    made: list[Any] = [*parts.first]
    for _ in range(parts.deep):
        made.append(cl.Dense(parts.units, kernel_initializer=parts.kernel, bias_initializer=parts.bias,
                             activation=parts.activation))  # fmt: skip
        made += parts.between
    return [
        *made,
        cl.Dense(parts.outputs, activation=parts.last, kernel_initializer=parts.kernel),
        *parts.end,
    ]


def conv_layers(parts: Parts) -> list[Any]:
    made: list[Any] = [*parts.first]
    for _ in range(parts.deep):
        made.append(cl.Conv2D(8, 3, padding="same", activation=parts.activation,
                              kernel_initializer=parts.kernel, bias_initializer=parts.bias))  # fmt: skip
        made += parts.between
    made += [cl.MaxPooling2D(2), cl.Flatten()]
    return [
        *made,
        cl.Dense(parts.outputs, activation=parts.last, kernel_initializer=parts.kernel),
        *parts.end,
    ]


def lstm_layers(parts: Parts) -> list[Any]:
    kernel = "glorot_uniform" if parts.kernel is None else parts.kernel
    made: list[Any] = [*parts.first, cl.LSTM(16, kernel_initializer=kernel), *parts.between]
    return [
        *made,
        cl.Dense(parts.outputs, activation=parts.last, kernel_initializer=parts.kernel),
        *parts.end,
    ]


def digits(flat: bool, rows: int = 600, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    data = cl.data.load("digits")
    x, y = data.arrays()
    order = np.random.default_rng(seed).permutation(len(x))[:rows]
    x = np.asarray(x, np.float32)[order]
    return (x.reshape(len(x), -1) if flat else x), np.asarray(y)[order]


def _split(x: np.ndarray, y: np.ndarray, layers: Any, held: int = 200, **options: Any) -> Setup:
    return Setup(x[held:], y[held:], (x[:held], y[:held]), layers, **options)


def perceptron(seed: int) -> Setup:
    return _split(*digits(True, 800, seed), dense_layers, seed=seed, parts=Parts(outputs=10))


def convolutional(seed: int) -> Setup:
    return _split(*digits(False, 800, seed), conv_layers, seed=seed, parts=Parts(outputs=10))


def lstm(seed: int) -> Setup:
    random = np.random.default_rng(seed)
    y, steps = random.integers(0, 3, 800), np.arange(20)
    waves = np.sin(steps * np.array([0.3, 0.6, 1.2])[y][:, None] + random.uniform(0, 1.5, (800, 1)))
    x = np.stack([waves, random.normal(size=waves.shape)], axis=2) + 0.2 * random.normal(size=(800, 20, 2))
    return _split(x.astype(np.float32), y, lstm_layers, seed=seed, optimizer=cl.Adam(0.01), steps=240,
                  parts=Parts(outputs=3))  # fmt: skip


def regression(seed: int) -> Setup:
    random = np.random.default_rng(seed)
    x = random.normal(size=(800, 6)).astype(np.float32)
    y = np.sin(2 * x[:, 0]) + 0.7 * x[:, 1] - 0.5 * x[:, 2] * x[:, 3] + 0.1 * random.normal(size=800)
    parts = Parts(outputs=1, activation="tanh")
    return _split(x, y.astype(np.float32), dense_layers, seed=seed, loss="mean_squared_error", parts=parts,
                  optimizer=cl.Adam(0.01), steps=240)  # fmt: skip


def autoencoder(seed: int) -> Setup:
    x, _ = digits(True, 800, seed)
    parts = Parts(outputs=64, last="sigmoid", units=24)
    return _split(x, x, dense_layers, seed=seed, loss="mean_squared_error", parts=parts, steps=300)


def spiral(seed: int) -> Setup:
    random = np.random.default_rng(seed)
    y = random.integers(0, 2, 800)
    along = random.uniform(0.3, 1, 800)
    angle = 7 * along + np.pi * y
    x = np.stack([along * np.cos(angle), along * np.sin(angle)], axis=1) * 2 + 0.03 * random.normal(
        size=(800, 2)
    )
    return _split(x.astype(np.float32), y, dense_layers, seed=seed, optimizer=cl.Adam(0.02), steps=400,
                  parts=Parts(outputs=2, deep=2))  # fmt: skip


BASES: dict[str, Callable[[int], Setup]] = {
    "perceptron": perceptron, "convolutional": convolutional, "lstm": lstm, "regression": regression,
    "autoencoder": autoencoder, "spiral": spiral,
}  # fmt: skip
