"""How the network began: its weights, what was dead or saturated from there, how gradients came through."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from cortex_lab.nn.contract.initializers import fans, for_activation, resolve
from cortex_lab.nn.diagnosis import passes
from cortex_lab.nn.diagnosis.finding import Finding
from cortex_lab.nn.diagnosis.passes import rms
from cortex_lab.nn.diagnosis.study import Study, again
from cortex_lab.nn.diagnosis.units import NARROW, dead_share, revival, saturated_share
from cortex_lab.nn.run.network import Network

# Measured ranges: healthy | faulty.
# standard deviation x root of fan in: 0.4 to 1.5 | 6.6 and more, 0.01 and less
LARGEST_GAIN, SMALLEST_GAIN = 5.0, 0.05
DEAD, SATURATED = 0.9, 0.7  # share of a layer at the start: 0 to 0.5 | 0.95 and more
VANISHING, EXPLODING = 1e-4, 1e3  # norm of the first layer's gradient over the last's: 0.05 to 20 | 1e-6, 1e5
RADIUS = 1.3  # of recurrent weights without a bounded function: 1 | 1.5 and more
# what the first step changes over what the last does: 1e-3 to 10 | 1e-7, 1e4
FORGOTTEN, AMPLIFIED = 1e-5, 1e3
LONG = 8  # steps of a sequence
FEWEST = 8  # weights that are not small by chance
_PUT_IN = '[session.edit(*each) for each in session.diagnose().of("initialization")[0].edits]'


def find(study: Study) -> Iterator[tuple[Finding, bool]]:
    # What training made of weights and units is no way to begin.
    of_old = study.case.of_old
    found = [] if of_old else [*_weights(study)]
    if study.sound:
        found = found or ([] if of_old else [*_units(study)])
        found += [*_recurrent(study)]
        if not study.learned and not found:
            found += [*_gradients(study), *_memory(study)]
    yield from ((finding, True) for finding in found)


def _weights(study: Study) -> Iterator[Finding]:
    network, graph = study.start.network, study.start.network.graph
    kernels = {n: a for n, a in network.parameters.items() if n.endswith("kernel") and a.ndim >= 2}
    owners = {name.split("/")[0] for name in kernels}
    later = {
        name: any(other != name and name in graph.ancestors(other) for other in owners) for name in owners
    }
    resting = study.now.frozen.nodes
    worst: dict[str, tuple[str, float, float]] = {}
    for name, array in kernels.items():
        owner, values = name.split("/")[0], network.ops.to_numpy(array).astype(np.float64)
        if owner in resting or (study.start.step_number and name not in study.case.by_hand):
            continue
        columns = values.reshape(-1, values.shape[-1])
        if columns.shape[1] > 1 and later[owner] and np.ptp(columns, axis=1).max() == 0:
            worst.setdefault("the same", (name, float(np.abs(values).max()), 0.0))
            continue
        gain = rms(values) * np.sqrt(_spec(network, name)[1][0])
        if gain > LARGEST_GAIN and gain > worst.get("far too large", ("", 0.0))[1]:
            worst["far too large"] = name, gain, LARGEST_GAIN
        elif (
            gain < SMALLEST_GAIN
            and later[owner]
            and values.size >= FEWEST
            and gain < worst.get("far too small", ("", 1.0))[1]
        ):
            worst["far too small"] = name, gain, SMALLEST_GAIN
    for what, (name, value, bound) in worst.items():
        if what == "the same":
            zero = "all zero" if value == 0 else f"all {value:.3g}"
            said = f"its weights are {zero}, so its units are alike and stay alike: all get the same gradient"
        else:
            grows = "grows" if what == "far too large" else "shrinks"
            said = f"its weights are {what}: what comes in {grows} {value:.3g}-fold, where about 1 is right"
        yield Finding(
            "initialization", name.split("/")[0], value, bound,
            f"The initialization of {name!r} is wrong: {said}.",
            remedy="Leave kernel_initializer out, or put in weights as they are usually drawn: "
            + again(study, _PUT_IN),
            edits=tuple((f"weights['{each}']", _redrawn(network, each, study.start.seed)) for each in kernels
                        if _is_off(study, each, what)),
        )  # fmt: skip


def _is_off(study: Study, name: str, what: str) -> bool:
    network = study.start.network
    values = network.ops.to_numpy(network.parameters[name]).astype(np.float64)
    gain = rms(values) * np.sqrt(_spec(network, name)[1][0])
    if what == "the same":
        return bool(np.ptp(values.reshape(-1, values.shape[-1]), axis=1).max() == 0)
    return gain > LARGEST_GAIN if what == "far too large" else gain < SMALLEST_GAIN


def _spec(network: Network, name: str) -> tuple[Any, tuple[int, int]]:
    owner, key = name.split("/", 1)
    node = network.graph.nodes[owner]
    spec = node.layer.parameters(*node.in_shapes)[key]
    return spec, spec.fan or fans(spec.shape)


def _redrawn(network: Network, name: str, seed: int) -> np.ndarray:
    spec, fan = _spec(network, name)
    random = np.random.Generator(np.random.Philox(key=[seed, len(name)]))
    initializer = for_activation(network.graph.next_activation(name.split("/")[0]))
    return np.asarray(resolve(initializer).draw(spec.shape, fan, random), dtype=np.float32)


def _units(study: Study) -> Iterator[Finding]:
    network, outputs = study.start.network, study.outputs_at_start
    for name in network.graph.nodes:
        dead, share = dead_share(network, outputs, name), saturated_share(network, outputs, name)
        since = f"from step {study.start.step_number} on" if study.start.step_number else "from the start"
        # A unit or two may be so by chance.
        if dead is not None and dead.mean() > DEAD and len(dead) > NARROW:
            edit, remedy = revival(network, name, np.flatnonzero(dead))
            # What is dead behind it would stay so.
            for other in list(network.graph.nodes)[list(network.graph.nodes).index(name) + 1 :]:
                also = dead_share(network, outputs, other)
                if also is None or also.mean() <= DEAD:
                    continue
                more, _ = revival(network, other, np.flatnonzero(also))
                edit += more
                remedy += "".join(f'; session.edit("{each}", {units})' for each, units in more)
            yield Finding(
                "dead_units", name, float(dead.mean()), DEAD,
                f"{int(dead.sum())} of {len(dead)} units of {name!r} are dead {since}: they give 0 for "
                "every row "
                "looked at, so no gradient reaches their weights; the bias they begin with is too low, "
                "or the "
                "weights.",
                units=tuple(np.flatnonzero(dead).tolist()), remedy=remedy, edits=edit,
            )  # fmt: skip
            return
        if share is not None and share.mean() > SATURATED and len(share) > NARROW:
            edit, remedy = revival(network, name, np.flatnonzero(share > 0.5))
            yield Finding(
                "saturated_units", name, float(share.mean()), SATURATED,
                f"The units of {name!r} are saturated {since}: {share.mean():.0%} of what they give lies "
                "within 1 "
                "percent of their bounds, where their slope is nearly 0; the bias they begin with is too "
                "large, or "
                "the weights.",
                units=tuple(np.flatnonzero(share > 0.5).tolist()), remedy=remedy, edits=edit,
            )  # fmt: skip
            return


def _recurrent(study: Study) -> Iterator[Finding]:
    network = study.start.network
    for name, node in network.graph.nodes.items():
        kernel = network.parameters.get(f"{name}/recurrent_kernel")
        if (
            kernel is None
            or kernel.shape[0] != kernel.shape[1]
            or node.layer.activation not in (None, "linear", "relu")
        ):
            continue
        radius = float(np.abs(np.linalg.eigvals(network.ops.to_numpy(kernel).astype(float))).max())
        if radius > RADIUS:
            steps = node.in_shapes[0][0]
            yield Finding(
                "exploding_gradients", name, radius, RADIUS,
                f"The gradient explodes in {name!r}: the recurrent weights begin with a spectral radius "
                f"of {radius:.3g}, "
                f"and {node.layer.activation or 'linear'} does not hold it back over {steps} steps.",
                remedy='Use recurrent_initializer="orthogonal" with activation="tanh", or clip_norm=1.',
            )  # fmt: skip


def _gradients(study: Study) -> Iterator[Finding]:
    sizes = passes.gradient_sizes(study.start)
    names = list(sizes)
    if len(names) < 3 or sizes[names[0]] == 0:
        return
    ratio = sizes[names[-1]] / sizes[names[0]]
    if not (ratio < VANISHING or ratio > EXPLODING):
        return
    yield gradient_finding("vanishing_gradients" if ratio < VANISHING else "exploding_gradients",
                           names[-1], ratio, VANISHING if ratio < VANISHING else EXPLODING,
                           f"from the start, what reaches {names[-1]!r} is {ratio:.2g} times what enters at "
                           f"{names[0]!r}, {len(names)} layers later")  # fmt: skip


def gradient_finding(kind: str, where: str, ratio: float, bound: float, said: str) -> Finding:
    vanishes = kind == "vanishing_gradients"
    remedy = (
        "Use relu, normalization between the layers, residual connections, or fewer layers; an LSTM for "
        "long sequences."
        if vanishes else "Use smaller initial weights, normalization, or clip_norm=1 in the optimizer."
    )  # fmt: skip
    verb = "vanishes" if vanishes else "explodes"
    return Finding(
        kind, where, ratio, bound, f"The gradient {verb} on its way to {where!r}: {said}.", remedy=remedy
    )


def _memory(study: Study) -> Iterator[Finding]:
    """How much the first and the last step of a sequence change the answer."""
    network, graph = study.start.network, study.start.network.graph
    if any(type(node.layer).__name__ == "Mask" for node in graph.nodes.values()):
        return
    for name, node in graph.nodes.items():
        shape = node.in_shapes[0]
        if f"{name}/recurrent_kernel" not in network.parameters or len(shape) != 2 or shape[0] < LONG:
            continue
        source = node.inputs[0]
        gradients = passes.gradients(study.start)
        if source in gradients:
            by_step = np.sqrt((gradients[source] ** 2).sum(axis=(0, 2)))
            first, last = float(by_step[0]), float(by_step[-1])
        elif source in graph.inputs:
            first, last = (_effect(study, source, step) for step in (0, -1))
        else:
            return
        if max(first, last) == 0:
            return
        ratio = (
            first / max(last, 1e-30)
            if not getattr(node.layer, "go_backwards", False)
            else last / max(first, 1e-30)
        )
        said = f"over {shape[0]} steps, the first one counts {ratio:.2g} times what the last does"
        if ratio < FORGOTTEN and study.steps >= 50:
            yield gradient_finding("vanishing_gradients", name, ratio, FORGOTTEN, said)
        elif ratio > AMPLIFIED:
            yield gradient_finding("exploding_gradients", name, ratio, AMPLIFIED, said)
        return


def _effect(study: Study, source: str, step: int) -> float:
    inputs = {name: values[:64] for name, values in study.rows.inputs.items()}
    x = inputs[source].copy()
    x[:, step] += 0.1 * max(rms(x), 1e-3)
    before, after = (study.start.network.predict(each) for each in (inputs, inputs | {source: x}))
    pairs = (
        zip(before.values(), after.values(), strict=True) if isinstance(before, dict) else [(before, after)]
    )
    return float(sum(np.abs(b.astype(float) - a).sum() for b, a in pairs))
