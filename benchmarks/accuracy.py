"""Do the networks learn what they should? Scores on rows held out, three seeds each, the worst one judged.

The photographs are learned by PyTorch, too, and there the means are compared. They and MNIST are read from
the folder named by CORTEX_LAB_DATA, and take hours on two cores. `--set processes=3` trains three seeds side
by side, each with its share of the cores.
"""

from __future__ import annotations

import math
import multiprocessing
import os
import statistics
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

import cortex_lab as cl
from benchmarks.harness import Row, say
from benchmarks.workloads import photographs

OPTIONS = {"only": "", "seeds": 3, "processes": 1}


@dataclass(frozen=True)
class Bar:
    """What a problem is judged by: one of the numbers that its training gives."""

    what: str
    unit: str
    bar: float
    better: str = "higher"


def run(options: Any) -> list[Row]:
    """Every problem by default; `--set only=mnist,digits` picks some, `--set seeds=1` takes fewer seeds."""
    only = [name for name in options.only.split(",") if name] or list(PROBLEMS)
    unknown = sorted(set(only) - set(PROBLEMS))
    if unknown:
        raise ValueError(f"there is no problem {', '.join(unknown)}; there are {', '.join(PROBLEMS)}")
    jobs = [(name, seed) for name in only for seed in range(options.seeds)]
    found: dict[str, list[tuple[float, ...]]] = {name: [] for name in only}
    say(f"{len(jobs)} trainings, the first of {only[0]}")
    with _mapping(min(options.processes, len(jobs))) as mapping:
        for (name, seed), values in zip(jobs, mapping(_train, jobs), strict=True):
            found[name].append(values)
            say(f"{name}, seed {seed}: {', '.join(f'{value:.4f}' for value in values)}")
    return [row for name in only for row in _rows(name, found[name], options.seeds)]


def mnist(seed: int) -> tuple[float]:
    """Test accuracy of Cortex's convolutional net after ten epochs of the 60,000 training images."""
    data = cl.data.load("mnist")
    network = cl.Network(cl.models.cortex_mnist(dropout=0.5), seed=seed)
    session = cl.train(network, data, "softmax_cross_entropy", cl.Adam(1e-3), batch_size=128, seed=seed)
    for epoch in range(10):
        if epoch in (6, 8):
            session.edit("learning_rate", session.process.optimizer.learning_rate / 5)
        session.run(cl.epochs(1))
    return (_accuracy(network, *data.test.arrays()),)


def digits(seed: int) -> tuple[float]:
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
    return (_accuracy(network, *data.test.arrays()),)


def xor(seed: int) -> tuple[float]:
    """Accuracy on the four cases of exclusive or after at most 1000 steps."""
    x, y = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=float), np.array([0, 1, 1, 0])
    network = cl.Network([cl.Dense(8, activation="tanh"), cl.Dense(2)], (2,), seed=seed)
    session = cl.train(network, (x, y), "softmax_cross_entropy", cl.Adam(0.05), batch_size=4, seed=seed)
    session.run(cl.steps(1000))
    return (_accuracy(network, x, y),)


def spirals(seed: int) -> tuple[float]:
    """Accuracy on fresh points of two interleaved spirals, learned from 400 points in at most 200 epochs."""
    layers = [cl.Dense(32, activation="relu"), cl.Dense(32, activation="relu"), cl.Dense(2)]
    network = cl.Network(layers, (2,), seed=seed)
    data = _two_spirals(400, seed)
    session = cl.train(network, data, "softmax_cross_entropy", cl.Adam(0.01), batch_size=40, seed=seed)
    session.run(cl.epochs(200) | cl.below("loss", 0.005))
    return (_accuracy(network, *_two_spirals(400, seed + 1000)),)


