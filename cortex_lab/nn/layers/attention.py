"""Attention: each step of one sequence looks at the steps of another, or of its own."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from cortex_lab.compute import Ops
from cortex_lab.ground import checks
from cortex_lab.nn.contract.layer import Buffer, Layer, Parameter, Shape, Slots, need_rank, positive


class _Attention(Layer):
    """Reads a query, a value and a key, of which the last two may be left out, and a mask of the values."""

    several_inputs = True
    takes_mask = True
    replays = True
    dropout: float
    use_causal_mask: bool

    def __post_init__(self) -> None:
        checks.fraction("dropout", self.dropout)
        checks.flag("use_causal_mask", self.use_causal_mask)

    @property
    def keeps_steps(self) -> bool:
        return True

    @property
    def random(self) -> bool:  # type: ignore[override]
        return self.dropout > 0

    def wants_mask_of(self, shapes: tuple[Shape, ...]) -> int | None:
        return None if len(shapes) > 1 and len(shapes[-1]) == 1 else min(len(shapes) - 1, 1)

    def constants(self, *shapes: Shape) -> dict[str, Any]:
        return {"dropout": self.dropout} if self.random else {}

    def _sequences(self, shapes: tuple[Shape, ...]) -> tuple[Shape, Shape, Shape]:
        """Row shapes of query, value and key; ValueError for what does not go together."""
        kind, given = type(self).__name__, list(shapes)
        mask = given.pop() if self.wants_mask_of(shapes) is None else None
        if len(given) > 3:
            raise ValueError(f"{kind} takes a query, a value, a key and a mask, got {len(shapes)} inputs")
        for shape in given:
            need_rank(self, shape, 2, "(steps, features)")
        value, key = given[min(len(given) - 1, 1)], given[-1]
        if value[0] != key[0]:
            raise ValueError(f"{kind} wants a key for each value, got {key[0]} steps for {value[0]}")
        if mask is not None and mask != value[:1]:
            raise ValueError(f"{kind} wants a mask of row shape ({value[0]},), as its values, got {mask}")
        return given[0], value, key

    def _weights(self, heads: int, shapes: tuple[Shape, ...]) -> dict[str, Buffer]:
        """What is kept of who looks at what, with the values that dropout leaves."""
        query, value, _ = self._sequences(shapes)
        weights = Buffer((heads, query[0], value[0]))
        kept = {"kept": weights, "dropped": weights} if self.random else {}
        return {"attention": weights, **kept}

    def _attend(
        self, ops: Ops, at: Slots, weights: np.ndarray, value: np.ndarray, scale: float, out: np.ndarray
    ) -> None:
        """out = softmax(scale * weights) @ value; `weights` holds the scores, and then what they become."""
        ops.attention_softmax(weights, _mask(at), self.use_causal_mask, scale, out=weights)
        if self.random and at.training:
            ops.dropout(weights, at.kept, at.dropped, at.dropout, at.seed, at.step, at.stream)
            weights = at.dropped
        ops.batched_matmul(weights, _by_head(value), out=_by_head(out))

    def _attend_gradient(
        self,
        ops: Ops,
        at: Slots,
        value: np.ndarray,
        scale: float,
        dy: np.ndarray,
        d_value: np.ndarray | None,
        d_scores: np.ndarray,
    ) -> None:
        """The gradients of `_attend` with respect to the values and the scores."""
        if d_value is not None:
            used = at.dropped if self.random else at.attention
            ops.batched_matmul(used.swapaxes(2, 3), _by_head(dy), out=_by_head(d_value))
        ops.batched_matmul(_by_head(dy), _by_head(value).swapaxes(2, 3), out=d_scores)
        if self.random:
            ops.multiply(d_scores, at.kept, out=d_scores)
        ops.attention_softmax_gradient(at.attention, d_scores, scale, out=d_scores)

    def _no_mask_gradient(self, ops: Ops, at: Slots) -> None:
        if _mask(at) is not None and at.dxs[-1] is not None:
            ops.copy(0.0, out=at.dxs[-1])


@dataclass(frozen=True)
class Attention(_Attention):
    """softmax(query @ key') @ value, step by step (Luong et al. 2015).

    Inputs, of rows (steps, features): query, value and key, in Keras' order. Without a key it is the value,
    and without a value all three are the query. A last input of rows (steps,), such as a `Mask` node's, says
    which values count; an Embedding(mask_zero=True) behind them brings one by itself. A query that sees none
    gets 0. What comes out at padded queries, which Keras sets to 0, means nothing, and has their mask.

    `use_causal_mask`, in Keras an argument of the call: no query sees a value that comes after it. `dropout`
    drops weights in training. With `use_scale` there is one parameter, `scale` (), times the scores. In
    training the buffer `attention` (1, queries, values) shows who looked at what. Keras' score_mode="concat"
    and masks of (queries, values) are left out.
    """

    use_scale: bool = False
    dropout: float = 0.0
    use_causal_mask: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.flag("use_scale", self.use_scale)

    def out_shape(self, *shapes: Shape) -> Shape:
        query, value, key = self._sequences(shapes)
        if query[1] != key[1]:
            raise ValueError(f"Attention wants queries as wide as keys, got {query[1]} and {key[1]} features")
        return query[0], value[1]

    def parameters(self, *shapes: Shape) -> dict[str, Parameter]:
        return {"scale": Parameter((), "ones")} if self.use_scale else {}

    def saved(self, *shapes: Shape) -> dict[str, Buffer]:
        found = self._weights(1, shapes)
        return {**found, "scores": found["attention"]} if self.use_scale else found

    def scratch(self, *shapes: Shape) -> dict[str, Buffer]:
        _, value, _ = self._sequences(shapes)
        weights = self._weights(1, shapes)["attention"]
        return {"room": weights, "other_room": weights, "spare": Buffer(value)}

    def forward(self, ops: Ops, at: Slots) -> None:
        query, value, key = _read(at)
        weights = at.attention if at.training else at.room
        scores = at.scores if at.training and self.use_scale else weights
        ops.batched_matmul(_by_head(query), _by_head(key).swapaxes(2, 3), out=scores)
        if self.use_scale:
            ops.multiply(scores, at.scale, out=weights)
        self._attend(ops, at, weights, value, 1.0, _one_head(at.y))

    def backward(self, ops: Ops, at: Slots) -> None:
        query, value, key = _read(at)
        places, dy, d_scores = _places(at), _one_head(at.dy), at.room
        d_value = at.dxs[places[1]]
        d_value = None if d_value is None else _one_head(d_value)
        self._attend_gradient(ops, at, value, 1.0, dy, d_value, d_scores)
        if self.use_scale:
            ops.multiply(d_scores, at.scores, out=at.other_room)
            ops.sum_rows(at.other_room.reshape(-1, 1), out=at.d_scale.reshape(1))
            ops.multiply(d_scores, at.scale, out=d_scores)
        begun = {places[1]}
        for place, weights, source in ((places[2], d_scores.swapaxes(2, 3), query), (0, d_scores, key)):
            if at.dxs[place] is None:
                continue
            into = at.spare if place in begun else at.dxs[place]
            ops.batched_matmul(weights, _by_head(source), out=_by_head(_one_head(into)))
            if place in begun:
                ops.add(at.dxs[place], into, out=at.dxs[place])
            begun.add(place)
        self._no_mask_gradient(ops, at)

    def multiply_adds(self, *shapes: Shape) -> int:
        query, value, key = self._sequences(shapes)
        return query[0] * value[0] * (value[1] + key[1])


@dataclass(frozen=True)
class MultiHeadAttention(_Attention):
    """Attention in `num_heads` projections of the inputs, mixed again (Vaswani et al. 2017).

    Inputs, masks, `dropout` and `use_causal_mask` are those of `Attention`: alone, the input looks at itself.
    Scores are divided by sqrt(key_dim). `value_dim` None is `key_dim`, and `output_shape` None the width of
    the query. In training the buffer `attention` (heads, queries, values) shows who looked at what.

    Parameters, of Keras' shapes: `query_kernel` (features, heads, key_dim), `key_kernel` likewise,
    `value_kernel` (features, heads, value_dim), `output_kernel` (heads, value_dim, output_shape), and with
    `use_bias` a bias for each. Keras' attention_axes and masks of (queries, values) are left out.
    """

    num_heads: int
    key_dim: int
    value_dim: int | None = None
    dropout: float = 0.0
    use_bias: bool = True
    output_shape: int | None = None
    kernel_initializer: Any = "glorot_uniform"
    bias_initializer: Any = "zeros"
    use_causal_mask: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("num_heads", "key_dim", "value_dim", "output_shape"):
            if getattr(self, name) is not None or name in ("num_heads", "key_dim"):
                positive(name, getattr(self, name))
        checks.flag("use_bias", self.use_bias)

    def out_shape(self, *shapes: Shape) -> Shape:
        query, _, _ = self._sequences(shapes)
        return query[0], self.output_shape or query[1]

    def parameters(self, *shapes: Shape) -> dict[str, Parameter]:
        found = {}
        for name, (fan_in, width) in zip(PROJECTED, self._projections(shapes), strict=True):
            found[f"{name}_kernel"] = Parameter((fan_in, self.num_heads, width), self.kernel_initializer)
            if self.use_bias:
                found[f"{name}_bias"] = Parameter((self.num_heads, width), self.bias_initializer)
        units = self.out_shape(*shapes)[1]
        mixing = (self.num_heads, self._value_dim, units)
        found["output_kernel"] = Parameter(mixing, self.kernel_initializer)
        if self.use_bias:
            found["output_bias"] = Parameter((units,), self.bias_initializer)
        return found

    def unit_of(self, *shapes: Shape) -> dict[str, np.ndarray]:
        units = np.arange(self.out_shape(*shapes)[1])
        return {"output_kernel": units, **({"output_bias": units} if self.use_bias else {})}

    def saved(self, *shapes: Shape) -> dict[str, Buffer]:
        return {**self._weights(self.num_heads, shapes), **self._projected(shapes)}

    def scratch(self, *shapes: Shape) -> dict[str, Buffer]:
        _, value, _ = self._sequences(shapes)
        rooms = {f"{name}_room": buffer for name, buffer in self._projected(shapes).items()}
        weights = self._weights(self.num_heads, shapes)["attention"]
        return {**rooms, "attention_room": weights, "spare": Buffer(value)}

    def forward(self, ops: Ops, at: Slots) -> None:
        held = vars(at)
        *projected, mixed, weights = (
            held[name if at.training else f"{name}_room"] for name in (*PROJECTED, "mixed", "attention")
        )
        for name, source, out in zip(PROJECTED, _given(at), projected, strict=True):
            self._project(ops, source, held[f"{name}_kernel"], held.get(f"{name}_bias"), out)
        query, value, key = projected
        ops.batched_matmul(_by_head(query), _by_head(key).swapaxes(2, 3), out=weights)
        self._attend(ops, at, weights, value, self._scale, mixed)
        kernel, bias = _matrix(at.output_kernel, -1), at.output_bias if self.use_bias else None
        ops.dense(_rows(mixed), kernel, bias, "linear", _rows(at.y, 1))

    def backward(self, ops: Ops, at: Slots) -> None:
        held, d_scores = vars(at), at.attention_room
        dy, mixed, d_mixed = _rows(at.dy, 1), _rows(at.mixed), _rows(at.mixed_room)
        d_bias = at.d_output_bias if self.use_bias else None
        ops.dense_gradient(mixed, "linear", None, None, dy, None, _matrix(at.d_output_kernel, -1), d_bias)
        ops.matmul(dy, _matrix(at.output_kernel, -1).T, out=d_mixed)
        self._attend_gradient(ops, at, at.value, self._scale, at.mixed_room, at.value_room, d_scores)
        ops.batched_matmul(d_scores, _by_head(at.key), out=_by_head(at.query_room))
        ops.batched_matmul(d_scores.swapaxes(2, 3), _by_head(at.query), out=_by_head(at.key_room))
        begun = set()
        for name, source, place in zip(PROJECTED, _given(at), _places(at), strict=True):
            slopes, dx = _rows(held[f"{name}_room"]), at.dxs[place]
            d_bias = held[f"d_{name}_bias"].reshape(-1) if self.use_bias else None
            d_kernel = _matrix(held[f"d_{name}_kernel"], 1)
            ops.dense_gradient(_rows(source, 1), "linear", None, None, slopes, None, d_kernel, d_bias)
            if dx is None:
                continue
            into = at.spare if place in begun else dx
            ops.matmul(slopes, _matrix(held[f"{name}_kernel"], 1).T, out=_rows(into, 1))
            if place in begun:
                ops.add(dx, into, out=dx)
            begun.add(place)
        self._no_mask_gradient(ops, at)

    def multiply_adds(self, *shapes: Shape) -> int:
        query, value, _ = self._sequences(shapes)
        steps = (query[0], value[0], value[0])
        projections = zip(steps, self._projections(shapes), strict=True)
        projected = sum(n * fan_in * self.num_heads * width for n, (fan_in, width) in projections)
        looking = self.num_heads * query[0] * value[0] * (self.key_dim + self._value_dim)
        return projected + looking + query[0] * self.num_heads * self._value_dim * self.out_shape(*shapes)[1]

    @property
    def _value_dim(self) -> int:
        return self.value_dim or self.key_dim

    @property
    def _scale(self) -> float:
        return 1 / math.sqrt(self.key_dim)

    def _projections(self, shapes: tuple[Shape, ...]) -> list[tuple[int, int]]:
        """(features, size of a head) of query, value and key."""
        widths = (self.key_dim, self._value_dim, self.key_dim)
        return [(shape[1], width) for shape, width in zip(self._sequences(shapes), widths, strict=True)]

    def _projected(self, shapes: tuple[Shape, ...]) -> dict[str, Buffer]:
        """What each head reads, (steps, heads, size) all, and what it finds."""
        sequences, found = self._sequences(shapes), {}
        for name, shape, (_, width) in zip(PROJECTED, sequences, self._projections(shapes), strict=True):
            found[name] = Buffer((shape[0], self.num_heads, width))
        return {**found, "mixed": Buffer((sequences[0][0], self.num_heads, self._value_dim))}

    def _project(
        self, ops: Ops, x: np.ndarray, kernel: np.ndarray, bias: np.ndarray | None, out: np.ndarray
    ) -> None:
        flat = None if bias is None else bias.reshape(-1)
        ops.dense(_rows(x, 1), _matrix(kernel, 1), flat, "linear", _rows(out))


PROJECTED = ("query", "value", "key")
"""In the order of the inputs, as Keras has it."""


def _mask(at: Slots) -> Any:
    """The mask (rows, values), or None."""
    return at.xs[-1] if len(at.xs) > 1 and at.xs[-1].ndim == 2 else None


def _places(at: Slots) -> tuple[int, int, int]:
    """Which inputs are query, value and key."""
    last = len(at.xs) - 1 - (_mask(at) is not None)
    return 0, min(last, 1), last


def _given(at: Slots) -> list[Any]:
    """Query, value and key, (rows, steps, features) each."""
    return [at.xs[place] for place in _places(at)]


def _read(at: Slots) -> list[Any]:
    """The same with one head, (rows, steps, 1, features)."""
    return [_one_head(x) for x in _given(at)]


def _one_head(x: np.ndarray) -> Any:
    return x.reshape(*x.shape[:2], 1, x.shape[2])


def _by_head(x: np.ndarray) -> Any:
    """(rows, steps, heads, size) as (rows, heads, steps, size)."""
    return x.swapaxes(1, 2)


def _rows(x: np.ndarray, axes: int = 2) -> Any:
    """Its last `axes` side by side, all others below one another."""
    return x.reshape(-1, math.prod(x.shape[-axes:]))


def _matrix(kernel: np.ndarray, inputs: int) -> Any:
    """A kernel with its first axis, or with all but the last (-1), as what it reads."""
    return kernel.reshape(kernel.shape[0], -1) if inputs == 1 else kernel.reshape(-1, kernel.shape[-1])
