"""Densely connected networks."""

from __future__ import annotations

from collections.abc import Sequence

from cortex_lab.ground import checks
from cortex_lab.nn.graph.description import Block, Entry, Node
from cortex_lab.nn.graph.graph import Graph
from cortex_lab.nn.layers.activation import ReLU
from cortex_lab.nn.layers.conv2d import Conv2D
from cortex_lab.nn.layers.dense import Dense
from cortex_lab.nn.layers.global_pooling import GlobalAveragePooling2D
from cortex_lab.nn.layers.merging import Concatenate
from cortex_lab.nn.layers.normalization import BatchNormalization
from cortex_lab.nn.layers.pooling import AveragePooling2D

DEEPEST = 10_000
"""More is a mistake in writing."""


def densenet(
    depth: int = 40,
    growth: int = 12,
    input_shape: Sequence[int] = (32, 32, 3),
    classes: int = 10,
    compression: float = 0.5,
) -> Graph:
    """DenseNet-BC for small images (Huang et al. 2017): layers read all before them in a stage; raw scores.

    `depth` is 6 n + 4 (40, 100): three stages of n layers, each a 1 x 1 and a 3 x 3 convolution that add
    `growth` channels. Between stages, channels shrink to the fraction `compression`.
    """
    layers_per_stage, rest = divmod(checks.whole("depth", depth, most=DEEPEST) - 4, 6)
    checks.whole("growth", growth, least=1)
    if rest or layers_per_stage < 1:
        raise ValueError(f"this DenseNet has depths of 6 n + 4, such as 40 or 100, not {depth}")
    checks.number("compression", compression, over=0, most=1)
    channels = 2 * growth
    layers: list[Entry] = [Conv2D(channels, 3, padding="same", use_bias=False)]
    for stage in range(3):
        layers.append(Block([_dense_layer(growth)], f"stage{stage + 1}", repeat=layers_per_stage))
        channels += layers_per_stage * growth
        if stage < 2:
            channels = int(channels * compression)
            shrink = Conv2D(channels, 1, use_bias=False)
            layers.append(
                Block([BatchNormalization(), ReLU(), shrink, AveragePooling2D(2)], f"transition{stage + 1}")
            )
    return Graph.build(
        [*layers, BatchNormalization(), ReLU(), GlobalAveragePooling2D(), Dense(classes)], input_shape
    )


def _dense_layer(growth: int) -> Block:
    new: list[Entry] = [BatchNormalization(), ReLU(), Conv2D(4 * growth, 1, use_bias=False)]
    new += [BatchNormalization(), ReLU(), Conv2D(growth, 3, padding="same", use_bias=False)]
    return Block([Block(new, "new"), Node(Concatenate(), "joined", ("input", "new"))], "layer")
