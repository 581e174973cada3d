"""442 patients, ten measures each, and how their diabetes went on, as scikit-learn carries them.

Efron, Hastie, Johnstone and Tibshirani, Least angle regression (2004). The columns are scaled, as there.
"""

from __future__ import annotations

from cortex_lab.data.bundled import of_sklearn
from cortex_lab.data.dataset import Dataset


def load(test: float | int = 0.25, validation: float | int = 0.1, seed: int = 0) -> Dataset:
    """Ten columns and `target`, 25 to 346, split at random."""
    return of_sklearn("diabetes", test, validation, seed)
