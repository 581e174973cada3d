"""What people ask a network for that is called otherwise here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from cortex_lab.ground.held import Held
from cortex_lab.nn.graph.graph import Graph

_TRAIN = "session = cl.train(network, data), then session.run(cl.epochs(5))"
_SCORE = "session.score((inputs, targets)) says loss, accuracy and metrics"
_ARRAYS = "network.parameters['dense_1/kernel'], to read and to assign; network.params is all in a row"
_GRADIENT = "network.gradient_of('dense_1', rows=x), or session.gradients of a step"
_SAVE = "network.save('it.h5'), and cl.Network.load('it.h5')"
_ROWS = "network.predict(x)"
_LAYERS = "list all layers when the network is made: cl.Network([...], input_shape)"
_GRAPH = "network.graph.nodes['dense_1'] has .layer, .in_shapes and .out_shape"
_OUTPUT = "network.activations(x, ['dense_1'])"

ANSWERS = {
    "fit": _TRAIN,
    "partial_fit": _TRAIN,
    "fit_transform": _TRAIN,
    "train": _TRAIN,
    "train_on_batch": _TRAIN,
    "train_step": _TRAIN,
    "compile": "loss and optimizer are arguments of cl.train(network, data, loss, optimizer)",
    "evaluate": _SCORE,
    "score": _SCORE,
    "accuracy": _SCORE,
    "confusion_matrix": "sklearn.metrics.confusion_matrix(y, network.predict(x).argmax(axis=-1))",
    "forward": _ROWS,
    "call": _ROWS,
    "predict_on_batch": _ROWS,
    "transform": "network.activations(x, ['dense_1']) are the outputs of a layer",
    "predict_step": _ROWS,
    "backward": _GRADIENT,
    "zero_grad": "gradients are made anew at every step; leave it out",
    "grad": _GRADIENT,
    "eval": "network.predict(x) never trains, so there is no mode to set",
    "state_dict": _SAVE,
    "load_state_dict": _SAVE,
    "save_weights": _SAVE,
    "load_weights": _SAVE,
    "to_json": "json.dumps(network.graph.to_dict())",
    "get_config": "network.graph.to_dict()",
    "from_config": "cl.Graph.from_dict(description)",
    "weights": _ARRAYS,
    "trainable_weights": _ARRAYS,
    "trainable_variables": _ARRAYS,
    "variables": _ARRAYS,
    "get_weights": _ARRAYS,
    "set_weights": _ARRAYS,
    "named_parameters": "network.parameters.items()",
    "coef_": _ARRAYS,
    "coefs_": _ARRAYS,
    "intercepts_": _ARRAYS,
    "buffers": "network.states",
    "count_params": "network.params.size",
    "num_parameters": "network.params.size",
    "n_params": "network.params.size",
    "add": _LAYERS,
    "append": _LAYERS,
    "build": _LAYERS,
    "add_module": _LAYERS,
    "pop": "network.cut('dense_1', then=[...]) ends it elsewhere",
    "get_layer": _GRAPH,
    "modules": _GRAPH,
    "children": _GRAPH,
    "named_modules": _GRAPH,
    "input_shape": "network.graph.inputs",
    "output_shape": "network.graph.shape('dense_1'); network.graph.outputs are the names",
    "inputs": "network.graph.inputs",
    "outputs": "network.graph.outputs",
    "to": "Network(..., ops='gpu') says where numbers live",
    "cuda": "Network(..., ops='gpu') says where numbers live",
    "cpu": "Network(..., ops='cpu') says where numbers live",
    "device": "network.ops.name",
    "trainable": "cl.train(..., frozen=['dense_1']) lets layers rest",
    "requires_grad_": "cl.train(..., frozen=['dense_1']) lets layers rest",
    "optimizer": "a training has it: session.process.optimizer",
    "loss": "a training has it: session.process.losses",
    "history": "a training has it: session.trace.frame()",
    "plot": "network.summary() draws a table; session.bench() shows it while it learns",
    "clone": "network.copy()",
    "apply": "network.initialize(seed) draws all parameters anew",
    "reset_parameters": "network.initialize(seed) draws all parameters anew",
    "classes_": "network.classes",
    "feature_names_in_": "network.reads",
    "n_features_in_": "network.graph.inputs",
}

_MEMORY = "a network keeps its memory; write into it: "
_RESTS = "cl.train(..., frozen=['dense_1']) lets layers rest"
_TRAINED = "a training has it: cl.train(network, data, {name}=...)"
ASSIGNING = {
    **{name: f"{_MEMORY}network.{name}[...] = array" for name in ("params", "gradient", "state")},
    **{name: f"{_MEMORY}network.{name}[name] = array" for name in ("parameters", "gradients", "states")},
    **{name: _TRAINED.format(name=name) for name in ("loss", "optimizer", "metrics", "batch_size", "frozen")},
    "ops": "cl.Network(..., ops='gpu') says where numbers live",
    "device": "cl.Network(..., ops='gpu') says where numbers live",
    "seed": "network.initialize(seed) draws all parameters anew",
    "layers": "network.cut('dense_1', then=[...]) ends it elsewhere",
    "graph": "network.cut('dense_1', then=[...]) ends it elsewhere, cl.Network(graph) is another",
    "trainable": _RESTS,
    "requires_grad": _RESTS,
    "lr": "an optimizer has it: cl.train(..., optimizer=cl.Adam(learning_rate=1e-3))",
    "learning_rate": "an optimizer has it: cl.train(..., optimizer=cl.Adam(learning_rate=1e-3))",
    "training": "network.predict(x) never trains, so there is no mode to set",
    "weights": "network.parameters['dense_1/kernel'] = array",
}
"""What to type instead of assigning to a network."""

OF_A_LAYER = {
    "get_weights": "network.parameters['dense_1/kernel'], to read and to assign",
    "set_weights": "network.parameters['dense_1/kernel'] = array",
    "weights": "network.parameters['dense_1/kernel'], to read and to assign",
    "weight": "network.parameters['dense_1/kernel'], to read and to assign",
    "kernel": "network.parameters['dense_1/kernel'], to read and to assign",
    "bias": "network.parameters['dense_1/bias'], to read and to assign",
    "trainable": "cl.train(..., frozen=['dense_1']) lets it rest",
    "requires_grad_": "cl.train(..., frozen=['dense_1']) lets it rest",
    "output": _OUTPUT,
    "call": _OUTPUT,
    "forward": _OUTPUT,
    "input": _OUTPUT,
    "name": "it is the name",
}

_SURE, _RAW = ("sigmoid", "hard_sigmoid", "softmax"), ("linear", "log_softmax")
JUDGED = ("predict_proba", "predict_log_proba", "predict_classes", "decision_function")
"""What is asked about classes, which the last layer of a network answers."""


def judged(graph: Graph, name: str) -> str:
    """What makes probabilities or classes of a network's first output, by what that ends in."""
    output = graph.outputs[0]
    end = _end_of(graph, output)
    found = "network.predict(x)" + (f"[{output!r}]" if len(graph.outputs) > 1 else "")
    one = graph.shape(output)[-1:] in ((), (1,))
    if end not in (*_SURE, *_RAW) and not (end != "linear" and name == "predict_classes" and not one):
        return f"{found}, of {end}, are no probabilities; end the network in Dense({1 if one else '...'})"
    if name == "predict_classes":
        return f"{found} > {0.5 if end in _SURE else 0}" if one else f"{found}.argmax(axis=-1)"
    if name == "decision_function":
        of_one, of_many = f"scipy.special.logit({found})", f"numpy.log({found})"
        return (of_one if "sigmoid" in end else of_many) if end in _SURE else found
    if end == "linear":
        made = f"scipy.special.expit({found})" if one else f"scipy.special.softmax({found}, axis=-1)"
    else:
        made = f"numpy.exp({found})" if end == "log_softmax" else found
    return f"numpy.log({made})" if name == "predict_log_proba" else made


