"""The front desk: set up, look at the batch, find the best, diagnose, repeat a session from its script."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

import cortex_lab as cl

PARTS = ("loss", "accuracy", "learning_rate", "epoch", "validation_loss", "validation_accuracy")


@pytest.fixture(scope="module")
def digits():
    return cl.data.load("digits")


def convolutional(data, seed=0):
    layers = [
        cl.Conv2D(6, 3, activation="relu"), cl.MaxPooling2D(2), cl.Flatten(), cl.Dropout(0.2), cl.Dense(10),
    ]  # fmt: skip
    return cl.Network(layers, data.input_shape, seed=seed)


def training(data, **options):
    options = {"batch_size": 32, "validate_every": 10, "seed": 3} | options
    optimizer = options.pop("optimizer", cl.Adam(0.003))
    return cl.train(convolutional(data), data, "softmax_cross_entropy", optimizer, **options)


def table(rows=120, seed=0):
    random = np.random.default_rng(seed)
    y = random.integers(0, 3, rows)
    x = (random.normal(size=(rows, 4)) + 4 * np.eye(3, 4)[y]).astype(np.float32)
    return x, y


def test_the_default_trace_has_what_was_promised(digits):
    session = training(digits)
    session.step(10)
    assert set(PARTS) < set(session.trace.keys)
    assert (
        np.isnan(session.trace["validation_loss"][:9]).all() and session.trace["validation_accuracy"][9] > 0
    )
    assert session.network is session.process.network and session.dataset is digits


def test_the_frame_is_the_batch_as_rows_of_the_dataset(digits):
    session = training(digits)
    with pytest.raises(LookupError, match="no batch"):
        _ = session.frame
    session.step(3)
    session.break_when("loss > 0")
    assert session.step().kind == "breakpoint"
    frame, batch = session.frame, session.process.batch
    assert frame.index.tolist() == batch.rows.tolist() and frame.index.name == "row"
    whole = digits.frame
    assert (frame["label"] == whole.loc[batch.rows, "label"]).all() and "image" in frame
    assert frame["loss"].mean() == pytest.approx(session.process.measure("loss"), rel=1e-5)


def test_the_frame_of_bare_arrays_has_targets_and_losses():
    x, y = table()
    session = cl.train(cl.Network([cl.Dense(3)], 4), (x, y), "softmax_cross_entropy", cl.SGD(0.1))
    session.step()
    assert session.frame.columns.tolist() == ["target", "loss"]
    assert (session.frame["target"] == y[session.frame.index]).all()


def test_the_best_weights_can_be_had_back(digits):
    session = training(digits, optimizer=cl.SGD(0.05))
    with pytest.raises(LookupError, match="no 'validation_loss'"):
        session.best()
    session.step(60)
    good = session.network.predict(digits.validation)
    session.edit("learning_rate", 3.0)
    session.step(40)
    best = session.best()
    assert best.key == "validation_loss" and best.step <= 70
    assert best.value == np.nanmin(session.trace["validation_loss"])
    assert session.best("accuracy").value == np.nanmax(session.trace["accuracy"])
    if best.step == 60:
        np.testing.assert_array_equal(session.network_at(60).predict(digits.validation), good)
    assert session.step_number == 100
    assert session.restore_best() == best and len(session.trace) == 100
    restored = session.process.measure("validation_loss")
    assert restored == best.value
    session.step(1)
    session.rewind(100)
    with pytest.raises(ValueError, match="no network of step 101"):
        session.network_at(101)


def test_class_and_sample_weights_count(digits):
    frame = pd.DataFrame({"x": np.arange(12.0) / 12, "label": ["a", "b"] * 6})
    data = cl.data.Dataset(frame, "x", "label", {"train": range(8), "test": range(8, 12)})

    def session(**options):
        network = cl.Network([cl.Dense(2)], data.input_shape)
        made = cl.train(network, data, "softmax_cross_entropy", cl.SGD(0.1), batch_size=8, **options)
        made.step()
        return made

    plain, only_b = session(), session(class_weight={"a": 0, "b": 1})
    weights = only_b.process.objective.slots(only_b.process.bound, only_b.process.plan)["dense_1"].weights
    labels = frame["label"].to_numpy()[only_b.process.batch.rows]
    assert (weights[labels == "a"] == 0).all() and weights.sum() == pytest.approx(1)
    assert session(class_weight="balanced").trace["loss"][0] == pytest.approx(plain.trace["loss"][0])
    by_row = session(sample_weight=[1.0, 0] * 6)
    weights = by_row.process.objective.slots(by_row.process.bound, by_row.process.plan)["dense_1"].weights
    assert (weights[by_row.process.batch.rows % 2 == 1] == 0).all()
    with pytest.raises(ValueError, match="12 rows, got 3"):
        session(sample_weight=[1, 2, 3])


def test_a_schedule_is_followed_and_edited(digits):
    from cortex_lab.optimize.schedules import CosineDecay

    session = training(digits, optimizer=cl.SGD(CosineDecay(0.1, 50)))
    session.step(20)
    rates = session.trace["learning_rate"]
    assert rates[0] == pytest.approx(0.1) and (np.diff(rates) < 0).all()
    session.edit("learning_rate", 0.02)
    session.step(2)
    assert session.trace["learning_rate"][-1] == 0.02
    session.rewind(10)
    session.step(10)
    assert (session.trace["learning_rate"] == rates).all()


# Saving ----------------------------------------------------------------------------------------------


def test_a_saved_training_goes_on_as_if_it_had_never_stopped(digits, tmp_path):
    from cortex_lab.optimize.schedules import CosineDecay

    optimizer = cl.SGD(CosineDecay(0.1, 200), momentum=0.9)
    session = training(digits, optimizer=optimizer)
    session.step(30)
    session.edit("dropout_rate", 0.5)
    session.edit("excluded_rows", [3, 5, 8])
    session.step(20)
    session.save(tmp_path / "run.h5")
    session.step(25)

    resumed = training(digits, optimizer=optimizer, resume_from=tmp_path / "run.h5")
    assert resumed.step_number == resumed.first_step == 50
    resumed.step(25)
    assert (resumed.network.params == session.network.params).all()
    np.testing.assert_array_equal(resumed.trace["loss"], session.trace["loss"])
    resumed.rewind(60)
    resumed.step(15)
    assert (resumed.network.params == session.network.params).all()
    assert f"resume_from={str(tmp_path / 'run.h5')!r}" in resumed.script()
    with pytest.raises(ValueError, match="from step 50"):
        resumed.rewind(49)

    alone = cl.Network.load(tmp_path / "run.h5")
    kept = session.network_at(50).predict(digits.validation)
    np.testing.assert_array_equal(alone.predict(digits.validation), kept)


def test_a_file_that_does_not_fit_changes_nothing(digits, tmp_path):
    session = training(digits)
    session.step(5)
    session.step(to="loss")
    with pytest.raises(ValueError, match="inside a step"):
        session.save(tmp_path / "run.h5")
    session.step()
    session.save(tmp_path / "run.h5")
    session.network.save(tmp_path / "network.h5")
    network = convolutional(digits, seed=4)
    before = network.params.copy()

    def resume(path="run.h5", loss="softmax_cross_entropy", **options):
        options = {"batch_size": 32, "seed": 3} | options
        return cl.train(network, digits, loss, cl.Adam(0.003), resume_from=tmp_path / path, **options)

    with pytest.raises(ValueError, match="another draw seed: 3, here 4"):
        resume(seed=4)
    with pytest.raises(ValueError, match="another batch size"):
        resume(batch_size=16)
    with pytest.raises(ValueError, match="other losses"):
        resume(loss=cl.SoftmaxCrossEntropy(label_smoothing=0.1))
    with pytest.raises(ValueError, match="holds a 'network', not a training"):
        resume("network.h5")
    content = (tmp_path / "run.h5").read_bytes()
    (tmp_path / "cut.h5").write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match="not a whole file"):
        resume("cut.h5")
    other = cl.Network([cl.Flatten(), cl.Dense(10)], digits.input_shape)
    with pytest.raises(ValueError, match="another network"):
        cl.train(
            other, digits, "softmax_cross_entropy", cl.Adam(0.003), seed=3, resume_from=tmp_path / "run.h5"
        )
    assert (network.params == before).all()
    assert resume().step_number == 6


# Scripts ---------------------------------------------------------------------------------------------


def repeat(script, tmp_path):
    """Run a script in a fresh process; the trace of its session."""
    path = tmp_path / "again.py"
    script.save(path)
    with path.open("a") as file:
        file.write(f"\nsession.trace.frame().to_pickle({str(tmp_path / 'trace.pkl')!r})\n")
        file.write("import sys; assert 'ipywidgets' not in sys.modules and 'plotly' not in sys.modules\n")
    done = subprocess.run([sys.executable, str(path)], capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    return pd.read_pickle(tmp_path / "trace.pkl")


def same(frame, trace):
    ours = trace.frame().drop(columns="seconds")
    pd.testing.assert_frame_equal(frame[ours.columns], ours, check_exact=True)


def test_a_session_with_edits_of_every_kind_is_repeated_bit_for_bit_in_a_fresh_process(digits, tmp_path):
    session = training(digits)
    session.step(12)
    session.edit("learning_rate", 0.01)
    session.step(to="forward:dense_1")
    session.edit("dropout_rate", 0.4)
    session.step(to="backward:conv2d_1")
    session.edit("gradient['dense_1/bias']", 0.0)
    pending = session.pending_update
    pending["conv2d_1/kernel"] = 3 * pending["conv2d_1/kernel"]
    session.step(8)
    session.edit("excluded_rows", [4, 8, 15, 16, 23, 42])
    session.network.parameters["dense_1/kernel"][:, 0] *= -1
    session.step(30)
    session.rewind(40)
    session.edit("revived_unit['conv2d_1']", [1, 2])
    session.step(11)
    script = session.script()
    assert "cl.data.load('digits')" in script and repr(script) == str(script)
    same(repeat(script, tmp_path), session.trace)


def test_a_script_goes_through_a_fault_as_the_session_did(tmp_path):
    x, y = table()
    session = cl.train(cl.Network([cl.Dense(3)], 4), (x, y), "softmax_cross_entropy", cl.Adam(0.01))
    session.step(3)
    session.step(to=session.phases[-2])
    session.process.network.gradient[0] = np.nan
    assert session.step().kind == "fault"
    session.step(force=True)
    session.edit("weights['dense_1/kernel']", 0.1)
    assert session.step(2).kind == "fault" and session.fault.last_good == 3
    session.step(force=True)
    same(repeat(session.script(), tmp_path), session.trace)


def test_arrays_weights_schedules_and_penalties_are_written_down(tmp_path):
    from cortex_lab.nn.contract.penalties import L2
    from cortex_lab.optimize.schedules import CosineDecay

    x, y = table()
    network = cl.Network([cl.Dense(5, activation="tanh"), cl.Dense(3)], 4, seed=9)
    network.params[...] *= 1.5
    session = cl.train(
        network, (x[:100], y[:100]), "softmax_cross_entropy",
        cl.SGD(CosineDecay(0.1, 40), momentum=0.9, clip_norm=1.0),
        batch_size=16, validation=(x[100:], y[100:]), validate_every=4, class_weight={0: 2.0},
        sample_weight=np.linspace(1, 2, 100), penalties={"*/kernel": L2(0.001)},
    )  # fmt: skip
    session.step(20)
    same(repeat(session.script(), tmp_path), session.trace)


def test_a_dataset_of_ones_own_is_written_down(tmp_path):
    x, y = table()
    frame = pd.DataFrame({"a": x[:, 0], "b": x[:, 1], "kind": np.array(["red", "green", "blue"])[y]})
    data = cl.data.Dataset(frame, ["a", "b"], "kind", name="flowers").split(test=0.2, validation=0.1, seed=1)
    session = cl.train(
        cl.Network([cl.Dense(3)], 2), data, "softmax_cross_entropy", cl.Adam(0.01), batch_size=8
    )
    session.step(20)
    assert "validation_loss" in session.trace
    same(repeat(session.script(), tmp_path), session.trace)


def test_what_a_script_cannot_hold_is_refused(digits):
    x, y = table()

    def session(data):
        return cl.train(cl.Network([cl.Dense(3)], 4), data, "softmax_cross_entropy", cl.SGD(0.1))

    with pytest.raises(ValueError, match="batches of your own"):
        session(cl.data.Batches(x, y, batch_size=8)).script()
    with pytest.raises(ValueError, match="only a session made by"):
        session((x, y)).fork(learning_rate=[0.1])[0].script()
    big = session((np.zeros((1_100_000, 4), np.float32), np.zeros(1_100_000, int)))
    with pytest.raises(ValueError, match="MiB of arrays"):
        big.script()
    with pytest.raises(TypeError, match="optimizer must be"):
        cl.train(convolutional(digits), digits, "softmax_cross_entropy", 1e-3)


# Diagnosis -------------------------------------------------------------------------------------------


def grown(layers, x, y, optimizer=None, count=40, **options):
    network = cl.Network(layers, x.shape[1:])
    session = cl.train(network, (x, y), "softmax_cross_entropy", optimizer or cl.Adam(0.01), **options)
    session.step(count)
    return session


def test_a_healthy_training_has_nothing_wrong():
    x, y = table()
    found = grown([cl.Dense(16, activation="tanh"), cl.Dense(3)], x, y, count=100).diagnose()
    assert not found and "Nothing found" in repr(found)


def test_planted_dead_units_are_named_and_revived():
    x, y = table()
    session = grown([cl.Dense(8, activation="relu"), cl.Dense(6), cl.ReLU(), cl.Dense(3)], x, y)
    for name, units in (("dense_1", [2, 5]), ("dense_2", [3])):
        bias = session.network.parameters[f"{name}/bias"].copy()
        bias[units] = -1e3
        session.edit(f"weights['{name}/bias']", bias)
    session.step()
    found = {finding.where: finding for finding in session.diagnose().of("dead_units")}
    assert set(found["dense_1"].units) >= {2, 5} and 3 in found["relu_1"].units
    assert found["dense_1"].value == len(found["dense_1"].units) / 8
    assert "'dense_1' are dead: " in str(found["dense_1"]) and "revived_unit" in str(found["dense_1"])
    session.edit("revived_unit['dense_1']", list(found["dense_1"].units))
    session.step()
    left = [finding.units for finding in session.diagnose().of("dead_units") if finding.where == "dense_1"]
    assert not left or not {2, 5} <= set(left[0])


@pytest.mark.parametrize("function", ["tanh", "sigmoid"])
def test_planted_saturated_units_are_named(function):
    x, y = table()
    session = grown([cl.Dense(8, activation=function), cl.Dense(3)], x, y)
    bias = session.network.parameters["dense_1/bias"].copy()
    bias[[1, 6]] = [50, -50]
    session.edit("weights['dense_1/bias']", bias)
    session.step()
    (finding,) = session.diagnose().of("saturated_units")
    assert finding.where == "dense_1" and finding.units == (1, 6) and finding.value == 1.0


@pytest.mark.parametrize(("scale", "kind"), [(1e-6, "vanishing_gradients"), (1e6, "exploding_gradients")])
def test_the_layer_in_which_gradients_vanish_or_explode_is_named(scale, kind):
    x, y = table()
    session = grown([cl.Dense(8), cl.Dense(8), cl.Dense(8), cl.Dense(3)], x, y, cl.SGD(1e-12), count=1)
    kernel = session.network.parameters["dense_3/kernel"]
    session.edit("weights['dense_3/kernel']", kernel * np.float32(scale))
    session.step()
    (finding,) = [f for f in session.diagnose() if f.kind == kind]
    assert finding.where == "dense_3" and "'dense_3'" in str(finding)
    assert finding.value == pytest.approx(scale, rel=3)


@pytest.mark.parametrize(("rate", "kind"), [(30.0, "learning_rate_high"), (1e-9, "learning_rate_low")])
def test_a_learning_rate_that_does_not_fit_is_found(rate, kind):
    x, y = table()
    session = grown([cl.Dense(8, activation="tanh"), cl.Dense(3)], x, y, cl.SGD(rate), count=1)
    (finding,) = [f for f in session.diagnose() if f.kind.startswith("learning_rate")]
    assert finding.kind == kind and f"{rate:.3g}" in str(finding)


def test_an_input_that_was_never_scaled_is_found():
    x, y = table()
    x = np.clip(x * 30 + 100, 0, 255).astype(np.float32)
    (finding,) = grown([cl.Dense(3)], x, y, cl.SGD(1e-6)).diagnose().of("input_scale")
    assert finding.where == "input" and finding.value == x.max() and "never scaled" in str(finding)


def test_rows_with_wrong_labels_are_suspected(digits):
    x, y = digits.train.arrays()
    x, y = x[:500], y[:500].copy()
    planted = np.array([7, 60, 123, 222, 301, 404, 488])
    y[planted] = (y[planted] + 5) % 10
    layers = [cl.Flatten(), cl.Dense(32, activation="relu"), cl.Dense(10)]
    session = grown(layers, x, y, cl.Adam(0.003), count=120)
    (finding,) = session.diagnose().of("label_noise")
    assert set(planted[:6]) & set(finding.rows[: len(planted)]) and len(set(planted) & set(finding.rows)) >= 6
    assert len(finding.rows) <= 14
    session.edit("excluded_rows", list(finding.rows))
    session.step(16)
    assert not session.diagnose().of("label_noise") or not (
        set(session.diagnose().of("label_noise")[0].rows) & set(finding.rows)
    )
