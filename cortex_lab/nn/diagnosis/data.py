"""Inputs and targets: scale, constants, outliers, balance, order, and what gives the answer away."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from cortex_lab.nn.diagnosis.finding import Finding, listed
from cortex_lab.nn.diagnosis.passes import before_the_scale
from cortex_lab.nn.diagnosis.sample import FAR_OUT, FEW, Sample
from cortex_lab.nn.diagnosis.study import Study

# Measured ranges: healthy | faulty.
LARGEST_RMS = 20.0  # of a column of the inputs, or of the targets: 0 to 8 | 100 and more
SMALLEST_RMS = 1e-3  # of all inputs, or the spread of the targets: 0.05 and more | 1e-4
CONSTANT = 0.5  # share of the columns that never change: 0 to 0.2 | 0.8 and more
MAJORITY = 0.95  # share of one class without weights: 0.1 to 0.8 | 0.95 and more
SOME_MAJORITY, RECALL = 0.88, 0.5  # and where the others are hardly ever recognized
SORTED = 0.6  # spread of labels within batches over that of random ones: 0.97 to 1.02 | 0 to 0.4
_SCALING = ("BatchNormalization", "GroupNormalization", "LayerNormalization", "RMSNormalization")


def find(study: Study) -> Iterator[tuple[Finding, bool]]:
    if not len(study.rows) or study.rows.bad:
        return
    if study.rows.outliers:
        yield outliers(study, study.rows, "data"), True
    for name, values in study.rows.inputs.items():
        readers = [study.network.graph.nodes[reader].layer for reader in study.network.graph.consumers[name]]
        if values.dtype.kind == "f" and not all(
            type(reader).__name__ in _SCALING or getattr(reader, "reads_raw", False) for reader in readers
        ):
            yield from ((finding, True) for finding in _input(name, values))
    for name, target in study.rows.targets.items():
        loss = study.objective.losses[name]
        if loss.predicts == "values" and target.dtype.kind == "f" and not is_an_input(study, target):
            yield from ((finding, True) for finding in _values(study, name, target))
    yield from ((finding, True) for finding in _classes(study))


def columns_of(values: np.ndarray) -> np.ndarray:
    """Rows of numbers as they are; of pictures and sequences every place, by channel."""
    return values if values.ndim == 2 else values.reshape(-1, values.shape[-1] if values.ndim > 2 else 1)


def is_an_input(study: Study, target: np.ndarray) -> bool:
    """Whether the targets are an input again, as those of an autoencoder, whatever was added to it."""
    return any(values.size == target.size and values.shape[1:] == target.shape[1:] and target[0].size > 1
               for values in study.rows.inputs.values())  # fmt: skip


def outliers(study: Study, rows: Sample, where: str) -> Finding:
    """The rows with a cell far out of all others in its column; `where` they are, data or validation."""
    row, (name, place, value, times) = max(rows.outliers.items(), key=lambda each: each[1][3])
    found, count = sorted(rows.outliers), len(rows.outliers)
    which = f"column {place[0]}" if len(place) == 1 else f"the place {list(place)}"
    trained = where == "data"
    said = "data" if trained else "validation"
    again = f"session.rewind(step={study.case.origin}); " if study.steps else ""
    remedy = (
        f'{again}session.edit("excluded_rows", {found})'
        if trained
        else f"x_validation = np.delete(x_validation, {found}, axis=0), and its targets likewise."
    )
    return Finding(
        "input_outlier", name if trained else where, times, FAR_OUT,
        f"{count} of {len(rows) + count} {said} rows {'lies' if count == 1 else 'lie'} far out: row {row} "
        f"has {value:.4g} in {which} of the input {name!r}, {times:.3g} times as far from the median as is "
        "usual there; what it says drowns all else.",
        units=place if len(place) == 1 else (), rows=tuple(found),
        remedy=f"Look at it, and leave it out: {remedy}",
        edits=(("excluded_rows", found),) if trained else (),
    )  # fmt: skip


def _input(name: str, values: np.ndarray) -> Iterator[Finding]:
    x = columns_of(values).astype(np.float64)
    sizes, largest = np.sqrt(np.mean(x**2, axis=0)), float(np.abs(x).max())
    wide = np.flatnonzero(sizes > LARGEST_RMS)
    if len(wide):
        low, high, spread = float(x.min()), float(x.max()), float(x.std())
        some = len(wide) < x.shape[1]
        which = f"column {listed(wide)} of the input {name!r}" if some else f"the input {name!r}"
        yield Finding(
            "input_scale", name, largest, LARGEST_RMS,
            f"{which[0].upper()}{which[1:]} was never scaled: it goes from {low:.4g} to {high:.4g} with a "
            f"standard deviation of {spread:.3g}, where about 1 is right.",
            units=tuple(wide.tolist()) if some else (),
            remedy="Scale it before training: x = (x - x.mean(axis=0)) / (x.std(axis=0) + 1e-6)"
            if some or low < 0 else f"Scale it before training: x = x / {largest:.6g}",
        )  # fmt: skip
    elif 0 < sizes.max() < SMALLEST_RMS:
        yield Finding(
            "input_scale", name, float(sizes.max()), SMALLEST_RMS,
            f"The input {name!r} was never scaled: its largest number is {largest:.3g}, so nothing of it "
            "reaches "
            "the layers.",
            remedy=f"Scale it before training: x = x / {largest:.3g}",
        )  # fmt: skip
    flat = values.reshape(len(values), -1)
    constant = np.flatnonzero(np.ptp(flat, axis=0) <= 1e-6 * np.abs(flat).max(axis=0))
    if len(values) > 1 and len(constant) > CONSTANT * flat.shape[1]:
        yield Finding(
            "constant_columns", name, len(constant) / flat.shape[1], CONSTANT,
            f"{len(constant)} of {flat.shape[1]} columns of the input {name!r} are constant: "
            f"{listed(constant)} "
            f"never change in {len(values)} rows, and say nothing.",
            units=tuple(constant.tolist()),
            remedy="See where the values were lost; leave out what is really constant: "
            "x = x[:, x.std(axis=0) > 0]",
        )  # fmt: skip


def _values(study: Study, name: str, sampled: np.ndarray) -> Iterator[Finding]:
    whole = study.rows.all_targets[name]
    y = whole.reshape(len(whole), -1).astype(np.float64)
    middle = np.median(y, axis=0)
    distance = np.abs(y - middle)
    usual = np.maximum(1.4826 * np.median(distance, axis=0), np.quantile(distance, 0.9, axis=0) / 3)
    # Where most targets are one number there is no usual distance.
    far = np.where(usual > 0, distance / np.where(usual > 0, usual, 1), 0).max(axis=1)
    out = np.flatnonzero(far > FAR_OUT)
    if 0 < len(out) <= max(FEW * len(y), 1) and len(y) >= 20:
        rows = study.rows.all_rows[out]
        worst = int(np.argmax(far))
        yield Finding(
            "target_outlier", name, float(far.max()), FAR_OUT,
            f"{len(out)} of {len(y)} targets of {name!r} lie far out: row "
            f"{int(study.rows.all_rows[worst])} has "
            f"{y[worst].flat[int(np.argmax(distance[worst]))]:.4g}, {far.max():.0f} times as far from the "
            "median "
            "as is usual; a squared loss sees hardly anything else.",
            rows=tuple(int(row) for row in rows),
            remedy=f'Look at it, and leave it out: session.edit("excluded_rows", {sorted(map(int, rows))})',
            edits=(("excluded_rows", sorted(map(int, rows))),),
        )  # fmt: skip
        y = np.delete(y, out, axis=0)
    if not len(y):
        return
    y = before_the_scale(study.network.graph, name, y)
    size, spread = float(np.sqrt(np.mean(y**2, axis=0)).max()), float(y.std(axis=0).max())
    away = float((np.abs(y.mean(axis=0)) / np.maximum(y.std(axis=0), 1e-30)).max()) if spread > 0 else 0.0
    if spread == 0 and len(y) > 1:
        yield Finding(
            "constant_target", name, 0, 0,
            f"Every target of {name!r} is {float(y.flat[0]):.4g}: there is nothing to learn.",
            remedy="See which column is the target.",
        )  # fmt: skip
    elif size > LARGEST_RMS or away > LARGEST_RMS or spread < SMALLEST_RMS:
        yield Finding(
            "target_scale", name, max(size, away) if spread >= SMALLEST_RMS else spread,
            LARGEST_RMS if spread >= SMALLEST_RMS else SMALLEST_RMS,
            f"The targets of {name!r} were never scaled: mean {y.mean():.4g}, standard deviation "
            f"{spread:.3g}, "
            "where 0 and 1 are what a fresh network can reach.",
            remedy="Scale them before training, and what is predicted back: y = (y - y.mean()) / y.std()",
        )  # fmt: skip


def labels_of(study: Study, name: str, target: np.ndarray) -> np.ndarray | None:
    """One class for each row, negative where it is unknown; None if targets are nothing of the kind."""
    loss = study.objective.losses[name]
    if loss.of_classes:
        return target if target.ndim == 1 else None
    if loss.predicts == "classes" and target.ndim == 2:
        return target.argmax(axis=1)
    if loss.predicts == "yes or no" and target[0].size == 1 and np.isin(target, (0, 1)).all():
        return target.reshape(-1).astype(int)
    return None


def class_ids(target: np.ndarray) -> int:
    """How many classes targets of a loss of values look like, 0 if they do not: whole numbers from 0 on."""
    if target.dtype.kind != "f" or target[0].size != 1 or len(target) < 20:
        return 0
    values, counts = np.unique(target, return_counts=True)
    whole = len(values) <= 100 and np.array_equal(values, np.arange(len(values)))
    return len(values) if whole and len(values) > 1 and np.median(counts) >= 3 else 0


def _classes(study: Study) -> Iterator[Finding]:
    for name, target in study.rows.targets.items():
        labels = labels_of(study, name, target)
        if labels is None:
            continue
        whole = labels_of(study, name, study.rows.all_targets[name])
        known = whole[whole >= 0] if whole is not None else labels[labels >= 0]
        if len(known) < 20:
            continue
        counts = np.bincount(known)
        share, most = float(counts.max() / len(known)), int(counts.argmax())
        if share == 1:
            yield Finding(
                "constant_target", name, 1, MAJORITY, f"Every known label of {name!r} is class {most}.",
                remedy="See which column is the target.",
            )  # fmt: skip
            continue
        recall = _recall(study, name, labels, most) if share >= SOME_MAJORITY and study.sound else 1.0
        if not study.rows.weighted and (share >= MAJORITY or recall < RECALL):
            yield Finding(
                "class_imbalance", name, share, MAJORITY,
                f"{share:.1%} of the labels are class {most}: always answering {most} has that accuracy, "
                "and of the "
                f"other rows {recall:.0%} are recognized.",
                remedy='Weigh the classes: train(..., class_weight="balanced"), with metrics=["f1_macro"]',
                options={"class_weight": "balanced", "metrics": ["f1_macro"]},
            )  # fmt: skip
        yield from _sorted(study, name, labels)


def _recall(study: Study, name: str, labels: np.ndarray, most: int) -> float:
    """The share of the rows of all other classes that the network gets right."""
    rare = (labels >= 0) & (labels != most)
    y = study.predictions[name]
    named = y.argmax(axis=-1) if y.shape[-1] > 1 else (y.reshape(-1) > _half(study, name)).astype(int)
    return float((named[rare] == labels[rare]).mean()) if rare.any() else 1.0


def _half(study: Study, name: str) -> float:
    return 0.0 if study.objective.losses[name].link == "sigmoid" else 0.5


def _sorted(study: Study, name: str, labels: np.ndarray) -> Iterator[Finding]:
    batch, size = study.rows.batch, study.now.batches.batch_size
    if size < 8 or len(np.unique(batch)) < 3:
        return
    shuffled = np.random.Generator(np.random.Philox(key=0)).permutation(labels)
    within, usual = (
        np.mean([_spread(values[batch == number]) for number in np.unique(batch)])
        for values in (labels, shuffled)
    )
    if usual > 0.2 and within < SORTED * usual:
        yield Finding(
            "sorted_data", "data", float(within / usual), SORTED,
            f"The rows are sorted: a batch holds {np.exp(within):.1f} classes where a random one holds "
            f"{np.exp(usual):.1f}, so each batch undoes what the last one taught.",
            remedy="Shuffle them: Batches(..., shuffle=True), or rows = rng.permutation(len(x)) beforehand.",
        )  # fmt: skip


def _spread(labels: np.ndarray) -> float:
    shares = np.unique(labels, return_counts=True)[1] / len(labels)
    return float(-(shares * np.log(shares)).sum())
