"""What recurrent layers promise beyond the contract: masks, both ways, carried state, weights that move."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import numpy as np
import pytest

from cortex_lab.compute import get_ops
from cortex_lab.data import Batches
from cortex_lab.nn import Network, Node, Plan, Training
from cortex_lab.nn.layers.dense import Dense
from cortex_lab.nn.layers.embedding import Embedding
from cortex_lab.nn.layers.masking import Mask
from cortex_lab.nn.layers.recurrent_bidirectional import Bidirectional
from cortex_lab.nn.layers.recurrent_gru import GRU
from cortex_lab.nn.layers.recurrent_lstm import LSTM
from cortex_lab.nn.layers.recurrent_simple_rnn import SimpleRNN
from cortex_lab.nn.layers.recurrent_weights import from_cudnn, to_cudnn
from cortex_lab.optimize import SGD
from cortex_lab.study import Session
from tests.nn.bench import LayerBench
from tests.nn.cases import Case

CELLS = [SimpleRNN(4), LSTM(4), GRU(4), GRU(4, reset_after=False)]
DATA = Path(os.environ.get("CORTEX_LAB_DATA", Path(__file__).parents[3] / "shared" / "data"))
every_cell = pytest.mark.parametrize("cell", CELLS, ids=lambda cell: f"{type(cell).__name__}")


def bench_of(layer, *shapes, capacity=5):
    return LayerBench(Case(layer, shapes), capacity=capacity)


@every_cell
@pytest.mark.parametrize("backwards", [False, True])
def test_masked_steps_change_nothing(cell, backwards):
    """A padded batch gives each row the output and gradients of its own unpadded run."""
    layer = dataclasses.replace(cell, return_sequences=True, go_backwards=backwards)
    random = np.random.default_rng(0)
    lengths, steps = [1, 3, 6], 6
    x = random.normal(size=(3, steps, 2))
    mask = (np.arange(steps) < np.array(lengths)[:, None]).astype(float)
    direction = random.normal(size=(3, steps, 4))
    padded = bench_of(layer, (steps, 2), (steps,))
    found = padded.run([x, mask], direction)

    total = {name: 0 for name in found.gradients}
    for row, length in enumerate(lengths):
        alone = bench_of(layer, (length, 2))
        # Read backwards, the padding comes first, and the sequence that is returned ends with what counts.
        real = slice(steps - length, None) if backwards else slice(length)
        after = direction[row, length:].sum(axis=0) if not backwards else 0
        wanted = direction[row, real].copy()
        if not backwards:
            wanted[-1] += after
        own = alone.run([x[row : row + 1, :length]], wanted[None])
        np.testing.assert_allclose(found.y[row, real], own.y[0], rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(
            found.input_gradients[0][row, :length], own.input_gradients[0][0], rtol=1e-10, atol=1e-14
        )
        assert not found.input_gradients[0][row, length:].any()
        repeated = 0 if backwards else found.y[row, length - 1]
        rest = found.y[row, : steps - length] if backwards else found.y[row, length:]
        np.testing.assert_array_equal(rest, np.broadcast_to(repeated, rest.shape))
        total = {name: total[name] + gradient for name, gradient in own.gradients.items()}
    for name, gradient in found.gradients.items():
        np.testing.assert_allclose(gradient, total[name], rtol=1e-10, atol=1e-13, err_msg=name)


@every_cell
@pytest.mark.parametrize("sequences", [False, True])
def test_bidirectional_is_two_runs(cell, sequences):
    cell = dataclasses.replace(cell, return_sequences=sequences)
    both = bench_of(Bidirectional(cell), (5, 3))
    x = np.random.default_rng(1).normal(size=(2, 5, 3))
    together = both.run([x]).y
    parts = []
    for way in ("forward", "backward"):
        one = bench_of(dataclasses.replace(cell, go_backwards=way == "backward"), (5, 3))
        for key, array in one.parameters().items():
            array[...] = both.parameters()[f"{way}_{key}"]
        y = one.run([x]).y
        parts.append(y[:, ::-1] if sequences and way == "backward" else y)
    np.testing.assert_array_equal(together, np.concatenate(parts, axis=-1))


@every_cell
def test_carried_state_continues_the_sequence(cell):
    """Two halves with the state carried give the outputs of the whole; the state changes in settle only."""
    whole = bench_of(dataclasses.replace(cell, return_sequences=True), (6, 2))
    halves = bench_of(dataclasses.replace(cell, return_sequences=True, stateful=3), (3, 2))
    x = np.random.default_rng(2).normal(size=(3, 6, 2))
    wanted = whole.run([x]).y
    network, layer = halves.network, halves.case.layer
    first = halves.run([x[:, :3]])
    assert not network.state.any()
    layer.settle(network.ops, halves.executor.bind(3).slots["layer"])
    second = halves.run([x[:, 3:]])
    np.testing.assert_allclose(np.concatenate([first.y, second.y], axis=1), wanted, rtol=1e-12, atol=1e-14)


@every_cell
def test_gradients_with_a_carried_state(cell):
    bench = bench_of(dataclasses.replace(cell, stateful=4), (3, 2))
    random = np.random.default_rng(3)
    bench.network.state[...] = random.normal(size=bench.network.state.shape)
    x, direction = random.normal(size=(4, 3, 2)), random.normal(size=(4, 4))
    found = bench.run([x], direction)
    start, turn, move = bench.network.params.copy(), random.normal(size=bench.network.params.shape), 1e-5
    flat = np.concatenate([gradient.ravel() for gradient in found.gradients.values()])

    def value(scale):
        bench.network.params[...] = start + scale * turn
        return (bench.run([x + scale * x], direction).y * direction).sum()

    measured = (value(move) - value(-move)) / (2 * move)
    predicted = flat @ turn + (found.input_gradients[0] * x).sum()
    np.testing.assert_allclose(predicted, measured, rtol=1e-6)


def test_a_short_batch_carries_its_own_rows_only():
    bench = bench_of(LSTM(4, stateful=5), (3, 2))
    network, layer = bench.network, bench.case.layer
    network.state[...] = 7
    bench.run([np.ones((2, 3, 2))])
    layer.settle(network.ops, bench.executor.bind(2).slots["layer"])
    for carried in network.states.values():
        assert (np.abs(carried[:2]) < 7).all()
        assert (carried[2:] == 7).all()


def test_more_rows_than_are_carried():
    with pytest.raises(ValueError, match="carries the state of 2 rows, and the batch has 3"):
        bench_of(GRU(4, stateful=2), (3, 2)).run([np.ones((3, 3, 2))])


def test_prediction_starts_from_nothing():
    network = Network([LSTM(4, stateful=2)], (3, 2))
    x = np.ones((5, 3, 2))
    fresh = network.predict(x)
    network.state[...] = 1
    np.testing.assert_array_equal(network.predict(x), fresh)


def test_training_with_carried_state_can_be_rewound():
    random = np.random.default_rng(4)
    x, y = random.normal(size=(24, 5, 2)), random.normal(size=(24, 1))
    batches = Batches(x, y, batch_size=4, shuffle=False)
    network = Network([LSTM(6, stateful=4), Dense(1)], (5, 2))
    session = Session(Training(network, batches, "mean_squared_error", SGD(0.1)))
    session.step(9)
    there, carried = network.params.copy(), network.state.copy()
    assert carried.any()
    session.step(4)
    session.rewind(step=5)
    session.step(4)
    np.testing.assert_array_equal(network.params, there)
    np.testing.assert_array_equal(network.state, carried)
    session.edit("state['lstm_1/carried_h']", 0)
    session.step(to="fetch")
    assert not network.states["lstm_1/carried_h"].any() and network.states["lstm_1/carried_c"].any()


def test_whole_graph_with_ids_masks_stacks_and_sharing():
    """Directional derivative through embedding, shared LSTMs, both ways, a stack and a loss."""
    layers = [
        Node(Embedding(8, 3), "words", "ids"),
        Node(Mask(), "mask", "ids"),
        Node(LSTM(4, return_sequences=True), "first", ("words", "mask")),
        Node(LSTM(4, return_sequences=True), "again", ("words",), shares="first"),
        Node(Bidirectional(GRU(3, return_sequences=True)), "both", ("first", "mask")),
        Node(SimpleRNN(4), "end", ("both", "mask")),
        Node(GRU(4), "other_end", ("again",)),
        Node(Dense(3), "one", "end"),
        Node(Dense(3), "two", "other_end"),
    ]
    network = Network(layers, {"ids": (5,)}, ["one", "two"], ops="reference")
    ids = np.array([[1, 2, 3, 0, 0], [7, 7, 7, 7, 0], [1, 5, 1, 2, 4]])
    executor = network.executor(Plan.training_step(network.graph, ["one", "two"]), 3)
    bound = executor.bind(3)
    assert bound.buffers["ids"].dtype == np.int32
    random = np.random.default_rng(5)
    start = network.params + random.normal(scale=0.3, size=network.params.shape)
    turn, aims = random.normal(size=start.shape), {n: random.normal(size=(3, 3)) for n in ("one", "two")}

    def value(scale):
        network.params[...] = start + scale * turn
        bound.buffers["ids"][...] = ids
        for phase, run in bound.steps:
            if phase.startswith("forward"):
                run()
        return sum((bound.buffers[name] * aim).sum() for name, aim in aims.items())

    measured = (value(1e-5) - value(-1e-5)) / 2e-5
    value(0)
    for name, aim in aims.items():
        bound.buffers[f"gradient:{name}"][...] = aim
    for phase, run in bound.steps:
        if phase.startswith("backward"):
            run()
    network.gather_gradients()
    np.testing.assert_allclose(network.gradient @ turn, measured, rtol=1e-6)


@every_cell
def test_weights_move_to_cudnn_order_and_back(cell):
    if not getattr(cell, "reset_after", True):
        with pytest.raises(ValueError, match="reset_after=False"):
            to_cudnn(cell, {})
        return
    weights = bench_of(cell, (5, 3)).parameters()
    moved = to_cudnn(cell, weights)
    assert moved["weight_ih"].shape == (cell.gates * 4, 3)
    for name, array in from_cudnn(cell, moved).items():
        np.testing.assert_array_equal(array, weights[name])
    bare = dataclasses.replace(cell, use_bias=False)
    with pytest.raises(ValueError, match="use_bias=False"):
        from_cudnn(bare, moved)
    assert set(from_cudnn(bare, to_cudnn(bare, weights))) == {"kernel", "recurrent_kernel"}


@pytest.mark.oracle
@pytest.mark.parametrize("cell", CELLS[:3], ids=lambda cell: type(cell).__name__)
def test_moved_weights_give_pytorch_the_same_outputs(cell):
    torch = pytest.importorskip("torch")
    bench = bench_of(dataclasses.replace(cell, return_sequences=True), (5, 3))
    kinds = {SimpleRNN: torch.nn.RNN, LSTM: torch.nn.LSTM, GRU: torch.nn.GRU}
    module = kinds[type(cell)](3, 4, batch_first=True)
    moved = to_cudnn(cell, bench.parameters())
    module.double().load_state_dict({f"{name}_l0": torch.tensor(array) for name, array in moved.items()})
    x = np.random.default_rng(6).normal(size=(2, 5, 3))
    with torch.no_grad():
        wanted = module(torch.tensor(x))[0].numpy()
    np.testing.assert_allclose(bench.run([x]).y, wanted, rtol=1e-10, atol=1e-12)


@pytest.mark.skipif(not (DATA / "keras" / "lstm_small").is_dir(), reason="no Keras files in CORTEX_LAB_DATA")
def test_stacked_lstms_of_a_keras_file():
    weights = np.load(DATA / "keras" / "lstm_small" / "weights.npz")
    expected = np.load(DATA / "keras" / "lstm_small" / "io.npz")
    names = list(dict.fromkeys(key.split("|")[0] for key in weights.files))
    sizes = [weights[f"{name}|1"].shape[0] for name in names[:2]]
    layers = [LSTM(sizes[0], return_sequences=True), LSTM(sizes[1]), Dense(3, activation="softmax")]
    network = Network(
        [Node(layer, name) for layer, name in zip(layers, names, strict=True)], expected["input_0"].shape[1:]
    )
    for name in names:
        for k, array in enumerate(a for key, a in network.parameters.items() if key.split("/")[0] == name):
            array[...] = weights[f"{name}|{k}"]
    found = network.activations(expected["input_0"])
    for name in names:
        np.testing.assert_allclose(found[name], expected[f"layer/{name}"], atol=1e-5, err_msg=name)
    np.testing.assert_allclose(network.predict(expected["input_0"]), expected["final_0"], atol=1e-5)


def test_how_parameters_start():
    network = Network([LSTM(6, return_sequences=True), GRU(6)], (4, 3), ops="reference")
    bias = network.parameters["lstm_1/bias"]
    np.testing.assert_array_equal(bias, np.repeat([0, 1, 0, 0], 6))
    for name in ("lstm_1", "gru_1"):
        recurrent = network.parameters[f"{name}/recurrent_kernel"]
        np.testing.assert_allclose(recurrent @ recurrent.T, np.eye(6), atol=1e-12)
    assert network.parameters["gru_1/bias"].shape == (2, 18)


def test_embedding_gradients_add_up_the_same_way_every_time():
    random = np.random.default_rng(7)
    for backend in ("reference", "cpu"):
        ops = get_ops(backend)
        ids = ops.asarray(random.integers(0, 6, size=(50, 9)), "int32")
        dy = ops.asarray(random.normal(size=(50, 9, 4)))
        out, again, wanted = ops.empty((8, 4)), ops.empty((8, 4)), np.zeros((8, 4))
        ops.look_up_gradient(ids, dy, out)
        ops.look_up_gradient(ids.copy(), dy.copy(), again)
        np.add.at(wanted, ids, dy)
        np.testing.assert_allclose(out, wanted, rtol=1e-4, atol=1e-5)
        np.testing.assert_array_equal(out, again)


@pytest.mark.parametrize("bad", [8, -1])
def test_an_id_that_is_not_there(bad):
    network = Network([Embedding(8, 2)], (3,))
    with pytest.raises(IndexError, match=f"no id {bad} in column 2 of .* 8 rows, for ids 0 to 7"):
        network.predict(np.array([[1, 2, bad]]))


def test_ids_come_from_an_input_of_their_own():
    shared = Network([Node(Embedding(4, 2), "e", "ids"), Node(Dense(2), "d", "ids")], {"ids": (3,)})
    with pytest.raises(ValueError, match="read as int32 by 'e' and as numbers by 'd'; make it two inputs"):
        shared.predict(np.ones((1, 3)))
    with pytest.raises(ValueError, match="reads ids, which come straight from an input"):
        Network([Dense(3), Embedding(4, 2)], (3,))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LSTM(0), "units must be"),
        (lambda: LSTM(3, activation="swish"), "activation must be one of"),
        (lambda: GRU(3, recurrent_activation="softmax"), "recurrent_activation must be one of"),
        (lambda: SimpleRNN(3, stateful=-1), "stateful must be"),
        (lambda: Bidirectional(Dense(3)), "wraps a recurrent layer"),
        (lambda: Bidirectional(LSTM(3), merge_mode="max"), "merge_mode must be one of"),
        (lambda: Bidirectional(LSTM(3, go_backwards=True)), "leave go_backwards out"),
        (lambda: Bidirectional(LSTM(3, stateful=4)), "cannot carry state"),
        (lambda: Network([LSTM(3)], (5,)), r"lstm_1.*wants rows of shape \(steps, features\), got \(5,\)"),
        (lambda: Network([Mask()], (2, 3, 4)), "mask_1.*wants rows of shape"),
        (
            lambda: Network([Node(LSTM(3), "l", ("a", "b"))], {"a": (5, 2), "b": (4,)}),
            r"'l'.*wants a mask of row shape \(5,\).*got \(4,\)",
        ),
        (
            lambda: Network([Node(LSTM(3), "l", ("a", "a", "a"))], {"a": (5, 2)}),
            "'l'.*a sequence and at most a mask, got 3 inputs",
        ),
    ],
)
def test_what_does_not_fit_says_so(make, message):
    with pytest.raises((ValueError, TypeError), match=message):
        make()
