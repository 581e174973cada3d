"""Augmentation inside a training: a phase of its own, exact whichever way a step is reached."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import cortex_lab as cl

AUGMENTATION = cl.Augmentation(rotation_range=15, shift_range=0.1, zoom_range=0.1, brightness_range=0.1)


def tour(**options):
    digits = cl.data.load("digits")
    layers = [
        cl.Conv2D(4, 3, activation="relu"), cl.MaxPooling2D(2), cl.Flatten(), cl.Dropout(0.3), cl.Dense(10),
    ]  # fmt: skip
    network = cl.Network(layers, digits.input_shape, seed=0)
    options = {"augment": AUGMENTATION, "batch_size": 64, **options}
    return cl.train(network, digits, "softmax_cross_entropy", cl.Adam(3e-3), **options)


def states(session):
    return session.network.params.copy(), session.trace["loss"].copy()


def same(one, other):
    for ours, theirs in zip(states(one), states(other), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_it_is_a_phase_after_which_the_pictures_are_others():
    session = tour()
    assert session.phases[:2] == ("fetch", "augment") and tour(augment=None).phases[1] == "forward:conv2d_1"
    session.step(to="fetch")
    fetched = session.buffers["input"].copy()
    np.testing.assert_array_equal(fetched, session.process.batch.inputs)
    session.step(to="augment")
    assert np.abs(session.buffers["input"] - fetched).max() > 0.1
    np.testing.assert_array_equal(fetched, session.process.batch.inputs)


def test_by_phases_whole_steps_rewound_and_forked_all_give_the_same_bits():
    straight, crooked = tour(), tour()
    straight.step(60)
    for phase in straight.phases:
        crooked.step(to=phase)
    crooked.step(69)
    crooked.rewind(37)
    crooked.step(23)
    same(straight, crooked)
    fork = crooked.fork(learning_rate=[3e-3, 3e-3])
    for branch in fork.branches:
        branch.step(10)
    straight.step(10)
    for branch in fork.branches:
        np.testing.assert_array_equal(branch.process.network.params, straight.network.params)


def test_a_row_comes_differently_in_every_epoch():
    session = tour(batch_size=1168)
    seen = []
    for _ in range(2):
        session.step(to="augment")
        order = np.argsort(session.process.batch.rows)
        seen.append(session.buffers["input"][order].copy())
        session.step()
    assert (np.abs(seen[0] - seen[1]).max(axis=(1, 2, 3)) > 0.05).mean() > 0.99


def test_saved_and_resumed_it_goes_on_exactly(tmp_path):
    straight = tour()
    straight.step(20)
    straight.save(tmp_path / "training.zip")
    straight.step(20)
    resumed = tour(resume_from=tmp_path / "training.zip")
    resumed.step(20)
    np.testing.assert_array_equal(resumed.network.params, straight.network.params)
    with pytest.raises(ValueError, match="another augment"):
        tour(augment=None, resume_from=tmp_path / "training.zip")


def test_its_script_repeats_it_in_a_fresh_process(tmp_path):
    session = tour()
    session.step(15)
    path = tmp_path / "again.py"
    path.write_text(
        session.script() + f"\nimport numpy\nnumpy.save({str(tmp_path / 'p.npy')!r}, network.params)\n"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, path], cwd=root, env=_with(root), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    np.testing.assert_array_equal(np.load(tmp_path / "p.npy"), session.network.params)


def _with(root: Path) -> dict[str, str]:
    import os

    return {**os.environ, "PYTHONPATH": str(root)}


def test_what_it_cannot_do_is_said():
    x, y = np.zeros((8, 5), np.float32), np.zeros(8, int)
    network = cl.Network([cl.Dense(2)], 5)
    with pytest.raises(ValueError, match=r"rotation_range is done to pictures .* these rows are \(5,\)"):
        cl.train(network, (x, y), "softmax_cross_entropy", cl.Adam(), batch_size=4, augment=AUGMENTATION)
    with pytest.raises(KeyError, match="no input 'image' to augment"):
        tour(augment={"image": AUGMENTATION})
    with pytest.raises(TypeError, match="Augmentation such as"):
        tour(augment=True)


def test_it_helps_where_rows_are_few():
    digits = cl.data.load("digits")
    x, y = digits.train.arrays()
    test_x, test_y = digits.test.arrays()
    scores = {}
    for name, augment in {
        "with": cl.Augmentation(rotation_range=15, shift_range=0.1),
        "without": None,
    }.items():
        layers = [
            cl.Conv2D(16, 3, padding="same", activation="relu"), cl.MaxPooling2D(2),
            cl.Conv2D(32, 3, padding="same", activation="relu"), cl.MaxPooling2D(2),
            cl.Flatten(), cl.Dense(10),
        ]  # fmt: skip
        network = cl.Network(layers, digits.input_shape, seed=0)
        session = cl.train(
            network,
            (x[:150], y[:150]),
            "softmax_cross_entropy",
            cl.Adam(3e-3),
            batch_size=30,
            augment=augment,
        )
        session.step(600)
        scores[name] = float((network.predict(test_x).argmax(1) == test_y).mean())
    assert scores["with"] > scores["without"] + 0.005, scores


EVERYTHING = cl.Augmentation(
    rotation_range=10, alternate_flip=True, crop=1, cutout=0.3, noise=0.1, contrast_range=0.2,
    then=lambda picture, draw: picture * draw.random(),
)  # fmt: skip


@pytest.mark.parametrize("augmentation", [AUGMENTATION, EVERYTHING])
def test_a_row_is_shown_as_it_is_trained_on(augmentation):
    session = tour(augment=augmentation)
    before = states(session)
    for step in (0, 1, session.process.batches.steps_per_epoch + 2):
        session.step(step - session.step_number)
        session.step(to="augment")
        epoch = step // session.process.batches.steps_per_epoch
        rows, trained = session.process.batch.rows, session.buffers["input"].copy()
        for place in (0, 7, 31):
            shown = session.augmented(int(rows[place]), epoch)
            np.testing.assert_array_equal(shown, trained[place])
            assert np.abs(session.augmented(int(rows[place]), epoch + 1) - shown).max() > 0.01
        session.step()
    assert len(before[1]) == 0
    with pytest.raises(IndexError, match="there is no row 5000; rows go from 0 to 1796"):
        session.augmented(5000)
    with pytest.raises(ValueError, match="no picture is changed here"):
        tour(augment=None).augmented(0)


def test_all_of_it_is_the_same_by_whole_steps_and_rewound():
    straight, crooked = tour(augment=EVERYTHING), tour(augment=EVERYTHING)
    straight.step(30)
    crooked.step(25)
    crooked.rewind(11)
    crooked.step(to="augment")
    crooked.step(19)
    same(straight, crooked)


def test_a_training_with_a_function_of_ones_own_is_saved_and_goes_on(tmp_path):
    session = tour(augment=EVERYTHING)
    session.step(3)
    session.save(tmp_path / "a.h5")
    on = tour(augment=EVERYTHING, resume_from=tmp_path / "a.h5")
    on.step(2)
    session.step(2)
    np.testing.assert_array_equal(on.network.params, session.network.params)
    with pytest.raises(ValueError, match="another augment"):
        tour(augment=AUGMENTATION, resume_from=tmp_path / "a.h5")
