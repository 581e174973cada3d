"""A forked child goes on with a session at rest, and is told what to do with one that was stepping."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

CODE = """
import os, threading, warnings
import numpy as np, cortex_lab as cl

warnings.simplefilter("ignore")
data = np.random.default_rng(0).normal(size=(64, 6)), np.arange(64) % 3
session = cl.train(cl.Network([cl.Dense(3)], 6, ops="reference"), data, "softmax_cross_entropy", cl.SGD(0.1))
inside, go_on = threading.Event(), threading.Event()
if {stepping}:
    session.process.tap = lambda *what: (inside.set(), go_on.wait())
    thread = threading.Thread(target=session.step)
    thread.start()
    inside.wait()
child = os.fork()
if not child:
    code = 1
    try:
        for ask in (lambda: session.score(data), session.step):
            try:
                ask()
                assert not {stepping}
            except RuntimeError as error:
                assert {stepping} and 'get_context("spawn")' in str(error), error
        code = 0
    finally:
        os._exit(code)
_, status = os.waitpid(child, 0)
go_on.set()
raise SystemExit(os.waitstatus_to_exitcode(status))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks here")
@pytest.mark.parametrize("stepping", [True, False], ids=["stepping", "at rest"])
def test_a_forked_child_works_or_says_what_to_do(stepping):
    subprocess.run([sys.executable, "-c", CODE.format(stepping=stepping)], check=True, timeout=60)
