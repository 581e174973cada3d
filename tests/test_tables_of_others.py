"""Tables that are no frames of pandas, but make one, are read as that frame is, wherever a frame is given."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import cortex_lab as cl

ROWS = 40
RANDOM = np.random.default_rng(0)
FRAME = pd.DataFrame(
    {
        "size": RANDOM.normal(size=ROWS),
        "city": np.array(["Bern", "Oslo", "Rome"])[np.arange(ROWS) % 3],
        "age": np.arange(ROWS) / 9,
        "label": np.array(["no", "yes"])[RANDOM.integers(0, 2, ROWS)],
    }
)


class Column:
    """As polars has them: an array to NumPy, and a Series when it is asked for one."""

    def __init__(self, column):
        self._column = column

    shape, dtype = property(lambda self: self._column.shape), property(lambda self: str(self._column.dtype))
    name = property(lambda self: self._column.name)

    def __len__(self):
        return len(self._column)

    def __getitem__(self, row):
        return self._column.iloc[row]

    def __array__(self, dtype=None, copy=None):
        return self._column.to_numpy(dtype)

    def to_pandas(self):
        return self._column.copy()


class Table:
    """As polars has them: rows to NumPy, columns to who asks for one by its name."""

    def __init__(self, frame):
        self._frame = frame

    shape = property(lambda self: self._frame.shape)
    columns = property(lambda self: list(self._frame.columns))

    def __len__(self):
        return len(self._frame)

    def __iter__(self):
        return (self[name] for name in self.columns)

    def __getitem__(self, name):
        return Column(self._frame[name])

    def __array__(self, dtype=None, copy=None):
        return self._frame.to_numpy(dtype)

    def __dataframe__(self, nan_as_null=False, allow_copy=True):
        return self._frame.__dataframe__(nan_as_null, allow_copy)

    def to_pandas(self):
        return self._frame.copy()


KINDS = {
    "polars": (Table, Column),
    "Arrow": (lambda frame: pa.Table.from_pandas(frame, preserve_index=False), pa.Array.from_pandas),
}
INPUTS, OTHERS = ["size", "age"], ["age", "size"]
# How a training is given the table and its columns.
GIVEN = {
    "a table and a name": lambda table, column: (table(FRAME), "label"),
    "a table alone": lambda table, column: table(FRAME),
    "a table and a column": lambda table, column: (table(FRAME[INPUTS]), column(FRAME["label"])),
    "a table and ids": lambda table, column: (table(FRAME[INPUTS]), (FRAME["label"] == "yes").to_numpy(int)),
    "by name": lambda table, column: ({"input": table(FRAME[INPUTS])}, {"out": column(FRAME["label"])}),
    "a dataset": lambda table, column: cl.data.Dataset(table(FRAME)),
}
# What is asked of the session then.
ASKED = {
    "predict": lambda session, data, table: session.network.predict(table),
    "call": lambda session, data, table: session.network(table),
    "activations": lambda session, data, table: session.network.activations(table)["out"],
    "gradient_of": lambda session, data, table: session.network.gradient_of(rows=table),
    "score": lambda session, data, table: list(session.score(data).values()),
    "adapt": lambda session, data, table: cl.Normalization().adapt(table).mean,
    "adapted columns": lambda session, data, table: cl.Normalization().adapt(table).columns,
}


def asked(given, table, column):
    data = GIVEN[given](table, column)
    columns = 5 if given in ("a table and a name", "a table alone", "a dataset") else 2
    session = cl.train(cl.Network([cl.Dense(2, name="out")], columns), data, validation=data)
    session.run(3, progress=False)
    found = {}
    for name, ask in ASKED.items():
        # A network knows columns by name, in whatever order they come.
        rows = FRAME[INPUTS if name.startswith("adapt") else OTHERS if columns == 2 else FRAME.columns[::-1]]
        found[name] = np.asarray(ask(session, data, table(rows)))
    return {**found, "reads": np.array([*session.network.reads.values()])}


@pytest.mark.parametrize("given", GIVEN)
@pytest.mark.parametrize("kind", KINDS)
def test_a_table_is_read_as_the_frame_that_it_makes(kind, given):
    wanted, found = asked(given, lambda frame: frame, lambda column: column), asked(given, *KINDS[kind])
    for name, values in wanted.items():
        assert np.array_equal(values, found[name]), name


@pytest.mark.parametrize("kind", KINDS)
def test_a_table_is_written_as_the_frame_that_it_makes(kind, tmp_path):
    cl.data.write(KINDS[kind][0](FRAME), tmp_path / "it.parquet")
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "it.parquet"), FRAME)


@pytest.mark.parametrize("kind", KINDS)
def test_a_name_that_the_table_does_not_have(kind):
    with pytest.raises(KeyError, match=r"no column 'lable'.*did you mean 'label'"):
        cl.train(cl.Network([cl.Dense(2)], 5), (KINDS[kind][0](FRAME), "lable"))


def test_only_a_frame_has_columns_to_be_named():
    rows = FRAME[INPUTS].to_numpy()
    for given, made in ((rows, r"data, columns=\[..., 'label'\]"), (dict(FRAME), "data")):
        with pytest.raises(TypeError, match=rf"\(pandas.DataFrame\({made}\), 'label'\)"):
            cl.train(cl.Network([cl.Dense(2)], 2), (given, "label"))
