"""Optimizers over flat vectors, for networks and for any function with a gradient.

| type        | what it is                                                        |
|-------------|-------------------------------------------------------------------|
| `Optimizer` | frozen hyper-parameters; `init(ops, params)`, `update(...)`       |
| `SGD`       | gradient descent, with momentum and Nesterov's variant            |
| `Adam`      | steps scaled by running moments of the gradient                   |
"""

from cortex_lab.optimize.adam import Adam
from cortex_lab.optimize.optimizer import OPTIMIZERS, Optimizer
from cortex_lab.optimize.sgd import SGD

__all__ = ["OPTIMIZERS", "SGD", "Adam", "Optimizer"]
