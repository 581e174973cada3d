"""The workloads, in cortex_lab."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import cortex_lab as cl
from cortex_lab.nn import models

BATCHES = 4
CLOSE = 1e-4
"""How near to ours the losses of a peer have to be, of their size."""


@dataclass(frozen=True)
class Workload:
    """A network, its optimizer and the shape of its batches; `bar` is ours / fastest PyTorch."""

    name: str
    bar: float
    network: Callable[[], cl.Network]
    optimizer: Any
    batch: int
    loss: str = "softmax_cross_entropy"

    def data(self) -> tuple[np.ndarray, np.ndarray]:
        """Rows for a few batches: inputs uniform on [0, 1), targets classes, or the inputs themselves."""
        network, random = self.network(), np.random.default_rng(0)
        shape = next(iter(network.graph.inputs.values()))
        inputs = random.random((BATCHES * self.batch, *shape), dtype=np.float32)
        if self.loss != "softmax_cross_entropy":
            return inputs, inputs
        return inputs, random.integers(0, 10, len(inputs))

    def choices(self) -> list[np.ndarray]:
        """The rows of each batch of `data`, in the order in which `session` comes to them."""
        return np.split(np.arange(BATCHES * self.batch), BATCHES)

    def session(self) -> Any:
        """A session that trains it on `data`, in the order given."""
        inputs, targets = self.data()
        batches = cl.data.Batches(inputs, targets, batch_size=self.batch, shuffle=False)
        return cl.train(self.network(), batches, self.loss, self.optimizer)


def _chain(layers: list[Any], shape: tuple[int, ...]) -> Callable[[], cl.Network]:
    return lambda: cl.Network(layers, shape)


def mlp(sizes: list[int], activation: str) -> Callable[[], cl.Network]:
    hidden = [cl.Dense(units, activation=activation) for units in sizes[1:-1]]
    return _chain([*hidden, cl.Dense(sizes[-1])], (sizes[0],))


def autoencoder(rate: float = 0.2) -> Callable[[], cl.Network]:
    dropout = [cl.Dropout(rate)] if rate else []
    return _chain([*dropout, cl.Dense(1000, activation="relu"), cl.Dense(784, activation="sigmoid")], (784,))


def mnist() -> Callable[[], cl.Network]:
    layers = [
        cl.Conv2D(20, 5, activation="relu"), cl.MaxPooling2D(2),
        cl.Conv2D(50, 5, activation="relu"), cl.MaxPooling2D(2),
        cl.BatchNormalization(), cl.Flatten(), cl.Dense(500, activation="relu"), cl.Dense(10),
    ]  # fmt: skip
    return _chain(layers, (28, 28, 1))


WORKLOADS = (
    Workload("MLP 64-32-10 tanh, Adam, batch 32", 0.35, mlp([64, 32, 10], "tanh"), cl.Adam(1e-3), 32),
    Workload(
        "MLP 784-512-256-10, Adam, batch 128", 0.8, mlp([784, 512, 256, 10], "relu"), cl.Adam(1e-3), 128
    ),
    Workload(
        "autoencoder 784-1000-784, dropout, Adam, batch 128", 0.8, autoencoder(), cl.Adam(1e-3), 128,
        loss="mean_squared_error",
    ),
    Workload("Cortex's MNIST net, Adam, batch 32", 0.8, mnist(), cl.Adam(1e-3), 32),
    Workload("Cortex's MNIST net, Adam, batch 128", 0.8, mnist(), cl.Adam(1e-3), 128),
    Workload(
        "ResNet-20, 32x32x3, SGD momentum, batch 64", 1.0, lambda: cl.Network(models.resnet(20)),
        cl.SGD(0.01, momentum=0.9), 64,
    ),
    Workload(
        "LSTM 64-128, T = 32, last -> 10, Adam, batch 128", 0.8,
        _chain([cl.LSTM(128), cl.Dense(10)], (32, 64)), cl.Adam(1e-3), 128,
    ),
)  # fmt: skip


def without_dropout(workload: Workload) -> Workload:
    """The same without what each library draws its own way."""
    if "dropout" not in workload.name:
        return workload
    return dataclasses.replace(workload, network=autoencoder(rate=0.0))


def bare_steps(place: int) -> Callable[[int], None]:
    """Takes training steps of workload number `place`, without a Session around them."""
    training = WORKLOADS[place].session().process

    def take(steps: int) -> None:
        for _ in range(steps):
            training.whole_step()

    return take


def session_steps(place: int) -> Callable[[int], None]:
    """Takes training steps of workload number `place` as a user does."""
    return WORKLOADS[place].session().step


def predictions() -> Callable[[int], None]:
    """Takes ResNet-50 predictions."""
    network, inputs = inference()

    def take(steps: int) -> None:
        for _ in range(steps):
            network.predict(inputs)

    return take


def inference() -> tuple[cl.Network, np.ndarray]:
    """ResNet-50 and eight photographs' worth of numbers."""
    network = cl.Network(models.resnet_imagenet(50))
    return network, np.random.default_rng(0).random((8, 224, 224, 3), dtype=np.float32)
