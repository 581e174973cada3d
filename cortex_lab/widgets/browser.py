"""A dataset on a bench of its own: rows, classes and columns, with nothing to train."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from cortex_lab.data import Dataset
from cortex_lab.ground import checks
from cortex_lab.study import Session
from cortex_lab.widgets.bench import Bench
from cortex_lab.widgets.chart.view import View
from cortex_lab.widgets.layouts import Layout
from cortex_lab.widgets.opening import views_of

NO_STEPS = "a dataset takes no steps; cl.train(network, dataset) returns a session that does"


class Still:
    """A process that stays as it is, for what is only looked at."""

    step_number = 0
    phases = ("look",)
    keys = ()
    probes = ()

    def __init__(self) -> None:
        self.buffers: dict[str, Any] = {}

    def walk(self) -> Iterator[str]:
        raise TypeError(NO_STEPS)

    def measure(self, key: str) -> Any:
        raise KeyError(f"there is no {key!r} of a dataset")

    def snapshot(self) -> dict[str, Any]:
        return {}

    def restore(self, snapshot: Mapping[str, Any]) -> None: ...

    def edit(self, name: str, value: object) -> None:
        raise KeyError(f"there is no {name!r} of a dataset to edit")


class Shelf(Session):
    """A Session without steps, that has a dataset."""

    dataset: Dataset

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset
        super().__init__(Still())


class DatasetBrowser(Bench):
    """Rows of a dataset, as pictures or as a table, the balance of its classes, and its columns.

    What `dataset.browse()` shows. As on a bench, rows selected stand out everywhere, and panels can be
    closed, opened, enlarged, put in order and saved: `selection`, `layout`, `enlarged`, `views`, by name.

    Parameters
    ----------
    layout
        Which panels are open, in order: names among "dataset_rows", "class_balance" and
        "column_histograms". None opens all.

    Raises TypeError for what is no Dataset, KeyError for a panel that does not exist, ImportError without
    ipywidgets and anywidget.
    """

    def __init__(self, dataset: Dataset, layout: Layout = None, interval: float = 0.1) -> None:
        checks.instance("dataset", dataset, Dataset, "a Dataset such as cl.data.load('digits') returns")
        self.dataset = dataset
        super().__init__(Shelf(dataset), map=False, interval=interval, layout=layout)

    @property
    def status(self) -> str:
        """The dataset in a few words."""
        return f"{self.dataset.name}: {len(self.dataset):,} rows"

    def _views_of(self, chosen: Mapping[str, Any], without: set[str]) -> dict[str, View[Any]]:
        found = views_of(self.session, {}, without)
        browsing = {name: view for name, view in found.items() if not view.opened}
        for view in browsing.values():
            view.opened = True
        return browsing

    def _assemble(self, *made: Any) -> None:
        super()._assemble(*made)
        self.controls.box.add_class("cortex-browser")

    def __repr__(self) -> str:
        return f"<DatasetBrowser {'closed' if self.closed else f'of {self.status}'}>"
