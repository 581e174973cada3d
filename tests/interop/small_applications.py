"""A small member of each family of keras.applications: with as few blocks, as narrow, as Keras can make it.

`python -m tests.interop.small_applications` certifies them all and says what came of it.
"""

from __future__ import annotations

import contextlib
import json
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

from benchmarks.applications import FAMILIES, SMALLEST, WAYS, Certified, keras_anew

COMMON: dict[str, Any] = {"weights": None, "classes": 7}
SHAPE = (32, 32, 3)
EVERY_WAY = "MobileNetV2"


def of(name: str, **smaller: Any) -> Callable[[], Any]:
    """The application of that name, with arguments of its own."""

    def build() -> Any:
        size = SMALLEST.get(name, 32)
        shape = {"input_shape": (size, size, 3)}
        return getattr(keras_anew().applications, name)(**COMMON, **shape, **smaller)

    return build


def densenet() -> Any:
    from keras.src.applications.densenet import DenseNet

    return DenseNet([1, 2, 1, 2], input_shape=SHAPE, **COMMON)


def resnet() -> Any:
    from keras.src.applications import resnet

    def stacks(x: Any) -> Any:
        x = resnet.stack_residual_blocks_v1(x, 8, 2, stride1=1, name="conv2")
        return resnet.stack_residual_blocks_v1(x, 16, 2, name="conv3")

    return resnet.ResNet(stacks, False, True, input_shape=SHAPE, weights_name="resnet50", **COMMON)


def resnet_v2() -> Any:
    from keras.src.applications import resnet

    def stacks(x: Any) -> Any:
        x = resnet.stack_residual_blocks_v2(x, 8, 2, name="conv2")
        return resnet.stack_residual_blocks_v2(x, 16, 2, stride1=1, name="conv3")

    return resnet.ResNet(stacks, True, True, input_shape=SHAPE, weights_name="resnet50v2", **COMMON)


def efficientnet() -> Any:
    from keras.src.applications.efficientnet import EfficientNet

    return EfficientNet(0.25, 0.3, 32, input_shape=SHAPE, weights_name="b0", **COMMON)


def efficientnet_v2() -> Any:
    from keras.src.applications.efficientnet_v2 import EfficientNetV2

    name = "efficientnetv2-b0"
    return EfficientNetV2(0.25, 0.3, 32, input_shape=SHAPE, name=name, weights_name="b0", **COMMON)


def convnext() -> Any:
    from keras.src.applications.convnext import ConvNeXt

    return ConvNeXt(
        [1, 1, 2, 1], [8, 16, 24, 32], 0.1, input_shape=SHAPE, weights_name="convnext_tiny", **COMMON
    )


def nasnet() -> Any:
    from keras.src.applications.nasnet import NASNet

    return NASNet(SHAPE, 96, 1, 8, skip_reduction=False, **COMMON)


def inception_resnet() -> Any:
    """With the first and the last block of each kind: how many there are is no argument."""
    from keras.src.applications import inception_resnet_v2 as module

    own = module.inception_resnet_block

    def block(x: Any, scale: float, block_type: str, block_idx: int, **more: Any) -> Any:
        return own(x, scale, block_type, block_idx, **more) if block_idx in (1, 10) else x

    with mock.patch.object(module, "inception_resnet_block", block):
        return of("InceptionResNetV2")()


SMALL: dict[str, Callable[[], Any]] = {
    "VGG": of("VGG16", include_top=False, pooling="max"),
    "ResNet": resnet,
    "ResNetV2": resnet_v2,
    "DenseNet": densenet,
    "MobileNet": of("MobileNet", alpha=0.25),
    "MobileNetV2": of("MobileNetV2", alpha=0.35),
    "MobileNetV3": of("MobileNetV3Small", alpha=0.25),
    "Xception": of("Xception"),
    "Inception": of("InceptionV3"),
    "InceptionResNet": inception_resnet,
    "EfficientNet": efficientnet,
    "EfficientNetV2": efficientnet_v2,
    "ConvNeXt": convnext,
    "NASNet": nasnet,
}


def certify(family: str) -> dict[str, tuple[bool, int, str]]:
    """By way: whether all agree, how many layers, and the report."""
    keras_anew()
    with tempfile.TemporaryDirectory() as folder:
        certified = Certified(SMALL[family](), Path(folder))
        reports = {way: certified.report(way) for way in (WAYS if family == EVERY_WAY else ("Keras in",))}
    return {way: (report.ok, len(report.layers), str(report)[:500]) for way, report in reports.items()}


def main() -> None:
    warnings.simplefilter("ignore")
    with contextlib.redirect_stdout(sys.stderr):
        keras = keras_anew()
        found = {family: certify(family) for family in SMALL}
    named = {name for names in FAMILIES.values() for name in names}
    there = {name for name in dir(keras.applications) if name[0].isupper()}
    print(json.dumps({"lacking": sorted(there ^ named), "found": found}))


if __name__ == "__main__":
    main()
