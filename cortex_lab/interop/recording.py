"""What a network gave layer by layer for some input, in one HDF5 file: made by a recorder, read with care."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from cortex_lab.ground import hdf5
from cortex_lab.ground.files import DamagedFile, write_whole

KIND = "recorded by cortex_lab"
FORMAT = "1"
_GROUPS = ("inputs", "layers")


@dataclass(frozen=True)
class RecordedLayers:
    """Inputs by name, and the outputs of layers by name, in the order in which they ran."""

    inputs: Mapping[str, np.ndarray]
    layers: Mapping[str, np.ndarray]

    def save(self, path: str | os.PathLike) -> None:
        """Write it whole, or not at all; OSError says why."""

        def fill(file: Any) -> None:
            file.attrs["recording"] = np.bytes_(FORMAT)
            for group, arrays in zip(_GROUPS, (self.inputs, self.layers), strict=True):
                for number, (name, array) in enumerate(arrays.items()):
                    # Names of layers may have any letters, and links sort by name: so the order goes first.
                    file.create_dataset(f"{group}/{number:05d} {name.replace('/', '.')}", data=array)

        write_whole(path, hdf5.image(fill))

    @classmethod
    def load(cls, path: str | os.PathLike) -> RecordedLayers:
        """The recording in a file; `DamagedFile` if it is none, or not whole."""
        with hdf5.opened(path, KIND) as file:
            if hdf5.text_attribute(file, "recording", path) != FORMAT:
                raise DamagedFile(path, "is a recording of another version", remedy="record it anew")
            stored = hdf5.datasets(file, path, lambda name: name.split("/")[0] in _GROUPS)
            found: dict[str, dict[str, np.ndarray]] = {group: {} for group in _GROUPS}
            for name in sorted(stored):
                group, _, key = name.partition("/")
                found[group][key.partition(" ")[2]] = hdf5.numbers(stored[name])
        if not found["layers"]:
            raise DamagedFile(path, "has no outputs of layers", remedy="record it anew")
        return cls(found["inputs"], found["layers"])


def as_recording(recorded: Any) -> RecordedLayers:
    """A recording, a file of one, or arrays by the names of layers, such as `numpy.load("outputs.npz")`.

    In a mapping, "layer/NAME" is an output, too, and "input_0" or "inputs/NAME" an input.
    """
    if isinstance(recorded, RecordedLayers):
        return recorded
    if isinstance(recorded, (str, os.PathLike)):
        return RecordedLayers.load(recorded)
    if not isinstance(recorded, Mapping):
        raise TypeError(
            "recorded must be a file that was recorded, or arrays by the names of layers, got "
            f"{type(recorded).__name__}"
        )
    inputs, layers = {}, {}
    for name in recorded:
        if name.startswith("final_"):
            continue
        kind, _, rest = name.partition("/")
        own = rest if kind in ("layer", "layers", "inputs") and rest else name
        into = inputs if kind == "inputs" or (name.startswith("input_") and name[6:].isdigit()) else layers
        into[own] = np.asarray(recorded[name])
    return RecordedLayers(inputs, layers)
