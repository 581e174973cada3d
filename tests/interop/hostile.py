"""Files of Keras that nobody saved: each is well formed but for one thing, which reading has to refuse.

`python -m tests.interop.hostile FOLDER` reads all of them in a process of its own and says what came of it.
"""

from __future__ import annotations

import json
import resource
import struct
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from cortex_lab.interop import read_keras
from tests.interop.handmade import (
    call,
    dense_net,
    functional,
    hdf5,
    keyed,
    layer,
    sequential,
    write_keras,
    write_legacy,
)

HUGE = 2**31
ARRAY = "layers/dense/vars/0"
Write = Callable[[Path], Any]


def described(change: Callable[[dict[str, Any]], Any]) -> Write:
    """A file with another description."""

    def write(path: Path) -> None:
        description, _ = dense_net()
        write_keras(path, change(description) or description)

    return write


def of_layer(which: str, /, **changes: Any) -> Write:
    """A file in which a layer has other settings; a class if one is called `class_name`."""

    def change(description: dict[str, Any]) -> None:
        entry = next(each for each in description["config"]["layers"] if each["config"]["name"] == which)
        entry.update(
            {key: changes.pop(key) for key in list(changes) if key in ("class_name", "inbound_nodes")}
        )
        entry["config"].update(changes)

    return described(change)


def spoiled(change: Callable[[h5py.File], Any]) -> Write:
    return lambda path: write_keras(path, change=change)


def instead(**options: Any) -> Write:
    """The first kernel made anew in another way."""

    def change(file: h5py.File) -> None:
        del file[ARRAY]
        file.create_dataset(ARRAY, **{"shape": (3, 3), "dtype": "f4", **options})

    return spoiled(change)


def weights_of(key: str, place: int, values: Any) -> Write:
    def write(path: Path) -> None:
        _, weights = dense_net()
        weights[key][place] = np.asarray(values)
        write_keras(path, weights=weights)

    return write


def packed(change: Callable[[zipfile.ZipFile], Any]) -> Write:
    return lambda path: write_keras(path, more=change)


def _link(archive: zipfile.ZipFile) -> None:
    member = zipfile.ZipInfo("assets")
    member.external_attr = 0o120777 << 16
    archive.writestr(member, "elsewhere")


