"""What is no whole file of Keras is refused by one error that names the layer or member, soon."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import cortex_lab as cl
from tests.interop import hostile
from tests.interop.handmade import dense_net, keyed, write_keras

ROOT = Path(__file__).parents[2]
REFUSED = ("DamagedFile", "Untranslatable")


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile")
    hostile.write_all(folder)
    command = [sys.executable, "-W", "error", "-m", "tests.interop.hostile", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    left = {path.name for path in folder.iterdir()} - {f"{k}.file" for k in range(len(hostile.FILES))}
    assert left == {"good.keras"}, "nothing is left behind"
    return json.loads(done.stdout)


def test_every_file_is_refused_and_what_is_wrong_is_named(outcomes):
    wrong = {
        each["name"]: f"{each['kind']}: {each['said'][:300]}"
        for each in outcomes
        if each["kind"] not in REFUSED
        or hostile.FILES[each["name"]][1] not in each["said"]
        or ".file" not in each["said"]
        or each["said"].count("\n") > 1
    }
    assert not wrong and len(outcomes) > 50


def test_it_takes_neither_long_nor_much_room(outcomes):
    slow = {each["name"]: (each["seconds"], each["megabytes"]) for each in outcomes}
    assert not {name: took for name, took in slow.items() if took[0] > 1 or took[1] > 200}


def test_what_is_well_formed_is_read(tmp_path):
    _, weights = dense_net()
    names = {"dense": "dense_1", "dense_1": "dense", "batch_normalization": "norm"}
    path = write_keras(tmp_path / "net.keras", weights=keyed(weights, names))
    network = cl.interop.read_keras(path, ops="reference")
    np.testing.assert_allclose(network.parameters["dense_1/kernel"], weights["dense"][0], rtol=1e-6)
    np.testing.assert_allclose(network.parameters["dense/bias"], weights["dense_1"][1], rtol=1e-6)
    np.testing.assert_allclose(
        network.states["norm/moving_variance"], weights["batch_normalization"][3], rtol=1e-6
    )


def test_weights_that_are_no_numbers_are_read_when_asked_for(tmp_path):
    hostile.FILES["NaN"][0](tmp_path / "net.keras")
    network = cl.interop.read_keras(tmp_path / "net.keras", allow_nan=True, ops="reference")
    assert np.isnan(network.parameters["dense_1/kernel"]).all()
