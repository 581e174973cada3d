"""Optimizers over flat vectors, for networks and for any function with a gradient; and descents to look into.

| name                       | what it is                                                              |
|----------------------------|-------------------------------------------------------------------------|
| `Optimizer`                | frozen hyper-parameters; `init(ops, params)`, `update(...)`             |
| `Schedule`                 | frozen function from an update to its learning rate                     |
| `ReduceOnPlateau`          | lowers the rate of a session when what it records stalls                |
| `learning_rate_range_test` | tries rising rates, returns the curve, puts the process back            |
| `check_gradient`           | compares a gradient with differences along random directions            |
| `Function`                 | a test function: value, gradient, known minimum, bounds                 |
| `Objective`                | a function of your own                                                  |
| `Descent`                  | a function and an optimizer as a Process; `descent/` has what runs it   |
"""

from cortex_lab.ground.habits import answers_for
from cortex_lab.optimize.descent import (
    Descent,
    Interactive,
    Landscape,
    Log,
    follow,
    interactive,
    landscape,
    log,
    pages,
    print_steps,
    profile,
    review,
    scipy_path,
    study,
    summary,
    weight_landscape,
)
from cortex_lab.optimize.function import FUNCTIONS, Function, Objective, function_from_dict
from cortex_lab.optimize.functions import *  # noqa: F403 - every registered function
from cortex_lab.optimize.functions import __all__ as _functions
from cortex_lab.optimize.gradient_check import GradientCheck, WrongGradient, check_gradient
from cortex_lab.optimize.optimizer import OPTIMIZERS, Optimizer, as_optimizer, optimizer_from_dict
from cortex_lab.optimize.optimizers import *  # noqa: F403 - every registered optimizer
from cortex_lab.optimize.optimizers import __all__ as _optimizers
from cortex_lab.optimize.plateau import ReduceOnPlateau
from cortex_lab.optimize.range_test import learning_rate_range_test, steepest
from cortex_lab.optimize.schedule import SCHEDULES, Schedule, schedule_from_dict
from cortex_lab.optimize.schedules import (
    CosineDecay,
    ExponentialDecay,
    InverseTimeDecay,
    OneCycle,
    PiecewiseConstant,
    PolynomialDecay,
    StepDecay,
    Warmup,
)

__all__ = [
    "CosineDecay",
    "Descent",
    "ExponentialDecay",
    "FUNCTIONS",
    "Function",
    "GradientCheck",
    "Interactive",
    "InverseTimeDecay",
    "Landscape",
    "Log",
    "OPTIMIZERS",
    "Objective",
    "OneCycle",
    "Optimizer",
    "PiecewiseConstant",
    "PolynomialDecay",
    "ReduceOnPlateau",
    "SCHEDULES",
    "Schedule",
    "StepDecay",
    "Warmup",
    "WrongGradient",
    "as_optimizer",
    "check_gradient",
    "follow",
    "function_from_dict",
    "interactive",
    "landscape",
    "learning_rate_range_test",
    "log",
    "optimizer_from_dict",
    "pages",
    "print_steps",
    "profile",
    "review",
    "schedule_from_dict",
    "scipy_path",
    "steepest",
    "study",
    "summary",
    "weight_landscape",
    *_functions,
    *_optimizers,
]

__getattr__ = answers_for(__name__)
