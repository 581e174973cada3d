"""What an optimizer of Keras remembers goes on here: the next update is the one that Keras makes."""

from __future__ import annotations

import numpy as np
import pytest

import cortex_lab as cl
from cortex_lab.interop.keras_layers import Untranslatable
from cortex_lab.nn import Training
from tests.interop.handmade import write_keras
from tests.interop.keras_oracle import keras_or_skip, save

pytestmark = pytest.mark.keras

RANDOM = np.random.default_rng(0)
X, Y = RANDOM.normal(size=(8, 4)).astype("f4"), RANDOM.normal(size=(8, 2)).astype("f4")


def optimizers(keras):
    # RMSprop and Adagrad have their epsilon under the root there: of none, both make the same steps.
    o = keras.optimizers
    return {
        "SGD": o.SGD(0.05),
        "SGD with momentum": o.SGD(0.05, momentum=0.9, nesterov=True),
        "Adam": o.Adam(0.01),
        "AdamW": o.AdamW(0.01, weight_decay=0.1, global_clipnorm=0.5),
        "RMSprop": o.RMSprop(0.01, momentum=0.5, centered=True, epsilon=1e-12),
        "Adagrad": o.Adagrad(0.05, epsilon=1e-12),
        "Adadelta": o.Adadelta(0.5),
        "Lion": o.Lion(0.01),
    }


NAMES = ("SGD", "SGD with momentum", "Adam", "AdamW", "RMSprop", "Adagrad", "Adadelta", "Lion")


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("name", NAMES)
def test_the_next_update_is_that_of_keras(name, tmp_path):
    keras = keras_or_skip()
    keras.utils.set_random_seed(0)
    L = keras.layers
    model = keras.Sequential(
        [keras.Input((4,)), L.Dense(3, activation="sigmoid"), L.BatchNormalization(), L.Dense(2)]
    )
    model.layers[1].trainable = False
    model.compile(optimizers(keras)[name], "mse", jit_compile=False, run_eagerly=True)
    for _ in range(3):
        model.train_on_batch(X, Y)
    for how in ("keras", "h5"):
        files = save(model, tmp_path, how)
        network, resume = cl.interop.read_keras(*files, optimizer=True)
        assert resume.state["updates"] == 3 and type(resume.optimizer).__name__ == name.split()[0]
        batches = cl.data.Batches(X, Y, batch_size=8)
        training = Training(
            network, batches, loss="mse", optimizer=resume.optimizer, frozen="batch_normalization*"
        )
        resume.put_into(training)
        before = network.params.copy()
        cl.Session(training).step(1)
        nexts = {name: np.array(array) for name, array in network.parameters.items()}
        assert not np.array_equal(before, network.params)
        if how == "keras":
            first = nexts
    model.train_on_batch(X, Y)
    for layer in model.layers:
        for weight in layer.trainable_weights:
            key = f"{layer.name}/{weight.name}"
            np.testing.assert_allclose(nexts[key], np.asarray(weight), rtol=2e-4, atol=2e-5, err_msg=key)
            np.testing.assert_array_equal(first[key], nexts[key])


def test_a_file_without_one_says_so(tmp_path):
    with pytest.raises(Untranslatable, match="without an optimizer"):
        cl.interop.read_keras(write_keras(tmp_path / "net.keras"), optimizer=True)


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
