"""A t-SNE map of a layer's activations, laid out while one watches."""

from __future__ import annotations

import copy
import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from cortex_lab.ground import checks, forks
from cortex_lab.study import Session
from cortex_lab.widgets.chart.knob import Knob
from cortex_lab.widgets.chart.mapped import MOST_ROWS, Mapped, activations_of, layers_to_map, rows_to_map
from cortex_lab.widgets.chart.marks import Chart, Plot
from cortex_lab.widgets.chart.moments import Moments
from cortex_lab.widgets.chart.rows import has_rows, rows_of
from cortex_lab.widgets.chart.standing import standing
from cortex_lab.widgets.chart.subjects import OfOneLayer, network_of
from cortex_lab.widgets.chart.view import NothingToShow, View

MOST_ITERATIONS = 1000
STILL = 1e-3
"""The mean move of an iteration, as a share of the map's radius, below which the map counts as settled."""
BETWEEN_LOOKS = 20
"""Iterations at least between two looks at the activations of a training that runs."""
AFTER_A_FAILURE = 1.0
"""Seconds at least before the map is tried again, once the training has moved on."""
MOST_KEPT = 60
"""Maps of earlier steps that are kept, of a few kilobytes each; of more, every second is dropped."""
LONGEST_LAYOUT = 3000
"""Iterations after which the layout begins anew from where it is, as what it records grows."""


@dataclass(frozen=True)
class Map:
    """Positions (n, 2) of rows as laid out from the activations of `layer` at `step`."""

    layer: str
    step: int
    iteration: int
    positions: np.ndarray
    mapped: Mapped
    told: str = ""
    pinned: int | None = None

    @property
    def caption(self) -> str:
        stage = f"t-SNE iteration {self.iteration:,}" if self.iteration else "first picture: PCA"
        said = f"activations of step {self.step:,}, {stage}" + (f", {self.told}" if self.told else "")
        return said + self.mapped.colored


