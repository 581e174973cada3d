"""From the numbers that a transformer made back to the columns it made them of, as far as it has a way."""

from __future__ import annotations

from typing import Any

import numpy as np

from cortex_lab.data.transformer import Transformer


def inverted(transformer: Transformer, values: np.ndarray, columns: list[str]) -> dict[str, np.ndarray]:
    """By name, those of `columns` that come back of `values` (n, k), in their own units."""
    steps = getattr(transformer, "steps", None)
    if steps is not None:
        (_, first), *others = steps
        for _, step in reversed(others):
            if step in (None, "passthrough"):
                continue
            back = _undone(step, values)
            if back is None:
                return {}
            values = back
        return inverted(first, values, columns)
    if transformer in (None, "passthrough") or type(transformer).__name__ == "PassThrough":
        return dict(zip(columns, values.T, strict=False)) if values.shape[1] == len(columns) else {}
    if hasattr(transformer, "output_indices_"):
        return _of_parts(transformer, values, columns)
    if hasattr(transformer, "input_to_outputs_"):
        return _of_table(transformer, values)
    found = _undone(transformer, values)
    if found is None or found.shape[1] != len(columns):
        return {}
    # What was not chosen comes back as 0, which is not what it was.
    kept = transformer.get_support() if hasattr(transformer, "get_support") else [True] * len(columns)
    return {name: part for name, part, known in zip(columns, found.T, kept, strict=True) if known}


def _undone(step: Any, values: np.ndarray) -> np.ndarray | None:
    """What a single transformer was given, (n, k); None where it does not say."""
    if type(step).__name__ == "SimpleImputer":
        return _unfilled(step, values)
    known = getattr(step, "func", None) is None or getattr(step, "inverse_func", None) is not None
    if not known or not hasattr(step, "inverse_transform"):
        return None
    # Of what was scaled and scaled back, a 0 is no more than nearly one.
    ones = type(step).__name__ == "OneHotEncoder"
    found = np.asarray(step.inverse_transform(np.round(values) if ones else values))
    return found[:, None] if found.ndim == 1 else found


def _unfilled(imputer: Any, values: np.ndarray) -> np.ndarray:
    """What a SimpleImputer was given, with its gaps where it says so; its own way back needs an indicator."""
    filled = np.array([isinstance(each, str) or each == each for each in imputer.statistics_])
    filled |= imputer.keep_empty_features
    found = np.full((len(values), len(filled)), np.nan)
    found[:, filled] = values[:, : filled.sum()]
    if imputer.indicator_ is not None:
        rows, places = np.nonzero(values[:, filled.sum() :] > 0.5)
        found[rows, imputer.indicator_.features_[places]] = np.nan
    return found


def _of_parts(transformer: Transformer, values: np.ndarray, columns: list[str]) -> dict[str, np.ndarray]:
    """Of a ColumnTransformer."""
    found: dict[str, np.ndarray] = {}
    for name, part, chosen in transformer.transformers_:
        if part == "drop":
            continue
        names = np.array(columns, object)[_places(chosen, columns)].tolist()
        found |= inverted(part, values[:, transformer.output_indices_[name]], names)
    return found


def _places(chosen: Any, columns: list[str]) -> Any:
    """Columns as a ColumnTransformer names them, as places."""
    if isinstance(chosen, str):
        return [columns.index(chosen)]
    if isinstance(chosen, (slice, int)):
        return chosen if isinstance(chosen, slice) else [chosen]
    chosen = list(chosen)
    return [columns.index(each) if isinstance(each, str) else each for each in chosen]


def _of_table(table: Any, values: np.ndarray) -> dict[str, np.ndarray]:
    """Of a TableVectorizer."""
    places = {name: place for place, name in enumerate(table.all_outputs_)}
    found: dict[str, np.ndarray] = {}
    for name, outputs in table.input_to_outputs_.items():
        own = [places[each] for each in outputs if each in places]
        part = table.transformers_.get(name)
        if own and part is not None:
            found |= inverted(part, values[:, own], [name])
    return found
