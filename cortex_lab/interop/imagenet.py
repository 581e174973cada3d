"""Pictures as the networks of keras.applications want them, and what they say of them in words."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from cortex_lab.ground import checks
from cortex_lab.ground.files import DamagedFile, size_of

MODES = ("caffe", "tf", "torch")
# Of the pictures of ImageNet: red, green and blue.
_MEAN, _SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_BLUE_GREEN_RED = (103.939, 116.779, 123.68)
_LONGEST = 2**24


def preprocess(pictures: object, mode: str) -> np.ndarray:
    """Pictures (..., height, width, 3) of 0 to 255, red first, as networks of that `mode` want them: float32.

    "caffe": blue first, less the mean of each channel (VGG, ResNet). "tf": -1 to 1 (ResNetV2, MobileNet,
    Inception, Xception, NASNet). "torch": 0 to 1, then less the mean and divided by the spread of each
    channel (DenseNet). EfficientNet, MobileNetV3 and ConvNeXt have it inside, and take pictures as they are.
    """
    checks.choice("mode", mode, MODES)
    given = checks.numbers("pictures", pictures, "pictures of numbers from 0 to 255")
    if given.ndim < 3 or given.shape[-1] != 3:
        raise ValueError(
            f"pictures must have three channels last, (..., height, width, 3), got {given.shape}"
        )
    values = given.astype(np.float32)
    if mode == "tf":
        return values / np.float32(127.5) - np.float32(1)
    if mode == "torch":
        return (values / np.float32(255) - np.float32(_MEAN)) / np.float32(_SPREAD)
    return values[..., ::-1] - np.float32(_BLUE_GREEN_RED)


def read_labels(path: str | os.PathLike) -> list[str]:
    """The names of classes in a file: a line for each, or JSON, such as {"0": [id, name]} of Keras."""
    if size_of(path) > _LONGEST:
        raise DamagedFile(path, "is too long for the names of classes", remedy="name a file of labels")
    try:
        text = Path(path).read_text(encoding="utf-8")
        if text.lstrip()[:1] not in ("{", "["):
            return [line.strip() for line in text.splitlines() if line.strip()]
        found = json.loads(text)
        if isinstance(found, dict):
            found = [found[str(number)] for number in range(len(found))]
        labels = [each[-1] if isinstance(each, list) else each for each in found]
    except (ValueError, KeyError, IndexError, RecursionError) as error:
        raise DamagedFile(
            path, f"is no file of labels ({error})", remedy="a line for each class will do"
        ) from None
    if not all(isinstance(label, str) for label in labels):
        raise DamagedFile(path, "has labels that are no text", remedy="a line for each class will do")
    return labels


def top(
    predictions: object, labels: Sequence[str] | str | os.PathLike, count: int = 5
) -> list[list[tuple[str, float]]]:
    """For each row of (rows, classes), its `count` likeliest classes with their probabilities, best first.

    `labels` are the names of all classes in their order, or a file that `read_labels` reads.
    """
    rows = checks.numbers("predictions", predictions, "probabilities (rows, classes)")
    names = read_labels(labels) if isinstance(labels, (str, os.PathLike)) else list(labels)
    checks.whole("count", count, least=1)
    if rows.ndim != 2 or rows.shape[1] != len(names):
        raise ValueError(f"predictions of shape {rows.shape} do not go with {len(names)} labels")
    best = np.argsort(-rows, axis=1, kind="stable")[:, :count]
    return [[(names[k], float(row[k])) for k in order] for row, order in zip(rows, best, strict=True)]
