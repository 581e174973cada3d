"""The rows of a batch are shown as they were trained on, those that somebody selected among the first."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest

import cortex_lab as cl
from cortex_lab.study import Past
from cortex_lab.widgets import BatchRows
from cortex_lab.widgets.chart.marks import Tiles
from cortex_lab.widgets.chart.selection import Selection

AUGMENTATION = cl.Augmentation(rotation_range=15, shift_range=0.1, mixup=0.3)


@cache
def trained() -> Any:
    digits = cl.data.load("digits")
    network = cl.Network([cl.Flatten(), cl.Dense(10)], digits.input_shape, seed=0)
    options = {"batch_size": 64, "validation": None, "seed": 0, "augment": AUGMENTATION}
    session = cl.train(network, digits, "softmax_cross_entropy", **options)
    # Into the second epoch, in which every picture is another one than in the first.
    session.step(session.process.batches.steps_per_epoch + 3)
    return session


@pytest.mark.parametrize("back", [0, 1, 4])
def test_pictures_are_the_very_ones_that_a_step_was_made_on(back: int) -> None:
    session = trained()
    past = Past(session)
    past.aim(session.step_number - back)
    while not past.arrived:
        past.advance()
    shown = BatchRows(past.then).look()
    epoch = (past.then.step_number - 1) // session.process.batches.steps_per_epoch
    for row, values in zip(shown.rows, shown.values, strict=True):
        np.testing.assert_array_equal(values, session.augmented(int(row), epoch))
    given = session.dataset.select(shown.rows).arrays()[0]
    assert np.abs(shown.values - given).max() > 0.1


def test_before_a_batch_is_augmented_its_pictures_are_those_given() -> None:
    session = trained().fork(learning_rate=[0.001])[0]
    session.step(to="fetch")
    shown = BatchRows(session).look()
    np.testing.assert_array_equal(shown.values, session.dataset.select(shown.rows).arrays()[0])


def test_rows_selected_come_first_and_the_picture_is_another_one() -> None:
    view = BatchRows(trained())
    before = view.state(True)
    batch = np.asarray(view.session.process.batch.rows)
    least = np.argsort(view.session.frame["loss"].to_numpy())[:2]
    absent = next(row for row in range(2000) if row not in batch)
    view.selection = Selection([absent, *batch[least]])
    assert view.state(True) != before
    chart = view.drawing()
    mark = chart.plots[0].marks[0]
    assert isinstance(mark, Tiles) and {*mark.keys[:2].tolist()} == {*batch[least].tolist()}
    assert "those selected" in chart.caption and len(mark.keys) == 24
