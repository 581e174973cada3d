"""scikit-learn's estimators: what ours cost over a training, and beside scikit-learn's own network."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np
from optuna.samplers import RandomSampler
from sklearn.datasets import load_digits, make_classification
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import cross_val_score
from sklearn.neural_network import MLPClassifier

import cortex_lab as cl
from benchmarks.harness import Row, alternate
from cortex_lab.search import Search

OPTIONS = {"only": "", "rounds": 9, "rows": 100_000, "seeds": 5}
PACKAGES = ("scikit-learn", "optuna")

# What they begin with as well: by default our layer before a relu begins as He et al. have it.
LAYERS = (cl.Dense(64, activation="relu", kernel_initializer="glorot_uniform"),)
BATCH, RATE = 200, 1e-3


def run(options: Any) -> Iterable[Row]:
    """Every part by default; `--set only=digits` picks one."""
    X, y = load_digits(return_X_y=True)
    parts = {"digits": (X / 16, y, 20), "table": (*_table(options.rows), 3)}
    for name, (X, y, epochs) in parts.items():
        if options.only in ("", name):
            yield from _fits(name, X.astype(np.float32), y, epochs, options)
    if options.only in ("", "search"):
        yield from _search(options)


def _search(options: Any) -> Iterable[Row]:
    """20 trials of one search, pruned and not."""
    X, y = load_digits(return_X_y=True)
    X = (X / 16).astype(np.float32)

    def make(trial: Any) -> cl.TrainingSession:
        units = trial.suggest_int("units", 8, 256, log=True)
        rate = trial.suggest_float("rate", 1e-5, 1e-1, log=True)
        net = cl.Network([cl.Dense(units, activation="relu"), cl.Dense(10)], input_shape=64)
        return cl.train(net, (X, y), optimizer=cl.Adam(rate), batch_size=32, validation=0.2)

    def trials(prune: bool) -> None:
        # The same 20, whichever is pruned.
        sampler = RandomSampler(seed=0)
        found.append(Search(make, epochs=30, prune=prune, sampler=sampler).run(20).best.value)

    found: list[float] = []
    what = "20 trials on digits, 30 epochs each, pruned by the median"
    yield alternate(lambda: trials(True), lambda: trials(False), min(3, options.rounds)).row(
        what, "the same without pruning", bar=0.5
    )
    yield Row(
        what=f"best validation loss, {what}", value=min(found[::2]), unit=f"(unpruned {min(found[1::2]):.4f})"
    )


def _table(rows: int) -> tuple[np.ndarray, np.ndarray]:
    return make_classification(rows, 50, n_informative=20, n_classes=4, random_state=0)


def _fits(name: str, X: np.ndarray, y: np.ndarray, epochs: int, options: Any) -> Iterable[Row]:
    what = f"{name}: {epochs} epochs of {len(X):,} x {X.shape[1]}, 64 units, batches of {BATCH}"
    yield alternate(lambda: _ours(epochs).fit(X, y), lambda: _trained(X, y, epochs), options.rounds).row(
        f"fit, {what}", "the same cl.train(...).run", bar=1.05
    )
    yield alternate(lambda: _ours(epochs).fit(X, y), lambda: _theirs(epochs).fit(X, y), options.rounds).row(
        f"fit, {what}", "MLPClassifier", bar=0.5
    )
    ours, theirs = (
        np.array([_score(make(epochs, seed), X, y) for seed in range(options.seeds)])
        for make in (_ours, _theirs)
    )
    error = np.hypot(ours.std(ddof=1), theirs.std(ddof=1)) / np.sqrt(options.seeds)
    yield Row(
        what=f"mean score of {options.seeds} seeds below MLPClassifier's, {what}",
        value=float(theirs.mean() - ours.mean()),
        unit=f"(ours {ours.mean():.4f}, theirs {theirs.mean():.4f})",
        bar=float(error),
    )


def _ours(epochs: int, seed: int = 0) -> cl.NetworkClassifier:
    return cl.NetworkClassifier(
        LAYERS, optimizer=cl.Adam(RATE), epochs=epochs, batch_size=BATCH, random_state=seed
    )


def _theirs(epochs: int, seed: int = 0) -> MLPClassifier:
    # As many epochs as ours, whether or not it thinks that it is done.
    return MLPClassifier(
        (64,), learning_rate_init=RATE, max_iter=epochs, batch_size=BATCH, random_state=seed, alpha=0,
        n_iter_no_change=epochs,
    )  # fmt: skip


def _trained(X: np.ndarray, y: np.ndarray, epochs: int) -> None:
    net = cl.Network([*LAYERS, cl.Dense(int(y.max()) + 1)], input_shape=X.shape[1:])
    session = cl.train(net, (X, y), optimizer=cl.Adam(RATE), batch_size=BATCH)
    session.run(cl.epochs(epochs), progress=False)


def _score(estimator: Any, X: np.ndarray, y: np.ndarray) -> float:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return float(cross_val_score(estimator, X, y, cv=3).mean())
