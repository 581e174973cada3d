"""Small networks of keras.applications, certified; `python -m benchmarks applications` has them all."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.interop.keras_oracle import WHY

SMALL = ("MobileNetV2", "MobileNetV3Small")
CODE = """
import json, sys, warnings
warnings.simplefilter("ignore")
import keras
from benchmarks.applications import FAMILIES, certified
named = {name for names in FAMILIES.values() for name in names}
there = {name for name in dir(keras.applications) if name[0].isupper()}
reports = {name: certified(name) for name in sys.argv[1:]}
said = {name: [report.ok, len(report.layers), str(report)[:500]] for name, report in reports.items()}
print(json.dumps({"lacking": sorted(there ^ named), "said": said}))
"""


@pytest.mark.keras
def test_small_networks_of_keras_applications_are_certified():
    if importlib.util.find_spec("keras") is None or importlib.util.find_spec("jax") is None:
        pytest.skip(WHY)
    # Of a backend that compiles nothing: JAX takes minutes to build them.
    done = subprocess.run(
        [sys.executable, "-c", CODE, *SMALL],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "KERAS_BACKEND": "numpy"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert not found["lacking"], "give them a family in benchmarks/applications.py"
    for ok, count, said in found["said"].values():
        assert ok and count > 100, said
