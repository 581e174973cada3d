"""Calls to be tried with junk beside those of a training: models, studies, views and the bench."""

from __future__ import annotations

import inspect
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

import cortex_lab as cl
from cortex_lab.data._pictures import png

Given = tuple[str, Callable[..., Any], dict[str, Any]]


COUNTS = "2**31|2**32"
TAKEN: list[tuple[str, str, str, str]] = [
    ("models.*", "classes units growth input_shape", COUNTS, "any count; a network asks for its memory"),
    ("models.*", "dropout noise", "0|1.5|2**31|2**32|2**63|2**64", "a rate; a standard deviation"),
    ("models.*", "output_activation activation k batch_normalization", "None|True", "none; a switch"),
    ("optimize.log optimize.profile optimize.scipy_path", "start", "None|mask",
     "where the function proposes; bools are 0 and 1"),
    ("study.History", "budget interval", "0|2**31|2**32", "bytes; steps"),
    ("optimize.weight_landscape", "value name", "lambda|text", "a function; a name"),
    ("optimize.*landscape", "margin bounds", "None|0|1.5", "none; a share of what is shown"),
    ("Bench WeightHistogram EmbeddingMap Activations ComponentMap LayerMicroscope Recurrence",
     "layer map_layer pinned node unit", "None|0", "the view's own choice; row 0"),
    ("Recurrence", "pinned", "2**31|2**32", "nobody looks without a recurrent layer"),
    ("study.Past", "expect", "[]", "nothing"),
    ("ComponentMap", "rows", "2**31|2**32", "at most so many"),
    ("Optimization", "budget", "1.5|2**31|2**32|2**63|2**64", "multiply-adds"),
    ("Bench Bench.wait", "map interval timeout", "True|1.5|2**31|2**32|2**63|2**64", "a switch; seconds"),
    ("Bench", "speed", "None|1.5|2**31|2**32|2**63|2**64", "as fast as it goes; steps a second"),
    ("Bench", "layout", "None|[]", "those open at first; none"),
    ("ConfusionMatrix PredictedValues SampleBrowser DecisionRegions Reliability Distributions", "part node",
     "None", "the view's own choice"),
    ("RecordedCurves", "over", "None|{}", "no other runs"),
    ("RunComparison", "other", "None", "two of the branches that were made"),
    ("EmbeddingMap", "rows perplexity", "1.5|2**31|2**32|2**63|2**64", "at most so many; any finite number"),
    ("Bench.step Bench.rewind Bench.step_to Bench.ask", "n step phase request",
     "None|-1|0|2**31|2**32|lambda", "what the bench says; said by the session, in the bench's error"),
    ("Bench.set", "pinned learning_rate", "0|1.5|2**31|2**32|2**63|2**64|lambda",
     "a row; a rate, or a schedule"),
]  # fmt: skip


def _defaults(function: Callable[..., Any]) -> dict[str, Any]:
    parameters = inspect.signature(function).parameters
    return {name: each.default for name, each in parameters.items() if each.default is not each.empty}


def models() -> Iterator[Given]:
    for name in ("autoencoder", "cortex_mnist", "densenet", "plain", "resnet", "resnet_imagenet", "vgg"):
        build = getattr(cl.models, name)
        given = {"input_shape": 12} if name == "autoencoder" else {}
        yield f"models.{name}", build, _defaults(build) | given


def files() -> Iterator[Given]:
    """A table, a picture that it names and what else is read."""
    folder = Path(tempfile.mkdtemp())
    (folder / "x.png").write_bytes(png(np.zeros((2, 2), np.uint8)))
    (folder / "people.csv").write_text("a,b,file,y\n1,?,x.png,0\n2,3,x.png,1\n")
    table = {"path": folder / "people.csv", "target": "y", "inputs": ["a"], "splits": None, "index": None,
             "images": None, "name": None, "separator": ",", "missing": None, "header": None, "names": None,
             "decimal": None, "thousands": None, "encoding": None, "skip_bad": False}  # fmt: skip
    yield "read", cl.data.read, table
    frame = cl.data.read(folder / "people.csv").frame
    given = {"source": frame, "column": "file", "target": "y", "folder": folder, "size": None}
    yield "read_images", cl.data.read_images, {**given, "channels": None, "skip_bad": False, "name": None}


