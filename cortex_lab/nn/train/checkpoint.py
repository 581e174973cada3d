"""A training in one file: network, optimizer, place in the data and what was recorded, to go on exactly."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from cortex_lab.ground import checks
from cortex_lab.nn.contract.loss import loss_from_dict
from cortex_lab.nn.contract.penalties import Penalties
from cortex_lab.nn.graph.graph import Graph
from cortex_lab.nn.run import saving
from cortex_lab.nn.run.network import Network
from cortex_lab.nn.train.best_networks import check_best, describe_best
from cortex_lab.nn.train.compared import (
    as_once_written,
    content,
    described,
    freezes_as,
    identity,
    plain,
    with_later,
)
from cortex_lab.nn.train.freezing import Frozen
from cortex_lab.nn.train.saved import Saved
from cortex_lab.nn.train.saved_study import SavedStudy, describe_study
from cortex_lab.nn.train.training import Training
from cortex_lab.optimize import Optimizer, as_optimizer
from cortex_lab.optimize.optimizer import optimizer_from_dict
from cortex_lab.study import Session

_SAID_BY = {
    "draw_seed": "seed",
    "shards": "shards",
    "batch_size": "batch_size",
    "losses": "loss",
    "loss_weights": "loss_weights",
    "penalties": "penalties",
    "augment": "augment",
    "training_data": "data",
    "weights_of_rows": "sample_weight and class_weight",
    "validation_rows": "validation",
}
_SINGLE = ("draw_seed", "batch_size", "augment")
_OF_ROWS = ("training_data", "weights_of_rows", "validation_rows")


def save_training(
    training: Training,
    path: str | os.PathLike,
    session: Session | None = None,
    best: Mapping[int, Network] = MappingProxyType({}),
    maps: tuple[list[dict[str, Any]], Mapping[str, np.ndarray]] = ([], MappingProxyType({})),
) -> None:
    """Write everything that going on needs, atomically; `Network.load` reads the network alone out of it.

    The data itself is not saved: batches are a function of (seed, step), so the step says where it stands,
    and a checksum whether the data is the same. With `session` its trace and what runs and acts in it, too,
    the networks of the `best` steps so far, and `maps` as they are described, with their arrays.
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
    began = training.set_up
    description |= {
        "kind": "training",
        "step": training.step_number,
        "optimizer": training.optimizer.to_dict(),
        "optimizer_state": numbers,
        "hyperparameters": training.hyperparameters,
        "excluded_rows": excluded.tolist(),
        "relabeled_rows": _pairs(getattr(training.batches, "relabeled_rows", {})),
        "reweighted_rows": list(map(list, getattr(training.batches, "reweighted_rows", {}).items())),
        "frozen": list(training.frozen.patterns),
        "set_up": {"optimizer": described(began["optimizer"]), "frozen": list(began["frozen"])},
        **identity(training),
        **content(training, training.batches, training.step_number),
    }
    if session is not None:
        description["study"] = plain(describe_study(session)) | {"best": list(best)}
        arrays |= describe_best(best)
        if maps[0]:
            description["maps"] = maps[0]
            arrays |= maps[1]
        arrays["trace"] = np.stack([session.trace[key] for key in session.trace.keys])
    saving.write(path, description, arrays)


def read_training(path: str | os.PathLike) -> Saved:
    """The content of a training's file; ValueError for another kind, `DamagedFile` for what cannot be."""

    def look(description: dict[str, Any]) -> tuple[dict[str, Any], Graph]:
        if description.get("kind") != "training":
            raise ValueError(f"{path} holds a {checks.shown(description.get('kind'))}, not a training")
        # Written as this version writes it: classes of one's own once went by their names alone.
        with saving.reading(path, "losses"):
            losses = {name: loss_from_dict(loss).to_dict() for name, loss in description["losses"].items()}
        with saving.reading(path, "penalties"):
            penalties = description["penalties"] and Penalties.from_dict(description["penalties"]).to_dict()
        with saving.reading(path, "graph"):
            graph = Graph.from_dict(description["graph"])
        with saving.reading(path, "set_up"):
            began = _set_up(description.get("set_up"))
        saving.whole_number(path, description, "seed")
        changed = {"losses": losses, "penalties": penalties or None, "graph": graph.to_dict()}
        # Files of before there were any do not say it.
        changed["shards"] = description.get("shards", 1)
        return {**description, **changed, "set_up": began}, graph

    description, arrays = saving.read(path, look)
    with saving.reading(path, "study"):
        about = description.get("study")
        study = None if about is None else SavedStudy.of(about, arrays["trace"], description["step"])
    return Saved(path, description, arrays, study)


def _set_up(said: Any) -> dict[str, Any] | None:
    """What a file says of how a training began; None in an older one."""
    if said is None:
        return None
    checks.text("kind of the optimizer", said["optimizer"]["kind"])
    frozen = [checks.text("frozen", each) for each in checks.listed("frozen", said["frozen"])]
    return {"optimizer": dict(said["optimizer"]), "frozen": frozen}


