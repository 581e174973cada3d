"""A training goes on with the options that it had, however they are said, and with no others."""

from __future__ import annotations

import inspect
import re
from typing import Any

import numpy as np
import pandas as pd
import pytest

import cortex_lab as cl
from cortex_lab.nn.contract.penalties import L2, Penalties
from cortex_lab.study import Probe
from tests.nn.test_resuming import HELD_OUT, X, Y, made
from tests.nn.trainings import state

SCALED, SHUFFLED = X * np.float32(1.5), X.copy()
SHUFFLED[[3, 5]] = SHUFFLED[[5, 3]]
OTHERS = {
    "draw seed": {"seed": 1},
    "batch size": {"batch_size": 20},
    "losses": {"loss": cl.SoftmaxCrossEntropy(label_smoothing=0.1)},
    "loss weights": {"loss_weights": {"dense_2": 2.0}},
    "penalties": {"penalties": {"*/kernel": L2(0.1)}},
    "training data": [
        {"data": (SCALED, Y)}, {"data": (SHUFFLED, Y)}, {"data": (X, (Y + 1) % 3)},
        {"data": (X[:90], Y[:90])},
        {"data": cl.data.Batches(X, Y, batch_size=10, seed=4)},
        {"data": cl.data.Batches(X, Y, batch_size=10, shuffle=False)},
    ],
    "weights of rows": [{"class_weight": {0: 2.0}}, {"sample_weight": np.linspace(1, 2, 100)}],
    "validation rows": {"validation": (HELD_OUT[0] + 1, HELD_OUT[1])},
    "network": {"layers": [cl.Dense(3)]},
    "frozen": {"frozen": ["dense_1"]},
    "shards": {"shards": 2},
}  # fmt: skip


@pytest.mark.parametrize("name", OTHERS)
def test_what_would_go_on_in_another_way_is_refused_by_name(tmp_path, name):
    session = made()
    session.step(7)
    session.save(tmp_path / "run.h5")
    others = OTHERS[name] if isinstance(OTHERS[name], list) else [OTHERS[name]]
    for options in others:
        called = "another" if name in ("draw seed", "batch size", "network") else "other"
        with pytest.raises(ValueError, match=f"({called} {name}|{name}=)") as caught:
            made(resume_from=tmp_path / "run.h5", **options)
        # A checksum tells nobody anything.
        assert not re.search(r"\d{6}|checksum", str(caught.value).replace(str(tmp_path), ""))
    for options in ({"metrics": ["f1_macro"]}, {"validate_every": 7}):
        assert made(resume_from=tmp_path / "run.h5", **options).step(3).step == 10


@pytest.mark.parametrize("given", ["arrays", "a dataset", "batches"])
def test_validation_ends_only_where_it_is_said(given, tmp_path):
    session = made()
    session.step(4)
    session.save(tmp_path / "run.h5")
    data = {
        "arrays": (X, Y),
        "a dataset": cl.data.Dataset(pd.DataFrame(X).assign(y=Y), list(range(X.shape[1])), "y"),
        "batches": cl.data.Batches(X, Y, batch_size=session.process.batches.batch_size, dtype=np.float64),
    }[given]
    with pytest.raises(ValueError, match=r"with validation rows, and here there are none.*validation=None"):
        made(resume_from=tmp_path / "run.h5", data=data, validation="validation")
    with pytest.warns(UserWarning, match="with validation rows; it goes on without"):
        resumed = made(resume_from=tmp_path / "run.h5", data=data, validation=None)
    session.step(3)
    assert resumed.step(3).step == 7 and state(resumed.process) == state(session.process)
    # To begin to validate takes nothing away.
    resumed.save(tmp_path / "bare.h5")
    assert made(resume_from=tmp_path / "bare.h5").step().step == 8


WEIGHTS = np.linspace(1, 2, 100)
EQUAL: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "sample_weight of ones": ({}, {"sample_weight": np.ones(100)}),
    "no sample_weight": ({"sample_weight": np.ones(100)}, {}),
    "sample_weight as a list": ({"sample_weight": WEIGHTS}, {"sample_weight": WEIGHTS.tolist()}),
    "sample_weight as a column": ({"sample_weight": WEIGHTS}, {"sample_weight": pd.Series(WEIGHTS)}),
    "class_weight of ones": ({}, {"class_weight": {0: 1, 1: 1.0, 2: 1}}),
    "class_weight": ({"class_weight": {0: 2}}, {"class_weight": {np.int64(0): 2.0, 1: 1}}),
    "loss": ({}, {"loss": {"dense_2": cl.SoftmaxCrossEntropy()}}),
    "loss_weights": ({}, {"loss_weights": {"dense_2": np.float32(1)}}),
    "batch_size": ({}, {"batch_size": np.int64(10)}),
    "seed": ({"seed": 3}, {"seed": 3}),
    "no penalties": ({}, {"penalties": {}}),
    "empty penalties": ({"penalties": {}}, {}),
    "penalties": (
        {"penalties": {"*/kernel": L2(0.1)}},
        {"penalties": Penalties({"*/kernel": L2(np.float64(0.1))})},
    ),
    "frozen": ({"frozen": ["dense_1"]}, {"frozen": "*e_1"}),
    "nothing frozen": ({}, {"frozen": None}),
    "augment": ({}, {"augment": {}}),
    "data": ({}, {"data": (X.astype(np.float64).tolist(), Y.astype(np.int8))}),
    "validation in float64": ({}, {"validation": (HELD_OUT[0].astype(np.float64), HELD_OUT[1])}),
    "validation as lists": ({}, {"validation": [each.tolist() for each in HELD_OUT]}),
    "validation of a size": ({"validation": 0.2}, {"validation": 20}),
    "optimizer": ({}, {"optimizer": cl.Adam(np.float64(0.01))}),
    "validate_every": ({}, {"validate_every": 3}),
    "metrics": ({}, {"metrics": "accuracy"}),
    "probes": ({}, {"probes": [Probe("loss")]}),
    "snapshot_budget": ({}, {"snapshot_budget": 1000}),
    "new_optimizer": ({}, {"new_optimizer": False}),
    "shards": ({"shards": 2}, {"shards": np.int64(2)}),
    "one shard": ({}, {"shards": 1}),
    "cluster": ({}, {"cluster": None}),
}  # fmt: skip


@pytest.mark.parametrize("name", EQUAL)
def test_what_comes_to_the_same_is_the_same(tmp_path, name):
    before, after = EQUAL[name]
    session = made(**before)
    session.step(7)
    session.save(tmp_path / "run.h5")
    resumed = made(resume_from=tmp_path / "run.h5", **after)
    for each in (session, resumed):
        each.step(5)
    assert state(resumed.process) == state(session.process)


def test_every_option_is_tried_as_another_and_as_the_same():
    options = set(inspect.signature(cl.train).parameters) - {"network", "resume_from"}
    assert options == {name for _, after in EQUAL.values() for name in after}
    others = {name.replace(" ", "_") for name in OTHERS}
    told = {"draw_seed": "seed", "losses": "loss", "training_data": "data", "validation_rows": "validation"}
    told |= {"weights_of_rows": "sample_weight"}
    only_look_on = {"validate_every", "metrics", "probes", "snapshot_budget", "cluster"}
    apart = {"optimizer", "new_optimizer", "augment", "class_weight"}
    assert options - only_look_on - apart == {told.get(name, name) for name in others} - {"network"}
