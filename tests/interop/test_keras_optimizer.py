"""What an optimizer of Keras remembers goes on here: the next update is the one that Keras makes."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest

import cortex_lab as cl
from cortex_lab.ground.files import DamagedFile
from cortex_lab.interop.keras_layers import Untranslatable
from cortex_lab.interop.keras_rules import RULES
from cortex_lab.nn import Training
from cortex_lab.optimize import OPTIMIZERS
from tests.interop.handmade import dense_net, layer, sequential, write_keras, write_legacy
from tests.interop.keras_oracle import keras_or_skip, save

RANDOM = np.random.default_rng(0)
X, Y = RANDOM.normal(size=(8, 4)).astype("f4"), RANDOM.normal(size=(8, 2)).astype("f4")
SETTINGS = {
    "SGD": {"weight_decay": 0.1},
    "SGD with momentum": {"momentum": 0.9, "nesterov": True, "clipvalue": 0.2},
    "Adam": {},
    "AdamW": {"weight_decay": 0.1, "global_clipnorm": 0.5},
    "Nadam": {},
    "RMSprop": {"momentum": 0.5, "centered": True, "epsilon": 1e-3},
    "Adagrad": {"epsilon": 1e-3},
    "Adadelta": {},
    "Lion": {},
    "Muon": {"weight_decay": 0.01, "adam_weight_decay": 0.01},
}
TWO = zipfile.Path(Path(__file__).with_name("files") / "keras2_optimizers.zip")


def test_every_optimizer_of_ours_is_read_and_tried():
    assert set(RULES) == set(OPTIMIZERS) == {name.split()[0] for name in SETTINGS}


def next_update(path, x, y, frozen=()):
    """What is read, and the parameters before the next update and after it."""
    network, resume = cl.interop.read_keras(path, optimizer=True)
    batches = cl.data.Batches(x, y, batch_size=8)
    training = Training(network, batches, loss="mse", optimizer=resume.optimizer, frozen=frozen)
    resume.put_into(training)
    before = {name: np.array(array) for name, array in network.parameters.items()}
    cl.Session(training).step(1)
    return resume, before, {name: np.array(array) for name, array in network.parameters.items()}


def agree(after, expected, before):
    """To 0.005 of the largest step of each array: float32 decides the sign of what is nearly 0."""
    for name, values in expected.items():
        step = np.abs(values - before[name]).max()
        assert step > 1e-7
        np.testing.assert_allclose(after[name], values, rtol=0, atol=5e-3 * step + 1e-7, err_msg=name)


@pytest.mark.keras
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("name", SETTINGS)
def test_the_next_update_is_that_of_keras_3(name, tmp_path):
    keras = keras_or_skip()
    keras.utils.set_random_seed(0)
    L, kind = keras.layers, name.split()[0]
    model = keras.Sequential(
        [
            keras.Input((4,)),
            L.Dense(3, activation="sigmoid", use_bias=False),
            L.BatchNormalization(),
            L.Dense(2),
        ]
    )
    model.layers[1].trainable = False
    optimizer = getattr(keras.optimizers, kind)(0.02, **SETTINGS[name])
    model.compile(optimizer, "mse", jit_compile=False, run_eagerly=True)
    for _ in range(3):
        model.train_on_batch(X, Y)
    found = [
        next_update(*save(model, tmp_path, how), X, Y, "batch_normalization*") for how in ("keras", "h5")
    ]
    model.train_on_batch(X, Y)
    expected = {
        f"{layer.name}/{weight.name}": np.asarray(weight)
        for layer in model.layers
        for weight in layer.trainable_weights
    }
    for resume, before, after in found:
        assert resume.state["updates"] == 3 and type(resume.optimizer).__name__ == kind
        agree(after, expected, before)


@pytest.mark.parametrize("member", sorted(each.name for each in TWO.iterdir() if each.suffix == ".h5"))
def test_the_next_update_is_that_of_keras_2(member, tmp_path):
    path = tmp_path / "model.h5"
    path.write_bytes((TWO / member).read_bytes())
    with (TWO / "next.npz").open("rb") as stream, np.load(stream) as nexts:
        prefix = f"{path.with_name(member).stem}: "
        expected = {key.removeprefix(prefix): nexts[key] for key in nexts if key.startswith(prefix)}
        resume, before, after = next_update(path, nexts["x"], nexts["y"])
    assert resume.state["updates"] == 3 and type(resume.optimizer).__name__ == member.split()[1].split(".")[0]
    assert set(expected) == set(before)
    agree(after, expected, before)


def compiled(kind, **config):
    """A file of Keras 3 as compiled with that, and never trained."""

    def write(path):
        description, _ = dense_net()
        description["compile_config"] = {"optimizer": {"class_name": kind, "config": config}}
        count = {"name": "optimizer/vars/0", "data": np.array(0)}
        return write_keras(path, description, change=lambda file: file.create_dataset(**count))

    return write


@pytest.mark.parametrize(
    ("kind", "config", "said"),
    [
        ("Adamax", {}, "is Adamax, which is not read; SGD,"),
        ("Adam", {"amsgrad": True}, "amsgrad=True"),
        ("Adam", {"clipnorm": 1.0}, "clipnorm=1.0"),
        ("Adam", {"use_ema": True}, "use_ema"),
        ("Adam", {"learning_rate": "fast"}, "the learning rate 'fast'"),
        ("Adam", {"learning_rate": 0.1, "beta_1": 2.0}, "cannot be made here"),
        ("SGD", {"learning_rate": 0.1, "decay": "much"}, "a decay that cannot be"),
        ("SGD", {"learning_rate": 0.1, "momentum": 0.9, "decay": 0.1}, "the rates of earlier steps"),
        ("Muon", {"learning_rate": 0.1, "rms_rate": 0.1}, "rms_rate=0.1"),
        ("Muon", {"learning_rate": 0.1, "exclude_layers": ["a"]}, "exclude_layers"),
        ("Muon", {"learning_rate": 0.1, "adam_lr_ratio": 0.1}, "adam_lr_ratio"),
        ("Muon", {"learning_rate": 0.1, "weight_decay": 0.1}, "weight decays 0.1 and 0.0"),
    ],
)
def test_what_ours_do_not_have_is_said(kind, config, said, tmp_path):
    path = compiled(kind, **config)(tmp_path / "net.keras")
    with pytest.raises(Untranslatable, match=rf"net\.keras: its optimizer .*{re.escape(said)}"):
        cl.interop.read_keras(path, optimizer=True)


RATE = {"initial_learning_rate": 0.1}
SCHEDULES = {
    "ExponentialDecay": [
        {**RATE, "decay_steps": 7, "decay_rate": 0.5},
        {**RATE, "decay_steps": 7, "decay_rate": 0.5, "staircase": True},
    ],
    "InverseTimeDecay": [{**RATE, "decay_steps": 7, "decay_rate": 0.5}],
    "PiecewiseConstantDecay": [{"boundaries": [3, 9], "values": [0.1, 0.05, 0.01]}],
    "PolynomialDecay": [{**RATE, "decay_steps": 9, "end_learning_rate": 0.01, "power": 2.0}],
    "CosineDecay": [
        {**RATE, "decay_steps": 9, "alpha": 0.1},
        {**RATE, "decay_steps": 9, "warmup_target": 0.3, "warmup_steps": 4},
    ],
    "CosineDecayRestarts": [{**RATE, "first_decay_steps": 4, "t_mul": 2.0, "alpha": 0.1}],
}


def read_schedule(path, name, config):
    rate = {"class_name": name, "config": config}
    return cl.interop.read_keras(compiled("Adam", learning_rate=rate)(path), optimizer=True)[1].optimizer.rate


@pytest.mark.keras
@pytest.mark.filterwarnings("default")
def test_every_schedule_of_keras_is_read(tmp_path):
    schedules = keras_or_skip().optimizers.schedules
    there = {name for name in dir(schedules) if name[0].isupper()} - {"LearningRateSchedule"}
    assert there == set(SCHEDULES)
    for name, configs in SCHEDULES.items():
        for config in configs:
            ours, theirs = read_schedule(tmp_path / "net.keras", name, config), getattr(schedules, name)
            # On a boundary of restarts theirs rounds in float32.
            for step in (0, 3, 5, 15):
                assert ours(step) == pytest.approx(float(theirs(**config)(step)), abs=1e-7), (name, step)


@pytest.mark.parametrize(
    ("name", "config", "said"),
    [
        ("Mine", {}, "schedule Mine"),
        ("InverseTimeDecay", {**RATE, "decay_steps": 7, "decay_rate": 0.5, "staircase": True}, "in stairs"),
        ("PolynomialDecay", {**RATE, "decay_steps": 7, "cycle": True}, "in cycles"),
        ("CosineDecayRestarts", {**RATE, "first_decay_steps": 7, "m_mul": 0.5}, "m_mul"),
        ("CosineDecay", {**RATE, "decay_steps": 7.5}, "whole number"),
        ("CosineDecay", {}, "initial_learning_rate"),
    ],
)
def test_schedules_that_ours_are_not(name, config, said, tmp_path):
    with pytest.raises(Untranslatable, match=said):
        read_schedule(tmp_path / "net.keras", name, config)


def older(path, optimizer, names, version="2.0.5", weights=("b_10", "a_2", "a_10")):
    """A file of Keras 2.0 with what its optimizer remembers of three kernels (2, 2), array by array."""
    layers = [layer("Dense", name, units=2, use_bias=False) for name in weights]
    layers[0]["config"]["batch_input_shape"] = [None, 2]
    kernels = [(name, [(f"{name}/kernel:0", np.eye(2))]) for name in weights]

    def change(file):
        file.attrs["training_config"] = json.dumps({"optimizer_config": optimizer})
        group = file.create_group("optimizer_weights")
        group.attrs["weight_names"] = np.asarray([name.encode() for name in names], "S")
        for place, (name, shape) in enumerate(names.items()):
            group.create_dataset(name, data=np.full(shape, float(place), "f4"))

    return write_legacy(path, sequential(layers), kernels, version, change, backend="tensorflow")


def adam(**config):
    return {"class_name": "Adam", "config": {"lr": 0.1, "beta_1": 0.9, "beta_2": 0.99, **config}}


@pytest.mark.parametrize(
    ("version", "order"), [("2.0.5", ("a_10", "a_2", "b_10")), ("2.0.6", ("b_10", "a_2", "a_10"))]
)
def test_until_2_0_6_keras_went_by_the_names_of_weights(version, order, tmp_path):
    names = {"iterations:0": (), **{f"v{k}:0": (2, 2) for k in range(6)}}
    path = older(tmp_path / "net.h5", adam(decay=0.5), names, version)
    network, resume = cl.interop.read_keras(path, optimizer=True)
    assert resume.optimizer == cl.Adam(cl.InverseTimeDecay(0.1, 1, 0.5), 0.9, 0.99, 1e-7)
    assert resume.state["updates"] == 0
    for first, key in ((1, "mean"), (4, "square")):
        held = dict(zip(network.parameters, resume.state[key].reshape(3, 4), strict=True))
        assert {name: set(held[f"{name}/kernel"]) for name in order} == {
            name: {first + place} for place, name in enumerate(order)
        }


def test_what_an_amsgrad_that_is_off_keeps_is_left(tmp_path):
    names = {
        "iterations:0": (),
        **{f"v{k}:0": (2, 2) for k in range(6)},
        **{f"h{k}:0": (1,) for k in range(3)},
    }
    path = older(tmp_path / "net.h5", adam(amsgrad=False), names, "2.2.4")
    assert cl.interop.read_keras(path, optimizer=True)[1].state["square"].max() == 6


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ({"iterations:0": (), "v0:0": (2, 2)}, "has 1 arrays of its optimizer, and 6 are wanted"),
        ({"iterations:0": (), **{f"v{k}:0": (2, 3) for k in range(6)}}, r"keeps \(2, 3\)"),
    ],
)
def test_memory_that_does_not_fit_names_what(names, said, tmp_path):
    path = older(tmp_path / "net.h5", adam(), names)
    with pytest.raises(DamagedFile, match=said):
        cl.interop.read_keras(path, optimizer=True)


def test_a_file_without_one_says_so(tmp_path):
    with pytest.raises(Untranslatable, match="without an optimizer"):
        cl.interop.read_keras(write_keras(tmp_path / "net.keras"), optimizer=True)
    with pytest.raises(Untranslatable, match="read of Keras 2 and 3"):
        cl.interop.read_keras(older(tmp_path / "net.h5", adam(), {}, "1.2.2"), optimizer=True)


def test_memory_that_keras_2_does_not_keep_is_missed(tmp_path):
    description, _ = dense_net()
    description["compile_config"] = {"optimizer": adam()}
    with pytest.raises(Untranslatable, match="has nothing of what its optimizer remembers"):
        cl.interop.read_keras(write_keras(tmp_path / "net.keras", description), optimizer=True)


@pytest.mark.parametrize(("name", "value"), [("updates", 7), ("mean", 0.5)])
def test_what_an_optimizer_remembers_is_edited_and_replayed(name, value):
    network = cl.Network([cl.Dense(2)], (4,))
    session = cl.train(network, (X, Y), loss="mse", optimizer=cl.Adam(0.01), batch_size=8)
    session.edit(f"optimizer_state[{name!r}]", value)
    session.step(3)
    after = network.params.copy()
    session.rewind(0)
    session.edit(f"optimizer_state[{name!r}]", value)
    session.step(2)
    session.rewind(1)
    session.step(2)
    np.testing.assert_array_equal(network.params, after)
    with pytest.raises(KeyError, match="remembers no 'speed'"):
        session.edit("optimizer_state['speed']", 1)
    with pytest.raises(ValueError, match=r"mean must be finite numbers of shape \(10,\)"):
        session.edit("optimizer_state['mean']", np.ones(3))
