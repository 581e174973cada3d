"""Twenty men in a fitness club: three exercises, three measures, as scikit-learn carries them.

Tenenhaus, La régression PLS: théorie et pratique (1998).
"""

from __future__ import annotations

from cortex_lab.data.bundled import of_sklearn
from cortex_lab.data.dataset import Dataset


def load(test: float | int = 0.25, validation: float | int = 0.1, seed: int = 0) -> Dataset:
    """Three exercises as inputs, weight, waist and pulse as targets, split at random."""
    return of_sklearn("linnerud", test, validation, seed)
