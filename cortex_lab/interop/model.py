"""What a file of any format says of a model, as data: layers, the calls of each, and which tensors it reads.

| type     | what it is                                                              |
|----------|-------------------------------------------------------------------------|
| `TensorRef` | an output of one call of a layer                                        |
| `Call`   | what a layer reads at one place, in order and by keyword                |
| `LayerEntry`  | a layer: its class, name and settings as the file has them; its calls   |
| `Model`  | entries in the file's order, with the tensors at its ends               |
| `Era`    | which version wrote it, where that decides what something means         |
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class TensorRef:
    """Output number `output` of call number `call` of the layer `layer`."""

    layer: str
    call: int = 0
    output: int = 0


@dataclass(frozen=True)
class Call:
    """What is read: `args` in order, each a tensor, a list with tensors in it, or plain data."""

    args: tuple[Any, ...]
    named: Mapping[str, Any] = field(default_factory=dict)

    def tensors(self) -> Iterator[TensorRef]:
        """All that has to be there before the call."""
        yield from _tensors_in([*self.args, *self.named.values()])


@dataclass
class LayerEntry:
    """A layer of a model, or a model in it; `inside` is what that consists of."""

    kind: str
    name: str
    config: Mapping[str, Any]
    calls: list[Call] = field(default_factory=list)
    inside: Model | None = None


@dataclass
class Model:
    """Layers in the order of the file."""

    kind: str
    name: str
    entries: list[LayerEntry]
    inputs: list[TensorRef]
    outputs: list[TensorRef]
    config: Mapping[str, Any] = field(default_factory=dict)

    def leaves(self, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], LayerEntry]]:
        """All layers, those of models inside too, by the names that lead to each."""
        for entry in self.entries:
            here = (*path, entry.name)
            if entry.inside is None:
                yield here, entry
            else:
                yield from entry.inside.leaves(here)


@dataclass(frozen=True)
class Era:
    """The version of Keras and the backend that wrote a file."""

    version: tuple[int, ...] = (3,)
    backend: str = ""

    @property
    def major(self) -> int:
        return self.version[0]


def _tensors_in(value: object) -> Iterator[TensorRef]:
    if isinstance(value, TensorRef):
        yield value
    elif isinstance(value, Mapping):
        yield from _tensors_in(list(value.values()))
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from _tensors_in(each)
