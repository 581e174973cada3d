"""Simple models, which know nothing of the network: nearest neighbors and a linear one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cortex_lab.nn.diagnosis.data import is_an_input, labels_of
from cortex_lab.nn.diagnosis.sample import Sample
from cortex_lab.nn.diagnosis.study import Study

MOST_ROWS, MOST_COLUMNS = 1200, 2048
FEW, MANY = 5, 20  # neighbors


@dataclass(frozen=True)
class Simple:
    """How well simple models do: `z` standard errors above chance, `score` a share or squared correlation."""

    z: float
    score: float
    chance: float
    skill: float


def simple(study: Study, name: str) -> Simple | None:
    """How well neighbors and a linear model answer for output `name`; None where they cannot be asked."""
    target = study.rows.targets[name]
    if is_an_input(study, target) or study.objective.losses[name].predicts == "features":
        return None
    return study.once(f"simple models of {name}", lambda: _simple(study, name))


def _simple(study: Study, name: str) -> Simple | None:
    y = answers(study, name, study.rows)
    return None if y is None else best_model(features(study), y[: len(features(study))])


def elsewhere(study: Study, name: str) -> tuple[np.ndarray, list[np.ndarray]] | None:
    """What the validation rows have for output `name`, and what models of the training rows say of them."""
    theirs = study.validation
    y, z = (answers(study, name, rows) if rows else None for rows in (study.rows, theirs))
    if y is None or z is None or theirs is None or y.shape[1:] != z.shape[1:]:
        return None
    x, at = features_of_both(study, theirs)
    y, z = y[: len(x)], z[: len(at)]
    known = y >= 0 if y.ndim == 1 else np.isfinite(y).all(axis=1)
    x, y = x[known], y[known]
    labels = y.ndim == 1
    values = np.eye(int(y.max()) + 1)[y.astype(int)] if labels else y
    nearest = np.argsort(distances(at, x), axis=1, kind="stable")[:, :5]
    mean = values.mean(axis=0)
    guesses = [values[nearest].mean(axis=1), at @ _linear(x, values - mean) + mean]
    return z, [guess.argmax(axis=1) for guess in guesses] if labels else guesses


def features_of_both(study: Study, theirs: Sample) -> tuple[np.ndarray, np.ndarray]:
    """Training rows and others as rows of numbers of about one size."""
    both = {key: np.concatenate([ours[:MOST_ROWS], theirs.inputs[key][:MOST_ROWS]])
            for key, ours in study.rows.inputs.items()}  # fmt: skip
    found, count = _features(study, both), len(study.rows.rows[:MOST_ROWS])
    return found[:count], found[count:]


def agreement(guess: np.ndarray, y: np.ndarray) -> Simple:
    """How well guesses, labels or values, agree with what is known."""
    known = y >= 0 if y.ndim == 1 else np.isfinite(y).all(axis=1)
    return (_of_labels if y.ndim == 1 else _of_values)(guess[known], y[known])


def answers(study: Study, name: str, rows: Sample) -> np.ndarray | None:
    """Labels (rows,) or values (rows, columns), None for sequences of labels."""
    target = rows.targets[name]
    labels = labels_of(study, name, target)
    if labels is not None:
        return np.where(labels < 0, -1, labels)
    return target.reshape(len(target), -1)[:, :16].astype(np.float64) if target.dtype.kind == "f" else None


def features(study: Study) -> np.ndarray:
    """Inputs as rows of numbers of about one size; ids are counted."""
    return study.once(
        "features",
        lambda: _features(study, {name: x[:MOST_ROWS] for name, x in study.rows.inputs.items()}),
    )


def _features(study: Study, inputs: dict[str, np.ndarray]) -> np.ndarray:
    found = []
    for name, x in inputs.items():
        readers = [study.network.graph.nodes[reader].layer for reader in study.network.graph.consumers[name]]
        ids = any(layer.input_dtype == "int32" for layer in readers)
        if ids and x.size and x.min() >= 0 and x.max() < MOST_COLUMNS:
            flat = x.reshape(len(x), -1).astype(int)
            counts = np.zeros((len(x), int(flat.max()) + 1))
            np.add.at(counts, (np.arange(len(x))[:, None], flat), 1)
            x = counts
        if x.ndim > 2:
            # Of channels of their own units each counts alike.
            scale = x.std(axis=tuple(range(x.ndim - 1)), dtype=np.float64)
            x = x / np.where(scale > 1e-12, scale, 1)
        found.append(spread_out(x.reshape(len(x), -1).astype(np.float64), alike=x.ndim > 2))
    return np.concatenate(found, axis=1)


def spread_out(x: np.ndarray, alike: bool = False) -> np.ndarray:
    """Columns of mean 0 and standard deviation 1, or `alike`, scaled by one number; far values drawn in."""
    if x.shape[1] > MOST_COLUMNS:
        x = x[:, np.linspace(0, x.shape[1] - 1, MOST_COLUMNS).astype(int)]
    x = x - x.mean(axis=0)
    scale = x.std() if alike else x.std(axis=0)
    return np.clip(x / np.where(scale > 1e-12, scale, 1), -10, 10)


def distances(x: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Squared distances between the rows of two arrays."""
    return np.maximum((x**2).sum(axis=1)[:, None] + (z**2).sum(axis=1) - 2 * x @ z.T, 0)


