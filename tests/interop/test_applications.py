"""A small network of each family of keras.applications, certified; the benchmark has them all."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.applications import FAMILIES, WAYS
from tests.interop.keras_oracle import WHY
from tests.interop.small_applications import EVERY_WAY


@pytest.mark.keras
def test_a_small_network_of_each_family_is_certified():
    if importlib.util.find_spec("keras") is None or importlib.util.find_spec("jax") is None:
        pytest.skip(WHY)
    # Of a backend that compiles nothing: JAX takes minutes to build them.
    done = subprocess.run(
        [sys.executable, "-m", "tests.interop.small_applications"],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "KERAS_BACKEND": "numpy"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout.splitlines()[-1])
    assert not answer["lacking"], "give them a family in benchmarks/applications.py"
    found = answer["found"]
    assert set(found) == set(FAMILIES), "give each family a small member in small_applications.py"
    assert set(found[EVERY_WAY]) == set(WAYS)
    wrong = {
        (family, way): said for family, ways in found.items() for way, (ok, _, said) in ways.items() if not ok
    }
    assert not wrong
    assert all(ways["Keras in"][1] > 15 for ways in found.values())
