"""What is wrong with a training, in words, each with the measurement behind it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from cortex_lab.nn.measures import function_of

if TYPE_CHECKING:
    from cortex_lab.nn.training import Training

SAMPLE_BATCHES = 16
# What is called healthy. Each finding says which of these it passed.
WIDEST_INPUT = 20.0
SATURATED_VALUE, SATURATED_SHARE = 0.98, 0.95
VANISHING, EXPLODING = 1e-3, 1e3
LOWEST_RATIO, HIGHEST_RATIO = 1e-5, 0.1
UNDECIDED = float(np.log(2))
SUSPICIOUS_STD, SUSPICIOUS_MEDIANS = 3.0, 10.0


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: its `kind`, `where` it is, the `value` measured, the `bound` it passed.

    `units` are those of a layer, `rows` positions in the data, where the finding is about some.
    """

    kind: str
    where: str
    value: float
    bound: float
    sentence: str
    units: tuple[int, ...] = ()
    rows: tuple[int, ...] = ()

    def __str__(self) -> str:
        return self.sentence


class Diagnosis(tuple[Finding, ...]):
    """The findings, worst kinds of trouble first; prints as sentences."""

    __slots__ = ()

    def of(self, kind: str) -> list[Finding]:
        """The findings of one kind."""
        return [finding for finding in self if finding.kind == kind]

    def __repr__(self) -> str:
        if not self:
            return "Nothing found: inputs, units, gradients, step size and rows look healthy."
        return "\n".join(f"- {finding.sentence}" for finding in self)


def diagnose(training: Training) -> Diagnosis:
    """Look at a training at rest: its inputs, units, gradients, step size, and the rows it finds hardest.

    Uses up to 16 batches of the training data. The gradients are those of the last step, so take one first;
    LookupError before that.
    """
    if training.bound is None:
        raise LookupError("a diagnosis looks at the gradients of a step; take one first")
    sample = _Sample(training)
    return Diagnosis(
        [
            *_inputs(sample),
            *_units(training, sample),
            *_gradients(training),
            *_step_size(training),
            *_rows(training, sample),
        ]
    )


class _Sample:
    """Some of the training rows, and what the network makes of them."""

    def __init__(self, training: Training) -> None:
        count = min(SAMPLE_BATCHES, training.batches.steps_per_epoch)
        # Whole batches of the epoch under way, so that excluded rows stay out.
        first = training.step_number - training.step_number % training.batches.steps_per_epoch
        batches = [training.batches.fetch(first + step) for step in range(count)]
        single = next(iter(training.network.graph.inputs))
        named = [b.inputs if isinstance(b.inputs, dict) else {single: b.inputs} for b in batches]
        seen = training.network.seen
        self.inputs = {name: seen(name, np.concatenate([each[name] for each in named])) for name in named[0]}
        targets = [training.objective.check_all_targets(batch.targets) for batch in batches]
        self.targets = {name: np.concatenate([each[name] for each in targets]) for name in targets[0]}
        self.rows = np.concatenate([batch.rows for batch in batches])


def _inputs(sample: _Sample) -> Iterator[Finding]:
    for name, values in sample.inputs.items():
        if values.dtype.kind != "f":
            continue
        largest = float(np.abs(values).max())
        if largest > WIDEST_INPUT:
            low, high, spread = float(values.min()), float(values.max()), float(values.std())
            yield Finding(
                "input_scale", name, largest, WIDEST_INPUT,
                f"The input {name!r} was never scaled: it goes from {low:.4g} to {high:.4g} with a standard "
                f"deviation of {spread:.3g}. Bring it to about 1, by dividing by {largest:.4g} or with a "
                "StandardScaler.",
            )  # fmt: skip


def _units(training: Training, sample: _Sample) -> Iterator[Finding]:
    network = training.network
    rectified = [name for name in network.graph.nodes if function_of(network, name) == "relu"]
    bounded = [name for name in network.graph.nodes if function_of(network, name) in ("tanh", "sigmoid")]
    if not rectified and not bounded:
        return
    outputs = network.activations(sample.inputs, [*rectified, *bounded])
    for name in rectified:
        y = outputs[name].reshape(-1, outputs[name].shape[-1])
        dead = np.flatnonzero((y <= 0).all(axis=0))
        if len(dead):
            share = len(dead) / y.shape[1]
            yield Finding(
                "dead_units", name, share, 0.0,
                f"{len(dead)} of {y.shape[1]} units of {name!r} are dead: {_list(dead)} gave 0 for all "
                f"{len(sample.rows)} rows looked at, so no gradient reaches their weights. Revive them with "
                f"session.edit(\"revived_unit['{name}']\", {dead[:8].tolist()}), or lower the learning rate.",
                units=tuple(dead.tolist()),
            )  # fmt: skip
    for name in bounded:
        y = outputs[name].reshape(-1, outputs[name].shape[-1])
        y = y if function_of(network, name) == "tanh" else 2 * y - 1
        shares = (np.abs(y) > SATURATED_VALUE).mean(axis=0)
        stuck = np.flatnonzero(shares > SATURATED_SHARE)
        if len(stuck):
            share = float(shares[stuck].mean())
            yield Finding(
                "saturated_units", name, share, SATURATED_SHARE,
                f"{len(stuck)} of {y.shape[1]} units of {name!r} are saturated: {_list(stuck)} are within 1 "
                f"percent of their bounds for {share:.0%} of the rows, where their slope is nearly 0. Scale "
                "what comes in, or start from smaller weights.",
                units=tuple(stuck.tolist()),
            )  # fmt: skip


