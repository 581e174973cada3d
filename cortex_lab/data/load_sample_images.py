"""Two photographs of 427 x 640 pixels, a temple and a flower, as scikit-learn carries them. Needs Pillow."""

from __future__ import annotations

from pathlib import Path

from cortex_lab.data.dataset import Dataset
from cortex_lab.data.readers.images import of_files


def load() -> Dataset:
    """`image` 427x640x3 bytes and `label`, "china" and "flower"; too few to be split."""
    from sklearn import datasets

    folder = Path(datasets.__file__).parent / "images"
    paths = sorted(folder.glob("*.jpg"))
    table, _ = of_files(paths, [path.stem for path in paths], folder)
    return Dataset(table.frame, name="sample_images")
