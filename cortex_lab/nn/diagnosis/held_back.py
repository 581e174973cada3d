"""What holds the weights back: clipping, decay and penalties, by experiments without them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from cortex_lab.nn.diagnosis.finding import Finding
from cortex_lab.nn.diagnosis.step_size import STUCK, highest_rate, rate_is_too_high
from cortex_lab.nn.diagnosis.study import Change, Study, again, tail
from cortex_lab.nn.train.training import Training

# Measured ranges: healthy | faulty.
STRONGEST_DECAY = 2.0  # rate x weight decay x 100 steps: 0 to 0.02 | 5 and more
CLIPPED = 10.0  # norm of the gradient over what is left of it, without which no experiment: 0 to 5 | 1e3
WITHOUT = 0.8  # loss without clipping, decay or penalties over that with them: 0.9 and more | 0 to 0.7


def find(study: Study) -> Iterator[tuple[Finding, bool]]:
    if study.had is not None:
        for finding in (*_clipping(study), *_decay(study), *_penalties(study)):
            yield finding, True


def _clipping(study: Study) -> Iterator[Finding]:
    optimizer = study.start.optimizer
    if optimizer.clip_norm is None and optimizer.clip_value is None:
        return
    training = study.start.clone()
    training.loader.trust()
    training.rehearse(training.phases[-2])
    gradient = training.network.ops.to_numpy(training.network.gradient).astype(float)
    left = (
        gradient
        if optimizer.clip_value is None
        else np.clip(gradient, -optimizer.clip_value, optimizer.clip_value)
    )
    norm, kept = float(np.linalg.norm(gradient)), float(np.linalg.norm(left))
    kept = min(kept, optimizer.clip_norm or np.inf)
    if norm < CLIPPED * kept:
        return

    def unclipped(training: Training) -> None:
        training.update.set(clip_norm=None, clip_value=None)

    with_it, without = (
        tail(study.run("as it was", lambda t: None)),
        tail(study.run("without clipping", unclipped)),
    )
    if without < WITHOUT * with_it:
        key = "clip_norm" if kept == optimizer.clip_norm else "clip_value"
        wanted = float(f"{norm if key == 'clip_norm' else np.abs(gradient).max():.2g}")
        yield Finding(
            "clipping", "optimizer", norm / max(kept, 1e-30), CLIPPED,
            f"The gradient is clipped too tightly: of a norm of {norm:.3g}, "
            f"{key}={getattr(optimizer, key):g} leaves "
            f"{kept:.3g}; without it the loss comes to {without:.3g} instead of {with_it:.3g}.",
            remedy=f"Clip what is unusual only: session.edit(\"optimizer['{key}']\", {wanted:g})",
            edits=((f"optimizer['{key}']", wanted),),
        )  # fmt: skip


def _decay(study: Study) -> Iterator[Finding]:
    optimizer = study.start.optimizer
    decay = optimizer.weight_decay
    if not decay:
        return

    def undecayed(training: Training) -> None:
        training.update.set(weight_decay=0.0)

    rate, lower = highest_rate(study), None
    if rate * decay * 100 > STRONGEST_DECAY:
        without = tail(study.run("without decay", undecayed))
        lower = rate_is_too_high(study) if not without < STUCK * study.baseline else None
        # Of a rate that is too high without any decay, decay is measured at the one that is not.
        rate *= lower[0] if lower else 1.0
    strength = rate * decay * 100
    if strength <= STRONGEST_DECAY and (lower or not _frees(study, "decay", undecayed, None)):
        return
    wanted = float(f"{min(0.02 / rate / 100, decay / 10):.1g}")
    yield Finding(
        "weight_decay", "optimizer", strength, STRONGEST_DECAY,
        f"The weight decay {decay:g} is too strong: with a rate of {rate:.3g} it takes "
        f"{-np.expm1(-strength):.0%} "
        "of every weight in 100 steps, and what is learned goes with it.",
        remedy="Take less: " + again(study, f"session.edit(\"optimizer['weight_decay']\", {wanted:g})"),
        edits=(("optimizer['weight_decay']", wanted),),
    )  # fmt: skip


def _penalties(study: Study) -> Iterator[Finding]:
    if not study.now.penalties:
        return

    def unpenalized(training: Training) -> None:
        training.update.drop_penalties()

    if _frees(study, "penalties", lambda training: None, unpenalized):
        value = study.now.measure("penalty")
        patterns = ", ".join(study.now.penalties.by_pattern)
        yield Finding(
            "penalty", patterns, value, study.baseline,
            f"The penalties on {patterns} are too strong: they hold the weights so small that the loss "
            "stays at "
            f"{study.loss_now:.3g}, where a constant answer has {study.baseline:.3g}.",
            remedy="Take a hundredth of them: train(..., penalties=...), such as L2(1e-4).",
        )  # fmt: skip


def _frees(study: Study, name: str, change: Change, fresh: Change | None) -> bool:
    """Whether a training that has not learned does without `name`."""
    if study.had is None or study.learned:
        return False
    pairs = [(study.had, study.run(f"without {name}", change, fresh=fresh))]
    if study.steps:
        pairs.append((study.run("from now", lambda training: None, True),
                      study.run(f"from now without {name}", change, True, fresh)))  # fmt: skip
    return any(tail(without) < WITHOUT * tail(with_it) for with_it, without in pairs)
