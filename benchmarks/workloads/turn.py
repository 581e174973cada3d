"""One workload of the tree on the path, for `benchmarks before`: numbers of steps come in, seconds go out.

It runs in trees that do not have this file, so it asks of them what has been there for long.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

Take = Callable[[int], object]


def names() -> list[str]:
    """What can be asked for."""
    from benchmarks.workloads import ours

    return [*(workload.name for workload in ours.WORKLOADS), *OTHERS]


def taker(name: str) -> Take:
    """What takes a number of steps of the workload of that name."""
    from benchmarks.workloads import ours

    if name in OTHERS:
        return OTHERS[name]()
    place = [workload.name for workload in ours.WORKLOADS].index(name)
    return ours.session_steps(place)


def _again(call: Callable[[], object]) -> Take:
    def take(times: int) -> None:
        for _ in range(times):
            call()

    return take


def _inference() -> Take:
    from benchmarks.workloads import ours

    return ours.predictions()


def _few_rows() -> Take:
    import numpy as np

    import cortex_lab as cl

    network = cl.Network([cl.Dense(1)], 50)
    rows = np.random.default_rng(0).normal(size=(64, 50)).astype(np.float32)
    return _again(lambda: network.predict(rows))


def _score() -> Take:
    import cortex_lab as cl

    digits = cl.data.load("digits").split(seed=0)
    network = cl.Network([cl.Flatten(), cl.Dense(32, "relu"), cl.Dense(10)], (8, 8, 1))
    session = cl.train(network, digits, "softmax_cross_entropy", cl.Adam(1e-3))
    return _again(lambda: session.score(digits.test))


def _set_up() -> Take:
    import numpy as np
    import pandas as pd

    import cortex_lab as cl

    rows = np.random.default_rng(0).normal(size=(20_000, 50)).astype(np.float32)
    frame = pd.DataFrame(rows, columns=[f"c{column}" for column in range(50)])
    data = cl.data.Dataset(frame, inputs=list(frame.columns[:-1]), target="c49")
    return _again(lambda: cl.train(cl.Network([cl.Dense(1)], 49), data, "mean_squared_error", cl.Adam(1e-3)))


def _rewind() -> Take:
    import cortex_lab as cl

    digits = cl.data.load("digits")
    network = cl.Network([cl.Flatten(), cl.Dense(32, "relu"), cl.Dense(10)], (8, 8, 1))
    session = cl.train(network, digits, "softmax_cross_entropy", cl.Adam(1e-3))
    session.step(300)

    def back() -> None:
        session.rewind(150)
        session.step(10)

    return _again(back)


OTHERS: dict[str, Callable[[], Take]] = {
    "ResNet-50 inference, 224x224, batch 8": _inference,
    "predict 64 rows of 50": _few_rows,
    "score the digits' test rows": _score,
    "set up a training on 20,000 x 50 of a table": _set_up,
    "rewind 150 steps of the digits, and step 10": _rewind,
}

if __name__ == "__main__":
    # What a workload prints is not an answer.
    answers, sys.stdout = sys.stdout, sys.stderr
    sys.path[0] = ""
    take = taker(sys.argv[1])
    for line in sys.stdin:
        steps = int(line)
        began = time.perf_counter()
        take(steps)
        print((time.perf_counter() - began) / steps, file=answers, flush=True)
