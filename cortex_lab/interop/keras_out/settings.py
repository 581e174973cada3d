"""What a layer of ours is in Keras: a function for each class, the reverse of `keras_layers`.

`@written(ours.Dense)` puts a function from a layer and the shapes of its rows to `Pieces` into the table
`WRITTEN`. A class that is not there is refused by its name, and so is a setting that Keras does not have.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cortex_lab.interop.keras_layers import Untranslatable
from cortex_lab.nn.contract.layer import Layer, Shape

Settings = dict[str, Any]
Piece = tuple[str, Settings]
Writer = Callable[[Any, tuple[Shape, ...]], "Pieces"]
WRITTEN: dict[type[Layer], Writer] = {}


@dataclass(frozen=True)
class Pieces:
    """A layer of Keras, `kind` with `settings`, which has the weights; what stands `before` and `behind`.

    `named` are arguments of its call; `listed` says that it takes all of its inputs as one list.
    """

    kind: str
    settings: Settings
    before: tuple[Piece, ...] = ()
    behind: tuple[Piece, ...] = ()
    named: Any = ()
    listed: bool = False


def written(*kinds: type[Layer]) -> Callable[[Writer], Writer]:
    """Decorator: the function says what layers of these classes are in Keras."""

    def put(function: Writer) -> Writer:
        for kind in kinds:
            if kind in WRITTEN:
                raise ValueError(f"{kind.__name__} is written twice")
            WRITTEN[kind] = function
        return function

    return put


def pieces_of(layer: Layer, shapes: tuple[Shape, ...]) -> Pieces:
    """What `layer` is in Keras; `Untranslatable` with the reason if it is nothing."""
    # Of this very type: a subclass may do something else.
    if type(layer) not in WRITTEN:
        raise Untranslatable(f"is a {type(layer).__name__}, which Keras does not have")
    return WRITTEN[type(layer)](layer, shapes)


_NAMES = {"swish": "silu", "hard_swish": "hard_silu"}


def activation_name(name: str | None) -> str:
    """An activation as Keras calls it."""
    if name == "gelu_tanh":
        raise Untranslatable(
            "has the activation 'gelu_tanh', which Keras does not have by name; 'gelu' is nearly the same"
        )
    return _NAMES.get(name or "linear", name or "linear")


def listed(value: Any) -> Any:
    """Tuples as JSON has them."""
    return [listed(each) for each in value] if isinstance(value, (tuple, list)) else value