def _gradients(training: Training) -> Iterator[Finding]:
    """Compare the gradient of each layer's output with that at the network's end, going back through it."""
    bound, to_numpy = training.bound, training.network.ops.to_numpy
    assert bound is not None
    sizes = {}
    for name in reversed(training.network.graph.nodes):
        gradient = bound.buffers.get(f"gradient:{name}")
        if gradient is not None:
            sizes[name] = float(np.sqrt(np.mean(np.square(to_numpy(gradient), dtype=np.float64))))
    if not sizes:
        return
    end = next(iter(sizes))
    for kind, passed in (
        ("vanishing_gradients", lambda ratio: ratio < VANISHING),
        ("exploding_gradients", lambda ratio: ratio > EXPLODING),
    ):
        # Where gradients vanish in a layer, all before it are starved; the layer itself is the one to name.
        found = [name for name, size in sizes.items() if sizes[end] > 0 and passed(size / sizes[end])]
        if found and found[0] != end:
            first, ratio = found[0], sizes[found[0]] / sizes[end]
            vanish = kind == "vanishing_gradients"
            verb, remedy = (
                ("vanishes", "Use ReLU, a better initialization, normalization, or residual connections.")
                if vanish
                else (
                    "explodes",
                    "Use smaller initial weights, normalization, or clip_norm in the optimizer.",
                )
            )
            cause = _reader(training, first)
            yield Finding(
                kind, cause, ratio, VANISHING if vanish else EXPLODING,
                f"The gradient {verb} in {cause!r}: what reaches {first!r} is {ratio:.2g} times what enters "
                f"at {end!r} (root mean square {sizes[first]:.2g} against {sizes[end]:.2g}). {remedy}",
            )  # fmt: skip


def _step_size(training: Training) -> Iterator[Finding]:
    change, before, start = training.pending_update(), training.parameters, 0.0
    size = start + np.sqrt(sum(float(np.square(part, dtype=np.float64).sum()) for part in change.values()))
    norm = np.sqrt(sum(float(np.square(part, dtype=np.float64).sum()) for part in before.values()))
    ratio, rate = float(size / max(norm, 1e-30)), training.measure("learning_rate")
    if ratio > HIGHEST_RATIO:
        yield Finding(
            "learning_rate_high", "optimizer", ratio, HIGHEST_RATIO,
            f"The learning rate {rate:.3g} is too high: one update changes the weights by {ratio:.2g} of "
            "their norm, where about 0.001 is usual. Divide it by 10 or more.",
        )  # fmt: skip
    elif ratio < LOWEST_RATIO:
        yield Finding(
            "learning_rate_low", "optimizer", ratio, LOWEST_RATIO,
            f"The learning rate {rate:.3g} is too low, or the training is at its end: one update changes the "
            f"weights by {ratio:.2g} of their norm, where about 0.001 is usual.",
        )  # fmt: skip


def _rows(training: Training, sample: _Sample) -> Iterator[Finding]:
    losses = training.objective.row_losses(sample.inputs, sample.targets)
    known = losses[np.isfinite(losses)]
    # Before a network has learned, no row is odd.
    if len(known) < 32 or (training.objective.classifies and np.median(known) > UNDECIDED):
        return
    bound = max(SUSPICIOUS_MEDIANS * float(np.median(known)), known.mean() + SUSPICIOUS_STD * known.std())
    if training.objective.classifies:
        # A label that the network gives at least 20 to 1 against.
        bound = max(bound, float(np.log(20)))
    order = np.argsort(-losses)
    odd = order[losses[order] > bound]
    if len(odd):
        rows = sample.rows[odd]
        yield Finding(
            "label_noise", "data", float(losses[odd[0]]), float(bound),
            f"{len(odd)} of {len(losses)} rows have losses of {losses[odd[-1]]:.3g} to {losses[odd[0]]:.3g} "
            f"where the median is {np.median(known):.2g}; their labels may be wrong: rows {_list(rows)}. "
            'Look at them, and leave out the bad ones with session.edit("excluded_rows", rows).',
            rows=tuple(rows.tolist()),
        )  # fmt: skip


def _reader(training: Training, name: str) -> str:
    """The layer that passed on the gradient which `name` got."""
    readers = [r for r in training.network.graph.consumers[name] if f"gradient:{r}" in training.plan.buffers]
    return readers[0] if readers else name


def _list(numbers: Any) -> str:
    shown = ", ".join(map(str, list(numbers)[:10]))
    return shown + (", ..." if len(numbers) > 10 else "")
