"""How far a step goes: rate, momentum and schedule, by experiment."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from cortex_lab.nn.diagnosis.description import HIGHEST_MOMENTUM, momentum_too_large
from cortex_lab.nn.diagnosis.finding import Finding
from cortex_lab.nn.diagnosis.study import Study, again, scaled, tail
from cortex_lab.nn.train.training import Training
from cortex_lab.optimize.schedule import Schedule

# Measured ranges: healthy | faulty.
BETTER = 0.7  # loss after 80 steps at a lower rate over that at the rate: 1 and more | 0 to 0.6
LEARNS = 0.15  # accuracy at a lower rate less that at a rate that is stuck: -0.1 to 0.05 | 0.2 and more
FASTER = 0.9  # loss at a higher rate over that at the rate: 0.95 and more | 0 to 0.7
WELL = 0.5  # of what the best rate gets the loss down by, which other rates that learn well do, too
HIGHEST_POWER = 10  # of 10: how far a higher rate is sought
BEYOND = 30.0  # a rate that is nobody's: lower ones are sought from 10 on
STUCK = 0.9  # loss after 80 steps over that of a constant answer, and over the first
SLOWEST = 6e-5  # way of the weights in a step over their norm: 2e-4 and more | 4e-5 and less
HARDLY = 5e-6  # and so little that no loss needs to show it: 2e-4 and more | 1e-6 and less
AWAKE = 0.85  # loss after 80 steps at the highest rate over that at the rate of now: 0.95 and more | 0 to 0.8
ENDED = 1e-2  # rate over the highest so far, with much left to learn: 0.05 and more | 1e-3 and less
LEFT = 0.4  # loss over that of a constant answer, above which there is something left to learn
UNLEARNED = 0.5  # loss over that of a constant answer
RIGHT, SOON_RIGHT = 0.02, 0.1  # and below which nobody asks for more, at last and within 80 steps


def find(study: Study) -> Iterator[tuple[Finding, bool]]:
    if study.had is None:
        return
    found = [*_momentum(study), *_schedule(study), *_high(study)]
    found = found or [*_low(study)]
    yield from ((finding, True) for finding in found)


def find_high(study: Study) -> Iterator[tuple[Finding, bool]]:
    """A rate that is too high, alone."""
    if study.had is not None:
        yield from ((finding, True) for finding in _high(study))


def rate_is_too_high(study: Study) -> tuple[float, float, float] | None:
    """(factor, loss with it, loss as it was) of a lower rate that does better; None if none does."""
    return study.once("rate too high", lambda: _lower_rate(study))


def _lower_rate(study: Study) -> tuple[float, float, float] | None:
    if study.had is None:
        return None
    had = tail(study.had)
    if study.recent_loss < RIGHT * study.baseline or had < SOON_RIGHT * study.baseline:
        return None
    # What gives constant answers at once beats, in loss, what still has far to go and learns.
    learning = STUCK * min(study.had[0], study.baseline)
    stuck = not np.isfinite(had) or had > learning
    best, hits = (1.0, had), study.hits["as it was"]
    rate = highest_rate(study)
    for factor in _lower_factors(rate, stuck):
        tried = tail(study.rate_times(factor))
        hit = study.hits[f"rate times {factor:g}"]
        learns = stuck and hit > max(hits, study.hits["as it was"] + LEARNS) and best[1] >= BETTER * had
        if tried < BETTER * best[1] or learns:
            best, hits = (factor, tried), hit
            continue
        found = best[1] < learning or hits > study.hits["as it was"] + LEARNS
        if best[0] < 1 and found and rate <= BEYOND:
            break
    return (*best, had) if best[0] < 1 else None


def _lower_factors(rate: float, stuck: bool) -> list[float]:
    """What to multiply `rate` by: powers of ten, which of a rate beyond all soon lead to usual ones."""
    if rate <= BEYOND:
        return [10.0**-power for power in range(1, 7 if stuck else 3)]
    return [0.1, 0.01, *(10.0**-power / rate for power in range(-1, 6) if 10.0**-power < 0.01 * rate)]


def highest_rate(study: Study) -> float:
    """The highest rate so far."""
    return max(study.start.optimizer.rate(update) for update in _updates(study))


def _updates(study: Study, since_ever: bool = False) -> list[int]:
    last = int(study.now.optimizer_state["updates"])
    first = 0 if since_ever else int(study.start.optimizer_state["updates"])
    return sorted({int(update) for update in np.linspace(first, max(last, first), 200)})


def _high(study: Study) -> Iterator[Finding]:
    found = rate_is_too_high(study)
    if found is None:
        return
    factor, tried, had = found
    rate, steps = highest_rate(study), len(study.had if study.had is not None else ())
    lower = float(f"{rate * factor:.3g}")
    fault = study.case.fault
    overflow = (
        f" In step {fault.step} numbers overflowed for that reason ({fault.tensor!r} is the first)."
        if fault
        else ""
    )
    value = (
        lower
        if not callable(study.start.optimizer.learning_rate)
        else scaled(study.start.optimizer.learning_rate, factor)
    )
    # A schedule as it is typed: each by its name in the package.
    code = re.sub(r"([A-Z]\w*\()", r"cl.\1", repr(value)) if isinstance(value, Schedule) else f"{lower:g}"
    edit = f'session.edit("learning_rate", {code})'
    yield Finding(
        "learning_rate_high", "optimizer", rate, lower,
        f"The learning rate {rate:.3g} is too high: {steps} steps from step {study.case.origin} on end at "
        "a loss of "
        f"{had:.3g}, and with {lower:.3g} at {tried:.3g}.{overflow}",
        remedy=f"Lower it: {again(study, edit)}", edits=(("learning_rate", value),),
    )  # fmt: skip


def _low(study: Study) -> Iterator[Finding]:
    had = tail(study.had) if study.had is not None else np.nan
    unlearned = study.baseline * UNLEARNED
    if not (study.moved < SLOWEST and had > unlearned and study.loss_now > unlearned):
        return
    rate = highest_rate(study)
    if rate == 0:
        best, tried = 0, float("nan")
    else:
        losses = {0: had}
        for power in range(1, HIGHEST_POWER):
            if rate * 10.0**power >= study.known_too_high:
                break
            losses[power] = tail(study.rate_times(10.0**power))
            least = min(losses.values())
            if least < FASTER * had and losses[power] > (had + least) / 2:
                break
        best, least = min(losses, key=lambda each: losses[each]), min(losses.values())
        if best < 2 or not (least < FASTER * had or study.moved < HARDLY):
            return
        # The best for some steps is too high for many: of those up to it that learn well the middle one
        # lasts.
        well = [each for each, loss in losses.items() if each <= best and loss <= had - WELL * (had - least)]
        best = well[(len(well) - 1) // 2]
        tried = losses[best]
    higher = float(f"{rate * 10.0**best:.3g}") if rate else 0.001
    then = f", and with {higher:.3g} at {tried:.3g}" if rate else ""
    yield Finding(
        "learning_rate_low", "optimizer", rate, higher,
        f"The learning rate {rate:.3g} is too low: a step changes the weights by {study.moved:.1g} of "
        "their norm, where "
        f"about 0.001 is usual; {len(study.had if study.had is not None else ())} steps end at a loss of "
        f"{had:.3g}{then}.",
        remedy=f'Raise it: session.edit("learning_rate", {higher:g})', edits=(("learning_rate", higher),),
    )  # fmt: skip


def _momentum(study: Study) -> Iterator[Finding]:
    for key in ("momentum", "beta_1"):
        value = getattr(study.now.optimizer, key, 0.0)
        if not 0.95 < value <= HIGHEST_MOMENTUM or study.had is None:
            continue

        def calmer(training: Training, key: str = key) -> None:
            training.update.set(**{key: 0.9})

        if tail(study.run(f"{key}=0.9", calmer)) < BETTER * tail(study.had):
            yield momentum_too_large(study, key, value)


def _schedule(study: Study) -> Iterator[Finding]:
    optimizer = study.now.optimizer
    if not callable(optimizer.learning_rate) or not study.steps:
        return
    updates = _updates(study, since_ever=True)
    rates = [optimizer.rate(update) for update in updates]
    peak, now = max(rates), rates[-1]
    if now > ENDED * peak or study.recent_loss < LEFT * study.baseline:
        return

    def awake(training: Training) -> None:
        training.update.set(learning_rate=peak)

    asleep, tried = tail(study.run("from now", lambda t: None, True)), tail(study.run("awake", awake, True))
    if tried < AWAKE * asleep:
        ended = next(update for update, rate in zip(updates, rates, strict=True)
                     if rate <= ENDED * peak and update > updates[int(np.argmax(rates))])  # fmt: skip
        yield Finding(
            "schedule", "optimizer", now / peak, ENDED,
            f"The schedule ends too early: since about step {ended} the learning rate is below a "
            "hundredth of its "
            f"peak {peak:.3g}, with a loss of {asleep:.3g} left; {len(study.run('awake', awake, True))} "
            "steps at "
            f"{peak:.3g} bring {tried:.3g}.",
            remedy=f'Give it more steps, or go on at one rate: session.edit("learning_rate", {peak:.3g})',
            edits=(("learning_rate", float(f"{peak:.3g}")),),
        )  # fmt: skip
