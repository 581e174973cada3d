"""Everything an Augmentation can do, to rows of every kind, beside what SciPy makes of the same draws."""

from __future__ import annotations

import zlib
from dataclasses import fields

import numpy as np
import pandas as pd
import pytest
from scipy import ndimage

import cortex_lab as cl
from cortex_lab.compute import get_ops
from cortex_lab.data import Batches
from cortex_lab.data._changes import ALTERNATING
from cortex_lab.data._draws import uniform
from cortex_lab.data.augmentation import _OF_COLORS, _OF_PICTURES, _OF_SEQUENCES
from cortex_lab.nn.train.augment import changed

ROWS, SEED = np.array([0, 3, 7, 12_345, 6]), 5
STREAM = 0x5A17_A06E


def draws(epoch: int) -> np.ndarray:
    """(row, 25): all that can be drawn for each row."""
    return uniform(SEED, STREAM + epoch, ROWS, 25)


def placed(x, linear, shift=(0, 0), mode="grid-constant"):
    """A picture moved by `shift` after it was turned around its middle, as SciPy does it."""
    middle = (np.array(x.shape[:2]) - 1) / 2
    offset = middle - linear @ (middle + np.array(shift))
    planes = [
        ndimage.affine_transform(plane, linear, offset, order=1, mode=mode) for plane in np.moveaxis(x, 2, 0)
    ]
    return np.stack(planes, axis=2)


def turned(x, u, degrees):
    angle = np.radians((2 * u - 1) * degrees)
    return placed(x, np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]))


def cropped(x, u, pixels):
    down, right = (int(np.floor(each * (2 * pixels + 1))) - pixels for each in u)
    padded = np.pad(x, ((pixels, pixels), (pixels, pixels), (0, 0)))
    height, width = x.shape[:2]
    return padded[pixels - down : pixels - down + height, pixels - right : pixels - right + width]


