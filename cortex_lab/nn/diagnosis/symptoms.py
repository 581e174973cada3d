"""What follows from a cause: units that are dead or saturated now, gradients that vanish or explode now."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from cortex_lab.nn.diagnosis import passes
from cortex_lab.nn.diagnosis.finding import Finding, listed
from cortex_lab.nn.diagnosis.start import gradient_finding
from cortex_lab.nn.diagnosis.study import RUN_SECONDS, Study
from cortex_lab.nn.diagnosis.units import bottlenecks, dead_share, kernel_owner, revival, saturated_share

# Measured ranges: healthy | faulty.
DEAD = 0.6  # share of a layer's units that give 0 for every row: 0 to 0.55 | 0.7 and more
SATURATED_SHARE = 0.95
SATURATED = 0.5  # share of a layer's units that are so for nearly all rows: 0 to 0.2 | 0.6 and more
VANISHING, EXPLODING = 1e-3, 1e3  # norm of a layer's gradient over the last's: 0.02 to 30 | 1e-5, 1e5
LOOKS = 5


def find(study: Study, causes: list[Finding]) -> Iterator[tuple[Finding, bool]]:
    if not study.sound:
        return
    told = {(finding.kind, finding.where) for finding in causes}
    bad = bool(causes) and not study.learned
    for finding, alarming in (*_units(study), *_gradients(study)):
        if (finding.kind, finding.where) not in told:
            yield finding, alarming or bad


def _units(study: Study) -> Iterator[tuple[Finding, bool]]:
    network = study.network
    for name in network.graph.nodes:
        dead, share = (of(network, study.outputs_now, name) for of in (dead_share, saturated_share))
        if dead is not None and dead.any() and name not in network.graph.outputs:
            yield _dead(study, name, dead)
        if share is not None and (share > SATURATED_SHARE).any():
            stuck = np.flatnonzero(share > SATURATED_SHARE)
            edits, remedy = revival(network, name, stuck)
            many = len(stuck) > SATURATED * len(share) and not study.learned
            yield Finding(
                "saturated_units", name, float(share[stuck].mean()), SATURATED_SHARE,
                f"{len(stuck)} of {len(share)} units of {name!r} are saturated: {listed(stuck)} are within 1 "
                f"percent of their bounds for {share[stuck].mean():.0%} of the rows, where their slope is "
                "nearly 0"
                f"{_since(study, name, saturated_share, len(stuck))}.",
                units=tuple(stuck.tolist()), remedy=remedy, edits=edits,
            ), many  # fmt: skip


def _dead(study: Study, name: str, dead: np.ndarray) -> tuple[Finding, bool]:
    units = np.flatnonzero(dead)
    edits, remedy = revival(study.network, name, units)
    owner = kernel_owner(study.network, name)
    source = study.network.graph.nodes[owner].inputs[0] if owner else ""
    # Of what one or two units of one sign say, half of all units see nothing.
    narrow = any(source in bottlenecks(study.network, output) for output in study.network.graph.outputs)
    at_start = dead_share(study.network, study.outputs_at_start, name)
    lost = at_start is not None and _out_of_reach(study, name, np.flatnonzero(dead & at_start))
    finding = Finding(
        "dead_units", name, float(dead.mean()), DEAD,
        f"{len(units)} of {len(dead)} units of {name!r} are dead: {listed(units)} gave 0 for every row "
        "looked at, so no "
        f"gradient reaches their weights{_since(study, name, dead_share, len(units))}.",
        units=tuple(units.tolist()), remedy=remedy, edits=edits,
    )  # fmt: skip
    return finding, lost or (dead.mean() > DEAD and not study.learned and not narrow)


def _out_of_reach(study: Study, name: str, units: np.ndarray) -> bool:
    """Whether the bias of a dead unit is lower than any row could lift, as Cauchy and Schwarz have it."""
    network, owner = study.network, kernel_owner(study.network, name)
    if owner is None or f"{owner}/bias" not in network.parameters:
        return False
    kernel, bias = (network.ops.to_numpy(network.parameters[f"{owner}/{key}"]) for key in ("kernel", "bias"))
    source = network.graph.nodes[owner].inputs[0]
    x = study.outputs_now.get(source, study.rows.inputs.get(source))
    assert x is not None
    longest = np.sqrt((x.reshape(len(x), -1).astype(float) ** 2).sum(axis=1).max())
    norms = np.sqrt((kernel.reshape(-1, kernel.shape[-1]).astype(float) ** 2).sum(axis=0))
    return bool((bias[units] < -norms[units] * longest).any())


def _since(study: Study, name: str, measured: Callable[..., Any], count: int) -> str:
    """Since when: the step by which half of them were so, found by going back."""

    def so(outputs: dict[str, np.ndarray]) -> bool:
        return int((measured(study.network, outputs, name) > SATURATED_SHARE).sum()) >= count / 2

    if study.steps < 1:
        return ""
    if so(study.outputs_at_start):
        return f", since step {study.case.origin} or before"
    if study.case.at is None or study.case.step_seconds * study.steps > RUN_SECONDS:
        return ""
    low, high = study.case.origin, study.now.step_number
    for _ in range(LOOKS):
        if high - low < 2:
            break
        middle = (low + high) // 2
        low, high = (low, middle) if so(passes.outputs(study.case.at(middle))) else (middle, high)
    return f", since about step {high}"


def _gradients(study: Study) -> Iterator[tuple[Finding, bool]]:
    """Compare the gradient of each layer's output with that at the network's end, going back through it."""
    graph = study.network.graph
    sizes = passes.gradient_sizes(study.now)
    if len(sizes) < 2 or not next(iter(sizes.values())):
        return
    end = next(iter(sizes))
    for kind, bound in (("vanishing_gradients", VANISHING), ("exploding_gradients", EXPLODING)):
        ratios = {name: size / sizes[end] for name, size in sizes.items()}
        passed = [n for n, ratio in ratios.items() if (ratio < bound if bound < 1 else ratio > bound)]
        if not passed or passed[0] == end:
            continue
        # Where it vanishes in a layer, all before it are starved; the layer itself is the one to name.
        readers = [reader for reader in graph.consumers[passed[0]] if reader in sizes]
        where = readers[0] if readers else passed[0]
        said = f"what reaches {passed[0]!r} is {ratios[passed[0]]:.2g} times what enters at {end!r}"
        yield gradient_finding(kind, where, ratios[passed[0]], bound, said), not study.learned
