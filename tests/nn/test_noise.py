"""What dropout and noise draw, and when."""

import math

import numpy as np
import pytest

from cortex_lab.nn.layers.dense import Dense
from cortex_lab.nn.layers.dropout import AlphaDropout, Dropout, GaussianDropout
from cortex_lab.nn.layers.noise import GaussianNoise
from cortex_lab.nn.run.network import Network
from cortex_lab.nn.run.plan import Plan

FEATURES, ROWS = 1000, 20


class Disturbed:
    """A noisy layer behind its input, and the slots that key its draws."""

    def __init__(self, layer, backend="reference"):
        self.network = Network([layer, Dense(1)], (FEATURES,), ops=backend)
        self.name = self.network.layers[0]
        plan = Plan.training_step(self.network.graph, ["dense_1"], input_gradients=True)
        self.bound = self.network.executor(plan, ROWS).bind(ROWS)
        self.at = self.bound.slots[self.name]

    def output(self, x, step=0, seed=0):
        self.bound.buffers["input"][...] = x
        self.at.step[...], self.at.seed[...] = step, seed
        self.bound.steps[0][1]()
        return self.bound.buffers[self.name].copy()


def test_dropout_keeps_its_share_and_scales_it_up():
    y = Disturbed(Dropout(0.3)).output(1.0)
    assert set(np.unique(y)) == {0.0, 1 / 0.7}
    # 20,000 draws: three standard deviations are 0.01.
    assert (y == 0).mean() == pytest.approx(0.3, abs=0.01)
    assert (y == 0).mean(axis=0).std() > 0.05


def test_gaussian_dropout_has_mean_one_and_dropouts_variance():
    y = Disturbed(GaussianDropout(0.2)).output(1.0)
    assert y.mean() == pytest.approx(1.0, abs=0.02)
    assert y.var() == pytest.approx(0.2 / 0.8, rel=0.05)


def test_alpha_dropout_keeps_mean_and_variance():
    x = np.random.default_rng(0).normal(size=(ROWS, FEATURES))
    y = Disturbed(AlphaDropout(0.3)).output(x)
    assert y.mean() == pytest.approx(0.0, abs=0.03)
    assert y.var() == pytest.approx(1.0, rel=0.05)
    _, counts = np.unique(y.round(12), return_counts=True)
    assert counts.max() / y.size == pytest.approx(0.3, abs=0.01)


def test_gaussian_noise_is_added_with_its_deviation():
    x = np.full((ROWS, FEATURES), 3.0)
    noise = Disturbed(GaussianNoise(0.5)).output(x) - x
    assert noise.mean() == pytest.approx(0.0, abs=0.02)
    assert noise.std() == pytest.approx(0.5, rel=0.03)
    assert abs(np.corrcoef(noise[0], noise[1])[0, 1]) < 0.15


KINDS = [Dropout(0.4), GaussianDropout(0.4), AlphaDropout(0.4), GaussianNoise(0.4)]
every_kind = pytest.mark.parametrize("layer", KINDS, ids=lambda layer: type(layer).__name__)


@every_kind
def test_draws_are_a_function_of_seed_and_step(layer):
    first, second = Disturbed(layer), Disturbed(layer)
    drawn = first.output(1.0, step=7, seed=3)
    first.output(1.0, step=8, seed=3)
    np.testing.assert_array_equal(first.output(1.0, step=7, seed=3), drawn)
    np.testing.assert_array_equal(second.output(1.0, step=7, seed=3), drawn)
    assert (second.output(1.0, step=8, seed=3) != drawn).mean() > 0.2
    assert (second.output(1.0, step=7, seed=4) != drawn).mean() > 0.2


def test_two_layers_of_one_network_draw_apart():
    network = Network([Dropout(0.5), Dropout(0.5), Dense(1)], (FEATURES,), ops="reference")
    bound = network.executor(Plan.training_step(network.graph, ["dense_1"]), 1).bind(1)
    bound.buffers["input"][...] = 1
    for _, run in bound.steps[:2]:
        run()
    first, second = bound.buffers["dropout_1/mask"], bound.buffers["dropout_2/mask"]
    assert 0.4 < (first != second).mean() < 0.6


def test_the_rate_can_change_while_training_runs():
    disturbed = Disturbed(Dropout(0.1))
    disturbed.at.rate = 0.8
    y = disturbed.output(1.0)
    assert (y == 0).mean() == pytest.approx(0.8, abs=0.01)
    assert y.max() == pytest.approx(5.0)
    disturbed = Disturbed(GaussianDropout(0.1))
    disturbed.at.rate = 0.5
    assert disturbed.output(1.0).std() == pytest.approx(1.0, rel=0.05)
    disturbed = Disturbed(GaussianNoise(0.1))
    disturbed.at.stddev = 2.0
    assert disturbed.output(0.0).std() == pytest.approx(2.0, rel=0.05)


@every_kind
def test_nothing_is_disturbed_outside_training(layer):
    x = np.random.default_rng(1).normal(size=(3, FEATURES)).astype(np.float32)
    network = Network([layer], (FEATURES,))
    np.testing.assert_array_equal(network.predict(x), x)


@every_kind
def test_dropped_values_get_no_gradient(layer):
    disturbed = Disturbed(layer)
    x = np.random.default_rng(2).normal(size=(ROWS, FEATURES))
    disturbed.output(x)
    dy = np.random.default_rng(3).normal(size=(ROWS, FEATURES))
    disturbed.bound.buffers[f"gradient:{disturbed.name}"][...] = dy
    layer.backward(disturbed.network.ops, disturbed.at)
    mask = 1.0 if isinstance(layer, GaussianNoise) else disturbed.bound.buffers[f"{disturbed.name}/mask"]
    np.testing.assert_allclose(disturbed.bound.buffers["gradient:input"], dy * mask)


@pytest.mark.parametrize("kind", [Dropout, GaussianDropout, AlphaDropout])
@pytest.mark.parametrize("rate", [-0.1, 1.0, 1.5, math.nan])
def test_a_rate_that_is_none_is_refused(kind, rate):
    with pytest.raises(ValueError, match=r"rate must be (at least 0 and under 1|a finite number), got"):
        kind(rate)