def cut(x, u, share):
    found, side = x.copy(), round(share * max(x.shape[:2]))
    top, left = (int(each * (size + 1)) - side // 2 for each, size in zip(u, x.shape[:2], strict=True))
    for i in range(top, top + side):
        for j in range(left, left + side):
            if 0 <= i < x.shape[0] and 0 <= j < x.shape[1]:
                found[i, j] = 0
    return found


def colored(x, hue, saturation):
    to = np.array([[0.299, 0.587, 0.114], [0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]])
    y, i, q = np.moveaxis(x @ to.T, 2, 0)
    color = (i + 1j * q) * saturation * np.exp(1j * np.radians(hue))
    return np.stack([y, color.real, color.imag], axis=2) @ np.linalg.inv(to).T


def noisy(x, row, epoch, size):
    generator = np.random.Philox(key=[SEED, (0x0C0D_E5ED << 24) + epoch], counter=[0, row, 0, 0])
    return x + size * np.random.Generator(generator).standard_normal(x.shape, np.float32)


def darker(row, draw):
    return row * np.float32(draw.random())


def darkened(x, row, epoch):
    generator = np.random.Philox(key=[SEED, (0x0C0D_E5ED << 24) + epoch], counter=[0, row, 0, 0])
    return x * np.float32(np.random.Generator(generator).random())


def delayed(x, u, share, nearest=False):
    most = round(share * len(x))
    by = int(np.floor(u * (2 * most + 1))) - most
    first, last = (x[:1], x[-1:]) if nearest else (0 * x[:1], 0 * x[-1:])
    wide = np.concatenate([*[first] * most, x, *[last] * most])
    return wide[most - by : most - by + len(x)]


def masked(x, u, share, axis):
    found, length = x.copy(), x.shape[axis]
    size = int(u[0] * (round(share * length) + 1))
    first = int(u[1] * (length - size + 1))
    found[(slice(None),) * axis + (slice(first, first + size),)] = 0
    return found


def seldom(epoch, row):
    """Whether a row is mirrored in an epoch by turns."""
    return bool(uniform(SEED, ALTERNATING, np.array([row]), 1)[0, 0] < 0.5) ^ bool(epoch % 2)


# By setting: its value, and what it makes of a row x of the draws u in an epoch.
PICTURES = {
    "horizontal_flip": (True, lambda x, u, row, epoch: x[:, ::-1] if u[4] < 0.5 else x),
    "vertical_flip": (True, lambda x, u, row, epoch: x[::-1] if u[3] < 0.5 else x),
    "alternate_flip": (True, lambda x, u, row, epoch: x[:, ::-1] if seldom(epoch, row) else x),
    "rotation_range": (60, lambda x, u, row, epoch: turned(x, u[0], 60)),
    "shear_range": (
        30,
        lambda x, u, row, epoch: placed(
            x, np.array([[1, 0], [np.tan(np.radians((2 * u[1] - 1) * 30)), 1]])
        ),
    ),
    "zoom_range": (0.4, lambda x, u, row, epoch: placed(x, np.eye(2) / (1 + (2 * u[2] - 1) * 0.4))),
    "shift_range": (
        0.5,
        lambda x, u, row, epoch: placed(x, np.eye(2), (2 * u[5:7] - 1) * 0.5 * np.array(x.shape[:2])),
    ),
    "crop": (2, lambda x, u, row, epoch: cropped(x, u[9:11], 2)),
    "brightness_range": (0.3, lambda x, u, row, epoch: x + (2 * u[8] - 1) * 0.3),
    "contrast_range": (
        0.7, lambda x, u, row, epoch: x.mean() + (1 + (2 * u[7] - 1) * 0.7) * (x - x.mean())
    ),
    "cutout": (0.6, lambda x, u, row, epoch: cut(x, u[13:15], 0.6)),
    "saturation_range": (0.8, lambda x, u, row, epoch: colored(x, 0, 1 + (2 * u[12] - 1) * 0.8)),
    "hue_range": (120, lambda x, u, row, epoch: colored(x, (2 * u[11] - 1) * 120, 1)),
}  # fmt: skip
SEQUENCES = {
    "time_shift": (0.5, lambda x, u, row, epoch: delayed(x, u[15], 0.5)),
    "time_mask": (0.6, lambda x, u, row, epoch: masked(x, u[16:18], 0.6, 0)),
    "feature_mask": (0.9, lambda x, u, row, epoch: masked(x, u[18:20], 0.9, 1)),
}
ANYTHING = {
    "noise": (0.2, lambda x, u, row, epoch: noisy(x, row, epoch, 0.2)),
    "then": (darker, lambda x, u, row, epoch: darkened(x, row, epoch)),
}
SHAPES = {
    "pictures": [(1, 1, 1), (1, 1, 3), (5, 8, 1), (7, 4, 3), (1, 6, 2), (28, 28, 1)],
    "sequences": [(1, 1), (7, 3), (12, 1)],
    "tables": [(1,), (5,)],
}
CASES = [
    (name, shape)
    for settings, kinds in (
        (PICTURES, ["pictures"]), (SEQUENCES, ["sequences"]), (ANYTHING, ["pictures", "sequences", "tables"]),
    )
    for name in settings
    for kind in kinds
    for shape in SHAPES[kind]
    if name not in _OF_COLORS or shape[-1] == 3
]  # fmt: skip
ALL = {**PICTURES, **SEQUENCES, **ANYTHING}


def of(shape, dtype) -> np.ndarray:
    x = np.random.default_rng(sum(shape)).integers(0, 256, (len(ROWS), *shape), dtype=np.uint8)
    return x if dtype == np.uint8 else (x / np.float32(100) - 1).astype(np.float32)


def seen(x: np.ndarray) -> np.ndarray:
    return x * np.float32(1 / 255) if x.dtype == np.uint8 else x


def test_every_setting_has_a_row():
    mixing = {"mixup", "cutmix"}
    assert {field.name for field in fields(cl.Augmentation)} == {*ALL, *mixing, "fill_mode"}
    assert {*_OF_PICTURES} == {*PICTURES, "cutmix"} and {*_OF_SEQUENCES} == {*SEQUENCES}


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize(("name", "shape"), CASES)
def test_it_does_what_numpy_and_scipy_do(name, shape, dtype):
    value, wanted = ALL[name]
    x, each = seen(of(shape, dtype)), cl.Augmentation(**{name: value})
    for epoch in (0, 1):
        found = changed(get_ops("cpu"), each, x, ROWS, SEED, epoch)
        for place, (row, u) in enumerate(zip(ROWS.tolist(), draws(epoch), strict=True)):
            expected = wanted(x[place].astype(np.float64), u, row, epoch)
            np.testing.assert_allclose(found[place], expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("shape", SHAPES["pictures"])
def test_a_chain_is_one_matrix(shape):
    settings = {"rotation_range": 40, "zoom_range": 0.3, "shift_range": 0.2, "shear_range": 20}
    for mode, fill in (("grid-constant", "constant"), ("nearest", "nearest")):
        each = cl.Augmentation(**settings, horizontal_flip=True, crop=1, fill_mode=fill)
        x = seen(of(shape, np.uint8))
        found = changed(get_ops("cpu"), each, x, ROWS, SEED, 2)
        for place, u in enumerate(draws(2)):
            angle, slope = np.radians((2 * u[0] - 1) * 40), np.tan(np.radians((2 * u[1] - 1) * 20))
            turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
            scale = np.diag([1, -1 if u[4] < 0.5 else 1]) / (1 + (2 * u[2] - 1) * 0.3)
            shift = (2 * u[5:7] - 1) * 0.2 * np.array(shape[:2]) + np.floor(u[9:11] * 3) - 1
            expected = placed(
                x[place].astype(np.float64), turn @ np.array([[1, 0], [slope, 1]]) @ scale, shift, mode
            )
            np.testing.assert_allclose(found[place], expected, atol=1e-5)


@pytest.mark.parametrize("shape", SHAPES["pictures"])
def test_a_draw_that_changes_nothing_leaves_every_byte(shape, monkeypatch):
    def middle(seed, stream, rows, count, first=0):
        return np.full((len(rows), count), 0.5)

    monkeypatch.setattr("cortex_lab.data._changes.uniform", middle)
    others = "cutout", "alternate_flip"
    settings = {name: value for name, (value, _) in PICTURES.items() if name not in others}
    if shape[-1] != 3:
        settings = {name: value for name, value in settings.items() if name not in _OF_COLORS}
    bytes_ = of(shape, np.uint8)
    for each in ({name: value} for name, value in settings.items() if name not in _OF_COLORS):
        found = changed(get_ops("cpu"), cl.Augmentation(**each), seen(bytes_), ROWS, SEED, 0)
        np.testing.assert_array_equal(found, seen(bytes_))
    found = changed(get_ops("cpu"), cl.Augmentation(**settings), seen(bytes_), ROWS, SEED, 0)
    np.testing.assert_array_equal(np.rint(found * 255).astype(np.uint8), bytes_)


# In a training -----------------------------------------------------------------------------------------

KINDS = {"pictures": (6, 5, 3), "sequences": (6, 3), "tables": (4,)}
ASKED = {
    **{name: ({name: value}, "pictures") for name, (value, _) in PICTURES.items()},
    **{name: ({name: value}, "sequences") for name, (value, _) in SEQUENCES.items()},
    **{f"{name} of {kind}": ({name: ANYTHING[name][0]}, kind) for name in ANYTHING for kind in KINDS},
    **{f"mixup of {kind}": ({"mixup": 0.4}, kind) for kind in KINDS},
    "cutmix": ({"cutmix": 1.0}, "pictures"),
    "all of a picture": (
        {
            "rotation_range": 20, "shift_range": 0.2, "alternate_flip": True, "crop": 1,
            "contrast_range": 0.3, "hue_range": 20, "cutout": 0.3, "noise": 0.1, "then": darker,
            "mixup": 0.3, "cutmix": 0.5,
        },
        "pictures",
    ),
    "all of a sequence": (
        {"time_shift": 0.3, "time_mask": 0.3, "feature_mask": 0.4, "noise": 0.1, "mixup": 0.3}, "sequences",
    ),
}  # fmt: skip


def rows_of(kind: str) -> cl.data.Dataset:
    x = np.random.default_rng(1).random((23, *KINDS[kind]), np.float32)
    x = (x * 255).astype(np.uint8) if kind == "pictures" else x
    return cl.data.Dataset(pd.DataFrame({"x": cl.data.TensorArray(x), "label": np.arange(23) % 3}), "x")


def tour(name: str, **options) -> cl.TrainingSession:
    settings, kind = ASKED[name]
    data = rows_of(kind).augmenting(cl.Augmentation(**settings))
    network = cl.Network([cl.Flatten(), cl.Dense(3)], data.input_shape, seed=0)
    return cl.train(network, data, "softmax_cross_entropy", cl.Adam(0.01), **{"batch_size": 8, **options})


@pytest.mark.parametrize("name", ASKED)
def test_whichever_way_a_step_is_reached_it_is_the_same(name, tmp_path):
    straight, crooked = tour(name), tour(name)
    straight.step(5)
    crooked.step(4)
    crooked.rewind(2)
    crooked.step(to="augment")
    crooked.step(3)
    wanted = straight.network.params.copy()
    np.testing.assert_array_equal(crooked.network.params, wanted)
    crooked.rewind(3)
    crooked.save(tmp_path / "saved.h5")
    resumed = tour(name, resume_from=tmp_path / "saved.h5")
    branch = crooked.fork(learning_rate=[0.01, 0.01]).branches[0]
    for session in (branch, resumed):
        session.step(2)
        np.testing.assert_array_equal(session.network.params, wanted)
    if "then" in ASKED[name][0]:
        return
    made: dict = {}
    exec(str(straight.script()), made)
    np.testing.assert_array_equal(made["network"].params, wanted)


@pytest.mark.parametrize("name", ASKED)
def test_a_row_is_the_same_in_every_batch_and_its_checksum_is_recorded(name):
    data = rows_of(ASKED[name][1]).augmenting(cl.Augmentation(**ASKED[name][0]))
    per_row = [
        {row: zlib.crc32(np.ascontiguousarray(data.augmented(row, epoch, 7))) for row in range(23)}
        for epoch in range(2)
    ]
    assert per_row[0] != per_row[1]
    for size, ahead in ((8, 0), (5, 2), (23, 1)):
        batches = data.batches(size, seed=7)
        batches = batches.prefetching(ahead) if ahead else batches
        network = cl.Network([cl.Flatten(), cl.Dense(3)], data.input_shape, seed=0)
        session = cl.train(network, batches, "softmax_cross_entropy", augment=data.augmentation, seed=7)
        for step in range(batches.steps_per_epoch + 1):
            session.step()
            wanted = per_row[step // batches.steps_per_epoch]
            assert session.process.measure("inputs_checksum") == sum(
                wanted[row] for row in session.process.batch.rows.tolist()
            )


@pytest.mark.parametrize("name", ASKED)
def test_it_is_written_down_as_it_is(name):
    settings, _ = ASKED[name]
    each = cl.Augmentation(**settings)
    training = tour(name).process
    (written,) = training.augmenter.to_dict().values()
    for setting, value in settings.items():
        assert written[setting] == (f"function {value.__qualname__}" if callable(value) else value)
    with pytest.raises(AttributeError):
        each.noise = 1.0  # type: ignore[misc]
    assert each == cl.Augmentation(**settings)


WRONG = [
    *((name, kind) for name in (*PICTURES, "cutmix") for kind in ("sequences", "tables")),
    *((name, kind) for name in SEQUENCES for kind in ("pictures", "tables")),
    *((name, "gray") for name in _OF_COLORS),
]


@pytest.mark.parametrize(("name", "kind"), WRONG)
def test_rows_that_it_cannot_be_done_to_are_refused_by_name(name, kind):
    value = ALL[name][0] if name in ALL else 1.0
    each, shape = cl.Augmentation(**{name: value}), {**KINDS, "gray": (6, 5, 1)}[kind]
    x, y = np.zeros((8, *shape), np.float32), np.arange(8) % 2
    network = cl.Network([cl.Flatten(), cl.Dense(2)], shape)
    for given in (each, {"input": each}):
        with pytest.raises(ValueError, match=rf"'input': {name} is done to "):
            cl.train(network, (x, y), "softmax_cross_entropy", augment=given)
    with pytest.raises(ValueError, match=f"'inputs': {name} is done to "):
        frame = pd.DataFrame({"x": cl.data.TensorArray(x), "label": y})
        cl.data.Dataset(frame, "x").augmenting(each).augmented(0)


def test_ids_have_nothing_between_them():
    network = cl.Network([cl.Embedding(9, 4), cl.Flatten(), cl.Dense(2)], (5,))
    x, y = np.ones((8, 5), np.int64), np.arange(8) % 2
    for given in (cl.Augmentation(noise=0.1), {"input": cl.Augmentation(mixup=0.2)}):
        with pytest.raises(ValueError, match=r"'input'.* ids"):
            cl.train(network, (x, y), "softmax_cross_entropy", augment=given)


def test_a_dataset_that_has_one_is_trained_with_it_unless_told_another():
    data = rows_of("tables").augmenting(cl.Augmentation(noise=0.5))
    network = cl.Network([cl.Dense(3)], 4)
    session = cl.train(network, data, "softmax_cross_entropy")
    assert session.process.augmenter.by_input == {"input": cl.Augmentation(noise=0.5)}
    other = cl.train(network, data, "softmax_cross_entropy", augment=cl.Augmentation(noise=0.1))
    assert other.process.augmenter.by_input == {"input": cl.Augmentation(noise=0.1)}
    assert data.select([1, 2]).augmentation == data.augmentation
    named = data.augmenting({"input": data.augmentation})
    np.testing.assert_array_equal(named.augmented(3), data.augmented(3))
    cl.train(network, named, "softmax_cross_entropy")
    assert not cl.train(network, data.augmenting(None), "softmax_cross_entropy").process.augmenter
    with pytest.raises(ValueError, match=r"have no augmentation; .*data\.augmenting"):
        rows_of("tables").augmented(0)
    with pytest.raises((TypeError, ValueError), match="augmentation must be an Augmentation such as"):
        data.augmenting("noise")  # type: ignore[arg-type]
    with pytest.raises(IndexError, match="there is no row 23 among these 23 rows"):
        data.augmented(23)
    for wrong in ({"row": -1}, {"row": 0, "epoch": -1}, {"row": 0, "seed": -1}):
        with pytest.raises(ValueError, match=f"{list(wrong)[-1]} must be"):
            data.augmented(**wrong)


def test_of_several_inputs_each_is_changed_by_its_own():
    pictures, numbers = np.random.default_rng(0).random((8, 4, 4, 1), np.float32), np.ones((8, 3), np.float32)
    layers = [
        cl.Node(cl.Flatten(), "flat", "picture"),
        cl.Node(cl.Concatenate(), "both", ["flat", "numbers"]),
        cl.Node(cl.Dense(2), "y", "both"),
    ]

    def network() -> cl.Network:
        return cl.Network(layers, {"picture": (4, 4, 1), "numbers": (3,)})

    batches = Batches({"picture": pictures, "numbers": numbers}, np.arange(8) % 2, batch_size=8)
    noise = {"picture": cl.Augmentation(crop=1), "numbers": cl.Augmentation(noise=0.1)}
    session = cl.train(network(), batches, "softmax_cross_entropy", augment=noise)
    session.step(to="augment")
    found, rows = session.buffers, session.process.batch.rows
    for name, given in (("picture", pictures), ("numbers", numbers)):
        assert np.abs(found[name] - given[rows]).max() > 0.01
    shown = session.augmented(int(rows[0]))
    np.testing.assert_array_equal(shown["numbers"], found["numbers"][0])
    only = cl.train(network(), batches, "softmax_cross_entropy", augment=cl.Augmentation(noise=0.1))
    assert list(only.process.augmenter.by_input) == ["picture"]
