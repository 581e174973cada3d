"""The same networks in Keras, read off our graph and given our weights.

A step takes its batch out of the data by row numbers, as ours does and as Keras's own `fit` does with arrays.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from typing import Any

import numpy as np

import cortex_lab as cl
from benchmarks.workloads import ours

BACKENDS = ("jax", "torch")


def backends() -> list[str]:
    """The backends that Keras could use here; each needs a process of its own."""
    if importlib.util.find_spec("keras") is None:
        return []
    return [name for name in BACKENDS if importlib.util.find_spec(name) is not None]


def steps(place: int, backend: str) -> Callable[[int], None]:
    """Takes training steps of workload number `place`."""
    _check(ours.without_dropout(ours.WORKLOADS[place]), backend)
    step = training_step(ours.WORKLOADS[place], backend)

    def take(count: int) -> None:
        for _ in range(count):
            step()

    return take


def _check(workload: Any, backend: str) -> None:
    """AssertionError unless both have the same loss; its Adam corrects the bias another way from there."""
    session, wanted = workload.session(), training_step(workload, backend)()
    session.step()
    found = session.observation["loss"]
    if abs(found - wanted) > ours.CLOSE * max(1.0, abs(wanted)):
        raise AssertionError(f"{workload.name}: our loss is {found}, that of Keras on {backend} {wanted}")


def training_step(workload: Any, backend: str) -> Callable[[], float]:
    """One `train_on_batch` after another over our batches; returns the loss before the update."""
    os.environ["KERAS_BACKEND"] = backend
    import keras

    model = _model(keras, workload.network())
    classes = workload.loss == "softmax_cross_entropy"
    score = keras.losses.SparseCategoricalCrossentropy(from_logits=True) if classes else "mean_squared_error"
    model.compile(_optimizer(keras, workload.optimizer), score)
    inputs, targets = workload.data()
    choices = workload.choices()
    taken = 0

    def step() -> float:
        nonlocal taken
        rows = choices[taken % len(choices)]
        taken += 1
        x = inputs.take(rows, axis=0)
        y = x if targets is inputs else targets.take(rows, axis=0)
        return float(np.asarray(model.train_on_batch(x, y)))

    return step


def _model(keras: Any, network: cl.Network) -> Any:
    """Our graph, node by node: both have images as (n, height, width, channels)."""
    name, shape = next(iter(network.graph.inputs.items()))
    values = {name: keras.Input(shape)}
    made = []
    for name, node in network.graph.nodes.items():
        read = [values[source] for source in node.inputs]
        layer = _layer(keras, node)
        values[name] = layer(read if len(read) > 1 else read[0])
        made.append((layer, {key: np.asarray(a) for key, a in network.arrays(name).items()}))
    model = keras.Model(values[next(iter(network.graph.inputs))], values[network.graph.outputs[0]])
    for layer, arrays in made:
        if layer.weights:
            layer.set_weights([arrays[weight.name] for weight in layer.weights if weight.name in arrays])
    return model


def _layer(keras: Any, node: Any) -> Any:
    layer, kind, layers = node.layer, type(node.layer).__name__, keras.layers
    if kind == "Dense":
        return layers.Dense(layer.units, layer.activation, layer.use_bias)
    if kind == "Conv2D":
        explicit = not isinstance(layer.padding, str)
        made = layers.Conv2D(
            layer.filters, layer.kernel_size, layer.strides, "valid" if explicit else layer.padding,
            activation=layer.activation, use_bias=layer.use_bias,
        )  # fmt: skip
        return keras.Sequential([layers.ZeroPadding2D(layer.padding), made]) if explicit else made
    if kind == "MaxPooling2D":
        return layers.MaxPooling2D(layer.pool_size)
    if kind == "BatchNormalization":
        return layers.BatchNormalization(momentum=layer.momentum, epsilon=layer.epsilon)
    if kind == "LSTM":
        return layers.LSTM(layer.units)
    if kind == "Dropout":
        return layers.Dropout(layer.rate)
    if kind in ("Flatten", "GlobalAveragePooling2D", "Add"):
        return getattr(layers, kind)()
    return layers.Activation(layer.function)


def _optimizer(keras: Any, like: Any) -> Any:
    if isinstance(like, cl.Adam):
        return keras.optimizers.Adam(like.learning_rate, like.beta_1, like.beta_2, like.epsilon)
    return keras.optimizers.SGD(like.learning_rate, like.momentum)
