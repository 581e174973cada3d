"""Networks as scikit-learn's estimators.

What a call does with what was learned before:

| call                                | network        | optimizer, session                                |
|-------------------------------------|----------------|---------------------------------------------------|
| `fit`                               | a new one      | new ones                                          |
| `fit`, `warm_start`, the same rows  | goes on        | go on: bit for bit as one uninterrupted fit       |
| `fit`, `warm_start`, other rows     | goes on        | the optimizer goes on, in a new session           |
| `partial_fit`                       | goes on, if any| the same, for one epoch                           |

"The same rows" are those of a session that is still there: a copy, or one read from a file, begins another.
With `memory` a new `fit` goes on from the longest kept one of the same rows and parameters, bit for bit.
"""

from cortex_lab.interop.estimators.callbacks import LiveBench
from cortex_lab.interop.estimators.classifier import NetworkClassifier
from cortex_lab.interop.estimators.regressor import NetworkRegressor
from cortex_lab.interop.estimators.transformer import NetworkTransformer

__all__ = ["LiveBench", "NetworkClassifier", "NetworkRegressor", "NetworkTransformer"]
