"""What did harm before something was edited by hand, or before a session went on from a file, and lasts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from cortex_lab.nn.diagnosis import held_back, mended, start, step_size
from cortex_lab.nn.diagnosis.finding import Finding
from cortex_lab.nn.diagnosis.study import Study, tail
from cortex_lab.nn.train.training import Training

RUINOUS = (
    "initialization", "dead_units", "saturated_units", "exploding_gradients", "weight_decay", "momentum_high",
    "learning_rate_high",
)  # fmt: skip
"""What leaves weights behind that are worse than fresh ones."""
MOST = 3  # stretches between edits that are looked at, from the first on
# Measured ranges: healthy | faulty.
# loss after 80 steps of starting anew with the remedy over that of going on: 1 and more | 0 to 0.7
LASTS = 0.8

_ANEW = (
    "That is so with fresh weights: this session goes on from step {step}, and what was done before to those "
    "it has cannot be seen."
)


def find(study: Study) -> Iterator[tuple[Finding, bool]]:
    """The first stretch between two edits that did harm; the others begin with what it left behind."""
    if study.case.at is None or study.had is None or study.learned:
        return
    for until in sorted(study.case.edits)[1 : MOST + 1]:
        then = Study(study.case.before(until))
        looks = start.find, held_back.find, step_size.find
        harmful = [each for find in looks for each, _ in find(then) if each.kind in RUINOUS]
        if any(each.kind == "learning_rate_high" for each in harmful):
            study.known_too_high = min(study.known_too_high, step_size.highest_rate(then))
        found = [each for each in harmful if _lasts(study, then, each)]
        if found:
            study.told_earlier = True
            said = f" That was so until step {until}, and what it did to the weights lasts."
            for finding in found:
                changed = any(_setting(study, name) != _setting(then, name) for name, _ in finding.edits)
                yield replace(finding, sentence=finding.sentence + said * changed), True
            return


def _setting(study: Study, name: str) -> Any:
    """What the optimizer was told last of what an edit changes; None if it is nothing of the optimizer's."""
    return getattr(study.now.optimizer, name.removeprefix("optimizer['").removesuffix("']"), None)


def _lasts(study: Study, then: Study, finding: Finding) -> bool:
    """Whether starting anew with the remedy does better than going on."""
    if not finding.edits:
        return True

    def mended(training: Training) -> None:
        for name, value in finding.edits:
            training.edit(name, value)

    anew = tail(then.run(f"without {finding.kind}", mended))
    return anew < LASTS * tail(study.run("from now", lambda training: None, True))


def find_unseen(study: Study) -> Iterator[tuple[Finding, bool]]:
    """What a session that goes on from an earlier one cannot see, measured with fresh weights."""
    step = min(study.case.edits, default=0)
    if not step:
        return
    study.skipped.append(f"the steps before step {step}, which another session made")
    if study.learned or study.had is None:
        return
    fresh = mended.anew(study)
    if fresh is None or fresh.had is None:
        return
    found = [each for find in (start.find, held_back.find, step_size.find) for each, _ in find(fresh)]
    for finding in found:
        remedy = re.sub(r"session\.rewind\(step=\d+\); ", "", finding.remedy)
        study.told_earlier = True
        yield (
            replace(
                finding,
                sentence=f"{finding.sentence} {_ANEW.format(step=step)}",
                remedy=f"Train fresh weights, without resume_from. {remedy}",
            ),
            True,
        )
    if not found and fresh.loss_now < LASTS * study.loss_now:
        study.told_earlier = True
        yield Finding(
            "initialization", "network", fresh.loss_now / study.loss_now, LASTS,
            f"The weights that this session began with, at step {step}, are worse than fresh ones: with "
            f"those, {fresh.steps} steps come to a loss of {fresh.loss_now:.3g}, where it is "
            f"{study.loss_now:.3g} now; what was done to them before cannot be seen from here.",
            remedy="Train fresh weights, without resume_from.",
        ), True  # fmt: skip
