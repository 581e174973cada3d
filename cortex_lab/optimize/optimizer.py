"""What an optimizer is: frozen hyper-parameters and an update of a flat vector."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from cortex_lab.compute import Ops
from cortex_lab.ground import checks
from cortex_lab.ground.described import Described, Registry, replays_own_only
from cortex_lab.ground.forks import cached_property
from cortex_lab.ground.spelling import spelled
from cortex_lab.optimize import by_pattern
from cortex_lab.optimize.schedule import SCHEDULES, checked_schedule

OPTIMIZERS = Registry("optimizer", parts=(SCHEDULES,))

Rate = float | Callable[[int], float]


@dataclass(frozen=True, repr=False)
class Optimizer(Described):
    """Base of all optimizers: subclasses are frozen dataclasses with a `learning_rate` first.

    An optimizer sees nothing but (params, gradient, state): flat vectors of any backend, of a network or of
    an analytic function. All memory it has is in the state that `init` makes. A new optimizer is one file
    with `arrays` and `apply`, and a row in the case table.

    Every optimizer takes, by keyword:

    `weight_decay` shrinks all parameters by learning_rate * weight_decay before each update, decoupled from
    the gradient (Loshchilov and Hutter 2019); for a penalty inside the loss, use an L2 penalty there. In a
    training, parameters that no loss leads to are left as they are.
    `weight_decay_excludes` names parameters that do not shrink, by patterns such as "*/bias"; the word
    "biases_and_norms" is all biases, gammas, betas and whatever else has a single axis.
    `learning_rate_factors` makes the steps of parameters longer or shorter, by pattern: {"conv2d_*": 0.1}.
    A name has the product of all factors whose pattern it matches; weight decay goes with the rate.
    `clip_value` limits each element of the gradient to [-clip_value, clip_value]; then `clip_norm` shortens
    the whole gradient to that Euclidean norm if it is longer (Pascanu et al. 2013; Keras' global_clipnorm).
    """

    decays_itself: ClassVar[bool] = False
    """Whether `apply` does the weight decay, in the same pass."""
    replays: ClassVar[bool] = False
    """Whether `apply` only calls kernels, each time with the same arrays and hyper-parameters.

    It is then run once for a training; after that the calls it made are made again, and what changes from
    update to update, the `rate` and the numbers of the state, lies in arrays (). A class of one's own that
    brings an `apply` says so itself.
    """

    learning_rate: Rate = field(default=0.001, kw_only=True)
    weight_decay: float = field(default=0.0, kw_only=True)
    clip_norm: float | None = field(default=None, kw_only=True)
    clip_value: float | None = field(default=None, kw_only=True)
    weight_decay_excludes: Any = field(default=(), kw_only=True)
    learning_rate_factors: Any = field(default=(), kw_only=True)

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        # Said here so that @dataclass leaves it: what equals its default need not be read every time.
        cls.__repr__ = Optimizer.__repr__  # type: ignore[method-assign]
        replays_own_only(cls, "apply")
        OPTIMIZERS.add(cls)

    def __post_init__(self) -> None:
        self.check_rate()
        checks.number("weight_decay", self.weight_decay, least=0)
        for name in ("clip_norm", "clip_value"):
            if getattr(self, name) is not None:
                checks.number(name, getattr(self, name), over=0)
        excludes = by_pattern.patterns("weight_decay_excludes", self.weight_decay_excludes)
        factors = by_pattern.factors("learning_rate_factors", self.learning_rate_factors)
        object.__setattr__(self, "weight_decay_excludes", excludes)
        object.__setattr__(self, "learning_rate_factors", factors)

    # To be written by an optimizer ------------------------------------------------------------------

    @property
    def arrays(self) -> tuple[str, ...]:
        """Names of the vectors like `params` that it remembers between updates, 0 before the first."""
        return ()

    def memory(self, ops: Ops, params: np.ndarray) -> dict[str, Any]:
        """All that it remembers, before the first update: `arrays`, unless it is more than that."""
        return {name: ops.zeros(params.shape, params.dtype) for name in self.arrays}

    def advance(self, state: dict[str, Any]) -> None:
        """Make the numbers of `state` those of the next update: "updates" counts it from now on."""
        state["updates"] += 1

    def apply(
        self, ops: Ops, params: np.ndarray, gradient: np.ndarray, state: dict[str, Any], rate: float
    ) -> Any:
        """Change `params` and `state` in place; state["updates"] counts this update already.

        Returns whether the gradient was finite and what was in `params` still is, or None if it did not look.
        Where its calls are to be made again, state["finite"] is an array for a kernel to note it in, which is
        returned.
        """
        raise TypeError(f"{type(self).__name__} must define apply(ops, params, gradient, state, rate)")

    # What it then can do ----------------------------------------------------------------------------

    def init(
        self, ops: Ops, params: np.ndarray, shapes: Mapping[str, tuple[int, ...]] | None = None
    ) -> dict[str, Any]:
        """State for a vector like `params`, before the first update.

        `shapes` are those of the arrays that make up the vector, by name and in their order, if it has any.
        ValueError for a pattern that no name matches.
        """
        state = {"updates": 0, **self.memory(ops, params), **self.parts(shapes)}
        if self.clip_norm is not None or self.clip_value is not None:
            state["clipped"] = ops.zeros(params.shape, params.dtype)
        return state

    def parts(self, shapes: Mapping[str, tuple[int, ...]] | None) -> dict[str, Any]:
        """What the state says of the parts of the vector that are named in patterns, if any are."""
        found: dict[str, Any] = {}
        if self.weight_decay_excludes:
            found["decayed"] = by_pattern.decayed_parts(self.weight_decay_excludes, shapes)
        if self.learning_rate_factors:
            found["scaled"] = by_pattern.scaled_parts(self.learning_rate_factors, shapes)
        return found

    def update(self, ops: Ops, params: np.ndarray, gradient: np.ndarray, state: dict[str, Any]) -> bool:
        """Change `params` (and `state`) in place by one update along `gradient`, which is left as it is.

        Returns whether the gradient was finite, and what was in `params` still is.
        """
        rate = self.rate(state["updates"])
        self.complete(ops, params, state)
        self.advance(state)
        doer: Any = self
        decayed: Any = state.get("decayed")
        scaled: Any = state.get("scaled")
        before = None if scaled is None else [params[start:stop].copy() for start, stop, _ in scaled]
        if decayed is not None:
            doer = self._undecayed
            for start, stop in decayed:
                ops.decay_weights(params[start:stop], rate * self.weight_decay)
        clipped = doer.prepare(ops, params, gradient, state, rate * self.weight_decay)
        finite = doer.apply(ops, params, clipped, state, rate)
        if before is not None:
            _scale_steps(params, scaled, before)
        if finite is None:
            return ops.all_finite(gradient) and ops.all_finite(params)
        return bool(finite) and (clipped is gradient or ops.all_finite(gradient))

    def complete(self, ops: Ops, params: np.ndarray, state: dict[str, Any]) -> None:
        """Give `state` the arrays that an edit asks for and `init` did not, such as those of a momentum."""
        for name in self.arrays:
            if name not in state:
                state[name] = ops.zeros(params.shape, params.dtype)
        if "clipped" not in state and not (self.clip_norm is None and self.clip_value is None):
            state["clipped"] = ops.zeros(params.shape, params.dtype)

    def prepare(
        self, ops: Ops, params: np.ndarray, gradient: np.ndarray, state: Mapping[str, Any], shrinkage: float
    ) -> Any:
        """What comes before `apply`: weights shrink by their decay; the gradient as `apply` is to see it."""
        if self.weight_decay and not self.decays_itself:
            ops.decay_weights(params, shrinkage)
        seen = gradient
        if self.clip_value is not None:
            ops.clip_by_value(seen, self.clip_value, state["clipped"])
            seen = state["clipped"]
        if self.clip_norm is not None:
            ops.clip_by_norm(seen, self.clip_norm, state["clipped"])
            seen = state["clipped"]
        return seen

    def rate(self, updates: int) -> float:
        """The learning rate of the update that follows `updates` others: the number, or the schedule's."""
        if not callable(self.learning_rate):
            return float(self.learning_rate)
        rate = float(self.learning_rate(updates))
        if not 0 <= rate < float("inf"):
            raise ValueError(
                f"the schedule {self.learning_rate!r} gives the learning rate {rate} at {updates}"
            )
        return rate

    def replace(self, **changes: Any) -> Any:
        """A copy with other hyper-parameters; checked as when made anew."""
        return dataclasses.replace(self, **changes)

    def to_dict(self) -> dict[str, Any]:
        """The description as JSON-able data; `optimizer_from_dict` reads it back.

        ValueError if the learning rate is a function other than a `Schedule`.
        """
        return OPTIMIZERS.to_dict(self)

    def check_rate(self) -> None:
        """ValueError unless the learning rate is a number of at least 0, or a schedule."""
        if _are_parameters(self.learning_rate):
            kind = type(self).__name__
            raise checks.WrongArgument(
                f"{kind} takes no parameters, but a learning rate first: cl.{kind}(1e-3); the network is "
                f"given to train: cl.train(network, data, optimizer=cl.{kind}(1e-3))"
            )
        if callable(self.learning_rate):
            checked_schedule("learning_rate", self.learning_rate)
        else:
            checks.number("learning_rate", self.learning_rate, least=0)

    def __repr__(self) -> str:
        rate, *others = dataclasses.fields(self)
        said = [f"{f.name}={getattr(self, f.name)!r}" for f in others if getattr(self, f.name) != f.default]
        return f"{type(self).__name__}({', '.join([repr(getattr(self, rate.name)), *said])})"

    @cached_property
    def _undecayed(self) -> Any:
        return self.replace(weight_decay=0.0)


def _are_parameters(rate: object) -> bool:
    """Whether this is a network or what it learns, which others give an optimizer first."""
    several = isinstance(rate, Iterable) and not isinstance(rate, (str, bytes))
    return several or (hasattr(rate, "parameters") and not isinstance(rate, Described))


def _scale_steps(params: np.ndarray, scaled: list[tuple[int, int, float]], before: list[Any]) -> None:
    """Make the steps of the parts `scaled`, each (start, stop, factor), as long as their factors say."""
    # The step of every optimizer is as long as its rate says.
    for (start, stop, factor), was in zip(scaled, before, strict=True):
        part = params[start:stop]
        part -= was
        part *= factor
        part += was


optimizer_from_dict = OPTIMIZERS.from_dict


def as_optimizer(optimizer: object) -> Optimizer:
    """An optimizer; of a name such as "adam", or of a class, one with its defaults."""
    if isinstance(optimizer, str):
        name = spelled(optimizer, OPTIMIZERS, OTHERS) or optimizer
        if not OPTIMIZERS.has(name):
            there = ", ".join(f"'{each.lower()}'" for each in OPTIMIZERS)
            called, bracket, settings = optimizer.partition("(")
            own = spelled(called, OPTIMIZERS, OTHERS) if bracket else None
            meant = f"; say cl.{own}({settings}, without quotes" if own else checks.near(name, OPTIMIZERS)
            said = meant or f"; there are {there}"
            raise checks.WrongArgument(f"there is no optimizer {optimizer!r}{said}")
        optimizer = OPTIMIZERS.find(name)
    if isinstance(optimizer, type) and issubclass(optimizer, Optimizer):
        return optimizer()
    if not isinstance(optimizer, Optimizer):
        kind = optimizer if isinstance(optimizer, type) else type(optimizer)
        same = spelled(kind.__name__, OPTIMIZERS, OTHERS)
        if same:
            theirs = f"the {kind.__name__} of {kind.__module__.partition('.')[0]}"
            raise checks.WrongArgument(f"optimizer must be one of ours, got {theirs}; say cl.{same}(1e-3)")
    return checks.instance("optimizer", optimizer, Optimizer, "an optimizer such as Adam(1e-3), or its name")


OTHERS = {"gd": "SGD", "gradientdescent": "SGD", "stochasticgradientdescent": "SGD"}
