"""Optimizers of Keras as ours: their settings, their schedules, and what they keep for each parameter."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cortex_lab.interop.keras_layers import Untranslatable
from cortex_lab.interop.model import Era
from cortex_lab.optimize import (
    OPTIMIZERS,
    CosineDecay,
    ExponentialDecay,
    InverseTimeDecay,
    Optimizer,
    PiecewiseConstant,
    PolynomialDecay,
    StepDecay,
    Warmup,
)

_BETAS = {"beta_1": "beta_1", "beta_2": "beta_2"}
_EPSILON = 1e-7
"""Of all optimizers of Keras that have one, where the file does not say."""


@dataclass(frozen=True)
class Rule:
    """Settings as Keras calls them and as we do, and our names of what it keeps, in its order."""

    settings: Mapping[str, str]
    kept: tuple[str, ...]
    epsilon: bool = True
    in_root: bool = False
    """Whether Keras 3 has epsilon under the root, where ours has it beside it unless told."""


RULES: dict[str, Rule] = {
    "SGD": Rule({"momentum": "momentum", "nesterov": "nesterov"}, ("velocity",), epsilon=False),
    "Adam": Rule(_BETAS, ("mean", "square")),
    "AdamW": Rule(_BETAS, ("mean", "square")),
    "Nadam": Rule(_BETAS, ("mean", "square")),
    "RMSprop": Rule(
        {"rho": "rho", "momentum": "momentum", "centered": "centered"},
        ("square", "velocity", "mean"),
        in_root=True,
    ),
    "Adagrad": Rule({"initial_accumulator_value": "initial"}, ("square",), in_root=True),
    "Adadelta": Rule({"rho": "rho"}, ("square", "step_square")),
    "Lion": Rule(_BETAS, ("mean",), epsilon=False),
    "Muon": Rule(
        {
            "adam_beta_1": "beta_1",
            "adam_beta_2": "beta_2",
            "momentum": "momentum",
            "ns_steps": "newton_schulz_steps",
        },
        ("mean", "square"),
    ),
}
_REFUSED = ("amsgrad", "use_ema", "clipnorm", "loss_scale_factor", "gradient_accumulation_steps")
# What Keras' Muon may be told, and ours is.
_MUON = {"muon_a": 3.4445, "muon_b": -4.775, "muon_c": 2.0315, "rms_rate": 0.2, "nesterov": True}


def is_older(config: Mapping[str, Any], era: Era) -> bool:
    """Whether an optimizer is of the kind that Keras had before 2.11, and calls legacy since."""
    return era.major == 2 and "jit_compile" not in config


def in_blocks(kind: str, config: Mapping[str, Any], era: Era) -> bool:
    """Whether a file has first one array for every parameter, and then the next."""
    return is_older(config, era) or kind == "RMSprop"


def optimizer_of(kind: str, config: Mapping[str, Any], era: Era) -> Optimizer:
    """The optimizer of a file; `Untranslatable` saying what of it cortex_lab does not have."""
    if kind not in RULES:
        raise Untranslatable(f"is {kind}, which is not read; {', '.join(RULES)} are")
    for name in _REFUSED:
        if config.get(name):
            raise Untranslatable(f"has {name}={config[name]!r}, which is not read")
    rule, older = RULES[kind], is_older(config, era)
    given = {here: config[theirs] for theirs, here in rule.settings.items() if config.get(theirs) is not None}
    if rule.epsilon:
        epsilon = config.get("epsilon")
        given["epsilon"] = _EPSILON if epsilon is None else epsilon
    if rule.in_root:
        # TensorFlow's own kernel of momentum had it there before Keras did.
        fused = kind == "RMSprop" and bool(config.get("momentum"))
        given["epsilon_in_root"] = fused if older else True
    decay = config.get("decay") or 0.0
    if kind == "Nadam":
        # The pace at which its momentum is warmed up: no setting since 2.11, and once called decay.
        paces = (config.get("schedule_decay"), config.get("decay"), 0.004) if older else (1.0,)
        given["momentum_decay"] = next(pace for pace in paces if pace is not None)
        decay = 0.0
    rate = _rate(config.get("learning_rate", config.get("lr")), decay)
    if callable(rate) and given.get("momentum") and kind in ("SGD", "RMSprop"):
        raise Untranslatable(
            "has momentum and a learning rate that changes: its velocity has the rates of earlier steps in "
            "it, and ours does not"
        )
    given["weight_decay"] = config.get("weight_decay") or 0.0
    for theirs, here in (("global_clipnorm", "clip_norm"), ("clipvalue", "clip_value")):
        if config.get(theirs):
            given[here] = config[theirs]
    if kind == "Muon":
        _check_muon(config)
    make: Callable[..., Optimizer] = OPTIMIZERS.find(kind)
    try:
        return make(rate, **given)
    except (TypeError, ValueError) as error:
        raise Untranslatable(f"cannot be made here: {error}") from None


def _check_muon(config: Mapping[str, Any]) -> None:
    for name, value in _MUON.items():
        if config.get(name, value) != value:
            raise Untranslatable(f"has {name}={config[name]!r}, and ours has {value!r}")
    if config.get("exclude_layers"):
        raise Untranslatable("has exclude_layers, patterns that are not looked for in names here")
    if config.get("adam_lr_ratio", 1) != 1:
        raise Untranslatable(f"has adam_lr_ratio={config['adam_lr_ratio']!r}, and ours has 1")
    one, other = (config.get(name) or 0.0 for name in ("weight_decay", "adam_weight_decay"))
    if one != other:
        raise Untranslatable(f"has the weight decays {one!r} and {other!r}, and ours has one")


def _rate(said: Any, decay: float) -> Any:
    """A number, or one of our schedules."""
    if isinstance(said, Mapping):
        kind = str(said.get("class_name")).rpartition(">")[2]
        config = said.get("config")
        if kind not in _SCHEDULES or not isinstance(config, Mapping):
            raise Untranslatable(
                f"has the schedule {kind} as its learning rate, which is not read; "
                f"{', '.join(_SCHEDULES)} are"
            )
        try:
            return _SCHEDULES[kind](config)
        except (KeyError, TypeError, ValueError) as error:
            raise Untranslatable(f"has a schedule {kind} that cannot be made here: {error}") from None
    if not isinstance(said, (int, float)) or isinstance(said, bool):
        raise Untranslatable(f"has the learning rate {said!r}, which is no number")
    try:
        return InverseTimeDecay(float(said), 1, decay) if decay else float(said)
    except (TypeError, ValueError) as error:
        raise Untranslatable(f"has a decay that cannot be: {error}") from None


def _falling(kind: Any, config: Mapping[str, Any]) -> Any:
    if config.get("staircase") and kind is not ExponentialDecay:
        raise ValueError("it goes down in stairs")
    kind = StepDecay if config.get("staircase") else kind
    return kind(config["initial_learning_rate"], _whole(config["decay_steps"]), config["decay_rate"])


def _cosine(config: Mapping[str, Any]) -> Any:
    first, steps = config["initial_learning_rate"], _whole(config["decay_steps"])
    top, share = config.get("warmup_target"), config.get("alpha", 0.0)
    if top is None:
        return CosineDecay(first, steps, share * first)
    return Warmup(_whole(config["warmup_steps"]), CosineDecay(top, steps, share * top), first)


def _restarts(config: Mapping[str, Any]) -> Any:
    if config.get("m_mul", 1.0) != 1.0:
        raise ValueError(f"it begins again at m_mul={config['m_mul']!r} of what it began with")
    first, steps = config["initial_learning_rate"], _whole(config["first_decay_steps"])
    return CosineDecay(first, steps, config.get("alpha", 0.0) * first, True, _whole(config.get("t_mul", 2)))


def _polynomial(config: Mapping[str, Any]) -> Any:
    if config.get("cycle"):
        raise ValueError("it goes in cycles")
    first, steps = config["initial_learning_rate"], _whole(config["decay_steps"])
    return PolynomialDecay(first, steps, config.get("end_learning_rate", 1e-4), config.get("power", 1.0))


def _piecewise(config: Mapping[str, Any]) -> Any:
    # There a value holds for the update at its boundary, too.
    return PiecewiseConstant(tuple(_whole(each) + 1 for each in config["boundaries"]), config["values"])


def _whole(value: Any) -> int:
    if value != int(value):
        raise ValueError(f"it wants a whole number of updates, and has {value!r}")
    return int(value)


_SCHEDULES: dict[str, Callable[[Mapping[str, Any]], Any]] = {
    "ExponentialDecay": lambda config: _falling(ExponentialDecay, config),
    "InverseTimeDecay": lambda config: _falling(InverseTimeDecay, config),
    "PiecewiseConstantDecay": _piecewise,
    "PolynomialDecay": _polynomial,
    "CosineDecay": _cosine,
    "CosineDecayRestarts": _restarts,
}
