"""One training step on the CPU, ours and the peers', taking turns; ResNet-50's inference."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from benchmarks import Comparison, Row, Timing, say

OPTIONS = {"seconds": 5.0, "compile": True, "only": ""}
"""`seconds` that each contender is timed for; `only` runs the workloads whose name contains it."""
PACKAGES = ("torch", "scipy", "jax")
INFERENCE = "ResNet-50 inference, 224x224, batch 8"


def run(options: Any) -> Iterable[Row]:
    from benchmarks.workloads import ours

    for place, workload in enumerate(ours.WORKLOADS):
        if options.only in workload.name:
            say(workload.name)
            yield from _training(place, workload, options)
    if options.only in INFERENCE:
        say(INFERENCE)
        yield from _inference(options)


def _training(place: int, workload: Any, options: Any) -> list[Row]:
    from benchmarks.workloads import keras, ours, pytorch, sklearn
    from benchmarks.workloads.contest import contest

    pictures = len(next(iter(workload.network().graph.inputs.values()))) == 3
    kinds = _kinds(options, pictures)
    _check(workload, kinds, sklearn.has(workload))
    makers: dict[str, Any] = {"bare": (ours.bare_steps, (place,)), "ours": (ours.session_steps, (place,))}
    makers |= {f"PyTorch {kind}": (pytorch.steps, (place, kind)) for kind in kinds}
    makers |= {f"Keras on {backend}": (keras.steps, (place, backend)) for backend in keras.backends()}
    if sklearn.has(workload):
        makers["scikit-learn"] = (sklearn.steps, (place,))
    timings = contest(makers, options.seconds)
    rows = _rows(workload.name, timings, workload.bar)
    # No bar: where the arrays of two processes lie makes more of a difference. It is in benchmarks/study.py.
    session = Comparison(timings["ours"], timings["bare"])
    return [*rows, session.row(f"{workload.name}: the Session's part", "bare steps")]


def _inference(options: Any) -> list[Row]:
    from benchmarks.workloads import ours, pytorch
    from benchmarks.workloads.contest import contest

    network, inputs = ours.inference()
    kinds = _kinds(options, True)
    found = network.predict(inputs)
    for kind in kinds:
        wanted = pytorch.inference(network, inputs, "eager" if kind == "compile" else kind)()
        if np.abs(found - wanted).max() > ours.CLOSE * np.abs(wanted).max():
            raise AssertionError(f"{INFERENCE}: our outputs and those of PyTorch {kind} are not the same")
    makers = {"ours": (ours.predictions, ())} | {
        f"PyTorch {kind}": (pytorch.predictions, (kind,)) for kind in kinds
    }
    return _rows(INFERENCE, contest(makers, 2 * options.seconds), 1.1)


def _kinds(options: Any, pictures: bool) -> list[str]:
    from benchmarks.workloads import pytorch

    wanted = {"eager": True, "channels_last": pictures, "compile": options.compile}
    return [kind for kind in pytorch.KINDS if wanted[kind]]


def _rows(name: str, timings: Mapping[str, Timing], bar: float) -> list[Row]:
    """A row for each peer; the fastest way of PyTorch carries the bar."""
    for who, timing in timings.items():
        say(f"{name}: {who} {timing}")
    peers = {who: timing for who, timing in timings.items() if who not in ("ours", "bare")}
    fastest = min((who for who in peers if "PyTorch" in who), key=lambda who: peers[who].median)
    compared = {who: Comparison(timings["ours"], timing) for who, timing in peers.items()}
    return [each.row(name, who, bar=bar if who == fastest else None) for who, each in compared.items()]


def _check(workload: Any, kinds: list[str], with_sklearn: bool) -> None:
    """AssertionError unless all have the same losses; without dropout, which each draws its own way."""
    from benchmarks.workloads import ours, pytorch, sklearn

    workload = ours.without_dropout(workload)
    session = workload.session()
    peers = {f"PyTorch {kind}": pytorch.training_step(workload, kind) for kind in kinds if kind != "compile"}
    if with_sklearn:
        peers["scikit-learn"] = sklearn.training_step(workload)
    for step in range(3):
        session.step()
        found = session.observation["loss"]
        for name, peer in peers.items():
            if name == "scikit-learn" and step > 0:
                continue  # its Adam adds epsilon before correcting the bias, so it goes another way from here
            wanted = peer()
            if abs(found - wanted) > ours.CLOSE * max(1.0, abs(wanted)):
                raise AssertionError(
                    f"{workload.name}, step {step}: our loss is {found}, that of {name} {wanted}"
                )
