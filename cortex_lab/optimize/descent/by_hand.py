"""A descent whose every step is chosen by hand: preview it, take it, be refused, go back."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from cortex_lab.optimize.descent.logs import Log
from cortex_lab.optimize.descent.path import follow
from cortex_lab.optimize.descent.process import Descent
from cortex_lab.optimize.descent.studies import log_of
from cortex_lab.optimize.function import Differentiable
from cortex_lab.optimize.optimizer import Optimizer
from cortex_lab.optimize.optimizers.sgd import SGD
from cortex_lab.study import Session


@dataclass(frozen=True, eq=False)
class Move:
    """A step with `learning_rate` from where the descent stands: tried, and taken only if `taken`."""

    learning_rate: float
    before: float
    value: float
    point: np.ndarray
    taken: bool = False

    @property
    def climbs(self) -> bool:
        """Whether the value rises, or is no number any more."""
        return not self.value <= self.before

    def __repr__(self) -> str:
        change = f"{self.before:.6g} -> {self.value:.6g} with learning rate {self.learning_rate:g}"
        if self.taken:
            return f"<Move: {change}>"
        return f"<Move not taken: {change}{', which climbs' if self.climbs else ''}>"


class Interactive:
    """Descent by hand: choose each step's learning rate; a step that climbs is refused unless forced.

    Parameters
    ----------
    function, start
        As for `Descent`.
    learning_rate
        What the first step proposes; later ones propose the rate last taken.
    optimizer
        Its learning rate is the one chosen by hand; None is plain gradient descent.

    It is a Session underneath (`session`), so all of it can be looked at, and every choice is in its events.
    """

    def __init__(
        self,
        function: Differentiable,
        start: Any = None,
        learning_rate: float = 0.1,
        optimizer: Optimizer | None = None,
    ) -> None:
        chosen = (optimizer or SGD()).replace(learning_rate=learning_rate)
        self.session = Session(Descent(function, chosen, start))
        self.descent: Descent = self.session.process  # type: ignore[assignment]
        self._first = {key: self.descent.measure(key) for key in self.descent.keys}
        self._path = follow(self.session)

    @property
    def learning_rate(self) -> float:
        """What the next step proposes."""
        return self.descent.optimizer.rate(self.descent.state["updates"])

    @property
    def value(self) -> float:
        return self.descent.measure("value")

    @property
    def point(self) -> np.ndarray:
        """Where it stands, a copy."""
        return self._path.points[-1]

    @property
    def log(self) -> Log:
        """All steps taken so far."""
        return log_of(self.session, self._path, self._first)

    def preview(self, learning_rate: float | None = None) -> Move:
        """Where a step would lead; nothing is changed, nothing counted."""
        rate = self.learning_rate if learning_rate is None else learning_rate
        descent = self.descent
        to = descent.preview(descent.optimizer.replace(learning_rate=rate))
        point = np.array(descent.ops.to_numpy(to), dtype=np.float64)
        with np.errstate(all="ignore"):
            value = float(descent.function.value(point))
        return Move(rate, self.value, value, point)

    def step(self, learning_rate: float | None = None, force: bool = False) -> Move:
        """Take a step, unless it climbs and `force` is false; returns the move, `taken` or not."""
        move = self.preview(learning_rate)
        if move.climbs and not force:
            return move
        if not math.isfinite(self.value):
            raise ValueError(f"the value is {self.value} here, no step leads on; go back with back(n)")
        if move.learning_rate != self.learning_rate:
            self.session.edit("learning_rate", move.learning_rate)
        self.session.step()
        return Move(move.learning_rate, move.before, self.value, self.point, taken=True)

    def back(self, n: int = 1) -> float:
        """Undo the last `n` steps exactly; returns the value there. ValueError if there are fewer."""
        if not 0 <= n <= self.session.step_number:
            raise ValueError(f"cannot go back {n} steps, {self.session.step_number} have been taken")
        self.session.rewind(self.session.step_number - n)
        return self.value

    def run(self, ask: Callable[[str], str] = input, tell: Callable[[str], None] = print) -> Log:
        """Prompt for every step until "stop"; returns the log.

        An answer is a learning rate (Enter repeats the last one), "force RATE", "try RATE" for a preview,
        "back N", or "stop".
        """
        while (answer := ask(self._prompt()).strip()) != "stop":
            try:
                said = self._obey(answer.split())
            except ValueError as error:
                said = f"{error}; answer with a learning rate, force RATE, try RATE, back N, or stop"
            if said:
                tell(said)
        return self.log

    def __repr__(self) -> str:
        return f"<Interactive at step {self.session.step_number}, value {self.value:.6g}>"

    def _prompt(self) -> str:
        norm = self.descent.measure("grad_norm")
        return f"f = {self.value: .5e}, |grad| = {norm: .5e}, learning rate [{self.learning_rate:g}] = "

    def _obey(self, words: list[str]) -> str:
        if words[:1] == ["back"]:
            self.back(int(words[1]) if len(words) > 1 else 1)
            return ""
        verb = words.pop(0) if words[:1] in (["force"], ["try"]) else ""
        rate = float(words[0]) if words else None
        if verb == "try":
            return repr(self.preview(rate))
        move = self.step(rate, force=verb == "force")
        return "" if move.taken else f"{move!r}; force {move.learning_rate:g} takes it anyway"


def interactive(
    function: Differentiable,
    start: Any = None,
    learning_rate: float = 0.1,
    optimizer: Optimizer | None = None,
) -> Interactive:
    """A descent by hand, without a prompt: `step`, `preview`, `back`. Its `run()` prompts for every step."""
    return Interactive(function, start, learning_rate, optimizer)
