from __future__ import annotations

import dataclasses
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cortex_lab.data import Batch, Batches


def make(n: int = 10, batch_size: int = 4, **options) -> Batches:
    inputs = np.arange(n, dtype=np.float32)[:, None] * np.ones((1, 3), np.float32)
    return Batches(inputs, np.arange(n), batch_size=batch_size, **options)


def epoch_rows(batches: Batches, epoch: int) -> list[int]:
    steps = range(epoch * batches.steps_per_epoch, (epoch + 1) * batches.steps_per_epoch)
    return [row for step in steps for row in batches.fetch(step).rows.tolist()]


@settings(max_examples=30, deadline=None)
@given(
    n=st.integers(1, 40), size=st.integers(1, 40), seed=st.integers(0, 2**64 - 1), epoch=st.integers(0, 50)
)
def test_every_epoch_serves_every_row_once(n, size, seed, epoch):
    size = min(n, size)
    batches = make(n, size, seed=seed)
    assert sorted(epoch_rows(batches, epoch)) == list(range(n))
    assert batches.steps_per_epoch == -(-n // size)


@settings(max_examples=30, deadline=None)
@given(steps=st.lists(st.integers(0, 200), min_size=1, max_size=12), seed=st.integers(0, 99))
def test_fetch_is_a_function_of_seed_and_step(steps, seed):
    batches = make(seed=seed)
    first = {step: batches.fetch(step).rows.tolist() for step in steps}
    again = make(seed=seed)
    assert all(again.fetch(step).rows.tolist() == first[step] for step in reversed(steps))


def test_seeds_and_epochs_differ():
    orders = {tuple(make(50, seed=seed).order(epoch)) for seed in range(4) for epoch in range(4)}
    assert len(orders) == 16


def test_the_order_stays_the_same_for_good():
    # A change here would change every recorded run.
    assert make(seed=7).order(0).tolist() == [8, 4, 1, 6, 3, 2, 7, 5, 9, 0]
    assert make(seed=7).order(3).tolist() == [2, 5, 9, 7, 3, 0, 6, 8, 4, 1]


def test_a_batch_holds_what_its_rows_say():
    batches = make(10, 4)
    for step in range(6):
        batch = batches.fetch(step)
        assert len(batch) == (2 if step % 3 == 2 else 4)
        assert np.array_equal(batch.inputs[:, 0], batch.rows) and np.array_equal(batch.targets, batch.rows)
        assert batch.inputs.dtype == np.float32 and batch.inputs.flags.c_contiguous
        assert batch.targets.dtype == np.int64 and batch.rows.dtype == np.int64
        assert batch.weights is None


def test_a_batch_is_the_callers_to_change():
    batches = make()
    batch = batches.fetch(0)
    expected = batches.fetch(0)
    batch.inputs[:] = -1
    batch.targets[:] = -1
    batch.rows[:] = -1
    unchanged = batches.fetch(0)
    assert np.array_equal(unchanged.rows, expected.rows)
    assert np.array_equal(unchanged.inputs, expected.inputs)


def test_changing_the_rows_of_a_batch_changes_nothing_else():
    batch, expected = make().fetch(0), make().fetch(0)
    batch.rows[:] = 0
    assert np.array_equal(batch.inputs, expected.inputs) and np.array_equal(batch.targets, expected.targets)


def a_float_array(n):
    return np.random.default_rng(0).normal(size=(n, 3, 2))


def bytes_of_pictures(n):
    return np.random.default_rng(0).integers(0, 256, (n, 2, 2, 1)).astype(np.uint8)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32])
@pytest.mark.parametrize("make_inputs", [a_float_array, bytes_of_pictures])
def test_a_batch_put_somewhere_holds_what_it_would_when_read(make_inputs, dtype):
    inputs, targets = make_inputs(10), np.arange(20).reshape(10, 2)
    batches = Batches(inputs, targets, batch_size=4, seed=2)
    for step in range(batches.steps_per_epoch):
        batch, read = batches.fetch(step), batches.fetch(step)
        into = np.full(read.inputs.shape, 7, dtype)
        apart = np.full((*read.inputs.shape[:-1], 2 * inputs.shape[-1]), 7, dtype)[..., ::2]
        known, flat = np.full(read.targets.shape, 7, np.int64), np.full(read.targets.size, 7, dtype)
        batch.put({"pixels": into}, [known, flat])
        batch.put({"pixels": apart}, [])
        assert batch.unread and len(batch) == len(read.rows)
        assert np.array_equal(into, read.inputs.astype(dtype)) and np.array_equal(apart, into)
        assert np.array_equal(known, read.targets) and np.array_equal(flat, read.targets.ravel())
        assert np.array_equal(batch.inputs, read.inputs) and batch.inputs is not read.inputs


