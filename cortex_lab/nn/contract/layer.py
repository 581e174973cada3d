"""What a layer is: a frozen description with pure rules for shapes, forward and backward."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache
from types import SimpleNamespace
from typing import Any, ClassVar, NoReturn, cast

import numpy as np

from cortex_lab.compute import Ops
from cortex_lab.ground import checks
from cortex_lab.ground.described import Described, Registry, replays_own_only
from cortex_lab.ground.habits import Answering
from cortex_lab.ground.spelling import snake_case as snake_case
from cortex_lab.nn.contract.describable import DESCRIBED, WHOLE, Shape
from cortex_lab.nn.contract.describable import describable as describable
from cortex_lab.nn.contract.initializers import resolve
from cortex_lab.nn.contract.spelling import activation_name, initializer_name

LAYERS = Registry("layer", parts=(DESCRIBED,))
_ARRAYS = "a layer is a description; a network has its arrays: network.parameters['dense_1/kernel']"
_CALLED = "a layer is a description; cl.Network([layer], input_shape).predict(x) runs it"


@dataclass(frozen=True)
class Parameter:
    """A trained array of a layer: its shape, how it starts, and which axes its fans are counted over.

    `initializer` is a name or an `Initializer`; None lets the network choose by the activation that follows.
    `fan` is (fan in, fan out); None reads them off the shape as Keras does.
    """

    shape: Shape
    initializer: Any = None
    fan: tuple[int, int] | None = None


@dataclass(frozen=True)
class Buffer:
    """An array a layer needs beside its output.

    `shape` is per row of the batch, or whole if `per_row` is False. `dtype` None is the backend's.
    """

    shape: Shape
    dtype: str | None = None
    per_row: bool = True


class Slots(SimpleNamespace):
    """The arrays of one node for one batch, as a layer's `forward` and `backward` see them.

    x, y, dx, dy: input, output and the loss gradients with respect to them; `xs` and `dxs` list them for
    layers with several inputs. `dx` (or an entry of `dxs`) is None where nothing wants it. Each parameter `p`
    is `p`, its gradient `d_p`; state, declared buffers and constants go by their names. `training` says which
    mode this is, `frozen` whether the node's parameters rest. What is random is drawn by (`seed`, `step`,
    `stream`): arrays () that hold what they are at each step, to be handed to kernels as they are, and the
    node's own number.

    A loss sees y and dy of its output (dy is None where no gradient is wanted), its `target`, the `weights`
    and, to be filled, the losses of the `rows`; what it says of the whole batch is `found`, an array (2,) for
    a loss that `replays`. Of a batch in shards, `parts` are what it sees of each.
    """

    # Arrays are the backend's: NumPy's, or CuPy's, which are used alike.
    x: np.ndarray
    xs: list[np.ndarray]
    y: np.ndarray
    dx: Any
    dxs: list[Any]
    dy: Any
    training: bool
    frozen: bool
    seed: np.ndarray
    step: np.ndarray
    stream: int
    target: np.ndarray
    weights: np.ndarray
    rows: np.ndarray
    found: Any
    parts: list[Slots]


ANSWERS = {
    **dict.fromkeys(("weights", "weight", "kernel", "bias", "get_weights", "set_weights"), _ARRAYS),
    **dict.fromkeys(("trainable_weights", "trainable_variables", "parameters_"), _ARRAYS),
    **dict.fromkeys(("call", "apply", "predict", "transform", "output"), _CALLED),
    "build": "cl.Network([layer], input_shape) makes its weights",
    "trainable": "cl.train(..., frozen=['dense_1']) lets it rest",
    "requires_grad_": "cl.train(..., frozen=['dense_1']) lets it rest",
    "input_shape": "cl.Network([layer], input_shape=...)",
    "output_shape": "layer.out_shape(shape of a row)",
    "get_config": "layer.to_dict()",
    "from_config": "cl.nn.layer_from_dict(description)",
    "count_params": "cl.Network([layer], input_shape).params.size",
}
"""What people ask a layer for that a network has here."""


@dataclass(frozen=True)
class Layer(Described, Answering):
    """Base of all layers: subclasses are frozen dataclasses of hyper-parameters.

    By keyword, every layer takes the `name` that its node is to have; that is no setting of the layer.

    A new layer is one file: the dataclass with `out_shape`, `forward` and `backward`, and a row in the case
    table of the tests. Defining it registers it under its class name; one of your own under its module's name
    too, so that it takes nobody's place.
    """

    several_inputs: ClassVar[bool] = False
    """Whether it takes a list of inputs."""
    is_view: ClassVar[bool] = False
    """Whether its output is its input's memory in another shape; it then has nothing to run."""
    input_dtype: ClassVar[str | None] = None
    """What it reads an input of the network as: None is the backend's dtype, "int32" ids, "any" either."""
    id_count: ClassVar[int | None] = None
    """Of a layer that looks up ids: how many there are, from 0; None where any will do."""
    reads_raw: ClassVar[bool] = False
    """Whether it reads bytes of an input of the network as they are; those of pictures else become 0 to 1."""
    in_place: ClassVar[bool] = False
    """Whether `forward` outside training may write its output over its first input."""
    random: ClassVar[bool] = False
    """Whether its training pass draws random numbers."""
    takes_mask: ClassVar[bool] = False
    """Whether a last input may say which steps of one before it count; `wants_mask_of` says which."""
    replays: ClassVar[bool] = False
    """Whether `forward` and `backward` only call kernels, each time with the same arrays and numbers.

    They are then run once for each number of rows; after that the calls they made are made again. While a
    node is frozen, they are run every time. A class of one's own that brings one of them says so itself.
    """
    passes_gradient: ClassVar[bool] = False
    """Whether the gradient of each input of its output's shape is the output's, as it is."""
    carries_activation: ClassVar[bool] = False
    """Whether the activation behind it counts as the one that follows what comes before it."""
    # Without a type, for it is a field of those layers that take one, in a place of their own.
    activation = cast("str | None", None)

    answers: ClassVar[Mapping[str, str]] = ANSWERS

    name: str | None = field(default=None, kw_only=True, compare=False, repr=False)

    def __call__(self, *inputs: Any) -> NoReturn:
        """Not this way: a layer is a description."""
        kind = f"{type(self).__name__}(...)"
        if any(hasattr(each, "shape") and not isinstance(each, Layer) for each in inputs):
            made = f"cl.Network([cl.{kind}], x.shape[1:]).predict(x)"
            raise TypeError(f"a layer is a description and has no weights; a network of it has: {made}")
        raise TypeError(
            f"layers are not called but listed, in order: cl.Network([..., cl.{kind}], input_shape); one "
            f"that reads others than the one before it says which: cl.Node(cl.{kind}, inputs=('a', 'b'))"
        )

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        replays_own_only(cls, "forward", "backward")
        LAYERS.add(cls)

    def _look_at_settings(self) -> None:
        for name in _spelled_settings(type(self)):
            given = getattr(self, name)
            if given is None:
                continue
            # A network has hundreds of layers, and few names among them.
            value = _spelled_text(name, given) if type(given) is str else _spelled(name, given)
            if value is not given:
                object.__setattr__(self, name, value)
        super()._look_at_settings()

    @property
    def keeps_steps(self) -> bool:
        """Whether each step of its output comes from that step of its inputs, so that it has their mask."""
        return self.in_place

    def wants_mask_of(self, shapes: tuple[Shape, ...]) -> int | None:
        """Of a layer that takes a mask, which input still wants one; `shapes` are the rows of all."""
        return 0 if len(shapes) == 1 else None

    def out_shape(self, *shapes: Shape) -> Shape:
        """Shape of a row of the output; ValueError that says what it wanted if the inputs do not fit."""
        return shapes[0]

    def parameters(self, *shapes: Shape) -> dict[str, Parameter]:
        """Trained arrays, by name."""
        return {}

    def unit_of(self, *shapes: Shape) -> dict[str, np.ndarray]:
        """By parameter, to which unit each element leads, a channel of the output; broadcast to its shape.

        Parameters that lead to no single unit are left out; none are there if the layer has no units. By
        default `kernel` and `bias` end in the units, and whatever does of a layer that works in place.
        """
        found, width = self.parameters(*shapes), self.out_shape(*shapes)[-1:]
        own = [name for name, parameter in found.items() if width and parameter.shape[-1:] == width]
        plain = len(own) == len(found) and set(found) <= {"kernel", "bias"}
        return dict.fromkeys(own, np.arange(*width)) if plain or self.in_place else {}

    def state(self, *shapes: Shape) -> dict[str, Parameter]:
        """Arrays that persist between steps but are not trained, by name."""
        return {}

    def saved(self, *shapes: Shape) -> dict[str, Buffer]:
        """Arrays that carry something from the forward to the backward pass of a training step."""
        return {}

    def scratch(self, *shapes: Shape) -> dict[str, Buffer]:
        """Arrays used within one forward or backward call only; nodes share this memory."""
        return {}

    def constants(self, *shapes: Shape) -> dict[str, Any]:
        """What forward and backward need to know of the shapes, worked out once; they find it in `at`."""
        return {}

    def forward(self, ops: Ops, at: Slots) -> None:
        """Compute `at.y` from `at.x`."""
        raise TypeError(f"{type(self).__name__} must define forward(ops, at)")

    def backward(self, ops: Ops, at: Slots) -> None:
        """Compute `at.dx` and the parameter gradients from `at.dy`."""
        raise TypeError(f"{type(self).__name__} must define backward(ops, at)")

    def settle(self, ops: Ops, at: Slots) -> None:
        """Fold what the step saw into the layer's state; runs in the update phase of a training step."""

    def multiply_adds(self, *shapes: Shape) -> int:
        """Multiply-adds of one row's forward pass; 0 where they do not dominate."""
        return 0

    def to_dict(self) -> dict[str, Any]:
        """The description as JSON-able data; `layer_from_dict` reads it back."""
        return LAYERS.to_dict(self)


