"""Attention over characters, or any other ids."""

from __future__ import annotations

from cortex_lab.nn.graph.description import Block, Entry, Node
from cortex_lab.nn.graph.graph import Graph
from cortex_lab.nn.layers.attention import MultiHeadAttention
from cortex_lab.nn.layers.dense import Dense
from cortex_lab.nn.layers.dropout import Dropout
from cortex_lab.nn.layers.embedding import Embedding
from cortex_lab.nn.layers.merging import Add
from cortex_lab.nn.layers.normalization import LayerNormalization
from cortex_lab.nn.layers.position_embedding import PositionEmbedding


def transformer(
    vocabulary: int,
    length: int,
    blocks: int = 2,
    heads: int = 4,
    width: int = 64,
    dropout: float = 0.0,
    causal: bool = True,
) -> Graph:
    """Transformer that says at each of `length` ids which comes next (Radford et al. 2019); raw scores.

    Rows (length,) of ids below `vocabulary` give (length, vocabulary). Each of the `blocks` adds to what
    comes in what `heads` heads of attention find, and then what two dense layers, the first of 4 * width
    units, make of each step, both behind a normalization. `causal`: no step sees a later one; without it,
    all are seen, as for filling gaps. `dropout` is the rate behind the embedding and before each addition.
    """
    if width % heads:
        raise ValueError(f"the width is shared out among the heads: {width} is no multiple of {heads}")
    drop: list[Entry] = [Dropout(dropout)] if dropout else []
    attention = MultiHeadAttention(heads, width // heads, dropout=dropout, use_causal_mask=causal)
    looking = Block([_normalization(), Node(attention, "attention"), *drop], "looking", "input")
    thinking = Block(
        [_normalization(), Dense(4 * width, activation="gelu_tanh"), Dense(width), *drop], "thinking", "seen"
    )
    block = Block(
        [
            looking,
            Node(Add(), "seen", ("input", "looking")),
            thinking,
            Node(Add(), "added", ("seen", "thinking")),
        ],
        "block",
        repeat=blocks,
    )
    layers: list[Entry] = [
        Node(Embedding(vocabulary, width), "ids"),
        Node(PositionEmbedding(), "positions"),
        *drop,
        block,
        _normalization(),
        Node(Dense(vocabulary), "scores"),
    ]
    return Graph.build(layers, (length,))


def _normalization() -> LayerNormalization:
    return LayerNormalization(epsilon=1e-5)
