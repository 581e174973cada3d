"""Tables to train on, whose labels two columns tell apart, and short trainings on them."""

from __future__ import annotations

import numpy as np
import pandas as pd

import cortex_lab as cl

ROWS = 48
LABELS = {
    "strings": np.array(["ant", "bee", "cow"]),
    "numbers from 1": np.array([1, 2, 3]),
    "numbers with gaps": np.array([2, 3, 7]),
    "floats": np.array([1.0, 2.5, 4.0]) * 2,
    "signs": np.array([-1, 0, 1]),
    "dates": np.array(["2020-01-01", "2021-01-01", "2022-01-01"], "datetime64[ns]"),
}


def table(labels, seed=0, rows=ROWS, present=(0, 1, 2)):
    """Two columns that tell the labels apart."""
    random = np.random.default_rng(seed)
    kind = np.asarray(present)[random.permutation(np.arange(rows) % len(present))]
    frame = pd.DataFrame({"a": 2.0 * kind + random.normal(size=rows) / 4, "b": random.normal(size=rows)})
    return frame.assign(y=labels[kind])


def trained(data, loss="softmax_cross_entropy", units=3, steps=0, inputs=2, **options):
    network = cl.Network([cl.Dense(units)], input_shape=inputs)
    session = cl.train(network, data, loss, cl.Adam(0.1), **({"batch_size": 8} | options))
    if steps:
        session.step(steps)
    return session
