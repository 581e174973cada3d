"""Batch normalization: which statistics it uses, and when they move."""

import numpy as np
import pytest

from cortex_lab.compute import get_ops
from cortex_lab.nn.layers.normalization import BatchNormalization
from cortex_lab.nn.run.network import Network
from cortex_lab.nn.run.plan import Plan


class Steps:
    """A training plan run by hand, so that forward, backward and settling can be told apart."""

    def __init__(self, layer, shape, rows):
        self.network = Network([layer], shape, ops="reference")
        plan = Plan.training_step(self.network.graph, ["batch_normalization_1"])
        self.bound = self.network.executor(plan, rows).bind(rows)

    def passes(self, x):
        self.bound.buffers["input"][...] = x
        self.bound.buffers["gradient:batch_normalization_1"][...] = 1
        for _, run in self.bound.steps:
            run()

    def settle(self):
        node = self.network.graph.nodes["batch_normalization_1"]
        node.layer.settle(self.network.ops, self.bound.slots["batch_normalization_1"])

    def moving(self, name):
        return self.network.states[f"batch_normalization_1/moving_{name}"]


@pytest.mark.parametrize("per_element", [False, True])
def test_moving_statistics_move_only_when_the_step_settles(per_element):
    steps = Steps(BatchNormalization(momentum=0.9, per_element=per_element), (2, 3), 5)
    x = np.random.default_rng(0).normal(2.0, 3.0, size=(5, 2, 3))
    steps.passes(x)
    np.testing.assert_array_equal(steps.moving("mean"), 0)
    np.testing.assert_array_equal(steps.moving("variance"), 1)
    steps.settle()
    axes = 0 if per_element else (0, 1)
    np.testing.assert_allclose(steps.moving("mean"), 0.1 * x.mean(axes), rtol=1e-12)
    # The biased variance, as Keras 3 accumulates it.
    np.testing.assert_allclose(steps.moving("variance"), 0.9 + 0.1 * x.var(axes), rtol=1e-12)


def test_moving_statistics_become_those_of_the_data():
    steps = Steps(BatchNormalization(momentum=0.8), (3,), 64)
    random = np.random.default_rng(1)
    for _ in range(60):
        steps.passes(random.normal([0, -4, 10], [1, 2, 0.5], size=(64, 3)))
        steps.settle()
    np.testing.assert_allclose(steps.moving("mean"), [0, -4, 10], atol=0.3)
    np.testing.assert_allclose(steps.moving("variance"), [1, 4, 0.25], rtol=0.3)
    outputs = steps.network.predict(random.normal([0, -4, 10], [1, 2, 0.5], size=(2000, 3)))
    np.testing.assert_allclose(outputs.mean(axis=0), 0, atol=0.15)
    np.testing.assert_allclose(outputs.std(axis=0), 1, rtol=0.2)


def test_training_output_has_mean_zero_and_variance_one():
    steps = Steps(BatchNormalization(epsilon=1e-9), (4, 2), 6)
    steps.passes(np.random.default_rng(2).normal(5, 7, size=(6, 4, 2)))
    y = steps.bound.buffers["batch_normalization_1"]
    np.testing.assert_allclose(y.mean((0, 1)), 0, atol=1e-12)
    np.testing.assert_allclose(y.var((0, 1)), 1, rtol=1e-8)


def test_statistics_of_a_far_off_batch_keep_their_digits_in_float32():
    network = Network([BatchNormalization()], (2,), ops="cpu")
    plan = Plan.training_step(network.graph, ["batch_normalization_1"])
    bound = network.executor(plan, 4096).bind(4096)
    x = np.random.default_rng(3).normal(1000.0, 1.0, size=(4096, 2)).astype(np.float32)
    bound.buffers["input"][...] = x
    bound.steps[0][1]()
    np.testing.assert_allclose(bound.buffers["batch_normalization_1/mean"], x.mean(0, np.float64), rtol=1e-6)
    np.testing.assert_allclose(
        bound.buffers["batch_normalization_1/variance"], x.var(0, np.float64), rtol=1e-3
    )


@pytest.mark.parametrize("backend", ["reference", "cpu"])
def test_statistics_of_what_is_not_a_number_are_none_either(backend):
    ops = get_ops(backend)
    x, ones = ops.asarray(np.array([[1, 2], [np.nan, 3]])), ops.asarray(np.ones(2))
    mean, variance, y = ops.zeros((2,)), ops.zeros((2,)), ops.zeros((2, 2))
    ops.batch_normalize(x, ones, ones, mean, variance, y, 1e-3)
    assert np.isnan(mean).tolist() == np.isnan(variance).tolist() == [True, False]
    assert (mean[1], variance[1]) == (2.5, 0.25)
