"""Trainings with one thing wrong, with two, and with nothing wrong."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

import cortex_lab as cl
from benchmarks.planted import BASES, Setup, conv_layers, lstm_layers
from cortex_lab.nn.contract.initializers import Constant, Orthogonal, RandomNormal, VarianceScaling

# Faults ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Fault:
    """One thing to plant, the kinds of finding that name it, and the bases on which it makes sense."""

    kinds: tuple[str, ...]
    bases: tuple[str, ...]
    plant: Callable[[Setup], None]


_TWO = ("perceptron", "convolutional")
_THREE = (*_TWO, "regression")
_CLASSES = (*_TWO, "lstm")
_FOUR = (*_CLASSES, "regression")
_VALUES = ("regression",)
_ALL = (*_FOUR, "autoencoder")
_DEEP = (*_THREE, "autoencoder")


def _set(**fields: Any) -> Callable[[Setup], None]:
    def plant(setup: Setup) -> None:
        for name, value in fields.items():
            setattr(setup, name, value() if callable(value) and name == "optimizer" else value)

    return plant


def _parts(**fields: Any) -> Callable[[Setup], None]:
    def plant(setup: Setup) -> None:
        setup.parts = dataclasses.replace(setup.parts, **fields)

    return plant


def _both(*plants: Callable[[Setup], None]) -> Callable[[Setup], None]:
    def plant(setup: Setup) -> None:
        for each in plants:
            each(setup)

    return plant


def _inputs(change: Callable[[np.ndarray], np.ndarray], held: bool = True) -> Callable[[Setup], None]:
    def plant(setup: Setup) -> None:
        same = setup.y is setup.x
        setup.x = change(setup.x.copy())
        setup.held = (change(setup.held[0].copy()) if held else setup.held[0], setup.held[1])
        if same and held:
            setup.y, setup.held = setup.x, (setup.held[0], setup.held[0])

    return plant


def _targets(change: Callable[[np.ndarray], np.ndarray], held: bool = True) -> Callable[[Setup], None]:
    def plant(setup: Setup) -> None:
        setup.y = change(setup.y.copy())
        if held:
            setup.held = (setup.held[0], change(setup.held[1].copy()))

    return plant


def _held(change: Callable[[np.ndarray], np.ndarray]) -> Callable[[Setup], None]:
    def plant(setup: Setup) -> None:
        setup.held = change(setup.held[0]), setup.held[1]

    return plant


def _held_targets_shifted(setup: Setup) -> None:
    setup.held = setup.held[0], np.roll(setup.held[1], 1, axis=0)


def _options(**options: Any) -> Callable[[Setup], None]:
    return lambda setup: setup.options.update(options)


def _column(x: np.ndarray) -> np.ndarray:
    x[..., -1 if x.ndim == 3 else min(20, x.shape[-1] - 1)] = 1e4 * (1 + x[..., 1])
    return x


def _constant(x: np.ndarray) -> np.ndarray:
    flat = x.reshape(len(x), -1)
    flat[:, np.arange(flat.shape[1]) % 8 != 3] = 0.5
    return flat.reshape(x.shape)


def _leak(setup: Setup) -> None:
    flat = [setup.x.reshape(len(setup.x), -1), setup.held[0].reshape(len(setup.held[0]), -1)]
    for values, target in zip(flat, (setup.y, setup.held[1]), strict=True):
        values[:, 0] = target / max(1, abs(target).max())
    setup.x, setup.held = (
        flat[0].reshape(setup.x.shape),
        (flat[1].reshape(setup.held[0].shape), setup.held[1]),
    )


def _shuffled(y: np.ndarray) -> np.ndarray:
    return np.random.default_rng(5).permutation(y)


def _noisy(y: np.ndarray) -> np.ndarray:
    random = np.random.default_rng(6)
    wrong = random.random(len(y)) < 0.2
    y[wrong] = (y[wrong] + random.integers(1, y.max() + 1, wrong.sum())) % (y.max() + 1)
    return y


def _imbalanced(setup: Setup) -> None:
    random = np.random.default_rng(7)
    keep = (setup.y == 0) | (random.random(len(setup.y)) < 0.015)
    more = np.concatenate([np.flatnonzero(keep), random.choice(np.flatnonzero(setup.y == 0), 500)])
    setup.x = (setup.x[more] + 0.02 * random.normal(size=(len(more), *setup.x.shape[1:]))).astype(np.float32)
    setup.y = setup.y[more]
    setup.held = setup.x[:80] + np.float32(0.01), setup.y[:80]


def _small(setup: Setup) -> None:
    setup.x, setup.y, setup.steps = setup.x[:40], setup.y[:40], 400
    if setup.loss == "mean_squared_error":
        setup.parts = dataclasses.replace(setup.parts, units=128)


def _outlier(y: np.ndarray) -> np.ndarray:
    y[17] = 1e4
    return y


def _far_out(row: int, columns: slice, value: float) -> Callable[[np.ndarray], np.ndarray]:
    def change(x: np.ndarray) -> np.ndarray:
        x.reshape(len(x), -1)[row, columns] = value
        return x

    return change


def _seen(setup: Setup) -> None:
    setup.held = tuple(
        np.concatenate([a[:60], b[:60]]) for a, b in zip((setup.x, setup.y), setup.held, strict=True)
    )


def _missing(values: np.ndarray) -> np.ndarray:
    values[123] = np.nan
    return values


def _poisoned(session: Any) -> None:
    name = next(iter(session.network.parameters))
    kernel = session.network.parameters[name].copy()
    kernel.flat[0] = np.nan
    session.edit(f"weights[{name!r}]", kernel)


def _frozen(setup: Setup) -> None:
    setup.options["frozen"] = {conv_layers: ["conv2d_*"], lstm_layers: ["lstm_*"]}.get(
        setup.layers, ["dense_1"]
    )


def _one_unit(setup: Setup) -> None:
    setup.y, setup.held = (
        (setup.y > 4).astype(np.float32),
        (setup.held[0], (setup.held[1] > 4).astype(np.float32)),
    )
    setup.parts = dataclasses.replace(setup.parts, outputs=1, last="softmax")
    setup.loss = "binary_cross_entropy"


def _ids_as_values(setup: Setup) -> None:
    setup.y, setup.held = setup.y.astype(np.float32), (setup.held[0], setup.held[1].astype(np.float32))
    setup.parts = dataclasses.replace(setup.parts, outputs=1)
    setup.loss = "mean_squared_error"


def _recurrent(kind: str) -> Callable[[Setup], None]:
    def plant(setup: Setup) -> None:
        long = np.repeat(setup.x, 4, axis=1)
        if kind == "vanishing":
            # What counts comes first, and long after it nothing but noise.
            long = np.concatenate(
                [setup.x, 0.1 * np.random.default_rng(1).normal(size=(len(setup.x), 60, 2))], axis=1
            )
        setup.x = long.astype(np.float32)
        other = 0.3 * np.random.default_rng(2).normal(size=(100, *setup.x.shape[1:]))
        setup.held = ((setup.x[:100] + other).astype(np.float32), setup.y[:100])
        cell = {
            "vanishing": cl.SimpleRNN(16, recurrent_initializer=Orthogonal(0.4)),
            "exploding": cl.SimpleRNN(16, activation="linear", recurrent_initializer=Orthogonal(1.6)),
        }[kind]
        setup.layers = lambda parts: [cell, cl.Dense(parts.outputs)]

    return plant


FAULTS: dict[str, Fault] = {
    "rate too high": Fault(("learning_rate_high",), _ALL, _set(optimizer=lambda: cl.Adam(1.0))),
    "rate far too high": Fault(("learning_rate_high",), _ALL, _set(optimizer=lambda: cl.SGD(100.0))),
    "rate beyond all": Fault(("learning_rate_high",), _ALL, _set(optimizer=lambda: cl.SGD(1e30))),
    "rate beyond all for AdamW": Fault(("learning_rate_high",), _ALL, _set(optimizer=lambda: cl.AdamW(1e12))),
    "rate too high for RMSprop": Fault(
        ("learning_rate_high",), ("perceptron", "regression"), _set(optimizer=lambda: cl.RMSprop(0.5))
    ),
    "rate too low": Fault(("learning_rate_low",), _ALL, _set(optimizer=lambda: cl.Adam(1e-7))),
    "rate too low for SGD": Fault(("learning_rate_low",), _ALL, _set(optimizer=lambda: cl.SGD(1e-6))),
    "momentum": Fault(("momentum_high",), _ALL, _set(optimizer=lambda: cl.SGD(0.1, momentum=0.999))),
    "schedule": Fault(
        ("schedule",), _ALL, _set(optimizer=lambda: cl.Adam(cl.ExponentialDecay(0.003, 3, 0.5)))
    ),
    "input unscaled": Fault(("input_scale",), _FOUR, _inputs(lambda x: 255 * x)),
    "input tiny": Fault(("input_scale",), _FOUR, _inputs(lambda x: 1e-5 * x)),
    "column huge": Fault(("input_scale",), ("perceptron", "lstm", "regression"), _inputs(_column)),
    "row far out": Fault(("input_outlier",), _FOUR, _inputs(_far_out(77, slice(None), 1e12), False)),
    "cell far out": Fault(("input_outlier",), _FOUR, _inputs(_far_out(41, slice(3, 4), 999999), False)),
    "columns constant": Fault(
        ("constant_columns",), ("perceptron", "convolutional", "lstm", "autoencoder"), _inputs(_constant)
    ),
    "target unscaled": Fault(("target_scale",), _VALUES, _targets(lambda y: 1000 * y + 500)),
    "target outlier": Fault(("target_outlier",), _VALUES, _targets(_outlier, held=False)),
    "target shifted": Fault(("target_shift",), _THREE, _targets(lambda y: np.roll(y, 1, axis=0))),
    "weights zero": Fault(("initialization",), _DEEP, _parts(kernel="zeros")),
    "weights far too large": Fault(("initialization",), _ALL, _parts(kernel=RandomNormal(stddev=20.0))),
    "weights far too small": Fault(("initialization",), _ALL, _parts(kernel=RandomNormal(stddev=1e-5))),
    "dead from the start": Fault(
        ("dead_units",), ("perceptron", "convolutional", "autoencoder"), _parts(bias=Constant(-20.0))
    ),
    "saturated": Fault(("saturated_units",), _DEEP, _parts(activation="tanh", bias=Constant(15.0))),
    "vanishing, deep": Fault(("vanishing_gradients",), _TWO, _parts(activation="sigmoid", deep=12)),
    "vanishing, recurrent": Fault(("vanishing_gradients",), ("lstm",), _recurrent("vanishing")),
    "exploding, recurrent": Fault(("exploding_gradients",), ("lstm",), _recurrent("exploding")),
    "exploding, deep": Fault(
        ("exploding_gradients", "initialization"),
        ("perceptron",),
        _parts(activation=None, deep=12, kernel=VarianceScaling(9.0)),
    ),
    "softmax twice": Fault(
        ("softmax_twice",), _CLASSES, _parts(last="softmax", end=(cl.Activation("linear"),))
    ),
    "softmax of one unit": Fault(("softmax_of_one",), _TWO, _one_unit),
    "values on class ids": Fault(("values_on_classes",), _TWO, _ids_as_values),
    "one row normalized": Fault(
        ("batch_normalization",), _DEEP, _both(_set(batch_size=1), _parts(between=(cl.BatchNormalization(),)))
    ),
    "dropout": Fault(("dropout",), _FOUR, _parts(between=(cl.Dropout(0.95),))),
    "weight decay": Fault(
        ("weight_decay",), _ALL, _set(optimizer=lambda: cl.AdamW(0.003, weight_decay=30.0))
    ),
    "penalty": Fault(("penalty",), _FOUR, _options(penalties={"*/kernel": cl.L2(3.0)})),
    "clipping": Fault(
        ("clipping",), _FOUR, _set(optimizer=lambda: cl.SGD(0.1, momentum=0.9, clip_norm=1e-4))
    ),
    "frozen": Fault(("frozen",), _ALL, _frozen),
    "labels shuffled": Fault(("no_signal",), _FOUR, _targets(_shuffled)),
    "label noise": Fault(("label_noise",), ("perceptron", "convolutional", "spiral"), _targets(_noisy)),
    "imbalance": Fault(("class_imbalance",), _TWO, _imbalanced),
    "overfitting": Fault(("overfitting",), _THREE, _small),
    "underfitting": Fault(
        ("underfitting",),
        ("perceptron", "spiral"),
        _both(_set(steps=1200, optimizer=lambda: cl.Adam(0.02)), _parts(units=1, deep=1)),
    ),
    "leakage": Fault(("leakage",), _THREE, _leak),
    "same rows": Fault(("same_rows",), _FOUR, _seen),
    "validation unprepared": Fault(("validation_shift",), _FOUR, _held(lambda x: 100 * x)),
    "validation moved": Fault(("validation_shift",), _THREE, _held(lambda x: x + np.float32(3))),
    "validation targets shifted": Fault(("validation_labels",), (*_FOUR, "spiral"), _held_targets_shifted),
    "NaN in inputs": Fault(("not_finite",), _FOUR, _inputs(_missing, held=False)),
    "NaN in targets": Fault(("not_finite",), ("regression",), _targets(_missing, held=False)),
    "NaN in weights": Fault(("not_finite",), _ALL, _set(midway=_poisoned)),
}


# Nothing wrong ---------------------------------------------------------------------------------------


def _cosine(setup: Setup) -> None:
    setup.optimizer = cl.Adam(cl.CosineDecay(0.01, 400))
    setup.steps = 400


def _weighted(setup: Setup) -> None:
    _imbalanced(setup)
    setup.options["class_weight"] = "balanced"


def _fine_tuned(setup: Setup) -> None:
    donor = setup.session().network
    names = list(donor.parameters)[:2]

    def take(network: Any) -> None:
        for name in names:
            network.parameters[name][...] = donor.parameters[name]

    setup.prepare, setup.options["frozen"] = take, [names[0].split("/")[0]]


def _hard(setup: Setup) -> None:
    """Rows that even a perfect network would not get right: noise in what is seen, none in the labels."""
    random = np.random.default_rng(8)
    setup.x = (setup.x + 0.3 * random.normal(size=setup.x.shape)).astype(np.float32)
    held = (setup.held[0] + 0.3 * random.normal(size=setup.held[0].shape)).astype(np.float32)
    setup.held, setup.options["penalties"] = (held, setup.held[1]), {"*/kernel": cl.L2(1e-3)}


HEALTHY: dict[str, Fault] = {
    "as it is": Fault((), (*_ALL, "spiral"), lambda setup: None),
    "early": Fault((), _ALL, _set(steps=12)),
    "converged": Fault((), _ALL, lambda s: _set(steps=4 * s.steps)(s)),
    "small batch": Fault((), _THREE, _set(batch_size=4)),
    "no validation": Fault((), _ALL, lambda s: s.options.update(validation=None)),
    "SGD with momentum": Fault((), _FOUR, _set(optimizer=lambda: cl.SGD(0.05, momentum=0.9))),
    "RMSprop": Fault((), _FOUR, _set(optimizer=lambda: cl.RMSprop(0.002))),
    "Lion": Fault((), _TWO, _set(optimizer=lambda: cl.Lion(0.0005))),
    "AdamW": Fault((), _FOUR, _set(optimizer=lambda: cl.AdamW(0.003, weight_decay=0.05))),
    "clipped": Fault((), _FOUR, _set(optimizer=lambda: cl.Adam(0.003, clip_norm=1.0))),
    "cosine at its end": Fault((), _ALL, _cosine),
    "dropout of a half": Fault((), _THREE, _both(_parts(between=(cl.Dropout(0.5),)), _set(steps=400))),
    "batch normalization": Fault((), _DEEP, _parts(between=(cl.BatchNormalization(momentum=0.9),))),
    "tanh": Fault((), ("perceptron", "convolutional", "autoencoder"), _parts(activation="tanh")),
    "weighted": Fault((), _TWO, _weighted),
    "fine-tuned": Fault((), _CLASSES, _fine_tuned),
    "hard": Fault((), _TWO, _hard),
    "wide": Fault((), ("perceptron", "regression"), _parts(units=256)),
    "deep": Fault((), _TWO, _parts(deep=4)),
    "penalty of the usual size": Fault((), _FOUR, _options(penalties={"*/kernel": cl.L2(1e-4)})),
}

TWO: tuple[tuple[str, str], ...] = (
    ("input unscaled", "labels shuffled"),
    ("input unscaled", "label noise"),
    ("rate far too high", "labels shuffled"),
    ("dropout", "label noise"),
    ("leakage", "rate too low"),
    ("weights far too small", "same rows"),
    ("columns constant", "rate too high"),
    ("validation moved", "rate too high"),
    ("softmax twice", "rate too low"),
    ("frozen", "validation unprepared"),
    ("dead from the start", "label noise"),
    ("imbalance", "rate too high"),
)


@dataclass(frozen=True)
class Planted:
    """One training of the matrix: its faults, each with the kinds that name it; none if it is healthy."""

    base: str
    names: tuple[str, ...]
    kinds: tuple[tuple[str, ...], ...]
    seed: int = 0

    def __str__(self) -> str:
        return f"{' and '.join(self.names)}, {self.base}, seed {self.seed}"

    def setup(self) -> Setup:
        setup = BASES[self.base](self.seed)
        for name in self.names:
            (FAULTS | HEALTHY)[name].plant(setup)
        return setup


def faulty(seeds: int = 2) -> Iterator[Planted]:
    """Every fault alone on every base that it makes sense on."""
    for name, fault in FAULTS.items():
        for base in fault.bases:
            for seed in range(seeds):
                yield Planted(base, (name,), (fault.kinds,), seed)


def healthy(seeds: int = 2) -> Iterator[Planted]:
    for name, fault in HEALTHY.items():
        for base in fault.bases:
            for seed in range(seeds):
                yield Planted(base, (name,), (), seed)


def doubly_faulty() -> Iterator[Planted]:
    for pair in TWO:
        for base in _TWO:
            yield Planted(base, pair, tuple(FAULTS[name].kinds for name in pair))
