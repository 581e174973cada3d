"""Small files as Keras writes them, made by hand: to be read without Keras, and to be spoiled."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

Change = Callable[[Any], Any]
Weights = Mapping[str, Sequence[np.ndarray]]


def layer(kind: str, name: str, reads: Sequence[str] | None = None, **config: Any) -> dict[str, Any]:
    """A layer as Keras 3 describes it; `reads` are the layers that a functional model connects it to."""
    found: dict[str, Any] = {"module": "keras.layers", "class_name": kind, "config": {"name": name, **config}}
    if reads is not None:
        found["name"] = name
        found["inbound_nodes"] = [call(*reads)] if reads else []
    return found


def call(*reads: str) -> dict[str, Any]:
    tensors = [
        {"class_name": "__keras_tensor__", "config": {"keras_history": [each, 0, 0]}} for each in reads
    ]
    return {"args": [tensors[0] if len(tensors) == 1 else tensors], "kwargs": {}}


def functional(
    layers: list[Any], inputs: list[str], outputs: list[str], name: str = "model"
) -> dict[str, Any]:
    ends = {
        "input_layers": [[each, 0, 0] for each in inputs],
        "output_layers": [[each, 0, 0] for each in outputs],
    }
    return {"module": "keras", "class_name": "Functional", "config": {"name": name, "layers": layers, **ends}}


def sequential(layers: list[Any], name: str = "model") -> dict[str, Any]:
    return {"module": "keras", "class_name": "Sequential", "config": {"name": name, "layers": layers}}


def dense_net() -> tuple[dict[str, Any], dict[str, list[np.ndarray]]]:
    """A model of two layers called as each other's key, and a batch normalization; and its weights by key."""
    random = np.random.default_rng(0)
    description = functional(
        [
            layer("InputLayer", "x", (), batch_shape=[None, 3]),
            layer("Dense", "dense_1", ["x"], units=3, activation="relu"),
            layer("BatchNormalization", "norm", ["dense_1"], axis=-1, epsilon=0.001),
            layer("Dense", "dense", ["norm"], units=3, activation="linear"),
        ],
        ["x"],
        ["dense"],
    )
    first, second = ([random.normal(size=(3, 3)), random.normal(size=3)] for _ in range(2))
    norm = [random.normal(size=3), random.normal(size=3), random.normal(size=3), random.uniform(1, 2, 3)]
    return description, {"dense": first, "dense_1": second, "batch_normalization": norm}


def hdf5(fill: Change) -> bytes:
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        fill(file)
    return content.getvalue()


def keyed(
    weights: Weights, names: Mapping[str, str] | None = None, change: Change = lambda file: None
) -> bytes:
    """The weights of a `.keras` file by key; `names` are those that their attribute gives."""

    def fill(file: Any) -> None:
        for key, arrays in weights.items():
            group = file.create_group(f"layers/{key}/vars")
            if names and key in names:
                group.attrs["name"] = names[key]
            for place, array in enumerate(arrays):
                group.create_dataset(str(place), data=np.asarray(array, "f4"))
        change(file)

    return hdf5(fill)


def write_keras(
    path: Path,
    description: Any = None,
    weights: Weights | bytes | None = None,
    change: Change = lambda file: None,
    more: Callable[[zipfile.ZipFile], Any] = lambda packed: None,
) -> Path:
    """A `.keras` file, by default that of `dense_net`; `change` spoils its HDF5, `more` its zip."""
    own, own_weights = dense_net()
    stored = (
        weights
        if isinstance(weights, bytes)
        else keyed(own_weights if weights is None else weights, change=change)
    )
    text = (
        description
        if isinstance(description, str)
        else json.dumps(own if description is None else description)
    )
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("metadata.json", json.dumps({"keras_version": "3.15.1"}))
        packed.writestr("config.json", text)
        packed.writestr("model.weights.h5", stored)
        more(packed)
    return path


def write_legacy(
    path: Path,
    description: Any,
    weights: Sequence[tuple[str, Sequence[tuple[str, np.ndarray]]]],
    version: str | None = "2.1.6",
    change: Change = lambda file: None,
    **attributes: Any,
) -> Path:
    """A legacy `.h5`: `weights` are the layers in the file's order, each with its arrays by name."""
    with h5py.File(path, "w") as file:
        root = file
        if description is not None:
            file.attrs["model_config"] = np.bytes_(json.dumps(description).encode())
            root = file.create_group("model_weights")
        if version is not None:
            root.attrs["keras_version"] = np.bytes_(version.encode())
        for name, value in attributes.items():
            root.attrs[name] = np.bytes_(value.encode())
        root.attrs["layer_names"] = np.asarray([name.encode() for name, _ in weights], "S")
        for name, arrays in weights:
            group = root.create_group(name)
            group.attrs["weight_names"] = np.asarray(
                [each.encode() for each, _ in arrays], "S" if arrays else "f8"
            )
            for each, array in arrays:
                group.create_dataset(each, data=np.asarray(array, "f4"))
        change(file)
    return path
