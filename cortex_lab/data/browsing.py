"""Looking at a Dataset in a notebook, without a network."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import Any

import numpy as np

from cortex_lab.data import views
from cortex_lab.ground import checks
from cortex_lab.ground.doors import through


class Browsable:
    """Base of `Dataset`: it can be browsed, and has views that stay in a saved notebook."""

    augmented: Callable[..., Any]
    _inputs: Any

    def browse(self, layout: object = None) -> Any:
        """Its rows (as pictures, if they are), how its classes balance and its columns, live in a notebook.

        `layout` lists the panels that are open, in order; see `cortex_lab.widgets.DatasetBrowser`.
        ImportError without ipywidgets and anywidget.
        """
        return through("browse")(self, layout)

    def overview(self, report: bool = True) -> views.Overview:
        """Every column: kind, gaps, different values, range, spread; see `cortex_lab.data.overview`."""
        return views.overview(self, report)

    def class_balance(self, column: Hashable | None = None) -> views.StaticView:
        """Rows of each class, and in each part; see `cortex_lab.data.class_balance`."""
        return views.class_balance(self, column)

    def image_grid(
        self,
        by: Hashable | None = None,
        column: Hashable | None = None,
        each: int = 8,
        seed: int = 0,
        size: int = 64,
    ) -> views.StaticView:
        """Some pictures of each class; see `cortex_lab.data.image_grid`."""
        return views.image_grid(self, by, column, each, seed, size)

    def versions(
        self, row: int, epochs: int | Iterable[int] = 8, seed: int = 0, input: str | None = None
    ) -> views.Versions:
        """A row as augmentation makes it in several epochs, beside the one given: exact pixels.

        `epochs` is how many from the first on, or which; `seed` that of the training; `input` names one of
        several that are augmented. A session's own are `session.versions(row)`.
        """
        pictures = {epoch: self.augmented(row, epoch, seed) for epoch in views.epochs_of(epochs)}
        first = next(iter(pictures.values()))
        names = list(first) if isinstance(first, dict) else []
        name = names[0] if names and input is None else input
        if names:
            name = checks.choice("input", name, names)
            pictures = {epoch: each[name] for epoch, each in pictures.items()}
        own = name if name in self._inputs else next(iter(self._inputs))
        given = self._inputs[own].take(np.array([row]), pictures=len(self._inputs[own].shape) > 1)[0]
        return views.versions(pictures, f"row {row}", given)

    def near_duplicates(self, columns: Any = None, most: int = 20, rows: int = 5000) -> views.StaticView:
        """Pairs of rows that are nearly the same; see `cortex_lab.data.near_duplicates`."""
        return views.near_duplicates(self, columns, most, rows)

    def farthest(self, columns: Any = None, most: int = 20, rows: int = 5000) -> views.StaticView:
        """Rows that are like no other; see `cortex_lab.data.farthest`."""
        return views.farthest(self, columns, most, rows)

    def drift(self, other: Any = None, *, between: Any = None) -> views.StaticView:
        """How far the columns of its parts are from being drawn alike; see `cortex_lab.data.drift`."""
        return views.drift(self, other, between=between)

    def batch_times(self, batch_size: int = 128, steps: int = 30, seed: int = 0) -> views.StaticView:
        """Where the time of its batches goes; see `cortex_lab.data.views.batch_times`."""
        return views.batch_times(self, batch_size, steps, seed)
