"""The weights of the best steps so far, which a training's file keeps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from cortex_lab.nn.run import saving
from cortex_lab.nn.run.network import Network
from cortex_lab.nn.train.saved import Saved

MOST = 3
"""Of how many steps a file keeps the weights."""
PATIENCE = 10.0
"""How many seconds reaching one of them again may take."""


def best_networks(session: Any) -> tuple[dict[int, Network], list[str]]:
    """The networks of the best steps, by step, and what to say of those that are too far away."""
    found: dict[int, Network] = {}
    unreached = []
    for step, key in _best_steps(session).items():
        try:
            if step >= session.first_step and _seconds_to(session, step) > PATIENCE:
                raise LookupError(f"reaching it again takes {_seconds_to(session, step):.0f} seconds")
            found[step] = session.network_at(step)
        except (LookupError, ValueError) as error:
            unreached.append(
                f"the weights of step {step}, the best by {key!r}, are not in the file: {error}. Where they "
                f"can be had, session.network_at({step}).save(path) keeps them"
            )
    return found, unreached


def describe_best(networks: Mapping[int, Network]) -> dict[str, Any]:
    """Arrays that `best_of` reads back."""
    return {
        _name(step, kind): network.ops.to_numpy(getattr(network, kind))
        for step, network in networks.items()
        for kind in ("params", "state")
    }


def best_of(saved: Saved, network: Network) -> dict[int, Network]:
    """The networks of earlier steps that a file holds, like `network`, by step."""
    check_best(saved, network)
    found = {}
    for step in saved.study.best if saved.study else ():
        found[step] = twin = network.copy()
        for kind in ("params", "state"):
            getattr(twin, kind)[...] = network.ops.asarray(saved.arrays[_name(step, kind)])
    return found


def check_best(saved: Saved, network: Network) -> None:
    """`DamagedFile` unless the file has all of each network that `best_of` would make."""
    for step in saved.study.best if saved.study else ():
        for kind in ("params", "state"):
            saving.check_array(saved.path, _name(step, kind), getattr(network, kind).shape, saved.arrays)


def _name(step: int, kind: str) -> str:
    return f"best/{step}/{kind}"


def _best_steps(session: Any) -> dict[int, str]:
    """The steps that were best by what is validated, or by the loss, each with the first such key."""
    steps: dict[int, str] = {}
    for key in [key for key in session.trace.keys if key.startswith("validation_")] or ["loss"]:
        try:
            steps.setdefault(session.best(key).step, key)
        except (LookupError, ValueError):
            # Nothing is recorded, or nobody knows which way is better.
            continue
    return dict(list(steps.items())[:MOST])


def _seconds_to(session: Any, step: int) -> float:
    """About how long it takes to reach the weights of `step` again."""
    seconds = session.trace["seconds"][-1000:]
    if len(seconds) < 2:
        return 0.0
    # The median, since the first steps wait for a compiler, and others for whatever else the machine does.
    return (step - session.history.nearest(step)[0]) * float(np.median(np.diff(seconds)))
