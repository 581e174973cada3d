"""The lab bench and its views, which need neither a front end nor a bench.

| type              | what it is                                                            |
|-------------------|-----------------------------------------------------------------------|
| `Bench`           | controls and live views of a Session, in a notebook                   |
| `DatasetBrowser`  | rows, classes and columns of a Dataset, without a network             |
| `Views`           | each view of a session alone, by name: `session.views.loss_curve()`   |
| `View`            | base of the views: `.frame()`, `.figure()`, `.html()`, `.png()`       |
| `Knob`            | one setting of a view, as data; a bench makes a control of it         |
| `Chart`, `Plot`   | what a view draws: marks (`chart/marks.py`) on axes or in a box       |
| `LossCurve`       | loss and accuracy over steps                                          |
| `Activations`     | what every layer makes of one pinned row                              |
| `WeightHistogram` | how the parameters of a layer are spread                              |
| `AlsoRecorded`    | what else is recorded: losses of several outputs, probes              |
| `EmbeddingMap`    | t-SNE of a layer's activations of held-out rows, moving as it is made |
| `MapPicture`      | maps that are finished, one or several with a slider through them     |
| `ComponentMap`    | the rows by the principal, or independent, components of a layer      |
| `Findings`        | what a diagnosis found, in words, with remedies to click              |
| `BatchRows`       | the rows of the batch last fetched, the worst first                   |
| `ConfusionMatrix` | what is taken for what; precision, recall and F1 of each class          |
| `PredictedValues` | values against their targets, and how far they are off                |
| `SampleBrowser`   | rows worth a look, with buttons to leave out, reweight and relabel    |
| `LayerMicroscope` | a layer close up, and each of its units: what it sees, what excites it   |
| `LayerTable`      | norms, ratios and dead units of each layer, and what is out of bounds |
| `Distributions`   | weights, updates, gradients, activations of a layer, over the steps   |
| `RecordedCurves`  | all that is recorded, smoothed, with edits marked, beside other runs  |
| `NetworkMap`      | the graph, each node with its shape, scale, dead units                |
| `GraphMap`        | layers not trained yet, up to one that does not fit, which says why   |
| `DecisionRegions` | what is said of each place, where the input is two numbers            |
| `Recurrence`      | gates and state of a recurrent layer by time step, its gradient by lag   |
| `Reliability`     | whether chances can be believed; ROC, precision and recall            |
| `RunComparison`   | two runs side by side, their difference, and that of each layer       |
| `Optimization`    | the loss along the last step and around the path, noise of the gradient  |
| `PathView`        | the paths of descents, on the contours of what they descend           |
| `SearchHistory`   | the trials of a search, and the best so far                           |
| `SearchSlices`    | what they came to over each parameter                                 |
| `ParallelCoordinates` | each trial as a line across its parameters                        |
| `DatasetRows`     | rows of the dataset, as pictures or as a table                        |
| `ClassBalance`    | how many rows each class has                                          |
| `ColumnHistograms`| how the values of each column are spread                              |
"""

from cortex_lab.ground.habits import answers_for
from cortex_lab.widgets.alone import Views
from cortex_lab.widgets.bench import Bench
from cortex_lab.widgets.browser import DatasetBrowser
from cortex_lab.widgets.chart.diagram import Diagram
from cortex_lab.widgets.chart.heat_map import HeatMap
from cortex_lab.widgets.chart.knob import Knob
from cortex_lab.widgets.chart.marks import (
    Axis,
    Bars,
    Cells,
    Chart,
    Contours,
    Line,
    Plot,
    Scatter,
    Sentences,
    Tiles,
    Trail,
)
from cortex_lab.widgets.chart.matrix import Matrix
from cortex_lab.widgets.chart.parallel import Parallel
from cortex_lab.widgets.chart.view import NothingToShow, View
from cortex_lab.widgets.views.activations import Activations
from cortex_lab.widgets.views.also_recorded import AlsoRecorded
from cortex_lab.widgets.views.batch_rows import BatchRows
from cortex_lab.widgets.views.class_balance import ClassBalance
from cortex_lab.widgets.views.column_histograms import ColumnHistograms
from cortex_lab.widgets.views.component_map import ComponentMap
from cortex_lab.widgets.views.confusion_matrix import ConfusionMatrix
from cortex_lab.widgets.views.dataset_rows import DatasetRows
from cortex_lab.widgets.views.decision_regions import DecisionRegions
from cortex_lab.widgets.views.distributions import Distributions
from cortex_lab.widgets.views.embedding_map import EmbeddingMap
from cortex_lab.widgets.views.findings import Findings
from cortex_lab.widgets.views.graph_map import GraphMap
from cortex_lab.widgets.views.layer_microscope import LayerMicroscope
from cortex_lab.widgets.views.layer_table import LayerTable
from cortex_lab.widgets.views.loss_curve import LossCurve
from cortex_lab.widgets.views.map_picture import MapPicture
from cortex_lab.widgets.views.network_map import NetworkMap
from cortex_lab.widgets.views.optimization import Optimization
from cortex_lab.widgets.views.parallel_coordinates import ParallelCoordinates
from cortex_lab.widgets.views.path_view import PathView
from cortex_lab.widgets.views.predicted_values import PredictedValues
from cortex_lab.widgets.views.recorded_curves import RecordedCurves
from cortex_lab.widgets.views.recurrence import Recurrence
from cortex_lab.widgets.views.reliability import Reliability
from cortex_lab.widgets.views.run_comparison import RunComparison
from cortex_lab.widgets.views.sample_browser import SampleBrowser
from cortex_lab.widgets.views.search_history import SearchHistory
from cortex_lab.widgets.views.search_slices import SearchSlices
from cortex_lab.widgets.views.weight_histogram import WeightHistogram

__all__ = [
    "Activations",
    "AlsoRecorded",
    "Axis",
    "Bars",
    "BatchRows",
    "Bench",
    "Cells",
    "Chart",
    "ClassBalance",
    "ColumnHistograms",
    "ComponentMap",
    "ConfusionMatrix",
    "Contours",
    "DatasetBrowser",
    "DatasetRows",
    "DecisionRegions",
    "Diagram",
    "Distributions",
    "EmbeddingMap",
    "Findings",
    "GraphMap",
    "HeatMap",
    "Knob",
    "LayerMicroscope",
    "LayerTable",
    "Line",
    "LossCurve",
    "MapPicture",
    "Matrix",
    "NetworkMap",
    "NothingToShow",
    "Optimization",
    "Parallel",
    "ParallelCoordinates",
    "PathView",
    "Plot",
    "PredictedValues",
    "RecordedCurves",
    "Recurrence",
    "Reliability",
    "RunComparison",
    "SampleBrowser",
    "Scatter",
    "SearchHistory",
    "SearchSlices",
    "Sentences",
    "Tiles",
    "Trail",
    "View",
    "Views",
    "WeightHistogram",
]

__getattr__ = answers_for(__name__)
