"""Frames of every kind of column, and the views that are tried on each."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pandas as pd

from cortex_lab.data import (
    RaggedArray,
    TensorArray,
    class_balance,
    drift,
    farthest,
    image_grid,
    near_duplicates,
    overview,
)

NASTY = "</script><b>'\"&"
"""A name that has to be escaped wherever it stands."""


def columns() -> dict[str, Any]:
    """Six rows of everything a column may hold."""
    bytes_of = np.arange(6 * 16, dtype=np.uint8).reshape(6, 4, 4, 1)
    floats = bytes_of.astype(np.float32)
    floats[1, 0, 0, 0], floats[2, 0, 0, 0] = np.nan, np.inf
    pictures = np.empty(6, object)
    pictures[:] = [np.full((2 + row, 3, 3), 40 * row, np.uint8) for row in range(6)]
    return {
        "numbers": np.arange(6.0),
        "float16": np.arange(6, dtype=np.float16),
        "unsigned": np.arange(6, dtype=np.uint64) + np.uint64(2**63),
        "categories": pd.Categorical(list("aabbcc")),
        "categories that are numbers": pd.Categorical([3, 3, 1, 1, 2, 2]),
        "an unused category": pd.Categorical(["a"] * 6, ["a", "b"]),
        "strings": list("abcdef"),
        "objects of strings": np.array(list("abcdef"), object),
        "markup": [NASTY] * 3 + ["<img src=x onerror=alert(1)>"] * 3,
        "empty strings": [""] * 6,
        "dates": pd.date_range("2020-01-01", periods=6),
        "dates with a zone": pd.date_range("2020-01-01", periods=6, tz="Europe/Vienna"),
        "dates with gaps": [pd.Timestamp("2020-01-01"), pd.NaT] * 3,
        "durations": pd.to_timedelta(np.arange(6), "s"),
        "periods": pd.period_range("2020", periods=6, freq="M"),
        "intervals": pd.interval_range(0, 6),
        "bool": [True, False] * 3,
        "nullable integers": pd.array([1, None, 3, 4, 5, 6], dtype="Int64"),
        "nullable bool": pd.array([True, None] * 3, dtype="boolean"),
        "gaps": [1, np.nan, 3, 4, 5, 6],
        "strings with gaps": ["a", None, "b", "a", None, "c"],
        "all missing": [np.nan] * 6,
        "all missing objects": [None] * 6,
        "all missing dates": [pd.NaT] * 6,
        "constant": [1] * 6,
        "infinite": [1, np.inf, -np.inf, 2, 3, 4],
        "all infinite": [np.inf] * 6,
        "huge": [1e308, -1e308, 1, 2, 3, 4],
        "tiny": [5e-324, 0, 0, 0, 0, 0],
        "complex": np.arange(6) * 1j,
        "sparse": pd.arrays.SparseArray(np.arange(6.0)),
        "decimals": [Decimal("1.5"), Decimal("2.5")] * 3,
        "mixed": [1, "a", None, 2.5, (1,), b"x"],
        "lists": [[1], [2], [3], [1], [2], [3]],
        "dicts": [{"a": 1}] * 6,
        "tensor of bytes": TensorArray(bytes_of),
        "tensor of floats": TensorArray(floats),
        "tensor with gaps": TensorArray(bytes_of, np.array([True, False] * 3)),
        "tensor all missing": TensorArray(bytes_of, np.ones(6, bool)),
        "tensor of bools": TensorArray(bytes_of > 20),
        "tensor of vectors": TensorArray(floats[3:].reshape(6, 8)),
        "tensor of five axes": TensorArray(bytes_of.reshape(6, 2, 2, 2, 2)),
        "tensor of nothing": TensorArray(np.zeros((6, 0, 3))),
        "sequences": RaggedArray.of([[1], [1, 2], [3], [4, 5, 6], [], [1]]),
        "sequences all missing": RaggedArray(np.zeros(0), np.zeros(6, int), np.ones(6, bool)),
        "arrays of many shapes": pictures,
    }


def frames() -> dict[str, pd.DataFrame]:
    """A frame for each of `columns`, and those whose names or index are odd."""
    found = {name: pd.DataFrame({name: values}) for name, values in columns().items()}
    numbers = {"a": [1.0, 2, 4, 8], "b": list("xxyy")}
    multi = pd.MultiIndex.from_tuples([(0, "a"), (0, "b"), (1, "a"), (1, "b")])
    return found | {
        "names that are numbers": pd.DataFrame({0: [1, 2, 4], 1.5: [3, 4, 9]}),
        "a name to escape": pd.DataFrame({NASTY: [1, 2, 4]}),
        "names of several levels": pd.DataFrame([[1, 2], [3, 4]], columns=multi[:2]),
        "a name that is missing": pd.DataFrame({None: [1, 2, 4]}),
        "a duplicated index": pd.DataFrame(numbers, index=[0, 0, 1, 1]),
        "an index of words": pd.DataFrame(numbers, index=[NASTY, "b", "c", "d"]),
        "an index of several levels": pd.DataFrame(numbers, index=multi),
        "an index of dates": pd.DataFrame(numbers, index=pd.date_range("2020", periods=4)),
        "everything": pd.DataFrame(columns()),
    }


FRAMES = frames()

VIEWS: dict[str, Callable[[pd.DataFrame], Any]] = {
    "overview": lambda frame: overview(frame, report=False),
    "class_balance": lambda frame: class_balance(frame, frame.columns[0]),
    "image_grid": image_grid,
    "near_duplicates": near_duplicates,
    "farthest": farthest,
    "drift": lambda frame: drift(frame, frame),
}

NO_PICTURES = "has no column of pictures"
NO_COMPARISON = "no column of 'frame' can be compared"
NO_CLASS = ("classes are single values", "cannot be a class")
_UNCOMPARED = (
    "complex",
    "lists",
    "dicts",
    "sequences",
    "sequences all missing",
    "arrays of many shapes",
    "tensor of nothing",
)
_UNCLASSED = ("lists", "dicts", "arrays of many shapes")
_PICTURED = (
    "tensor of bytes",
    "tensor of floats",
    "tensor with gaps",
    "tensor of bools",
    "arrays of many shapes",
    "tensor of nothing",
    "everything",
)


def refusal(view: str, kind: str) -> tuple[str, ...]:
    """What a view has to say of a kind of frame that it does not show; nothing where it shows it."""
    if view == "class_balance" and kind == "a name that is missing":
        return ("no target with classes",)
    if view == "image_grid" and kind == "tensor all missing":
        return ("are missing",)
    if view == "image_grid" and kind not in _PICTURED:
        return (NO_PICTURES,)
    if view in ("near_duplicates", "farthest") and kind in _UNCOMPARED:
        return (NO_COMPARISON,)
    unfit = kind in _UNCLASSED or kind.startswith(("tensor", "sequences"))
    return NO_CLASS if view == "class_balance" and unfit else ()


class Page(HTMLParser):
    """HTML that is well formed, says in words what its pictures show, and runs nothing."""

    alone = ("img", "rect", "meta")

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.told: list[str] = []
        self.text: list[str] = []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        known = dict(attrs)
        assert tag != "script" and not [name for name in known if name.startswith("on")]
        if tag == "img":
            assert known["src"].startswith("data:image/") and known["alt"]
            self.told.append(known["alt"])
        if tag == "svg":
            assert known["role"] == "img" and known["aria-label"]
            self.told.append(known["aria-label"])
        if tag not in self.alone:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in self.alone:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)
