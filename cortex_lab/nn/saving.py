"""Networks and trainings in one HDF5 file: description as JSON, arrays as datasets, never pickle.

Written beside the target and moved into its place, so that a crash in the middle leaves the earlier file
whole; a digest over everything is checked when the file is read.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

FORMAT = 1


class DamagedFile(ValueError):
    """A file that is not what was saved: cut off, changed, or of another kind."""


def write(path: str | os.PathLike, description: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
    """Save JSON-able `description` and named `arrays` atomically; "/" in a name makes groups."""
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"cannot save to {path}: there is no folder {path.parent}")
    text = json.dumps({"format": FORMAT, **description}, sort_keys=True, default=_refuse)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    os.close(handle)
    try:
        with h5py.File(temporary, "w") as file:
            file.attrs["cortex_lab"] = text
            file.attrs["sha256"] = _digest(text, arrays)
            for name, array in arrays.items():
                file.create_dataset(name, data=array)
        with open(temporary, "rb+") as written:
            os.fsync(written.fileno())
        # A private temporary file would otherwise lend the saved one its narrow permissions.
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def read(path: str | os.PathLike) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """(description, arrays) of a saved file; `DamagedFile` if it is not as it was written."""
    if not Path(path).exists():
        raise FileNotFoundError(f"there is no file {path}")
    try:
        with h5py.File(path, "r") as file:
            text, digest = file.attrs["cortex_lab"], file.attrs["sha256"]
            arrays: dict[str, np.ndarray] = {}
            file.visititems(lambda name, item: _collect(arrays, name, item))
    except (OSError, KeyError, RuntimeError) as error:
        raise DamagedFile(f"{path} is not a whole file saved by cortex_lab ({error})") from error
    if _digest(text, arrays) != digest:
        raise DamagedFile(f"{path} was changed or damaged after it was saved: its digest does not match")
    description = json.loads(text)
    if description["format"] > FORMAT:
        raise DamagedFile(
            f"{path} was saved by a newer cortex_lab (format {description['format']}, this reads {FORMAT})"
        )
    return description, arrays


def describe_network(network: Any) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """What has to be saved of a network."""
    to_numpy = network.ops.to_numpy
    arrays = {f"parameters/{name}": to_numpy(array) for name, array in network.parameters.items()}
    arrays |= {f"states/{name}": to_numpy(array) for name, array in network.states.items()}
    description: dict[str, Any] = {"graph": network.graph.to_dict(), "seed": network.seed}
    # Names that are no plain data, such as dates, are not kept: then columns are read by position again.
    if network.reads and _kept(network.reads):
        description["reads"] = network.reads
    if network.classes:
        description["classes"] = network.classes
    return description, arrays


def names_of(description: Mapping[str, Any]) -> dict[str, Any]:
    """The names of columns and classes that a network was trained on, as far as the file has them."""
    reads = {
        name: [tuple(column) if isinstance(column, list) else column for column in columns]
        for name, columns in description.get("reads", {}).items()
    }
    return {"reads": reads, "classes": description.get("classes")}


def fill_network(network: Any, arrays: Mapping[str, np.ndarray]) -> None:
    """Put saved arrays into a network of the same description; nothing is changed if one does not fit."""
    targets = {f"parameters/{name}": array for name, array in network.parameters.items()}
    targets |= {f"states/{name}": array for name, array in network.states.items()}
    for name, target in targets.items():
        if name not in arrays:
            raise DamagedFile(f"the file has no {name!r}")
        if arrays[name].shape != target.shape:
            raise DamagedFile(
                f"{name!r} has shape {arrays[name].shape} in the file, {target.shape} in the network"
            )
    with network.turns:
        for name, target in targets.items():
            target[...] = network.ops.asarray(arrays[name])


def _refuse(value: Any) -> Any:
    raise TypeError(
        f"{value!r} cannot be saved: it is neither plain data nor a description; if its class is a frozen "
        "dataclass of your own, decorate it with cortex_lab.nn.layer.describable"
    )


def _kept(names: Any) -> bool:
    """Whether JSON can hold these names."""
    try:
        return bool(json.dumps(names))
    except TypeError:
        return False


def _collect(arrays: dict[str, np.ndarray], name: str, item: Any) -> None:
    if isinstance(item, h5py.Dataset):
        arrays[name] = item[()]


def _digest(text: str, arrays: Mapping[str, np.ndarray]) -> str:
    digest = hashlib.sha256(text.encode())
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
