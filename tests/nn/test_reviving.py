"""A unit that is revived gets fresh weights of its own, in every layer, and nothing else changes."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest

import cortex_lab as cl
from cortex_lab.nn.contract.layer import Parameter
from cortex_lab.nn.layers.recurrent import _Recurrent
from cortex_lab.nn.train.reviving import revive
from tests.nn.bench import LayerBench
from tests.nn.cases import CASES

# Of one value that is seen, all gradients of who sees it are 0 but for rounding.
WITH_PARAMETERS = [
    case
    for case in CASES
    if case.layer.parameters(*case.shapes) and case.name != "MultiHeadAttention-masked"
]
# What the layer before it would have to do: they have no weights into units, so alone they have none to draw.
WITHOUT_UNITS = {
    "Embedding", "BatchNormalization", "LayerNormalization", "GroupNormalization", "RMSNormalization",
    "PReLU", "Attention", "PositionEmbedding",
}  # fmt: skip
# The state of an LSTM has two channels for each of its units.
IN_PARTS = tuple(f"LSTM-{label}" for label in ("end", "end-backwards", "end-stateful", "begin-end"))


# Their parameters whose names begin so lead to every channel.
MIXING = {"SeparableConv2D": "depthwise_kernel", "MultiHeadAttention": ("query", "value", "key")}


def stand_in(network, seed=3, step=7, optimizer=None):
    optimizer = optimizer or cl.Adam()
    state = optimizer.init(network.ops, network.params)
    return SimpleNamespace(
        network=network, seed=seed, step_number=step, optimizer=optimizer, optimizer_state=state
    )


def changed(training, node, units):
    """By parameter, whether each element was drawn anew, of all being 7 before."""
    network = training.network
    network.params[...] = 7
    revive(training, node, units)
    return {name: array != 7 for name, array in network.parameters.items()}


def leads_to(case, unit):
    """By parameter, whether each element has an influence on that channel of the output, and on no other."""
    if case.layer.activation == "softmax":
        # Its channels share a sum; what leads to the logits is what is asked for.
        case = dataclasses.replace(case, layer=dataclasses.replace(case.layer, activation=None))
    bench, xs = LayerBench(case), case.draw(3)
    random = np.random.default_rng(1)
    bench.network.params[...] = random.uniform(0.1, 1, bench.network.params.shape)
    here, elsewhere = np.zeros((2, 3, *case.layer.out_shape(*case.shapes)))
    here[..., unit] = random.normal(size=here.shape[:-1])
    elsewhere[...] = random.normal(size=elsewhere.shape)
    elsewhere[..., unit] = 0
    on, off = bench.run(xs, here).gradients, bench.run(xs, elsewhere).gradients
    return {name: (on[name] != 0) & (off[name] == 0) for name in on}


def within(layer):
    """What a layer does at each step, if it says so."""
    return within(layer.layer) if isinstance(layer, cl.TimeDistributed) else layer


def columns(case, unit):
    """The same for a recurrent layer, whose units read each other: its column in the block of each gate."""
    layer = case.layer
    found = {}
    for name, spec in layer.parameters(*case.shapes).items():
        cell, wanted = within(layer), [unit]
        if isinstance(layer, cl.Bidirectional):
            cell = layer.layer
            offset = cell.units if layer.merge_mode == "concat" and name.startswith("backward") else 0
            wanted = [unit - offset] if 0 <= unit - offset < cell.units else []
        own = np.zeros(spec.shape, bool)
        own.reshape(*spec.shape[:-1], cell.gates, cell.units)[..., wanted] = True
        found[f"layer/{name}"] = own
    return found


@pytest.mark.parametrize("case", WITH_PARAMETERS, ids=[case.name for case in WITH_PARAMETERS])
def test_a_unit_is_what_leads_to_one_channel_of_the_output(case):
    network = LayerBench(case).network
    training, width = stand_in(network), network.graph.shape("layer")[-1]
    kind = type(within(case.layer))
    if kind.__name__ in WITHOUT_UNITS or case.name.removesuffix("-masked") in IN_PARTS:
        with pytest.raises(KeyError, match=r"'layer'.* has no units to draw anew; these have: none"):
            changed(training, "layer", [0])
        return
    recurrent = issubclass(kind, (_Recurrent, cl.Bidirectional))
    for unit in {0, width // 2, width - 1}:
        found = changed(training, "layer", [unit])
        expected = (columns if recurrent else leads_to)(case, unit)
        for name, own in expected.items():
            np.testing.assert_array_equal(found[name], own)
    everything = changed(training, "layer", range(width))
    mixing = MIXING.get(type(case.layer).__name__, "none")
    assert all(every.all() != name.split("/")[1].startswith(mixing) for name, every in everything.items())
    with pytest.raises(ValueError, match=f"'layer' has the units 0 to {width - 1}, got "):
        changed(training, "layer", [width])


@pytest.mark.parametrize(
    "layer", [cl.Dense(4), cl.LSTM(4), cl.GRU(4), cl.Bidirectional(cl.SimpleRNN(4))], ids=repr
)
def test_what_is_drawn_is_as_at_the_beginning(layer):
    network = cl.Network([layer], (5, 3))
    began = {name: array.copy() for name, array in network.parameters.items() if name.endswith("bias")}
    revive(stand_in(network), network.layers[0], [0, 3])
    for name, bias in began.items():
        np.testing.assert_array_equal(network.parameters[name], bias)


@pytest.mark.parametrize("wrapped", [cl.Bidirectional, cl.TimeDistributed])
def test_the_bias_that_killed_a_unit_within_another_layer_is_not_drawn_again(wrapped):
    cell = cl.SimpleRNN(4, bias_initializer="ones")
    network = cl.Network([wrapped(cell)], (2, 5, 3) if wrapped is cl.TimeDistributed else (5, 3))
    revive(stand_in(network), network.layers[0], [0, 3])
    for name, array in network.parameters.items():
        if name.endswith("bias"):
            np.testing.assert_array_equal(array, [1, 1, 1, 1] if "backward" in name else [0, 1, 1, 0])


def test_no_two_layers_steps_or_seeds_draw_the_same():
    layers = [cl.Dense(6, kernel_initializer="glorot_uniform", use_bias=False) for _ in range(3)]

    def draws(**where):
        network = cl.Network(layers, 6)
        training = stand_in(network, **where)
        for name in network.layers:
            revive(training, name, range(6))
        return [kernel.tobytes() for kernel in network.parameters.values()]

    first = [kernel.tobytes() for kernel in cl.Network(layers, 6, seed=3).parameters.values()]
    drawn = [*draws(), *draws(step=8), *draws(seed=4), *draws(step=0), *draws(step=1), *first]
    assert len(set(drawn)) == len(drawn) == 18
    assert draws() == draws()


WAYS = {
    "activation": [cl.Activation("tanh")],
    "relu": [cl.ReLU()],
    "noise": [cl.Dropout(0.5), cl.GaussianNoise(0.1), cl.Sigmoid()],
    "normalization": [cl.BatchNormalization(), cl.ReLU()],
    "without beta": [cl.BatchNormalization(center=False), cl.LayerNormalization(), cl.ReLU6()],
    "prelu": [cl.PReLU()],
    "shared prelu": [cl.PReLU(shared_axes=(1, 2))],
    "pooling": [cl.MaxPooling2D(2), cl.Softmax()],
    "conv, pooling": [cl.GlobalAveragePooling2D(), cl.LeakyReLU()],
}


@pytest.mark.parametrize("name", WAYS)
def test_units_of_an_activation_are_those_of_the_layer_before(name):
    network = cl.Network([cl.Conv2D(5, 3), *WAYS[name], cl.Flatten(), cl.Dense(2)], (8, 8, 2))
    last = network.layers[len(WAYS[name])]
    found = changed(stand_in(network), last, [1, 4])
    assert not found["dense_1/kernel"].any() and not found["dense_1/bias"].any()
    for parameter, drawn in found.items():
        if not parameter.startswith("dense_1") and drawn.shape[-1] == 5:
            assert drawn[..., [1, 4]].all() and not drawn[..., [0, 2, 3]].any(), parameter


def test_a_node_without_units_is_refused_by_name():
    layers = [
        cl.Node(cl.Conv2D(4, 3, padding="same"), "one"),
        cl.Node(cl.Conv2D(4, 3, padding="same"), "two"),
        cl.Node(cl.Add(), "sum", inputs=("one", "two")),
        cl.Node(cl.ReLU(), "relu"),
        cl.Node(cl.Permute((2, 1, 3)), "turned"),
        cl.Node(cl.Flatten(), "flat"),
        cl.Node(cl.Tanh(), "tanh"),
        cl.Node(cl.Dense(2), "head"),
    ]
    training = stand_in(cl.Network(layers, (4, 4, 4)))
    for name, feeder in (("relu", "'sum', a Add"), ("tanh", "'flat', a Flatten")):
        with pytest.raises(KeyError, match=f"{name}', fed by {feeder}, has no .*: one, two, head"):
            revive(training, name, [0])
    for name in ("sum", "turned", "flat", "input", "absent"):
        with pytest.raises(KeyError, match=f"'{name}' has no units to draw anew; these have: one, two, head"):
            revive(training, name, [0])


def test_a_layer_of_ones_own_has_units_if_that_is_clear():
    class Mixer(cl.Dense):
        """A layer with a matrix that nobody knows the meaning of."""

        def parameters(self, *shapes):
            return {
                **super().parameters(*shapes),
                "mixing": Parameter((self.units, self.units)),
            }

    class Plain(cl.Dense):
        """A layer with a kernel and a bias."""

    training = stand_in(cl.Network([Plain(3), Mixer(3)], 2))
    assert changed(training, "plain_1", [2])["plain_1/kernel"].tolist() == 2 * [[False, False, True]]
    with pytest.raises(KeyError, match="'mixer_1' has no units to draw anew; these have: plain_1"):
        revive(training, "mixer_1", [0])


def test_shared_parameters_are_those_of_their_owner():
    layers = [cl.Node(cl.Dense(2), "one"), cl.Node(cl.Dense(2), "two", shares="one")]
    found = changed(stand_in(cl.Network(layers, 2)), "two", [1])
    assert found["one/kernel"].tolist() == 2 * [[False, True]]


@pytest.mark.parametrize("kind", cl.optimize.OPTIMIZERS.values(), ids=cl.optimize.OPTIMIZERS)
def test_an_optimizer_forgets_revived_weights_and_no_others(kind):
    network = cl.Network([cl.Dense(4), cl.Dense(3)], 2)
    training = stand_in(network, optimizer=kind())
    vectors = {name: training.optimizer_state[name] for name in training.optimizer.arrays}
    for vector in vectors.values():
        vector[...] = 1
    revive(training, "dense_2", [1])
    for vector in vectors.values():
        first, kernel, bias = np.split(vector, [12, 24])
        assert first.all() and bias.tolist() == [1, 0, 1]
        assert kernel.reshape(4, 3).tolist() == 4 * [[1, 0, 1]]


def test_a_dead_network_learns_again():
    random = np.random.default_rng(0)
    x = random.normal(size=(64, 3)).astype(np.float32)
    layers = [cl.Dense(8), cl.BatchNormalization(), cl.ReLU(), cl.Dense(1)]
    session = cl.train(cl.Network(layers, 3), (x, x[:, :1]), "mean_squared_error", cl.Adam(0.01))
    session.edit("weights['batch_normalization_1/beta']", -50.0)
    session.step(5)
    assert session.process.measure("dead_units['relu_1']") == 1
    session.edit("revived_unit['relu_1']", list(range(8)))
    session.step(200)
    assert session.process.measure("dead_units['relu_1']") < 0.5 and session.trace["loss"][-1] < 0.2
