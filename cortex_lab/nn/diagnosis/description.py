"""Layers, losses and settings that do not go together, whatever the data."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from cortex_lab.nn.contract.layer import Layer
from cortex_lab.nn.diagnosis.finding import Finding
from cortex_lab.nn.diagnosis.passes import rms
from cortex_lab.nn.diagnosis.study import Study
from cortex_lab.nn.examine.measures import function_of
from cortex_lab.nn.run.network import Network

# Measured ranges: healthy | faulty.
FEWEST_ROWS = 4  # rows of a batch that is normalized: 8 and more | 1, 2
HIGHEST_DROPOUT = 0.8  # 0 to 0.5 | 0.9 and more
HIGHEST_SMOOTHING = 0.5  # 0 to 0.2 | 0.9
HIGHEST_NOISE = 3.0  # noise over the root mean square of what it is added to: 0 to 0.5 | 10
HIGHEST_MOMENTUM = 0.99  # 0 to 0.98 | 0.995 and more
HIGHEST_EPSILON = 1e-2  # 1e-10 to 1e-4 | 0.1 and more
LARGEST_OUTSIDE = 0.02  # share of targets that the output cannot reach: 0 | 0.4 and more

RANGES = {
    "relu": (0.0, np.inf), "relu6": (0.0, 6.0), "sigmoid": (0.0, 1.0), "hard_sigmoid": (0.0, 1.0),
    "softmax": (0.0, 1.0), "tanh": (-1.0, 1.0), "softplus": (0.0, np.inf), "elu": (-1.0, np.inf),
    "exponential": (0.0, np.inf), "softsign": (-1.0, 1.0), "log_softmax": (-np.inf, 0.0),
}  # fmt: skip
_PASSING = ("Dropout", "GaussianDropout", "GaussianNoise", "Mask")


def find(study: Study) -> Iterator[tuple[Finding, bool]]:
    for finding in (*_softmax(study), *_normalization(study), *_disturbed(study), *_loss(study),
                    *_optimizer(study), *_frozen(study)):  # fmt: skip
        yield finding, True


def _softmax(study: Study) -> Iterator[Finding]:
    network = study.network
    for name, node in network.graph.nodes.items():
        function = function_of(network, name)
        if function in ("softmax", "log_softmax") and node.out_shape[-1] == 1:
            yield Finding(
                "softmax_of_one", name, 1, 2,
                f"The softmax of {name!r} is over one unit, so it is {int(function == 'softmax')} whatever "
                "comes in, and nothing can be learned through it.",
                remedy='End it in "sigmoid" for yes or no, or give it a unit for each class.',
            )  # fmt: skip
        elif function_of(network, name) == "softmax":
            before = squashed_by(network, node.inputs[0]) if _is_only_softmax(node.layer) else None
            if before is not None:
                yield _twice(before, f"the softmax of {name!r}", function_of(network, before))
    for name, loss in study.objective.losses.items():
        squashed = squashed_by(network, name) if loss.link in ("softmax", "sigmoid") else None
        if squashed is not None:
            yield _twice(squashed, f"the {loss.link} in the loss", function_of(network, squashed))


def _is_only_softmax(layer: Layer) -> bool:
    return not hasattr(layer, "units") and not hasattr(layer, "filters")


def _twice(name: str, then: str, function: str | None) -> Finding:
    return Finding(
        "softmax_twice", name, 2, 1,
        f"{name!r} ends in {function}, and {then} comes after it: softmax twice, or its like, keeps every "
        "answer "
        "near undecided, and gradients small.",
        remedy=f"Leave the activation of {name!r} out.",
    )  # fmt: skip


def squashed_by(network: Network, name: str) -> str | None:
    """The node that bounds what `name` gives, seen through layers that only pass it on."""
    while name in network.graph.nodes:
        node = network.graph.nodes[name]
        if function_of(network, name) in ("softmax", "sigmoid", "hard_sigmoid"):
            return name
        passes = node.layer.is_view or type(node.layer).__name__ in _PASSING
        if not passes and getattr(node.layer, "function", None) != "linear":
            return None
        name = node.inputs[0]
    return None


def _normalization(study: Study) -> Iterator[Finding]:
    graph, batch, shards = study.network.graph, study.now.batches.batch_size, study.now.shards
    # The smallest shard: each takes the statistics of its own rows.
    size = batch // shards
    for name, node in graph.nodes.items():
        if type(node.layer).__name__ != "BatchNormalization" or name in study.now.frozen.nodes:
            continue
        places = math.prod(node.out_shape[:-1])
        if size == 1 or size * places < FEWEST_ROWS:
            what = "one row" if size == 1 else f"{size} rows"
            over, cut = ("batch", "") if shards == 1 else ("shard", f", shards={shards}")
            yield Finding(
                "batch_normalization", name, size, FEWEST_ROWS,
                f"{name!r} normalizes over a {over} of {what} (batch_size={batch}{cut}): "
                + ("every value is its own mean, " if size * places == 1 else "its statistics are noise, ")
                + "and what is learned does not hold outside training.",
                **_more_rows(batch, shards),
            )  # fmt: skip
            return


def _more_rows(batch: int, shards: int) -> dict[str, Any]:
    """The remedy: larger batches, or fewer shards of one that is large enough."""
    rows = 8
    if shards > 1 and batch >= 2 * rows:
        options, what = {"shards": batch // rows}, f"shards of {rows}"
    else:
        options, what = {"batch_size": 32} | ({"shards": 1} if shards > 1 else {}), "batches of 16"
    given = ", ".join(f"{name}={value}" for name, value in options.items())
    remedy = f"Take {what} rows or more: train(..., {given}), or LayerNormalization()."
    return {"remedy": remedy, "options": options}


def _disturbed(study: Study) -> Iterator[Finding]:
    network, known = study.network, study.now.hyperparameters
    for name, node in network.graph.nodes.items():
        rate, noise = (
            known.get(f"{name}.{key}", getattr(node.layer, key, None)) for key in ("rate", "stddev")
        )
        if node.layer.random and rate is not None and rate >= HIGHEST_DROPOUT:
            yield Finding(
                "dropout", name, rate, HIGHEST_DROPOUT,
                f"The dropout of {name!r} is too strong: it drops {rate:.0%} of its values, and what is left "
                "says little.",
                remedy=f'Take less: session.edit("hyperparameter[\'{name}.rate\']", 0.3)',
                edits=((f"hyperparameter['{name}.rate']", 0.3),),
            )  # fmt: skip
        if noise is not None and node.layer.random and study.sound:
            source = node.inputs[0]
            x = study.rows.inputs.get(source)
            x = network.activations(study.rows.inputs, [source])[source] if x is None else x
            if noise > HIGHEST_NOISE * rms(x):
                wanted = float(f"{0.1 * rms(x):.2g}")
                yield Finding(
                    "noise", name, noise / max(rms(x), 1e-30), HIGHEST_NOISE,
                    f"The noise of {name!r} drowns what it is added to: {noise:.3g} beside {rms(x):.3g}.",
                    remedy=f'Take less: session.edit("hyperparameter[\'{name}.stddev\']", {wanted})',
                    edits=((f"hyperparameter['{name}.stddev']", wanted),),
                )  # fmt: skip


def _loss(study: Study) -> Iterator[Finding]:
    network = study.network
    for name, loss in study.objective.losses.items():
        smoothing = getattr(loss, "label_smoothing", 0.0)
        if smoothing > HIGHEST_SMOOTHING:
            yield Finding(
                "label_smoothing", name, smoothing, HIGHEST_SMOOTHING,
                f"A label_smoothing of {smoothing:g} leaves {1 - smoothing:.0%} of each label.",
                remedy="Take 0.1 or less.",
            )  # fmt: skip
        target = study.rows.targets.get(name)
        low, high = RANGES.get(function_of(network, name) or "", (-np.inf, np.inf))
        if target is None or loss.of_classes or target.dtype.kind != "f" or not target.size:
            continue
        edge = 1e-3 * (1 + abs(high if np.isfinite(high) else low))
        outside = float(np.mean((target < low - edge) | (target > high + edge)))
        if outside > LARGEST_OUTSIDE:
            function, bounds = function_of(network, name), f"{low:g} to {high:g}"
            yield Finding(
                "output_range", name, outside, LARGEST_OUTSIDE,
                f"{outside:.0%} of the targets of {name!r} cannot be reached: they go from "
                f"{np.nanmin(target):.4g} "
                f"to {np.nanmax(target):.4g}, and {function} gives {bounds}.",
                remedy=f"End {name!r} without the activation, or bring the targets to {bounds}.",
            )  # fmt: skip


def _optimizer(study: Study) -> Iterator[Finding]:
    optimizer = study.now.optimizer
    for key in ("momentum", "beta_1"):
        value = getattr(optimizer, key, 0.0)
        if value > HIGHEST_MOMENTUM:
            yield momentum_too_large(study, key, value)
    epsilon = getattr(optimizer, "epsilon", 0.0)
    if epsilon > HIGHEST_EPSILON:
        yield Finding(
            "epsilon", "optimizer", epsilon, HIGHEST_EPSILON,
            f"The optimizer's epsilon {epsilon:g} is larger than most gradients, and divides every step "
            "by it.",
            remedy="Take the usual one: session.edit(\"optimizer['epsilon']\", 1e-8)",
            edits=(("optimizer['epsilon']", 1e-8),),
        )  # fmt: skip


def momentum_too_large(study: Study, key: str, value: float) -> Finding:
    again = f"session.rewind(step={study.case.origin}); " if study.steps else ""
    return Finding(
        "momentum_high", "optimizer", value, HIGHEST_MOMENTUM,
        f"The momentum is too large: {key}={value:g} keeps going for {1 / max(1 - value, 1e-9):.0f} steps "
        "where a "
        "gradient once pointed, and overshoots.",
        remedy=f"Take 0.9: {again}session.edit(\"optimizer['{key}']\", 0.9)",
        edits=((f"optimizer['{key}']", 0.9),),
    )  # fmt: skip


def _frozen(study: Study) -> Iterator[Finding]:
    network, frozen = study.network, study.now.frozen
    if not frozen.nodes:
        return
    drawn, to_numpy = Network(network.graph, seed=network.seed, ops=network.ops), network.ops.to_numpy
    kernels = [n for n, a in network.parameters.items() if a.ndim >= 2 and n.split("/")[0] in frozen.nodes]
    random = [
        name for name in kernels
        if np.array_equal(to_numpy(network.parameters[name]), to_numpy(drawn.parameters[name]))
        and np.ptp(to_numpy(network.parameters[name])) > 0
    ]  # fmt: skip
    if random:
        count = sum(network.parameters[name].size for name in random)
        yield Finding(
            "frozen", random[0].split("/")[0], count, 0,
            f"What is frozen never learned: {', '.join(repr(name) for name in random)} are still as they "
            "were "
            f"drawn at random ({count} of {network.params.size} weights).",
            remedy='Let them learn: session.edit("frozen", [])',
            edits=(("frozen", []),),
        )  # fmt: skip
