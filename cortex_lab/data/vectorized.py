"""Mixed tables by skrub's TableVectorizer: dates, categories, texts, yes and no, and gaps."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from cortex_lab.data.transformer import Transformer
from cortex_lab.ground.float32 import as_float32, numbers_of

EXTRA = 'pip install "cortex-lab[data]"'
_SHOWN = 6


def by_default() -> Any:
    """The transformer of a table of columns of any kind, not fitted.

    Categories become a column of 0 and 1 each, one that was never seen 0 in all of them; dates year, month,
    day and seconds; texts 30 numbers. Numbers and dates are scaled, their gaps filled by the mean and said by
    a column of 0 and 1.
    """
    try:
        from skrub import DatetimeEncoder, StringEncoder, TableVectorizer
    except ImportError as error:
        raise ImportError(
            f"columns of words, dates or gaps are prepared by skrub, which is not installed: {EXTRA}; or "
            f"give a "
            "transformer of scikit-learn, dataset.prepared(transformer)"
        ) from error
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    # Of two categories both are kept: dropping one would read an unknown word as the other.
    encoder = OneHotEncoder(handle_unknown="ignore", sparse_output=False, dtype="float32")
    # What is rare would be large if it were scaled, so what says that something is missing is 0 or 1.
    filled = SimpleImputer(add_indicator=True, keep_empty_features=True)
    return TableVectorizer(
        low_cardinality=encoder,
        high_cardinality=StringEncoder(random_state=0),
        numeric=make_pipeline(StandardScaler(), filled),
        datetime=make_pipeline(DatetimeEncoder(), StandardScaler(), filled),
    )


def table_of(transformer: Transformer) -> Any:
    """The TableVectorizer that a transformer is or begins with, if it does."""
    steps = getattr(transformer, "steps", None)
    first = steps[0][1] if steps else transformer
    return first if type(first).__name__ == "TableVectorizer" else None


def parsed(transformer: Transformer, given: pd.DataFrame) -> None:
    """ValueError for words that are no dates, or no numbers, in columns of words that were learned as such.

    skrub would make gaps of them. Before it is fitted, too: for numbers that float32 does not keep apart.
    """
    table = table_of(transformer)
    if table is None:
        return
    for name in given.columns:
        if given[name].dtype.kind in "iuf":
            # skrub makes float32 of numbers.
            as_float32(numbers_of(given[name].dropna()), f"column {name!r}")
        if given[name].dtype != object:
            continue
        column = given[name]
        for step in _before_encoding(table, name) if hasattr(table, "transformers_") else ():
            made = step.transform(column)
            if not isinstance(made, pd.Series):
                break
            lost = column[column.notna() & made.isna()]
            kind = {"ToDatetime": "date", "ToFloat": "number"}.get(type(step).__name__)
            if kind is not None and len(lost):
                written = f", written as {step.format_}," if getattr(step, "format_", None) else ""
                raise ValueError(
                    f"column {name!r} holds {lost.iloc[0]!r}, in {len(lost)} of {len(column)} rows, which "
                    f"is no "
                    f"{kind}{written} as was learned from; write it so, or make it a gap: None"
                )
            column = made


def told(table: Any, given: pd.DataFrame) -> list[str]:
    """What a fitted TableVectorizer does to which columns, and which it leaves out."""
    kinds = table.kind_to_columns_
    said = []
    for kind, called in (("numeric", "numbers"), ("low_cardinality", "categories"), ("specific", "as said")):
        said += [f"{called} {_listed(kinds[kind])}"] if kinds.get(kind) else []
    dates = [f"{name!r}{_written(table, name)}" for name in kinds.get("datetime", ())]
    said += [f"dates {_joined(dates)}"] if dates else []
    texts = [f"{name!r} ({len(table.input_to_outputs_[name])} numbers)" for name in kinds["high_cardinality"]]
    said += [f"texts {_joined(texts)}"] if texts else []
    found = ["; ".join(said)] if said else []
    known = {name for columns in kinds.values() for name in columns}
    gone = [name for name in given.columns if name not in known or not table.input_to_outputs_.get(name)]
    found += [f"left out: {_listed(gone)}, where nothing stands"] if gone else []
    kept = [name for name in given.columns if name not in gone]
    same = [name for name in kept if len(given[name].drop_duplicates()) == 1]
    return [*found, *([f"the same in all rows: {_listed(same)}"] if same and len(given) > 1 else [])]


def _before_encoding(table: Any, name: str) -> Iterator[Any]:
    for step in table.all_processing_steps_.get(name, ()):
        if isinstance(step, dict) or step is table.transformers_.get(name):
            return
        yield step


def _written(table: Any, name: str) -> str:
    found = [getattr(step, "format_", None) for step in table.all_processing_steps_[name] if step]
    format_ = next((each for each in found if each), None)
    return f" (read as {format_})" if format_ else ""


def _listed(names: list[str]) -> str:
    return _joined([repr(name) for name in names])


def _joined(said: list[str]) -> str:
    return ", ".join(said[:_SHOWN]) + (f" and {len(said) - _SHOWN} more" if len(said) > _SHOWN else "")