@cache
def _spelled_settings(cls: type[Layer]) -> tuple[str, ...]:
    """Names of the settings that people spell in several ways."""
    names = [name for name, *_ in cls._settings]
    return tuple(each for each in names if each.endswith(("activation", "_initializer")) or each == "padding")


def _spelled(name: str, given: object) -> Any:
    """A setting as it is called here; an error for what it cannot be."""
    if name.endswith("activation"):
        return activation_name(name, given)
    if name == "padding":
        return given.lower() if isinstance(given, str) else given
    value = initializer_name(given)
    check_initializer(name, value)
    return value


_spelled_text = lru_cache(maxsize=256)(_spelled)

layer_from_dict = LAYERS.from_dict


def check_initializer(name: str, value: object) -> None:
    """ValueError unless this is None, the name of an initializer, or one itself."""
    if value is not None and (isinstance(value, type) or not hasattr(resolve(value), "draw")):
        raise checks.refused(name, "an initializer or its name, such as 'he_normal'", value)


def to_plain(value: object) -> Any:
    """`value`, a layer or what stands as a setting of one, as JSON-able data."""
    return LAYERS.written(value)


def from_plain(value: object) -> Any:
    """What `to_plain` made data of; lists become tuples."""
    return LAYERS.read(value)


def positive(name: str, value: object) -> int:
    """`value` if it is a whole number of at least 1; ValueError naming it otherwise."""
    return checks.whole(name, value, least=1)


def pair(name: str, value: object) -> tuple[int, int]:
    """A whole number or two of them, as two."""
    if isinstance(value, WHOLE):
        both = positive(name, value)
        return both, both
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise ValueError(f"{name} must be one whole number or two, got {value!r}")
    return positive(name, value[0]), positive(name, value[1])


def need_rank(layer: Layer, shape: Shape, rank: int, means: str) -> None:
    """ValueError unless a row of the input has `rank` axes."""
    if len(shape) != rank:
        hint = " (put a Flatten before it)" if rank == 1 and len(shape) > 1 else ""
        raise ValueError(f"{type(layer).__name__} wants rows of shape {means}, got {shape}{hint}")
