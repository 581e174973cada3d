"""Kernels that have an override on a GPU alone, as rows like those of `cases`; and what only that covers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tests.compute.cases import Case, Draw, poison

GPU_CASES: dict[str, Callable[[Draw], Case]] = {}


def gpu_case(make: Callable[[Draw], Case]) -> Callable[[Draw], Case]:
    GPU_CASES[make.__name__] = make
    return make


class _Recurrent:
    """What the arguments of the recurrent kernels have in common: sizes, masks, states that lie apart."""

    def __init__(self, draw: Draw, gates: int) -> None:
        self.draw = draw
        self.n, self.steps, self.features, self.units = (
            draw.size(1, 9, 40), draw.size(1, 12), draw.size(1, 9), draw.size(1, 50)
        )  # fmt: skip
        self.width = gates * self.units
        self.x = draw.numbers(self.n, self.steps, self.features)
        self.weights = draw.numbers(self.features, self.width, scale=0.5)
        self.recurrent = draw.numbers(self.units, self.width, scale=0.5)
        self.mask = draw.pick(None, draw.random.integers(0, 2, (self.n, self.steps)).astype(np.float32))
        if self.mask is not None:
            # What is not a number in a step that does not count does not come through.
            self.x[self.mask == 0] = np.nan

    def optional(self, *shape: int) -> np.ndarray | None:
        return self.draw.pick(None, self.draw.numbers(*shape))

    def sequence(self, values: np.ndarray) -> np.ndarray:
        """The same values, contiguous, half of a wider array, or backwards in memory."""
        wide = np.zeros((self.n, self.steps, 2 * self.units), np.float32)
        half, turned = wide[..., self.units :], np.zeros_like(values)[:, ::-1]
        found = self.draw.pick(values, half, turned)
        found[...] = values
        return found

    def gradients(self, *arrays: np.ndarray | None) -> list[np.ndarray | None]:
        dx = self.draw.pick(None, poison(self.n, self.steps, self.features))
        return [dx, poison(self.features, self.width), poison(self.units, self.width), *arrays]

    def arriving(self) -> np.ndarray:
        every = self.sequence(self.draw.numbers(self.n, self.steps, self.units))
        return self.draw.pick(every, self.draw.numbers(self.n, self.units))

    def seen(self, gates: np.ndarray) -> np.ndarray:
        """Gates as they are left by a forward pass that kept finite numbers."""
        self.x = np.nan_to_num(self.x)
        return gates


def _gates(made: _Recurrent) -> np.ndarray:
    return made.seen(made.draw.random.random((made.n, made.steps, made.width), dtype=np.float32))


def _hidden(made: _Recurrent) -> np.ndarray:
    return made.sequence(np.tanh(made.draw.numbers(made.n, made.steps, made.units)))


@gpu_case
def simple_rnn(draw: Draw) -> Case:
    made = _Recurrent(draw, 1)
    start = draw.pick(None, (draw.numbers(made.n, made.units),))
    kept = made.sequence(poison(made.n, made.steps, made.units)), poison(made.n, made.units)
    args = made.x, made.weights, made.recurrent, made.optional(made.width), made.mask, start
    gates = poison(made.n, made.steps, made.width)
    return Case([*args, gates, *kept, draw.pick("tanh", "relu"), draw.pick(True, False)], (7, 8))


@gpu_case
def simple_rnn_gradient(draw: Draw) -> Case:
    made = _Recurrent(draw, 1)
    start = draw.pick(None, (draw.numbers(made.n, made.units),))
    args = [made.weights, made.recurrent, made.mask, start, _gates(made), _hidden(made), made.arriving()]
    found = made.gradients(poison(made.width), draw.pick(None, poison(made.n, made.units)))
    work = poison(made.n, made.steps, made.width)
    options = draw.pick("tanh", "relu"), draw.pick(True, False)
    return Case([made.x, *args, *found, work, *options], (8, 9, 10, 11, 12, 13))


@gpu_case
def masked_lstm(draw: Draw) -> Case:
    made = _Recurrent(draw, 4)
    start = draw.pick(None, (draw.numbers(made.n, made.units), draw.numbers(made.n, made.units)))
    cells, hidden = (
        poison(made.n, made.steps, made.units),
        made.sequence(poison(made.n, made.steps, made.units)),
    )
    args = made.x, made.weights, made.recurrent, made.optional(made.width), made.mask, start
    kept = poison(made.n, made.steps, made.width), cells, hidden, poison(made.n, made.units)
    return Case(
        [*args, *kept, "tanh", draw.pick("sigmoid", "hard_sigmoid"), draw.pick(True, False)], (7, 8, 9)
    )


@gpu_case
def masked_lstm_gradient(draw: Draw) -> Case:
    made = _Recurrent(draw, 4)
    start = draw.pick(None, (draw.numbers(made.n, made.units), draw.numbers(made.n, made.units)))
    gates, cells = _gates(made), draw.numbers(made.n, made.steps, made.units)
    args = [made.weights, made.recurrent, made.mask, start, gates, cells, _hidden(made), made.arriving()]
    found = made.gradients(poison(made.width), draw.pick(None, poison(made.n, 2 * made.units)))
    work = poison(made.n, made.steps, made.width)
    d_cell = made.optional(made.n, made.units)
    options = "tanh", draw.pick("sigmoid", "hard_sigmoid"), draw.pick(True, False)
    return Case([made.x, *args, d_cell, *found, work, *options], (10, 11, 12, 13, 14, 15))


@gpu_case
def gru(draw: Draw) -> Case:
    made = _Recurrent(draw, 3)
    start = draw.pick(None, (draw.numbers(made.n, made.units),))
    args = made.x, made.weights, made.recurrent, made.optional(made.width), made.optional(made.width)
    recalled, hidden = (
        poison(made.n, made.steps, made.units),
        made.sequence(poison(made.n, made.steps, made.units)),
    )
    kept = poison(made.n, made.steps, made.width), recalled, hidden, poison(made.n, made.units)
    after = draw.pick(True, True, False)
    written = (8, 9, 10) if after and made.mask is None else (9, 10)
    return Case([*args, made.mask, start, *kept, "tanh", "sigmoid", after, draw.pick(True, False)], written)


@gpu_case
def gru_gradient(draw: Draw) -> Case:
    made = _Recurrent(draw, 3)
    start = draw.pick(None, (draw.numbers(made.n, made.units),))
    gates, recalled = _gates(made), draw.numbers(made.n, made.steps, made.units)
    args = [made.weights, made.recurrent, made.mask, start, gates, recalled, _hidden(made), made.arriving()]
    slopes = (
        poison(made.width),
        draw.pick(None, poison(made.width)),
        draw.pick(None, poison(made.n, made.units)),
    )
    work = poison(made.n, made.steps, made.width)
    options = "tanh", "sigmoid", draw.pick(True, True, False), draw.pick(True, False)
    return Case([made.x, *args, *made.gradients(*slopes), work, *options], (9, 10, 11, 12, 13, 14, 15))
