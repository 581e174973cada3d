"""t-SNE maps of the same rows at several moments of a training, each of which keeps its place.

Each map starts from the one before, or, if too much has changed, each point among its neighbors of now.
Points whose features hardly changed may be held near where they were (the temporal term of dynamic t-SNE:
Rauber, Falcao and Telea, Visualizing time-dependent data using dynamic t-SNE, 2016; weighted by likeness, as
in joint t-SNE: Wang et al., 2022). What is left of a turn is taken out (Procrustes).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from cortex_lab.embed._points import Perplexity
from cortex_lab.embed.tsne import TSNE
from cortex_lab.ground import checks
from cortex_lab.study import Probe

RowFeatures = Callable[[int], tuple[ArrayLike, ArrayLike]]
"""At a moment, the numbers of the rows (n,), each once, and their features (n, ...), a line for each."""

COHERENCE, AFRESH = 0.0, 0.95
_SMALL = 1e-2
"""The standard deviation of a map that begins afresh: t-SNE finds its way from a small one."""
STILL, AT_LEAST = 3e-4, 50
"""The mean move of an iteration, as a share of the map's radius, below which a map is done, and how many it
makes before that is asked."""


@dataclass(frozen=True, eq=False)
class AlignedMap:
    """One of several maps: `positions` (n, 2) of the rows `index` (n,) at a `moment`, on a scale of its own.

    `drift` (n,) is how far each point went since the map before, as a share of that map's root mean square
    radius, after what all did together (turn, mirror, move, grow) was taken out; NaN for a row that was not
    in it. `shown` (n, 2) are the positions on the scale of the first map, to glide between.
    `coherence_error` is the mean drift of the tenth of the rows whose features moved least.
    """

    moment: int
    index: np.ndarray
    positions: np.ndarray
    drift: np.ndarray
    scale: float = 1.0
    kl_divergence: float = float("nan")
    coherence_error: float = float("nan")
    iterations: int = 0

    @property
    def shown(self) -> np.ndarray:
        return self.positions * self.scale


@dataclass(frozen=True, eq=False)
class _Before:
    """What the map under way is held to: the rows that were in the one before, and how far they moved."""

    at: AlignedMap
    here: np.ndarray
    there: np.ndarray
    moved: np.ndarray


@dataclass(frozen=True, eq=False)
class _Place:
    """Where it stands: the map under way, what came before, and those that are done.

    `fresh` are the rows and the layout of the last map that began afresh.
    """

    number: int
    index: np.ndarray
    features: np.ndarray
    fresh: tuple[np.ndarray, TSNE]
    before: _Before | None
    done: tuple[AlignedMap, ...]


class AlignedTSNE:
    """Maps of a layer's rows over a training, as a Process: a Session lays them out one after the other.

        process = AlignedTSNE(source, moments=[0, 100, 200])
        Session(process).run(until=below("remaining", 1))
        process.maps

    A step is one gradient iteration. A map is done after `iterations`, or when it stands still; then the next
    begins, and after the last it goes on with that. Rows may come and go: a new one starts among its nearest
    that were there, and is held to nothing. `source` must give the same for a moment whenever it is asked.

    Of 400 digits over 8 epochs, the worst divergence, to that of a map made alone, and the coherence error:
    1.06 and 0.076 of the radius with `afresh=0`, 1.01 and 0.133 with 0.95, so that is the default; with
    `afresh=0, coherence=0.03` 1.32 and 0.029 (`python -m benchmarks embed`).

    Keys: those of `TSNE`, "moment" that is being laid out, "remaining" moments whose maps are not done, and
    of the last map that is done "drift", the mean over its rows, and "coherence_error".

    Parameters
    ----------
    source
        `source(moment)` gives the numbers of the rows (n,) and their features (n, ...).
    moments
        Whole numbers, such as steps of a training, each once, in the order of the maps.
    coherence
        How strongly points whose features stay are held to their places; 0 for a warm start alone.
    iterations
        Of each map at most; the first makes `early_iterations` before.
    afresh
        A map whose points have kept less than this share of their affinities, since a map last began afresh,
        does so too: as a small map, each point among its neighbors of now, with exaggeration. Others begin
        where the points were. 0 never begins afresh, which moves less, but leaves apart what came together.
    initial
        (n, 2) positions to start the first map from, in place of the principal components.

    The others are as in `TSNE`. A step whose features cannot be laid out raises ValueError that names the
    moment; nothing has changed then.
    """

    phases = ("affinities", "gradient", "move")
    keys = (*TSNE.keys, "moment", "remaining", "drift", "coherence_error")
    probes = tuple(Probe(key) for key in ("kl_divergence", "moved", "moment", "remaining"))

    def __init__(
        self,
        source: RowFeatures,
        moments: Iterable[int],
        *,
        perplexity: Perplexity = 30.0,
        seed: int = 0,
        coherence: float = COHERENCE,
        iterations: int = 500,
        early_iterations: int = 250,
        afresh: float = AFRESH,
        metric: str = "euclidean",
        method: str = "auto",
        initial: ArrayLike | None = None,
        n_jobs: int = 1,
    ) -> None:
        self._source = checks.function("source", source, "a function of a moment")
        self.moments = _checked_moments(moments)
        self.coherence = float(checks.number("coherence", coherence, least=0))
        self.iterations = checks.whole("iterations", iterations, least=1)
        self.early_iterations = checks.whole("early_iterations", early_iterations, least=0)
        self.afresh = float(checks.number("afresh", afresh, least=0, most=1))
        self._options = {"perplexity": perplexity, "seed": seed, "metric": metric, "n_jobs": n_jobs}
        self._options |= {"method": method}
        self.step_number, self._hurried = 0, False
        index, features = self._features(self.moments[0])
        self._map = self._laid(self.moments[0], features, initial, early_iterations)
        self._place = _Place(0, index, features, (index, self._map), None, ())

    @property
    def maps(self) -> tuple[AlignedMap, ...]:
        """The maps that are done, and the one under way."""
        return (*self._place.done, self._finished(self._place, self._map))

    @property
    def done(self) -> tuple[AlignedMap, ...]:
        """The maps that are done, but for the last."""
        return self._place.done

    @property
    def now(self) -> AlignedMap:
        """The map under way, without its divergence, which takes a while."""
        return self._finished(self._place, self._map, judged=False)

    @property
    def moment(self) -> int:
        """The moment whose map is under way."""
        return self.moments[self._place.number]

    @property
    def buffers(self) -> dict[str, np.ndarray]:
        """Those of the `TSNE` under way, and "rows", the numbers of its rows."""
        return {**self._map.buffers, "rows": self._place.index.copy()}

    def walk(self) -> Iterator[str]:
        """One step. What `snapshot` holds changes in the last phase only."""
        place, laid = self._place, self._map
        if (self._hurried or self._is_done(laid)) and place.number + 1 < len(self.moments):
            place, laid = self._next(place, laid)
        coherence = self.coherence
        for phase in laid.walk():
            if phase == self.phases[-1]:
                break
            yield phase
            if self.coherence != coherence:
                # Edited while stopped here, when the map that begins was not this one's yet.
                coherence = self.coherence
                self._hold(laid, place.before)
        self._hurried &= place is self._place
        self._place, self._map = place, laid
        self.step_number += 1
        yield self.phases[-1]

    def measure(self, key: str) -> float:
        """The value of `key` for the step just completed; NaN before the first."""
        if key not in self.keys:
            raise KeyError(f"aligned maps measure {', '.join(self.keys)}, not {key!r}")
        if key in TSNE.keys:
            return self._map.measure(key)
        if key == "moment":
            return float(self.moment)
        if key == "remaining":
            return float(len(self.moments) - self._place.number - self._is_done(self._map))
        done = self._place.done
        if not done or not np.isfinite(done[-1].drift).any():
            return float("nan")
        return float(np.nanmean(done[-1].drift)) if key == "drift" else done[-1].coherence_error

    def snapshot(self) -> dict[str, Any]:
        held = {"map": self._map.snapshot(), "early": self._map.early_iterations, "place": self._place}
        return {"step_number": self.step_number, "moments": self.moments, **held, **self._set()}

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        laid = self._map.restored(snapshot["map"], snapshot["early"])
        self._map, self._place, self.moments = laid, snapshot["place"], snapshot["moments"]
        self.coherence, self.iterations = snapshot["coherence"], snapshot["iterations"]
        self._hurried = snapshot["hurried"]
        self.step_number = snapshot["step_number"]

    def edit(self, name: str, value: Any) -> None:
        """Change "moments" that are yet to come, "coherence" or "iterations"; add one by "moment".

        "now" adds one that comes next, whether or not the map under way is done; others to come are dropped.
        """
        if name == "now":
            moments = _checked_moments((*self.moments[: self._place.number + 1], value))
            self.moments, self._hurried = moments, True
            return
        if name == "moment":
            name, value = "moments", (*self.moments, value)
        if name == "moments":
            moments, known = _checked_moments(value), self._place.number + 1
            if moments[:known] != self.moments[:known]:
                raise ValueError(f"moments must go on from {self.moments[:known]}, which are laid out")
            self.moments = moments
        elif name == "coherence":
            self.coherence = float(checks.number("coherence", value, least=0))
            self._hold(self._map, self._place.before)
        elif name == "iterations":
            self.iterations = checks.whole("iterations", value, least=1)
        else:
            raise KeyError(
                f"aligned maps have no {name!r} to edit; they have moment, now, moments, coherence, "
                "iterations"
            )

    def __repr__(self) -> str:
        done = len(self.moments) - int(self.measure("remaining"))
        return f"<AlignedTSNE of {len(self.moments)} moments, {done} laid out, at step {self.step_number}>"

    def _set(self) -> dict[str, Any]:
        return {"coherence": self.coherence, "iterations": self.iterations, "hurried": self._hurried}

    def _features(self, moment: int) -> tuple[np.ndarray, np.ndarray]:
        index, features = self._source(moment)
        index = np.array(checks.listed("index", index, "the numbers of rows"))
        features = checks.numbers(f"the features of moment {moment}", features)
        if features.ndim < 2 or len(index) != len(features):
            raise ValueError(
                f"moment {moment}: a line of features is wanted for each of {len(index)} rows, got features "
                f"of the shape {features.shape}"
            )
        if len(np.unique(index)) < len(index):
            raise ValueError(f"moment {moment}: the number of a row comes twice; each must be another")
        features = features.reshape(len(features), -1)
        here = getattr(self, "_place", None)
        if here is not None and features.shape[1] != here.features.shape[1]:
            raise ValueError(
                f"moment {moment}: rows have {features.shape[1]} features, and had "
                f"{here.features.shape[1]}; maps to compare are of one layer"
            )
        return index, features

    def _laid(self, moment: int, features: np.ndarray, initial: Any, early: int) -> TSNE:
        try:
            laid = TSNE(features, initial=initial, early_iterations=early, **self._options)  # type: ignore[arg-type]
        except ValueError as error:
            raise ValueError(f"moment {moment}: {error}") from error
        laid.early_iterations = early
        return laid

    def _is_done(self, laid: TSNE) -> bool:
        made = laid.step_number - laid.early_iterations
        return made >= self.iterations or (made >= AT_LEAST and laid.measure("moved") < STILL)

    def _next(self, place: _Place, laid: TSNE) -> tuple[_Place, TSNE]:
        last, moment = self._finished(place, laid), self.moments[place.number + 1]
        index, features = self._features(moment)
        _, there, here = np.intersect1d(last.index, index, assume_unique=True, return_indices=True)
        if not len(here):
            found, before = self._laid(moment, features, None, laid.early_iterations), None
            fresh = index, found
        else:
            found = self._laid(moment, features, None, 0)
            known = last.positions[there]
            fresh = place.fresh
            if kept(fresh, (index, found)) < self.afresh:
                fresh = index, found
                small = _among_neighbors(found.affinities, here, known)
                small = (small - small.mean(axis=0)) * (_SMALL / (small.std() or 1.0))
                found.begin_at(small, self.early_iterations)
            else:
                # What is left of the exaggeration, if a map was left before it was done.
                early = max(0, laid.early_iterations - laid.step_number)
                found.begin_at(_among_known(found.affinities, here, known), early)
            moved = np.linalg.norm(features[here].astype(float) - place.features[there], axis=1)
            before = _Before(last, here, there, moved)
        self._hold(found, before)
        return _Place(place.number + 1, index, features, fresh, before, (*place.done, last)), found

    def _hold(self, laid: TSNE, before: _Before | None) -> None:
        """Hold the points of a map to where they were, the more the less their features moved."""
        if before is None or not self.coherence:
            laid.edit("anchors", None)
            return
        n = len(laid.x)
        places, strengths = np.zeros((n, 2)), np.zeros(n)
        places[before.here] = before.at.positions[before.there]
        typical = np.median(before.moved) or 1.0
        strengths[before.here] = self.coherence * np.exp(-((before.moved / typical) ** 2))
        laid.edit("anchors", (places, strengths))

    def _finished(self, place: _Place, laid: TSNE, judged: bool = True) -> AlignedMap:
        """The map as it is, turned onto the one before."""
        positions, moment = laid.positions, self.moments[place.number]
        told = {"kl_divergence": laid.divergence() if judged else float("nan")}
        told["iterations"] = laid.step_number  # type: ignore[assignment]
        drift = np.full(len(positions), np.nan)
        if place.before is None:
            return AlignedMap(moment, place.index, positions, drift, **told)
        last, here, there = place.before.at, place.before.here, place.before.there
        turn, scale = procrustes(positions[here], last.positions[there])
        center, goal = positions[here].mean(axis=0), last.positions[there].mean(axis=0)
        turned = (positions - center) @ turn
        moved = np.linalg.norm(scale * turned[here] - (last.positions[there] - goal), axis=1)
        drift[here] = moved / (_radius(last.positions) or 1.0)
        still = np.argsort(place.before.moved, kind="stable")[: max(1, len(here) // 10)]
        told["coherence_error"] = float(drift[here][still].mean())
        return AlignedMap(moment, place.index, turned + goal, drift, last.scale * scale, **told)


def kept(one: tuple[np.ndarray, TSNE], other: tuple[np.ndarray, TSNE]) -> float:
    """The share of the affinities of one map that another has too, 0 to 1, over the rows of both."""
    _, here, there = np.intersect1d(one[0], other[0], assume_unique=True, return_indices=True)
    first, second = (each.affinities[rows][:, rows] for each, rows in ((one[1], here), (other[1], there)))
    total = min(first.sum(), second.sum())
    return float(first.minimum(second).sum() / total) if total > 0 else 0.0


def procrustes(positions: np.ndarray, onto: np.ndarray) -> tuple[np.ndarray, float]:
    """The rotation, or reflection, (2, 2) and the scale that bring centered `positions` nearest to `onto`.

    Both are (n, 2), row by row the same points; `scale * (positions - mean) @ turn` is near `onto - mean`
    and as large: the scale of least squares would shrink what has changed. Gower, Generalized Procrustes
    analysis (1975). Where all points are in one place, nothing is turned.
    """
    positions, onto = positions - positions.mean(axis=0), onto - onto.mean(axis=0)
    left, sizes, right = np.linalg.svd(positions.T @ onto)
    total, wanted = (positions**2).sum(), (onto**2).sum()
    if total == 0 or sizes.sum() == 0:
        return np.eye(2), 1.0
    return left @ right, float(np.sqrt(wanted / total))


def _among_neighbors(affinities: Any, known: np.ndarray, places: np.ndarray) -> np.ndarray:
    """(n, 2): for each point the mean place of those near it, by their affinities; only some are `known`."""
    near = affinities[:, known]
    total = np.asarray(near.sum(axis=1)).reshape(-1, 1)
    found = np.where(total > 0, (near @ places) / np.where(total > 0, total, 1), places.mean(axis=0))
    # Two in the same place would never part.
    return found + np.random.default_rng(0).normal(0, 1e-3 * (_radius(places) or 1.0), found.shape)


def _among_known(affinities: Any, known: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Where to start: known points where they are, each new one among those near it."""
    initial = _among_neighbors(affinities, known, places)
    initial[known] = places
    return initial


def _checked_moments(moments: Any) -> tuple[int, ...]:
    found = tuple(
        checks.whole("a moment", each)
        for each in checks.listed("moments", moments, "whole numbers, such as steps")
    )
    if not found or len(set(found)) < len(found):
        raise ValueError(f"moments must be whole numbers, one at least and each once, got {list(found)[:9]}")
    return found


def _radius(positions: np.ndarray) -> float:
    centered = positions - positions.mean(axis=0)
    return float(np.sqrt((centered**2).sum(axis=1).mean()))
