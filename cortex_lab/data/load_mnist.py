"""70,000 handwritten digits of 28 x 28 pixels: 60,000 to train on, 10,000 to test on.

LeCun, Cortes, Burges, The MNIST database of handwritten digits (1998). Not part of this package: the four IDX
files are read from a folder.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from cortex_lab.data.dataset import Dataset
from cortex_lab.data.idx import read_idx
from cortex_lab.data.loading import find_files
from cortex_lab.data.tensor_array import TensorArray

FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


def load(folder: str | Path | None = None, validation: float | int = 0.0, seed: int = 0) -> Dataset:
    """`image` 28x28x1 bytes and `label` 0 to 9, with the official split; `validation` comes out of train."""
    paths = find_files("mnist", FILES, folder)
    arrays = [read_idx(path) for path in paths]
    for path, array, ndim in zip(paths, arrays, (3, 1, 3, 1), strict=True):
        if array.ndim != ndim or array.dtype != np.uint8:
            raise ValueError(
                f"{path} holds {array.dtype} of shape {array.shape}; bytes in {ndim} dimensions are wanted"
            )
    for images, labels in (0, 1), (2, 3):
        if len(arrays[images]) != len(arrays[labels]):
            raise ValueError(
                f"{paths[images]} has {len(arrays[images])} images, but {paths[labels]} has "
                f"{len(arrays[labels])} labels"
            )
    frame = pd.DataFrame(
        {
            "image": TensorArray(np.concatenate(arrays[::2])[..., np.newaxis]),
            "label": np.concatenate(arrays[1::2]).astype(np.int64),
        },
        copy=False,
    )
    first_test = len(arrays[0])
    splits = {"train": np.arange(first_test), "test": np.arange(first_test, len(frame))}
    dataset = Dataset(frame, splits=splits, name="mnist")
    return dataset.split(test=None, validation=validation, seed=seed) if validation else dataset
