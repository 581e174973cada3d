"""150 irises of three species, four measures each, as scikit-learn carries them.

Fisher, The use of multiple measurements in taxonomic problems (1936).
"""

from __future__ import annotations

from cortex_lab.data.bundled import of_sklearn
from cortex_lab.data.dataset import Dataset


def load(test: float | int = 0.25, validation: float | int = 0.1, seed: int = 0) -> Dataset:
    """Four columns in centimeters and `target`, the species, split with every species in proportion."""
    return of_sklearn("iris", test, validation, seed)
