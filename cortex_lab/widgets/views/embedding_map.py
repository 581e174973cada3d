"""A t-SNE map of a layer's activations, laid out while one watches."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from cortex_lab.ground import checks, forks
from cortex_lab.study import Session
from cortex_lab.widgets.chart.knob import Knob
from cortex_lab.widgets.chart.marks import Chart, Plot, Scatter
from cortex_lab.widgets.chart.standing import standing
from cortex_lab.widgets.chart.subjects import OfOneLayer, dataset_of, has_dataset, held_out, network_of
from cortex_lab.widgets.chart.view import NothingToShow, View

MOST_ROWS = 500
MOST_ITERATIONS = 1000
STILL = 1e-3
"""The mean move of an iteration, as a share of the map's radius, below which the map counts as settled."""


@dataclass(frozen=True)
class Map:
    """Positions (n, 2) of the dataset's `rows` as laid out from the activations of `layer` at `step`."""

    layer: str
    step: int
    iteration: int
    positions: np.ndarray
    rows: np.ndarray
    labels: np.ndarray
    classes: tuple[str, ...]
    told: str = ""
    pinned: int | None = None

    @property
    def caption(self) -> str:
        stage = f"t-SNE iteration {self.iteration:,}" if self.iteration else "first picture: PCA"
        return f"activations of step {self.step:,}, {stage}" + (f", {self.told}" if self.told else "")