def test_named_inputs_are_put_by_name():
    inputs = {"image": np.ones((4, 2, 2, 1), np.uint8), "age": np.arange(4.0)[:, None]}
    image, age = np.zeros((3, 2, 2, 1), np.float32), np.zeros((3, 1), np.float32)
    Batches(inputs, None, batch_size=3, shuffle=False).fetch(0).put({"age": age, "image": image}, [])
    assert (image == 1).all() and age.ravel().tolist() == [0, 1, 2]


@pytest.mark.parametrize("name", ["inputs", "targets"])
def test_a_batch_that_was_read_could_have_been_changed(name):
    batch = make().fetch(0)
    assert batch.unread
    assert getattr(batch, name) is getattr(batch, name)
    assert not batch.unread


def test_a_batch_can_be_copied_with_other_weights_and_pickled():
    batch = make().fetch(1)
    weighted = dataclasses.replace(make().fetch(1), weights=np.ones(4, np.float32))
    assert weighted.weights.tolist() == [1, 1, 1, 1] and not weighted.unread and len(weighted) == 4
    for other in (weighted, pickle.loads(pickle.dumps(make().fetch(1)))):
        assert isinstance(other, Batch)
        for name in ("inputs", "targets", "rows"):
            assert np.array_equal(getattr(other, name), getattr(batch, name))


def test_without_shuffle_rows_come_in_the_order_given():
    batches = make(rows=[7, 1, 5], batch_size=2, shuffle=False)
    assert epoch_rows(batches, 0) == epoch_rows(batches, 9) == [7, 1, 5]


def test_bytes_stay_bytes_until_they_are_put_as_pictures():
    pictures = np.array([[[0], [51]], [[255], [102]]], np.uint8)
    batch, seen = Batches(pictures, None, batch_size=2, shuffle=False).fetch(0), np.zeros((2, 2, 1), "f4")
    batch.put({"image": seen}, [], {"image"})
    np.testing.assert_allclose(seen[..., 0], [[0, 0.2], [1, 0.4]], rtol=1e-6)
    assert seen.max() == 1 and batch.unread
    assert batch.inputs.dtype == np.uint8 and np.array_equal(batch.inputs, pictures)
    assert batch.targets is None


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
@pytest.mark.parametrize("shape", [(4, 3), (12,)])
def test_targets_that_are_a_picture_are_put_as_it_is_unless_they_are_class_ids(dtype, shape):
    images = np.random.default_rng(0).integers(0, 256, (10, 4, 3)).astype(np.uint8)
    batches = Batches(images, images.reshape(10, *shape).copy(), batch_size=10, shuffle=False)
    assert batches.targets_are == "inputs" and batches.targets.shape == (10, *shape)
    for pictures, factor in (({"image"}, np.float32(1 / 255)), ((), 1)):
        into, target = np.zeros((10, 4, 3), np.float32), np.zeros((10, *shape), dtype)
        batches.fetch(0).put({"image": into}, [target], pictures)
        assert np.array_equal(into, np.multiply(images, factor, dtype=np.float32))
        expected = images if dtype == np.int64 else into
        assert np.array_equal(target, expected.reshape(10, *shape))
    assert Batches(images, images[::-1], batch_size=10).targets_are is None


def test_other_types_become_float32():
    batch = Batches(np.ones((2, 2), np.int64), np.array([0.5, 1.5]), batch_size=2).fetch(0)
    assert batch.inputs.dtype == np.float32 and batch.targets.dtype == np.float32
    assert batch.targets.shape == (2,)


def test_named_inputs():
    inputs = {"image": np.ones((4, 2, 2, 1), np.uint8), "age": np.arange(4.0)[:, None]}
    batch = Batches(inputs, None, batch_size=3, shuffle=False).fetch(0)
    assert batch.inputs["image"].shape == (3, 2, 2, 1)
    assert batch.inputs["age"].ravel().tolist() == [0, 1, 2]
    assert repr(batch) == "<Batch of 3 rows: image (3, 2, 2, 1) uint8, age (3, 1) float32>"


