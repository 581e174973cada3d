"""Attention, alone and of another sequence, masked and causal."""

from __future__ import annotations

import numpy as np

from cortex_lab.nn.layers.attention import Attention, MultiHeadAttention
from tests.nn.cases import Case
from tests.nn.oracle import functional

SELF = ((4, 6),)
CROSS = ((3, 6), (5, 6))
THREE = ((3, 6), (5, 4), (5, 6))


def _masked(*shapes):
    """The last input says which values count, none in the first row."""

    def inputs(random, rows):
        mask = (np.arange(shapes[-1][0]) < np.arange(rows)[:, None]).astype(np.float64)
        return [*(random.normal(size=(rows, *shape)) for shape in shapes[:-1]), mask]

    return inputs


def _undropped(xs, parameters, states):
    scores = np.exp(xs[0] @ xs[1].swapaxes(1, 2))
    return scores / scores.sum(axis=-1, keepdims=True) @ xs[1]


def _by_head(x):
    return x.transpose(1, 2)


def _given(xs):
    return xs[0], xs[min(1, len(xs) - 1)], xs[-1]


def _attention(layer):
    def oracle(xs, p):
        query, value, key = _given(xs)
        causal = layer.use_causal_mask
        query = query * p.get("scale", 1)
        return functional().scaled_dot_product_attention(query, key, value, is_causal=causal, scale=1.0)

    return oracle


def _heads(layer):
    def oracle(xs, p):
        sources = zip(("query", "value", "key"), _given(xs), strict=True)
        query, value, key = (
            _by_head((x.flatten(0, 1) @ p[f"{name}_kernel"].flatten(1)).unflatten(0, x.shape[:2]).unflatten(
                2, p[f"{name}_kernel"].shape[1:]) + p.get(f"{name}_bias", 0))
            for name, x in sources
        )
        causal = layer.use_causal_mask
        mixed = _by_head(functional().scaled_dot_product_attention(query, key, value, is_causal=causal))
        return mixed.flatten(2) @ p["output_kernel"].flatten(0, 1) + p.get("output_bias", 0)

    return oracle


CASES = [
    Case(Attention(), SELF, "self", oracle=_attention(Attention())),
    Case(Attention(), CROSS, "cross", oracle=_attention(Attention())),
    Case(Attention(True), THREE, "scaled", oracle=_attention(Attention())),
    Case(Attention(use_causal_mask=True), SELF, "causal", oracle=_attention(Attention(use_causal_mask=True))),
    Case(Attention(), ((3, 6), (5, 6), (5,)), "masked", _masked((3, 6), (5, 6), (5,))),
    Case(Attention(dropout=0.4), CROSS, "dropped", inference=_undropped),
    Case(MultiHeadAttention(2, 3), SELF, "self", oracle=_heads(MultiHeadAttention(2, 3))),
    Case(MultiHeadAttention(2, 3), CROSS, "cross", oracle=_heads(MultiHeadAttention(2, 3))),
    Case(MultiHeadAttention(3, 2, value_dim=5, output_shape=7, use_bias=False), THREE, "three",
         oracle=_heads(MultiHeadAttention(3, 2))),
    Case(MultiHeadAttention(2, 3, use_causal_mask=True), SELF, "causal",
         oracle=_heads(MultiHeadAttention(2, 3, use_causal_mask=True))),
    Case(MultiHeadAttention(2, 3, use_causal_mask=True), ((4, 6), (4,)), "masked", _masked((4, 6), (4,))),
]  # fmt: skip