class EmbeddingMap(OfOneLayer, View[Map]):
    """Held-out rows placed by t-SNE of what a layer makes of them, colored by label.

    It is a Process of its own under a Session of its own (`layout`), which `advance` moves on by one
    iteration. When the training has moved on and rests, the map takes the new activations and goes on from
    where it is.

    Parameters
    ----------
    layer
        Whose activations; None takes the last one before the output.
    rows
        How many held-out rows at most, spread evenly.
    """

    title = "Map of the test rows"
    size = (4.6, 4.4)
    height = 280
    place = "tall"
    rank = 20

    def __init__(
        self,
        session: Session,
        layer: str | None = None,
        rows: int = MOST_ROWS,
        perplexity: float = 30,
        seed: int = 0,
    ) -> None:
        super().__init__(session)
        self.layout: Session | None = None
        self.moving = True
        self.pinned: int | None = None
        self.patience = 0.15
        self.clock: Callable[[], float] = time.monotonic
        self._perplexity = checks.number("perplexity", perplexity, over=0)
        self._seed = checks.seed("seed", seed)
        checks.whole("rows", rows, least=1)
        self._failure: str | None = None
        self._picture: Map | None = None
        self._laid_out: Hashable = None
        self._seen: tuple[Hashable, float] = (None, 0.0)
        self._iterations = 0
        self._version = 0
        self._turn = forks.freed(threading.Lock())
        self.layers: list[str] = []
        self._layer: str | None = None
        if getattr(session, "network", None) is not None:
            self.layers = list(session.network.layers)  # type: ignore[attr-defined]
            self._layer = self.layers[-2] if len(self.layers) > 1 else self.layers[-1]
        if has_dataset(session):
            self._read_rows(rows)
        if layer is not None:
            self.layer = layer

    @property
    def settled(self) -> bool:
        """Whether the map shows the present state of the training and has stopped moving."""
        return self._laid_out == self._subject() and self._at_rest()

    @property
    def missing(self) -> str | None:
        """What the map lacks, and the remedy; None if it lacks nothing."""
        if self._failure:
            return self._failure
        try:
            network_of(self.session)
            dataset_of(self.session)
        except NothingToShow as missing:
            return str(missing)
        return None

    @property
    def knobs(self) -> tuple[Knob, ...]:
        if self.missing:
            return ()
        layer = Knob("layer", "choice", self._layer, tuple(self.layers), label="layer")
        told = {"label": ("Stop", "Start"), "tooltip": "Stop or start the layout of the map"}
        return layer, Knob("live", "switch", True, **told)

    @property
    def live(self) -> bool:
        """Whether it is being laid out, or will be as soon as the training rests; may be set."""
        return not self.missing and self.moving and not self.settled

    @live.setter
    def live(self, on: bool) -> None:
        (self.start if on else self.stop)()

    def start(self) -> None:
        """Let `advance` move the map (it does from the beginning)."""
        if self.settled:
            self._iterations = 0
        self.moving = True
        self._version += 1

    def stop(self) -> None:
        """Leave the map as it is; it does not follow the training either."""
        self.moving = False
        self._version += 1

    def advance(self) -> float | None:
        """One short piece of work: take new activations, or one iteration. Not to be called while training.

        Returns the seconds after which to call again, or None if there is nothing to do.
        """
        if self.missing or not self.moving:
            return None
        if self.session.running:
            return 0.2
        with self._turn:
            subject = self._subject()
            if subject != self._laid_out:
                if self._seen[0] != subject:
                    self._seen = (subject, self.clock())
                # Somebody who steps quickly should not wait for a map of every step in between.
                left = self._seen[1] + self.patience - self.clock()
                if self._picture is None or self._picture.layer != self._layer:
                    return self._guarded(self._begin)
                if left > 0:
                    return left
                return self._guarded(lambda: self._follow(subject))
            if self._at_rest():
                return None
            return self._guarded(self._iterate)

    def _guarded(self, work: Callable[[], None]) -> float | None:
        try:
            work()
        except ImportError:
            self._failure = "The map needs openTSNE.\nInstall it with pip install 'cortex-lab[embed]'."
        except Exception as error:
            # Said in the map's own panel; the training and the other panels go on.
            self._failure = f"The map failed: {type(error).__name__}: {error}"
        else:
            return 0.0
        self._version += 1
        return None

    def _iterate(self) -> None:
        assert self.layout is not None
        self.layout.step()
        self._iterations += 1
        self._take_picture()

    def _at_rest(self) -> bool:
        if self.layout is None or self._iterations >= MOST_ITERATIONS:
            return True
        # NaN while the early exaggeration lasts, and NaN is not below anything; and moves begin small.
        return self._iterations >= 50 and self.layout.trace["moved"][-1] < STILL

    def _subject(self) -> Hashable:
        return self._layer, standing(self.session, exact=not self.session.running)

    def _activations(self) -> tuple[int, np.ndarray]:
        """The step they are of, and the layer's outputs, a line per row."""
        layer, inputs, network = self._layer, self._inputs, network_of(self.session)

        def look() -> tuple[int, np.ndarray]:
            return self.session.step_number, network.activations(inputs, [layer])[layer]

        step, found = self.session.between_steps(look).result()
        return step, found.reshape(len(found), -1)

    def _begin(self) -> None:
        """The principal components, at once: importing openTSNE takes seconds the first time."""
        layer, (step, features) = self._layer or "", self._activations()
        positions = first_picture(features)
        self.layout = None
        self._picture = Map(layer, step, 0, positions, self._rows, self._labels, self._classes)
        self._version += 1

    def _follow(self, subject: Hashable) -> None:
        """Lay out the activations as they are now, from where the points are."""
        assert self._picture is not None
        step, features = self._activations()
        if self.layout is None:
            from cortex_lab.embed import TSNE

            perplexity = min(self._perplexity, (len(features) - 1) / 3)
            self.layout = Session(
                TSNE(features, perplexity=perplexity, seed=self._seed), snapshot_budget=2**24
            )
        else:
            self.layout.edit("features", features)
        self._laid_out = subject
        self._iterations = 0
        self._picture = replace(self._picture, step=step)
        self._take_picture()

    def _take_picture(self) -> None:
        assert self.layout is not None and self._picture is not None
        positions = np.array(self.layout.buffers["embedding"], dtype=np.float32)
        self._picture = replace(self._picture, positions=positions, iteration=self.layout.step_number)
        self._version += 1

    def _read_rows(self, most: int) -> None:
        part = held_out(dataset_of(self.session))
        rows = np.asarray(part.rows)
        if len(rows) > most:
            rows = rows[np.linspace(0, len(rows) - 1, most).astype(np.int64)]
        self._inputs, targets = part.select(rows).arrays()
        self._rows = rows
        self._classes = tuple(str(name) for name in part.classes or ())
        known = targets if self._classes else None
        self._labels = np.zeros(len(rows), np.int64) if known is None else known.astype(np.int64)

    # Drawing ----------------------------------------------------------------------------------------

    def state(self, exact: bool) -> Hashable:
        return self._version, self.pinned, self._told(), self._picture is None

    def collect(self, exact: bool) -> Map:
        if self.missing:
            raise NothingToShow(self.missing)
        if self._picture is None:
            raise NothingToShow("The first picture of the map is on its way.")
        return replace(self._picture, pinned=self.pinned, told=self._told())

    def look(self) -> Map:
        if self._picture is None and not self.missing:
            with self._turn:
                self._guarded(self._begin)
        return self.collect(exact=True)

    def _told(self) -> str:
        if not self.moving:
            return "stopped"
        if self.session.running:
            return "waits for the training to pause"
        return "settled" if self.settled else ""

    def chart(self, data: Map) -> Chart:
        x, y = data.positions.T
        keys = {"keys": data.rows, "key_name": "row", "chosen": data.pinned, "pins": True}
        points = Scatter(x, y, data.labels, data.classes, **keys)
        summary = f"Map of {len(data.rows)} rows by {data.layer}: {data.caption}"
        told = {"caption": data.caption, "subject": data.layer, "summary": summary, "step": data.step}
        return Chart((Plot((points,)),), **told)

    def table(self, data: Map) -> pd.DataFrame:
        index = pd.Index(data.rows, name="row")
        frame = pd.DataFrame({"x": data.positions[:, 0], "y": data.positions[:, 1]}, index=index)
        if data.classes:
            frame["label"] = np.array(data.classes, dtype=object)[data.labels]
        return frame


def first_picture(features: np.ndarray) -> np.ndarray:
    """The two principal components of rows (n, features), as (n, 2): where t-SNE then starts from.

    By subspace iteration, accurate enough for a picture and fast for any number of features.
    """
    centered = features - features.mean(axis=0)
    basis = np.random.default_rng(0).normal(size=(len(centered), 6)).astype(centered.dtype)
    for _ in range(12):
        basis, _ = np.linalg.qr(centered @ (centered.T @ basis))
    left, sizes, axes = np.linalg.svd(basis.T @ centered, full_matrices=False)
    positions = np.zeros((len(centered), 2), np.float32)
    for k in range(min(2, len(sizes))):
        # The sign by the largest loading, as scikit-learn and so openTSNE choose it.
        sign = np.sign(axes[k, np.abs(axes[k]).argmax()]) or 1.0
        positions[:, k] = (basis @ left[:, k]) * sizes[k] * sign
    return positions
