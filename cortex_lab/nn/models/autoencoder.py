"""Networks that learn to reproduce their input through a bottleneck."""

from __future__ import annotations

import math
from collections.abc import Sequence

from cortex_lab.ground import checks
from cortex_lab.nn.graph.description import Entry, Node
from cortex_lab.nn.graph.graph import Graph
from cortex_lab.nn.layers.dense import Dense
from cortex_lab.nn.layers.dropout import Dropout
from cortex_lab.nn.layers.flatten import Flatten
from cortex_lab.nn.layers.noise import GaussianNoise
from cortex_lab.nn.layers.sparse import KSparse


def autoencoder(
    input_shape: Sequence[int],
    units: Sequence[int] = (128, 32),
    activation: str | None = "relu",
    output_activation: str | None = "sigmoid",
    noise: float = 0.0,
    dropout: float = 0.0,
    k: int | None = None,
) -> Graph:
    """Dense layers of the given `units` down to the code, and the same mirrored; outputs are flat rows.

    The node "code" is the bottleneck, linear as in Hinton and Salakhutdinov 2006, and "reconstruction" the
    output. `activation=None, output_activation=None` makes all of it linear, which learns what principal
    component analysis finds. `noise` (standard deviation) or
    `dropout` (rate) spoils the input, for a denoising autoencoder (Vincent et al. 2008). `k` keeps only the k
    strongest units of the code, for a sparse one (Makhzani and Frey 2014).
    """
    units = checks.listed("units", units, "the units of each layer, such as (128, 32)")
    input_shape = checks.shape("input_shape", input_shape)
    checks.number("noise", noise, least=0)
    checks.fraction("dropout", dropout)
    if not units:
        raise ValueError("an autoencoder needs the units of at least one layer, such as units=(32,)")
    layers: list[Entry] = [Flatten()] if len(tuple(input_shape)) > 1 else []
    if noise:
        layers.append(GaussianNoise(noise))
    if dropout:
        layers.append(Dropout(dropout))
    layers += [Dense(n, activation=activation) for n in units[:-1]]
    layers.append(Node(Dense(units[-1]), "code"))
    if k is not None:
        layers.append(Node(KSparse(k), "sparse_code"))
    layers += [Dense(n, activation=activation) for n in reversed(units[:-1])]
    layers.append(Node(Dense(math.prod(input_shape), activation=output_activation), "reconstruction"))
    return Graph.build(layers, input_shape)
