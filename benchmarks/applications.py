"""keras.applications: each network with random weights, read by us and compared with Keras layer by layer.

What it says is a relative error, and its bar the tolerance of a certificate; nothing is timed. Networks are
built small, by the size of their pictures alone. Keras runs on its NumPy backend, which compiles nothing,
unless KERAS_BACKEND says another: JAX takes minutes over each.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

import cortex_lab as cl
from benchmarks.harness import Row

OPTIONS = {"only": "", "tolerance": 1e-4}
PACKAGES = ("jax",)

# By family, the member that `make test` looks at first.
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
SMALLEST = {"Xception": 71, "InceptionV3": 75, "InceptionResNetV2": 75}


def run(options: Any) -> Iterable[Row]:
    """Every network by default; `--set only=ResNet50,VGG16` picks some."""
    chosen = [name for names in FAMILIES.values() for name in names]
    if options.only:
        chosen = [name for name in chosen if name in options.only.split(",")]
    for name in chosen:
        report = certified(name, options.tolerance)
        worst = report.worst
        assert not report.missing and worst is not None, report
        yield Row(
            what=f"{name}: greatest relative error of {len(report.layers)} layers ({worst.name})",
            value=worst.relative,
            unit="of the greatest value",
            bar=options.tolerance,
        )


def certified(name: str, tolerance: float = 1e-4, out: bool = False) -> cl.interop.Report:
    """The certificate of one network of keras.applications, or with `out` of what we wrote of it again."""
    keras = _keras()
    size = SMALLEST.get(name, 32)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        model = _randomized(
            getattr(keras.applications, name)(weights=None, input_shape=(size, size, 3), classes=7)
        )
        recorded = cl.interop.record(model, _pictures(size))
        model.save(path)
        network = cl.interop.read_keras(path)
        if out:
            cl.interop.write_keras(network, path)
            recorded = cl.interop.record(keras.saving.load_model(path), _pictures(size))
            return cl.interop.verify(network, _pictures(size), recorded, tolerance=tolerance)
        return cl.interop.verify(network, None, recorded, tolerance=tolerance)


def _pictures(size: int) -> np.ndarray:
    return np.random.default_rng(1).uniform(0, 1, (1, size, size, 3)).astype(np.float32)


def _keras() -> Any:
    os.environ.setdefault("KERAS_BACKEND", "numpy")
    import keras

    keras.backend.clear_session()
    return keras


def _randomized(model: Any) -> Any:
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
    return model