def _bomb(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        with archive.open("config.json", "w") as member:
            for _ in range(300):
                member.write(b" " * 2**20)
        archive.writestr("model.weights.h5", b"")


def _weights_bomb(path: Path) -> None:
    write_keras(path)
    with zipfile.ZipFile(path) as archive:
        text = archive.read("config.json")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("config.json", text)
        with archive.open("model.weights.h5", "w") as member:
            for _ in range(300):
                member.write(b"\0" * 2**20)


def _cut(share: float) -> Write:
    def write(path: Path) -> None:
        content = write_keras(path).read_bytes()
        path.write_bytes(content[: int(share * len(content))])

    return write


def _other_bytes(path: Path) -> None:
    """A number in place of another."""
    _, weights = dense_net()
    number = np.asarray(weights["dense"][0], np.float32).tobytes()[:8]
    content = write_keras(path).read_bytes()
    assert content.count(number) == 1
    path.write_bytes(content.replace(number, bytes(8)))


def _inside_cut(path: Path) -> None:
    _, weights = dense_net()
    write_keras(path, weights=keyed(weights)[:-2000])


def _doubling(description: dict[str, Any]) -> Any:
    inner = functional(
        [layer("InputLayer", "x", (), batch_shape=[None, 3]), layer("ReLU", "r", ["x"])], ["x"], ["r"], "m0"
    )
    for depth in range(1, 16):
        twice = {**inner, "name": inner["config"]["name"]}
        twice["inbound_nodes"] = [call("x"), call(inner["config"]["name"])]
        own = functional([layer("InputLayer", "x", (), batch_shape=[None, 3]), twice], ["x"], [], f"m{depth}")
        own["config"]["output_layers"] = [[inner["config"]["name"], 1, 0]]
        inner = own
    return inner


def _deep(description: dict[str, Any]) -> Any:
    inner = sequential([layer("Dense", "d", batch_shape=[None, 3], units=3)])
    for depth in range(40):
        inner = sequential([{**inner, "name": f"m{depth}"}], f"m{depth}")
    return inner


def _twice(description: dict[str, Any]) -> None:
    description["config"]["layers"][1]["name"] = "dense"


def _cycle(description: dict[str, Any]) -> None:
    description["config"]["layers"][1]["inbound_nodes"] = [call("norm")]


def legacy(
    change: Callable[[h5py.File], Any] = lambda file: None, order: tuple[int, ...] = (0, 1), **more: Any
) -> Write:
    """A legacy file of two layers that have arrays of the same shapes."""

    def write(path: Path) -> None:
        random = np.random.default_rng(0)
        layers = [layer("InputLayer", "x", batch_shape=[None, 3])]
        layers += [layer("Dense", name, units=3, activation="relu") for name in ("first", "second")]
        weights = [
            (
                name,
                [(f"{name}/kernel:0", random.normal(size=(3, 3))), (f"{name}/bias:0", random.normal(size=3))],
            )
            for name in ("first", "second")
        ]
        write_legacy(path, sequential(layers), [weights[place] for place in order], change=change, **more)

    return write


def _set(holder: str, name: str, value: Any) -> Callable[[h5py.File], None]:
    def change(file: h5py.File) -> None:
        del file[holder].attrs[name]
        file[holder].attrs[name] = value

    return change


def _lying(name: str, holder: str, texts: list[str]) -> Write:
    """A text of variable length that is said to be four gigabytes long."""

    def write(path: Path) -> None:
        values = np.asarray(texts, object) if len(texts) > 1 else texts[0]
        legacy(_set(holder, name, values))(path)
        content = bytearray(path.read_bytes())
        first = struct.pack("<I", len(texts[0]))
        at = content.rfind(name.encode() + b"\0")
        place = content.index(first, at + len(name))
        content[place : place + 4] = struct.pack("<I", 0xF0000000)
        path.write_bytes(bytes(content))

    return write


def _soft(target: str) -> Callable[[h5py.File], None]:
    def change(file: h5py.File) -> None:
        del file[ARRAY]
        file[ARRAY] = h5py.SoftLink(target)

    return change


def _external(file: h5py.File) -> None:
    del file[ARRAY]
    file[ARRAY] = h5py.ExternalLink("elsewhere.h5", "/x")


def _virtual(file: h5py.File) -> None:
    del file[ARRAY]
    layout = h5py.VirtualLayout((3, 3), "f4")
    layout[:] = h5py.VirtualSource("elsewhere.h5", "x", (3, 3))
    file.create_virtual_dataset(ARRAY, layout)


def _loop(file: h5py.File) -> None:
    file["layers/dense/again"] = file["layers"]


def _deeper(text: str) -> Write:
    return lambda path: write_keras(path, text)


LAMBDA = {"class_name": "__lambda__", "config": {"code": "4wEAAAA=", "defaults": None, "closure": None}}

FILES: dict[str, tuple[Write, str]] = {
    # The container, and what is to be said of it.
    **{f"cut at {share}": (_cut(share), "") for share in (0.0, 0.1, 0.5, 0.9, 0.99)},
    "weights cut": (_inside_cut, "whole file"),
    "other bytes of weights": (_other_bytes, "other bytes of 'model.weights.h5'"),
    "text": (lambda path: path.write_text("hello"), "neither"),
    "a path out of it": (packed(lambda archive: archive.writestr("../x", "")), "../x"),
    "a path from the root": (packed(lambda archive: archive.writestr("/x", "")), "/x"),
    "a path of Windows": (packed(lambda archive: archive.writestr("C:\\x", "")), "C:"),
    "a link": (packed(_link), "assets"),
    "a bomb": (_bomb, "config.json"),
    "a bomb of weights": (_weights_bomb, "model.weights.h5"),
    "no description": (lambda path: zipfile.ZipFile(path, "w").close(), "config.json"),
    "no JSON": (_deeper("{"), "config.json"),
    "a list": (_deeper("[1]"), "config.json"),
    "deep JSON": (_deeper("[" * 200_000), "config.json"),
    "long JSON": (_deeper('{"a": "' + "x" * 2**23 + '"}'), "config.json"),
    # The description.
    "a class of one's own": (described(lambda d: {**d, "class_name": "MyModel"}), "MyModel"),
    "a Lambda": (of_layer("norm", class_name="Lambda", function=LAMBDA), "'norm' is a Lambda"),
    "code in settings": (of_layer("dense", activation=LAMBDA), "'dense' brings Python"),
    "a function as an activation": (
        of_layer("dense", activation={"module": "builtins", "class_name": "function", "config": "evil"}),
        "'dense' has the activation 'evil'",
    ),
    "a layer of PyTorch": (of_layer("norm", class_name="TorchModuleWrapper"), "'norm'"),
    "an unknown layer": (of_layer("norm", class_name="Conv3D"), "'norm' is a Conv3D"),
    "an unknown setting": (of_layer("dense", rotated=3), "rotated"),
    "an unknown activation": (of_layer("dense", activation="sparsemax"), "sparsemax"),
    "channels first": (of_layer("norm", class_name="Conv2D", data_format="channels_first"), "channels_last"),
    "a cycle": (described(_cycle), "cycle"),
    "reads what is not there": (of_layer("norm", inbound_nodes=[call("nobody")]), "nobody"),
    "reads no tensor": (of_layer("norm", inbound_nodes=[{"args": [3]}]), "'norm' reads nothing"),
    "nodes that are none": (of_layer("norm", inbound_nodes=[7]), "'norm'"),
    "an open shape": (of_layer("x", batch_shape=[None, None]), "input_shape"),
    "a shape of words": (of_layer("x", batch_shape=[None, "a"]), "input_shape"),
    "no layers": (described(lambda d: {**d, "config": {"layers": []}}), "no list of layers"),
    "no ends": (
        described(lambda d: {**d, "config": {"layers": d["config"]["layers"]}}),
        "inputs and outputs",
    ),
    "units of words": (of_layer("dense", units="many"), "units"),
    "negative units": (of_layer("dense", units=-3), "units"),
    "units without number": (of_layer("dense", units=HUGE), "kernel"),
    "a huge row": (of_layer("x", batch_shape=[None, 10**9]), "kernel"),
    "the same name twice": (described(_twice), "dense"),
    "models in models": (described(_deep), "deep"),
    "models that double": (described(_doubling), "nodes"),
    # The weights.
    "an external link": (spoiled(_external), ARRAY),
    "a soft link": (spoiled(_soft("/layers/dense_1/vars/0")), ARRAY),
    "a soft link to itself": (spoiled(_soft(f"/{ARRAY}")), ARRAY),
    "a loop": (spoiled(_loop), "second name"),
    "external storage": (instead(external=[("elsewhere.bin", 0, 36)]), "external storage"),
    "virtual storage": (spoiled(_virtual), "virtual storage"),
    "a huge shape": (instead(shape=(HUGE, 3)), ARRAY),
    "a huge shape in chunks": (instead(shape=(HUGE, 3), chunks=(1024, 3)), ARRAY),
    "words": (instead(dtype=h5py.string_dtype()), ARRAY),
    "whole numbers": (instead(dtype="i4", data=np.zeros((3, 3), "i4")), "int32"),
    "no kernel": (spoiled(lambda file: file.__delitem__(ARRAY)), "'dense_1'"),
    "no layer": (spoiled(lambda file: file.__delitem__("layers/dense_1")), "'dense'"),
    "one layer more": (
        spoiled(lambda file: file.create_dataset("layers/dense_7/vars/0", data=[1.0])),
        "dense_7",
    ),
    "no weights": (lambda path: write_keras(path, weights=hdf5(lambda file: None)), "no weights"),
    "another shape": (weights_of("dense_1", 0, np.ones((3, 4))), "'dense'"),
    "turned": (weights_of("dense", 1, np.ones((1, 3))), "'dense_1'"),
    "NaN": (weights_of("dense", 0, np.full((3, 3), np.nan)), "NaN"),
    "infinite": (weights_of("dense_1", 1, [1, np.inf, 2]), "'dense'"),
    "a variance below 0": (weights_of("batch_normalization", 3, [1, -1, 1]), "variance below 0"),
    "by name instead": (
        lambda path: write_keras(
            path, weights=keyed(dense_net()[1], {"dense": "dense", "dense_1": "dense_1"})
        ),
        "by position",
    ),
    # Legacy files.
    "layers in another order": (legacy(order=(1, 0)), "another order"),
    "one layer of two": (legacy(order=(1,)), "'first'"),
    "a layer that is not there": (
        legacy(_set("model_weights", "layer_names", np.asarray([b"first", b"third"]))),
        "third",
    ),
    "a weight that is not there": (
        legacy(_set("model_weights/first", "weight_names", np.asarray([b"first/kernel:0", b"../x"]))),
        "../x",
    ),
    "names that are numbers": (legacy(_set("model_weights", "layer_names", np.arange(3.0))), "layer_names"),
    "no description in it": (legacy(lambda file: file.attrs.__delitem__("model_config")), "weights alone"),
    "a length that is not there": (
        _lying("layer_names", "model_weights", ["first", "second"]),
        "layer_names",
    ),
    "a length of a name that is not there": (
        _lying("weight_names", "model_weights/second", ["second/kernel:0", "second/bias:0"]),
        "weight_names",
    ),
}


def write_all(folder: Path) -> None:
    for number, (write, _) in enumerate(FILES.values()):
        write(folder / f"{number}.file")


def outcomes(folder: Path) -> Iterator[dict[str, Any]]:
    """What came of reading each file: the error, its kind, seconds, and megabytes of memory more."""
    write_keras(folder / "good.keras")
    read_keras(folder / "good.keras", ops="reference")
    for number, name in enumerate(FILES):
        before, began = _megabytes(), time.process_time()
        try:
            read_keras(folder / f"{number}.file", ops="reference")
            kind, said = "none", "was read"
        except Exception as error:
            kind, said = type(error).__name__, str(error)
        seconds = time.process_time() - began
        yield {
            "name": name,
            "kind": kind,
            "said": said,
            "seconds": seconds,
            "megabytes": _megabytes() - before,
        }


def _megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    print(json.dumps(list(outcomes(Path(sys.argv[1])))))