def studies() -> Iterator[Given]:
    optimize, bowl, sgd = cl.optimize, cl.Sphere(), cl.SGD(0.1)
    log = optimize.log(bowl, sgd, [1.0, 1.0], until="steps(3)")
    first = {"function": bowl, "optimizer": sgd, "start": [1.0, 1.0], "until": "steps(2)"}
    yield "optimize.log", optimize.log, first
    yield "optimize.profile", optimize.profile, first
    yield "optimize.scipy_path", optimize.scipy_path, {
        "function": bowl, "method": "BFGS", "start": [1.0, 1.0], "max_steps": 3,
    }  # fmt: skip
    yield "optimize.landscape", lambda logs, **rest: optimize.landscape(logs, **rest), {
        "logs": log, "resolution": 5, "margin": 0.2, "bounds": None,
    }  # fmt: skip
    yield "optimize.summary", lambda logs: optimize.summary(logs), {"logs": log}
    yield "optimize.weight_landscape", optimize.weight_landscape, {
        "points": np.eye(3), "value": lambda point: float(np.sum(point)), "name": "sum", "resolution": 5,
        "margin": 0.2, "bounds": None,
    }  # fmt: skip
    yield "study.History", cl.study.History, {"budget": 100, "interval": 4}


def benches(session: Any) -> Iterator[Given]:
    widgets = cl.widgets

    def opened(**given: Any) -> None:
        widgets.Bench(**given).close()

    yield "Bench", opened, {"session": session, **_defaults(widgets.Bench)}
    yield "WeightHistogram", widgets.WeightHistogram, {"session": session, "layer": None}
    yield "EmbeddingMap", widgets.EmbeddingMap, {"session": session, **_defaults(widgets.EmbeddingMap)}
    yield "Activations", widgets.Activations, {"session": session, "pinned": None}
    names = (
        "LossCurve", "AlsoRecorded", "BatchRows", "ClassBalance", "ColumnHistograms", "DatasetRows",
        "Findings", "ConfusionMatrix", "PredictedValues", "SampleBrowser", "LayerTable", "Distributions",
        "NetworkMap", "RecordedCurves", "DecisionRegions", "Reliability", "ComponentMap", "LayerMicroscope",
        "Optimization", "Recurrence",
    )  # fmt: skip
    for name in names:
        view = getattr(widgets, name)
        yield name, view, {"session": session, **_defaults(view)}
    # Of shapes it draws what does not fit, whatever they are.
    yield "GraphMap", lambda layers: widgets.GraphMap(layers, (3,)), {"layers": [cl.Dense(2)]}
    yield "Views", widgets.Views, {"session": session}
    yield "study.Past", cl.study.Past, {"session": session, "expect": ()}
    view = widgets.RunComparison
    yield "RunComparison", view, {"session": session, "other": session.branch(), **_defaults(view)}


def of_a_bench(bench: Any) -> Iterator[Given]:
    yield "Bench.step", bench.step, {"n": 0}
    yield "Bench.rewind", bench.rewind, {"step": 0}
    yield "Bench.step_to", bench.step_to, {"phase": "loss"}
    yield "Bench.ask", bench.ask, {"request": int}
    yield "Bench.turn", bench.turn, {"view": "weight_histogram", "knob": "layer", "value": "dense_1"}
    for name in ("layer", "map_layer", "pinned", "learning_rate"):
        yield "Bench.set", lambda name=name, **given: setattr(bench, name, given[name]), {name: None}