def optimizer_of(saved: Saved | None, given: Any, new: bool, network: Network) -> Optimizer:
    """The optimizer to set a training up with: the one given, or the file's."""
    if new and (saved is None or given is None):
        raise ValueError("new_optimizer=True begins with the optimizer given, at the step of resume_from=...")
    if saved is not None and given is None:
        with saving.reading(saved.path, "optimizer"):
            optimizer = optimizer_from_dict(saved.description["optimizer"])
            if saved.description["graph"] == network.graph.to_dict():
                # Names of parameters in it are of this network, or of none.
                optimizer.init(network.ops, network.params, _shapes(network))
            return optimizer
    return as_optimizer(given)


def check_validated(training: Training, saved: Saved, validation: Any) -> None:
    """ValueError where the saved training was validated and this one is not; a warning where None says so."""
    if training.validation is not None or saved.description.get("validation_rows") is None:
        return
    if validation is not None:
        raise ValueError(
            f"{saved.path} was saved from a training with validation rows, and here there are none; give the "
            "same, validation=(inputs, targets), or say that it goes on without: validation=None"
        )
    warnings.warn(
        f"{saved.path} was saved from a training with validation rows; it goes on without, so what waits for "
        "them, such as a condition, waits in vain",
        UserWarning,
        stacklevel=3,
    )


def load_training(
    training: Training,
    saved: Saved,
    new_optimizer: bool = False,
    names: Mapping[str, Any] = MappingProxyType({}),
) -> None:
    """Put a training set up as the saved one was into the state that was saved.

    With `new_optimizer` it keeps its optimizer, as new. `names`, of columns and classes, are those of the
    data here; files of long ago do not tell theirs. ValueError if it was set up differently; nothing has
    changed then.
    """
    path, description, arrays = saved.path, saved.description, saved.arrays
    if description["graph"] != training.network.graph.to_dict():
        raise ValueError(
            f"{path} holds another network than the one given; Network.load(path) reads that one"
        )
    for name, ours in names.items():
        theirs = saving.names_of(description).get(name)
        if theirs and ours and theirs != ours:
            raise ValueError(
                f"{path} was saved from a training on other {'columns' if name == 'reads' else name}: "
                f"{theirs}, here {ours}; give the data as they were"
            )
    step, batches = saving.whole_number(path, description, "step"), _left_in(training, saved)
    rows = content(training, batches, step, description.get("training_data"))
    # What an older file does not know of cannot be compared; and one may cease to validate, or begin to.
    known = {name: ours for name, ours in rows.items() if name in description}
    if None in (known.get("validation_rows"), description.get("validation_rows")):
        known.pop("validation_rows", None)
    for name, ours in (identity(training) | known).items():
        theirs = description.get(name)
        if theirs != plain(ours) and (theirs is None or theirs != as_once_written(training, name)):
            called = f"{'another' if name in _SINGLE else 'other'} {name.replace('_', ' ')}"
            raise ValueError(
                f"{path} was saved from a training with {called}{_in_words(name, theirs, ours)}; "
                f"set it up in the same way, with the same {_SAID_BY[name]}"
            )
        if name == "training_data" and theirs != plain(ours):
            warnings.warn(
                f"{path} was saved by a version that rounded data to float32; from here on they are read as "
                "given, so steps differ from that version's where that makes a difference",
                UserWarning,
                stacklevel=4,
            )
    began = description["set_up"] or {}
    if not new_optimizer:
        _check_optimizer(path, description, training.optimizer)
    here = list(training.frozen.patterns)
    # Not said is as it stands there.
    if here and "frozen" in began and not freezes_as(training, began["frozen"], description["frozen"]):
        raise ValueError(
            f"{path} was saved from a training with frozen={began['frozen']}, here {here}; "
            'set it up in the same way, then session.edit("frozen", [...])'
        )
    check_best(saved, training.network)
    loaded = _loaded(training, saved) | {"step": step, "batches": batches}
    if not new_optimizer:
        loaded |= _optimizer_part(training, saved)
    before = training.snapshot()
    try:
        saving.fill_network(training.network, arrays, path)
        network = {"params": training.network.params.copy(), "state": training.network.state.copy()}
        with saving.reading(path, "frozen"):
            training.restore(before | loaded | network)
    except BaseException:
        training.restore(before)
        raise
    if not new_optimizer and began.get("optimizer", {}).get("kind"):
        training.was_set_up(optimizer=began["optimizer"])
    training.was_set_up(frozen=tuple(began.get("frozen", training.set_up["frozen"])))


def _in_words(name: str, theirs: Any, ours: Any) -> str:
    """What stands in the file, and what here; of checksums, only whether there was anything."""
    if name not in _OF_ROWS:
        return f": {checks.shown(theirs)}, here {checks.shown(ours)}"
    if isinstance(theirs, Mapping) and isinstance(ours, Mapping):
        told = [key for key in theirs if key != "checksum" and theirs[key] != ours.get(key)]
        return "".join(
            f", {key} {checks.shown(theirs[key])}, here {checks.shown(ours.get(key))}" for key in told
        )
    if theirs is None or ours is None:
        return ", which has none" if theirs is None else ", and here there are none"
    return ""


