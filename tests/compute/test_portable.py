"""CORTEX_LAB_PORTABLE: the same answers without AVX-512, x86 instructions and Numba's inside."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

PROGRAM = """
import sys
import numpy as np
from cortex_lab.compute import get_ops
from tests.compute.cases import CASES, Draw
from tests.compute.test_overrides import check

for name in {names!r}:
    for large in (False, True):
        check(name, CASES[name](Draw(3, large)))

from cortex_lab.compute.cpu import machine
from cortex_lab.compute.cpu.denormals import flush
assert not machine.has_wide_registers() and not machine.IS_X86
assert "cortex_lab.compute.cpu.numba_inside" not in sys.modules
flush()
words = flush.inspect_llvm().values()
assert words and not any("llvm.x86.sse" in text for text in words)
"""
# Of every kind: BLAS, vectors, sums by pieces, what is remembered, rooms of workers, several kernels in one.
HANDFUL = ("dense", "softmax_cross_entropy", "update_adam", "dropout", "convolve", "slopes_and_sums")


def test_a_handful_of_kernels_agrees_with_its_references():
    environment = {**os.environ, "CORTEX_LAB_PORTABLE": "1", "CORTEX_LAB_WORKERS": "3"}
    command = [sys.executable, "-W", "error", "-c", PROGRAM.format(names=HANDFUL)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("setting", ["", "0"])
def test_it_is_off_unless_asked_for(setting: str):
    program = "from cortex_lab.compute.cpu.machine import PORTABLE\nassert not PORTABLE"
    environment = {**os.environ, "CORTEX_LAB_PORTABLE": setting}
    subprocess.run([sys.executable, "-c", program], env=environment, check=True, timeout=120)
