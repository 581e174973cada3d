from __future__ import annotations

import gzip
import os
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cortex_lab.data import TensorArray

IDX_TYPES = {"uint8": 0x08, "int8": 0x09, "int16": 0x0B, "int32": 0x0C, "float32": 0x0D, "float64": 0x0E}


@pytest.fixture
def write_idx() -> Callable[[Path, np.ndarray], Path]:
    def write(path: Path, array: np.ndarray) -> Path:
        header = struct.pack(">BBBB", 0, 0, IDX_TYPES[array.dtype.name], array.ndim)
        header += struct.pack(f">{array.ndim}I", *array.shape)
        content = header + array.astype(array.dtype.newbyteorder(">")).tobytes()
        path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
        return path

    return write


@pytest.fixture
def pictures() -> pd.DataFrame:
    """Twelve 4x3x1 byte images, row i filled with i; four each of ant, bee and cat."""
    images = np.arange(12, dtype=np.uint8)[:, None, None, None] * np.ones((4, 3, 1), np.uint8)
    return pd.DataFrame({"image": TensorArray(images), "label": ["bee", "ant", "cat"] * 4})


@pytest.fixture(scope="session")
def mnist_folder() -> Path:
    given = os.environ.get("CORTEX_LAB_DATA")
    folder = Path(given) if given else Path(__file__).parents[3] / "shared" / "data"
    if not list(folder.glob("**/train-images-idx3-ubyte*")):
        pytest.skip(f"no MNIST files in {folder}; name their folder in CORTEX_LAB_DATA")
    return folder
