"""The perceptrons in scikit-learn, with our weights.

A step takes its batch out of the data by row numbers, as ours does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.neural_network import MLPClassifier

import cortex_lab as cl
from benchmarks.workloads import ours


def has(workload: Any) -> bool:
    """Whether scikit-learn has such a network: dense layers and a classifier."""
    layers = [node.layer for node in workload.network().graph.nodes.values()]
    return all(isinstance(layer, cl.Dense) for layer in layers) and workload.loss == "softmax_cross_entropy"


def steps(place: int) -> Callable[[int], None]:
    """Takes training steps of workload number `place`."""
    step = training_step(ours.WORKLOADS[place])

    def take(count: int) -> None:
        for _ in range(count):
            step()

    return take


def training_step(workload: Any) -> Callable[[], float]:
    """One step of `partial_fit` after another over our batches; returns the loss before the update."""
    network = workload.network()
    layers = [node.layer for node in network.graph.nodes.values()]
    adam = workload.optimizer
    model = MLPClassifier(
        tuple(layer.units for layer in layers[:-1]),
        activation=layers[0].activation,
        alpha=0.0,
        batch_size=workload.batch,
        learning_rate_init=adam.learning_rate,
        beta_1=adam.beta_1,
        beta_2=adam.beta_2,
        epsilon=adam.epsilon,
        shuffle=False,
    )
    inputs, targets = workload.data()
    choices = workload.choices()
    model.partial_fit(inputs[choices[0]], targets[choices[0]], classes=np.arange(10))
    for place, name in enumerate(network.graph.nodes):
        model.coefs_[place][...] = network.parameters[f"{name}/kernel"]
        model.intercepts_[place][...] = network.parameters[f"{name}/bias"]
    # The optimizer holds the same arrays; its moments begin anew with the weights.
    optimizer = model._optimizer
    optimizer.t = 0
    for moment in (*optimizer.ms, *optimizer.vs):
        moment[...] = 0
    taken = 0

    def step() -> float:
        nonlocal taken
        rows = choices[taken % len(choices)]
        taken += 1
        model.partial_fit(inputs.take(rows, axis=0), targets.take(rows, axis=0))
        return model.loss_

    return step
