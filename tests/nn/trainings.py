"""Small trainings to try things on."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from cortex_lab.nn import Network, Training
from cortex_lab.nn.layers.dense import Dense
from cortex_lab.nn.layers.dropout import Dropout
from cortex_lab.nn.layers.normalization import BatchNormalization
from cortex_lab.optimize import Adam


class Rows:
    """Batches of arrays in an order that is a function of the step; the last of an epoch is short."""

    def __init__(self, inputs, targets, batch_size=16, excluded=()):
        self.inputs, self.targets, self.batch_size = inputs, targets, batch_size
        self.excluded = np.asarray(excluded, dtype=int)
        self.kept = np.setdiff1d(np.arange(len(inputs)), self.excluded)
        self.steps_per_epoch = -(-len(self.kept) // batch_size)

    def fetch(self, step):
        epoch, position = divmod(step, self.steps_per_epoch)
        order = np.random.Generator(np.random.Philox(key=[3, epoch])).permutation(self.kept)
        rows = order[position * self.batch_size : (position + 1) * self.batch_size]
        targets = self.targets
        if isinstance(targets, dict):
            targets = {name: part[rows] for name, part in targets.items()}
        else:
            targets = targets[rows]
        return SimpleNamespace(inputs=self.inputs[rows], targets=targets, rows=rows, weights=None)

    def excluding(self, rows):
        return Rows(self.inputs, self.targets, self.batch_size, np.union1d(self.excluded, rows))


def blobs(rows=90, features=6, classes=3, seed=0):
    random = np.random.default_rng(seed)
    y = random.integers(0, classes, rows)
    x = random.normal(size=(rows, features)) + 3 * np.eye(classes, features)[y]
    return x.astype(np.float32), y


def dense(optimizer=None, layers=None, data=None, batch_size=16, ops="reference", **options):
    x, y = data or blobs()
    layers = layers or [Dense(8, activation="relu"), Dropout(0.3), BatchNormalization(), Dense(3)]
    network = Network(layers, x.shape[1:], ops=ops)
    optimizer = optimizer or Adam(0.01)
    return Training(network, Rows(x, y, batch_size), "softmax_cross_entropy", optimizer, seed=5, **options)


def state(training):
    parts = [training.network.params, training.network.state]
    parts += [value for value in training.optimizer_state.values() if hasattr(value, "tobytes")]
    return b"".join(part.tobytes() for part in parts)
