"""Files that nobody saved: each is well formed but for one thing, which `Network.load` has to refuse.

The digest is right in all of them, so nothing but a look at what a file says keeps it from being believed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from cortex_lab.nn import Network
from cortex_lab.nn.layers.conv2d import Conv2D
from cortex_lab.nn.layers.dense import Dense
from cortex_lab.nn.layers.dropout import Dropout
from cortex_lab.nn.layers.flatten import Flatten
from cortex_lab.nn.run import saving

ARRAY, OTHER = "parameters/dense_1/kernel", "parameters/dense_1/bias"
HUGE = 2**27


def network(seed: int = 0) -> Network:
    return Network([Conv2D(2, 3), Flatten(), Dropout(0.5), Dense(3)], (5, 5, 1), seed=seed)


Described = dict[str, Any]
Change = Callable[[h5py.File, Path], None]


def write(
    path: Path, said: Callable[[Described], Any] = lambda d: d, change: Change = lambda f, p: None
) -> None:
    """A saved network with another description, or with something done to the file."""
    description, arrays = saving.describe_network(network())
    text = said({"format": 1, "kind": "network", **json.loads(json.dumps(description))})
    text = text if isinstance(text, str) else json.dumps(text)
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            file.create_dataset(name, data=array)
        change(file, path)
        file.attrs.setdefault("cortex_lab", text)
        file.attrs["sha256"] = saving._digest(text, arrays)


def _instead(**options: Any) -> Change:
    """The array made anew in another way."""

    def change(file: h5py.File, path: Path) -> None:
        values = file[ARRAY][()]
        del file[ARRAY]
        file.create_dataset(ARRAY, **{"shape": values.shape, "dtype": values.dtype, **options})

    return change


def _external(pipe: bool) -> Change:
    def change(file: h5py.File, path: Path) -> None:
        values, other = file[ARRAY][()], path.with_name("other")
        os.mkfifo(other) if pipe else other.write_bytes(values.tobytes())
        del file[ARRAY]
        file.create_dataset(ARRAY, values.shape, values.dtype, external=[(str(other), 0, values.nbytes)])

    return change


def _virtual(file: h5py.File, path: Path) -> None:
    shape, other = file[ARRAY].shape, path.with_name("other.h5")
    with h5py.File(other, "w") as source:
        source["values"] = np.zeros(shape, "f4")
    layout = h5py.VirtualLayout(shape, "f4")
    layout[...] = h5py.VirtualSource(other, "values", shape)
    del file[ARRAY]
    file.create_virtual_dataset(ARRAY, layout)


def _link(kind: str) -> Change:
    def change(file: h5py.File, path: Path) -> None:
        other = path.with_name("other.h5")
        with h5py.File(other, "w") as source:
            source["values"] = file[ARRAY][()]
        del file[ARRAY]
        links = {"soft": h5py.SoftLink(f"/{OTHER}"), "external": h5py.ExternalLink(str(other), "/values")}
        file[ARRAY] = file[OTHER] if kind == "hard" else links[kind]

    return change


def _loop(file: h5py.File, path: Path) -> None:
    file["parameters/again"] = file["parameters"]


def _packed(file: h5py.File, path: Path) -> None:
    del file[ARRAY]
    file.create_dataset(ARRAY, (HUGE,), "f4", chunks=(2**20,), compression="gzip", fillvalue=0.0)
    file[ARRAY][: 2**20] = 0


def _attribute(value: Any) -> Change:
    def change(file: h5py.File, path: Path) -> None:
        file.attrs["cortex_lab"] = value

    return change


def _removed(name: str) -> Change:
    def change(file: h5py.File, path: Path) -> None:
        del file[name]

    return change


def _more(name: str, size: int | None = None) -> Change:
    """An array that no layer has, or with no size a group."""

    def change(file: h5py.File, path: Path) -> None:
        file.create_group(name) if size is None else file.create_dataset(name, (size,), "f4")

    return change


def _groups(file: h5py.File, path: Path) -> None:
    for number in range(3000):
        file.create_group(f"more/{number}")


FILES: dict[str, tuple[Change, str]] = {
    **{f"an array {name!r} too many": (_more(name, 3), "nothing asks for") for name in (
        "more", "parameters/more", "parameters/dense_1/more", "states/dense_1/more", "trace", "optimizer/m",
        "best/1/params",
    )},
    "a group too many": (_more("parameters/more"), "'parameters/more', which nothing asks for"),
    "groups too many": (_groups, "'more', which nothing asks for"),
    "external storage": (_external(pipe=False), "another file"),
    "external storage in a pipe": (_external(pipe=True), "another file"),
    "virtual storage": (_virtual, "virtual"),
    "a soft link": (_link("soft"), "a link in place of"),
    "an external link": (_link("external"), "a link in place of"),
    "two names for one array": (_link("hard"), "second name"),
    "a group within itself": (_loop, "second name"),
    "chunks of which none is stored": (_instead(shape=(HUGE, 64), chunks=(1024, 64)), "chunks"),
    "a small file that unpacks to much": (_packed, "chunks"),
    "a huge array that is not there": (_instead(shape=(HUGE, 64)), "not that many bytes"),
    "texts": (_instead(dtype=h5py.string_dtype()), "something else than an array of numbers"),
    "records": (_instead(dtype=np.dtype([("a", "f4")])), "something else than an array of numbers"),
    "complex numbers": (_instead(dtype="c8"), "something else than an array of numbers"),
    "whole numbers": (_instead(dtype="i4", data=np.zeros((18, 3), "i4")), "not as real numbers"),
    "nothing": (_instead(shape=None, data=h5py.Empty("f4")), "something else than an array of numbers"),
    "another shape": (_instead(shape=(7,), data=np.zeros(7, "f4")), "has shape"),
    "an array missing": (_removed(ARRAY), "has no 'parameters/dense_1/kernel'"),
    "all parameters missing": (_removed("parameters"), "has no 'parameters/conv2d_1/kernel'"),
    "a number for the description": (_attribute(3), "something else than text as 'cortex_lab'"),
    "many descriptions": (_attribute(np.array([b"a", b"b"])), "something else than text as 'cortex_lab'"),
    "letters that are none": (_attribute(np.bytes_(b"\xff\xfe")), "not a whole file"),
}


def _layer(position: int, **changes: Any) -> Callable[[Described], Any]:
    def said(description: Described) -> Described:
        description["graph"]["nodes"][position]["layer"].update(changes)
        return description

    return said


def _in(entry: str, value: Any) -> Callable[[Described], Any]:
    return lambda description: {**description, entry: value}


def _without(entry: str) -> Callable[[Described], Any]:
    return lambda description: {key: value for key, value in description.items() if key != entry}


def _in_graph(entry: str, value: Any) -> Callable[[Described], Any]:
    return lambda description: {**description, "graph": {**description["graph"], entry: value}}


DESCRIPTIONS: dict[str, tuple[Callable[[Described], Any], str]] = {
    "no JSON": (lambda description: "{", "cortex_lab"),
    "a list": (lambda description: [1], "cortex_lab"),
    "nested too deeply": (lambda description: "[" * 100_000, "cortex_lab"),
    "no format": (_without("format"), "lacks 'format'"),
    "a format in words": (_in("format", "one"), "cortex_lab"),
    "no graph": (_without("graph"), "lacks 'graph'"),
    "no graph but a number": (_in("graph", 3), "'graph'"),
    "nodes that are none": (_in_graph("nodes", [3]), "'graph'"),
    "no nodes": (_in_graph("nodes", []), "'graph'"),
    "no outputs": (_in_graph("outputs", 7), "'graph'"),
    "no inputs": (_in_graph("inputs", {}), "'graph'"),
    "a negative input": (_in_graph("inputs", {"input": [-5, 5, 1]}), "'graph'"),
    "an unknown layer": (_layer(0, kind="Conv9D"), "there is no layer 'Conv9D'"),
    "an unknown hyper-parameter": (_layer(0, wings=2), "wings"),
    "a hyper-parameter out of range": (_layer(2, rate=7), "rate must be"),
    "a huge layer": (_layer(3, units=2**40), "has shape"),
    "layers that do not fit together": (_layer(3, kind="Conv2D"), "'graph'"),
    **{f"units {junk!r}": (_layer(3, units=junk), "'graph'") for junk in (-1, 0, 1.5, True, "3", None, [3])},
    **{f"seed {junk!r}": (_in("seed", junk), "'seed'") for junk in (-1, 1.5, True, "0", None, [0], 2**64)},
    "names of columns that are none": (_in("reads", 3), "'reads'"),
    "no seed": (_without("seed"), "'seed'"),
}  # fmt: skip


def write_long_text(path: Path) -> None:
    """One flipped bit in the length of the description, which is kept apart from it, as it was once saved."""
    write(path)
    content = bytearray(path.read_bytes())
    name = content.index(b"cortex_lab\0")
    sizes = (int.from_bytes(content[name - 6 + 2 * i : name - 4 + 2 * i], "little") for i in range(3))
    content[name + sum(-(-size // 8) * 8 for size in sizes) + 3] ^= 0x80
    path.write_bytes(content)


def write_all(folder: Path) -> dict[str, tuple[Path, str]]:
    """Every such file, and every path that is no file: by name, where it is and what its refusal says."""
    made = {}
    for index, (name, (change, why)) in enumerate(FILES.items()):
        place = folder / str(index)
        place.mkdir()
        write(place / "net.h5", change=change)
        made[name] = (place / "net.h5", why)
    for index, (name, (said, why)) in enumerate(DESCRIPTIONS.items()):
        write(folder / f"{index}.h5", said)
        made[name] = (folder / f"{index}.h5", why)
    write_long_text(folder / "long.h5")
    os.mkfifo(folder / "pipe")
    (folder / "empty.h5").touch()
    (folder / "zeros.h5").write_bytes(bytes(5000))
    with h5py.File(folder / "other.h5", "w") as file:
        file["values"] = np.zeros(3)
    return made | {
        "a length that is not there": (folder / "long.h5", "states a length"),
        "a pipe": (folder / "pipe", "is a pipe"),
        "a folder": (folder, "is a folder"),
        "an empty file": (folder / "empty.h5", "not a whole file"),
        "zeros": (folder / "zeros.h5", "not a whole file"),
        "another HDF5 file": (folder / "other.h5", "has no 'cortex_lab'"),
    }


# Traces, in the form of the first version, which is HDF5 while it is written -----------------------------


def write_trace(path: Path, change: Callable[[h5py.File], None]) -> None:
    """64 rows, and then what `change` does to them."""
    with h5py.File(path, "w", libver=("v108", "v108")) as file:
        file.attrs["format"] = np.bytes_(b"cortex_lab trace 1")
        part = file.create_group("part_0")
        part.attrs["columns"], part.attrs["begin"] = np.bytes_(json.dumps(["step", "seconds", "loss"])), 0
        for level in range(6):
            shape, chunks = (0, 3), (64 * 4**level, 3)
            part.create_dataset(str(level), shape, "<f8", maxshape=(None, 3), chunks=chunks, fletcher32=True)
        part["0"].resize(64, axis=0)
        part["0"][:] = np.arange(1.0, 65.0)[:, None]
        change(file)


def _resized(level: int, rows: int) -> Callable[[h5py.File], None]:
    return lambda file: file[f"part_0/{level}"].resize(rows, axis=0)


def _replaced(name: str, **options: Any) -> Callable[[h5py.File], None]:
    def change(file: h5py.File) -> None:
        del file[name]
        file.create_dataset(name, **options)

    return change


def _linked(name: str, link: Any) -> Callable[[h5py.File], None]:
    def change(file: h5py.File) -> None:
        del file[name]
        file[name] = link

    return change


def _zeros(file: h5py.File) -> None:
    file["part_0/0"].resize(128, axis=0)
    file["part_0/0"][64:] = 0


TRACES: dict[str, tuple[Callable[[h5py.File], None], str | None]] = {
    "many rows of which none is stored": (_resized(1, HUGE), None),
    "a chunk that is not stored": (_resized(0, 128), None),
    "zeros for rows": (_zeros, None),
    "another file's rows": (_linked("part_0/0", h5py.ExternalLink("other.h5", "/rows")), "a link"),
    "another file's part": (_linked("part_0", h5py.ExternalLink("other.h5", "/part")), "a link"),
    "a soft link": (_linked("part_0/0", h5py.SoftLink("/part_0/1")), "a link"),
    "rows in one piece": (_replaced("part_0/0", shape=(HUGE, 3), dtype="<f8"), "another way"),
    "rows outside": (
        _replaced("part_0/0", shape=(9, 3), dtype="<f8", external=[("x", 0, 216)]), "another way"
    ),
    "packed rows": (
        _replaced("part_0/0", shape=(HUGE, 3), dtype="<f8", chunks=(64, 3), compression="gzip"), "another way"
    ),
    "texts": (_replaced("part_0/0", shape=(9, 3), dtype=h5py.string_dtype(), chunks=(9, 3)), "another way"),
}  # fmt: skip
