"""The optimizer that a file of Keras was trained with, and what it remembers, so that training goes on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np

from cortex_lab.ground.files import DamagedFile
from cortex_lab.interop.building import Built
from cortex_lab.interop.keras_files import KerasFile
from cortex_lab.interop.keras_layers import Untranslatable
from cortex_lab.interop.keras_weights import REMEDY, kinds_of, numbered
from cortex_lab.interop.model import Model
from cortex_lab.nn import Network
from cortex_lab.optimize import OPTIMIZERS, Optimizer

_BETAS = ("beta_1", "beta_2")
# By class of Keras: settings that both have, our names of what it keeps for each parameter, in its order.
_KEPT: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "SGD": (("momentum", "nesterov"), ("velocity",)),
    "Adam": ((*_BETAS, "epsilon"), ("mean", "square")),
    "AdamW": ((*_BETAS, "epsilon"), ("mean", "square")),
    "RMSprop": (("rho", "momentum", "epsilon", "centered"), ("square", "velocity", "mean")),
    "Adagrad": (("epsilon",), ("square",)),
    "Adadelta": (("rho", "epsilon"), ("square", "step_square")),
    "Lion": (_BETAS, ("mean",)),
}
# What is moved by a whole step there, and by a gradient here.
_STEPS = {"SGD": -1.0, "RMSprop": 1.0}


@dataclass(frozen=True)
class Resumable:
    """An optimizer with what it remembers: train with `optimizer`, and `put_into` the session first.

    The next update is Keras', but for where epsilon stands: under the root in its RMSprop and Adagrad.
    """

    optimizer: Optimizer
    state: Mapping[str, Any]

    def put_into(self, session: Any) -> Any:
        """Have the optimizer of a session, or of a Training, remember what it did in the file."""
        for name, value in self.state.items():
            session.edit(f"optimizer_state[{name!r}]", value)
        return session


def read_optimizer(file: KerasFile, model: Model, built: Built, network: Network) -> Resumable:
    """The optimizer of an open file; `Untranslatable` for one that cortex_lab does not have."""
    said = file.compiled.get("optimizer") or file.compiled.get("optimizer_config")
    if not isinstance(said, dict) or not isinstance(said.get("config"), dict):
        raise Untranslatable(f"{file.path}: was saved without an optimizer; leave optimizer=True out")
    if file.era.major < 3:
        raise Untranslatable(
            f"{file.path}: what optimizers remember is read of Keras 3 alone; leave optimizer=True out"
        )
    kind, config = str(said.get("class_name")), said["config"]
    if kind not in _KEPT:
        there = ", ".join(_KEPT)
        raise Untranslatable(f"{file.path}: its optimizer is {kind}, which is not read; {there} are")
    optimizer = _optimizer(file, kind, config)
    slots = [name for name in _KEPT[kind][1] if name in optimizer.arrays]
    count, arrays = _arrays(file)
    places = _places(file, model, built)
    if not arrays and count == 0:
        return Resumable(optimizer, {"updates": 0})
    if len(arrays) != len(slots) * len(places):
        why = f"has {len(arrays)} arrays of its optimizer, and {len(slots) * len(places)} are wanted"
        raise DamagedFile(file.path, why, "optimizer", REMEDY)
    state: dict[str, Any] = {"updates": count}
    rate = optimizer.rate(0)
    for slot, name in enumerate(slots):
        flat = np.zeros(network.params.shape, np.float64)
        views = _views(network, flat)
        for place, (node, key) in enumerate(places):
            at = slot * len(places) + place if kind == "RMSprop" else place * len(slots) + slot
            view, dataset = views[f"{node}/{key}"], arrays[at]
            if dataset.shape != view.shape or dataset.dtype.kind != "f":
                why = f"keeps {dataset.shape} of {dataset.dtype} for {node}/{key}, and {view.shape} is wanted"
                raise DamagedFile(file.path, why, node, REMEDY)
            view[...] = dataset[()]
        if name == "velocity" and rate:
            flat *= _STEPS[kind] / rate
        if not np.isfinite(flat).all():
            raise DamagedFile(
                file.path, f"remembers NaN or infinite numbers as {name!r} of its optimizer", name, REMEDY
            )
        state[name] = flat
    return Resumable(optimizer, state)


def _optimizer(file: KerasFile, kind: str, config: Mapping[str, Any]) -> Optimizer:
    rate = config.get("learning_rate")
    if not isinstance(rate, (int, float)) or isinstance(rate, bool):
        raise Untranslatable(
            f"{file.path}: the learning rate of its optimizer is a schedule of Keras, which is not read"
        )
    for name in ("amsgrad", "use_ema", "clipnorm", "loss_scale_factor", "gradient_accumulation_steps"):
        if config.get(name):
            raise Untranslatable(f"{file.path}: its optimizer has {name}={config[name]!r}, which is not read")
    given = {name: config[name] for name in _KEPT[kind][0] if config.get(name) is not None}
    given |= {"weight_decay": config.get("weight_decay") or 0.0}
    for theirs, here in (("global_clipnorm", "clip_norm"), ("clipvalue", "clip_value")):
        if config.get(theirs):
            given[here] = config[theirs]
    make: Callable[..., Optimizer] = OPTIMIZERS.find(kind)
    try:
        return make(float(rate), **given)
    except (TypeError, ValueError) as error:
        raise Untranslatable(f"{file.path}: its optimizer cannot be made here: {error}") from None


def _arrays(file: KerasFile) -> tuple[int, list[h5py.Dataset]]:
    """How many updates there were, and what is kept for each parameter, in the file's order."""
    stored = file.stored
    assert stored is not None
    if "optimizer_weights" in stored.file:
        names = [f"optimizer_weights/{each}" for each in stored.listed("optimizer_weights", "weight_names")]
    else:
        names = sorted(stored.by_group.get("optimizer/vars", ()), key=numbered)
    missing = [name for name in names if name not in stored.arrays]
    if missing:
        raise DamagedFile(file.path, f"lists {missing[0]!r}, and does not have it", missing[0], REMEDY)
    found = [stored.arrays[name] for name in names]
    counts = [each for each in found if each.shape == () and each.dtype.kind in "iu"]
    count = int(counts[0][()]) if counts else 0
    if not 0 <= count < 2**62:
        raise DamagedFile(file.path, f"counts {count} updates", "optimizer", REMEDY)
    # The learning rate is a number, too, and known from the description.
    return count, [each for each in found if each.shape != ()]


def _places(file: KerasFile, model: Model, built: Built) -> list[tuple[str, str]]:
    """(node, parameter) for everything that Keras trained, in its order."""
    found = []
    for entry in model.entries:
        for path, place in kinds_of(entry, (), built.leaves, file.era)[0]:
            leaf = built.leaves[path]
            if leaf.made.convert is not None:
                raise Untranslatable(
                    f"{file.path}: layer {'.'.join(path)!r} has its weights in another form here, so what "
                    "its optimizer remembers of them is not read"
                )
            found.append((leaf.nodes[0], leaf.made.arrays[place]))
    return found


def _views(network: Network, flat: np.ndarray) -> dict[str, np.ndarray]:
    views, start = {}, 0
    for name, array in network.parameters.items():
        views[name] = flat[start : start + array.size].reshape(array.shape)
        start += array.size
    return views
