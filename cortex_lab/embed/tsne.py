"""t-SNE, one gradient iteration at a time.

van der Maaten and Hinton, Visualizing Data using t-SNE (2008); computed by openTSNE, Policar, Strazar and
Zupan (2024).
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from cortex_lab.embed._points import Perplexity, Points, checked_start, opentsne, rows_and_labels
from cortex_lab.ground import checks
from cortex_lab.ground.habits import renamed
from cortex_lab.study import Probe, every

_MIN_GAIN, _MAX_MOVE = 0.01, 5.0
# Over all pairs of 2,000 points, the divergence takes as long as the gradient.
_ALWAYS_MEASURED, _MEASURED_EVERY = 500, 10

Anchors = tuple[np.ndarray, np.ndarray]
"""Places (n, 2), and how strongly each point is held to its own (n,)."""


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
    anchors: Anchors | None = None
    measured_of: tuple[Points, np.ndarray] | None = None
    """The map that the divergence is measured of, where that has not been asked for yet."""


class TSNE:
    """A t-SNE map as a Process: `Session(TSNE(x)).run(until=below("moved", 1e-3))`.

    The first picture is there at step 0: the two principal components. The affinities are computed in the
    first step's first phase, so a stop after "affinities" shows who is near whom before anything moves, one
    after "gradient" where each point is about to go.

    Buffers: "embedding" (n, 2) float32; "gradient", "update" (the last move) and "gains" (n, 2) float64;
    "neighbors/indptr", "neighbors/indices" and "neighbors/affinity", the affinities as a CSR matrix, empty
    until they are computed.

    Keys: "kl_divergence" (of the map that the step started from, without exaggeration; of more than 500
    points, recorded after every tenth step unless probes say otherwise. Up to 2,000 points
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
        About how many neighbors a point has; at most (n - 1) / 3. Of several, as (10, 100), affinities are
        the mean, so that a map shows what is near and what is far. Kobak and Berens (2019)
    initial
        (n, 2) positions to start from, in place of the principal components; then without exaggeration.
    metric
        By what rows are compared: "euclidean", "manhattan", or "cosine", which is the Euclidean distance of
        rows divided by their lengths.
    method
        What the repulsion is computed by: "barnes_hut" (a tree), "fft" (interpolation), or "auto": the first
        below 10,000 points, the second from there on, where it is quicker.
    iterations_per_step
        Gradient iterations in a step. Phases show the last of them.
    learning_rate
        None is n / exaggeration. Belkina et al. (2019)
    early_exaggeration, early_iterations
        By what attraction is multiplied at first, and for how many iterations.
    """

    phases = ("affinities", "gradient", "move")
    keys = ("kl_divergence", "grad_norm", "moved", "exaggeration", "learning_rate")

    def __init__(
        self,
        x: ArrayLike,
        labels: Any = None,
        perplexity: Perplexity = 30.0,
        seed: int = 0,
        initial: ArrayLike | None = None,
        *,
        metric: str = "euclidean",
        method: str = "auto",
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
        points = Points(x, perplexity, seed, n_jobs, metric, method)
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
    def metric(self) -> str:
        """By what rows are compared."""
        return self._state.points.metric

    @property
    def positions(self) -> np.ndarray:
        """Where the points are, (n, 2) float64."""
        return _read_only(self._state.positions)

    @property
    def affinities(self) -> Any:
        """How near each point is to its neighbors: a sparse symmetric (n, n) matrix that sums to 1."""
        return self._state.points.affinities

    def begin_at(self, initial: ArrayLike, early_iterations: int = 0) -> None:
        """Begin anew from positions (n, 2), with so many iterations of exaggeration; before any step."""
        start = checked_start(initial, len(self.x), self.seed)
        still = np.zeros_like(start)
        self._state = replace(self._state, positions=start, update=still, gradient=still)
        self._gradient, self.early_iterations = still, early_iterations

    def divergence(self) -> float:
        """The KL divergence of the map as it is now, measured as "kl_divergence" is."""
        points, positions = self._state.points, self._state.positions
        found = points.divergence(positions)
        return points.gradient(positions, 1.0)[0] if found is None else found

    def place(self, new: ArrayLike, perplexity: float = 5.0, iterations: int = 250) -> np.ndarray:
        """Where new rows (m, ...) go in this map, which stays as it is, bit for bit: (m, 2) float64.

        Each is placed by itself, among its neighbors in the map (openTSNE's `transform`; Policar, Strazar and
        Zupan 2021), so others placed with it make no difference. `perplexity` is about how many of those.
        ValueError for rows with other features than those of the map, or that are not finite.
        """
        checks.number("perplexity", perplexity, least=1)
        iterations = checks.whole("iterations", iterations, least=0)
        return self._state.points.place(new, self._state.positions, perplexity, iterations)

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

    @property
    def probes(self) -> tuple[Probe, ...]:
        """What a session records: all keys; the divergence, above 500 points, after every tenth step."""
        often = len(self._state.positions) <= _ALWAYS_MEASURED
        apart = {} if often else {"kl_divergence": every(_MEASURED_EVERY)}
        return tuple(Probe(key, apart.get(key)) for key in self.keys)

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
        measured = {**state.measured, "moved": self._distance(before, state)}
        self._state = replace(state, measured=measured, measured_of=(before.points, before.positions))
        self._gradient = state.gradient
        self.step_number += 1
        yield "move"

    def measure(self, key: str) -> float:
        """The value of `key` for the step just completed; NaN before the first."""
        if key not in self.keys:
            raise KeyError(f"a t-SNE layout measures {', '.join(self.keys)}, not {key!r}")
        state = self._state
        if key == "kl_divergence" and state.measured_of is not None:
            points, positions = state.measured_of
            found = points.divergence(positions)
            known = state.measured if found is None else {**state.measured, key: found}
            self._state = state = replace(state, measured=known, measured_of=None)
        return state.measured.get(key, float("nan"))

    def snapshot(self) -> dict[str, Any]:
        return {"step_number": self.step_number, **vars(self._state)}

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        self._state = _State(**{name: value for name, value in snapshot.items() if name != "step_number"})
        self._gradient = self._state.gradient
        self.step_number = snapshot["step_number"]

    def restored(self, snapshot: Mapping[str, Any], early_iterations: int) -> TSNE:
        """Another layout like this one that stands where `snapshot` was taken."""
        found = copy.copy(self)
        found.early_iterations = early_iterations
        found.restore(snapshot)
        return found

    def edit(self, name: str, value: Any) -> None:
        """Change "learning_rate", "momentum", "perplexity", "exaggeration", "features" or "anchors".

        learning_rate None is n / exaggeration, exaggeration None is by the schedule, features is what
        `continue_from` takes. Anchors are places (n, 2) and strengths (n,): each point is drawn to its place
        by strength / n times its distance, as the temporal term of dynamic t-SNE does (Rauber, Falcao and
        Telea 2016); None for none. ValueError leaves everything as it was.
        """
        state = self._state
        if name == "features":
            self.continue_from(value)
        elif name == "perplexity":
            points = state.points.other(perplexity=value)
            self._state = replace(state, points=points)
        elif name == "anchors":
            anchors = None if value is None else _checked_anchors(value, len(state.positions))
            self._state = replace(state, anchors=anchors)
        elif name == "momentum":
            self._state = replace(state, momentum=float(checks.fraction("momentum", value)))
        elif name in ("learning_rate", "exaggeration"):
            self._state = replace(state, **{name: None if value is None else _positive(name, value)})
        else:
            names = ("learning_rate", "momentum", "perplexity", "exaggeration", "features", "anchors")
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
        points = state.points.other(x)
        still = np.zeros_like(state.positions)
        self._state = replace(state, points=points, update=still, gains=np.ones_like(still))

    def __repr__(self) -> str:
        n, features = self.x.shape
        return f"<TSNE of {n} points with {features} features at step {self.step_number}>"

    def _is_early(self, state: _State, iteration: int) -> bool:
        return state.exaggeration is None and iteration < self.early_iterations

    def _up_to_last_move(self, state: _State) -> _State:
        first = self.step_number * self.iterations_per_step
        state = self._pulled(state, first, None)
        for iteration in range(first + 1, first + self.iterations_per_step):
            state = self._pulled(_moved(state), iteration, state.measured["kl_divergence"])
        return state

    def _distance(self, before: _State, after: _State) -> float:
        if self._is_early(before, self.step_number * self.iterations_per_step):
            return float("nan")
        distance = np.linalg.norm(after.positions - before.positions, axis=1).mean()
        return float(distance / np.sqrt((after.positions**2).sum(axis=1).mean()))

    def _pulled(self, state: _State, iteration: int, divergence: float | None) -> _State:
        """The state with the gradient at its positions, measured; a divergence of None is estimated."""
        early = self._is_early(state, iteration)
        exaggeration = self.early_exaggeration if early else state.exaggeration or 1.0
        estimate, gradient = state.points.gradient(state.positions, exaggeration)
        if state.anchors is not None:
            places, strengths = state.anchors
            gradient += strengths[:, np.newaxis] / len(places) * (state.positions - places)
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


def _checked_anchors(value: Any, n: int) -> Anchors:
    wanted = f"({n}, 2) places and ({n},) strengths"
    if not isinstance(value, tuple) or len(value) != 2:
        raise checks.refused("anchors", wanted, value)
    places, strengths = (checks.finite("anchors", each, wanted).astype(np.float64) for each in value)
    if places.shape != (n, 2) or strengths.shape != (n,) or (strengths < 0).any():
        raise ValueError(f"anchors must be {wanted} of 0 or more, got {places.shape} and {strengths.shape}")
    return places, strengths


def _read_only(array: np.ndarray) -> np.ndarray:
    view = array.view()
    view.flags.writeable = False
    return view


def _positive(name: str, value: float) -> float:
    return float(checks.number(name, value, over=0))
