"""A batch in shards: the same training, with bits that no number of workers changes."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest

import cortex_lab as cl
from cortex_lab.compute import get_ops
from cortex_lab.compute.kernels.random import Stream
from cortex_lab.nn.run.sharding import additions, joined, shard_rows, sums_within
from cortex_lab.study.faults import UpdateHeldBack
from tests.nn.trainings import blobs, dense, state

SEQUENCE, IMAGE = (12, 24), (12, 12, 3)
NETWORKS = {
    "dropout and noise": (
        (24,), [cl.Dense(64, activation="tanh"), cl.Dropout(0.3), cl.GaussianNoise(0.1), cl.Dense(3)],
    ),
    "convolutional": (IMAGE, [
        cl.Conv2D(16, 3), cl.ReLU(), cl.MaxPooling2D(2), cl.DepthwiseConv2D(3), cl.Conv2D(8, 3, strides=2),
        cl.Flatten(), cl.Dense(3),
    ]),
    "batch normalization": (IMAGE, [
        cl.Conv2D(16, 3), cl.BatchNormalization(), cl.ReLU(), cl.MaxPooling2D(2), cl.Flatten(), cl.Dense(3),
    ]),
    "LSTM": (SEQUENCE, [cl.LSTM(48), cl.Dropout(0.2), cl.Dense(3)]),
    "both ways": (SEQUENCE, [cl.Bidirectional(cl.LSTM(20)), cl.LayerNormalization(), cl.Dense(3)]),
}  # fmt: skip


def data(shape=(24,)):
    numbers = np.random.default_rng(0)
    return numbers.normal(size=(96, *shape)).astype(np.float32), numbers.integers(0, 3, 96)


def made(name: str = "dropout and noise", shards: int = 4, ops: str = "cpu", data=data, **options):
    shape, layers = NETWORKS[name]
    given = data(shape) if callable(data) else data
    settings = {"loss": "softmax_cross_entropy", "optimizer": cl.SGD(0.05, momentum=0.9, clip_norm=1.0)}
    settings |= {"batch_size": 40, "validation": 0.2} | options
    return cl.train(cl.Network(layers, shape, seed=1, ops=ops), given, shards=shards, **settings)


def bits(session) -> str:
    keys = [key for key in session.trace.keys if key != "seconds"]
    rows = b"".join(session.trace[key].tobytes() for key in keys)
    return hashlib.sha256(state(session.process) + rows).hexdigest()


def whole_and_by_phase(name: str) -> list[str]:
    whole, walked = made(name), made(name)
    whole.step(6)
    for _ in range(6):
        for phase in walked.phases:
            walked.step(to=phase)
    return [bits(whole), bits(walked)]


PROGRAM = "import json; from tests.nn import test_shards as t; " + (
    "print(json.dumps({name: t.whole_and_by_phase(name) for name in t.NETWORKS}))"
)


def test_bits_are_the_same_for_any_number_of_workers_whole_or_by_phase():
    found = []
    for workers in ("1", "3"):
        environment = {**os.environ, "CORTEX_LAB_WORKERS": workers}
        command = [sys.executable, "-c", PROGRAM]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        found.append(json.loads(done.stdout))
    assert found[0] == found[1]
    assert all(len(set(each)) == 1 for each in found[0].values())


@pytest.mark.parametrize("name", [name for name in NETWORKS if name != "batch normalization"])
def test_shards_learn_what_whole_batches_do(name):
    whole, cut = made(name, shards=1), made(name, shards=3)
    whole.step(4)
    cut.step(4)
    for key in ("loss", "accuracy", "validation_loss"):
        np.testing.assert_allclose(cut.trace[key], whole.trace[key], atol=1e-6)
    np.testing.assert_allclose(cut.network.params, whole.network.params, atol=1e-6)


def test_batch_normalization_is_of_each_shard_and_remembers_their_mean():
    session = made("batch normalization", shards=2, ops="reference")
    session.step()
    batch, states = session.process.batches.fetch(0), session.network.states
    fresh = made("batch normalization", shards=1, ops="reference").network
    cut = batch.inputs[:20], batch.inputs[20:]
    kept = [fresh.activations(half, ["conv2d_1"])["conv2d_1"] for half in cut]
    means = np.mean([each.mean(axis=(0, 1, 2)) for each in kept], axis=0)
    variances = np.mean([each.var(axis=(0, 1, 2)) for each in kept], axis=0)
    np.testing.assert_allclose(states["batch_normalization_1/moving_mean"], 0.01 * means, atol=1e-12)
    np.testing.assert_allclose(
        states["batch_normalization_1/moving_variance"], 0.99 + 0.01 * variances, atol=1e-12
    )
    assert "each shard's rows" in repr(session)


def test_weights_unknown_targets_several_outputs_and_penalties_count_as_in_a_whole_batch():
    x, y = blobs(70)
    y = y.copy()
    y[::5] = -1
    weights = np.linspace(0.1, 3, len(x))
    targets = {"kind": y, "size": np.abs(x[:, :1])}
    layers = [
        cl.Dense(8, activation="tanh", name="trunk"),
        cl.Node(cl.Dense(3), inputs="trunk", name="kind"),
        cl.Node(cl.Dense(1), inputs="trunk", name="size"),
    ]
    options = {"sample_weight": weights, "loss_weights": {"size": 0.3}}
    options["penalties"] = {"*/kernel": cl.L2(0.01)}
    loss = {"kind": "softmax_cross_entropy", "size": "mse"}
    found = []
    for shards in (1, 4):
        network = cl.Network(layers, 6, outputs=["kind", "size"], ops="reference")
        session = cl.train(
            network, (x, targets), loss, cl.SGD(0.1), batch_size=32, shards=shards, validation=None, **options
        )
        session.step(6)
        found.append((session.trace["loss"], session.trace["accuracy"], network.params, session.frame))
    for one, other in zip(found[0][:3], found[1][:3], strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-12)
    np.testing.assert_allclose(found[1][3]["loss"], found[0][3]["loss"], rtol=1e-12)


def test_shared_parameters_and_a_short_last_batch():
    found = []
    for shards in (1, 4):
        layers = [
            cl.Node(cl.Dense(6), inputs="input", name="a"),
            cl.Node(cl.Dense(6), inputs="a", name="b", shares="a"),
            cl.Dense(3),
        ]
        # 90 rows in batches of 29: the last has 3, so 3 shards.
        training = dense(cl.SGD(0.1), layers, blobs(), batch_size=29, shards=shards)
        for _ in range(8):
            training.whole_step()
        found.append(training.network.params)
    np.testing.assert_allclose(found[1], found[0], rtol=1e-12)


def test_inside_a_step_everything_is_of_the_whole_batch():
    cut, whole = made(ops="reference"), made(ops="reference", shards=1)
    seen = []
    cut.process.tap = lambda phase, step, buffers: seen.append((phase, step))
    for session in (cut, whole):
        session.step(to="backward:dense_2")
    assert [phase for phase, _ in seen] == list(cut.phases[: cut.phases.index("backward:dense_2") + 1])
    for name, array in whole.buffers.items():
        np.testing.assert_allclose(cut.buffers[name], array, atol=1e-12, err_msg=name)
    cut.edit("gradient['dense_2/bias']", np.zeros(3))
    cut.step(to=cut.phases[-2])
    assert set(cut.pending_update) == set(cut.network.parameters)
    assert not cut.gradients["dense_2/bias"].any()
    for each in ("dead_units", "grad_norm"):
        keys = [key for key in cut.process.keys if key.startswith(each)]
        assert all(np.isfinite(cut.process.measure(key)) for key in keys)


def test_rewinding_forking_and_breaking_are_as_with_whole_batches():
    straight, session = made(), made()
    straight.step(9)
    session.step(7)
    session.rewind(step=3)
    (fork,) = session.fork()
    session.step(6)
    fork.step(6)
    assert bits(session) == bits(straight)
    assert state(fork.process) == state(straight.process)
    session.break_when("grad_norm > 0")
    assert session.run(cl.steps(5)).kind == "breakpoint"


def test_edits_between_steps_reach_every_shard():
    found = []
    for shards in (1, 4):
        session = made(shards=shards, ops="reference")
        session.step(2)
        session.edit("hyperparameter['dropout_1.rate']", 0.7)
        session.edit("excluded_rows", [1, 2, 3, 50])
        session.step(2)
        session.edit("frozen", ["dense_1"])
        session.step(2)
        found.append(session.network.params)
    np.testing.assert_allclose(found[1], found[0], rtol=1e-10)


def test_a_fault_in_one_shard_is_named_with_its_row():
    row = int(made("convolutional").process.batches.fetch(1).rows[33])
    x, y = data(IMAGE)
    # A number that overflows in the first layer, of a row that the second step comes to.
    x[row] = 3e38
    session = made("convolutional", data=(x, y))
    stop = session.step(2)
    assert stop.kind == "fault" and session.fault.rows == (row,) and session.step_number == 1
    with pytest.raises(UpdateHeldBack):
        session.step()


def test_shards_are_saved_compared_and_written_into_scripts(tmp_path):
    session = made()
    session.step(3)
    session.save(tmp_path / "run.h5")
    with pytest.raises(ValueError, match=r"other shards: 4, here 2; .* the same shards"):
        made(shards=2, resume_from=tmp_path / "run.h5")
    again = made(resume_from=tmp_path / "run.h5")
    session.step(3)
    again.step(3)
    assert state(again.process) == state(session.process)
    assert "shards=4" in session.script() and "shards" not in made(shards=1).script()
    space: dict = {}
    exec(session.script(), space)
    assert state(space["session"].process) == state(session.process)


def test_what_cannot_be_cut_is_refused_by_name():
    with pytest.raises(ValueError, match="shards=41 is more than the 40 rows of a batch"):
        made(shards=41)
    with pytest.raises(ValueError, match="shards"):
        made(shards=0)
    x = np.zeros((8, 4, 3), np.float32)
    layers = [cl.LSTM(4, stateful=8), cl.Dense(1)]
    with pytest.raises(ValueError, match="'lstm_1' is stateful"):
        cl.train(cl.Network(layers, (4, 3)), (x, x[:, 0, :1]), "mse", batch_size=8, shards=2, validation=None)


@pytest.mark.parametrize("backend", ["reference", "cpu", pytest.param("gpu", marks=pytest.mark.gpu)])
@pytest.mark.parametrize("shape", [(30, 7), (32, 40), (9, 3, 5), (32, 1)])
def test_a_part_of_a_draw_is_that_part_of_the_whole(backend, shape):
    ops, rows = get_ops(backend), shape[0]
    x = ops.asarray(np.random.default_rng(0).normal(size=shape))
    draws = {
        "uniform": lambda out, part, stream: ops.random_uniform(out, 5, 3, stream),
        "normal": lambda out, part, stream: ops.random_normal(out, 5, 3, stream),
        "mask": lambda out, part, stream: ops.dropout_mask(out, 0.3, 5, 3, stream),
        "dropout": lambda out, part, stream: ops.dropout(x[part], out.copy(), out, 0.3, 5, 3, stream),
    }
    for name, draw in draws.items():
        whole = ops.zeros(shape)
        draw(whole, slice(None), 2)
        for first, stop in shard_rows(rows, 4):
            out = ops.zeros((stop - first, *shape[1:]))
            draw(out, slice(first, stop), Stream(2, first, stop - first, rows))
            np.testing.assert_array_equal(ops.to_numpy(out), ops.to_numpy(whole)[first:stop], err_msg=name)


def test_whoever_adds_neighbors_adds_the_same_tree():
    numbers = np.random.default_rng(0).normal(size=13).astype(np.float32)

    def total(values, span):
        values = list(values)
        for into, other in additions(span):
            values[into] = values[into] + values[other]
        return values[span[0]]

    whole = total(numbers, (0, 13))
    for cuts in ((0, 13), (0, 6, 13), (0, 4, 8, 13), (0, 1, 2, 9, 13)):
        told = {}
        for own in pairwise(cuts):
            for span in sums_within((0, 13), own):
                told[span] = total(numbers, span)
        assert sorted(told)[0][0] == 0 and sum(stop - start for start, stop in told) == 13
        arrays = {span: np.full(1, value) for span, value in told.items()}
        assert whole == joined(get_ops("reference"), arrays, (0, 13))[0]
