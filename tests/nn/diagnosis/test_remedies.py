"""What a finding advises works when it is applied: by its edits, its options, or typed as it stands."""

from __future__ import annotations

import re

import numpy as np
import pytest

import cortex_lab as cl
from benchmarks.planted import BASES
from benchmarks.planted_faults import Planted

EDITED = {
    "rate too high": "perceptron", "rate far too high": "convolutional", "rate too low": "regression",
    "momentum": "perceptron", "schedule": "convolutional", "weights zero": "perceptron",
    "weights far too large": "perceptron", "weights far too small": "convolutional",
    "dead from the start": "perceptron", "saturated": "perceptron", "dropout": "perceptron",
    "weight decay": "perceptron", "clipping": "convolutional", "frozen": "convolutional",
    "target outlier": "regression", "row far out": "perceptron",
}  # fmt: skip


@pytest.mark.parametrize(("name", "base"), EDITED.items(), ids=EDITED)
def test_applying_the_edits_of_a_finding_makes_it_learn(name, base):
    session = Planted(base, (name,), ()).setup().session()
    finding = session.diagnose()[0]
    before = session.score(session.process.validation)["loss"]
    session.rewind(step=0)
    for edit, value in finding.edits:
        session.edit(edit, value)
    session.step(160)
    after = session.score(session.process.validation)["loss"]
    assert finding.edits and not after > 0.8 * before
    assert finding.kind not in [each.kind for each in session.diagnose()]


CHANGED = {"one row normalized": "perceptron", "imbalance": "perceptron"}


@pytest.mark.parametrize(("name", "base"), CHANGED.items(), ids=CHANGED)
def test_training_with_the_options_of_a_finding_is_healthier(name, base):
    setup = Planted(base, (name,), ()).setup()
    finding = setup.session().diagnose()[0]
    setup.batch_size = finding.options.get("batch_size", setup.batch_size)
    setup.options |= finding.options
    assert finding.options and finding.kind not in [each.kind for each in setup.session().diagnose()]


TYPED = {
    "input unscaled": "perceptron", "input tiny": "regression", "column huge": "perceptron",
    "target unscaled": "regression", "target shifted": "perceptron", "leakage": "regression",
    "columns constant": "perceptron",
}  # fmt: skip


@pytest.mark.parametrize(("name", "base"), TYPED.items(), ids=TYPED)
def test_typing_what_a_finding_says_mends_the_data(name, base):
    setup = Planted(base, (name,), ()).setup()
    setup.options["validation"] = None
    finding = setup.session().diagnose()[0]
    names = {"x": setup.x, "y": setup.y, "np": np}
    exec(re.findall(r"[xy] = .*?(?=, and drop|$)", finding.remedy)[0], names)
    setup.x, setup.y = np.asarray(names["x"], np.float32), names["y"]
    assert finding.kind not in [each.kind for each in setup.session().diagnose()]


def test_rows_to_leave_out_are_all_named_and_can_be():
    setup = Planted("perceptron", ("label noise",), ()).setup()
    session = setup.session()
    finding = session.diagnose()[0]
    assert sorted(finding.rows) == finding.edits[0][1] and len(finding.rows) > 20
    session.edit(*finding.edits[0])
    session.step(16)
    assert len(session.process.batches.rows) == len(setup.x) - len(finding.rows)


def test_units_to_revive_are_those_of_the_layer_that_has_them():
    random = np.random.default_rng(0)
    x, y = random.normal(size=(200, 4)), random.integers(0, 3, 200)
    layers = [cl.Dense(30), cl.BatchNormalization(), cl.ReLU(), cl.Dense(20)]
    layers += [cl.Activation("relu"), cl.Dense(3)]
    session = cl.train(cl.Network(layers, 4), (x, y), "softmax_cross_entropy", cl.Adam(0.01), batch_size=50)
    session.step(5)
    planted = {"dense_2": np.arange(20) < 15}
    for name, dead in planted.items():
        session.edit(f"weights['{name}/bias']", np.where(dead, -1e4, 0))
    session.step()
    (finding,) = [each for each in session.diagnose().of("dead_units") if each.where == "activation_1"]
    # Not cut short, however many they are.
    assert set(range(15)) <= set(finding.edits[0][1]) and finding.edits[0][0] == "revived_unit['dense_2']"
    assert str(finding.edits[0][1]) in finding.remedy
    session.edit(*finding.edits[0])
    session.step()
    left = [each for each in session.diagnose().of("dead_units") if each.where == "activation_1"]
    assert not left or len(left[0].units) < 8


OPTIMIZERS = cl.optimize.optimizers.__all__


@pytest.mark.parametrize("rate", [1e3, 1e12, 1e30])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_rate_beyond_all_is_the_cause_and_the_one_advised_learns(optimizer, rate):
    setup = BASES["regression" if OPTIMIZERS.index(optimizer) % 2 else "perceptron"](2)
    setup.steps, setup.optimizer = 30, getattr(cl, optimizer)(rate)
    session = setup.session()
    finding = session.diagnose()[0]
    assert finding.kind == "learning_rate_high"
    exec(finding.remedy.removeprefix("Lower it: "), {"session": session})
    session.step(80)
    loss = session.trace["loss"]
    assert session.step_number == 80 and loss[-20:].mean() < 0.7 * loss[0]


@pytest.mark.parametrize("value", [1e3, -1e6, 1e12])
@pytest.mark.parametrize("base", ["perceptron", "convolutional", "lstm", "regression", "spiral"])
def test_a_cell_far_out_is_named_by_row_and_column(base, value):
    setup = BASES[base](1)
    setup.x.reshape(len(setup.x), -1)[123, 1] = value
    setup.steps = 30
    finding = setup.session().diagnose()[0]
    assert finding.kind == "input_outlier" and finding.edits == (("excluded_rows", [123]),)
    assert f"row 123 has {value:.4g}" in finding.sentence
    column = finding.units == (1,) if setup.x.ndim == 2 else "the place [0" in finding.sentence
    assert column and 'session.edit("excluded_rows", [123])' in finding.remedy


@pytest.mark.parametrize("base", ["perceptron", "regression"])
def test_validation_targets_are_moved_back(base):
    setup = Planted(base, ("validation targets shifted",), ()).setup()
    finding = setup.session().diagnose()[0]
    names = {"y_validation": setup.held[1], "np": np}
    exec(re.findall(r"y_validation = .*?(?=, and drop)", finding.remedy)[0], names)
    setup.held = setup.held[0], names["y_validation"]
    assert not setup.session().diagnose()
