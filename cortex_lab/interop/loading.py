"""Weights alone, into a network of one's own: `read_weights`."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass

import h5py
import numpy as np

from cortex_lab.ground import checks
from cortex_lab.ground.files import DamagedFile, size_of
from cortex_lab.interop import keras_files
from cortex_lab.interop.keras_weights import REMEDY, Stored, keras_snake_case, numbered
from cortex_lab.interop.weights_files import held, is_safetensors, read_arrays
from cortex_lab.nn import Layer, Network
from cortex_lab.nn import layers as ours
from cortex_lab.nn.graph.graph import PlacedNode

_PROJECTIONS = ("query", "key", "value", "output")
_KEY = re.compile(r"layers/([a-z0-9_]+?)(?:_(\d+))?/.*")


@dataclass(frozen=True)
class _Wanted:
    """A node with weights: the names of its arrays in Keras' order, and the groups that keep them."""

    node: PlacedNode
    arrays: dict[str, tuple[int, ...]]
    groups: tuple[str, ...]


def read_weights(
    network: Network, path: str | os.PathLike, *, by_name: bool = False, allow_nan: bool = False
) -> Network:
    """Put the weights of a file into `network`, which has the same layers; returns the network.

        cl.interop.read_weights(network, "model.weights.h5")
        cl.interop.read_weights(network, "net.safetensors")

    Reads `.weights.h5` and `.keras` of Keras 3, where layers are matched class by class in their order, and
    legacy `.h5` of all versions, where they are matched in their order; with `by_name` by the names of nodes.
    Those of a legacy file whose names are all known, but stand in another order, go nowhere unless `by_name`
    says so. Of safetensors, arrays go by name, as `write_weights` calls them. `DamagedFile` names what does
    not fit; the network then stays as it was.
    """
    checks.instance("network", network, Network, "a network")
    checks.flag("by_name", by_name)
    size_of(path)
    values = _by_array(network, path) if is_safetensors(path) else _of_keras(network, path, by_name)
    for name, value in values.items():
        if not allow_nan and not np.isfinite(value).all():
            raise DamagedFile(
                path, f"has NaN or infinite numbers in {name!r}", name, "read_weights(..., allow_nan=True)"
            )
        if not allow_nan and name.endswith("variance") and (value < 0).any():
            raise DamagedFile(
                path, f"has a variance below 0 in {name!r}", name, "read_weights(..., allow_nan=True)"
            )
    for name, value in values.items():
        (network.parameters if name in network.parameters else network.states)[name] = value
    return network


def _by_array(network: Network, path: str | os.PathLike) -> dict[str, np.ndarray]:
    return read_arrays(path, {name: tuple(array.shape) for name, array in held(network).items()})


def _of_keras(network: Network, path: str | os.PathLike, by_name: bool) -> dict[str, np.ndarray]:
    wanted = [each for each in map(_wanted, network.graph.nodes.values()) if each.arrays]
    with keras_files.opened(path) as file:
        if file.stored is None:
            raise DamagedFile(path, "is a description alone", remedy="name the file of the weights")
        legacy = file.stored.legacy_root()
        if legacy is None:
            pairs = list(_by_class(file.stored, wanted, by_name))
        else:
            pairs = list(_in_order(file.stored, legacy, wanted, by_name))
        for each, datasets in pairs:
            _check(path, each, datasets)
        return {
            f"{each.node.name}/{name}": np.asarray(dataset[()])
            for each, datasets in pairs
            for name, dataset in zip(each.arrays, datasets, strict=True)
        }


def _wanted(node: PlacedNode) -> _Wanted:
    if node.shares is not None:
        return _Wanted(node, {}, ())
    layer, shapes = node.layer, node.in_shapes
    held = {**layer.parameters(*shapes), **layer.state(*shapes)}
    names = [name for name in held if not name.startswith("carried_")]
    inner = layer.layer if isinstance(layer, ours.TimeDistributed) else layer
    if isinstance(inner, ours.MultiHeadAttention):
        names.sort(key=lambda name: _PROJECTIONS.index(name.partition("_")[0]))
    if isinstance(inner, (ours.Normalization, ours.PositionEmbedding)):
        # What is adapted to data is a setting here, and Keras has no such embedding.
        names = []
    return _Wanted(node, {name: tuple(held[name].shape) for name in names}, _groups(layer))


