"""What a row says beside its point, rows found by words, and columns that color a map."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import cortex_lab as cl
from cortex_lab.widgets.chart.told_rows import find_rows, told_of_row
from cortex_lab.widgets.requests import Requests
from tests.widgets import session_kinds


@pytest.fixture(scope="module")
def table() -> cl.TrainingSession:
    frame = pd.DataFrame(
        {
            "weight": [3.25, 4.0, 5.0, 6.5, 4.0, 7.0],
            "place": ["North hill", "south", "northern", None, "lake", "Lake 7"],
            "kind": ["ant", "bee", "ant", "cow", "bee", "cow"],
        }
    )
    splits = {"train": [0, 1, 2, 3], "test": [4, 5]}
    data = cl.data.Dataset(frame, ["weight"], "kind", splits=splits)
    session = cl.train(cl.Network([cl.Dense(4), cl.Dense(3)], 1), data, batch_size=2)
    session.step(3)
    return session


FOUND = {
    "ant": [0, 2],
    "ANT": [0, 2],
    "north": [0, 2],
    "place: lake": [4, 5],
    "weight: 4": [1, 4],
    "kind: be": [1, 4],
    "#3": [3],
    "3": [3],
    "7": [5],
    "99": [],
    "#x": [],
    " ": [],
}


@pytest.mark.parametrize("text", FOUND)
def test_rows_are_found(table, text):
    assert find_rows(table, text).tolist() == FOUND[text]


def test_a_column_that_is_not_there_is_named(table):
    with pytest.raises(KeyError, match="no column 'colour' to look in; there are weight, place, kind"):
        find_rows(table, "colour: red")


def test_rows_of_arrays_are_found_by_class_and_number():
    session = session_kinds.arrays()
    wanted = np.flatnonzero(np.asarray(session.process.batches.targets) == 1)
    assert len(wanted) and find_rows(session, "1").tolist() == wanted.tolist()
    assert find_rows(session, "#2").tolist() == [2]


def test_what_a_row_says(table):
    assert told_of_row(table, 3) == ("weight: 6.5\nplace: nan\nkind: cow", None)
    digits = cl.data.load("digits")
    net = cl.Network([cl.Flatten(), cl.Dense(10)], digits.input_shape)
    text, picture = told_of_row(cl.train(net, digits), 3)
    assert text == f"label: {digits.frame.label[3]}"
    expected = (np.asarray(digits.frame.image[3]) * 255 + 0.5).astype(np.uint8)
    np.testing.assert_array_equal(picture, expected)
    with pytest.raises(IndexError, match="no row 5000"):
        told_of_row(cl.train(net, digits), 5000)


def test_a_map_is_colored_by_what_is_known_of_rows(table):
    view = table.views.embedding_map()
    own = ("label", "prediction", "loss", "drift", "local distortion")
    assert view.colors == (*own, "split", "weight", "place")
    rows = view.look().rows
    for color in ("weight", "place", "split"):
        view.color = color
        colors = view.look().colors
        column = table.dataset.frame[color].loc[rows] if color != "split" else pd.Series("test", rows)
        if color == "weight":
            np.testing.assert_array_equal(colors.values, column)
        else:
            assert [colors.names[group] for group in colors.groups] == column.fillna("unknown").tolist()
    view.color = "loss"
    expected = table.results(table.dataset.select(rows))["loss"]
    np.testing.assert_allclose(view.look().colors.values, expected, rtol=1e-5)
    assert "loss" in view.frame()
    # Of weights that are not those mapped, it is unknown.
    view.stop()
    table.step(2)
    view.color = "loss"
    assert np.isnan(view.look().colors.values).all()


def test_a_question_leaves_an_error_as_it_is():
    requests = Requests()
    requests.put(lambda: 1 / 0)
    requests.grant()
    asked = []
    requests.put_question(lambda: asked.append(1))
    requests.grant()
    assert asked and isinstance(requests.error, ZeroDivisionError)
    requests.put_question(lambda: [][0])
    requests.grant()
    assert isinstance(requests.error, IndexError)
    requests.put(lambda: None)
    requests.grant()
    assert requests.error is None
