"""What is wrong with a training, in words, each with the measurement behind it.

| module        | what it looks at                                                            |
|---------------|-----------------------------------------------------------------------------|
| `finding`     | what a diagnosis consists of                                                |
| `sample`      | rows of the data as the network sees them                                   |
| `work`        | how long things should take, whatever the machine                           |
| `passes`      | outputs, gradients and losses of passes that change nothing                 |
| `study`       | the training as it is and as it began; experiments on copies of it          |
| `numbers`     | what is not finite                                                          |
| `description` | layers, losses and settings that do not go together                         |
| `data`        | inputs and targets: scale, constants, outliers, balance                     |
| `leakage`     | what among the inputs gives the target away                                 |
| `apart`       | validation rows beside training rows                                        |
| `simple`      | nearest neighbors and a linear model, which know nothing of the network     |
| `labels`      | whether targets have to do with inputs, whatever the network                |
| `noise`       | labels that are wrong here and there                                        |
| `earlier`     | what did lasting harm before an edit by hand, or in an earlier session      |
| `mended`      | the training that would have been without a cause that hides others         |
| `start`       | how the network began: its weights, its gradients, what was dead from there |
| `held_back`   | clipping, decay and penalties, by experiments without them                  |
| `step_size`   | rate, momentum and schedule, by experiment                                  |
| `symptoms`    | dead and saturated units, gradients that vanish or explode, now             |
| `outcome`     | too much learned by heart, or too little at all                             |
| `profile`     | where the time of a step goes, and what limits it                           |
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np

from cortex_lab.nn.diagnosis import (
    apart,
    data,
    description,
    earlier,
    held_back,
    labels,
    leakage,
    mended,
    numbers,
    outcome,
    start,
    step_size,
    symptoms,
)
from cortex_lab.nn.diagnosis.finding import Diagnosis, Finding
from cortex_lab.nn.diagnosis.study import Case, Study

__all__ = ["Case", "Diagnosis", "Finding", "diagnose"]

CAUSES = (numbers.find, description.find, data.find, leakage.find, apart.find, labels.find)
HIDDEN = (data.find, leakage.find, apart.find, labels.find)
"""What cannot be looked at while numbers are missing."""
STORY = (start.find, held_back.find, step_size.find)
"""How it went, each looked at with what was found before put right."""


_RIGHT = "That is so with what stands above put right."


def diagnose(case: Case) -> Diagnosis:
    """What is wrong with a training: causes first, then what follows from them.

    Looks at the data, the description, the start and the history; where causes look alike it experiments, by
    running up to 80 steps again with one thing changed. Works on the copies in `case` only, for a few seconds
    where steps are short.
    """
    study = Study(case)
    causes: list[Finding] = []
    notes: list[Finding] = []
    with np.errstate(all="ignore"):
        for find in CAUSES:
            _add(find, study, causes, notes)
        told = _put_right(study, causes)
        if study.rows.bad and told is not study:
            for find in HIDDEN:
                _add(find, told, causes, notes)
        _add(earlier.find, study, causes, notes)
        _add(earlier.find_unseen, told, causes, notes)
        study.told_earlier |= told.told_earlier
        # A cause from before would only be told once more, by what it left behind.
        for find in () if study.told_earlier else STORY:
            told = _put_right(told, causes)
            _add(find, told, causes, notes)
        rescaled = any(cause.kind in mended.SCALED for cause in told.put_right)
        if rescaled and not any(cause.kind == "learning_rate_high" for cause in causes):
            # A rate that scaled numbers would bear is too high as they are.
            _add(step_size.find_high, study, causes, notes)
        _add(numbers.overflow, study, causes, notes, causes)
        symptoms_found: list[Finding] = []
        _add(symptoms.find, study, symptoms_found, notes, causes)
        # Labels that are wrong are learned by heart like others.
        if all(cause.kind == "label_noise" for cause in causes):
            _add(outcome.find, study, causes, notes)
    return Diagnosis([*causes, *symptoms_found], notes, dict.fromkeys(study.skipped))


def _put_right(study: Study, causes: list[Finding]) -> Study:
    """The study with what was found so far put right, where it hides other things and that can be done."""
    try:
        return mended.without(study, causes) or study
    except (ValueError, TypeError, LookupError, ArithmeticError) as error:
        study.skipped.append(f"what else is wrong ({error})")
        return study


def _add(
    find: Callable[..., Iterable[tuple[Finding, bool]]], study: Study, found: list, notes: list, *more: list
) -> None:
    """Add what `find` finds: to `found` what is wrong, to `notes` the rest."""
    try:
        for finding, wrong in find(study, *more):
            if study.put_right:
                if any(each.kind == finding.kind for each in (*found, *notes)):
                    continue
                finding = replace(finding, sentence=f"{finding.sentence} {_RIGHT}")
            (found if wrong else notes).append(finding)
    except (ValueError, TypeError, LookupError, ArithmeticError, np.linalg.LinAlgError) as error:
        # A diagnosis of something odd still says all else.
        study.skipped.append(f"{find.__module__.rpartition('.')[2]} ({error})")
