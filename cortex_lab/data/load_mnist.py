"""70,000 handwritten digits of 28 x 28 pixels: 60,000 to train on, 10,000 to test on.

LeCun, Cortes, Burges, The MNIST database of handwritten digits (1998). Not part of this package: read from a
folder, as the four IDX files of its authors, as Keras' mnist.npz, or as two CSV files, a label and the pixels
in each line.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cortex_lab.data.dataset import Dataset
from cortex_lab.data.idx import read_idx
from cortex_lab.data.loading import find_one_of
from cortex_lab.data.tensor_array import TensorArray
from cortex_lab.ground.files import check_packed

FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
CHOICES = (FILES, ("mnist.npz",), ("mnist_train.csv", "mnist_test.csv"))


def load(folder: str | Path | None = None, validation: float | int = 0.0, seed: int = 0) -> Dataset:
    """`image` 28x28x1 bytes and `label` 0 to 9, with the official split; `validation` comes out of train."""
    which, paths = find_one_of("mnist", CHOICES, folder)
    arrays = (_of_idx, _of_npz, _of_csv)[which](paths)
    for (where, array), ndim in zip(arrays, (3, 1, 3, 1), strict=True):
        if array.ndim != ndim or array.dtype != np.uint8:
            raise ValueError(
                f"{where} holds {array.dtype} of shape {array.shape}; bytes in {ndim} dimensions are wanted"
            )
    for images, labels in (arrays[:2], arrays[2:]):
        if len(images[1]) != len(labels[1]):
            raise ValueError(
                f"{images[0]} has {len(images[1])} images, but {labels[0]} has {len(labels[1])} labels"
            )
    pictures, labels = ([array for _, array in arrays[start::2]] for start in (0, 1))
    frame = pd.DataFrame(
        {
            "image": TensorArray(np.concatenate(pictures)[..., np.newaxis]),
            "label": np.concatenate(labels).astype(np.int64),
        },
        copy=False,
    )
    first_test = len(pictures[0])
    splits = {"train": np.arange(first_test), "test": np.arange(first_test, len(frame))}
    dataset = Dataset(frame, splits=splits, name="mnist")
    return dataset.split(test=None, validation=validation, seed=seed) if validation else dataset


Arrays = list[tuple[Any, np.ndarray]]
"""Images and labels to train on, then those to test on, each with where it is from."""


def _of_idx(paths: list[Path]) -> Arrays:
    return [(path, read_idx(path)) for path in paths]


def _of_npz(paths: list[Path]) -> Arrays:
    names = ("x_train", "y_train", "x_test", "y_test")
    try:
        check_packed(paths[0])
        with np.load(paths[0], allow_pickle=False) as stored:
            return [(f"{name} of {paths[0]}", stored[name]) for name in names]
    except Exception as error:
        # Those who read zips, arrays and their heads raise whatever they stumble over.
        raise ValueError(f"{paths[0]} is not whole, or no file of {', '.join(names)}: {error}") from error


def _of_csv(paths: list[Path]) -> Arrays:
    arrays: Arrays = []
    for path in paths:
        try:
            first = pd.read_csv(path, header=None, dtype=str, nrows=1)
            # A line of names comes first in some.
            header = None if str(first.iloc[0, -1]).isdecimal() else 0
            numbers = pd.read_csv(path, header=header, dtype=np.int64).to_numpy()
            side = math.isqrt(numbers.shape[1] - 1)
            if not len(numbers):
                raise ValueError("there is no line of numbers")
            images = numbers[:, 1:].reshape(len(numbers), side, side)
        except ValueError as error:
            what = "a label and the pixels of a square in each line"
            raise ValueError(f"{path} is no table of {what}: {error}") from None
        if numbers.size and (numbers.min() < 0 or numbers.max() > 255):
            raise ValueError(f"{path} holds {numbers.min()} to {numbers.max()}; bytes, 0 to 255, are wanted")
        arrays += [(path, images.astype(np.uint8)), (path, numbers[:, 0].astype(np.uint8))]
    return arrays
