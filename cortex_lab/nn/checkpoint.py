"""A training in one file: network, optimizer, and where in the data it stands, to go on from exactly."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from cortex_lab.nn import edits, saving
from cortex_lab.nn.freezing import Frozen
from cortex_lab.nn.graph import Graph
from cortex_lab.nn.loss import loss_from_dict
from cortex_lab.nn.penalties import Penalties
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


def load_training(training: Training, path: str | os.PathLike) -> None:
    """Put a training set up as the saved one was into the state that was saved.

    ValueError if it was set up differently, `DamagedFile` if the file is not whole or says what cannot be;
    nothing has changed then.
    """

    def look(description: dict[str, Any], stored: Mapping[str, Any]) -> dict[str, Any]:
        _check_same(training, description, path)
        saving.check_network(path, training.network.graph, stored)
        _check_state(training, stored, path)
        return description

    description, arrays = saving.read(path, look)
    loaded = _loaded(training, description, arrays, path)
    before = training.snapshot()
    try:
        saving.fill_network(training.network, arrays, path)
        network = {"params": training.network.params.copy(), "state": training.network.state.copy()}
        with saving.reading(path, "frozen"):
            training.restore(before | loaded | network)
    except BaseException:
        training.restore(before)
        raise


def _check_same(training: Training, description: Mapping[str, Any], path: str | os.PathLike) -> None:
    if description.get("kind") != "training":
        raise ValueError(f"{path} holds a {description.get('kind')}, not a training")
    # Written as this version writes it: classes of one's own once went by their names alone.
    with saving.reading(path, "losses"):
        losses = {name: loss_from_dict(loss).to_dict() for name, loss in description["losses"].items()}
    with saving.reading(path, "penalties"):
        penalties = description["penalties"] and Penalties.from_dict(description["penalties"]).to_dict()
    with saving.reading(path, "graph"):
        graph = Graph.from_dict(description["graph"]).to_dict()
    description = {**description, "losses": losses, "penalties": penalties}
    for name, ours in _identity(training).items():
        if description.get(name) != ours:
            raise ValueError(
                f"{path} was saved from a training with another {name.replace('_', ' ')}: "
                f"{description.get(name)!r}, here {ours!r}; set it up in the same way"
            )
    if graph != training.network.graph.to_dict():
        raise ValueError(
            f"{path} holds another network than the one given; Network.load(path) reads that one"
        )


def _check_state(training: Training, stored: Mapping[str, Any], path: str | os.PathLike) -> None:
    for name, ours in training.objective.state.items():
        saving.check_array(path, f"loss/{name}", ours.shape, stored)
    for name in stored:
        # An edit may have given the optimizer more to remember, a vector like the parameters, than here.
        if name.startswith("optimizer/"):
            ours = training.optimizer_state.get(name.removeprefix("optimizer/"))
            saving.check_array(path, name, getattr(ours, "shape", training.network.params.shape), stored)


def _loaded(
    training: Training, description: Mapping[str, Any], arrays: Mapping[str, np.ndarray], path: Any
) -> dict[str, Any]:
    """What the file says of the state of a training, its parts checked as those who make them check them."""
    ops, batches = training.network.ops, training.batches
    state = training.optimizer_state | {
        name.removeprefix("optimizer/"): ops.asarray(array, array.dtype)
        for name, array in arrays.items()
        if name.startswith("optimizer/")
    }
    with saving.reading(path, "optimizer"):
        optimizer = optimizer_from_dict(description["optimizer"])
    with saving.reading(path, "optimizer_state"):
        numbers = dict(description["optimizer_state"])
        saving.whole_number(path, numbers, "updates")
        fresh = optimizer.init(ops, training.network.params, _shapes(training))
        for name in set(numbers) - {"updates"}:
            if name not in fresh or json.loads(json.dumps(fresh[name])) != numbers[name]:
                raise ValueError(f"{name!r} is not what {type(optimizer).__name__} keeps for this network")
    with saving.reading(path, "hyperparameters"):
        hyperparameters = dict(description["hyperparameters"])
        for name, value in hyperparameters.items():
            edits.check_hyperparameter(training, name, value)
    with saving.reading(path, "excluded_rows"):
        excluded = description["excluded_rows"]
        batches = batches.excluding(excluded) if excluded else batches  # type: ignore[attr-defined]
    with saving.reading(path, "frozen"):
        frozen = Frozen(training.network, description.get("frozen", ())).patterns
    return {
        "step": saving.whole_number(path, description, "step"),
        "optimizer": optimizer,
        "optimizer_state": state | numbers,
        "loss_state": {name: ops.asarray(arrays[f"loss/{name}"]) for name in training.objective.state},
        "hyperparameters": hyperparameters,
        "batches": batches,
        "frozen": frozen,
    }


def _shapes(training: Training) -> dict[str, tuple[int, ...]]:
    return {name: array.shape for name, array in training.network.parameters.items()}


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
