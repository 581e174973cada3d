"""Bits depend on how many workers there are, not on who compiled the kernels or on the threads of BLAS."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import hashlib, json, sys
import numpy as np
import cortex_lab as cl

SEQUENCE, IMAGE = (12, 24), (12, 12, 3)
NETWORKS = {
    "perceptron": ((24,), [cl.Dense(64, activation="tanh"), cl.Dropout(0.3), cl.Dense(3)]),
    "convolutional": (IMAGE, [
        cl.Conv2D(16, 3), cl.BatchNormalization(), cl.ReLU(), cl.MaxPooling2D(2), cl.DepthwiseConv2D(3),
        cl.Conv2D(8, 3, strides=2), cl.Flatten(), cl.Dense(3),
    ]),
    "LSTM": (SEQUENCE, [cl.LSTM(48), cl.Dense(3)]),
    "GRU": (SEQUENCE, [cl.GRU(48), cl.Dense(3)]),
    "SimpleRNN": (SEQUENCE, [cl.SimpleRNN(48), cl.Dense(3)]),
    "both ways": (SEQUENCE, [cl.Bidirectional(cl.LSTM(20)), cl.Dense(3)]),
    "both ways, gated": (SEQUENCE, [cl.Bidirectional(cl.GRU(20)), cl.LayerNormalization(), cl.Dense(3)]),
}

def bits_of(shape, layers):
    numbers = np.random.default_rng(0)
    x, y = numbers.normal(size=(96, *shape)).astype(np.float32), numbers.integers(0, 3, 96)
    network = cl.Network(layers, input_shape=shape, seed=1)
    data, options = (x, y), {"batch_size": 40, "validation": None}
    session = cl.train(network, data, "softmax_cross_entropy", cl.Adam(1e-2), **options)
    session.step(5)
    found = [network.params.tobytes(), network.state.tobytes(), network.predict(x).tobytes()]
    return hashlib.sha256(b"".join(found)).hexdigest()

print(json.dumps({name: bits_of(*each) for name, each in NETWORKS.items()}))
"""


def bits(cache: Path, **variables: str) -> dict[str, str]:
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(cache), "CORTEX_LAB_WORKERS": "2", **variables}
    command = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    cache = tmp_path_factory.mktemp("kernels")
    return cache, bits(cache)


@pytest.mark.parametrize("threads", ["1", "2"])
def test_who_loads_kernels_gets_the_bits_of_who_compiled_them(compiled, threads: str):
    cache, wanted = compiled
    variables = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), threads)
    assert bits(cache, **variables) == wanted