def _end_of(graph: Graph, node: str) -> str:
    """The activation that an output ends in, whatever shape it is brought into after that."""
    while graph.nodes[node].layer.is_view and graph.nodes[node].inputs[0] in graph.nodes:
        node = graph.nodes[node].inputs[0]
    layer: Any = graph.nodes[node].layer
    return layer.activation or getattr(layer, "function", None) or "linear"


def _named(graph: Graph, output: str, values: np.ndarray, labels: list[str]) -> np.ndarray:
    """The labels that the values of an output stand for."""
    if not np.isfinite(values).all():
        raise ValueError(f"output {output!r} is NaN or infinite in some rows, and names no class there")
    units, end = values.shape[-1] if values.ndim > 1 else 1, _end_of(graph, output)
    if units == 1 and len(labels) == 2:
        codes = values.reshape(values.shape[:-1] if values.ndim > 1 else values.shape)
        return np.array(labels, object)[(codes > (0.5 if end in _SURE else 0)).astype(int)]
    if units != len(labels):
        raise ValueError(f"output {output!r} has {units} units for {len(labels)} classes, so none is named")
    return np.array(labels, object)[values.argmax(axis=-1)]


class NetworkAnswers(Held):
    """Base of `Network`: what to type for what it has not, and instead of assigning."""

    graph: Graph
    answers, assigning = ANSWERS, ASSIGNING
    settable = frozenset(
        {"reads", "categories", "classes", "preparations", "named_at", "saw_bytes", "saw_large"}
    )
    remade = "make another network, or assign to network.parameters['dense_1/kernel']"

    def classify(self, x: object) -> Any:
        """The class of each row by its name, as in `classes`: that of which `predict` gives most.

        An array, of a frame a Series on its index; of several outputs a dict by name of those that have
        classes. ValueError where the network knows none.
        """
        network: Any = self
        classes, outputs = network.classes, list(self.graph.outputs)
        if not classes:
            raise ValueError(
                "the network knows no names of classes: it was not trained yet, on values, or on ids in "
                "arrays"
            )
        known = classes if isinstance(classes, dict) else {outputs[0]: classes}
        predicted = network.predict(x)
        found: dict[str, Any] = {}
        for name, labels in known.items():
            values = predicted if len(outputs) == 1 else predicted[name]
            found[name] = _named(self.graph, name, values, labels)
            if isinstance(x, pd.DataFrame) and found[name].ndim == 1:
                found[name] = pd.Series(found[name], index=x.index, name="class")
        return found if len(outputs) > 1 else next(iter(found.values()))

    def _answer(self, name: str) -> str | None:
        return judged(self.graph, name) if name in JUDGED else self.answers.get(name)

    def __getitem__(self, key: object) -> Any:
        raise TypeError(f"a network has no layers in brackets: {_GRAPH}")


class LayerNames(list):
    """The names of layers in order, which say what to type to somebody who asks for one by name."""

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, str):
            raise TypeError(f"network.layers are names: {_GRAPH.replace('dense_1', key)}")
        return super().__getitem__(key)


class LayerName(str):
    """The name of a layer, which says what to type to somebody who takes it for the layer itself."""

    __slots__ = ()

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            said = f"network.layers are names, and {str(self)!r} has no attribute {name!r}"
            if not name.startswith("_"):
                said += f": {OF_A_LAYER.get(name, _GRAPH)}".replace("dense_1", self)
            raise AttributeError(said, name=name)