def _left_in(training: Training, saved: Saved) -> Any:
    with saving.reading(saved.path, "excluded_rows"):
        rows, batches = checks.listed("excluded_rows", saved.description["excluded_rows"]), training.batches
        excluded = [checks.whole("an excluded row", row) for row in rows]
        batches = batches.excluding(excluded) if excluded else batches  # type: ignore[attr-defined]
    with saving.reading(saved.path, "relabeled_rows"):
        others = {name: dict(pairs) for name, pairs in saved.description.get("relabeled_rows", {}).items()}
        named = others["targets"] if set(others) == {"targets"} else others
        batches = batches.relabeling(named) if others else batches  # type: ignore[attr-defined]
    with saving.reading(saved.path, "reweighted_rows"):
        weights = dict(saved.description.get("reweighted_rows", ()))
        return batches.reweighting(weights) if weights else batches  # type: ignore[attr-defined]


def _pairs(by_name: Mapping[str, Mapping[int, Any]]) -> dict[str, list[list[Any]]]:
    """Dicts by row number as JSON has them."""
    return {name: [list(pair) for pair in rows.items()] for name, rows in by_name.items()}


def _loaded(training: Training, saved: Saved) -> dict[str, Any]:
    """What the file says beside weights and optimizer, each part checked by those whose it is."""
    path, description, arrays, ops = saved.path, saved.description, saved.arrays, training.network.ops
    for name, ours in training.objective.state.items():
        saving.check_array(path, f"loss/{name}", ours.shape, arrays)
    with saving.reading(path, "hyperparameters"):
        hyperparameters = checks.instance("it", description["hyperparameters"], dict, "values by name")
        for name, value in hyperparameters.items():
            training.loader.hyperparameters.check(name, value)
    with saving.reading(path, "frozen"):
        frozen = Frozen(training.network, description.get("frozen", ())).patterns
    return {
        "loss_state": {name: ops.asarray(arrays[f"loss/{name}"]) for name in training.objective.state},
        "hyperparameters": hyperparameters,
        "frozen": frozen,
    }


def _check_optimizer(path: str | os.PathLike, description: Mapping[str, Any], given: Optimizer) -> None:
    """ValueError unless `given` is what the saved training was set up with, or had in the end."""
    ours, stands, began = described(given), description["optimizer"], description.get("set_up")
    if began is None:
        # An older file does not say how it was set up, so only another kind is surely another one.
        same = ours["kind"] == stands["kind"]
        began = {"optimizer": stands}
    else:
        same = ours in (with_later(stands, given), with_later(began["optimizer"], given))
    if same:
        return
    theirs = began["optimizer"] if ours["kind"] == began["optimizer"]["kind"] else stands
    names = [name for name in theirs if name in ours and theirs[name] != ours[name]]
    differences = ", ".join(f"{name} {theirs[name]!r}, here {ours[name]!r}" for name in names)
    raise ValueError(
        f"{path} was saved from a training by another optimizer: {differences}. Leave the optimizer out to "
        f"go on with the file's, or begin with {given!r} as new by new_optimizer=True"
    )


def _optimizer_part(training: Training, saved: Saved) -> dict[str, Any]:
    """The file's optimizer with all that it remembered, and nothing that another did."""
    path, network, ops = saved.path, training.network, training.network.ops
    with saving.reading(path, "optimizer"):
        optimizer = optimizer_from_dict(saved.description["optimizer"])
        fresh = optimizer.init(ops, network.params, _shapes(network))
    with saving.reading(path, "optimizer_state"):
        numbers = dict(saved.description["optimizer_state"])
        saving.whole_number(path, numbers, "updates")
        for name in set(numbers) - {"updates"}:
            if not _is_like(numbers[name], fresh.get(name)):
                raise ValueError(f"{name!r} is not what {type(optimizer).__name__} keeps for this network")
    state = {}
    for name, array in saved.arrays.items():
        if name.startswith("optimizer/"):
            key = name.removeprefix("optimizer/")
            # An edit may have given the optimizer more to remember, a vector like the parameters, than here.
            shape = getattr(fresh.get(key), "shape", network.params.shape)
            saving.check_array(path, name, shape, saved.arrays)
            state[key] = ops.asarray(array, array.dtype)
    for key, value in fresh.items():
        if hasattr(value, "shape") and key not in state:
            raise saving.DamagedFile(path, f"has no 'optimizer/{key}'", f"optimizer/{key}")
    return {"optimizer": optimizer, "optimizer_state": fresh | state | numbers}


def _shapes(network: Network) -> dict[str, tuple[int, ...]]:
    return {name: array.shape for name, array in network.parameters.items()}


def _is_like(value: Any, fresh: Any) -> bool:
    """Whether what an optimizer begins with as `fresh` may become `value`: if a number another, else not."""
    if isinstance(fresh, (int, float)) and not isinstance(fresh, bool):
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    return fresh is not None and plain(fresh) == value
