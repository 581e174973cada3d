"""Saved files come back whole or not at all."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap

import h5py
import numpy as np
import pytest

import cortex_lab as cl
from cortex_lab.ground.described import NotDefined
from cortex_lab.nn import Network
from cortex_lab.nn.contract.layer import DESCRIBED, LAYERS
from cortex_lab.nn.contract.loss import LOSSES
from cortex_lab.nn.layers.conv2d import Conv2D
from cortex_lab.nn.layers.dense import Dense
from cortex_lab.nn.layers.flatten import Flatten
from cortex_lab.nn.run import saving
from cortex_lab.optimize.optimizer import OPTIMIZERS


def small(seed=0):
    return Network([Conv2D(4, 3, activation="relu"), Flatten(), Dense(5)], (6, 6, 1), seed=seed)


def test_a_network_comes_back_the_same(tmp_path):
    network = small(seed=4)
    network.save(tmp_path / "net.h5")
    again = Network.load(tmp_path / "net.h5")
    assert again.graph == network.graph and again.seed == 4
    np.testing.assert_array_equal(again.params, network.params)
    x = np.random.default_rng(0).normal(size=(3, 6, 6, 1))
    np.testing.assert_array_equal(again.predict(x), network.predict(x))


def test_a_saved_network_can_be_read_without_us(tmp_path):
    network = small()
    network.save(tmp_path / "net.h5")
    with h5py.File(tmp_path / "net.h5") as file:
        np.testing.assert_array_equal(file["parameters/dense_1/kernel"], network.parameters["dense_1/kernel"])


@pytest.mark.parametrize("keep", [0.2, 0.7, 0.98])
def test_a_file_cut_off_is_refused(tmp_path, keep):
    path = tmp_path / "net.h5"
    small().save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(keep * len(whole))])
    with pytest.raises(saving.DamagedFile, match="not a whole file"):
        Network.load(path)


def test_a_changed_number_is_noticed(tmp_path):
    path = tmp_path / "net.h5"
    small().save(path)
    with h5py.File(path, "r+") as file:
        file["parameters/dense_1/bias"][2] = 1e-3
    with pytest.raises(saving.DamagedFile, match="digest does not match"):
        Network.load(path)


def test_other_files_and_missing_folders_are_named(tmp_path):
    (tmp_path / "text.h5").write_text("no network")
    with pytest.raises(saving.DamagedFile, match=r"text\.h5 is not a whole file"):
        Network.load(tmp_path / "text.h5")
    with pytest.raises(FileNotFoundError, match="there is no file"):
        Network.load(tmp_path / "absent.h5")
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        small().save(tmp_path / "nowhere" / "net.h5")


def test_a_kill_while_saving_leaves_the_earlier_file_whole(tmp_path):
    path = tmp_path / "net.h5"
    small(seed=1).save(path)
    script = textwrap.dedent(
        """
        import os, signal, sys
        from cortex_lab.nn.run import saving
        from tests.nn.test_saving import small
        saving.os.fsync = lambda handle: os.kill(os.getpid(), signal.SIGKILL)
        small(seed=2).save(sys.argv[1])
        """
    )
    killed = subprocess.run([sys.executable, "-c", script, str(path)], cwd=os.getcwd(), check=False)
    assert killed.returncode == -signal.SIGKILL
    np.testing.assert_array_equal(Network.load(path).params, small(seed=1).params)


def test_a_failure_while_saving_leaves_nothing_behind(tmp_path, monkeypatch):
    path = tmp_path / "net.h5"
    small(seed=1).save(path)
    monkeypatch.setattr(saving.os, "replace", lambda *names: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        small(seed=2).save(path)
    assert [each.name for each in tmp_path.iterdir()] == ["net.h5"]
    np.testing.assert_array_equal(Network.load(path).params, small(seed=1).params)


def test_arrays_that_do_not_fit_change_nothing():
    network = small()
    before = network.params.copy()
    _, arrays = saving.describe_network(small(seed=9))
    with pytest.raises(saving.DamagedFile, match="has no 'parameters/dense_1/bias'"):
        saving.fill_network(network, {k: v for k, v in arrays.items() if not k.endswith("dense_1/bias")})
    with pytest.raises(saving.DamagedFile, match=r"'parameters/dense_1/bias' has shape \(4,\) in the file"):
        saving.fill_network(network, {**arrays, "parameters/dense_1/bias": np.zeros(4)})
    np.testing.assert_array_equal(network.params, before)


def test_layers_are_cut_off_and_others_put_on():
    network = small(seed=3)
    tuned = network.cut("flatten_1", then=[Dense(7, activation="relu"), Dense(2)], seed=8)
    assert tuned.layers == ["conv2d_1", "flatten_1", "dense_1", "dense_2"]
    np.testing.assert_array_equal(tuned.parameters["conv2d_1/kernel"], network.parameters["conv2d_1/kernel"])
    assert tuned.parameters["dense_1/kernel"].shape == (64, 7)
    x = np.random.default_rng(0).normal(size=(2, 6, 6, 1))
    np.testing.assert_array_equal(network.cut("flatten_1").predict(x), network.activations(x)["flatten_1"])
    tuned.params[...] = 0
    assert network.params.any()
    with pytest.raises(KeyError, match="no node 'dense_9'; there are conv2d_1"):
        network.cut("dense_9")


OWN = {
    "layer": (LAYERS, cl.ReLU, ()),
    "loss": (LOSSES, cl.MeanSquaredError, ()),
    "optimizer": (OPTIMIZERS, cl.SGD, (0.1,)),
    "penalty": (DESCRIBED, cl.L2, (0.1,)),
}


@pytest.mark.parametrize("what", OWN)
def test_a_file_with_a_class_of_ones_own_is_whole_and_says_what_to_import(what, tmp_path, monkeypatch):
    registry, built_in, settings = OWN[what]
    monkeypatch.setattr(registry, "others", dict(registry.others))
    own = type("Mine", (built_in,), {"__module__": "mine", "__qualname__": "Mine"})
    registry.others["mine:Mine"] = own
    made = {"layer": cl.ReLU(), "loss": "mean_squared_error", "optimizer": cl.SGD(0.1), "penalty": cl.L2(0.1)}
    made[what] = own(*settings)
    data, path = (np.ones((32, 3)), np.ones((32, 2))), tmp_path / "training.h5"
    network, penalties = cl.Network([cl.Dense(2), made["layer"]], 3), {"*/kernel": made["penalty"]}
    cl.train(network, data, made["loss"], made["optimizer"], penalties=penalties).save(path)
    registry.others.clear()
    with pytest.raises(NotDefined, match=r"training\.h5 is whole, but the .* from mine import Mine$"):
        cl.train(cl.Network([cl.Dense(2), cl.ReLU()], 3), data, "mean_squared_error", resume_from=path)
    if what == "layer":
        with pytest.raises(NotDefined, match=r"from mine import Mine$"):
            Network.load(path)