def corn(seed: int) -> tuple[float]:
    """Mean squared error of corn yield from fertilizer and insecticide (Salvatore and Reagle 2002, p. 157).

    Ten observations, as in Cortex's example; all are trained on.
    """
    fertilizer = [6, 10, 12, 14, 16, 18, 22, 24, 26, 32]
    insecticide = [4, 4, 5, 7, 9, 12, 14, 20, 21, 24]
    x = np.column_stack([fertilizer, insecticide])
    y = np.array([40, 44, 46, 48, 52, 58, 60, 68, 74, 80])
    network = cl.Network([cl.Dense(1)], (2,), seed=seed)
    session = cl.train(network, (x, y), "mean_squared_error", cl.Adam(0.1), batch_size=10, seed=seed)
    session.step(3000)
    return (float(((network.predict(x)[:, 0] - y) ** 2).mean()),)


def sine(seed: int, cell: str) -> tuple[float]:
    """Mean squared error of the next value of sine waves of other phases and lengths than those seen."""
    network = cl.Network([getattr(cl, cell)(16), cl.Dense(1)], (20, 1), seed=seed)
    data = _sine_waves(400, seed)
    session = cl.train(network, data, "mean_squared_error", cl.Adam(0.01), batch_size=40, seed=seed)
    session.step(300)
    return (_squared_error(network, *_sine_waves(400, seed + 1000)),)


def adding(seed: int, cell: str) -> tuple[float]:
    """Mean squared error of the adding problem over twenty steps (Hochreiter and Schmidhuber 1997)."""
    network = cl.Network([getattr(cl, cell)(16), cl.Dense(1)], (20, 2), seed=seed)
    data = _marked_numbers(2000, seed)
    session = cl.train(network, data, "mean_squared_error", cl.Adam(0.02), batch_size=32, seed=seed)
    session.step(800)
    return (_squared_error(network, *_marked_numbers(1000, seed + 1000)),)


def hundred_layers(seed: int) -> tuple[float, float]:
    """Test accuracy on digits of a hundred dense layers with shortcuts, and its gain over that without."""
    data, accuracy = cl.data.load("digits"), {}
    for residual in (True, False):
        last = cl.Dense(32, kernel_initializer="zeros" if residual else None)
        pair = [cl.Dense(32, activation="relu"), cl.Node(last, "last")]
        end = cl.Node(cl.Add(), inputs=("input", "last")) if residual else cl.ReLU()
        block = cl.Block([*pair, end], repeat=49)
        layers = [cl.Flatten(), cl.Dense(32, activation="relu"), block, cl.Dense(10)]
        network = cl.Network(layers, data.input_shape, seed=seed)
        session = cl.train(network, data, "softmax_cross_entropy", cl.Adam(1e-3), batch_size=64, seed=seed)
        session.run(cl.epochs(12))
        accuracy[residual] = _accuracy(network, *data.test.arrays())
    return accuracy[True], accuracy[True] - accuracy[False]


def residual(seed: int) -> tuple[float, float]:
    """Test accuracy of ResNet-20 after thirty epochs of 10,000 photographs, ours and PyTorch's."""
    return photographs.ours(seed, epochs=30), photographs.pytorch(seed, epochs=30)


