"""Columns of words, dates, numbers and gaps as the numbers that a network reads, and the way back."""

from __future__ import annotations

import contextlib
from collections.abc import Hashable, Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, DTypeLike

from cortex_lab.data import trusted
from cortex_lab.data.kinds import CATEGORIES, KINDS, WORDS, alike, kinds_of, refuse_alike_names
from cortex_lab.data.transformer import Transformer
from cortex_lab.data.vectorized import by_default, parsed, table_of
from cortex_lab.data.vectorized import told as told_of_table
from cortex_lab.data.way_back import inverted
from cortex_lab.data.word_ids import WordIds
from cortex_lab.ground import checks
from cortex_lab.ground.categories import MOST

_LOOKED_AT = 8
"""Rows that are looked at alone, to see whether what is made of a row is a matter of that row."""
_SHOWN = 8


class Preparation:
    """What makes numbers of the columns of a table, as it was fitted on the rows to train on.

    `columns` are those that it reads, `kinds` what they held, `features` the names of the numbers that it
    makes, `transformer` the scikit-learn transformer that does; `notes` say what was filled, guessed or left
    out. `apply` reads other rows, `invert` goes the way back.
    """

    def __init__(
        self,
        columns: Iterable[Hashable],
        kinds: Iterable[str],
        transformer: Transformer,
        features: Iterable[str],
        notes: Iterable[str] = (),
        words: Mapping[str, list[str]] | None = None,
        dtype: DTypeLike = np.float32,
    ) -> None:
        self.columns, self.kinds, self.transformer = list(columns), list(kinds), transformer
        self.features, self.notes, self.dtype = list(features), tuple(notes), np.dtype(dtype)
        self.words = dict(words or {})
        if len(self.kinds) != len(self.columns) or not set(self.kinds) <= set(KINDS):
            raise checks.refused("kinds", "one for each column", self.kinds)

    @classmethod
    def fitted(
        cls,
        transformer: Transformer,
        frame: pd.DataFrame,
        columns: list,
        rows: np.ndarray,
        targets: pd.Series | None = None,
        dtype: DTypeLike = np.float32,
    ) -> Preparation:
        """One fitted on these `rows` of a frame and nothing else; `transformer` itself stays as it is.

        None is skrub's TableVectorizer with gaps filled and numbers scaled. What a transformer draws at
        random it draws from 0, unless it has a seed of its own. ValueError that names the column for what it
        cannot read.
        """
        refuse_alike_names(columns)
        kinds = kinds_of(frame, columns, rows)
        given = alike(frame, columns, kinds, rows)
        transformer = by_default() if transformer is None else _copied(transformer)
        name = _called(transformer)
        parsed(transformer, given)
        try:
            transformer.fit(given, targets)
        except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
            raise _cannot(name, "be fitted on these rows", error, given) from error
        words = {
            str(column): sorted(str(each) for each in found)
            for column, kind in zip(columns, kinds, strict=True)
            if kind in (WORDS, CATEGORIES)
            and len(found := given[str(column)].dropna().astype(object).unique()) <= MOST
        }
        made = cls(columns, kinds, transformer, (), (), words, dtype)
        some = made._made(given.iloc[: 8 * _LOOKED_AT])
        made.features = _features_of(transformer, some)
        if not made.features:
            raise ValueError(f"{name} leaves nothing of the columns {_listed(columns)} to learn from")
        _refuse_other_rows(name, some, made._made(given.iloc[:_LOOKED_AT]))
        made.notes = tuple(_told(made, given))
        return made

    def apply(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The numbers that are made of the rows of a frame, by `features`, on the index of the frame.

        Columns are found by name, in whatever order, and others left alone. KeyError for one that is missing;
        ValueError that names the column for what was not learned: words where numbers were, infinite numbers,
        dates that are written in another way.
        """
        return pd.DataFrame(self.numbers(frame), frame.index, self.features, copy=False)

    def numbers(self, frame: pd.DataFrame, rows: np.ndarray | None = None) -> np.ndarray:
        """What `apply` says of `rows`, row numbers or all, as an array."""
        checks.instance("frame", frame, pd.DataFrame, "a pandas.DataFrame")
        if len(frame) == 0:
            raise ValueError("the frame has no rows")
        given = alike(frame, self.columns, self.kinds, rows)
        made = self._made(given)
        if made.shape[1] != len(self.features):
            raise ValueError(
                f"{_called(self.transformer)} made {made.shape[1]} numbers of a row, and "
                f"{len(self.features)} "
                "when it was fitted"
            )
        return made

    def invert(self, numbers: ArrayLike | pd.DataFrame) -> pd.DataFrame:
        """The columns that the numbers of some rows were made of, in their own units, as far as that goes.

        Those that a transformer cannot give back are left out; ValueError where that is all of them.
        """
        index = numbers.index if isinstance(numbers, pd.DataFrame) else None
        values = checks.numbers("numbers", np.asarray(numbers), f"rows of {len(self.features)} numbers")
        if values.ndim != 2 or values.shape[1] != len(self.features):
            raise checks.refused("numbers", f"rows of {len(self.features)} numbers", numbers)
        found = inverted(self.transformer, values.astype(np.float64), [str(each) for each in self.columns])
        if not found:
            raise ValueError(f"{_called(self.transformer)} has no way back: it has no inverse_transform")
        given = {each: found[str(each)] for each in self.columns if str(each) in found}
        return pd.DataFrame(given, index=index)

    def written(self) -> tuple[dict[str, Any], bytes]:
        """What describes it, as JSON holds it, and its transformer in skops' format, for a network's file.

        ValueError that names what in it is not on the list of what is read from files.
        """
        described = {name: list(getattr(self, name)) for name in ("kinds", "features", "notes")}
        described |= {"words": self.words, "dtype": self.dtype.name}
        return described, trusted.written(self.transformer)

    def _made(self, given: pd.DataFrame) -> np.ndarray:
        """(n, k) of the dtype that is learned from; ValueError where that is not what comes out."""
        name = _called(self.transformer)
        parsed(self.transformer, given)
        try:
            made = self.transformer.transform(given)
        except (ValueError, TypeError, KeyError, IndexError) as error:
            raise _cannot(name, "read these rows", error, given, self.words) from error
        made = made.toarray() if checks.is_sparse(made) else np.asarray(made)
        made = made[:, None] if made.ndim == 1 else made
        if made.ndim != 2 or len(made) != len(given):
            raise ValueError(f"{name} made {'x'.join(map(str, made.shape))} of {len(given)} rows")
        if made.dtype == object:
            with contextlib.suppress(TypeError, ValueError):
                made = made.astype(np.float64)
        if made.dtype.kind not in "biuf":
            raise ValueError(
                f"{name} made {made.dtype} of these columns, and a network reads numbers: end it in an "
                f"encoder, "
                "such as OneHotEncoder(sparse_output=False)"
            )
        with np.errstate(over="ignore"):
            numbers = np.ascontiguousarray(made, dtype=self.dtype)
        if not np.isfinite(numbers).all():
            raise self._unfinished(made, numbers, given)
        return numbers

    def _unfinished(self, made: np.ndarray, numbers: np.ndarray, given: pd.DataFrame) -> ValueError:
        name = _called(self.transformer)
        rows, places = np.nonzero(~np.isfinite(numbers))
        gaps = [each for each in given.columns if given[each].isna().to_numpy()[rows].any()]
        if gaps and np.isnan(made[rows[0], places[0]]):
            count = int(given[gaps[0]].isna().sum())
            return ValueError(
                f"column {gaps[0]!r} is missing in {count} of {len(given)} rows, and {name} leaves gaps: "
                f"begin "
                "with sklearn.impute.SimpleImputer(), or end with it"
            )
        features = self.features or _features_of(self.transformer, made)
        return ValueError(
            f"{name} makes {made[rows[0], places[0]]:.4g} of row {given.index[rows[0]]!r} as "
            f"{features[places[0]]!r}, which is no {self.dtype.name}; scale or clip the column first"
        )

    def __repr__(self) -> str:
        return "\n  ".join(["<Preparation>", *self.notes])


def read_preparation(described: object, content: bytes, columns: list) -> Preparation:
    """The preparation of these columns that was `written` so; ValueError for what cannot be one."""
    checks.instance("a preparation", described, Mapping, "a dict")
    kinds, features, notes = (_texts(name, described[name]) for name in ("kinds", "features", "notes"))
    words = {
        checks.text("a column", name): _texts("words", found)
        for name, found in checks.instance("words", described["words"], Mapping, "a dict").items()
    }
    if not set(words) <= {str(column) for column in columns}:
        raise ValueError("it knows words of columns that it does not read")
    if described["dtype"] not in ("float32", "float64"):
        raise checks.refused("dtype", "float32 or float64", described["dtype"])
    transformer = trusted.read(content)
    if not hasattr(transformer, "transform"):
        raise ValueError(f"a {type(transformer).__name__} is no transformer")
    return Preparation(columns, kinds, transformer, features, notes, words, described["dtype"])


def _texts(name: str, given: object) -> list[str]:
    return [checks.text(name, each) for each in checks.listed(name, given)]


def _copied(transformer: Transformer) -> Any:
    """An unfitted transformer of one's own, drawing from 0 what it would draw from anywhere."""
    refuse_no_transformer(transformer)
    from sklearn.base import clone

    made = clone(transformer)
    for name, value in made.get_params(deep=True).items():
        if (name == "random_state" or name.endswith("__random_state")) and value is None:
            made.set_params(**{name: 0})
    return made


def refuse_no_transformer(transformer: object) -> None:
    """TypeError for what does not transform; ValueError for what reads new rows otherwise than learned."""
    usable = all(hasattr(transformer, name) for name in ("fit", "get_params")) and not isinstance(
        transformer, type
    )
    if not usable or not (hasattr(transformer, "transform") or hasattr(transformer, "steps")):
        given = f"the class {transformer.__name__}" if isinstance(transformer, type) else None
        raise checks.WrongArgument(
            f"a preparation is a scikit-learn transformer, such as StandardScaler(), a Pipeline or a "
            f"ColumnTransformer, got {given or checks.shown(transformer)}"
        )
    parts = [transformer, *transformer.get_params(deep=True).values()]
    if any(type(part).__name__ == "TargetEncoder" for part in parts):
        raise ValueError(
            "TargetEncoder gives rows that it was fitted on other numbers than new ones, so a network "
            "would learn "
            "the answers; encode by OneHotEncoder, or skrub's StringEncoder"
        )


def _called(transformer: Transformer) -> str:
    """What a transformer is called: the steps of a pipeline by their classes."""
    steps = getattr(transformer, "steps", None)
    if steps is None:
        return type(transformer).__name__
    names = [_called(step) for _, step in steps if step not in (None, "passthrough")] or ["Pipeline"]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _cannot(
    name: str, what: str, error: Exception, given: pd.DataFrame, words: Mapping[str, list[str]] | None = None
) -> ValueError:
    said = " ".join(str(error).split("\n\n")[0].split())
    said = said if len(said) < 300 else f"{said[:300]}..."
    for column, known in (words or {}).items():
        found = given[column].dropna().astype(object).map(str)
        strange = found[~found.isin(known)]
        if len(strange):
            return ValueError(
                f"column {column!r} holds {strange.iloc[0]!r}, in {len(strange)} of {len(given)} rows, "
                f"which was "
                f"not among what was learned from, {_listed(known)}, and {name} refuses it: leave those rows "
                "out, or prepare with OneHotEncoder(handle_unknown='ignore')"
            )
    gaps = [column for column in given.columns if given[column].isna().to_numpy().any()]
    hint = f" (column {gaps[0]!r} has gaps)" if gaps and "NaN" in said else ""
    return ValueError(f"{name} cannot {what}: {said}{hint}")


def _features_of(transformer: Transformer, made: np.ndarray) -> list[str]:
    try:
        names = [str(each) for each in transformer.get_feature_names_out()]
    except (AttributeError, ValueError, TypeError, NotImplementedError):
        names = []
    return names if len(names) == made.shape[1] else [f"number {place}" for place in range(made.shape[1])]


def _refuse_other_rows(name: str, some: np.ndarray, alone: np.ndarray) -> None:
    """ValueError if what is made of a row depends on the rows beside it, which may be some to test on."""
    beside = some[: len(alone)]
    if beside.shape != alone.shape or not np.allclose(beside, alone, rtol=1e-3, atol=1e-4):
        raise ValueError(
            f"{name} makes other numbers of a row when other rows stand beside it, so new rows would not "
            f"be read "
            "as those that were learned from; what it takes from all rows belongs in fit"
        )


def _told(made: Preparation, given: pd.DataFrame) -> list[str]:
    """What is done to which columns, and what was filled, guessed or left out."""
    said = [
        f"prepared by {_called(made.transformer)}, fitted on {len(given):,} rows: {len(made.columns)} "
        f"column{'s' * (len(made.columns) != 1)} to {len(made.features)} numbers"
    ]
    if isinstance(made.transformer, WordIds):
        said.append(made.transformer.told())
    table = table_of(made.transformer)
    said += [] if table is None else told_of_table(table, given)
    gaps = given.isna().sum()
    gaps = gaps[(gaps > 0) & (gaps < len(given))]
    if len(gaps):
        said.append("gaps: " + _listed([_Said(f"{name!r} {count:,}") for name, count in gaps.items()]))
    return said


class _Said(str):
    __slots__ = ()
    __repr__ = str.__str__


def _listed(names: Iterable[Any]) -> str:
    names = [repr(name) for name in names]
    return ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
