"""Labels that are wrong here and there, by models that know nothing of the network."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from cortex_lab.compute import one_blas_thread
from cortex_lab.nn.diagnosis.data import labels_of
from cortex_lab.nn.diagnosis.finding import Finding, listed
from cortex_lab.nn.diagnosis.simple import (
    agreement,
    best_model,
    distances,
    elsewhere,
    features,
    features_of_both,
    nearest_rows,
    simple,
)
from cortex_lab.nn.diagnosis.study import Study

# Measured ranges: healthy | faulty.
FEWEST_ROWS, MOST_ROWS = 100, 700
NEIGHBORS, MANY_NEIGHBORS = 10, 20
MAJORITY = 0.8  # share of one class, beside which the others look like mistakes
AGREED = 0.7  # share of neighbors that makes a row's label expected
AGAINST = 0.08  # share of such rows with another label: 0.007 to 0.034 | 0.15 and more
INSIDE = 0.12  # the same among the third of rows whose neighbors agree most: 0 to 0.11 | 0.15 to 0.26
CLEAR = 0.76  # how far those agree; less is said by what tells too little: 0.5 to 0.75 | 0.8 and more
SKILL = 0.45  # of the neighbors, from chance to perfect, below which they are no judge of labels
# Of the third of rows of which a smooth model is surest, those with another label.
SIGNAL = 3.0  # standard errors above chance, below which there is none
MISTAKEN, HALF = 0.13, 0.48  # 0 to 0.12 | 0.16 to 0.42; beyond, the model is no judge
WEAK = 0.48  # of these rows, from chance to perfect, below which inputs may just be weak: -0.2 to 0.48 | 0.8
# Where classes overlap mistakes become fewer away from the boundary, and wrong labels are anywhere: how sure
# it is that they become fewer among the surest half, two thirds, and all, in standard errors.
IN_HALF, IN_MOST, IN_ALL = 1.8, 2.0, 2.0  # 1.5 to 4, 2 to 5, 2 to 10 | -4 to 1.5, -3 to 1.8, -3 to 2
# Among two thirds and all together, beyond which neighbors are misled: 5 to 13 | -3 to 5. Few rows say less.
LEVEL, LEVEL_PER_ROW = 4.8, 0.018
# Of two classes a gentle slope from one to the other looks like wrong labels: so a model is asked for that
# knows more, in standard errors above chance, and mistakes that do not become more at all.
OF_TWO_SURE, OF_TWO_LEVEL = 7.0, 1.0  # among two thirds and all together: 1 to 13 | -5 to 1
SURE = 4.5  # standard errors above chance
AHEAD = 0.1  # accuracy on validation rows by which a network is ahead of simple models that are no judge
WIDTHS, STRENGTHS = (0.03, 0.2, 1.0), (0.003, 0.03, 0.3, 3.0, 30.0)


@dataclass(frozen=True)
class Mistakes:
    """Rows in the `order` in which a model of all other rows is sure of them, and which are `mistaken`."""

    order: np.ndarray
    mistaken: np.ndarray
    z: float
    classes: int

    @property
    def share(self) -> float:
        return float(self.mistaken[: len(self.order) // 3].mean())

    def rises(self, part: float) -> float:
        """How sure it is that mistakes become more along the surest `part`, in standard errors."""
        other = self.mistaken[: int(part * len(self.mistaken))].astype(float)
        if np.ptp(other) == 0:
            return 0.0
        return float(np.corrcoef(np.arange(len(other)), other)[0, 1] * np.sqrt(len(other)))

    @property
    def rise(self) -> float:
        return self.rises(1) + self.rises(2 / 3)

    @property
    def is_level(self) -> bool:
        """Whether mistakes may be as many where the model is sure, so that neighbors can be believed."""
        return self.rise < min(LEVEL, LEVEL_PER_ROW * len(self.order))

    @property
    def is_wrong_anywhere(self) -> bool:
        """Whether there are many, and as many where the model is sure."""
        known = 1 - self.share * self.classes / (self.classes - 1)
        level = self.rises(1 / 2) < IN_HALF and self.rises(2 / 3) < IN_MOST
        if self.classes == 2:
            clear = self.z > OF_TWO_SURE and self.rise < OF_TWO_LEVEL
        else:
            clear = self.z > SURE and (known > WEAK or self.rises(1) < IN_ALL)
        return MISTAKEN < self.share < HALF and level and clear


def find(study: Study, name: str, labels: np.ndarray) -> Iterator[tuple[Finding, bool]]:
    """Wrong labels of output `name`, by neighbors and a smooth model."""
    x, y, ours = _rows(study, name, labels)
    known = np.flatnonzero(y >= 0)
    if len(known) < FEWEST_ROWS or np.bincount(y[known]).max() > MAJORITY * len(known):
        return
    x, y = x[known], y[known]
    # Of validation rows, which stand at the end, no numbers are given.
    rows = np.concatenate([study.rows.rows[:ours], np.full(len(known), -1)])[known]
    told = best_model(x, y) if len(study.rows) < FEWEST_ROWS else simple(study, name)
    if told is None or told.z < SIGNAL:
        return
    votes = np.eye(int(y.max()) + 1)[y[nearest_rows(x, MANY_NEIGHBORS)]]
    few, many = votes[:, :NEIGHBORS].mean(axis=1), votes.mean(axis=1)
    other = few.argmax(axis=1) != y
    agreed = few.max(axis=1) >= AGREED
    # Where classes overlap, neighbors far inside one still agree with each other and with the row.
    inside = many.max(axis=1) >= np.quantile(many.max(axis=1), 2 / 3)
    against, within = (float(other[part].mean()) if part.any() else 0.0 for part in (agreed, inside))
    odd = np.flatnonzero(other & agreed)
    odd = odd[np.argsort(-few[odd].max(axis=1), kind="stable")]
    clear = float(many.max(axis=1)[inside].mean()) > CLEAR
    telling = told.skill > SKILL and agreed.sum() >= FEWEST_ROWS // 2 and len(odd) > 0
    near = telling and against > AGAINST and within > INSIDE and clear
    smooth = None
    if within > INSIDE:
        # With many threads so small a thing takes several times as long.
        smooth = one_blas_thread.within(lambda: _smooth(x[:MOST_ROWS], y[:MOST_ROWS]))
        near = near and smooth.is_level
    said = f"{against:.0%}) have another label than {AGREED:.0%} and more of their nearest neighbors"
    if near:
        yield _wrong(rows[odd], int(agreed.sum()), said, against, AGAINST), True
    elif smooth is not None and smooth.is_wrong_anywhere and not _network_is_ahead(study, name):
        sure = smooth.order[: 2 * len(smooth.order) // 3]
        wrong = sure[smooth.mistaken[: len(sure)]]
        said = (
            f"{len(wrong) / len(sure):.0%}) have another label than a model of all other rows is sure of, "
            f"far from where classes meet ({smooth.share:.0%}) as near it"
        )
        yield _wrong(rows[wrong], len(sure), said, smooth.share, MISTAKEN), True
    elif telling:
        finding = _wrong(rows[odd], int(agreed.sum()), said, against, AGAINST)
        note = f"{finding.sentence.partition(';')[0]}."
        yield replace(finding, sentence=note, remedy="", edits=()), False


def _rows(study: Study, name: str, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
    """Features, labels, and how many of them are training rows: where those are few, validation rows help."""
    theirs = study.validation
    others = labels_of(study, name, theirs.targets[name]) if theirs else None
    if len(study.rows) >= FEWEST_ROWS or theirs is None or others is None:
        x = features(study)
        return x, labels[: len(x)], len(x)
    x, z = features_of_both(study, theirs)
    return np.concatenate([x, z]), np.concatenate([labels[: len(x)], others[: len(z)]]), len(x)


def _wrong(rows: np.ndarray, of: int, said: str, value: float, bound: float) -> Finding:
    count, rows = len(rows), rows[rows >= 0]
    return Finding(
        "label_noise", "data", value, bound,
        f"{count} of {of} rows ({said}: rows {listed(rows)}; their labels may be wrong.",
        rows=tuple(int(row) for row in rows),
        remedy="Look at them, and leave out the bad ones: "
        'session.edit("excluded_rows", session.diagnose().of("label_noise")[0].rows)',
        edits=(("excluded_rows", sorted(int(row) for row in rows)),),
    )  # fmt: skip


def _network_is_ahead(study: Study, name: str) -> bool:
    """Whether the network tells validation rows apart that simple models do not."""
    answered = elsewhere(study, name)
    if answered is None:
        return False
    target, guesses = answered
    y = study.validation_predictions[name][: len(target)]
    half = 0.0 if study.objective.losses[name].link == "sigmoid" else 0.5
    named = y.argmax(axis=-1) if y.shape[-1] > 1 else (y.reshape(-1) > half).astype(int)
    others = max(agreement(guess, target).score for guess in guesses)
    return agreement(named, target).score > others + AHEAD


def _smooth(x: np.ndarray, y: np.ndarray) -> Mistakes:
    """A kernel ridge regression on classes, each row left out in turn (Craven and Wahba, 1979)."""
    from scipy.linalg import eigh

    one_hot = np.eye(int(y.max()) + 1)[y]
    target = one_hot - one_hot.mean(axis=0)
    apart = distances(x, x)
    usual = np.median(apart[np.triu_indices(len(x), 1)]) + 1e-12
    best, least = target, np.inf
    for width in WIDTHS:
        values, vectors = eigh(np.exp(-apart / (2 * width * usual)))
        across = vectors.T @ target
        for strength in STRENGTHS:
            kept = np.maximum(values, 0) / (np.maximum(values, 0) + strength)
            own = ((vectors**2) @ kept)[:, None]
            left_out = (vectors @ (kept[:, None] * across) - own * target) / (1 - own)
            error = float(np.mean((left_out - target) ** 2))
            if error < least:
                best, least = left_out, error
    best += one_hot.mean(axis=0)
    score, label = np.sort(best, axis=1), best.argmax(axis=1)
    order = np.argsort(score[:, -2] - score[:, -1], kind="stable")
    return Mistakes(order, (label != y)[order], agreement(label, y).z, len(np.unique(y)))
