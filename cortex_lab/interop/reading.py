"""Networks out of files of Keras: `read_keras`, and `read_weights` into a network of one's own."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np

from cortex_lab.compute import Ops
from cortex_lab.ground import checks
from cortex_lab.ground.files import DamagedFile
from cortex_lab.interop import keras_files
from cortex_lab.interop.building import Leaf, Path, build
from cortex_lab.interop.keras_config import read_model
from cortex_lab.interop.keras_layers import Untranslatable
from cortex_lab.interop.keras_optimizer import read_optimizer
from cortex_lab.interop.keras_weights import REMEDY, Stored
from cortex_lab.nn import Graph, Network
from cortex_lab.nn.contract.layer import Layer


def read_keras(
    path: str | os.PathLike,
    weights: str | os.PathLike | None = None,
    *,
    input_shape: object = None,
    optimizer: bool = False,
    allow_nan: bool = False,
    ops: str | Ops = "cpu",
) -> Any:
    """The network in a file that Keras saved, with its weights; neither Keras nor TensorFlow is needed.

        network = cl.interop.read_keras("model.keras")
        network = cl.interop.read_keras("model.json", "model.weights.h5")

    Reads `.keras` files, whole models in `.h5` of Keras 3, 2 and 1, and descriptions in JSON with `weights`
    in an `.h5`. Nodes are called as the layers are ("/" becomes "."), those of a model inside "model.layer",
    and call number k of a shared layer "layer@k". `input_shape` is the shape of a row, or a dict of them by
    input, where the file leaves lengths open. Regularizers, constraints and what cells drop in training are
    left out. `verify` says whether it computes what Keras did.

    With `optimizer`, returns the network and a `Resumable`, so that training goes on:

        network, resume = cl.interop.read_keras("model.keras", optimizer=True)
        session = resume.put_into(cl.train(network, (x, y), optimizer=resume.optimizer))

    Nothing in a file is run or looked up outside the table of layers. `DamagedFile` for what is not whole or
    does not fit, ValueError naming the layer for what cortex_lab does not have; NaN in weights and variances
    below 0 are errors, too, unless `allow_nan`.
    """
    checks.flag("optimizer", optimizer)
    checks.flag("allow_nan", allow_nan)
    with keras_files.opened(path, weights) as file:
        if file.description is None:
            raise DamagedFile(
                path,
                "has weights alone",
                remedy="read them into a network of yours: read_weights(network, path)",
            )
        if file.stored is None:
            raise DamagedFile(
                path, "is a description alone", remedy="give the weights too: read_keras(path, weights)"
            )
        model = read_model(file.description, path)
        built = build(path, model, file.era, input_shape)
        found = file.stored.of_model(model, built.leaves, file.era)
        _no_others(file.stored, found)
        loads = [_Load(file.stored, here, built.leaves[here], arrays) for here, arrays in found.items()]
        settled = {name: layer for load in loads for name, layer in load.settled(allow_nan)}
        try:
            graph = built.graph(settled)
        except ValueError as error:
            raise Untranslatable(f"{path}: {error}") from None
        for load in loads:
            load.check(graph)
        network = Network(graph, ops=ops, drawn=False)
        for load in loads:
            load.fill(network, allow_nan)
        return (network, read_optimizer(file, model, built, found, network)) if optimizer else network


@dataclass
class _Load:
    """The weights of one layer on their way."""

    stored: Stored
    path: Path
    leaf: Leaf
    arrays: list[h5py.Dataset]

    @property
    def name(self) -> str:
        return ".".join(self.path)

    def settled(self, allow_nan: bool) -> Iterator[tuple[str, Layer]]:
        """The layers into which weights go that are settings here."""
        made = self.leaf.made
        if made.settle is None:
            return
        values = [np.asarray(each[()], np.float64) for each in self.arrays]
        for name, array in zip(made.arrays, values, strict=False):
            self.look_at(name, array, allow_nan)
        try:
            layer = made.settle(made.layer, values)
        except (ValueError, IndexError) as error:
            raise self.wrong(str(error)) from None
        for node in self.leaf.nodes:
            yield node, layer

    def check(self, graph: Graph) -> None:
        """Compare what is stored with what the graph wants, before there is room for either."""
        made, node = self.leaf.made, graph.nodes[self.leaf.nodes[0]]
        if made.settle is not None:
            return
        self.wanted = {
            **{name: each.shape for name, each in node.layer.parameters(*node.in_shapes).items()},
            **{name: each.shape for name, each in node.layer.state(*node.in_shapes).items()},
        }
        for each in self.arrays:
            if each.dtype.kind != "f":
                raise self.wrong(f"{each.name!r} holds {each.dtype}, and weights are real numbers")
        if made.convert is not None:
            count = sum(int(np.prod(self.wanted[name])) for name in made.arrays)
            if sum(each.size for each in self.arrays) != count:
                raise self.wrong(
                    f"it has {sum(each.size for each in self.arrays)} numbers, and {count} are wanted"
                )
            return
        if len(self.arrays) != len(made.arrays):
            raise self.wrong(f"it has {len(self.arrays)} arrays, and {', '.join(made.arrays)} are wanted")
        for name, each in zip(made.arrays, self.arrays, strict=True):
            if each.shape != self.wanted[name]:
                raise self.wrong(
                    f"{name!r} has shape {each.shape} in the file, {self.wanted[name]} in the model"
                )

    def fill(self, network: Network, allow_nan: bool) -> None:
        """Read the weights into the network."""
        made = self.leaf.made
        if made.settle is not None:
            return
        values: Any = self.arrays
        if made.convert is not None:
            try:
                values = made.convert([np.asarray(each[()]) for each in self.arrays])
            except (ValueError, IndexError) as error:
                raise self.wrong(f"its arrays do not go together ({error})") from None
        for name, value in zip(made.arrays, values, strict=True):
            # What is trained is shared by all calls; what is not, each keeps for itself.
            targets = [f"{node}/{name}" for node in self.leaf.nodes]
            for target in targets:
                held = network.parameters if target in network.parameters else network.states
                if target in held:
                    if value.shape != self.wanted[name]:
                        raise self.wrong(f"{name!r} has shape {value.shape}, {self.wanted[name]} is wanted")
                    self.put(held, target, value)
                    self.look_at(name, network.ops.to_numpy(held[target]), allow_nan)

    @staticmethod
    def put(held: Any, target: str, value: Any) -> None:
        view = held[target]
        if (
            isinstance(value, h5py.Dataset)
            and isinstance(view, np.ndarray)
            and view.ndim
            and view.flags.c_contiguous
        ):
            # Nobody else has the network yet, and large arrays are read once, where they belong.
            value.read_direct(view)
        else:
            held[target] = np.asarray(value[()] if isinstance(value, h5py.Dataset) else value)

    def look_at(self, name: str, values: np.ndarray, allow_nan: bool) -> None:
        """An error for weights that can only be a mistake."""
        if allow_nan:
            return
        remedy = "save the model anew, or look at it as it is: read_keras(path, allow_nan=True)"
        if not np.isfinite(values).all():
            count = int(np.count_nonzero(~np.isfinite(values)))
            why = f"has {count:,} NaN or infinite of {values.size:,} numbers in {name!r} of {self.name!r}"
            raise DamagedFile(self.stored.path, why, self.name, remedy)
        if name.endswith("variance") and (values < 0).any():
            why = f"has a variance below 0, {values.min():g}, as {name!r} of the layer {self.name!r}"
            raise DamagedFile(self.stored.path, why, self.name, remedy)

    def wrong(self, why: str) -> DamagedFile:
        return DamagedFile(
            self.stored.path, f"does not fit the layer {self.name!r}: {why}", self.name, REMEDY
        )


def _no_others(stored: Stored, found: Mapping[Path, list[h5py.Dataset]]) -> None:
    """Weights that no layer takes are a sign that something was counted differently."""
    used = {dataset.name for arrays in found.values() for dataset in arrays}
    for name in stored.arrays:
        beside = name.startswith(("optimizer", "metrics", "_metrics")) or "/seed_generator/" in f"/{name}"
        if f"/{name}" not in used and not beside:
            raise DamagedFile(
                stored.path, f"has weights that no layer of the model takes: {name!r}", name, REMEDY
            )
