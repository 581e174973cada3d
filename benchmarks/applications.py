"""keras.applications: each network with random weights, certified layer by layer, in every format and way.

What it says is a relative error, and its bar the tolerance of a certificate; nothing is timed. Networks are
built small, by the size of their pictures alone. Keras runs on its NumPy backend, which compiles nothing,
unless KERAS_BACKEND says another: JAX takes minutes over each.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import cortex_lab as cl
from benchmarks.harness import Row, say

OPTIONS = {"only": "", "ways": "", "tolerance": 1e-4}
PACKAGES = ("jax", "onnx", "safetensors")

# By family; the first member of each goes every way, and the others come in.
FAMILIES: dict[str, tuple[str, ...]] = {
    "VGG": ("VGG16", "VGG19"),
    "ResNet": ("ResNet50", "ResNet101", "ResNet152"),
    "ResNetV2": ("ResNet50V2", "ResNet101V2", "ResNet152V2"),
    "DenseNet": ("DenseNet121", "DenseNet169", "DenseNet201"),
    "MobileNet": ("MobileNet",),
    "MobileNetV2": ("MobileNetV2",),
    "MobileNetV3": ("MobileNetV3Small", "MobileNetV3Large"),
    "Xception": ("Xception",),
    "Inception": ("InceptionV3",),
    "InceptionResNet": ("InceptionResNetV2",),
    "EfficientNet": tuple(f"EfficientNetB{k}" for k in range(8)),
    "EfficientNetV2": tuple(f"EfficientNetV2{k}" for k in ("B0", "B1", "B2", "B3", "S", "M", "L")),
    "ConvNeXt": tuple(f"ConvNeXt{size}" for size in ("Tiny", "Small", "Base", "Large", "XLarge")),
    "NASNet": ("NASNetMobile", "NASNetLarge"),
}
LEFT_OUT = ("ConvNeXtLarge", "ConvNeXtXLarge", "NASNetLarge")
"""The three largest, of which `--set only=NAME` certifies one."""
SMALLEST = {"Xception": 71, "InceptionV3": 75, "InceptionResNetV2": 75}


def run(options: Any) -> Iterable[Row]:
    """All but the largest by default; `--set only=ResNet50,VGG16` picks some, `--set ways=WAY,...` ways."""
    chosen = [name for names in FAMILIES.values() for name in names if name not in LEFT_OUT]
    if options.only:
        chosen = options.only.split(",")
    first = {names[0] for names in FAMILIES.values()}
    for name in chosen:
        say(name)
        wanted = options.ways.split(",") if options.ways else list(WAYS) if name in first else ["Keras in"]
        with tempfile.TemporaryDirectory() as folder:
            certified = Certified(application(name), Path(folder), options.tolerance)
            for way in wanted:
                yield _row(name, way, certified.report(way))


def _row(name: str, way: str, report: cl.interop.Report) -> Row:
    worst, count = report.worst, len(report.layers)
    assert not report.missing and worst is not None, report
    return Row(
        what=f"{name}, {way}: greatest relative error of {count} layer{'s'[: count > 1]} ({worst.name})",
        value=worst.relative,
        unit="of the greatest value",
        bar=report.tolerance,
    )


def application(name: str) -> Any:
    """The network of keras.applications of that name, for small pictures."""
    size = SMALLEST.get(name, 32)
    return getattr(keras_anew().applications, name)(weights=None, input_shape=(size, size, 3), classes=7)


class Certified:
    """A model of Keras, given random weights, and read by us; `report(way)` is a certificate.

    Files go into `folder`.
    """

    def __init__(self, model: Any, folder: Path, tolerance: float = 1e-4) -> None:
        _randomize(model)
        self.path, self.tolerance = folder / "model.keras", tolerance
        self.pictures = np.random.default_rng(1).uniform(0, 1, (1, *model.input_shape[1:])).astype(np.float32)
        self.recorded = cl.interop.record(model, self.pictures)
        model.save(self.path)
        self.network = cl.interop.read_keras(self.path)

    def report(self, way: str) -> cl.interop.Report:
        """The certificate of one of `WAYS`."""
        return WAYS[way](self)

    def verify(self, network: cl.Network, recorded: cl.interop.RecordedLayers) -> cl.interop.Report:
        return cl.interop.verify(network, self.pictures, recorded, tolerance=self.tolerance)

    def keras_in(self) -> cl.interop.Report:
        return self.verify(self.network, self.recorded)

    def keras_out(self) -> cl.interop.Report:
        """What Keras computes with the file that we write."""
        path = self.path.with_name("again.keras")
        cl.interop.write_keras(self.network, path)
        model = keras_anew().saving.load_model(path)
        return self.verify(self.network, cl.interop.record(model, self.pictures))

    def onnx_out(self) -> cl.interop.Report:
        """What ONNX' own interpreter computes with the file that we write."""
        path = self.path.with_suffix(".onnx")
        report = cl.interop.write_onnx(self.network, path, rows=1, tolerance=self.tolerance)
        assert report is not None
        return report

    def onnx_in(self) -> cl.interop.Report:
        """What we read of that file, beside what Keras gave."""
        path = self.path.with_suffix(".onnx")
        if not path.exists():
            cl.interop.write_onnx(self.network, path, certify=False)
        network = cl.interop.read_onnx(path)
        named = {key: value for key, value in self.recorded.layers.items() if key in network.graph.nodes}
        return self.verify(network, replace(self.recorded, layers=named))

    def safetensors(self) -> cl.interop.Report:
        """The network with none but the weights of a file that we wrote."""
        path = self.path.with_suffix(".safetensors")
        cl.interop.write_weights(self.network, path)
        network = self.network.copy()
        network.initialize(seed=1)
        cl.interop.read_weights(network, path)
        return self.verify(network, self.recorded)


WAYS: dict[str, Callable[[Certified], cl.interop.Report]] = {
    "Keras in": Certified.keras_in,
    "Keras out": Certified.keras_out,
    "ONNX out": Certified.onnx_out,
    "ONNX in": Certified.onnx_in,
    "safetensors": Certified.safetensors,
}


def keras_anew() -> Any:
    """Keras, which has forgotten the names that it gave."""
    os.environ.setdefault("KERAS_BACKEND", "numpy")
    import keras

    keras.backend.clear_session()
    return keras


def _randomize(model: Any) -> None:
    """Weights that keep the size of what goes through, and statistics that nobody could take for others."""
    random = np.random.default_rng(0)
    for weight in model.weights:
        shape, name = weight.shape, weight.path.rpartition("/")[2]
        if "variance" in name:
            values = random.uniform(0.5, 2, shape)
        elif name == "gamma":
            values = random.uniform(0.5, 1.5, shape)
        elif len(shape) > 1:
            values = random.normal(size=shape) * np.sqrt(2 / max(np.prod(shape[:-1]), 1))
        else:
            values = 0.1 * random.normal(size=shape)
        if "float" in str(weight.dtype):
            weight.assign(values)
    for layer in model.layers:
        if hasattr(layer, "finalize_state"):
            layer.finalize_state()
