"""Looking at a Dataset in a notebook, without a network."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from cortex_lab.data import views
from cortex_lab.ground.doors import through


class Browsable:
    """Base of `Dataset`: it can be browsed, and has views that stay in a saved notebook."""

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
