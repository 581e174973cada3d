"""Validation rows beside training rows: the same ones, or others altogether."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from cortex_lab.nn.diagnosis.data import columns_of, labels_of, outliers
from cortex_lab.nn.diagnosis.finding import Finding, listed
from cortex_lab.nn.diagnosis.simple import agreement, distances, elsewhere, simple, spread_out
from cortex_lab.nn.diagnosis.study import Study

# Measured ranges: healthy | faulty.
SAME_ROWS = 0.05  # share of validation rows that are trained on: 0 | 0.1 and more
# median over columns of the difference of means, in standard deviations: 0 to 0.41 | 1.8 and more
SHIFTED = 0.5
LOUDER = 3.0  # ratio of root mean squares: 1 to 1.2 | 14 and more
APART = 0.85  # share of rows whose nearest neighbor is of their own part: 0.45 to 0.6 | 0.95 and more
OTHER_CLASSES = 0.5  # half the sum of differences of the classes' shares: 0 to 0.2 | 0.8 and more
FEWEST = 30
# standard errors above chance of models of the training rows: 6 and more | -2 to 2
KNOWN, UNKNOWN = 6.0, 3.0
LARGEST_SHIFT = 3


def find(study: Study) -> Iterator[tuple[Finding, bool]]:
    ours, theirs = study.rows, study.validation
    if theirs is None or not len(theirs) or not len(ours) or ours.bad:
        return
    if theirs.bad:
        positions = sorted({row for _, row, _ in theirs.bad})
        yield Finding(
            "not_finite", "validation", len(positions), 0,
            f"The validation rows {listed(positions)} hold missing or infinite "
            "numbers.", rows=tuple(positions),
            remedy="Fill them, or leave them out.",
        ), True  # fmt: skip
        return
    if theirs.outliers:
        yield outliers(study, theirs, "validation"), True
    found = [*_same_rows(study), *_shift(study)]
    yield from ((finding, True) for finding in found or _other_labels(study))


def _same_rows(study: Study) -> Iterator[Finding]:
    ours, theirs = study.rows, study.validation
    assert theirs is not None
    # Rows of few possible values repeat themselves without anybody's fault.
    natural = 1 - len(ours.hashes) / len(ours.all_rows)
    found = [(row, ours.hashes[key]) for key, row in theirs.hashes.items() if key in ours.hashes]
    share = len(found) / max(len(theirs.hashes), 1)
    if share > SAME_ROWS + 2 * natural:
        yield Finding(
            "same_rows", "validation", share, SAME_ROWS,
            f"{share:.0%} of the validation rows are trained on as well, such as row {found[0][0]}, which "
            "is row "
            f"{found[0][1]} of the training data: validation says how well they were learned by heart.",
            rows=tuple(row for row, _ in found),
            remedy="Drop duplicates before splitting: frame.drop_duplicates(), data.split(validation=0.2)",
        )  # fmt: skip


def _shift(study: Study) -> Iterator[Finding]:
    ours, theirs = study.rows, study.validation
    assert theirs is not None
    if min(len(ours), len(theirs)) < FEWEST:
        return
    for name, values in ours.inputs.items():
        if values.dtype.kind != "f":
            continue
        said = _difference(values, theirs.inputs[name])
        if said is not None:
            measure, value, bound = said
            yield Finding(
                "validation_shift", name, value, bound,
                f"The validation rows come from another distribution than the training rows: {measure}.",
                remedy="Prepare both in the same way, and split rows at random: data.split(validation=0.2)",
            )  # fmt: skip
            return
    for name, target in ours.targets.items():
        labels, others = labels_of(study, name, target), labels_of(study, name, theirs.targets[name])
        if labels is None or others is None or not (labels >= 0).any() or not (others >= 0).any():
            continue
        most = max(labels.max(), others.max()) + 1
        shares = [
            np.bincount(each[each >= 0], minlength=most) / (each >= 0).sum() for each in (labels, others)
        ]
        apart = float(np.abs(shares[0] - shares[1]).sum() / 2)
        if apart > OTHER_CLASSES:
            worst = int(np.argmax(np.abs(shares[0] - shares[1])))
            yield Finding(
                "validation_shift", name, apart, OTHER_CLASSES,
                "The validation rows come from another distribution than the training rows: class "
                f"{worst} is "
                f"{shares[0][worst]:.0%} of the training rows and {shares[1][worst]:.0%} of the others.",
                remedy="Split rows at random, class by class: data.split(validation=0.2)",
            )  # fmt: skip
            return


def _other_labels(study: Study) -> Iterator[Finding]:
    """Validation targets that have nothing to do with their rows, where training targets have."""
    assert study.validation is not None
    if not study.sound or len(study.validation) < FEWEST:
        return
    for name in study.rows.targets:
        told, answered = simple(study, name), elsewhere(study, name)
        if told is None or answered is None:
            continue
        target, guesses = answered
        expected = told.z * np.sqrt(min(len(target) / len(study.rows), 1))
        score = max((agreement(guess, target) for guess in guesses), key=lambda each: each.z)
        if expected < KNOWN or score.z > UNKNOWN:
            continue
        moved = {by: max(agreement(guess, np.roll(target, -by, axis=0)).z for guess in guesses)
                 for by in range(-LARGEST_SHIFT, LARGEST_SHIFT + 1)}  # fmt: skip
        by = max(moved, key=lambda by: moved[by])
        shifted = moved[by] > KNOWN / 2 + UNKNOWN / 2
        way = "before" if by > 0 else "after"
        yield Finding(
            "validation_labels", name, score.z, UNKNOWN,
            f"The validation targets of {name!r} do not belong to their rows: models of the training rows, "
            f"which are {told.z:.0f} standard errors above chance there, are {score.z:.1f} here"
            + (f", and {moved[by]:.0f} of the rows {abs(by)} {way} them" if shifted else "") + ".",
            remedy=f"Move them back: y_validation = np.roll(y_validation, {-by}, axis=0), and drop the rows "
            "at the end." if shifted else "See whether rows and targets were shuffled apart, and whether "
            "classes have the same numbers in both parts.",
        )  # fmt: skip
        return


def _difference(ours: np.ndarray, theirs: np.ndarray) -> tuple[str, float, float] | None:
    x, z = (columns_of(part).astype(np.float64) for part in (ours, theirs))
    if ours.ndim > 2:
        x, z = (part.reshape(len(part), -1).astype(np.float64) for part in (ours, theirs))
    spread = np.maximum(x.std(axis=0), 0.1 * x.std() + 1e-12)
    moved = float(np.median(np.abs(x.mean(axis=0) - z.mean(axis=0)) / spread))
    if moved > SHIFTED:
        return f"their means differ by {moved:.2g} standard deviations in the median column", moved, SHIFTED
    sizes = [float(np.sqrt(np.mean(part**2))) for part in (x, z)]
    ratio = max(sizes) / max(min(sizes), 1e-12)
    if ratio > LOUDER:
        return f"their root mean square is {sizes[1]:.3g}, and {sizes[0]:.3g} in training", ratio, LOUDER
    count = min(len(x), len(z), 400)
    both = spread_out(np.concatenate([x[:count], z[:count]]))
    nearest = distances(both, both)
    np.fill_diagonal(nearest, np.inf)
    own = (nearest.argmin(axis=1) < count) == (np.arange(2 * count) < count)
    # The worse of the two parts: one that lies within the other still has neighbors of both.
    share = float(min(own[:count].mean(), own[count:].mean()))
    if share > APART:
        return f"the nearest neighbor of {share:.0%} of the rows is of their own part", share, APART
    return None
