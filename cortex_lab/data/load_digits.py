"""1,797 handwritten digits of 8 x 8 pixels, as scikit-learn carries them.

Alpaydin and Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning Repository (1998).
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from cortex_lab.data.dataset import Dataset
from cortex_lab.data.tensor_array import TensorArray


def load(test: float | int = 0.25, validation: float | int = 0.1, seed: int = 0) -> Dataset:
    """`image` 8x8x1 float32 in 0..1 and `label` 0 to 9, split with every digit in proportion."""
    from sklearn.datasets import load_digits

    pixels, labels = load_digits(return_X_y=True)
    images = (np.asarray(pixels) / 16).astype(np.float32).reshape(-1, 8, 8, 1)
    frame = pd.DataFrame({"image": TensorArray(images), "label": labels}, copy=False)
    return Dataset(frame, name="digits").split(test=test, validation=validation, seed=seed)