class EmbeddingMap(OfOneLayer, View[Map]):
    """Held-out rows placed by t-SNE of what a layer makes of them, colored by label or by target.

    It is a Process of its own under a Session of its own (`layout`), which `advance` moves on by one
    iteration. When the training has moved on, the map takes the new activations and goes on from where it
    is; while the training runs, every `BETWEEN_LOOKS` iterations. After a failure it tries again as soon as
    the training is elsewhere. Of the steps that were laid out, up to 60 maps are kept, to be looked back at.

    Parameters
    ----------
    layer
        Whose activations; None takes the last one before the output.
    rows
        How many held-out rows at most, spread evenly.
    """

    title = "Map"
    any_time = True
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
        self._failed: tuple[Hashable, float] = (None, 0.0)
        self._lacks_package = False
        self._picture: Map | None = None
        self._laid_out: Hashable = None
        self._seen: tuple[Hashable, float] = (None, 0.0)
        self._iterations = 0
        self._version = 0
        self._kept = Moments[Map](MOST_KEPT)
        self._of: EmbeddingMap | None = None
        self._turn = forks.freed(threading.Lock())
        self.layers, self._layer = layers_to_map(session)
        self._mapped = Mapped()
        if has_rows(session):
            self._mapped = rows_to_map(session, rows)
            self.title = f"Map of the {self._mapped.part}"
        if layer is not None:
            self.layer = layer

    @property
    def settled(self) -> bool:
        """Whether the map shows the present state of the training and has stopped moving."""
        return self._laid_out == self._subject() and self._at_rest()

    @property
    def missing(self) -> str | None:
        """What the map lacks, and the remedy; None if it lacks nothing."""
        return self._failure or self._lacking()

    def _lacking(self) -> str | None:
        """What is not there to be mapped, whatever the training does."""
        try:
            network_of(self.session)
            rows_of(self.session)
        except NothingToShow as missing:
            return str(missing)
        return None

    @property
    def knobs(self) -> tuple[Knob, ...]:
        if self._lacking() or self._layer is None:
            return ()
        layer = Knob("layer", "choice", self._layer, tuple(self.layers), label="layer")
        told = {"label": ("Stop", "Start"), "tooltip": "Stop or start the layout of the map"}
        return layer, Knob("live", "switch", True, **told)

    @property
    def live(self) -> bool:
        """Whether it is being laid out, or will be; may be set."""
        return not self.missing and self.moving and not self.settled

    @live.setter
    def live(self, on: bool) -> None:
        (self.start if on else self.stop)()

    def start(self) -> None:
        """Let `advance` move the map (it does from the beginning)."""
        self._failure = None
        if self.settled:
            self._iterations = 0
        self.moving = True
        self._version += 1

    def stop(self) -> None:
        """Leave the map as it is; it does not follow the training either."""
        self.moving = False
        self._version += 1

    def advance(self) -> float | None:
        """One short piece of work: take new activations, or one iteration.

        Returns the seconds after which to call again, or None if there is nothing to do.
        """
        if not self.moving or self._lacks_package or self._layer is None or not len(self._mapped.rows):
            return None
        with self._turn:
            subject, running = self._subject(), self.session.running
            if self._failure is not None:
                failed_with, failed_at = self._failed
                if subject == failed_with:
                    return 0.2 if running else None
                if (left := failed_at + AFTER_A_FAILURE - self.clock()) > 0:
                    return left
            if self._picture is None or self._picture.layer != self._layer:
                return self._guarded(self._begin)
            if subject != self._laid_out:
                if running and self.layout is not None and self._iterations < BETWEEN_LOOKS:
                    return self._guarded(self._iterate)
                if self._seen[0] != subject:
                    self._seen = (subject, self.clock())
                # Somebody who steps quickly should not wait for a map of every step in between.
                left = self._seen[1] + self.patience - self.clock()
                if left > 0 and not running:
                    return left
                return self._guarded(lambda: self._follow(subject))
            if self._at_rest():
                return 0.2 if running else None
            return self._guarded(self._iterate)

    def _guarded(self, work: Callable[[], None]) -> float | None:
        subject = self._subject()
        try:
            work()
        except ImportError:
            self._lacks_package = True
            self._failure = "The map needs openTSNE.\nInstall it with pip install 'cortex-lab[embed]'."
        except Exception as error:
            # Said in the map's own panel; the training and the other panels go on. It begins anew elsewhere.
            self._failure = f"The map failed: {type(error).__name__}: {error}"
            self._failed, self.layout, self._laid_out = (subject, self.clock()), None, None
        else:
            self._failure = None
            return 0.0
        self._version += 1
        return 0.2 if self.session.running else None

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
        return activations_of(self.session, self._layer, self._mapped.inputs)

    def _begin(self) -> None:
        """The principal components, at once: importing openTSNE takes seconds the first time."""
        layer, (step, features) = self._layer or "", self._activations()
        positions = first_picture(features)
        self.layout = None
        self._show(Map(layer, step, 0, positions, self._mapped))

    def _follow(self, subject: Hashable) -> None:
        """Lay out the activations as they are now, from where the points are."""
        assert self._picture is not None
        step, features = self._activations()
        if self.layout is None or self.layout.step_number >= LONGEST_LAYOUT:
            from cortex_lab.embed import TSNE

            perplexity = min(self._perplexity, (len(features) - 1) / 3)
            initial = None if self.layout is None else self._picture.positions
            layout = TSNE(features, perplexity=perplexity, seed=self._seed, initial=initial)
            self.layout = Session(layout, snapshot_budget=2**24)
        else:
            self.layout.edit("features", features)
        self._laid_out = subject
        self._iterations = 0
        self._picture = replace(self._picture, step=step)
        self._take_picture()

    def _take_picture(self) -> None:
        assert self.layout is not None and self._picture is not None
        positions = np.array(self.layout.buffers["embedding"], dtype=np.float32)
        self._show(replace(self._picture, positions=positions, iteration=self.layout.step_number))

    def _show(self, picture: Map) -> None:
        self._picture = picture
        self._kept.keep(picture.layer, picture.step, picture)
        self._version += 1

    def twin(self, session: Session) -> EmbeddingMap:
        """The maps that were laid out, each as it was left at its step: the last at the step of `session`."""
        other = copy.copy(self)
        other.session, other._of = session, self
        return other

    def _then(self) -> Map | None:
        return self._kept.at(self._of._layer, self.session.step_number) if self._of else None

    # Drawing ----------------------------------------------------------------------------------------

    def state(self, exact: bool) -> Hashable:
        if self._of is not None:
            return id(self._then()), self.pinned
        return self._version, self.pinned, self._told(), self._picture is None

    def collect(self, exact: bool) -> Map:
        if self._of is not None:
            if (found := self._then()) is None:
                raise NothingToShow("No map has been laid out yet.")
            return replace(found, pinned=self._of.pinned)
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
        return "settled" if self.settled and not self.session.running else ""

    def chart(self, data: Map) -> Chart:
        points = data.mapped.points(data.positions, data.pinned)
        summary = f"Map of {len(data.mapped.rows)} rows by {data.layer}: {data.caption}"
        told = {"caption": data.caption, "subject": data.layer, "summary": summary, "step": data.step}
        return Chart((Plot((points,)),), **told)

    def table(self, data: Map) -> pd.DataFrame:
        return data.mapped.table({"x": data.positions[:, 0], "y": data.positions[:, 1]})


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
