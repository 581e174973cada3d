"""178 wines of three growers, thirteen measures each, as scikit-learn carries them.

Aeberhard and Forina, Wine, UCI Machine Learning Repository (1991).
"""

from __future__ import annotations

from cortex_lab.data.bundled import of_sklearn
from cortex_lab.data.dataset import Dataset


def load(test: float | int = 0.25, validation: float | int = 0.1, seed: int = 0) -> Dataset:
    """Thirteen columns and `target`, the grower, split with every grower in proportion."""
    return of_sklearn("wine", test, validation, seed)