def test_excluding_keeps_the_order_of_the_others():
    whole = make(20, 4, seed=3)
    fewer = whole.excluding([2, 11]).excluding([2, 5])
    assert fewer.excluded.tolist() == [2, 5, 11]
    for epoch in range(3):
        assert epoch_rows(fewer, epoch) == [row for row in epoch_rows(whole, epoch) if row not in (2, 5, 11)]
    assert len(whole.rows) == 20
    assert fewer.steps_per_epoch == 5 and make(20, 4, excluded=range(4)).steps_per_epoch == 4
    assert make(20, 4, seed=3, excluded=[11, 5, 2]).fetch(7).rows.tolist() == fewer.fetch(7).rows.tolist()


def test_a_part_keeps_the_relative_order_of_its_rows():
    part = make(20, 4, seed=3, rows=range(0, 20, 2))
    assert epoch_rows(part, 1) == [row for row in epoch_rows(make(20, 4, seed=3), 1) if row % 2 == 0]


@pytest.mark.parametrize("size", [0, -1, 11])
def test_batch_size_must_fit(size):
    with pytest.raises(ValueError, match=f"batch_size is {size}.* 10 rows.*choose from 1 to 10"):
        make(10, size)
    with pytest.raises(ValueError, match=r"batch_size is 4.* 3 rows"):
        make(10, 4, excluded=range(7))


@pytest.mark.parametrize(
    "again",
    [
        lambda part: part,
        lambda part: part.weighted(np.ones(10)),
        lambda part: part.prefetching(1),
        lambda part: part.reweighting({9: 2.0}),
    ],
)
def test_rows_left_out_make_a_batch_of_all_that_are_left(again):
    whole = make(10, 4)
    fewer = again(whole.excluding([0, 1, 2]).excluding(range(3, 7)))
    assert (fewer.batch_size, fewer.full_batch_size, fewer.steps_per_epoch) == (3, 4, 1)
    assert set(fewer.fetch(5).rows) <= {7, 8, 9} and len(fewer.fetch(5).rows) == 3
    assert "Batches of 3" in repr(fewer) and whole.batch_size == 4


def test_wrong_rows():
    with pytest.raises(ValueError, match="no rows"):
        make(rows=[])
    with pytest.raises(ValueError, match="no rows"):
        make(4, 1).excluding(range(4))
    with pytest.raises(IndexError, match="no row 10; rows go from 0 to 9"):
        make(rows=[1, 10])
    with pytest.raises(IndexError, match="no row -1"):
        make().excluding([-1])
    with pytest.raises(TypeError, match="whole numbers"):
        make(rows=[0.5])
    with pytest.raises(ValueError, match="twice"):
        make(rows=[1, 1, 2, 3])


def test_wrong_steps_seeds_and_lengths():
    with pytest.raises(ValueError, match="step must be a whole number of at least 0"):
        make().fetch(-1)
    with pytest.raises(ValueError, match="seed must be a whole number"):
        make(seed=-1)
    with pytest.raises(ValueError, match="inputs 3, targets 2"):
        Batches(np.zeros((3, 1)), np.zeros(2), batch_size=1)


def test_representations():
    assert (
        repr(make().excluding([1])) == "<Batches of 4: 9 rows shuffled with seed 0, 1 excluded, 3 per epoch>"
    )
    assert repr(Batch(np.zeros((1, 2)), None, np.zeros(1, int))).startswith("<Batch of 1 rows: inputs (1, 2)")


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize("named", [False, True])
def test_inputs_that_are_the_targets_too_are_put_into_both(dtype: type, named: bool):
    images = np.random.default_rng(0).integers(0, 255, (20, 4, 3)).astype(dtype)
    inputs = {"image": images, "other": images + 1} if named else images
    same = Batches(inputs, images, batch_size=7, seed=3).fetch(1)
    apart = Batches(inputs, images.copy(), batch_size=7, seed=3).fetch(1)
    found, wanted = ([np.zeros((7, 4, 3), np.float32) for _ in range(3)] for _ in range(2))
    for batch, (first, second, target) in ((same, found), (apart, wanted)):
        batch.put({"image": first, "other": second} if named else {"x": first}, [target])
    np.testing.assert_array_equal(found, wanted)
    assert found[2].any()
