"""Optimizers over flat vectors, for networks and for any function with a gradient.

| type                       | what it is                                                              |
|----------------------------|-------------------------------------------------------------------------|
| `Optimizer`                | frozen hyper-parameters; `init(ops, params)`, `update(...)`              |
| `Schedule`                 | frozen function from an update to its learning rate                     |
| `check_gradient`           | compares a gradient with differences along random directions            |
"""

from cortex_lab.optimize.gradient_check import GradientCheck, WrongGradient, check_gradient
from cortex_lab.optimize.optimizer import OPTIMIZERS, Optimizer, optimizer_from_dict
from cortex_lab.optimize.optimizers import *  # noqa: F403 - every registered optimizer
from cortex_lab.optimize.optimizers import __all__ as _optimizers
from cortex_lab.optimize.schedule import SCHEDULES, Schedule, schedule_from_dict
from cortex_lab.optimize.schedules import (
    CosineDecay,
    ExponentialDecay,
    OneCycle,
    PiecewiseConstant,
    PolynomialDecay,
    StepDecay,
    Warmup,
)

__all__ = [
    "OPTIMIZERS",
    "SCHEDULES",
    "CosineDecay",
    "ExponentialDecay",
    "GradientCheck",
    "OneCycle",
    "Optimizer",
    "PiecewiseConstant",
    "PolynomialDecay",
    "Schedule",
    "StepDecay",
    "Warmup",
    "WrongGradient",
    "check_gradient",
    "optimizer_from_dict",
    "schedule_from_dict",
    *_optimizers,
]
