"""Looking at a Dataset in a notebook, without a network."""

from __future__ import annotations

from typing import Any

from cortex_lab.ground.doors import through


class Browsable:
    """Base of `Dataset`: it can be browsed."""

    def browse(self, layout: object = None) -> Any:
        """Its rows (as pictures, if they are), how its classes balance and its columns, live in a notebook.

        `layout` lists the panels that are open, in order; see `cortex_lab.widgets.DatasetBrowser`.
        ImportError without ipywidgets and anywidget.
        """
        return through("browse")(self, layout)
