"""569 tumors, malignant or benign, thirty measures each, as scikit-learn carries them.

Wolberg, Mangasarian, Street and Street, Breast cancer Wisconsin (diagnostic), UCI (1993).
"""

from __future__ import annotations

from cortex_lab.data.bundled import of_sklearn
from cortex_lab.data.dataset import Dataset


def load(test: float | int = 0.25, validation: float | int = 0.1, seed: int = 0) -> Dataset:
    """Thirty columns and `target`, the diagnosis, split with both in proportion."""
    return of_sklearn("breast_cancer", test, validation, seed)
