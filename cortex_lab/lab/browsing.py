"""What `dataset.browse()` does."""

from __future__ import annotations

from typing import Any

from cortex_lab.data import Dataset


def browse(dataset: Dataset, layout: object = None) -> Any:
    """The live browser of a dataset, displayed; see `cortex_lab.widgets.DatasetBrowser`."""
    try:
        from cortex_lab.widgets import DatasetBrowser
    except ImportError as missing:
        raise ImportError("browsing needs Jupyter widgets: pip install 'cortex-lab[lab]'") from missing
    return DatasetBrowser(dataset, layout=layout).show()
