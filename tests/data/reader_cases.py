"""A small file for each reader, and what is in it."""

from __future__ import annotations

import io
import struct
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import pandas as pd

FRAME = pd.DataFrame(
    {
        "age": [39.0, 50.0, np.nan, 28.0, 37.0, 49.0],
        "city": ["Bern", "Oslo", "Bern", "Rome", "Oslo", "Rome"],
        "member": [True, False, True, True, False, False],
        "income": ["low", "high", "low", "low", "high", "high"],
    }
)
PICTURES = np.random.default_rng(0).integers(0, 256, (6, 4, 5), np.uint8)
LABELS = np.array([0, 1, 2, 0, 1, 2], np.uint8)


@dataclass(frozen=True)
class Case:
    """How a file is written into a folder, what `read` is told, and the columns that come of it."""

    write: Callable[[Path], Path]
    columns: tuple[str, ...]
    options: dict
    rows: int = 6


def csv(folder: Path) -> Path:
    FRAME.to_csv(folder / "people.csv", index=False)
    return folder / "people.csv"


def parquet(folder: Path) -> Path:
    FRAME.to_parquet(folder / "people.parquet")
    return folder / "people.parquet"


def feather(folder: Path) -> Path:
    FRAME.to_feather(folder / "people.feather", compression="zstd")
    return folder / "people.feather"


def idx(folder: Path) -> Path:
    for name, values in (("train-images-idx3-ubyte", PICTURES), ("train-labels-idx1-ubyte", LABELS)):
        head = struct.pack(f">4B{values.ndim}I", 0, 0, 8, values.ndim, *values.shape)
        (folder / name).write_bytes(head + values.tobytes())
    return folder / "train-images-idx3-ubyte"


def npz(folder: Path) -> Path:
    np.savez_compressed(folder / "pictures.npz", image=PICTURES, label=LABELS)
    return folder / "pictures.npz"


def hdf5(folder: Path) -> Path:
    with h5py.File(folder / "pictures.h5", "w") as file:
        file.create_dataset("image", data=PICTURES[..., None], chunks=(2, 4, 5, 1), compression="gzip")
        file["label"] = LABELS
    return folder / "pictures.h5"


def png(folder: Path) -> Path:
    from PIL import Image

    for place, pixels in enumerate(PICTURES):
        (folder / "abc"[place % 3]).mkdir(exist_ok=True)
        Image.fromarray(pixels).save(folder / "abc"[place % 3] / f"{place}.png")
    return folder


def cifar(folder: Path) -> Path:
    rows = np.random.default_rng(0).integers(0, 256, (3, 3073), np.uint8)
    rows[:, 0] = [0, 9, 1]
    names = b"airplane\nautomobile\nbird\ncat\ndeer\ndog\nfrog\nhorse\nship\ntruck\n"
    with tarfile.open(folder / "cifar-10-binary.tar.gz", "w:gz") as archive:
        for name, content in (
            ("cifar-10-batches-bin/batches.meta.txt", names),
            ("cifar-10-batches-bin/data_batch_1.bin", rows[:2].tobytes()),
            ("cifar-10-batches-bin/data_batch_2.bin", rows[1:].tobytes()),
            ("cifar-10-batches-bin/test_batch.bin", rows[:2].tobytes()),
        ):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return folder / "cifar-10-binary.tar.gz"


CASES = {
    "delimited": Case(csv, tuple(FRAME), {"target": "income"}),
    "parquet": Case(parquet, tuple(FRAME), {"target": "income"}),
    "feather": Case(feather, tuple(FRAME), {"target": "income"}),
    "idx": Case(idx, ("image", "label"), {}),
    "numpy_arrays": Case(npz, ("image", "label"), {}),
    "hdf5": Case(hdf5, ("image", "label"), {}),
    "images": Case(png, ("image", "label", "file"), {}),
    "cifar": Case(cifar, ("image", "label"), {}),
}
