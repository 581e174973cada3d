"""Chains of convolutions."""

from __future__ import annotations

from collections.abc import Sequence

from cortex_lab.ground import checks
from cortex_lab.nn.graph.description import Entry
from cortex_lab.nn.graph.graph import Graph
from cortex_lab.nn.layers.conv2d import Conv2D
from cortex_lab.nn.layers.dense import Dense
from cortex_lab.nn.layers.dropout import Dropout
from cortex_lab.nn.layers.flatten import Flatten
from cortex_lab.nn.layers.normalization import BatchNormalization
from cortex_lab.nn.layers.pooling import MaxPooling2D


def cortex_mnist(
    input_shape: Sequence[int] = (28, 28, 1), classes: int = 10, units: int = 500, dropout: float = 0.0
) -> Graph:
    """Two 5 x 5 convolutions (20 and 50 filters), pooling, batch normalization, a dense layer; raw scores.

    After the MNIST example of Cortex. `dropout` is the rate before the last layer; 0 leaves it out.
    """
    checks.fraction("dropout", dropout)
    layers: list[Entry] = [
        Conv2D(20, 5, activation="relu"),
        MaxPooling2D(2),
        Conv2D(50, 5, activation="relu"),
        MaxPooling2D(2),
        BatchNormalization(),
        Flatten(),
        Dense(units, activation="relu"),
        *([Dropout(dropout)] if dropout else []),
        Dense(classes),
    ]
    return Graph.build(layers, input_shape)


VGG_STAGES = {
    11: (1, 1, 2, 2, 2),
    13: (2, 2, 2, 2, 2),
    16: (2, 2, 3, 3, 3),
    19: (2, 2, 4, 4, 4),
}


def vgg(
    depth: int = 16,
    input_shape: Sequence[int] = (224, 224, 3),
    classes: int = 1000,
    units: int = 4096,
    dropout: float = 0.5,
    batch_normalization: bool = False,
) -> Graph:
    """VGG (Simonyan and Zisserman 2015): 3 x 3 convolutions, filters doubling after each pooling; raw scores.

    `depth` is 11, 13, 16 or 19. For 32 x 32 images take `units=512`.
    """
    checks.fraction("dropout", dropout)
    checks.flag("batch_normalization", batch_normalization)
    if checks.whole("depth", depth) not in VGG_STAGES:
        raise ValueError(f"VGG comes in the depths {', '.join(map(str, VGG_STAGES))}, not {depth}")
    layers: list[Entry] = []
    for stage, convolutions in enumerate(VGG_STAGES[depth]):
        for _ in range(convolutions):
            layers.append(Conv2D(min(64 * 2**stage, 512), 3, padding="same", activation="relu"))
            if batch_normalization:
                layers.append(BatchNormalization())
        layers.append(MaxPooling2D(2))
    layers.append(Flatten())
    for _ in range(2):
        layers.append(Dense(units, activation="relu"))
        if dropout:
            layers.append(Dropout(dropout))
    return Graph.build([*layers, Dense(classes)], input_shape)
