"""Data sets that scikit-learn carries."""

from __future__ import annotations

import pandas as pd

from cortex_lab.data.dataset import Dataset


def of_sklearn(name: str, test: float | int, validation: float | int, seed: int) -> Dataset:
    """What `sklearn.datasets.load_<name>` gives: its features as inputs, classes by their names."""
    from sklearn import datasets

    bunch = getattr(datasets, f"load_{name}")(as_frame=True)
    features, target = bunch.data, bunch.target
    if isinstance(target, pd.DataFrame):
        frame, goal = pd.concat([features, target], axis=1), target.columns.tolist()
    else:
        named = bunch.get("target_names")
        goal = "target"
        values = target if named is None else pd.Categorical.from_codes(target, [str(each) for each in named])
        frame = features.assign(target=values)
    dataset = Dataset(frame, features.columns.tolist(), goal, name=name)
    return dataset.split(test=test, validation=validation, seed=seed)
