"""Files that earlier versions saved are still read, and give what they gave."""

from __future__ import annotations

import dataclasses
from contextlib import nullcontext

import numpy as np
import pytest

import cortex_lab as cl
from cortex_lab.nn.contract.layer import LAYERS
from cortex_lab.nn.contract.loss import LOSSES
from cortex_lab.nn.run import saving
from cortex_lab.nn.train.checkpoint import read_training
from cortex_lab.optimize.optimizer import OPTIMIZERS
from cortex_lab.optimize.schedule import SCHEDULES
from tests.optimize.cases import OPTIMIZER_CASES
from tests.saved.write import FOLDER, NETWORKS, STEPS_AFTER, TRACES, TRAININGS, expected


def test_every_file_is_read_here():
    written = {path.stem for path in FOLDER.glob("*.h5")}
    assert written == {*NETWORKS, *TRAININGS, *TRACES} and len(written) >= 12


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("ops", ["cpu", "reference"])
def test_a_network_gives_the_same_outputs(name, ops):
    network, said = cl.Network.load(FOLDER / f"{name}.h5", ops), expected(name)
    assert network.graph == NETWORKS[name]().graph
    outputs = network.predict(said["inputs"])
    outputs = outputs if isinstance(outputs, dict) else {"": outputs}
    wanted = said["outputs"] if isinstance(said["outputs"], dict) else {"": said["outputs"]}
    assert outputs.keys() == wanted.keys()
    for key, values in outputs.items():
        np.testing.assert_allclose(values, wanted[key], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", TRAININGS)
def test_a_training_goes_on_as_it_did(name):
    make, train, _ = TRAININGS[name]
    said, doubles = expected(name), make().ops.dtype == np.float64
    with pytest.warns(UserWarning, match="rounded data to float32") if doubles else nullcontext():
        session = train(make(), (said["inputs"], said["targets"]), resume_from=FOLDER / f"{name}.h5")
    assert session.step_number == said["step"]
    session.step(STEPS_AFTER)
    losses = session.trace["loss"][-STEPS_AFTER:]
    np.testing.assert_allclose(losses, said["losses"], rtol=1e-12 if doubles else 1e-3)


def test_a_training_that_rounded_its_data_knows_them_from_others():
    make, train, _ = TRAININGS["reference"]
    said, path = expected("reference"), FOLDER / "reference.h5"
    inputs = said["inputs"].astype(np.float64)
    with pytest.warns(UserWarning, match="rounded data to float32"):
        train(make(), (inputs + 1e-12, said["targets"]), resume_from=path)
    with pytest.raises(ValueError, match="other training data"):
        train(make(), (inputs + 1e-3, said["targets"]), resume_from=path)


def test_what_is_saved_now_is_compared_as_it_is(tmp_path):
    make, train, _ = TRAININGS["reference"]
    said = expected("reference")
    inputs = said["inputs"].astype(np.float64) + 1e-12
    train(make(), (inputs, said["targets"])).save(tmp_path / "run.h5")
    train(make(), (inputs, said["targets"]), resume_from=tmp_path / "run.h5")
    with pytest.raises(ValueError, match="other training data"):
        train(make(), (inputs + 1e-12, said["targets"]), resume_from=tmp_path / "run.h5")


@pytest.mark.parametrize("name", TRACES)
def test_a_trace_has_the_same_rows(name):
    trace, columns = cl.Trace.open(FOLDER / f"{name}.h5"), expected(name)["columns"]
    assert set(trace.keys) == set(columns)
    for key, values in columns.items():
        np.testing.assert_array_equal(trace[key], values)


# Settings that came later ------------------------------------------------------------------------------


def without_defaults(described, registries):
    """A description as a version wrote it that knew of no setting which has its default."""
    if isinstance(described, list):
        return [without_defaults(each, registries) for each in described]
    if not isinstance(described, dict):
        return described
    there = {name: without_defaults(each, registries) for name, each in described.items()}
    kind = next((each[there["kind"]] for each in registries if there.get("kind") in each), None)
    settings = {} if kind is None else {each.name: each.default for each in dataclasses.fields(kind)}
    settings = {name: list(each) if isinstance(each, tuple) else each for name, each in settings.items()}
    return {name: each for name, each in there.items() if name not in settings or settings[name] != each}


@pytest.mark.parametrize("optimizer", [case.optimizer for case in OPTIMIZER_CASES], ids=repr)
@pytest.mark.parametrize("given", [True, False])
def test_a_file_that_knows_of_no_later_setting_goes_on(optimizer, given, tmp_path):
    x = np.random.default_rng(0).normal(size=(24, 6)).astype(np.float32)
    layers = [cl.LayerNormalization(), cl.Reshape((3, 2)), cl.LSTM(3), cl.BatchNormalization(), cl.Dense(2)]

    def made(**more):
        network = cl.Network(layers, 6, seed=0)
        options = {"optimizer": optimizer, "penalties": {"*/kernel": cl.L2(1e-3)}, "batch_size": 8} | more
        return cl.train(network, (x, x[:, 0] > 0), cl.SoftmaxCrossEntropy(), **options)

    session, path = made(), tmp_path / "run.h5"
    session.step(3)
    session.save(path)
    saved = read_training(path)
    older = without_defaults(saved.description, (LAYERS, LOSSES, OPTIMIZERS, SCHEDULES))
    for changed in ("graph", "losses", "optimizer", "set_up"):
        assert older[changed] != saved.description[changed]
    saving.write(path, older, saved.arrays)
    resumed = made(resume_from=path, **({} if given else {"optimizer": None}))
    for each in (session, resumed):
        each.step(2)
    np.testing.assert_array_equal(resumed.network.params, session.network.params)