def _groups(layer: Layer) -> tuple[str, ...]:
    if isinstance(layer, ours.TimeDistributed):
        return tuple("/".join(filter(None, ("layer", group))) for group in _groups(layer.layer))
    if isinstance(layer, ours.Bidirectional):
        return "forward_layer/cell", "backward_layer/cell"
    if isinstance(layer, (ours.LSTM, ours.GRU, ours.SimpleRNN)):
        return ("cell",)
    if isinstance(layer, ours.MultiHeadAttention):
        return tuple(f"{name}_dense" for name in _PROJECTIONS)
    return ("",)


Pair = tuple[_Wanted, list[h5py.Dataset]]


def _by_class(stored: Stored, wanted: list[_Wanted], by_name: bool) -> Iterator[Pair]:
    """Layers of a class in their order, as the counters of Keras 3 count them."""
    if by_name:
        raise DamagedFile(
            stored.path, "keys weights by class and counter, and not by name", remedy="leave by_name out"
        )
    used: set[str] = set()
    counts: dict[str, int] = {}
    for each in wanted:
        kind = keras_snake_case(type(each.node.layer).__name__)
        keys = sorted((key for key in _keys(stored) if key[0] == kind), key=lambda key: key[1])
        place = counts.get(kind, 0)
        counts[kind] = place + 1
        if place >= len(keys):
            raise _lacking(stored, each, f"there are {len(keys)} of the class {kind!r}")
        group = f"layers/{kind}" + (f"_{keys[place][1]}" if keys[place][1] else "")
        names = []
        for part in each.groups:
            inside = f"{group}/{part}/vars" if part else f"{group}/vars"
            names += sorted(stored.by_group.get(inside, ()), key=numbered)
        used |= set(names)
        yield each, [stored.arrays[name] for name in names]
    _refuse_others(stored, used)


def _keys(stored: Stored) -> set[tuple[str, int]]:
    """(class, counter) of all that has weights."""
    found = {_KEY.fullmatch(name) for name in stored.arrays if "/seed_generator/" not in name}
    return {(each[1], int(each[2] or 0)) for each in found if each is not None}


def _in_order(stored: Stored, root: str, wanted: list[_Wanted], by_name: bool) -> Iterator[Pair]:
    layers = stored.legacy_layers(root)
    names, here = [name for name, _ in layers], [each.node.name for each in wanted]
    if by_name:
        own = dict(layers)
        for each in wanted:
            if each.node.name not in own:
                raise _lacking(stored, each, f"the layers there are {', '.join(names)}")
            yield each, own[each.node.name]
        return
    if len(layers) != len(wanted):
        raise DamagedFile(
            stored.path,
            f"has {len(layers)} layers with weights ({', '.join(names)}), and the network {len(wanted)} "
            f"({', '.join(here)})",
            remedy="make a network of the same layers, or say by_name=True",
        )
    if names != here and sorted(names) == sorted(here):
        raise DamagedFile(
            stored.path,
            f"has the layers of the network in another order, {', '.join(names)}: by position weights go "
            "elsewhere than by name",
            remedy="say by_name=True if the names are right",
        )
    for each, (_, datasets) in zip(wanted, layers, strict=True):
        yield each, datasets


def _check(path: str | os.PathLike, wanted: _Wanted, datasets: list[h5py.Dataset]) -> None:
    found = [tuple(each.shape) for each in datasets]
    expected = list(wanted.arrays.values())
    name = wanted.node.name
    if found != expected or any(each.dtype.kind != "f" for each in datasets):
        named = ", ".join(f"{key} {shape}" for key, shape in wanted.arrays.items())
        there = ", ".join(map(str, found)) or "nothing"
        raise DamagedFile(
            path, f"does not fit {name!r}: it has {there}, and {named} are wanted", name, REMEDY
        )


def _refuse_others(stored: Stored, used: set[str]) -> None:
    for name in stored.arrays:
        if name.startswith("layers/") and name not in used and "/seed_generator/" not in name:
            remedy = "make a network of the same layers; a model inside a model is read by read_keras"
            raise DamagedFile(stored.path, f"has weights that no layer takes: {name!r}", name, remedy)


def _lacking(stored: Stored, wanted: _Wanted, why: str) -> DamagedFile:
    name = wanted.node.name
    return DamagedFile(
        stored.path, f"has no weights for {name!r}: {why}", name, "make a network of the same layers"
    )
