"""Residual networks, and the same networks without their shortcuts."""

from __future__ import annotations

from collections.abc import Sequence

from cortex_lab.ground import checks
from cortex_lab.nn.graph.description import Block, Entry, Node
from cortex_lab.nn.graph.graph import Graph
from cortex_lab.nn.layers.activation import ReLU
from cortex_lab.nn.layers.conv2d import Conv2D
from cortex_lab.nn.layers.dense import Dense
from cortex_lab.nn.layers.global_pooling import GlobalAveragePooling2D
from cortex_lab.nn.layers.merging import Add
from cortex_lab.nn.layers.normalization import BatchNormalization
from cortex_lab.nn.layers.pooling import MaxPooling2D


def resnet(depth: int = 20, input_shape: Sequence[int] = (32, 32, 3), classes: int = 10) -> Graph:
    """Residual network for small images (He et al. 2016, section 4.2); raw scores.

    `depth` is 6 n + 2 (20, 32, 44, 56, 110): three stages of n blocks with 16, 32 and 64 filters. A shortcut
    that changes size is a 1 x 1 convolution.
    """
    return _small(depth, input_shape, classes, shortcuts=True)


def plain(depth: int = 20, input_shape: Sequence[int] = (32, 32, 3), classes: int = 10) -> Graph:
    """`resnet` without the shortcuts: what residual learning is to be compared with."""
    return _small(depth, input_shape, classes, shortcuts=False)


DEEPEST = 10_000
"""More is a mistake in writing; the deepest that was ever trained has 1,202."""
STAGES = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}


def resnet_imagenet(
    depth: int = 50, input_shape: Sequence[int] = (224, 224, 3), classes: int = 1000
) -> Graph:
    """Residual network for photographs (He et al. 2016, table 1); raw scores.

    `depth` is 18, 34, 50, 101 or 152; from 50 on with bottlenecks, whose 3 x 3 convolution carries the stride
    (the variant known as v1.5).
    """
    if checks.whole("depth", depth) not in STAGES:
        raise ValueError(f"this ResNet comes in the depths {', '.join(map(str, STAGES))}, not {depth}")
    layers: list[Entry] = [*_normalized(64, 7, 2, padding=3), ReLU(), MaxPooling2D(3, 2, padding=1)]
    channels = 64
    for stage, blocks in enumerate(STAGES[depth]):
        filters = 64 * 2**stage
        for block in range(blocks):
            strides = 2 if stage and not block else 1
            main = _bottleneck(filters, strides) if depth >= 50 else _basic(filters, strides)
            outgoing = 4 * filters if depth >= 50 else filters
            projected = strides > 1 or channels != outgoing
            layers.append(_residual(main, outgoing, strides, projected, f"stage{stage + 1}_block{block + 1}"))
            channels = outgoing
    return Graph.build([*layers, GlobalAveragePooling2D(), Dense(classes)], input_shape)


def _small(depth: int, input_shape: Sequence[int], classes: int, shortcuts: bool) -> Graph:
    blocks, rest = divmod(checks.whole("depth", depth, most=DEEPEST) - 2, 6)
    if rest or blocks < 1:
        raise ValueError(f"this network has depths of 6 n + 2, such as 20, 32 or 56, not {depth}")
    layers: list[Entry] = [*_normalized(16, 3), ReLU()]
    for stage in range(3):
        filters = 16 * 2**stage
        for block in range(blocks):
            strides = 2 if stage and not block else 1
            name = f"stage{stage + 1}_block{block + 1}"
            main = _basic(filters, strides)
            if shortcuts:
                layers.append(_residual(main, filters, strides, strides > 1, name))
            else:
                layers.append(Block([*main, ReLU()], name))
    return Graph.build([*layers, GlobalAveragePooling2D(), Dense(classes)], input_shape)


def _residual(main: list[Entry], filters: int, strides: int, projected: bool, name: str) -> Block:
    """`main` added to its own input, which a 1 x 1 convolution brings to size if it must be."""
    shortcut = "shortcut" if projected else "input"
    projection = [Block(_normalized(filters, 1, strides), "shortcut", "input")] if projected else []
    return Block(
        [Block(main, "main", "input"), *projection, Node(Add(), "add", ("main", shortcut)), ReLU()], name
    )


def _basic(filters: int, strides: int) -> list[Entry]:
    return [*_normalized(filters, 3, strides), ReLU(), *_normalized(filters, 3)]


def _bottleneck(filters: int, strides: int) -> list[Entry]:
    narrow: list[Entry] = [*_normalized(filters, 1), ReLU(), *_normalized(filters, 3, strides), ReLU()]
    return [*narrow, *_normalized(4 * filters, 1)]


def _normalized(filters: int, size: int, strides: int = 1, padding: int | None = None) -> list[Entry]:
    """A convolution and its batch normalization, which makes a bias of its own pointless."""
    padding = size // 2 if padding is None else padding
    return [Conv2D(filters, size, strides, padding, use_bias=False), BatchNormalization()]
