"""Pictures in training and beside it are on one scale, or refused, whatever their dtypes."""

from __future__ import annotations

import numpy as np
import pytest

import cortex_lab as cl

ROWS = 24
BYTES = np.random.default_rng(0).integers(0, 256, (ROWS, 4, 4, 1)).astype(np.uint8)
IDS = np.arange(ROWS) % 3
NUMBERS = ["uint16", "int64", "float32", "float64"]


def trained(x, **options):
    network = cl.Network([cl.Flatten(), cl.Dense(3)], (4, 4, 1))
    return cl.train(network, (x, IDS), "softmax_cross_entropy", cl.Adam(0.1), batch_size=8, **options)


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
