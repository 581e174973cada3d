"""Rows that are looked at beside the training are refused if they hold NaN, by name, as its own are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import cortex_lab as cl
from tests.nn.trainings import blobs

X, Y = blobs(100)
SEEN, KNOWN = blobs(40, seed=1)
NAMES = list("abcdef")
LOSSES: dict[str, tuple[int, Any]] = {
    "softmax_cross_entropy": (3, lambda y: y),
    "mean_squared_error": (1, lambda y: y.astype(float)),
    "mean_absolute_error": (1, lambda y: y.astype(float)),
    "sigmoid_cross_entropy": (1, lambda y: (y > 0).astype(float)),
}


def frame(x: np.ndarray, y: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame(x, columns=NAMES).assign(y=y)


def made(loss: str, validation: Any, as_frame: bool = False, x: np.ndarray = X) -> Any:
    units, targets = LOSSES[loss]
    data = cl.data.Dataset(frame(x, targets(Y)), NAMES, "y") if as_frame else (x, targets(Y))
    network = cl.Network([cl.Dense(units)], 6, ops="reference")
    return cl.train(network, data, loss, cl.Adam(0.01), validation=validation)


def broken(values: np.ndarray, at: Any, with_: float) -> np.ndarray:
    values = values.astype(np.float64)
    values[at] = with_
    return values


GIVEN: dict[str, Any] = {
    "arrays": lambda x, y: (x, y),
    "lists": lambda x, y: [x.tolist(), y.tolist()],
    "by input name": lambda x, y: ({"input": x}, y),
    "a frame": frame,
    "a frame and a column": lambda x, y: (frame(x, y)[NAMES], frame(x, y)["y"]),
}


@pytest.mark.parametrize("with_", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("how", GIVEN)
@pytest.mark.parametrize("loss", LOSSES)
def test_numbers_that_are_missing_beside_the_training_are_refused_by_name(loss, how, with_):
    as_frame, give, known = "frame" in how, GIVEN[how], LOSSES[loss][1](KNOWN)
    bad = give(broken(SEEN, (3, 2), with_), known)
    session = made(loss, give(SEEN, known), as_frame)
    for act in (lambda: made(loss, bad, as_frame), lambda: session.score(bad)):
        named = "column 'c'.*3" if as_frame else r"'input' of .*\[3\], column 2"
        with pytest.raises(ValueError, match=named):
            act()
    bad = give(SEEN, broken(known, 5, with_))
    for act in (lambda: made(loss, bad, as_frame), lambda: session.score(bad)):
        with pytest.raises(ValueError, match="5"):
            act()


def test_rows_held_out_of_the_data_are_named_as_there():
    x = broken(X, (7, 1), np.nan)
    seen = dict.fromkeys(range(8), False)
    for seed in seen:
        network = cl.Network([cl.Dense(3)], 6, ops="reference")
        with pytest.raises(ValueError, match=r"\[7\], column 1") as refusal:
            cl.train(network, (x, Y), "softmax_cross_entropy", cl.Adam(), validation=0.5, seed=seed)
        seen[seed] = "input 'input' of validation" in str(refusal.value)
    assert set(seen.values()) == {False, True}


def test_best_says_whether_nothing_or_nothing_finite_was_recorded():
    session = made("mean_squared_error", (SEEN, KNOWN.astype(float)))
    with pytest.raises(LookupError, match="no 'validation_loss' was recorded yet"):
        session.best()
    session.network.params[...] = 1e200
    session.stop_on_fault = False
    with np.errstate(all="ignore"):
        session.step(4)
    with pytest.raises(LookupError, match=r"all 1 recorded values of 'validation_loss' are NaN.*diagnose"):
        session.best()
    with pytest.raises(LookupError, match="all 4 recorded values of 'loss'"):
        session.best("loss")
