"""A recurrent layer run over a sequence from both ends."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np

from cortex_lab.compute import Ops
from cortex_lab.nn.contract.layer import Buffer, Layer, Parameter, Shape, Slots
from cortex_lab.nn.layers.recurrent import _Recurrent

MERGE_MODES = ("concat", "sum", "mul", "ave")
WAYS = ("forward", "backward")


@dataclass(frozen=True)
class Bidirectional(Layer):
    """`layer` read forwards and, with parameters of its own, backwards (Schuster and Paliwal 1997).

    `layer` is a SimpleRNN, LSTM or GRU. What the two give, step by step with `return_sequences`, is merged by
    `merge_mode`: "concat" side by side (2 * units), "sum", "mul" or "ave". Parameters and buffers are those
    of `layer`, called `forward_kernel`, `backward_kernel` and so on. Inputs are those of `layer`, a mask too.
    """

    layer: _Recurrent
    merge_mode: str = "concat"

    several_inputs = True
    takes_mask = True

    @property
    def keeps_steps(self) -> bool:
        return self.layer.return_sequences

    def __post_init__(self) -> None:
        if not isinstance(self.layer, _Recurrent):
            raise TypeError(f"Bidirectional wraps a recurrent layer such as LSTM(32), got {self.layer!r}")
        if self.merge_mode not in MERGE_MODES:
            raise ValueError(f"merge_mode must be one of {', '.join(MERGE_MODES)}, got {self.merge_mode!r}")
        if self.layer.go_backwards:
            raise ValueError("Bidirectional reads both ways; leave go_backwards out of its layer")
        if self.layer.stateful:
            raise ValueError("Bidirectional cannot carry state: one way begins at the sequence's end")
        if self.layer.return_state or self.layer.initial_state:
            raise ValueError(
                "Bidirectional takes and gives no states; make two nodes, one with go_backwards=True, and "
                "merge them"
            )

    def out_shape(self, *shapes: Shape) -> Shape:
        shape = self.layer.out_shape(*shapes)
        return (*shape[:-1], 2 * shape[-1]) if self.merge_mode == "concat" else shape

    def parameters(self, *shapes: Shape) -> dict[str, Parameter]:
        found = self.layer.parameters(*shapes)
        return {f"{way}_{key}": parameter for way in WAYS for key, parameter in found.items()}

    def unit_of(self, *shapes: Shape) -> dict[str, np.ndarray]:
        found, first = self.layer.unit_of(*shapes), {"forward": 0, "backward": 0}
        if self.merge_mode == "concat":
            first["backward"] = self.layer.units
        return {f"{way}_{key}": first[way] + unit for way in WAYS for key, unit in found.items()}

    def saved(self, *shapes: Shape) -> dict[str, Buffer]:
        found = {f"{way}_{key}": b for way in WAYS for key, b in self.layer.saved(*shapes).items()}
        return {**found, **{f"{way}_y": Buffer(self.layer.out_shape(*shapes)) for way in WAYS}}

    def scratch(self, *shapes: Shape) -> dict[str, Buffer]:
        found = {**self.layer.scratch(*shapes), "second_dx": Buffer(shapes[0])}
        return {**found, **dict.fromkeys(("first", "spare"), Buffer(self.layer.out_shape(*shapes)))}

    def forward(self, ops: Ops, at: Slots) -> None:
        first, second = self._halves(at)
        self.layer.forward(ops, self._slots(at, "forward", first))
        self._backwards.forward(ops, self._slots(at, "backward", second))
        if self.merge_mode == "concat":
            ops.copy(first, out=at.y[..., : self.layer.units])
            ops.copy(second, out=at.y[..., self.layer.units :])
        elif self.merge_mode == "mul":
            ops.multiply(first, second, out=at.y)
        else:
            ops.add(first, second, out=at.y)
        if self.merge_mode == "ave":
            at.y *= 0.5

    def backward(self, ops: Ops, at: Slots) -> None:
        first, second = self._halves(at)
        dx = at.dxs[0]
        other_dx: Any = None if dx is None else at.second_dx
        dy = self._share(ops, at, 0, second)
        self.layer.backward(ops, self._slots(at, "forward", first, dy, dx))
        dy = self._share(ops, at, 1, first)
        self._backwards.backward(ops, self._slots(at, "backward", second, dy, other_dx))
        if dx is not None:
            ops.add(dx, other_dx, out=dx)

    def multiply_adds(self, *shapes: Shape) -> int:
        return 2 * self.layer.multiply_adds(*shapes)

    @property
    def _backwards(self) -> _Recurrent:
        return dataclasses.replace(self.layer, go_backwards=True)

    def _halves(self, at: Slots) -> tuple[Any, Any]:
        """Where the two ways leave their outputs: not side by side, as kernels want rows without gaps."""
        return (at.forward_y, at.backward_y) if at.training else (at.first, at.spare)

    def _share(self, ops: Ops, at: Slots, half: int, other: np.ndarray) -> Any:
        """The gradient with respect to one way's output, given the other way's output."""
        units = self.layer.units
        if self.merge_mode == "concat":
            ops.copy(at.dy[..., half * units : (half + 1) * units], out=at.spare)
            return at.spare
        if self.merge_mode == "sum":
            return at.dy
        ops.multiply(at.dy, 0.5 if self.merge_mode == "ave" else other, out=at.spare)
        return at.spare

    def _slots(
        self, at: Slots, way: str, y: np.ndarray, dy: np.ndarray | None = None, dx: np.ndarray | None = None
    ) -> Slots:
        """What the layer running `way` sees; it returns its sequence backwards, and merging undoes that."""
        if way == "backward" and self.layer.return_sequences:
            y, dy = y[:, ::-1], None if dy is None else dy[:, ::-1]
        own = {}
        for key, value in vars(at).items():
            if key.startswith(f"{way}_"):
                own[key.removeprefix(f"{way}_")] = value
            elif key.startswith(f"d_{way}_"):
                own["d_" + key.removeprefix(f"d_{way}_")] = value
        own |= {"x": at.x, "xs": at.xs, "y": y, "dy": dy, "dx": dx, "dxs": [dx, *at.dxs[1:]]}
        return Slots(**own, work=at.work, training=at.training)
