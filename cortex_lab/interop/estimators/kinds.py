"""What estimators are given."""

from __future__ import annotations

import os
from collections.abc import Hashable, Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from cortex_lab.data import Augmentation
from cortex_lab.nn import Layer, Loss
from cortex_lab.nn.contract.penalties import Penalties
from cortex_lab.optimize import Optimizer
from cortex_lab.study import Condition

Rows = ArrayLike | pd.DataFrame
Targets = ArrayLike | pd.DataFrame | pd.Series | None
Layers = int | Layer | Sequence[int | Layer]
Losses = str | Loss | None
Optimizers = str | Optimizer
Until = str | Condition | None
PenaltiesOf = Penalties | Mapping[str, object] | None
Augmentations = Augmentation | Mapping[str, Augmentation] | None
ClassWeights = Mapping[Hashable, float] | str | None
Folder = str | os.PathLike | None
Seed = int | np.random.RandomState | None
