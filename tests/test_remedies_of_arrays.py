"""What is said of targets in arrays is said of arrays, and helps when it is typed."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

import cortex_lab as cl

ROWS = 60
random = np.random.default_rng(0)
X = random.normal(size=(ROWS, 3))
WORDS = np.array(["ant", "bee"])[np.arange(ROWS) % 2]
GAPS = np.where(np.arange(ROWS) % 10 == 3, None, WORDS.astype(object))
LOSSES = {"softmax_cross_entropy": 2, "sigmoid_cross_entropy": 1, "mean_squared_error": 1}
FRAME = pd.DataFrame({"size": random.normal(size=ROWS), "kind": WORDS})
MIXED = np.array([1, "ant"] * (ROWS // 2), object)

# Targets that are refused, by the losses that refuse them; and what they are called in what is typed.
REFUSED = {
    "gaps among words": (GAPS, LOSSES),
    "gaps in a list": (GAPS.tolist(), LOSSES),
    "gaps in a column": (pd.Series(GAPS), LOSSES),
    "NaN among ids": (
        np.where(np.arange(ROWS) % 10 == 3, np.nan, np.arange(ROWS) % 2),
        ["softmax_cross_entropy"],
    ),
    "bytes": (WORDS.astype("S"), LOSSES),
    "bytes in objects": (WORDS.astype("S").astype(object), LOSSES),
    "mixed": (MIXED, ["softmax_cross_entropy", "sigmoid_cross_entropy"]),
    "dates": (pd.to_datetime(["2020", "2021"] * (ROWS // 2)).to_numpy(), ["softmax_cross_entropy"]),
    "two columns": (FRAME, LOSSES),
    "words for values": (WORDS, ["mean_squared_error"]),
    "four words": (np.array(["ant", "bee", "cow", "doe"] * (ROWS // 4)), ["sigmoid_cross_entropy"]),
    "one word": (np.array(["ant"] * ROWS), ["sigmoid_cross_entropy"]),
    "a blank": (
        np.where(np.arange(ROWS) < 3, " ", WORDS),
        ["softmax_cross_entropy", "sigmoid_cross_entropy"],
    ),
}
REMEDY = re.compile(
    r"(?P<keep>keep = .*?); x\[keep\], numpy.asarray\(y\)\[keep\]"
    r"|(?P<y>(numpy|pandas)\.\S+?\(y\b.*?(?=, or |;|$))"
    r"|(?P<decoded>numpy\.char\.decode.*?\)\))"
    r"|(?P<typed>numpy\.asarray\(y\)\.\S+?\))"
    r"|(?P<column>frame\['kind'\])(?=,)"
)


def remedies(error):
    """(x, y) as each remedy that is told makes them."""
    for found in REMEDY.finditer(str(error)):
        yield {name: text for name, text in found.groupdict().items() if text}


def applied(remedy, x, y):
    names = {"numpy": np, "pandas": pd, "x": x, "y": y, "frame": FRAME}
    if "keep" in remedy:
        exec(remedy["keep"], names)
        return eval("x[keep], numpy.asarray(y)[keep]", names)
    text = next(iter(remedy.values())).replace("'ant': 0.0, ...", "'ant': 0.0, 'bee': 1.0")
    return x, eval(text, names)


def trained(x, y, loss):
    return cl.train(cl.Network([cl.Dense(LOSSES[loss])], 3), (x, y), loss, cl.Adam(), batch_size=8)


def helped(x, y, loss, deep=3):
    """Whether `y` is taken, or every remedy that is told leads there."""
    try:
        trained(x, y, loss).step()
        return 1
    except ValueError as error:
        assert "frame['targets']" not in str(error) and "Dataset, for instance" not in str(error)
        ways = list(remedies(error))
        told = str(error)
        # Another loss is a way out as well.
        assert ways or "_cross_entropy'" in told, told
        if deep:
            assert all(helped(*applied(each, x, y), loss, deep - 1) for each in ways), told
        return bool(deep)


@pytest.mark.parametrize(
    ("case", "loss"), [(c, loss) for c, (_, losses) in REFUSED.items() for loss in losses]
)
def test_what_is_told_of_targets_in_arrays_helps(case, loss):
    y, _ = REFUSED[case]
    with pytest.raises(ValueError):
        trained(X, y, loss)
    assert helped(X, y, loss)


OTHERS = {
    "unknown words": np.where(np.arange(ROWS) < 5, "wasp", WORDS),
    "gaps": GAPS,
    "bytes": WORDS.astype("S"),
    "a blank": np.where(np.arange(ROWS) < 3, " ", WORDS),
    "one column": WORDS.astype("S")[:, None],
}


@pytest.mark.parametrize("trained_on", ["words", "a dataset"])
@pytest.mark.parametrize("case", OTHERS)
def test_what_is_told_of_other_rows_in_arrays_helps(case, trained_on):
    data = (X, WORDS)
    if trained_on == "a dataset":
        data = cl.data.Dataset(pd.DataFrame(X, columns=list("abc")).assign(kind=WORDS), target="kind")
    session = cl.train(cl.Network([cl.Dense(2)], 3), data, "softmax_cross_entropy", cl.Adam())
    y = OTHERS[case]
    with pytest.raises(ValueError) as told:
        session.score((X, y))
    assert "frame[" not in str(told.value)
    ways = list(remedies(told.value))
    assert ways, str(told.value)
    for each in ways:
        x, followed = applied(each, X, y.ravel())
        assert np.isfinite(session.score((x, followed))["loss"])
