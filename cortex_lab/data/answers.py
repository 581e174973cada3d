"""What people ask a Dataset for that is called otherwise here."""

from __future__ import annotations

from typing import Any

from cortex_lab.ground.habits import told
from cortex_lab.ground.held import Held

_ARRAYS = "x, y = dataset.arrays()"
_PARTS = "a split data set is one: dataset.train, .validation and .test; cl.train takes it whole"

_FRAME = "change the frame, and make a Dataset of it: Dataset(dataset.frame.dropna(), target=...)"
_SCALED = "begin the network with cl.Normalization().adapt(dataset)"
_SAID = ("inputs", "target", "splits", "dtype", "weight", "group", "time")

_ROWS = "Dataset(..., splits={'test': range(225, 300)}) says which rows"
_DRAWN = f"rows are drawn by seed=; split(time='a column') takes the latest to test on, and {_ROWS}"
_REST = "what the others leave is trained on: split(test=0.2, validation=0.1)"
_FOLDS = {"shuffle": "rows are dealt out by seed=; leave it out", "nsplits": "it is called k= here"}
_ARGUMENTS = {
    "split": {
        "shuffle": _DRAWN,
        "train": _REST,
        "training": _REST,
        "trainsize": _REST,
        "group": "it is called groups= here",
        "by": "say groups='a column', or time='a column'",
        "sort": _DRAWN,
        "rows": _ROWS,
    },
    "folds": {**_FOLDS, "n": "it is called k= here", "group": "it is called groups= here"},
}
"""What `split` and `folds` answer to arguments that they do not take, squeezed."""


class Answers(Held):
    """Base of `Dataset`: what to type for what it has not, and for arguments that it does not take."""

    def __init_subclass__(cls) -> None:
        for name in {"__init__", "split", "batches", "folds"} & cls.__dict__.keys():
            setattr(cls, name, told(cls.__dict__[name], _ARGUMENTS.get(name, {})))

    settable = frozenset({"name", "notes"})
    assigning = {  # noqa: RUF012
        **{name: f"make another: Dataset(dataset.frame, {name}=...)" for name in _SAID},
        "frame": "make another: Dataset(frame, ...)",
        "rows": "dataset.select(rows) are some",
        "labels": "dataset.relabel({row: label}) is another",
        "train": "dataset.split(test=0.25) is another",
        "validation": "dataset.split(validation=0.1) is another",
        "test": "dataset.split(test=0.25) is another",
    }
    remade = "change the frame, and make a Dataset of it"
    answers = {  # noqa: RUF012
        **dict.fromkeys(("dropna", "fillna", "drop", "sort_values", "rename", "assign", "groupby"), _FRAME),
        **dict.fromkeys(("iloc", "loc", "sample"), "dataset.select(rows), or dataset.frame"),
        **dict.fromkeys(("isna", "isnull", "to_csv", "dtypes"), "dataset.frame is a table, and has it"),
        **dict.fromkeys(("normalize", "standardize", "scale", "fit_transform", "transform"), _SCALED),
        "X": _ARRAYS,
        "x": _ARRAYS,
        "y": _ARRAYS,
        "data": _ARRAYS,
        "values": _ARRAYS,
        "to_numpy": _ARRAYS,
        "targets": _ARRAYS,
        "df": "dataset.frame",
        "dataframe": "dataset.frame",
        "head": "dataset.frame.head()",
        "describe": "dataset.frame.describe()",
        "columns_": "dataset.columns",
        "feature_names": "dataset.features",
        "target_names": "dataset.classes",
        "shape": "len(dataset), dataset.input_shape",
        "n_features": "dataset.input_shape",
        "num_classes": "len(dataset.classes)",
        "n_classes": "len(dataset.classes)",
        "batch": "dataset.batches(32)",
        "shuffle": "rows are shuffled in every epoch, by cl.train(..., seed=0)",
        "map": "change the frame, and make a Dataset of it",
        "val": "dataset.validation",
        "valid": "dataset.validation",
        "random_split": "dataset.split(test=0.25, validation=0.1)",
        "train_test_split": "dataset.split(test=0.25)",
    }

    def __iter__(self) -> Any:
        raise TypeError(f"a Dataset is not gone through: {_ARRAYS}, or dataset.batches(32); {_PARTS}")

    def __getitem__(self, key: object) -> Any:
        if isinstance(key, str):
            raise TypeError(f"a Dataset is no frame: dataset.frame[{key!r}] is a column")
        raise TypeError("a Dataset has no rows by number: dataset.select(rows) are some, .frame is a table")
