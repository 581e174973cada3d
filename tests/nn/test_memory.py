"""After the first step, a training step allocates nothing that grows with the batch."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

import cortex_lab as cl

pytest.importorskip("numba")

ROWS = 64


class OneBatch:
    """Hands out the same batch, so that what is measured is the engine and not the reading of data."""

    batch_size = ROWS
    steps_per_epoch = 1

    def __init__(self, shape: tuple[int, ...]) -> None:
        random = np.random.default_rng(0)
        inputs = random.normal(size=(ROWS, *shape)).astype(np.float32)
        self.batch = cl.data.Batch(inputs, random.integers(0, 10, ROWS), np.arange(ROWS))

    def fetch(self, step: int) -> cl.data.Batch:
        return self.batch


NETWORKS = {
    "convolutional": ((20, 20, 1), cl.models.cortex_mnist((20, 20, 1), units=64, dropout=0.3)),
    "residual": ((16, 16, 3), cl.models.resnet(8, (16, 16, 3))),
    "dense": ((50,), [cl.Dense(64, activation="tanh"), cl.Dropout(0.2), cl.Dense(10)]),
}


@pytest.mark.parametrize("optimizer", [cl.SGD(0.01, momentum=0.9), cl.Adam(1e-3)], ids=["sgd", "adam"])
@pytest.mark.parametrize("name", NETWORKS)
def test_a_training_step_allocates_nothing(name, optimizer):
    shape, layers = NETWORKS[name]
    network = cl.Network(layers, shape)
    training = cl.Training(network, OneBatch(shape), "softmax_cross_entropy", optimizer)
    for _ in range(3):
        for _ in training.walk():
            pass
    tracemalloc.start()
    try:
        for _ in training.walk():
            pass
        worst: dict[str, int] = {}
        for _ in range(2):
            tracemalloc.reset_peak()
            before = tracemalloc.get_traced_memory()[0]
            for phase in training.walk():
                worst[phase] = tracemalloc.get_traced_memory()[1] - before
                tracemalloc.reset_peak()
                before = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    # Views and Python objects take a few kilobytes; the smallest hidden activation here takes 16.
    greedy = {phase: size for phase, size in worst.items() if size > 12_000}
    assert not greedy, f"bytes allocated in a phase: {greedy}"
