"""A training in one file: network, optimizer, and where in the data it stands, to go on from exactly."""

from __future__ import annotations

import os
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from cortex_lab.nn import saving
from cortex_lab.optimize.optimizer import optimizer_from_dict

if TYPE_CHECKING:
    from cortex_lab.nn.training import Training


def save_training(training: Training, path: str | os.PathLike) -> None:
    """Write everything that going on needs, atomically; `Network.load` reads the network alone out of it.

    The data itself is not saved: batches are a function of (seed, step), so the step says where it stands.
    """
    description, arrays = saving.describe_network(training.network)
    to_numpy = training.network.ops.to_numpy
    numbers = {}
    for name, value in training.optimizer_state.items():
        if hasattr(value, "shape"):
            arrays[f"optimizer/{name}"] = to_numpy(value)
        else:
            numbers[name] = value
    arrays |= {f"loss/{name}": to_numpy(array) for name, array in training.objective.state.items()}
    excluded = np.asarray(getattr(training.batches, "excluded", ()), dtype=np.int64)
    description |= {
        "kind": "training",
        "step": training.step_number,
        "optimizer": training.optimizer.to_dict(),
        "optimizer_state": numbers,
        "hyperparameters": training.hyperparameters,
        "excluded_rows": excluded.tolist(),
        "frozen": list(training.frozen.patterns),
        **_identity(training),
    }
    saving.write(path, description, arrays)


def load_training(
    training: Training, path: str | os.PathLike, names: Mapping[str, Any] = MappingProxyType({})
) -> None:
    """Put a training set up as the saved one was into the state that was saved.

    `names`, of columns and classes, are those of the data here; files of long ago do not tell theirs.

    ValueError if it was set up differently, `DamagedFile` if the file is not whole; nothing has changed then.
    """
    description, arrays = saving.read(path)
    if description.get("kind") != "training":
        raise ValueError(f"{path} holds a {description.get('kind')}, not a training")
    for name, ours in _identity(training).items():
        if description.get(name) != ours:
            raise ValueError(
                f"{path} was saved from a training with another {name.replace('_', ' ')}: "
                f"{description.get(name)!r}, here {ours!r}; set it up in the same way"
            )
    for name, ours in names.items():
        theirs = saving.names_of(description).get(name)
        if theirs and ours and theirs != ours:
            raise ValueError(
                f"{path} was saved from a training on other {'columns' if name == 'reads' else 'classes'}: "
                f"{theirs}, here {ours}; give the data as they were"
            )
    if description["graph"] != training.network.graph.to_dict():
        raise ValueError(
            f"{path} holds another network than the one given; Network.load(path) reads that one"
        )
    snapshot = training.snapshot()
    ops = training.network.ops
    state = training.optimizer_state | {
        name.removeprefix("optimizer/"): ops.asarray(array, array.dtype)
        for name, array in arrays.items()
        if name.startswith("optimizer/")
    }
    excluded = description["excluded_rows"]
    batches: Any = training.batches
    snapshot |= {
        "step": description["step"],
        "optimizer": optimizer_from_dict(description["optimizer"]),
        "optimizer_state": state | description["optimizer_state"],
        "loss_state": {name: ops.asarray(arrays[f"loss/{name}"]) for name in training.objective.state},
        "hyperparameters": description["hyperparameters"],
        "batches": batches.excluding(excluded) if excluded else batches,
        "frozen": tuple(description.get("frozen", ())),
    }
    saving.fill_network(training.network, arrays)
    training.restore(
        snapshot | {"params": training.network.params.copy(), "state": training.network.state.copy()}
    )


def _identity(training: Training) -> dict[str, Any]:
    """What has to be the same for the steps to go on as they would have."""
    return {
        "draw_seed": training.seed,
        "batch_size": training.batches.batch_size,
        "losses": {name: loss.to_dict() for name, loss in training.losses.items()},
        "loss_weights": training.objective.weights,
        "penalties": training.penalties.to_dict() if training.penalties else None,
        "augment": training.augmenter.to_dict() or None,
    }
