"""One workload of the tree on the path, for `benchmarks before`: numbers of steps come in, seconds go out.

It runs in trees that do not have this file, so it asks of them what has been there for long.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

Take = Callable[[int], object]


def names() -> list[str]:
    """What can be asked for, each with the benchmark that it is of."""
    from benchmarks.workloads import ours

    return [*(CPU + workload.name for workload in ours.WORKLOADS), *OTHERS]


def taker(name: str) -> Take:
    """What takes a number of steps of the workload of that name."""
    from benchmarks.workloads import ours

    if name in OTHERS:
        return OTHERS[name]()
    place = [CPU + workload.name for workload in ours.WORKLOADS].index(name)
    return ours.session_steps(place)


def _again(call: Callable[[], object]) -> Take:
    def take(times: int) -> None:
        for _ in range(times):
            call()

    return take


def _session(batch_size: int = 32) -> Any:
    """A small training on the digits."""
    import cortex_lab as cl

    digits = cl.data.load("digits").split(seed=0)
    network = cl.Network([cl.Flatten(), cl.Dense(32, "relu"), cl.Dense(10)], (8, 8, 1))
    return cl.train(network, digits, "softmax_cross_entropy", cl.Adam(1e-3), batch_size=batch_size)


def _numbers(*shape: int) -> Any:
    import numpy as np

    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


# What each benchmark times, or spends its time on ----------------------------------------------------


def _inference() -> Take:
    from benchmarks.workloads import ours

    return ours.predictions()


def _few_rows(count: int) -> Take:
    import cortex_lab as cl

    network, rows = cl.Network([cl.Dense(1)], 50), _numbers(count, 50)
    return _again(lambda: network.predict(rows))


def _score() -> Take:
    session = _session()
    return _again(lambda: session.score(session.dataset.test))


def _set_up() -> Take:
    import pandas as pd

    import cortex_lab as cl

    frame = pd.DataFrame(_numbers(20_000, 50), columns=[f"c{column}" for column in range(50)])
    data = cl.data.Dataset(frame, inputs=list(frame.columns[:-1]), target="c49")
    return _again(lambda: cl.train(cl.Network([cl.Dense(1)], 49), data, "mean_squared_error", cl.Adam(1e-3)))


def _epoch() -> Take:
    session = _session()
    steps = session.process.batches.steps_per_epoch

    def epoch() -> None:
        session.step(steps)
        session.score(session.dataset.test)

    return _again(epoch)


def _planned() -> Take:
    import cortex_lab as cl
    from cortex_lab.nn import Plan

    def plan() -> None:
        graph = cl.models.resnet_imagenet(50)
        Plan.inference(graph)
        Plan.training_step(graph, graph.outputs)

    return _again(plan)


def _diagnosis() -> Take:
    session = _session()
    session.step(100)
    return _again(session.diagnose)


def _saved() -> Take:
    import tempfile

    import cortex_lab as cl

    session, folder = _session(), tempfile.TemporaryDirectory()
    session.step(10)

    def there_and_back(folder: Any = folder) -> None:
        session.save(f"{folder.name}/it.h5")
        cl.Network.load(f"{folder.name}/it.h5")

    return _again(there_and_back)


def _layers(pictures: bool) -> Take:
    import cortex_lab as cl

    if pictures:
        shape, layers = (16, 16, 8), [
            cl.Conv2D(16, 3, padding="same"), cl.BatchNormalization(), cl.ReLU(), cl.MaxPooling2D(2),
            cl.DepthwiseConv2D(3, padding="same"), cl.LayerNormalization(), cl.GELU(), cl.UpSampling2D(2),
            cl.SeparableConv2D(16, 3), cl.LocalResponseNormalization(), cl.AveragePooling2D(2),
            cl.Conv2DTranspose(8, 3), cl.PReLU(), cl.Dropout(0.1), cl.Flatten(), cl.Dense(10),
        ]  # fmt: skip
    else:
        shape, layers = (24, 16), [
            cl.Conv1D(32, 3, padding="causal"), cl.Tanh(), cl.MaxPooling1D(2),
            cl.GRU(32, return_sequences=True), cl.LayerNormalization(),
            cl.Bidirectional(cl.LSTM(16, return_sequences=True)), cl.GaussianNoise(0.1),
            cl.SimpleRNN(16), cl.Dense(10),
        ]  # fmt: skip
    batches = cl.data.Batches(_numbers(256, *shape), _numbers(256, 10).argmax(axis=1), batch_size=64)
    training = cl.Training(cl.Network(layers, shape), batches, "softmax_cross_entropy", cl.Adam(1e-3))
    return _again(training.whole_step)


def _wide() -> Take:
    import cortex_lab as cl

    block = [cl.Dense(256), cl.LayerNormalization(), cl.GELU()]
    batches = cl.data.Batches(_numbers(512, 256), _numbers(512, 10).argmax(axis=1), batch_size=128)
    network = cl.Network([*block, *block, cl.Dense(10)], 256)
    return _again(cl.Training(network, batches, "softmax_cross_entropy", cl.Adam(1e-3)).whole_step)


def _batches() -> Take:
    import numpy as np

    import cortex_lab as cl

    pictures = np.random.default_rng(0).integers(0, 256, (8192, 28, 28, 1), dtype=np.uint8)
    batches = cl.data.Batches(pictures, np.arange(8192) % 10, batch_size=128)

    def epoch() -> None:
        for step in range(64):
            batches.fetch(step).inputs  # noqa: B018

    return _again(epoch)


def _bench() -> Take:
    from cortex_lab.widgets import Bench

    session = _session()
    bench = Bench(session)

    def step(bench: Any = bench) -> None:
        # Nobody looks at it, so this is what a bench costs a training by being there.
        session.step(20)

    return _again(step)


def _fitted() -> Take:
    import cortex_lab as cl

    estimator, rows = cl.NetworkClassifier((16,), epochs=2), _numbers(1000, 20)
    return _again(lambda: estimator.fit(rows, rows[:, :3].argmax(axis=1)))


def _kernels(kind: str) -> Take:
    import numpy as np

    from cortex_lab.compute import get_ops

    ops, calls = get_ops("cpu"), []
    if kind == "convolutions":
        x, w, y = _numbers(64, 14, 14, 20), _numbers(3, 3, 20, 32), _numbers(64, 12, 12, 32)
        dx, dw, geometry = np.empty_like(x), np.empty_like(w), ((1, 1), ((0, 0), (0, 0)), (1, 1), 1)
        calls += [
            lambda: ops.convolve(x, w, y, *geometry),
            lambda: ops.convolve_weight_gradient(x, y, dw, *geometry),
            lambda: ops.convolve_input_gradient(y, w, dx, *geometry),
        ]
    if kind == "pooling and normalization":
        x, y = _numbers(64, 24, 24, 20), _numbers(64, 12, 12, 20)
        winner, pooling = np.zeros(y.shape, np.int32), ((2, 2), (2, 2), ((0, 0), (0, 0)))
        flat, out, c = x.reshape(-1, 20), np.empty((x.size // 20, 20), np.float32), np.abs(_numbers(5, 20))
        calls += [
            lambda: ops.pool_max(x, y, winner, *pooling),
            lambda: ops.pool_max_gradient(y, winner, x, *pooling),
            lambda: ops.batch_normalize(flat, *c[:4], out, 1e-3),
            lambda: ops.batch_normalize_gradient(flat, out, c[0], c[2], c[4], c[1], c[3], out, 1e-3),
        ]
    if kind == "elements and updates":
        x, out, sums = _numbers(16_384, 16), _numbers(16_384, 16), _numbers(16)
        p, g, m, s = np.abs(_numbers(4, 250_000))
        calls += [
            lambda: ops.bias_activate(out, sums, "relu"),
            lambda: ops.activate("tanh", x, out),
            lambda: ops.sum_rows(x, sums),
            lambda: ops.update_adam(p, g, m, s, 1e-3, 0.9, 0.999, 1e-8, 3, 0.0),
            lambda: ops.update_sgd(p, g, m, 1e-3, 0.9, False),
            lambda: ops.dropout_mask(p, 0.5, 1, 2, 3),
        ]
    if kind == "products":
        a, b, product = _numbers(512, 512), _numbers(512, 512), _numbers(512, 512)
        calls.append(lambda: ops.matmul(a, b, out=product))
    return _again(lambda: [call() for call in calls])


def _import() -> Take:
    import subprocess

    # In the tree that this process is of.
    return _again(lambda: subprocess.run([sys.executable, "-c", "import cortex_lab"], check=True))


def _bare() -> Take:
    from benchmarks.workloads import ours

    return ours.bare_steps(0)


def _rewind() -> Take:
    session = _session()
    session.step(300)

    def back() -> None:
        session.rewind(150)
        session.step(10)

    return _again(back)


def _trace() -> Take:
    import tempfile
    from pathlib import Path

    from cortex_lab.study import Trace

    keys = ("loss", "accuracy", "learning_rate", "epoch", "grad_norm['conv2d_1']")
    values, folder = dict.fromkeys(keys, 0.5), tempfile.TemporaryDirectory()

    def record(folder: Any = folder) -> None:
        recorded, path = Trace(keys), Path(folder.name) / "run.h5"
        # As a session does, which knows its numbers: `append` looks at what anybody gives, for 1 us a row.
        append = getattr(recorded, "_append", recorded.append)
        with recorded.stream_to(path):
            for step in range(1, 10_001):
                append(step, step * 1e-3, values)
        Trace.open(path)
        path.unlink()

    return _again(record)


CPU = "cpu: "
OTHERS: dict[str, Callable[[], Take]] = {
    "cpu: ResNet-50 inference, 224x224, batch 8": _inference,
    "cpu: predict 64 rows of 50": partial(_few_rows, 64),
    "cpu: predict one row of 50": partial(_few_rows, 1),
    "accuracy: an epoch of the digits, and their score": _epoch,
    "accuracy: score the digits' test rows": _score,
    "accuracy: set up a training on 20,000 x 50 of a table": _set_up,
    "data: an epoch of shuffled batches of 8192 pictures": _batches,
    "engine: ResNet-50 described and planned": _planned,
    "diagnosis: of a training on the digits": _diagnosis,
    "estimators: one fitted to 1000 x 20": _fitted,
    "faults: a training saved, its network loaded": _saved,
    "layers: a step of many, on pictures": partial(_layers, True),
    "layers: a step of many, on sequences": partial(_layers, False),
    "layer_speed: a step of dense layers, layer normalization and GELU": _wide,
    "live: 20 steps under a bench that nobody looks at": _bench,
    "roofline: convolutions": partial(_kernels, "convolutions"),
    "roofline: pooling and normalization": partial(_kernels, "pooling and normalization"),
    "roofline: elements and updates": partial(_kernels, "elements and updates"),
    "roofline: products": partial(_kernels, "products"),
    "roofline: import cortex_lab": _import,
    "study: a bare step of the smallest net": _bare,
    "study: rewind 150 steps of the digits, and step 10": _rewind,
    "study: a trace of 10,000 rows, streamed and opened": _trace,
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
