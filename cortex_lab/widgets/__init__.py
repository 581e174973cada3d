"""The lab bench and its views, which need neither a front end nor a bench.

| type              | what it is                                                            |
|-------------------|-----------------------------------------------------------------------|
| `Bench`           | controls and live views of a Session, in a notebook                   |
| `View`            | base of the views: `.frame()`, `.figure()`, `.html()`, `.png()`       |
| `Knob`            | one setting of a view, as data; a bench makes a control of it         |
| `Chart`, `Plot`   | what a view draws: marks (`chart/marks.py`) on axes or in a box       |
| `LossCurve`       | loss and accuracy over steps                                          |
| `Activations`     | what every layer makes of one pinned row                              |
| `WeightHistogram` | how the parameters of a layer are spread                              |
| `EmbeddingMap`    | t-SNE of a layer's activations of held-out rows, moving as it is made |
| `PathView`        | the paths of descents, on the contours of what they descend           |
"""

from cortex_lab.ground.habits import answers_for
from cortex_lab.widgets.bench import Bench
from cortex_lab.widgets.chart.knob import Knob
from cortex_lab.widgets.chart.marks import (
    Axis,
    Bars,
    Cells,
    Chart,
    Contours,
    Diagram,
    Line,
    Plot,
    Scatter,
    Tiles,
    Trail,
)
from cortex_lab.widgets.chart.view import NothingToShow, View
from cortex_lab.widgets.views.activations import Activations
from cortex_lab.widgets.views.embedding_map import EmbeddingMap
from cortex_lab.widgets.views.loss_curve import LossCurve
from cortex_lab.widgets.views.path_view import PathView
from cortex_lab.widgets.views.weight_histogram import WeightHistogram

__all__ = [
    "Activations",
    "Axis",
    "Bars",
    "Bench",
    "Cells",
    "Chart",
    "Contours",
    "Diagram",
    "EmbeddingMap",
    "Knob",
    "Line",
    "LossCurve",
    "NothingToShow",
    "PathView",
    "Plot",
    "Scatter",
    "Tiles",
    "Trail",
    "View",
    "WeightHistogram",
]

__getattr__ = answers_for(__name__)
