"""70,000 handwritten digits of 28 x 28 pixels: 60,000 to train on, 10,000 to test on.

LeCun, Cortes, Burges, The MNIST database of handwritten digits (1998). Read from a folder, as the four IDX
files of its authors, as Keras' mnist.npz, or as two CSV files, a label and the pixels in each line; where
there is none, the four files are downloaded, once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cortex_lab.data.dataset import Dataset
from cortex_lab.data.downloading import Remote, cache_folder, downloaded
from cortex_lab.data.finding import find_one_of
from cortex_lab.data.idx import read_idx
from cortex_lab.data.tensor_array import TensorArray
from cortex_lab.ground.files import check_packed

Arrays = list[tuple[Any, np.ndarray]]
"""Images and labels to train on, then those to test on, each with where it is from."""

FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
CHOICES = (FILES, ("mnist.npz",), ("mnist_train.csv", "mnist_test.csv"))
SERVER = "https://ossci-datasets.s3.amazonaws.com/mnist/"
SIZES = (9_912_422, 28_881, 1_648_877, 4_542)
HASHES = (
    "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
)


def load(
    folder: str | Path | None = None, validation: float | int = 0.0, seed: int = 0, download: bool = True
) -> Dataset:
    """`image` 28x28x1 bytes and `label` 0 to 9, with the official split; `validation` comes out of train."""
    try:
        which, paths = find_one_of("mnist", CHOICES, folder)
    except FileNotFoundError as error:
        if folder is not None:
            raise
        try:
            which, paths = find_one_of("mnist", CHOICES, cache_folder("mnist"))
        except FileNotFoundError:
            which, paths = 0, downloaded("mnist", remotes(SERVER, SIZES, HASHES), str(error), download)
    return of_arrays("mnist", (of_idx, _of_npz, _of_csv)[which](paths), validation, seed)


def remotes(server: str, sizes: Sequence[int], hashes: Sequence[str]) -> list[Remote]:
    """The four files on a server that has them by their usual names."""
    names = [f"{name}.gz" for name in FILES]
    return [Remote(name, server + name, *each) for name, *each in zip(names, sizes, hashes, strict=True)]


def of_arrays(name: str, arrays: Arrays, validation: float | int, seed: int) -> Dataset:
    """The data set of pictures and labels to train on and to test on, as they were read."""
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
    dataset = Dataset(frame, splits=splits, name=name)
    return dataset.split(test=None, validation=validation, seed=seed) if validation else dataset


def of_idx(paths: list[Path]) -> Arrays:
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
