"""Batches as torchvision and a DataLoader make them, an epoch for each line read: the seconds it took.

    python torchvision_batches.py WORKERS BATCH COUNT           bytes of 28 x 28, moved, turned and toned
    python torchvision_batches.py WORKERS BATCH COUNT FOLDER    JPEGs, a folder for each class, decoded

Alone, so that another Python may run it that has torchvision: it prints "missing" where that is not.
"""

from __future__ import annotations

import sys
import time
from typing import Any

import numpy as np


def loader(workers: int, batch: int, count: int, folder: str | None) -> Any:
    import torch
    from torchvision import datasets
    from torchvision.transforms import v2

    if folder is None:
        pictures = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (count, 1, 28, 28), np.uint8))
        change = v2.Compose(
            [
                v2.RandomAffine(15, (0.1, 0.1), (0.9, 1.1), interpolation=v2.InterpolationMode.BILINEAR),
                v2.ColorJitter(contrast=0.2),
                v2.ToDtype(torch.float32, scale=True),
            ]
        )

        class Changed(torch.utils.data.Dataset):
            def __len__(self) -> int:
                return count

            def __getitem__(self, row: int) -> Any:
                return change(pictures[row]), 0

        data: Any = Changed()
    else:
        whole = datasets.ImageFolder(folder, v2.PILToTensor())
        data = torch.utils.data.Subset(whole, range(min(count, len(whole))))
    return torch.utils.data.DataLoader(
        data, batch, shuffle=True, num_workers=workers, persistent_workers=workers > 0
    )


def main(workers: int, batch: int, count: int, folder: str | None = None) -> None:
    try:
        batches = loader(workers, batch, count, folder)
    except ImportError:
        print("missing", flush=True)
        return
    print("ready", flush=True)
    for _ in sys.stdin:
        began, rows = time.perf_counter(), 0
        for inputs, _targets in batches:
            rows += len(inputs)
        print(time.perf_counter() - began, rows, flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:4]), *sys.argv[4:])
