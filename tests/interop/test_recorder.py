"""`cortex-lab record`: what a model gives at each layer, written to a file that `verify` reads."""

from __future__ import annotations

import sys

import numpy as np
import pytest

import cortex_lab as cl
from cortex_lab.cli import main
from cortex_lab.interop import RecordedLayers, record
from tests.interop.keras_oracle import keras_or_skip, randomize

MODULE = """
import numpy as np

class Nothing:
    pass

def other():
    return Nothing()

def model():
    import torch
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh()), np.ones((2, 3), "f4")
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "a_model_to_record.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "a_model_to_record", raising=False)
    return tmp_path


@pytest.mark.keras
@pytest.mark.filterwarnings("default")
def test_a_file_of_keras_is_recorded_and_the_import_agrees(folder, capsys):
    keras = keras_or_skip()
    L = keras.layers
    model = randomize(keras.Sequential([keras.Input((6, 6, 2)), L.Conv2D(3, 3), L.Flatten(), L.Dense(4)]))
    model.save(folder / "net.keras")
    assert main(["record", "net.keras", "outputs.h5", "--rows", "3", "--seed", "5"]) == 0
    assert "3 layers" in capsys.readouterr().out
    network = cl.interop.read_keras(folder / "net.keras")
    report = cl.interop.verify(network, None, folder / "outputs.h5", tolerance=1e-5)
    assert report.ok, report
    recorded = RecordedLayers.load(folder / "outputs.h5")
    assert next(iter(recorded.inputs.values())).shape == (3, 6, 6, 2)


@pytest.mark.keras
@pytest.mark.filterwarnings("default")
def test_recording_leaves_the_model_as_it_was(folder):
    keras = keras_or_skip()
    x = keras.Input((4,), name="x")
    model = keras.Model(x, keras.layers.Dense(3)(x))
    given = np.ones((2, 4), "f4")
    before = np.asarray(model(given))
    for inputs in (given, [given], {"x": given}):
        assert np.array_equal(record(model, inputs).layers[model.layers[1].name], before)
    assert "call" not in vars(model.layers[1])


@pytest.mark.oracle
def test_a_function_that_gives_a_module_is_recorded(folder):
    assert main(["record", "a_model_to_record:model", "outputs.h5"]) == 0
    recorded = RecordedLayers.load(folder / "outputs.h5")
    assert list(recorded.layers) == ["0", "1"]
    np.testing.assert_allclose(np.tanh(recorded.layers["0"]), recorded.layers["1"], rtol=1e-6)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("nothing.keras", "no file nothing.keras"),
        ("a_model_to_record.py", "no file of Keras"),
        ("a_model_to_record:nobody", "'nobody'"),
        ("a_model_to_record:other", "Nothing"),
        ("no_such_module_at_all:model", "no_such_module_at_all"),
    ],
)
def test_what_is_no_model_is_refused_in_a_line(source, said, folder, capsys):
    assert main(["record", source, "outputs.h5"]) == 1
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1
    assert not (folder / "outputs.h5").exists()


def test_the_arguments_are_explained(capsys):
    with pytest.raises(SystemExit):
        main(["record"])
    assert "MODEL" in capsys.readouterr().err
