"""The optimizer that a file of Keras was trained with, and what it remembers, so that training goes on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from cortex_lab.ground.files import DamagedFile
from cortex_lab.interop.building import Built, Leaf, Path
from cortex_lab.interop.keras_files import KerasFile
from cortex_lab.interop.keras_layers import Untranslatable
from cortex_lab.interop.keras_rules import RULES, in_blocks, optimizer_of
from cortex_lab.interop.keras_weights import REMEDY, Found, Place, kinds_of, numbered
from cortex_lab.interop.model import Model
from cortex_lab.nn import Network
from cortex_lab.optimize import Muon, Nadam, Optimizer

# What is moved by a whole step there, and by a gradient here.
_STEPS = {"SGD": -1.0, "RMSprop": 1.0}


@dataclass(frozen=True)
class Resumable:
    """An optimizer with what it remembers: train with `optimizer`, and `put_into` the session first.

    The next update is the one that Keras would make.
    """

    optimizer: Optimizer
    state: Mapping[str, Any]

    def put_into(self, session: Any) -> Any:
        """Have the optimizer of a session, or of a Training, remember what it did in the file."""
        for name, value in self.state.items():
            session.edit(f"optimizer_state[{name!r}]", value)
        return session


def read_optimizer(file: KerasFile, model: Model, built: Built, found: Found, network: Network) -> Resumable:
    """The optimizer of an open file; `Untranslatable` for one that cortex_lab does not have.

    `found` has the weights of each layer in the file.
    """
    said = file.compiled.get("optimizer") or file.compiled.get("optimizer_config")
    if not isinstance(said, dict) or not isinstance(said.get("config"), dict):
        raise Untranslatable(f"{file.path}: was saved without an optimizer; leave optimizer=True out")
    if file.era.major < 2:
        raise Untranslatable(
            f"{file.path}: what optimizers remember is read of Keras 2 and 3; leave optimizer=True out"
        )
    # Keras 2.11 to 2.15 take their own optimizers for custom ones.
    kind, config = str(said.get("class_name")).rpartition(">")[2], said["config"]
    try:
        optimizer = optimizer_of(kind, config, file.era)
    except Untranslatable as error:
        raise Untranslatable(f"{file.path}: its optimizer {error}") from None
    memory = _Memory(file, built, found, _places(file, model, built, found))
    if isinstance(optimizer, Muon):
        optimizer = optimizer.replace(without=tuple(memory.muon_without(network)))
    state: dict[str, Any] = {"updates": memory.count}
    if isinstance(optimizer, Nadam):
        # What its state says of the updates so far follows from how many there were.
        before: dict[str, Any] = {"updates": 0, "momentum_product": 1.0}
        while before["updates"] < min(memory.count, 10**4):
            optimizer.advance(before)
        state["momentum_product"] = before["momentum_product"]
    if not memory.arrays and memory.count == 0:
        return Resumable(optimizer, state)
    rate = optimizer.rate(memory.count)
    for name, arrays in memory.shared_out(optimizer, kind, config).items():
        flat = np.zeros(network.params.shape, np.float64)
        for key, values in memory.by_parameter(arrays):
            view = _views(network, flat)[key]
            if values.shape != view.shape:
                raise memory.wrong(f"keeps {values.shape} for {key}, and {view.shape} is wanted", key)
            view[...] = values
            if isinstance(optimizer, Muon) and name == "mean" and key not in optimizer.without:
                # A sum there, and a mean here; made orthogonal, both are the same.
                view *= 1 - optimizer.momentum if view.ndim > 1 else 1.0
        if name == "velocity" and rate:
            flat *= _STEPS[kind] / rate
        if not np.isfinite(flat).all():
            raise memory.wrong(f"remembers NaN or infinite numbers as {name!r} of its optimizer", name)
        state[name] = flat
    return Resumable(optimizer, state)


class _Memory:
    """How many updates there were, and what is kept for each parameter that was trained, `places`."""

    def __init__(self, file: KerasFile, built: Built, found: Found, places: list[Place]) -> None:
        self.file, self.built, self.found, self.places = file, built, found, places
        stored = file.stored
        assert stored is not None
        if "optimizer_weights" in stored.file:
            listed = stored.listed("optimizer_weights", "weight_names")
            names = [f"optimizer_weights/{each}" for each in listed]
        else:
            names = sorted(stored.by_group.get("optimizer/vars", ()), key=numbered)
            if not names and stored.legacy_root() is None:
                raise Untranslatable(
                    f"{file.path}: has nothing of what its optimizer remembers, as Keras 2 writes those that "
                    "it calls legacy; save the model as .h5, or leave optimizer=True out"
                )
        missing = [name for name in names if name not in stored.arrays]
        if missing:
            raise self.wrong(f"lists {missing[0]!r}, and does not have it", missing[0])
        every = [stored.arrays[name] for name in names]
        # A float in early files; the learning rate is a number, too, and known from the description.
        counts = [each for each in every[:1] if each.shape == ()]
        count = float(counts[0][()]) if counts else 0.0
        if not (0 <= count < 2**62 and count == int(count)):
            raise self.wrong(f"counts {count:g} updates")
        self.count, self.arrays = int(count), [each for each in every if each.shape != ()]

    def shared_out(self, optimizer: Optimizer, kind: str, config: Mapping[str, Any]) -> dict[str, list[Any]]:
        """By our name of what is kept, an array for each place; None where there is none."""
        slots = [name for name in RULES[kind].kept if name in optimizer.arrays]
        wanted, places = len(slots) * len(self.places), range(len(self.places))
        arrays, older = self.arrays, self.file.era.major == 2
        if kind == "Muon":
            return self._of_muon()
        unused = len(arrays) - wanted
        if (
            older
            and unused == len(places)
            and (kind == "SGD" or (kind == "Adam" and all(each.shape == (1,) for each in arrays[wanted:])))
        ):
            # Kept for a momentum of 0, or for an amsgrad that is off.
            arrays = arrays[:wanted]
        if len(arrays) != wanted:
            raise self.wrong(f"has {len(arrays)} arrays of its optimizer, and {wanted} are wanted")
        if in_blocks(kind, config, self.file.era):
            return {name: arrays[k * len(places) : (k + 1) * len(places)] for k, name in enumerate(slots)}
        return {name: arrays[k :: len(slots)] for k, name in enumerate(slots)}

    def by_parameter(self, arrays: list[Any]) -> Iterator[tuple[str, np.ndarray]]:
        """The values of each parameter as it is here, by full name."""
        of_leaf: dict[Path, dict[int, Any]] = {}
        for (path, place), each in zip(self.places, arrays, strict=True):
            of_leaf.setdefault(path, {})[place] = each
        for path, own in of_leaf.items():
            leaf, there = self.built.leaves[path], self.found[path]
            for place, each in own.items():
                if each is not None and (each.shape != there[place].shape or each.dtype.kind != "f"):
                    raise self.wrong(
                        f"keeps {each.shape} of {each.dtype} for {'.'.join(path)!r}, and "
                        f"{there[place].shape} is wanted",
                        path[-1],
                    )
            values = [
                np.zeros(each.shape) if own.get(place) is None else np.asarray(own[place][()], np.float64)
                for place, each in enumerate(there)
            ]
            values = self._converted(path, leaf, values)
            for place in own:
                yield f"{leaf.nodes[0]}/{leaf.made.arrays[place]}", values[place]

    def _converted(self, path: Path, leaf: Leaf, values: list[np.ndarray]) -> list[np.ndarray]:
        """What is kept moves as the weights did, if they only moved."""
        convert = leaf.made.convert
        if convert is None:
            return values
        ends = np.cumsum([0, *(each.size for each in values)])
        numbers = [
            np.arange(start, start + each.size, dtype=np.float64).reshape(each.shape)
            for start, each in zip(ends, values, strict=False)
        ]
        moved = np.concatenate([np.asarray(each).reshape(-1) for each in convert(numbers)])
        if len(convert(numbers)) != len(values) or not np.array_equal(np.sort(moved), np.arange(ends[-1])):
            raise Untranslatable(
                f"{self.file.path}: layer {'.'.join(path)!r} has its weights in another form here, so what "
                "its optimizer remembers of them is not read"
            )
        return convert(values)

    # Muon ---------------------------------------------------------------------------------------------------

    def _is_adams(self, place: Place) -> bool:
        path, number = place
        name = "/".join([*path, self.built.leaves[path].made.arrays[number]])
        return len(self.found[path][number].shape) != 2 or "embedding" in name.lower()

    def muon_without(self, network: Network) -> Iterator[str]:
        """The arrays with two axes and more that AdamW takes in Keras, too."""
        for path, number in self.places:
            leaf = self.built.leaves[path]
            name = f"{leaf.nodes[0]}/{leaf.made.arrays[number]}"
            shape = network.parameters[name].shape
            if self._is_adams((path, number)):
                if len(shape) > 1:
                    yield name
            elif min(shape) == 1:
                raise Untranslatable(
                    f"{self.file.path}: its optimizer takes {name!r}, of {shape}, for a matrix, and ours "
                    "does not"
                )

    def _of_muon(self) -> dict[str, list[Any]]:
        """Momentum and, where AdamW is at work, a mean of squares follow each other."""
        kept: dict[str, list[Any]] = {"mean": [], "square": []}
        rest = list(self.arrays)
        for place in self.places:
            adams = self._is_adams(place)
            if len(rest) < 1 + adams:
                raise self.wrong("has fewer arrays of its optimizer than are wanted")
            kept["mean"].append(rest.pop(0))
            kept["square"].append(rest.pop(0) if adams else None)
        if rest:
            raise self.wrong(f"has {len(rest)} arrays of its optimizer that are not wanted")
        return kept

    def wrong(self, why: str, where: str = "optimizer") -> DamagedFile:
        return DamagedFile(self.file.path, why, where, REMEDY)


def _places(file: KerasFile, model: Model, built: Built, found: Found) -> list[Place]:
    """Everything that Keras trained, in its order."""
    places = [place for entry in model.entries for place in kinds_of(entry, (), built.leaves, file.era)[0]]
    if file.era.version < (2, 0, 6):
        # Until then by the names of the weights, as texts: batch_normalization_10 before _2.
        return sorted(places, key=lambda place: _own_name(found, place))
    return places


def _own_name(found: Found, place: Place) -> str:
    """What Keras called a weight: its place in the file less the groups of the layer."""
    path, number = place
    dataset = found[path][number]
    whole = str(dataset.name).removeprefix("/model_weights").removeprefix("/")
    return whole.removeprefix(f"{path[0]}/")


def _views(network: Network, flat: np.ndarray) -> dict[str, np.ndarray]:
    views, start = {}, 0
    for name, array in network.parameters.items():
        views[name] = flat[start : start + array.size].reshape(array.shape)
        start += array.size
    return views
