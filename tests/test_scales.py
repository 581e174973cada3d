"""Pictures in training and beside it are on one scale, or refused, whatever their dtypes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import cortex_lab as cl
from cortex_lab.data.batches import Batch
from cortex_lab.nn.run import pictures

ROWS = 24
BYTES = np.random.default_rng(0).integers(0, 256, (ROWS, 4, 4, 1)).astype(np.uint8)
IDS = np.arange(ROWS) % 3
NUMBERS = ["uint16", "int64", "float32", "float64"]


class Served:
    """Batches of one's own."""

    batch_size, steps_per_epoch = 12, 2

    def __init__(self, x):
        self.parts = [Batch(x[rows], IDS[rows], rows) for rows in np.split(np.arange(ROWS), 2)]

    def fetch(self, step):
        return self.parts[step % 2]


def net():
    return cl.Network([cl.Flatten(), cl.Dense(3)], (4, 4, 1))


def trained(x, network=None, **options):
    data = (x, IDS) if isinstance(x, np.ndarray) else x
    options = {"loss": "softmax_cross_entropy", "optimizer": cl.Adam(0.1), "batch_size": 8, **options}
    return cl.train(network or net(), data, **options)


def by_hand(x, **options):
    return cl.Session(cl.Training(net(), Served(x), "softmax_cross_entropy", cl.Adam(0.1), **options))


def in_a_column(x):
    kept = x if x.dtype == np.uint8 else x.astype("float32")
    return cl.data.Dataset(pd.DataFrame({"x": cl.data.TensorArray(kept), "y": IDS}), "x", "y")


GIVEN = {
    "arrays": trained,
    "arrays by name": lambda x, **options: trained(({"input": x}, IDS), **options),
    "a dataset": lambda x, **options: trained(in_a_column(x), **options),
    "batches of one's own": lambda x, **options: trained(Served(x), **options),
    "by hand": by_hand,
}


@pytest.mark.parametrize("given", GIVEN)
@pytest.mark.parametrize("first", ["bytes", "numbers"])
def test_a_scale_is_known_however_the_pictures_are_given(given, first):
    own, other = (BYTES, BYTES.astype(float)) if first == "bytes" else (BYTES.astype(float), BYTES)
    session = GIVEN[given](own, validation=(own, IDS))
    training = session.process
    for call in (
        lambda: training.network.predict(other),
        lambda: training.network.activations(other),
        lambda: training.checked_rows(other, IDS),
        lambda: training.clone().network.predict(other),
        lambda: GIVEN[given](own, validation=(other, IDS)),
    ):
        with pytest.raises(ValueError, match=r"input 'input' .*bytes, which are seen as 0 to 1"):
            call()
    session.step(3)
    training.network.predict(own)
    training.checked_rows(own, IDS)


@pytest.mark.parametrize("first", ["bytes", "numbers"])
def test_batches_of_ones_own_are_of_one_scale(first):
    source, numbers = Served(BYTES), BYTES.astype(float)
    source.parts[first == "bytes"] = Served(numbers).parts[first == "bytes"]
    session = trained(source)
    with pytest.raises(ValueError, match=r"input 'input' .*bytes, which are seen as 0 to 1"):
        session.step(2)


def test_who_trains_on_another_scale_validates_on_it():
    numbers = BYTES.astype(float)
    network = trained(BYTES, validation=(BYTES, IDS)).network
    for own, other in ((numbers, BYTES), (BYTES, numbers)):
        trained(own, network, validation=(own, IDS)).step(3)
        with pytest.raises(ValueError, match="bytes, which are seen as 0 to 1"):
            network.predict(other)


@pytest.mark.parametrize("dtype", NUMBERS)
@pytest.mark.parametrize("first", ["bytes", "numbers"])
def test_bytes_and_numbers_from_0_to_255_do_not_mix(dtype, first, tmp_path):
    numbers = BYTES.astype(dtype)
    own, other = (BYTES, numbers) if first == "bytes" else (numbers, BYTES)
    session = trained(own, validation=(own, IDS))
    network = session.network
    network.save(tmp_path / "network.h5")
    cut = network.cut("flatten_1", [cl.Dense(2)])
    for each in (network, network.copy(), cut, cl.Network.load(tmp_path / "network.h5")):
        for look in (each.predict, each.activations):
            look(own)
            with pytest.raises(ValueError, match=r"input 'input' .*bytes, which are seen as 0 to 1"):
                look(other)
    for call in (
        lambda: session.score((other, IDS)),
        lambda: session.score(({"input": other}, IDS)),
        lambda: trained(own, validation=(other, IDS)),
    ):
        with pytest.raises(ValueError, match=r"input 'input' .*bytes, which are seen as 0 to 1"):
            call()
    # The remedies work.
    remedies = [other.astype("uint8"), other / 255] if first == "bytes" else [other.astype("float32")]
    for x in remedies:
        np.testing.assert_allclose(network.predict(x), network.predict(own), rtol=1e-4, atol=1e-5)


def test_numbers_from_0_to_1_go_with_bytes():
    session = trained(BYTES / 255, validation=(BYTES, IDS))
    assert session.score((BYTES, IDS)) == pytest.approx(session.score((BYTES / 255, IDS)), rel=1e-5)


TABLES = {
    "an array": lambda f: (f.to_numpy(), IDS),
    "an array by name": lambda f: ({"input": f.to_numpy()}, IDS),
    "a frame": lambda f: (f, IDS),
    "a frame by name": lambda f: ({"input": f}, IDS),
    "a frame and a column": lambda f: (f, pd.Series(IDS, name="y")),
    "a nullable frame": lambda f: (f.convert_dtypes(), IDS),
    "a dataset": lambda f: cl.data.Dataset(f.assign(y=IDS), list(f), "y"),
    "a dataset with names": lambda f: cl.data.Dataset(f.assign(y=IDS), {"input": list(f)}, "y"),
    "a tensor column": lambda f: in_a_column(f.to_numpy()),
    "batches of one's own": lambda f: cl.data.Batches(f.to_numpy(), IDS, batch_size=ROWS),
}


@pytest.mark.parametrize("given", TABLES)
def test_rows_of_bytes_are_numbers_and_that_is_said_once(given, monkeypatch):
    monkeypatch.setattr(pictures, "_said", set())
    frame = pd.DataFrame(BYTES[:, 0, :, 0], columns=list("abcd"))

    def trained(frame, *layers):
        net = cl.Network([*layers, cl.Dense(3)], 4)
        return cl.train(net, TABLES[given](frame), "softmax_cross_entropy", cl.Adam(), batch_size=ROWS)

    # Of 0 and 1, of what a layer reads as it is, and of a table of several dtypes nothing is said.
    trained(frame // 255)
    trained(frame, cl.Embedding(256, 2), cl.Flatten())
    if given != "a tensor column" and "array" not in given and "own" not in given:
        trained(frame.assign(d=1.5))
    with pytest.warns(UserWarning, match=r"input 'input' is bytes in rows \(4,\).*numbers, 0 to 255.*divide"):
        session = trained(frame)
    session.step(to="fetch")
    order = np.argsort(session.process.batch.rows)
    np.testing.assert_array_equal(session.buffers["input"][order], frame.to_numpy())
    trained(frame)
