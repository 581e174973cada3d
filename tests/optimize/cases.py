"""The case tables: every optimizer, schedule and test function has a row."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from cortex_lab.optimize import (
    SGD,
    Absolute,
    Ackley,
    Adadelta,
    Adagrad,
    Adam,
    AdamW,
    Beale,
    Booth,
    Branin,
    Bukin,
    CosineDecay,
    CrossParaboloid,
    Easom,
    Ellipsoid,
    ExponentialDecay,
    Function,
    GoldsteinPrice,
    Griewank,
    Himmelblau,
    InverseTimeDecay,
    Levi,
    Lion,
    Matyas,
    McCormick,
    Michalewicz,
    Muon,
    Nadam,
    OneCycle,
    Optimizer,
    Paraboloid,
    PiecewiseConstant,
    PolynomialDecay,
    Quartic,
    Rastrigin,
    RMSprop,
    Rosenbrock,
    RotatedEllipsoid,
    Schedule,
    Schwefel,
    SixHumpCamel,
    Sphere,
    StepDecay,
    StyblinskiTang,
    SumOfPowers,
    ThreeHumpCamel,
    Warmup,
    Zakharov,
)

STEPS = 1500


@dataclass(frozen=True)
class FunctionCase:
    """`scale` is how far a step may usefully go: learning rates of the descents are in its units."""

    function: Function
    scale: float = 1.0
    leaves: float = 0.01
    """The share of the height at the start that may be left at the end."""


FUNCTION_CASES = [
    FunctionCase(Sphere()),
    FunctionCase(Sphere(7)),
    FunctionCase(Paraboloid()),
    FunctionCase(Paraboloid((1.0, 3.0, 100.0))),
    FunctionCase(Ellipsoid(4)),
    FunctionCase(RotatedEllipsoid(3), scale=10),
    FunctionCase(CrossParaboloid()),
    FunctionCase(CrossParaboloid(4)),
    FunctionCase(SumOfPowers(4), scale=0.2),
    FunctionCase(Quartic(3), scale=0.3),
    FunctionCase(Zakharov(2)),
    FunctionCase(Rosenbrock(), scale=0.3, leaves=0.05),
    FunctionCase(Rosenbrock(4), scale=0.3, leaves=0.05),
    FunctionCase(Beale(), scale=0.6),
    FunctionCase(Booth()),
    FunctionCase(Matyas(), scale=2),
    FunctionCase(Himmelblau()),
    FunctionCase(ThreeHumpCamel(), scale=0.3),
    FunctionCase(SixHumpCamel(), scale=0.3),
    FunctionCase(GoldsteinPrice(), scale=0.1),
    FunctionCase(McCormick(), scale=0.5),
    FunctionCase(Rastrigin(), scale=0.1),
    FunctionCase(Rastrigin(3), scale=0.1),
    FunctionCase(Ackley(), scale=0.1, leaves=0.03),
    FunctionCase(Griewank(3), scale=0.5),
    FunctionCase(Levi(), scale=0.05),
    FunctionCase(Easom(), scale=0.3),
    FunctionCase(StyblinskiTang(3), scale=0.5),
    FunctionCase(Schwefel(2), scale=10),
    FunctionCase(Branin()),
    FunctionCase(Michalewicz(), scale=0.05),
    FunctionCase(Michalewicz(5), scale=0.05),
    FunctionCase(Absolute(3), scale=1.0),
    FunctionCase(Bukin(), scale=0.3, leaves=0.1),
]


def fading(rate: float) -> CosineDecay:
    return CosineDecay(rate, STEPS)


@dataclass(frozen=True)
class OptimizerCase:
    """`descends(scale)` is the optimizer with a rate, fading to 0, for functions of that scale."""

    optimizer: Optimizer
    rate: float
    clip_norm: float | None = None
    oracle: str | None = None
    """What PyTorch calls it; its hyper-parameters follow."""
    oracle_settings: dict = field(default_factory=dict)

    def descends(self, scale: float) -> Optimizer:
        return self.optimizer.replace(learning_rate=fading(self.rate * scale), clip_norm=self.clip_norm)


OPTIMIZER_CASES = [
    # Gradient descent's step is as long as the gradient, so on functions this steep it wants it clipped.
    OptimizerCase(SGD(0.05), 0.05, 1.0, "SGD", {"lr": 0.05}),
    OptimizerCase(SGD(0.02, momentum=0.9), 0.01, 1.0, "SGD", {"lr": 0.02, "momentum": 0.9}),
    OptimizerCase(
        SGD(0.02, momentum=0.9, nesterov=True),
        0.01,
        1.0,
        "SGD",
        {"lr": 0.02, "momentum": 0.9, "nesterov": True},
    ),
    OptimizerCase(Adagrad(0.5), 0.5, None, "Adagrad", {"lr": 0.5}),
    OptimizerCase(
        Adagrad(0.5, initial=0.1), 0.5, None, "Adagrad", {"lr": 0.5, "initial_accumulator_value": 0.1}
    ),
    OptimizerCase(RMSprop(0.02), 0.02, None, "RMSprop", {"lr": 0.02, "alpha": 0.9}),
    OptimizerCase(
        RMSprop(0.02, rho=0.95, centered=True),
        0.02,
        1.0,
        "RMSprop",
        {"lr": 0.02, "alpha": 0.95, "centered": True},
    ),
    OptimizerCase(
        RMSprop(0.01, momentum=0.5), 0.01, None, "RMSprop", {"lr": 0.01, "alpha": 0.9, "momentum": 0.5}
    ),
    OptimizerCase(
        RMSprop(0.01, momentum=0.5, centered=True, epsilon=1e-4),
        0.01,
        1.0,
        "RMSprop",
        {"lr": 0.01, "alpha": 0.9, "momentum": 0.5, "centered": True, "eps": 1e-4},
    ),
    OptimizerCase(Adadelta(1.0), 30.0, None, "Adadelta", {"lr": 1.0, "rho": 0.95}),
    OptimizerCase(Adam(0.05), 0.05, None, "Adam", {"lr": 0.05}),
    OptimizerCase(
        Adam(0.05, beta_1=0.8, beta_2=0.99, epsilon=1e-6),
        0.05,
        None,
        "Adam",
        {"lr": 0.05, "betas": (0.8, 0.99), "eps": 1e-6},
    ),
    OptimizerCase(AdamW(0.05, weight_decay=1e-4), 0.05, None, "AdamW", {"lr": 0.05, "weight_decay": 1e-4}),
    OptimizerCase(Nadam(0.05), 0.05, None, "NAdam", {"lr": 0.05}),
    OptimizerCase(Lion(0.01), 0.01),
    # Of vectors that are not made of matrices it does what AdamW does.
    OptimizerCase(Muon(0.05), 0.05, None, "AdamW", {"lr": 0.05, "betas": (0.9, 0.95), "weight_decay": 0.0}),
]

SCHEDULE_CASES: list[Schedule] = [
    StepDecay(0.1, 30),
    StepDecay(0.1, 10, factor=0.5),
    ExponentialDecay(0.1, 20, factor=0.5),
    InverseTimeDecay(0.1, 20, rate=0.5),
    PiecewiseConstant((10, 20), (0.1, 0.01, 0.001)),
    PolynomialDecay(0.1, 50, final=0.01, power=2.0),
    CosineDecay(0.1, 40, final=0.001),
    CosineDecay(0.1, 10, restarts=True, growth=2),
    OneCycle(0.1, 60),
    OneCycle(0.1, 60, warmup=0.0),
    Warmup(10, 0.1),
    Warmup(10, CosineDecay(0.1, 50), start=0.01),
]


def quadratic(dimension: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A symmetric positive definite matrix, and where the quadratic around it is lowest."""
    random = np.random.default_rng(seed)
    square = random.standard_normal((dimension, dimension))
    return square @ square.T / dimension + np.eye(dimension), random.standard_normal(dimension)
