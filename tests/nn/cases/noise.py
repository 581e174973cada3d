"""Noise, dropout and competition."""

from cortex_lab.nn.layers.dropout import (
    AlphaDropout,
    Dropout,
    GaussianDropout,
    SpatialDropout1D,
    SpatialDropout2D,
    StochasticDepth,
)
from cortex_lab.nn.layers.noise import GaussianNoise
from cortex_lab.nn.layers.sparse import KSparse
from tests.nn.cases import Case, all_different


def _unchanged(xs, parameters, states):
    return xs[0]


def _k_sparse(k):
    def oracle(xs, p):
        rows = xs[0].flatten(1)
        threshold = rows.topk(k, dim=1).values[:, -1:]
        return (rows * (rows >= threshold)).reshape(xs[0].shape)

    return oracle


CASES = [
    *[
        Case(kind(strength), (shape,), f"{strength}-{len(shape)}-axes", inference=_unchanged)
        for kind in (Dropout, GaussianDropout, AlphaDropout, GaussianNoise)
        for strength, shape in ((0.0, (4,)), (0.3, (5,)), (0.5, (3, 2, 3)))
    ],
    *[
        Case(kind(strength), (shape,), f"{strength}-of-{len(shape)}-axes", inference=_unchanged)
        for kind, shape in (
            (SpatialDropout1D, (3, 4)),
            (SpatialDropout2D, (2, 3, 4)),
            (StochasticDepth, (5,)),
            (StochasticDepth, (2, 3, 4)),
        )
        for strength in (0.0, 0.3)
    ],
    *[
        Case(KSparse(k), (shape,), f"{k}-of-{shape[0]}", all_different(shape), _k_sparse(k))
        for k, shape in ((1, (5,)), (3, (7,)), (4, (4,)), (5, (3, 2, 3)))
    ],
]
