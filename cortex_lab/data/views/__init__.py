"""Pictures of data, as HTML that needs no script and stays in a saved notebook; each has its numbers.

| function          | what it shows                                                               |
|-------------------|-----------------------------------------------------------------------------|
| `overview`        | every column: kind, gaps, range, spread; below it skrub's TableReport       |
| `class_balance`   | rows of each class, by part                                                 |
| `image_grid`      | some pictures of each class                                                 |
| `versions`        | what augmentation makes of one sample, epoch by epoch                       |
| `near_duplicates` | pairs of rows that are nearly the same                                      |
| `farthest`        | rows that are like no other                                                 |
| `drift`           | how far the columns of two parts are from being drawn alike                 |
| `batch_times`     | where the time of a batch goes                                              |

Each gives a `StaticView`: `frame()` are its numbers, `html()` is a page, `save(path)` writes it.
"""

from cortex_lab.data.views.alike import farthest, near_duplicates
from cortex_lab.data.views.balance import class_balance
from cortex_lab.data.views.drift import drift
from cortex_lab.data.views.grid import Versions, epochs_of, image_grid, versions
from cortex_lab.data.views.overview import Overview, overview
from cortex_lab.data.views.page import StaticView
from cortex_lab.data.views.timing import batch_times, timed

__all__ = [
    "Overview",
    "StaticView",
    "Versions",
    "batch_times",
    "class_balance",
    "drift",
    "epochs_of",
    "farthest",
    "image_grid",
    "near_duplicates",
    "overview",
    "timed",
    "versions",
]
