"""A diagnosis looks, and changes nothing: at rest, inside a step, beside a training that goes on."""

from __future__ import annotations

import threading

import numpy as np
import pytest

import cortex_lab as cl
from tests.nn.trainings import blobs, state


def session(**options):
    x, y = blobs(240)
    layers = [cl.Dense(16), cl.BatchNormalization(), cl.ReLU(), cl.Dropout(0.3), cl.Dense(3)]
    options = {"validation": (x[200:], y[200:]), "validate_every": 7, "batch_size": 16, "seed": 4} | options
    network, loss = cl.Network(layers, 6), "softmax_cross_entropy"
    return cl.train(network, (x[:200], y[:200]), loss, cl.Adam(0.01), **options)


def whole(made):
    trace = made.trace.frame().drop(columns="seconds", errors="ignore").to_numpy()
    return state(made.process), made.step_number, made.phase, trace.tobytes(), len(made.events)


@pytest.mark.parametrize("to", [None, "fetch", "forward:dense_1", "loss", "backward:dense_2"])
def test_nothing_is_changed_by_a_bit(to):
    looked, left = session(), session()
    for made in (looked, left):
        made.step(20)
        if to is not None:
            made.step(to=to)
    before = whole(looked), {name: array.copy() for name, array in looked.buffers.items()}
    looked.diagnose()
    assert whole(looked) == before[0]
    assert all(np.array_equal(array, before[1][name]) for name, array in looked.buffers.items())
    for made in (looked, left):
        made.step(25)
    assert whole(looked) == whole(left)
    for made in (looked, left):
        made.rewind(step=11)
    assert whole(looked)[0] == whole(left)[0]


def test_it_says_the_same_twice():
    made = session()
    made.step(30)
    assert repr(made.diagnose()) == repr(made.diagnose())


def test_the_training_goes_on_beside_it():
    made, alone = session(), session()
    made.step(5)
    begun = threading.Event()
    made.subscribe(lambda notice: begun.set() if notice.step > 10 else None)
    stepping = threading.Thread(target=made.run, args=("epoch >= 400",))
    stepping.start()
    assert begun.wait(60)
    found = made.diagnose()
    made.pause()
    stepping.join(60)
    assert isinstance(found, tuple) and not any("(" in each for each in found.skipped)
    alone.step(made.step_number)
    assert state(made.process) == state(alone.process)


def test_before_the_first_step_it_looks_at_what_there_is():
    x, y = blobs(200)
    network = cl.Network([cl.Dense(8, activation="relu"), cl.Dense(3)], 6)
    made = cl.train(network, (1000 * x, y), "softmax_cross_entropy", cl.Adam(0.01))
    assert made.diagnose()[0].kind == "input_scale" and made.step_number == 0


def test_an_edit_is_where_the_story_begins():
    made = session()
    made.step(30)
    made.edit("learning_rate", 50.0)
    made.step(60)
    found = made.diagnose()
    assert found[0].kind == "learning_rate_high" and "from step 30 on" in str(found[0])
    assert "rewind(step=30)" in found[0].remedy


@pytest.mark.parametrize("where", ["inputs", "targets"])
def test_a_missing_number_is_named_by_its_row_and_left_out(where):
    random = np.random.default_rng(0)
    x, y = random.normal(size=(100, 3)).astype(np.float32), random.normal(size=100)
    (x if where == "inputs" else y)[77] = np.nan
    # Arrays are looked at before, batches of one's own as they come by.
    data = cl.data.Batches(x, y, batch_size=10)
    made = cl.train(cl.Network([cl.Dense(1)], 3), data, "mean_squared_error", cl.Adam(0.01))
    with pytest.raises(ValueError, match="missing"):
        made.step(10)
    found = made.diagnose()
    assert found[0].kind == "not_finite" and found[0].rows == (77,) and found[0].where.count(where[:-1])
    made.edit(*found[0].edits[0])
    made.step(20)
    assert not made.diagnose().of("not_finite")


def test_a_batch_of_one_row_is_named_before_what_follows_from_it():
    x, y = blobs(40)
    layers = [cl.Dense(8), cl.BatchNormalization(), cl.Activation("relu"), cl.Dense(3)]
    made = cl.train(cl.Network(layers, 6), (x, y), "softmax_cross_entropy", cl.Adam(0.01), batch_size=1)
    made.step(100)
    found = made.diagnose()
    assert found[0].kind == "batch_normalization" and found[0].options == {"batch_size": 32}


@pytest.mark.parametrize(
    "batch, shards, options",
    [(32, 32, {"shards": 4}), (32, 16, {"shards": 4}), (4, 4, {"batch_size": 32, "shards": 1})],
)
def test_shards_of_few_rows_are_named_before_what_follows_from_them(batch, shards, options):
    x, y = blobs(40)
    net = cl.Network([cl.Dense(8), cl.BatchNormalization(), cl.Activation("relu"), cl.Dense(3)], 6)
    made = cl.train(net, (x, y), "softmax_cross_entropy", cl.Adam(0.01), batch_size=batch, shards=shards)
    made.step(100)
    found = made.diagnose()
    assert found[0].kind == "batch_normalization" and found[0].options == options
    assert f"shards={shards}" in found[0].sentence



def test_an_overflow_is_told_with_its_cause():
    x, y = blobs(200)
    network = cl.Network([cl.Dense(16, activation="relu"), cl.Dense(1)], 6)
    made = cl.train(network, (x, y.astype(float) - 0.3), "mean_squared_error", cl.SGD(50.0))
    with np.errstate(all="ignore"):
        stop = made.step(200)
    assert stop.kind == "fault"
    found = made.diagnose()
    assert found[0].kind == "learning_rate_high" and f"step {made.fault.step}" in str(found[0])
