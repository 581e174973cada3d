"""Activations and initializers as people write them: a name, in any spelling, a class, or a layer."""

from __future__ import annotations

from typing import Any

from cortex_lab.ground.checks import WrongArgument, shown
from cortex_lab.ground.described import Described
from cortex_lab.ground.spelling import snake_case, squeezed

_ACTIVATIONS = {
    "silu": "swish",
    "hardsilu": "hard_swish",
    "logistic": "sigmoid",
    "identity": "linear",
    "none": "linear",
    "exp": "exponential",
    "gelutanh": "gelu_tanh",
    "gelunew": "gelu_tanh",
}
_OF_THEIR_OWN = {
    "leaky_relu": "LeakyReLU(0.2)",
    "limited_relu": "ReLU(max_value=6)",
    "prelu": "PReLU()",
    "celu": "ELU()",
    "rrelu": "LeakyReLU(0.2)",
    "maxout": "Maximum()",
}
_INITIALIZERS = {
    "xavieruniform": "glorot_uniform",
    "xaviernormal": "glorot_normal",
    "kaiminguniform": "he_uniform",
    "kaimingnormal": "he_normal",
    "normal": "random_normal",
    "uniform": "random_uniform",
    "zero": "zeros",
    "one": "ones",
    "eye": "identity",
}


def activation_name(setting: str, value: object) -> Any:
    """What `activation=` is called here, such as "relu" for cl.ReLU(), "ReLU" and cl.ReLU; else `value`.

    An error for what has a setting of its own, such as a slope, and so stands behind the layer.
    """
    if isinstance(value, str):
        name = snake_case(value.strip()).replace("-", "_").replace(" ", "_")
        name = _ACTIVATIONS.get(squeezed(name), name)
        if name in _OF_THEIR_OWN:
            raise _with_settings(setting, value, _OF_THEIR_OWN[name])
        return name
    if isinstance(value, type) and hasattr(value, "function"):
        value = value()
    function = getattr(value, "function", None)
    if function is None or isinstance(value, type):
        if callable(value) and not isinstance(value, (type, Described)):
            raise WrongArgument(f"{setting} is a function, {shown(value)}; say its name, such as 'relu'")
        return value
    # A property tells all settings by the name alone.
    told = isinstance(type(value).function, property) or value == type(value)()
    if function in _OF_THEIR_OWN or not told:
        raise _with_settings(setting, value, repr(value))
    return function


def initializer_name(value: object) -> Any:
    """What an initializer is called here, "he_normal" for "HeNormal"; of a class, one of it; else `value`."""
    if isinstance(value, type) and hasattr(value, "draw"):
        return value()
    if not isinstance(value, str):
        return value
    name = snake_case(value.strip()).replace("-", "_").replace(" ", "_")
    return _INITIALIZERS.get(squeezed(name), name)


def _with_settings(setting: str, value: object, layer: str) -> WrongArgument:
    return WrongArgument(
        f"{setting}={shown(value)} has a setting of its own, so it is a layer: leave the activation out and "
        f"put {layer} behind"
    )
