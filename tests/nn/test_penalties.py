"""Penalties and limits on parameters."""

from __future__ import annotations

import json

import numpy as np
import pytest

from cortex_lab.nn import Network
from cortex_lab.nn.contract.penalties import L1, L2, MaxNorm, Penalties
from cortex_lab.nn.layers.conv2d import Conv2D
from cortex_lab.nn.layers.dense import Dense
from cortex_lab.nn.layers.flatten import Flatten

backends = pytest.mark.parametrize(
    "backend", ["reference", "cpu", pytest.param("gpu", marks=pytest.mark.gpu)]
)
EVERYTHING = Penalties({"*/kernel": (L1(0.03), L2(0.2)), "dense_1/*": L2(0.05)})


def network_on(backend="reference"):
    network = Network([Conv2D(3, 2), Flatten(), Dense(4)], (3, 3, 2), seed=1, ops=backend)
    random = np.random.default_rng(2)
    network.params[...] = network.ops.asarray(random.normal(size=network.params.shape))
    return network


@backends
def test_value_is_the_sum_over_matching_parameters(backend):
    network = network_on(backend)
    arrays = {name: network.ops.to_numpy(p) for name, p in network.parameters.items()}
    kernels = [arrays["conv2d_1/kernel"], arrays["dense_1/kernel"]]
    wanted = sum(0.03 * np.abs(k).sum() + 0.2 * (k**2).sum() for k in kernels)
    wanted += 0.05 * sum((arrays[name] ** 2).sum() for name in ("dense_1/kernel", "dense_1/bias"))
    assert EVERYTHING.bind(network).value(network.ops) == pytest.approx(wanted, rel=1e-5)


def test_gradient_along_random_directions():
    network = network_on()
    bound, start = EVERYTHING.bind(network), network.params.copy()
    network.gradient[...] = 5
    bound.add_gradient(network.ops)
    np.testing.assert_array_equal(network.params, start)
    for seed in range(3):
        turn = np.random.default_rng(seed).normal(size=start.shape)
        values = []
        for scale in (1e-6, -1e-6):
            network.params[...] = start + scale * turn
            values.append(bound.value(network.ops))
        network.params[...] = start
        np.testing.assert_allclose((network.gradient - 5) @ turn, (values[0] - values[1]) / 2e-6, rtol=1e-6)


@pytest.mark.oracle
def test_l2_is_half_of_pytorchs_weight_decay():
    torch = pytest.importorskip("torch")
    network = network_on()
    Penalties({"*": L2(0.25)}).bind(network).add_gradient(network.ops)
    tensor = torch.nn.Parameter(torch.tensor(network.params))
    tensor.grad = torch.zeros_like(tensor)
    torch.optim.SGD([tensor], lr=1.0, weight_decay=0.5).step()
    np.testing.assert_allclose(network.params - network.gradient, tensor.detach().numpy(), rtol=1e-12)


@backends
def test_max_norm_shortens_long_columns_and_leaves_the_others(backend):
    network = network_on(backend)
    before = {name: network.ops.to_numpy(p).copy() for name, p in network.parameters.items()}
    limit = float(np.median(np.linalg.norm(before["dense_1/kernel"], axis=0)))
    Penalties({"*/kernel": MaxNorm(limit)}).bind(network).constrain(network.ops)
    for name in ("dense_1/kernel", "conv2d_1/kernel"):
        old = before[name].reshape(-1, before[name].shape[-1])
        new = network.ops.to_numpy(network.parameters[name]).reshape(old.shape)
        lengths = np.linalg.norm(old, axis=0)
        wanted = old * np.minimum(1, limit / lengths)
        np.testing.assert_allclose(new, wanted, rtol=1e-6)
        np.testing.assert_array_equal(new[:, lengths < limit], old[:, lengths < limit])
    np.testing.assert_array_equal(
        network.ops.to_numpy(network.parameters["dense_1/bias"]), before["dense_1/bias"]
    )


def test_max_norm_of_nothing_is_nothing():
    network = network_on()
    network.params[...] = 0
    Penalties({"*/kernel": MaxNorm(1.0)}).bind(network).constrain(network.ops)
    assert not network.params.any()


def test_l1_at_zero_does_not_push():
    network = network_on()
    network.params[...] = 0
    network.gradient[...] = 0
    Penalties({"*": L1(1.0)}).bind(network).add_gradient(network.ops)
    assert not network.gradient.any()


def test_description_survives_json():
    penalties = Penalties({"*/kernel": [L1(0.1), MaxNorm(3.0)], "dense_1/bias": L2()})
    assert Penalties.from_dict(json.loads(json.dumps(penalties.to_dict()))) == penalties


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: L2(0), ValueError, "strength must be a finite number over 0, got 0"),
        (lambda: L1("strong"), ValueError, "strength must be a finite number, got 'strong'"),
        (lambda: MaxNorm(-1), ValueError, "limit must be a finite number over 0"),
        (lambda: Penalties({"*": "l2"}), TypeError, r"one such as L2\(1e-4\), got 'l2'"),
        (
            lambda: Penalties({"dense_2/*": L2()}).bind(network_on()),
            ValueError,
            "no parameter matches 'dense_2/.*the network has conv2d_1/kernel, ",
        ),
        (
            lambda: Penalties({"*": MaxNorm()}).bind(network_on()),
            ValueError,
            r"'conv2d_1/bias' has shape \(3,\); name kernels",
        ),
    ],
)
def test_penalties_that_make_no_sense(make, error, message):
    with pytest.raises(error, match=message):
        make()
