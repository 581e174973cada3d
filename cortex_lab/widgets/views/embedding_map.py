"""A t-SNE map of a layer's activations, laid out while one watches."""

from __future__ import annotations

import copy
import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import replace

import numpy as np
import pandas as pd

from cortex_lab.embed import PCA, AlignedMap, AlignedTSNE
from cortex_lab.ground import checks, forks
from cortex_lab.study import Session
from cortex_lab.widgets.chart.knob import Knob
from cortex_lab.widgets.chart.mapped_rows import LOSS, MOST_ROWS, Looked, Map, MappedRows, layers_to_map
from cortex_lab.widgets.chart.marks import Chart
from cortex_lab.widgets.chart.moments import Moments
from cortex_lab.widgets.chart.row_map import chart_of_map
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
HELD = 0.003
"""How strongly points whose activations stay are held to their places."""
MOST_KEPT = 60
"""Maps of earlier steps that are kept, of a few kilobytes each; of more, every second is dropped."""
LONGEST_LAYOUT = 3000
"""Iterations after which the layout begins anew from where it is, as what it records grows."""


class EmbeddingMap(OfOneLayer, View[Map]):
    """Held-out rows placed by t-SNE of what a layer makes of them, colored by label or by target.

    It is an `AlignedTSNE` under a Session of its own (`layout`), which `advance` moves on by one iteration.
    When the training has moved on, the map takes the new activations and goes on from where it is, and
    points whose activations stay are held to their places; while the training runs, every `BETWEEN_LOOKS`
    iterations. After a failure it tries again as soon as the training is elsewhere. Wrong answers are
    outlined. Where the bench marks a step, the map is the last one that was laid out up to then; of a row
    that is pinned, its way through the maps is drawn. Up to 60 maps are kept, to be looked back at.

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
        self._turn = forks.freed(threading.Lock())
        self._looked = Looked()
        self._mapped = MappedRows()
        self._kept = Moments[Map](MOST_KEPT)
        self._of: EmbeddingMap | None = None
        self.layers, self._layer = layers_to_map(session)
        if has_rows(session):
            self._mapped = MappedRows.of(session, rows)
            self.title = f"Map of the {self._mapped.part}"
        self._color = self.colors[0]
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
        color = Knob("color", "choice", self._color, self.colors, label="color")
        told = {"label": ("Stop", "Start"), "tooltip": "Stop or start the layout of the map"}
        return layer, color, Knob("live", "switch", True, **told)

    @property
    def colors(self) -> tuple[str, ...]:
        """What points may be colored by."""
        return self._mapped.colors

    @property
    def color(self) -> str:
        """What points are colored by."""
        return self._color

    @color.setter
    def color(self, name: str) -> None:
        self._color = checks.choice("color", name, self.colors)
        if self._color == LOSS and self._of is None:
            with self._turn:
                self._ask_losses()
        self._version += 1

    def _ask_losses(self) -> None:
        """The losses of the rows, if the network still is as it is mapped."""
        if self._picture is not None and self._color == LOSS:
            step, losses = self._mapped.losses(self.session)
            found = losses if step == self._picture.step else None
            self._picture = replace(self._picture, losses=found)

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
            # Without the number of the look that failed, which nobody knows.
            error = error.__cause__ if isinstance(error.__cause__, ValueError) else error
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

    def _begin(self) -> None:
        """The principal components, at once: importing openTSNE takes seconds the first time."""
        layer = self._layer or ""
        step, features, predicted = self._mapped.look(self.session, layer)
        self.layout = None
        positions = PCA(features).positions
        self._show(Map(layer, step, 0, positions, self._mapped.rows, features, predicted))
        self._ask_losses()

    def _follow(self, subject: Hashable) -> None:
        """Lay out the activations as they are now, from where the points are."""
        assert self._picture is not None
        step, features, predicted = self._mapped.look(self.session, self._layer or "")
        if self.layout is None or self.layout.step_number >= LONGEST_LAYOUT:
            perplexity = max(1.0, min(self._perplexity, (len(features) - 1) / 3))
            initial = None if self.layout is None else self._picture.positions
            options = {"perplexity": perplexity, "seed": self._seed, "iterations": BETWEEN_LOOKS}
            options |= {"afresh": 0, "coherence": HELD}
            self._looked = Looked()
            first = self._looked.add(self._mapped.rows, features, step)
            layout = AlignedTSNE(self._looked, [first], initial=initial, **options)  # type: ignore[arg-type]
            # Nobody rewinds it, and snapshots would hold the features of every look.
            self.layout = Session(layout, snapshot_budget=0)
        else:
            self.layout.edit("now", self._looked.add(self._mapped.rows, features, step))
        self._laid_out = subject
        self._iterations = 0
        found = {"step": step, "features": features, "predicted": predicted, "losses": None}
        self._picture = replace(self._picture, **found)
        self._ask_losses()
        self._take_picture()

    def _take_picture(self) -> None:
        assert self.layout is not None and self._picture is not None
        aligned: AlignedMap = self.layout.process.now  # type: ignore[attr-defined]
        found = {"positions": aligned.positions, "aligned": aligned, "iteration": self.layout.step_number}
        self._show(replace(self._picture, **found))

    def _show(self, picture: Map) -> None:
        self._picture = picture
        # Without what was laid out: of a wide layer, that of all steps would not fit into memory.
        self._kept.keep(picture.layer, picture.step, replace(picture, features=None))
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
            return id(self._then()), self._of.pinned, self._of.color
        return self._version, self.pinned, self.moment, self._told(), self._picture is None

    def collect(self, exact: bool) -> Map:
        if self._of is not None:
            if (found := self._then()) is None:
                raise NothingToShow("No map has been laid out yet.")
            return replace(found, pinned=self._of.pinned)
        if self.missing:
            raise NothingToShow(self.missing)
        if self._picture is None:
            raise NothingToShow("The first picture of the map is on its way.")
        found = replace(self._picture, pinned=self.pinned, told=self._told())
        done: tuple[AlignedMap, ...] = () if self.layout is None else self.layout.process.done  # type: ignore[attr-defined]
        steps = self._looked.steps
        if self.pinned in self._mapped.rows and done and found.aligned is not None:
            at = int(np.flatnonzero(self._mapped.rows == self.pinned)[0])
            way = [*done, found.aligned]
            places = np.stack([each.positions[at] for each in way])
            found = replace(found, trail=(places, np.array([steps[each.moment] for each in way], float)))
        if self.moment is None or self.moment >= found.step:
            return found
        earlier = [each for each in done if steps[each.moment] <= self.moment]
        if not earlier:
            return found
        then = earlier[-1]
        told = "the step marked" if steps[then.moment] == self.moment else "the last before the step marked"
        of_then = {"step": steps[then.moment], "features": self._looked.of(then.moment)}
        of_then |= {"predicted": None, "losses": None, "told": told}
        return replace(found, positions=then.positions, aligned=then, **of_then)  # type: ignore[arg-type]

    def prepare(self, collected: Map) -> Map:
        colors = self._mapped.colors_of(collected, (self._of or self)._color)
        return replace(collected, colors=colors, wrong=self._mapped.wrong(collected))

    def look(self) -> Map:
        if self._picture is None and not self.missing:
            with self._turn:
                self._guarded(self._begin)
        return self.prepare(self.collect(exact=True))

    def _told(self) -> str:
        if not self.moving:
            return "stopped"
        return "settled" if self.settled and not self.session.running else ""

    def chart(self, data: Map) -> Chart:
        summary = f"Map of {len(data.rows)} rows by {data.layer}: {data.caption}"
        told = {"caption": data.caption, "subject": data.layer, "summary": summary, "step": data.step}
        about = {"wrong": data.wrong, "chosen": data.pinned, "trail": data.trail}
        return chart_of_map(data.positions, data.rows, data.colors, **about, **told)

    def table(self, data: Map) -> pd.DataFrame:
        return self._mapped.table(data)
