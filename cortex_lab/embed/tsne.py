"""t-SNE, one gradient iteration at a time.

van der Maaten and Hinton, Visualizing Data using t-SNE (2008); computed by openTSNE, Policar, Strazar and
Zupan (2024).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from cortex_lab.embed._points import Points, checked_start, opentsne, rows_and_labels
from cortex_lab.ground import checks
from cortex_lab.ground.habits import renamed
from cortex_lab.study import Probe

_MIN_GAIN, _MAX_MOVE = 0.01, 5.0


@dataclass(frozen=True)
class _State:
    """Everything a layout goes on from. Its arrays are never written to, so snapshots share them."""

    points: Points
    positions: np.ndarray
    update: np.ndarray
    gains: np.ndarray
    learning_rate: float | None
    momentum: float
    exaggeration: float | None
    gradient: np.ndarray
    measured: Mapping[str, float]


class TSNE:
    """A t-SNE map as a Process: `Session(TSNE(x)).run(until=below("moved", 1e-3))`.

    The first picture is there at step 0: the two principal components. The affinities are computed in the
    first step's first phase, so a stop after "affinities" shows who is near whom before anything moves, one
    after "gradient" where each point is about to go.

    Buffers: "embedding" (n, 2) float32; "gradient", "update" (the last move) and "gains" (n, 2) float64;
    "neighbors/indptr", "neighbors/indices" and "neighbors/affinity", the affinities as a CSR matrix, empty
    until they are computed.

    Keys: "kl_divergence" (of the map that the step started from, without exaggeration. Up to 2,000 points
    over all pairs; above, affinities to others than 3 x perplexity neighbors count as 0, as they do in the
    gradient, which was off by 3 % in what was tried, and by 10 % where most distances were equal; from 10,000
    points on an estimate of that by interpolation, off by 0.01 at most), "grad_norm", "moved"
    (mean distance moved in the step, as a fraction of the map's root mean square radius; NaN during the early
    exaggeration, when the map stands still long before it is done), "exaggeration" and "learning_rate".

    On one thread (`n_jobs=1`) the same arguments give the same bits.

    Parameters
    ----------
    x
        (n, ...) numbers, 4 rows or more; a row is flattened. A Dataset gives its inputs, and its labels.
    labels
        (n,), for whoever draws the map; not used here.
    perplexity
        About how many neighbors a point has; at most (n - 1) / 3.
    initial
        (n, 2) positions to start from, in place of the principal components; then without exaggeration.
    iterations_per_step
        Gradient iterations in a step. Phases show the last of them.
    learning_rate
        None is n / exaggeration. Belkina et al. (2019)
    early_exaggeration, early_iterations
        By what attraction is multiplied at first, and for how many iterations.
    """

    phases = ("affinities", "gradient", "move")
    keys = ("kl_divergence", "grad_norm", "moved", "exaggeration", "learning_rate")
    probes = tuple(Probe(key) for key in keys)

    def __init__(
        self,
        x: ArrayLike,
        labels: Any = None,
        perplexity: float = 30.0,
        seed: int = 0,
        initial: ArrayLike | None = None,
        *,
        iterations_per_step: int = 1,
        learning_rate: float | None = None,
        early_exaggeration: float = 12.0,
        early_iterations: int = 250,
        n_jobs: int = 1,
    ) -> None:
        seed, n_jobs = checks.whole("seed", seed, 0, 2**32 - 1), checks.whole("n_jobs", n_jobs)
        if n_jobs == 0:
            raise checks.refused("n_jobs", "a number of threads, or -1 for all", n_jobs)
        iterations_per_step = checks.whole("iterations_per_step", iterations_per_step, least=1)
        early_iterations = checks.whole("early_iterations", early_iterations, least=0)
        opentsne("tsne")
        x, known = rows_and_labels(x)
        labels = known if labels is None else labels
        points = Points(x, perplexity, seed, n_jobs)
        n = len(points.x)
        if labels is not None and len(checks.listed("labels", labels, f"{n} labels")) != n:
            raise ValueError(f"there are {len(labels)} labels for {n} rows of x")
        self.labels = labels
        self.seed, self.n_jobs = seed, n_jobs
        self.iterations_per_step = iterations_per_step
        self.early_exaggeration = _positive("early_exaggeration", early_exaggeration)
        self.early_iterations = early_iterations if initial is None else 0
        start = points.principal_components() if initial is None else checked_start(initial, n, seed)
        self._state = _State(
            points=points,
            positions=start,
            update=np.zeros_like(start),
            gains=np.ones_like(start),
            learning_rate=None if learning_rate is None else _positive("learning_rate", learning_rate),
            momentum=0.8,
            exaggeration=None,
            gradient=np.zeros_like(start),
            measured={},
        )
        self._gradient = self._state.gradient
        self.step_number = 0

    @property
    def x(self) -> np.ndarray:
        """The points laid out, (n, features)."""
        return _read_only(self._state.points.x)

    @property
    def buffers(self) -> dict[str, np.ndarray]:
        state = self._state
        affinities = state.points.affinities if state.points.known else None
        return {
            "embedding": state.positions.astype(np.float32),
            "gradient": _read_only(self._gradient),
            "update": _read_only(state.update),
            "gains": _read_only(state.gains),
            "neighbors/indptr": _read_only(
                np.zeros(1, np.int32) if affinities is None else affinities.indptr
            ),
            "neighbors/indices": _read_only(
                np.zeros(0, np.int32) if affinities is None else affinities.indices
            ),
            "neighbors/affinity": _read_only(np.zeros(0) if affinities is None else affinities.data),
        }

    def walk(self) -> Iterator[str]:
        """One step. What `snapshot` holds changes in the last phase only."""
        _ = self._state.points.affinities
        yield "affinities"
        before = self._state
        state = self._up_to_last_move(before)
        self._gradient = state.gradient
        yield "gradient"
        if self._state is not before:
            # Edited while stopped here. A replay edits before the step, so the edit counts from its start.
            before = self._state
            state = self._up_to_last_move(before)
        state = _moved(state)
        self._state = replace(state, measured={**state.measured, "moved": self._distance(before, state)})
        self._gradient = state.gradient
        self.step_number += 1
        yield "move"

    def measure(self, key: str) -> float:
        """The value of `key` for the step just completed; NaN before the first."""
        if key not in self.keys:
            raise KeyError(f"a t-SNE layout measures {', '.join(self.keys)}, not {key!r}")
        return self._state.measured.get(key, float("nan"))

    def snapshot(self) -> dict[str, Any]:
        return {"step_number": self.step_number, **vars(self._state)}

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        self._state = _State(**{name: value for name, value in snapshot.items() if name != "step_number"})
        self._gradient = self._state.gradient
        self.step_number = snapshot["step_number"]

    def edit(self, name: str, value: Any) -> None:
        """Change "learning_rate", "momentum", "perplexity", "exaggeration" or "features" from here on.

        learning_rate None is n / exaggeration, exaggeration None is by the schedule, features is what
        `continue_from` takes. ValueError leaves everything as it was.
        """
        state = self._state
        if name == "features":
            self.continue_from(value)
        elif name == "perplexity":
            points = Points(state.points.x, value, self.seed, self.n_jobs)
            self._state = replace(state, points=points)
        elif name == "momentum":
            self._state = replace(state, momentum=float(checks.fraction("momentum", value)))
        elif name in ("learning_rate", "exaggeration"):
            self._state = replace(state, **{name: None if value is None else _positive(name, value)})
        else:
            names = ("learning_rate", "momentum", "perplexity", "exaggeration", "features")
            said = f"a t-SNE layout has no {name!r} to edit; it has {', '.join(names)}"
            raise KeyError(said + renamed(name, names))

    def continue_from(self, x: Any) -> None:
        """Lay out other features of the same points, from where the points are: for following a training.

        `x` is (n, ...), the same points in the same order. Momentum starts anew, exaggeration does not. In a
        Session use `session.edit("features", x)`, which a rewind replays.
        """
        state = self._state
        x = checks.numbers("x", x, "(n, features) numbers")
        if x.ndim < 2 or len(x) != len(state.positions):
            raise ValueError(
                f"x has the shape {x.shape}, but the map has {len(state.positions)} points; "
                "its rows must be the same points in the same order"
            )
        points = Points(x, state.points.perplexity, self.seed, self.n_jobs)
        still = np.zeros_like(state.positions)
        self._state = replace(state, points=points, update=still, gains=np.ones_like(still))

    def __repr__(self) -> str:
        n, features = self.x.shape
        return f"<TSNE of {n} points with {features} features at step {self.step_number}>"

    def _is_early(self, state: _State, iteration: int) -> bool:
        return state.exaggeration is None and iteration < self.early_iterations

    def _up_to_last_move(self, state: _State) -> _State:
        first = self.step_number * self.iterations_per_step
        state = self._pulled(state, first, state.points.divergence(state.positions))
        for iteration in range(first + 1, first + self.iterations_per_step):
            state = self._pulled(_moved(state), iteration, state.measured["kl_divergence"])
        return state

    def _distance(self, before: _State, after: _State) -> float:
        if self._is_early(before, self.step_number * self.iterations_per_step):
            return float("nan")
        distance = np.linalg.norm(after.positions - before.positions, axis=1).mean()
        return float(distance / np.sqrt((after.positions**2).sum(axis=1).mean()))

    def _pulled(self, state: _State, iteration: int, divergence: float | None) -> _State:
        """The state with the gradient at its positions, and what that tells; its divergence too, if None."""
        early = self._is_early(state, iteration)
        exaggeration = self.early_exaggeration if early else state.exaggeration or 1.0
        estimate, gradient = state.points.gradient(state.positions, exaggeration)
        measured = {
            "kl_divergence": estimate if divergence is None else divergence,
            "grad_norm": float(np.linalg.norm(gradient)),
            "exaggeration": exaggeration,
            "learning_rate": state.learning_rate or len(state.positions) / exaggeration,
        }
        return replace(state, gradient=gradient, measured=measured)


def _moved(state: _State) -> _State:
    """The state one move along its gradient, with momentum and gains (Jacobs 1988).

    The same arithmetic as openTSNE's `gradient_descent`, which cannot be stopped between gradient and move.
    """
    turned = np.sign(state.update) != np.sign(state.gradient)
    gains = np.where(turned, state.gains + 0.2, state.gains * 0.8 + _MIN_GAIN)
    update = state.momentum * state.update - state.measured["learning_rate"] * gains * state.gradient
    length = np.linalg.norm(update, axis=1, keepdims=True)
    update = np.where(length > _MAX_MOVE, update / np.maximum(length, _MAX_MOVE) * _MAX_MOVE, update)
    positions = state.positions + update
    positions -= positions.mean(axis=0)
    return replace(state, positions=positions, update=update, gains=gains)


def _read_only(array: np.ndarray) -> np.ndarray:
    view = array.view()
    view.flags.writeable = False
    return view


def _positive(name: str, value: float) -> float:
    return float(checks.number(name, value, over=0))
