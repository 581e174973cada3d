"""The network that notebooks 14 and 15 read: small, certified, and good at what it was trained on."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

from cortex_lab.interop import read_keras, verify

DATA = Path(__file__).parents[2] / "notebooks" / "data"
MODEL, RECORDED = DATA / "digits_0_to_4.keras", DATA / "digits_0_to_4.recorded.h5"


def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_digits_0_to_4", DATA / "make_digits_0_to_4.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_it_is_small_and_every_layer_is_certified():
    assert MODEL.stat().st_size < 300_000 and RECORDED.stat().st_size < 300_000
    report = verify(read_keras(MODEL), recorded=RECORDED)
    assert report.ok and not report.unrecorded, report


def test_it_knows_what_it_was_trained_on():
    pictures, labels = script().rows()
    assert set(labels) == set(range(5))
    assert (read_keras(MODEL).predict(pictures).argmax(axis=1) == labels).mean() > 0.99
