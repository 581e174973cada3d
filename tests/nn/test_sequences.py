"""A network with memory that cannot learn these is a bug."""

from __future__ import annotations

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from cortex_lab.data import Batches
from cortex_lab.nn import Network, Node, Training
from cortex_lab.nn.layers.dense import Dense
from cortex_lab.nn.layers.embedding import Embedding
from cortex_lab.nn.layers.masking import Mask
from cortex_lab.nn.layers.recurrent_bidirectional import Bidirectional
from cortex_lab.nn.layers.recurrent_gru import GRU
from cortex_lab.nn.layers.recurrent_lstm import LSTM
from cortex_lab.nn.layers.recurrent_simple_rnn import SimpleRNN
from cortex_lab.optimize import Adam
from cortex_lab.study import Session

both_cells = pytest.mark.parametrize("cell", [LSTM, GRU])


@pytest.fixture(autouse=True)
def one_thread():
    """Many small products: on a busy machine, BLAS threads waiting for each other take most of the time."""
    with threadpool_limits(1):
        yield


def sine_waves(rows, seed):
    """Twenty steps of waves of all phases and many lengths, and the value that comes next."""
    random = np.random.default_rng(seed)
    phase, frequency = random.uniform(0, 2 * np.pi, rows), random.uniform(0.2, 0.5, rows)
    wave = np.sin(phase[:, None] + frequency[:, None] * np.arange(21))
    return wave[:, :-1, None], wave[:, -1:]


def adding_problem(rows, seed, steps=20):
    """Random numbers, two of them marked: their sum (Hochreiter and Schmidhuber 1997)."""
    random = np.random.default_rng(seed)
    values, marks, row = random.uniform(size=(rows, steps)), np.zeros((rows, steps)), np.arange(rows)
    first, second = random.integers(0, steps // 2, rows), random.integers(steps // 2, steps, rows)
    marks[row, first] = marks[row, second] = 1
    return np.stack([values, marks], axis=2), (values[row, first] + values[row, second])[:, None]


def trained(network, x, y, loss, steps, rate, batch_size, shuffle=True):
    batches = Batches(x, y, batch_size=batch_size, shuffle=shuffle)
    session = Session(Training(network, batches, loss, Adam(rate)))
    session.step(steps)
    return session


@both_cells
def test_the_next_value_of_a_sine_wave(cell):
    network = Network([cell(16), Dense(1)], (20, 1))
    trained(network, *sine_waves(400, 0), "mean_squared_error", 200, 0.01, 40)
    x, y = sine_waves(200, 1)
    error = ((network.predict(x) - y) ** 2).mean()
    assert error < 0.005 < 0.1 * y.var()


@both_cells
def test_the_adding_problem(cell):
    network = Network([cell(16), Dense(1)], (20, 2))
    trained(network, *adding_problem(2000, 0), "mean_squared_error", 450, 0.02, 32)
    x, y = adding_problem(500, 1)
    error = ((network.predict(x) - y) ** 2).mean()
    assert error < 0.01 < 0.1 * y.var()


@both_cells
def test_a_memory_longer_than_a_batch(cell):
    """What was last seen lies further back than the ten steps a batch shows: only carried state knows it."""
    streams, windows, steps = 16, 40, 10
    random = np.random.default_rng(0)
    signal = random.choice([0.0, -1, 1], p=[0.96, 0.02, 0.02], size=(streams, windows * steps))
    latest, held = np.zeros_like(signal), signal[:, -1]
    for t in [*range(signal.shape[1])] * 2:
        held = np.where(signal[:, t] != 0, signal[:, t], held)
        latest[:, t] = held
    x, y = (a.reshape(streams, windows, steps).swapaxes(0, 1).reshape(-1, steps) for a in (signal, latest))
    errors = {}
    for rows in (0, streams):
        network = Network([cell(8, stateful=rows), Dense(1)], (steps, 1))
        session = trained(
            network, x[..., None], y[:, -1:], "mean_squared_error", 360, 0.02, streams, shuffle=False
        )
        errors[rows] = session.trace["loss"][-40:].mean()
    assert errors[streams] < 0.15 < 0.4 < errors[0]


def test_a_label_for_every_step_of_padded_sequences():
    """Which of two keys came last, step by step, among other tokens; a stack, both ways, with a mask."""
    random = np.random.default_rng(2)
    rows, steps = 320, 12
    ids = random.choice([1, 2, 3, 4, 5], size=(rows, steps))
    ids[:, 0] = random.integers(1, 3, size=rows)
    labels = np.zeros_like(ids)
    for t in range(steps):
        labels[:, t] = np.where(ids[:, t] < 3, ids[:, t] - 1, labels[:, t - 1])
    padding = np.arange(steps) >= random.integers(4, steps + 1, size=rows)[:, None]
    ids[padding], labels[padding] = 0, -1
    layers = [
        Node(Embedding(6, 4), "tokens", "ids"),
        Node(Mask(), "mask", "ids"),
        Node(GRU(8, return_sequences=True), "memory", ("tokens", "mask")),
        Node(Bidirectional(LSTM(4, return_sequences=True)), "context", ("memory", "mask")),
        Node(SimpleRNN(2, activation="linear", return_sequences=True), "labels", ("context", "mask")),
    ]
    network = Network(layers, {"ids": (steps,)})
    session = trained(network, {"ids": ids[:256]}, labels[:256], "softmax_cross_entropy", 240, 0.02, 32)
    guessed, new_labels = network.predict({"ids": ids[256:]}).argmax(axis=2), labels[256:]
    assert (guessed == new_labels)[new_labels >= 0].mean() > 0.97
    assert session.trace["loss"][-1] < 0.1
