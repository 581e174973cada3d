"""What came of it, where nothing else explains it: learned by heart, or not learned at all."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from cortex_lab.nn.diagnosis.data import is_an_input, labels_of
from cortex_lab.nn.diagnosis.finding import Finding
from cortex_lab.nn.diagnosis.simple import simple
from cortex_lab.nn.diagnosis.step_size import highest_rate
from cortex_lab.nn.diagnosis.study import Study, tail
from cortex_lab.nn.diagnosis.units import NARROW, bottlenecks, dead_share, saturated_share
from cortex_lab.nn.train.training import Training

# Measured ranges: healthy | faulty.
GAP = 0.12  # accuracy on training rows less that on validation rows: -0.05 to 0.06 | 0.15 and more
BY_CHANCE = 2.5  # standard errors of that difference, which is no proof below
ANYTHING = 0.8  # training loss over a constant answer's, above which nothing was learned, by heart or not
LEARNED, WORSE = 0.4, 3.0  # training loss over a constant answer's; validation loss over training loss
POOR = 0.3  # and validation loss over a constant answer's: 0 to 0.2 | 0.5 and more
BEHIND = 0.1  # score of simple models less the network's: -0.1 to 0.05 | 0.15 and more
GOOD = 0.5  # of simple models, below which they are no proof that more units would do
STOPPED = 0.95  # share of rows for which a unit says nothing: 0 to 0.9 | 1
FLAT = 0.97  # loss after 80 steps more over that before: 0.5 to 0.95 | 0.98 and more
# loss after 80 steps at another rate over that at the rate of now: 0.3 to 0.85 | 0.95 and more
ELSEWHERE = 0.9


def find(study: Study) -> Iterator[tuple[Finding, bool]]:
    if not study.sound:
        return
    over = _overfitting(study)
    if over is not None:
        yield over, True
        return
    under = _underfitting(study) or _too_narrow(study)
    if under is not None:
        yield under, True


def _overfitting(study: Study) -> Finding | None:
    theirs = study.validation
    if theirs is None or len(theirs) < 20:
        return None
    name = next(iter(study.rows.targets))
    scores = [_accuracy(study, name, each.targets[name], predicted[name]) for each, predicted in
              ((study.rows, study.predictions), (theirs, study.validation_predictions))]  # fmt: skip
    ours, others = study.loss_now, study.validation_loss
    if ours > ANYTHING * study.baseline:
        return None
    constant, counts = study.baseline_of(theirs), (len(study.rows), len(theirs))
    said = f"the loss is {ours:.3g} on training rows and {others:.3g} on validation rows"
    if scores[0] is not None and scores[1] is not None:
        gap = scores[0] - scores[1]
        by_chance = BY_CHANCE * np.sqrt(
            sum(p * (1 - p) / n for p, n in zip(scores, counts, strict=True) if p)
        )
        if gap <= max(GAP, by_chance) and not (gap > GAP / 2 and others > constant):
            return None
        said = f"the accuracy is {scores[0]:.0%} and {scores[1]:.0%}, and {said}"
        value, bound = float(gap), GAP
    elif not (ours < LEARNED * study.baseline and others > WORSE * ours and others > POOR * constant):
        return None
    else:
        value, bound = others / max(ours, 1e-30), WORSE
    best = (
        " Its best step is behind it: session.restore_best() goes back to its weights."
        if study.steps > 1
        else ""
    )
    return Finding(
        "overfitting", "validation", value, bound,
        f"The network overfits: {said}; it learned rows by heart.",
        remedy="Use more rows, augment=..., Dropout(0.3), weight decay, or fewer units." + best,
    )  # fmt: skip


def _accuracy(study: Study, name: str, target: np.ndarray, y: np.ndarray) -> float | None:
    labels = labels_of(study, name, target)
    if labels is None or not (labels >= 0).any():
        return None
    half = 0.0 if study.objective.losses[name].link == "sigmoid" else 0.5
    named = y.argmax(axis=-1) if y.shape[-1] > 1 else (y.reshape(-1) > half).astype(int)
    return float((named == labels)[labels >= 0].mean())


def _underfitting(study: Study) -> Finding | None:
    for name, target in study.rows.targets.items():
        told = simple(study, name)
        if told is None or is_an_input(study, target) or study.had is None or study.steps < 40:
            continue
        score = _accuracy(study, name, target, study.predictions[name])
        what = "accuracy"
        if score is None:
            y, t = (each.reshape(len(target), -1).astype(float) for each in (study.predictions[name], target))
            score, what = (
                float(1 - np.mean((y - t) ** 2) / max(np.mean((t - t.mean(axis=0)) ** 2), 1e-30)),
                "explained variance",
            )
        if told.score < GOOD or score > told.score - BEHIND:
            continue
        if study.later_loss < FLAT * study.loss_now or _goes_on(study):
            continue
        narrow = bottlenecks(study.network, name)
        which = (
            f", and {narrow[0]!r} lets no more than {study.network.graph.shape(narrow[0])[-1]} "
            f"number{'s' * (study.network.graph.shape(narrow[0])[-1] > 1)} through"
            if narrow
            else ""
        )
        return Finding(
            "underfitting", narrow[0] if narrow else name, score, told.score - BEHIND,
            f"The network underfits: its {what} on training rows stays at {score:.2f}, and simple models "
            "come to "
            f"{told.score:.2f}; it is too small{which}.",
            remedy="Give it more units or a hidden layer more.",
        )  # fmt: skip
    return None


def _too_narrow(study: Study) -> Finding | None:
    """A layer of a unit or two behind which nothing is learned: one that stops stops all."""
    if study.learned or study.steps < 40:
        return None
    for name in study.network.graph.outputs:
        for narrow in bottlenecks(study.network, name):
            shares = (of(study.network, study.outputs_now, narrow) for of in (dead_share, saturated_share))
            stopped = any(share is not None and (share > STOPPED).all() for share in shares)
            if stopped or (study.later_loss >= FLAT * study.loss_now and not _goes_on(study)):
                count = study.network.graph.shape(narrow)[-1]
                said = f"{count} number{'s' * (count > 1)} through" + ", and is at its end" * stopped
                return Finding(
                    "underfitting", narrow, count, NARROW,
                    f"The network underfits: {narrow!r} lets no more than {said}; the loss stays at "
                    f"{study.loss_now:.3g}, where a constant answer has {study.baseline:.3g}.",
                    remedy=f"Give {narrow!r} more units.",
                )  # fmt: skip
    return None


def _goes_on(study: Study) -> bool:
    """Whether another rate, or none of what holds the weights small, would get the loss down from here."""
    if study.now.penalties or study.now.optimizer.weight_decay:
        return True
    peak, had = highest_rate(study), tail(study.run("from now", lambda training: None, True))
    for factor in (0.1, 1.0, 10.0):

        def change(training: Training, rate: float = factor * peak) -> None:
            training.update.set(learning_rate=rate)

        if tail(study.run(f"rate {factor * peak:g} from now", change, True)) < ELSEWHERE * had:
            return True
    return False
