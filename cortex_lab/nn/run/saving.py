"""Networks and trainings in one HDF5 file: description as JSON, arrays as datasets, never pickle.

Made in memory and written as a whole, so that neither a crash nor a full disk harms the earlier file. What is
read is looked at before room is made for it, and a digest over everything is checked.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import h5py
import numpy as np

from cortex_lab.compute import Ops
from cortex_lab.ground import hdf5
from cortex_lab.ground.described import NotDefined
from cortex_lab.ground.doors import through
from cortex_lab.ground.files import DamagedFile, write_whole
from cortex_lab.nn.graph.graph import Graph

FORMAT = 1
KIND = "saved by cortex_lab"


def write(path: str | os.PathLike, description: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
    """Save JSON-able `description` and named `arrays` whole or not at all; "/" in a name makes groups.

    OSError that says why, and what to do, if it cannot be written; an earlier file is then as it was.
    """
    text = json.dumps({"format": FORMAT, **description}, sort_keys=True, default=_refuse)

    def fill(file: h5py.File) -> None:
        # Of fixed length: the length of any other text stands where no checksum guards it.
        file.attrs["cortex_lab"] = np.bytes_(text.encode())
        file.attrs["sha256"] = np.bytes_(_digest(text, arrays).encode())
        for name, array in arrays.items():
            file.create_dataset(name, data=array)

    write_whole(path, hdf5.image(fill))


_LONGEST = 300
Look = Callable[[dict[str, Any]], tuple[dict[str, Any], Graph]]
# What is saved of a training beside its network, and how many arrays of it at most.
_BESIDE, _MOST, _MAPS = ("optimizer/", "loss/", "best/", "maps/"), 250, "maps/"
_PREPARED = "preparations/"


def read(path: str | os.PathLike, look: Look | None = None) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """(description, arrays) of a saved file; `DamagedFile` if it is not as it was written.

    `look` is shown the description before there is room for anything, to refuse what cannot be; it returns
    the description to go on with, and the graph. Arrays that do not belong to it are refused unread.
    """
    with hdf5.opened(path, KIND) as file:
        text = hdf5.text_attribute(file, "cortex_lab", path)
        digest = hdf5.text_attribute(file, "sha256", path)
        description = _description(text, path)
        if look is None:
            stored = hdf5.datasets(file, path)
        else:
            training = description.get("kind") == "training"
            description, graph = look(description)
            stored = _belonging(file, path, graph, training)
        arrays = {name: hdf5.numbers(dataset) for name, dataset in stored.items()}
    if _digest(text, arrays) != digest:
        raise DamagedFile(path, "was changed or damaged after it was saved: its digest does not match")
    return description, arrays


@contextmanager
def reading(path: str | os.PathLike, entry: str) -> Iterator[None]:
    """What goes wrong inside with an entry of a file is a `DamagedFile` that names it.

    A class that nobody has defined yet is no fault of the file: `NotDefined`.
    """
    try:
        yield
    except DamagedFile:
        raise
    except NotDefined as error:
        raise NotDefined(f"{path} is whole, but {error}") from error
    except (
        KeyError,
        ValueError,
        TypeError,
        AttributeError,
        IndexError,
        ArithmeticError,
        RecursionError,
    ) as error:
        said = f"it lacks {error}" if isinstance(error, KeyError) else str(error)
        said = said if len(said) < _LONGEST else f"{said[:_LONGEST]}..."
        why = f"cannot be used, for what it says under {entry!r}: {said}"
        raise DamagedFile(path, why, entry, "mend that, or save it anew") from error


def describe_network(network: Any) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """What has to be saved of a network."""
    to_numpy = network.ops.to_numpy
    arrays = {f"parameters/{name}": to_numpy(array) for name, array in network.parameters.items()}
    arrays |= {f"states/{name}": to_numpy(array) for name, array in network.states.items()}
    description: dict[str, Any] = {"graph": network.graph.to_dict(), "seed": network.seed}
    # Names that are no plain data, such as dates, are not kept: then columns are read by position again.
    if network.saw_bytes:
        description["saw_bytes"] = sorted(network.saw_bytes)
    if network.saw_large:
        description["saw_large"] = sorted(network.saw_large)
    if network.reads and _kept(network.reads):
        description["reads"] = network.reads
    if network.categories and _kept(network.reads):
        description["categories"] = [[name, labels] for name, labels in network.categories.items()]
    if network.classes:
        description["classes"] = network.classes
    for name, preparation in network.preparations.items() if network.reads and _kept(network.reads) else ():
        described, content = preparation.written()
        description.setdefault("preparations", {})[name] = described
        arrays[f"{_PREPARED}{name}"] = np.frombuffer(content, np.uint8)
    return description, arrays


def loaded(kind: type, path: str | os.PathLike, ops: Ops) -> Any:
    """The network of a file, as `kind(graph, seed, ops)` makes one; see `Network.load`."""

    def look(description: dict[str, Any]) -> tuple[dict[str, Any], Graph]:
        with reading(path, "graph"):
            graph = Graph.from_dict(description["graph"])
        return description | {"graph": graph, "seed": whole_number(path, description, "seed")}, graph

    description, arrays = read(path, look)
    with reading(path, "graph"):
        network = kind(description["graph"], seed=description["seed"], ops=ops)
    with reading(path, "reads"):
        give_names(network, description)
    network.preparations = preparations_of(path, description, arrays)
    fill_network(network, arrays, path)
    return network


def preparations_of(
    path: str | os.PathLike, description: Mapping[str, Any], arrays: Mapping[str, np.ndarray]
) -> dict[str, Any]:
    """What made numbers of the columns that a network was trained on, by input name, as the file has it.

    `DamagedFile` that names what in it is not on the list of what is read from files.
    """
    found = {}
    with reading(path, "preparations"):
        reads = names_of(description)["reads"]
        for name, described in dict(description.get("preparations", {})).items():
            content = arrays[f"{_PREPARED}{name}"]
            if content.dtype != np.uint8 or content.ndim != 1:
                raise ValueError(f"that of {name!r} is no row of bytes")
            found[name] = through("read_preparation")(described, content.tobytes(), reads[name])
    return found


def give_names(network: Any, description: Mapping[str, Any]) -> None:
    """Have a network know the names, and what it saw, that a file tells."""
    names = names_of(description)
    network.reads, network.classes, network.categories = names["reads"], names["classes"], names["categories"]
    network.saw_bytes = frozenset(description.get("saw_bytes", ())) & network.pictures
    network.saw_large = frozenset(description.get("saw_large", ())) & network.pictures


def names_of(description: Mapping[str, Any]) -> dict[str, Any]:
    """The names of columns and classes that a network was trained on, as far as the file has them."""
    reads = {
        name: [tuple(column) if isinstance(column, list) else column for column in columns]
        for name, columns in description.get("reads", {}).items()
    }
    categories = {
        tuple(name) if isinstance(name, list) else name: labels
        for name, labels in description.get("categories", ())
    }
    return {"reads": reads, "categories": categories, "classes": description.get("classes")}


def whole_number(path: str | os.PathLike, description: Mapping[str, Any], entry: str) -> int:
    """An entry of a description that counts something; `DamagedFile` if it does not."""
    value = description.get(entry)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**63:
        why = f"cannot be used: {entry!r} must be a whole number of at least 0, it is {value!r:.60}"
        raise DamagedFile(path, why, entry)
    return value


def check_network(path: str | os.PathLike, graph: Graph, arrays: Mapping[str, Any]) -> None:
    """`DamagedFile` unless there is an array of the right shape for all that a network of `graph` has."""
    for name, shape in _shapes(graph).items():
        check_array(path, name, shape, arrays)


def _shapes(graph: Graph) -> dict[str, tuple[int, ...]]:
    """The names under which a network of `graph` is saved."""
    shapes = {}
    for node in graph.nodes.values():
        wanted = {"states": node.layer.state(*node.in_shapes)}
        if node.shares is None:
            wanted["parameters"] = node.layer.parameters(*node.in_shapes)
        for group, specs in wanted.items():
            shapes |= {f"{group}/{node.name}/{key}": tuple(spec.shape) for key, spec in specs.items()}
    return shapes


def _belonging(file: h5py.File, path: str | os.PathLike, graph: Graph, training: bool) -> dict[str, Any]:
    """The arrays of the file, not read: those of the network, and of a training no larger ones."""
    shapes = _shapes(graph)
    groups = {name[: at + 1] for name in shapes for at, sign in enumerate(name) if sign == "/"}
    beside: list[str] = []
    prepared = {f"{_PREPARED}{name}" for name in graph.inputs} | {_PREPARED}

    def known(name: str) -> bool:
        if name in shapes or name in groups or name in prepared or (training and name == "trace"):
            return True
        if training and name.startswith(_BESIDE) and len(beside) < _MOST:
            beside.append(name)
            return True
        return False

    stored = hdf5.datasets(file, path, known)
    check_network(path, graph, stored)
    largest = max(2**20, 2 * sum(math.prod(shape) for shape in shapes.values()))
    for name in beside:
        # A map is of rows, as many as there are; an array is never larger than its file.
        if name in stored and not name.startswith(_MAPS) and math.prod(stored[name].shape) > largest:
            raise DamagedFile(path, f"holds {name!r} with more numbers than its network takes", name)
    return stored


def fill_network(
    network: Any, arrays: Mapping[str, np.ndarray], path: str | os.PathLike = "the file"
) -> None:
    """Put saved arrays into a network of the same description; nothing is changed if one does not fit."""
    check_network(path, network.graph, arrays)
    with network.turns.lock:
        network.turns.await_readers()
        for group, targets in (("parameters", network.parameters), ("states", network.states)):
            for name, target in targets.items():
                target[...] = network.ops.asarray(arrays[f"{group}/{name}"])


def _kept(names: object) -> bool:
    """Whether JSON can hold these names."""
    try:
        return bool(json.dumps(names))
    except TypeError:
        return False


def check_array(
    path: str | os.PathLike, name: str, shape: tuple[int, ...], arrays: Mapping[str, Any]
) -> None:
    """`DamagedFile` unless `arrays` has real numbers of this name and shape."""
    if name not in arrays:
        raise DamagedFile(path, f"has no {name!r}", name)
    if tuple(arrays[name].shape) != tuple(shape):
        why = f"does not fit: {name!r} has shape {arrays[name].shape} in the file, {shape} in the network"
        raise DamagedFile(path, why, name)
    if arrays[name].dtype.kind != "f":
        raise DamagedFile(path, f"holds {name!r} as {arrays[name].dtype}, not as real numbers", name)


def _description(text: str, path: str | os.PathLike) -> dict[str, Any]:
    with reading(path, "cortex_lab"):
        description = json.loads(text)
        newer = description["format"] > FORMAT
    if newer:
        raise DamagedFile(
            path,
            f"was saved by a newer cortex_lab (format {description['format']}, this reads {FORMAT})",
            remedy="pip install --upgrade cortex-lab",
        )
    return description


def _refuse(value: object) -> Any:
    raise TypeError(
        f"{value!r} cannot be saved: it is neither plain data nor a description; if its class is a frozen "
        "dataclass of your own, decorate it with cortex_lab.nn.contract.layer.describable"
    )


def _digest(text: str, arrays: Mapping[str, np.ndarray]) -> str:
    digest = hashlib.sha256(text.encode())
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
