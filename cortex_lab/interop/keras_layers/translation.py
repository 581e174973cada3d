"""How a layer of Keras becomes one of ours: a function for each, which must understand every setting.

`@layer("Dense")` puts a function from `LayerSettings` to `Made` into the table `TRANSLATIONS`. A class that
is not there is refused by its name, and so is a setting that the function did not take and that matters.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cortex_lab.interop.model import Era
from cortex_lab.nn.contract.layer import Layer
from cortex_lab.nn.layers import ReLU, Rescaling

Arrays = list[np.ndarray]


class Untranslatable(ValueError):
    """What there is nothing like here; the text says what, without the name of the layer."""


@dataclass(frozen=True)
class Made:
    """What a layer of Keras has become.

    `arrays` are our names of its weights in Keras' order, `groups` the groups of a `.keras` file they lie in.
    `before` and `behind` are layers around it that Keras has inside it. `convert` makes weights as Keras 3
    has them of those in the file; `settle` puts weights that are settings here into the layer.
    """

    layer: Layer
    arrays: tuple[str, ...] = ()
    groups: tuple[str, ...] = ("",)
    before: tuple[Layer, ...] = ()
    behind: tuple[Layer, ...] = ()
    convert: Callable[[Arrays], Arrays] | None = None
    settle: Callable[[Layer, Arrays], Layer] | None = None
    wants_mask: bool = False
    """Whether a mask of its first input is its last input."""
    states: int = 0
    """How many states a recurrent layer gives beside its output."""
    zeros_masked: bool = False
    """Whether its outputs at masked steps are 0."""
    ignores_mask: bool = True
    """Whether Keras does the same with masked steps as with others."""


Translation = Callable[["LayerSettings"], Made]
TRANSLATIONS: dict[str, Translation] = {}
ABSENT: dict[str, str] = {}
"""Classes of Keras that there is nothing like here, and what to say of them."""

# What concerns training, or where and how something is computed, not what.
_HARMLESS_ENDS = ("_initializer", "_regularizer", "_constraint", "regularizer", "constraint", "_init")
_HARMLESS = {
    "name", "trainable", "dtype", "batch_input_shape", "batch_shape", "input_dtype", "input_shape",
    "input_dim", "init", "seed", "implementation", "consume_less", "unroll", "synchronized",
    "renorm_clipping",
    "renorm_momentum", "virtual_batch_size", "sparse", "ragged", "quantization_config", "lora_rank",
    "lora_alpha", "autocast", "gptq_unpacked_column_size", "noise_shape", "build_config", "flash_attention",
    "forget_bias_init", "inner_init", "fused",
}  # fmt: skip


class LayerSettings:
    """The settings of a layer in a file, each to be taken by a name that some version gave it."""

    def __init__(self, kind: str, config: Mapping[str, Any], era: Era, shapes: Sequence[Any] = ()) -> None:
        self.kind, self.config, self.era, self.shapes = kind, config, era, shapes
        self._taken: set[str] = set()

    def take(self, *names: str, default: object = None) -> Any:
        """The setting of the first of these names that is there."""
        self._taken |= set(names)
        return next((self.config[name] for name in names if name in self.config), default)

    def whole(self, *names: str) -> int:
        """A setting that is a whole number."""
        value = self.take(*names)
        value = value[0] if isinstance(value, list) and len(value) == 1 else value
        if isinstance(value, bool) or not isinstance(value, int):
            raise Untranslatable(f"has {value!r} for {names[0]}, which must be a whole number")
        return value

    def number(self, *names: str, default: float | None = None) -> float:
        """A setting that is a number, which some versions wrapped into an array."""
        value = self.take(*names, default=default)
        if isinstance(value, dict):
            inner = value.get("config", value)
            value = inner.get("value") if isinstance(inner, dict) else inner
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise Untranslatable(f"has {value!r} for {names[0]}, which must be a number")
        return float(value)

    def flag(self, *names: str, default: bool = False) -> bool:
        """A setting that is true or false."""
        value = self.take(*names, default=default)
        if not isinstance(value, (bool, int)):
            raise Untranslatable(f"has {value!r} for {names[0]}, which must be true or false")
        return bool(value)

    def pair(self, *names: str) -> Any:
        """A setting that is a whole number or several; lists become tuples, one in a list stays one."""
        value = self.take(*names)
        if isinstance(value, list):
            return tuple(tuple(each) if isinstance(each, list) else each for each in value)
        return value

    def only(self, name: str, *allowed: Any, why: str = "") -> None:
        """Refuse the layer unless a setting is one of these, or not there."""
        value = self.take(name, default=allowed[0])
        if value not in allowed:
            raise Untranslatable(f"has {name}={value!r}, which cortex_lab does not have{why and f'; {why}'}")

    def channels_last(self) -> None:
        """Refuse channels that come first."""
        for name in ("data_format", "dim_ordering"):
            if self.take(name) in ("channels_first", "th"):
                raise Untranslatable(
                    "has channels first; convert the model to channels_last in Keras, and save it again"
                )

    def check_all_taken(self) -> None:
        """Refuse a setting that nobody took, unless it is off or concerns nothing that is computed."""
        for name, value in self.config.items():
            known = name in self._taken or name in _HARMLESS or name.endswith(_HARMLESS_ENDS)
            if not known and value not in (None, False):
                raise Untranslatable(f"has a setting that is not known, {name}={str(value)[:40]}")


def layer(*kinds: str) -> Callable[[Translation], Translation]:
    """Decorator: the function translates layers of these classes."""

    def put(function: Translation) -> Translation:
        for kind in kinds:
            if kind in TRANSLATIONS:
                raise ValueError(f"{kind} is translated twice")
            TRANSLATIONS[kind] = function
        return function

    return put


def translated(given: LayerSettings) -> Made:
    """What a layer becomes; `Untranslatable` with the reason if it cannot."""
    if given.kind not in TRANSLATIONS:
        why = ABSENT.get(given.kind)
        raise Untranslatable(f"is a {given.kind}, which cortex_lab does not have{(why and f'; {why}') or ''}")
    made = TRANSLATIONS[given.kind](given)
    given.check_all_taken()
    return made


# Activations inside layers ----------------------------------------------------------------------------

_PLAIN = {
    "linear": None, "relu": "relu", "relu6": "relu6", "sigmoid": "sigmoid", "tanh": "tanh", "elu": "elu",
    "softmax": "softmax", "log_softmax": "log_softmax", "softplus": "softplus", "softsign": "softsign",
    "exponential": "exponential", "selu": "selu", "swish": "swish", "silu": "swish", "gelu": "gelu",
    "hard_silu": "hard_swish", "hard_swish": "hard_swish", "mish": "mish", "hard_sigmoid": "hard_sigmoid",
    "celu": "elu",
}  # fmt: skip


def activation(given: LayerSettings, *names: str) -> tuple[str | None, tuple[Layer, ...]]:
    """An activation that a layer has: what we call it, or the layers behind that do it."""
    value = given.take(*(names or ("activation",)), default="linear")
    return activation_of(value, given.era)


def activation_of(value: Any, era: Era) -> tuple[str | None, tuple[Layer, ...]]:
    """The same of what a file says."""
    if value is None:
        return None, ()
    if isinstance(value, dict):
        kind, config = value.get("class_name"), value.get("config")
        if kind == "function" or not isinstance(config, dict):
            value = config if isinstance(config, str) else kind
        elif kind == "Activation" or str(kind) in TRANSLATIONS:
            inner = LayerSettings(str(kind), config, era)
            if kind == "Activation":
                return activation(inner)
            made = translated(inner)
            if made.arrays:
                raise Untranslatable(f"has an activation with weights, {kind}; put it behind the layer")
            return None, (*made.before, made.layer, *made.behind)
        else:
            value = kind
    if value == "hard_sigmoid" and era.major < 3:
        return None, (Rescaling(0.2, 0.5), ReLU(max_value=1.0))
    if value == "leaky_relu":
        return None, (ReLU(negative_slope=0.2),)
    if value == "hard_tanh":
        return None, (Rescaling(1.0, 1.0), ReLU(max_value=2.0), Rescaling(1.0, -1.0))
    if value not in _PLAIN:
        raise Untranslatable(f"has the activation {str(value)[:60]!r}, which cortex_lab does not have")
    return _PLAIN[value], ()


def cell_activation(given: LayerSettings, *names: str, default: str) -> tuple[str, float]:
    """An activation inside a recurrent cell, and what its argument is to be multiplied by beforehand."""
    value = given.take(*names, default=default)
    if value == "hard_sigmoid" and given.era.major < 3:
        # clip(0.2 x + 0.5) is Keras 3's clip(x / 6 + 0.5) of 1.2 x.
        return "hard_sigmoid", 1.2
    name, behind = activation_of(value, given.era)
    if behind:
        raise Untranslatable(f"has the activation {str(value)[:60]!r} inside its cell")
    return name or "linear", 1.0
