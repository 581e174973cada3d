"""60,000 photographs of 32 x 32 pixels in ten classes: 50,000 to train on, 10,000 to test on.

Krizhevsky, Learning multiple layers of features from tiny images (2009). Read in its binary form, packed or
unpacked, from a folder; where there is none, it is downloaded, once. The Python form is a pickle, and is not
read.
"""

from __future__ import annotations

import os
from pathlib import Path

from cortex_lab.data.dataset import Dataset
from cortex_lab.data.downloading import Remote, cache_folder, downloaded
from cortex_lab.data.finding import FOLDER_VARIABLE
from cortex_lab.data.readers import cifar

ARCHIVE = "cifar-10-binary.tar.gz"
UNPACKED = "cifar-10-batches-bin"
REMOTE = Remote(
    ARCHIVE,
    f"https://www.cs.toronto.edu/~kriz/{ARCHIVE}",
    170_052_171,
    "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
)


def load(
    folder: str | Path | None = None, validation: float | int = 0.0, seed: int = 0, download: bool = True
) -> Dataset:
    """`image` 32x32x3 bytes and `label` "airplane" to "truck", with the official split."""
    path = _found(folder) or (None if folder else _found(cache_folder("cifar10")))
    if path is None:
        where = folder or os.environ.get(FOLDER_VARIABLE)
        there = f"neither is in {where}" if where else f"{FOLDER_VARIABLE} is not set"
        missing = (
            f"cifar10 needs {ARCHIVE}, or its folder {UNPACKED}, and {there}. Name their folder with the "
            f"environment variable {FOLDER_VARIABLE} or with load('cifar10', folder=...)"
        )
        if folder is not None:
            raise FileNotFoundError(missing)
        path = downloaded("cifar10", [REMOTE], missing, download)[0]
    table = cifar.READER.read(path)
    dataset = Dataset(table.frame, splits=table.splits, name="cifar10", notes=table.notes)
    return dataset.split(test=None, validation=validation, seed=seed) if validation else dataset


def _found(folder: str | Path | None) -> Path | None:
    given = folder or os.environ.get(FOLDER_VARIABLE)
    if not given:
        return None
    top = Path(given).expanduser()
    for place in (top, top / "cifar10", top / "cifar-10"):
        if place.is_dir() and (place / "data_batch_1.bin").is_file():
            return place
        for name in (UNPACKED, ARCHIVE):
            if (place / name).exists():
                return place / name
    return None