def nearest_rows(x: np.ndarray, count: int) -> np.ndarray:
    apart = distances(x, x)
    np.fill_diagonal(apart, np.inf)
    return np.argsort(apart, axis=1, kind="stable")[:, :count]


def best_model(x: np.ndarray, y: np.ndarray) -> Simple | None:
    known = y >= 0 if y.ndim == 1 else np.isfinite(y).all(axis=1)
    x, y = x[known], y[known]
    if len(x) < 20:
        return None
    if y.ndim == 1:
        one_hot = np.eye(int(y.max()) + 1)[y.astype(int)]
        nearest = nearest_rows(x, MANY if len(x) > 5 * MANY else FEW)
        # Many neighbors see through labels that are often wrong.
        guesses = [one_hot[nearest[:, :few]].mean(axis=1).argmax(axis=1) for few in (FEW, MANY)]
        guesses.append(_ridge(x, one_hot).argmax(axis=1))
        return max((_of_labels(guess, y) for guess in guesses), key=lambda told: told.z)
    guesses = [y[nearest_rows(x, 5)].mean(axis=1), _ridge(x, y)]
    return max((_of_values(guess, y) for guess in guesses), key=lambda told: told.z)


def _of_labels(guess: np.ndarray, y: np.ndarray) -> Simple:
    count = len(y)
    classes = int(max(y.max(), guess.max())) + 1
    shares, guessed = (np.bincount(each.astype(int), minlength=classes) / count for each in (y, guess))
    chance = float(shares @ guessed)
    score = float((guess == y).mean())
    error = np.sqrt(max(chance * (1 - chance), 1e-6) / count)
    return Simple((score - chance) / error, score, chance, (score - chance) / max(1 - chance, 1e-6))


def _of_values(guess: np.ndarray, y: np.ndarray) -> Simple:
    best = 0.0
    z = -np.inf
    for column in range(y.shape[1]):
        if guess[:, column].std() > 0 and y[:, column].std() > 0:
            r = float(np.corrcoef(guess[:, column], y[:, column])[0, 1])
            z, best = max(z, r * np.sqrt(len(y))), max(best, r)
    return Simple(z, best**2, 0.0, best**2)


def _ridge(x: np.ndarray, y: np.ndarray, folds: int = 5) -> np.ndarray:
    """What a linear model, fitted to the other rows, says of each."""
    found = np.zeros(y.shape)
    fold = np.random.Generator(np.random.Philox(key=1)).permutation(len(x)) % folds
    for held in range(folds):
        rest, mean = fold != held, y[fold != held].mean(axis=0)
        a, b = x[rest], y[rest] - mean
        found[~rest] = x[~rest] @ _linear(a, b) + mean
    return found


def _linear(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    strength = 0.1 * len(a)
    if a.shape[1] <= len(a):
        return np.linalg.solve(a.T @ a + strength * np.eye(a.shape[1]), a.T @ b)
    return a.T @ np.linalg.solve(a @ a.T + strength * np.eye(len(a)), b)
