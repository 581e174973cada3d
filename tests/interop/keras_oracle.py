"""Keras on JAX as the oracle: its models with random weights, saved, and recorded layer by layer."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cortex_lab.interop import RecordedLayers, record

WHY = "Keras and JAX are not installed: pip install 'cortex-lab[bench]'"


def keras_or_skip() -> Any:
    os.environ.setdefault("KERAS_BACKEND", "jax")
    pytest.importorskip("jax", reason=WHY)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("keras", reason=WHY)


@contextmanager
def precision(keras: Any, single: bool) -> Iterator[None]:
    """While this lasts, Keras makes models in float32 or in double."""
    import jax

    keras.backend.clear_session()
    keras.config.set_floatx("float32" if single else "float64")
    jax.config.update("jax_enable_x64", not single)
    try:
        yield
    finally:
        keras.config.set_floatx("float32")
        jax.config.update("jax_enable_x64", False)


def randomize(model: Any, seed: int = 0) -> Any:
    """Weights, and statistics, that nobody could take for others."""
    random = np.random.default_rng(seed)
    for weight in model.weights:
        values = 0.5 * random.normal(size=weight.shape)
        if "variance" in weight.path:
            values = random.uniform(0.5, 2, weight.shape)
        weight.assign(values)
    for layer in model.layers:
        if hasattr(layer, "finalize_state"):
            layer.finalize_state()
    return model


def recorded(model: Any, ids: int = 0, rows: int = 3) -> RecordedLayers:
    random = np.random.default_rng(7)
    inputs = []
    for each in model.inputs:
        shape = (rows, *each.shape[1:])
        if "int" in each.dtype:
            inputs.append(random.integers(0, ids, shape))
        else:
            values = random.normal(size=shape)
            # Steps that masks leave out, whatever they look for.
            values[0, -2:], values[1, :1] = 0.0, 1.0
            inputs.append(values)
    return record(model, inputs)


def save(model: Any, folder: Path, how: str) -> tuple[Path, ...]:
    """The file or files that hold the model: what `read_keras` is called with."""
    if how == "json":
        description, weights = folder / "model.json", folder / "model.weights.h5"
        description.write_text(model.to_json())
        model.save_weights(weights)
        return description, weights
    path = folder / f"model.{how}"
    model.save(path)
    return (path,)
