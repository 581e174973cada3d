"""How a batch gets into the network: as arrays while it is checked, later straight from the data."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import cortex_lab as cl

ROWS = 22


class AsArrays:
    """Batches of someone's own, which have arrays and nothing else."""

    def __init__(self, batches, change=lambda batch: batch):
        self.batches, self.change = batches, change
        self.batch_size, self.steps_per_epoch = batches.batch_size, batches.steps_per_epoch

    def fetch(self, step):
        batch = self.batches.fetch(step)
        return self.change(cl.data.Batch(batch.inputs, batch.targets, batch.rows))


class Changed(AsArrays):
    """Batches that a wrapper changes on their way."""

    def fetch(self, step):
        return self.change(self.batches.fetch(step))


def floats(random):
    x = random.normal(size=(ROWS, 4))
    return x, random.integers(0, 3, ROWS), (4,), [cl.Dropout(0.3), cl.Dense(3)], "softmax_cross_entropy"


def pictures(random):
    x = random.integers(0, 256, (ROWS, 4, 4, 1)).astype(np.uint8)
    layers = [cl.Conv2D(2, 3), cl.Flatten(), cl.Dense(3)]
    return x, random.integers(0, 3, ROWS), (4, 4, 1), layers, "softmax_cross_entropy"


def autoencoder(random):
    x = random.normal(size=(ROWS, 4)).astype(np.float32)
    return x, x, (4,), [cl.Dense(3, activation="tanh"), cl.Dense(4)], "mean_squared_error"


def whole_numbers(random):
    x = random.integers(0, 5, (ROWS, 4))
    return (
        x,
        random.integers(0, 9, ROWS),
        (4,),
        [cl.Embedding(5, 2), cl.Flatten(), cl.Dense(1)],
        "mean_squared_error",
    )


def two_inputs(random):
    x = {"a": random.normal(size=(ROWS, 4)), "b": random.normal(size=(ROWS, 2))}
    layers = [cl.Node(cl.Concatenate(), "both", ("a", "b")), cl.Dense(3)]
    return x, random.integers(0, 3, ROWS), {"a": (4,), "b": (2,)}, layers, "softmax_cross_entropy"


DATA = [floats, pictures, autoencoder, whole_numbers, two_inputs]


def trained(source, shape, layers, loss, ops="cpu", steps=10, **options):
    network = cl.Network(layers, shape, ops=ops, seed=0)
    training = cl.Training(network, source, loss, cl.Adam(0.01), seed=3, **options)
    found = []
    for _ in range(steps):
        list(training.walk())
        found.append(training.measure("loss"))
    return training, np.array(found)


def batches_of(data, **options):
    x, y, *rest = data(np.random.default_rng(0))
    return cl.data.Batches(x, y, batch_size=8, seed=1, **options), rest


@pytest.mark.parametrize("ops", ["cpu", "reference"])
@pytest.mark.parametrize("data", DATA)
def test_what_is_put_straight_trains_like_the_arrays(data, ops):
    batches, rest = batches_of(data)
    straight, losses = trained(batches, *rest, ops)
    others, expected = trained(AsArrays(batches), *rest, ops)
    np.testing.assert_array_equal(losses, expected)
    np.testing.assert_array_equal(straight.network.params, others.network.params)
    for name, array in straight.buffers.items():
        np.testing.assert_array_equal(array, others.buffers[name])


@pytest.mark.parametrize("data", DATA)
def test_from_the_second_epoch_on_no_arrays_are_made(data):
    batches, rest = batches_of(data)
    assert not trained(batches, *rest, steps=3)[0].batch.unread
    training, _ = trained(batches, *rest, steps=4)
    assert training.batch.unread
    inputs = training.batch.inputs
    for name in training.network.graph.inputs:
        values = training.network.seen(name, inputs[name] if isinstance(inputs, dict) else inputs)
        np.testing.assert_array_equal(training.buffers[name], values.astype(training.buffers[name].dtype))


def doubled_in_place(batch):
    batch.inputs[:] *= 2
    return batch


def weighted(batch):
    return dataclasses.replace(batch, weights=np.arange(len(batch), dtype=np.float32))


def shifted_targets(batch):
    batch.targets[:] = (batch.targets + 1) % 3
    return batch


@pytest.mark.parametrize("change", [doubled_in_place, weighted, shifted_targets])
def test_what_a_source_changed_in_a_batch_is_what_is_learned_from(change):
    batches, rest = batches_of(floats)
    found = trained(Changed(batches, change), *rest)[1]
    np.testing.assert_array_equal(found, trained(AsArrays(batches, change), *rest)[1])
    assert (found != trained(batches, *rest)[1]).all()


def test_weights_of_rows_follow_their_rows():
    batches, rest = batches_of(floats)
    options = {"row_weights": np.random.default_rng(1).random(ROWS)}
    found = trained(batches, *rest, **options)[1]
    np.testing.assert_array_equal(found, trained(AsArrays(batches), *rest, **options)[1])


def test_pictures_are_augmented_in_every_epoch():
    batches, rest = batches_of(pictures)
    options = {"augment": cl.Augmentation(shift_range=0.3, contrast_range=0.2)}
    training, found = trained(batches, *rest, **options)
    # Straight to where they are changed, once.
    assert training.batch.unread
    np.testing.assert_array_equal(found, trained(AsArrays(batches), *rest, **options)[1])


def test_rows_left_out_later_are_fed_no_more():
    batches, rest = batches_of(floats)
    training, _ = trained(batches, *rest, steps=3)
    training.edit("excluded_rows", range(10))
    seen = []
    for _ in range(4):
        list(training.walk())
        seen += training.batch.rows.tolist()
        np.testing.assert_array_equal(training.buffers["input"], training.batch.inputs)
    assert set(seen) == set(range(10, ROWS))


def test_the_first_epoch_is_checked():
    batches, (shape, *rest) = batches_of(floats)
    broken = np.zeros((ROWS, 4))
    broken[batches.order(0)[-1], 2] = np.nan
    source = cl.data.Batches(broken, np.zeros(ROWS, int), batch_size=8, seed=1)
    row = batches.order(0)[-1]
    with pytest.raises(ValueError, match=rf"missing or infinite numbers in 1 rows .* data rows \[{row}\]"):
        trained(source, shape, *rest)
