"""What scikit-learn calls a transformer, as far as it is asked for anything here."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import pandas as pd


class Transformer(Protocol):
    """Fitted on some rows of a frame, it makes others of any rows; a Pipeline has `steps` of them."""

    def fit(self, given: pd.DataFrame, targets: np.ndarray | None = None, /) -> object: ...

    def transform(self, given: pd.DataFrame, /) -> Any: ...

    def get_params(self, deep: bool = True) -> dict[str, Any]: ...
