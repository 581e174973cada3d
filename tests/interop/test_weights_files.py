"""Weights alone by name: what goes out as safetensors comes back bit for bit; what does not fit is said."""

from __future__ import annotations

import json
import struct

import numpy as np
import pytest

import cortex_lab as cl
from cortex_lab.ground.files import DamagedFile
from cortex_lab.interop import read_weights, write_weights

pytest.importorskip("safetensors", reason="needs the extra 'interop'")

RANDOM = np.random.default_rng(0)


def network(seed=0, ops="cpu"):
    layers = [
        cl.Conv2D(3, 3, name="conv.a"),
        cl.BatchNormalization(),
        cl.Flatten(),
        cl.Dense(4, name="first"),
        cl.Node(cl.Dense(4), "second", ("first",)),
        cl.Node(cl.Dense(4), "third", ("second",), shares="second"),
    ]
    net = cl.Network(layers, (5, 5, 2), seed=seed, ops=ops)
    for name, array in net.states.items():
        net.states[name] = RANDOM.uniform(0.5, 2, array.shape)
    return net


@pytest.mark.parametrize("ops", ["cpu", "reference"])
def test_what_goes_out_comes_back_bit_for_bit(ops, tmp_path):
    net, other = network(0, ops), network(1, ops)
    write_weights(net, tmp_path / "net.safetensors")
    assert read_weights(other, tmp_path / "net.safetensors") is other
    np.testing.assert_array_equal(other.params, net.params)
    np.testing.assert_array_equal(other.state, net.state)


def test_others_read_it_by_our_names(tmp_path):
    from safetensors.numpy import load_file

    net = network()
    write_weights(net, tmp_path / "net.safetensors")
    found = load_file(tmp_path / "net.safetensors")
    assert set(found) == {*net.parameters, *net.states} and "third/kernel" not in found
    np.testing.assert_array_equal(found["conv.a/kernel"], net.parameters["conv.a/kernel"])


@pytest.mark.parametrize("dtype", ["float16", "float64", "bfloat16"])
def test_other_precisions_are_read(dtype, tmp_path):
    import ml_dtypes
    from safetensors.numpy import save_file

    kind = ml_dtypes.bfloat16 if dtype == "bfloat16" else np.dtype(dtype)
    net = network()
    arrays = {name: np.array(array).astype(kind) for name, array in {**net.parameters, **net.states}.items()}
    save_file(arrays, tmp_path / "net.safetensors")
    other = read_weights(network(1), tmp_path / "net.safetensors")
    for name, array in arrays.items():
        held = other.parameters if name in other.parameters else other.states
        np.testing.assert_array_equal(held[name], array.astype(np.float32))


def described(path, header, data=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def saved(**changes):
    """A good file, but for some arrays that are others, or none."""

    def write(path):
        from safetensors.numpy import save_file

        net = network()
        arrays = {name: np.array(each) for name, each in {**net.parameters, **net.states}.items()}
        arrays |= {name.replace("__", "/"): value for name, value in changes.items()}
        save_file({name: np.asarray(each) for name, each in arrays.items() if each is not None}, path)

    return write


def cut(share):
    def write(path):
        saved()(path)
        path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])

    return write


F32 = {"dtype": "F32", "shape": [2**40, 2**20], "data_offsets": [0, 2**62]}
WRONG = {
    **{f"cut at {share}": (cut(share), r"net\.safetensors") for share in (0.002, 0.1, 0.5, 0.99)},
    "a length that is not there": (lambda p: p.write_bytes(struct.pack("<Q", 2**39) + b"{}"), "states"),
    "no JSON": (lambda p: described(p, b"{{{"), "whole"),
    "deep JSON": (lambda p: described(p, b'{"a":' * 200_000), "whole"),
    "a huge shape": (lambda p: described(p, {"first/kernel": F32}), "whole"),
    "a name twice": (
        lambda p: described(p, b'{"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]},"a":{"dtype":"F32",'
                               b'"shape":[],"data_offsets":[0,4]}}', b"\0" * 4), "'a'",
    ),
    "more than it says": (lambda p: described(p, {}, b"\0" * 64), "whole"),
    "another shape": (saved(first__bias=np.zeros(5, "f4")), "first/bias"),
    "a weight fewer": (saved(first__bias=None), "first/bias"),
    "a weight more": (saved(fourth__bias=np.zeros(4, "f4")), "fourth/bias"),
    "whole numbers": (saved(first__bias=np.zeros(4, "i4")), "I32"),
    "NaN": (saved(first__bias=np.full(4, np.nan, "f4")), "first/bias"),
    "a variance below 0": (
        saved(batch_normalization_1__moving_variance=-np.ones(3, "f4")), "moving_variance",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("write", "said"), WRONG.values(), ids=WRONG)
def test_what_does_not_fit_is_named_and_changes_nothing(write, said, tmp_path):
    write(tmp_path / "net.safetensors")
    net = network()
    before = net.params.copy(), net.state.copy()
    with pytest.raises(DamagedFile, match=said) as found:
        read_weights(net, tmp_path / "net.safetensors")
    assert "net.safetensors" in str(found.value)
    np.testing.assert_array_equal(net.params, before[0])
    np.testing.assert_array_equal(net.state, before[1])


def test_weights_that_are_no_numbers_are_read_when_asked_for(tmp_path):
    WRONG["NaN"][0](tmp_path / "net.safetensors")
    net = read_weights(network(), tmp_path / "net.safetensors", allow_nan=True)
    assert np.isnan(net.parameters["first/bias"]).all()


def test_only_networks_are_written(tmp_path):
    with pytest.raises(TypeError, match="network"):
        write_weights({"a": 1}, tmp_path / "net.safetensors")
