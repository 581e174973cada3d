"""Layers at each step: what they give to the steps as rows of a batch."""

from cortex_lab.nn.layers.conv2d import Conv2D
from cortex_lab.nn.layers.dense import Dense
from cortex_lab.nn.layers.dropout import Dropout
from cortex_lab.nn.layers.embedding import Embedding
from cortex_lab.nn.layers.flatten import Flatten
from cortex_lab.nn.layers.normalization import BatchNormalization
from cortex_lab.nn.layers.pooling import MaxPooling2D
from cortex_lab.nn.layers.recurrent_lstm import LSTM
from cortex_lab.nn.layers.reducing import Sum
from cortex_lab.nn.layers.time_distributed import TimeDistributed
from tests.nn.cases import Case, all_different, convolution, normalization, pooling

BATCH = BatchNormalization()


def _each(oracle):
    def through(xs, *arrays):
        rows, steps = xs[0].shape[:2]
        y = oracle([xs[0].reshape(rows * steps, *xs[0].shape[2:])], *arrays)
        return y.reshape(rows, steps, *y.shape[1:])

    return through


def _ids(random, rows):
    return [random.integers(0, 5, (rows, 3, 4))]


CASES = [
    Case(TimeDistributed(Dense(4)), ((3, 5),), "dense", oracle=lambda xs, p: xs[0] @ p["kernel"] + p["bias"]),
    Case(TimeDistributed(Dense(4, activation="gelu")), ((3, 5),), "gelu"),
    Case(
        TimeDistributed(Conv2D(2, 3, activation="relu")),
        ((3, 5, 4, 2),),
        "frames",
        oracle=_each(convolution.conv2d(Conv2D(2, 3, activation="relu"))),
    ),
    Case(
        TimeDistributed(MaxPooling2D(2)),
        ((3, 4, 4, 2),),
        "pooling",
        all_different((3, 4, 4, 2)),
        _each(pooling.largest(MaxPooling2D(2))),
    ),
    Case(TimeDistributed(Flatten()), ((3, 2, 4),), "view", oracle=lambda xs, p: xs[0].flatten(2)),
    Case(
        TimeDistributed(BATCH),
        ((3, 4),),
        "batch",
        oracle=_each(normalization._batch(BATCH)),
        inference=_each(normalization._moving(BATCH)),
    ),
    Case(TimeDistributed(LSTM(4)), ((2, 3, 4),), "lstm"),
    Case(TimeDistributed(Sum()), ((3, 4),), "sum", oracle=lambda xs, p: xs[0].sum(2)),
    Case(TimeDistributed(TimeDistributed(Dense(2))), ((2, 3, 4),), "twice"),
    Case(TimeDistributed(Dropout(0.3)), ((3, 4),), "dropout", inference=lambda xs, p, states: xs[0]),
    Case(TimeDistributed(Embedding(5, 2)), ((3, 4),), "ids", _ids, differentiable_input=False),
]