def _two_spirals(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Two interleaved spirals of one and a half turns."""
    random, y = np.random.default_rng(seed), np.arange(rows) % 2
    turn = np.sqrt(random.uniform(0.05, 1, rows)) * 3 * np.pi
    angle = turn + np.pi * y
    x = np.stack([turn * np.cos(angle), turn * np.sin(angle)], axis=1) / (3 * np.pi)
    return x + random.normal(scale=0.01, size=x.shape), y


def _sine_waves(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Twenty steps of waves, and the value that comes next."""
    random = np.random.default_rng(seed)
    phase, frequency = random.uniform(0, 2 * np.pi, rows), random.uniform(0.2, 0.5, rows)
    wave = np.sin(phase[:, None] + frequency[:, None] * np.arange(21))
    return wave[:, :-1, None], wave[:, -1:]


def _marked_numbers(rows: int, seed: int, steps: int = 20) -> tuple[np.ndarray, np.ndarray]:
    """Random numbers, two of them marked, and the sum of those two."""
    random = np.random.default_rng(seed)
    values, marks, row = random.uniform(size=(rows, steps)), np.zeros((rows, steps)), np.arange(rows)
    first, second = random.integers(0, steps // 2, rows), random.integers(steps // 2, steps, rows)
    marks[row, first] = marks[row, second] = 1
    return np.stack([values, marks], axis=2), (values[row, first] + values[row, second])[:, None]


def _accuracy(network: cl.Network, inputs: np.ndarray, labels: np.ndarray) -> float:
    return float((network.predict(inputs).argmax(axis=1) == labels).mean())


def _squared_error(network: cl.Network, inputs: np.ndarray, targets: np.ndarray) -> float:
    return float(((network.predict(inputs) - targets) ** 2).mean())


def _train(job: tuple[str, int]) -> tuple[float, ...]:
    name, seed = job
    return PROBLEMS[name][0](seed)


def _rows(name: str, found: list[tuple[float, ...]], seeds: int) -> Iterator[Row]:
    if name in AGAINST_PYTORCH:
        yield _against_pytorch(name, *zip(*found, strict=True))
        return
    for bar, values in zip(PROBLEMS[name][1], zip(*found, strict=True), strict=True):
        worst = min(values) if bar.better == "higher" else max(values)
        what, unit, better = bar.what, bar.unit, bar.better
        yield Row(what=f"{what}, worst of {seeds} seeds", value=worst, unit=unit, bar=bar.bar, better=better)
        yield Row(what=f"{what}, median", value=statistics.median(values), unit=unit, better=better)


def _against_pytorch(name: str, ours: Sequence[float], theirs: Sequence[float]) -> Row:
    """Our mean beside theirs, held to no less than theirs by one standard error of their difference."""
    mine, peer = statistics.mean(ours), statistics.mean(theirs)
    variances = [statistics.variance(values) if len(values) > 1 else 0.0 for values in (ours, theirs)]
    error = math.sqrt(sum(variances) / len(ours))
    return Row(
        what=f"{AGAINST_PYTORCH[name]}, mean of {len(ours)} seeds, standard error {error:.4f}",
        value=mine,
        unit="accuracy",
        peer="PyTorch",
        peer_value=peer,
        bar=1 - error / peer,
        better="higher",
    )


@contextmanager
def _mapping(processes: int) -> Iterator[Callable[..., Iterable[Any]]]:
    """`map`, or one that works in several processes, which share the cores out between them."""
    if processes < 2:
        yield map
        return
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    os.environ["CORTEX_LAB_WORKERS"] = str(max(cores // processes, 1))
    # Spawned, so that each reads that setting and none inherits threads.
    with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool:
        yield pool.map


_ERROR = "mean squared error"
PROBLEMS: dict[str, tuple[Callable[[int], tuple[float, ...]], tuple[Bar, ...]]] = {
    "mnist": (mnist, (Bar("MNIST", "accuracy", 0.992),)),
    "digits": (digits, (Bar("digits", "accuracy", 0.98),)),
    "xor": (xor, (Bar("XOR", "accuracy", 1.0),)),
    "spirals": (spirals, (Bar("two spirals", "accuracy", 0.97),)),
    "corn": (corn, (Bar("corn yield", _ERROR, 25.0, "lower"),)),
    "sine-lstm": (partial(sine, cell="LSTM"), (Bar("sine waves, LSTM", _ERROR, 0.005, "lower"),)),
    "sine-gru": (partial(sine, cell="GRU"), (Bar("sine waves, GRU", _ERROR, 0.005, "lower"),)),
    "adding-lstm": (partial(adding, cell="LSTM"), (Bar("adding problem, LSTM", _ERROR, 0.01, "lower"),)),
    "adding-gru": (partial(adding, cell="GRU"), (Bar("adding problem, GRU", _ERROR, 0.01, "lower"),)),
    "hundred-layers": (
        hundred_layers,
        (
            Bar("a hundred layers with shortcuts", "accuracy", 0.9),
            Bar("a hundred layers, accuracy gained by shortcuts", "accuracy", 0.4),
        ),
    ),
    "photographs": (residual, ()),
}
AGAINST_PYTORCH = {"photographs": "ResNet-20, 10,000 photographs, 30 epochs"}
