"""A name of a node or an input is refused at once, or works wherever names are written."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import cortex_lab as cl
from cortex_lab.study.conditions import as_condition

NAMES = [
    " ", "  a ", "a b", "...", "a.b", "a.b.c", ".a", "é", "e\u0301", "日本", "😀", "a'b", 'a"b', "a'\"b",
    "a\\b", "\\", "a\\n", "a\nb", "a\tb", "\x7f", "\u2028", "\ufeff", "loss", "gradient", "update", "fetch",
    "forward", "step", "seconds", "parameters", "validation", "grad_norm", "part_0", "input_1", "None", "0",
    "%s", "{x}", "<b", "&amp;", "*", "a*", "[a]", "a]['b", "x" * 1500,
]  # fmt: skip
REFUSED = ["", ".", "..", "a/b", "/", "a:b", "a>b", "forward:a", "a\0b", "\0", "\ud800", "a\udfffb"]
# What arrays are called, beside names of nodes.
REFUSED_FOR_INPUTS = [
    "dense_1",
    "dense_1/kernel",
    "dense_1/x",
    "gradient:dense_1",
    "loss:dense_1",
    "target:a",
]


def trained(node="first", entry="input", resume_from=None):
    layers = [
        cl.Node(cl.Dense(3, activation="relu"), node),
        cl.Block([cl.Dropout(0.5)], f"{node}!"),
        cl.Node(cl.Dense(2), "last"),
    ]
    network = cl.Network(layers, {entry: (2,)}, seed=1)
    random = np.random.default_rng(0)
    data = {entry: random.normal(size=(20, 2)).astype(np.float32)}, random.integers(0, 2, 20)
    return cl.train(
        network, data, "softmax_cross_entropy", cl.Adam(0.01), batch_size=8, resume_from=resume_from,
        penalties={f"{node}/kernel": cl.L2(0.01)},
    )  # fmt: skip


def check(name, folder):
    """A session in which everything that is written with the name of a node is done once."""
    session = trained(name)
    key = f"grad_norm[{name!r}]"
    session.record(cl.Probe(key))
    session.step(2)
    assert session.trace[key][1] > 0 and as_condition(f"{key} >= 0").met(session.trace, 0)
    assert session.run(until=as_condition(f"{key} >= 0") | cl.steps(5)).step == 3
    for kind, part, value in (
        ("weights", f"{name}/bias", 0.25),
        ("hyperparameter", f"{name}!.dropout_1.rate", 0.25),
        ("revived_unit", name, [1]),
    ):
        session.edit(f"{kind}[{part!r}]", value)
    assert session.network.parameters[f"{name}/bias"].tolist() == [0.25, 0, 0.25]
    session.edit("frozen", [name])
    assert session.process.frozen.nodes == {name}
    session.edit("frozen", [])
    session.step(to=f"forward:{name}")
    assert session.phase == f"forward:{name}" and name in session.buffers
    session.step(2)
    assert name in str(session.network.summary()) or len(name) > 100 or not name.isprintable()

    session.save(folder / "training.h5")
    network = cl.Network.load(folder / "training.h5")
    assert network.graph == session.network.graph
    np.testing.assert_array_equal(network.params, session.network.params)
    with session.trace.stream_to(folder / "trace.h5"):
        pass
    assert cl.Trace.open(folder / "trace.h5").keys == session.trace.keys
    resumed, scope = trained(name, resume_from=folder / "training.h5"), {}
    exec(session.script(), scope)
    np.testing.assert_array_equal(scope["network"].params, session.network.params)
    for going_on in (session, resumed):
        going_on.step(2)
    np.testing.assert_array_equal(resumed.trace["loss"], session.trace["loss"])


@pytest.mark.parametrize("name", NAMES, ids=lambda name: ascii(name)[:20])
def test_a_name_works_wherever_it_is_written(name, tmp_path):
    check(name, tmp_path)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.text(st.characters(codec=None), max_size=8))
def test_any_name_is_refused_or_works(name, tmp_path_factory):
    try:
        cl.Node(cl.Dense(3), name)
    except ValueError as error:
        assert repr(name) in str(error)
    else:
        if name not in ("input", "last"):
            check(name, tmp_path_factory.mktemp("any"))


@pytest.mark.parametrize("name", REFUSED, ids=ascii)
def test_a_name_is_refused_when_the_node_is_made(name):
    for make in (lambda: cl.Node(cl.Dense(3), name), lambda: cl.Block([cl.Dense(3)], name)):
        with pytest.raises(ValueError, match=r"a (node|block) cannot be called .*(kept for|choose another)"):
            make()
    with pytest.raises(TypeError, match="the name of a node is text, got 3"):
        cl.Node(cl.Dense(3), 3)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", [*NAMES, *REFUSED], ids=lambda name: ascii(name)[:20])
def test_an_input_may_be_called_anything_else(name, tmp_path):
    session = trained(entry=name)
    session.step(2)
    session.save(tmp_path / "training.h5")
    assert cl.Network.load(tmp_path / "training.h5").graph == session.network.graph
    scope = {}
    exec(session.script(), scope)
    np.testing.assert_array_equal(scope["network"].params, session.network.params)


@pytest.mark.parametrize("name", REFUSED_FOR_INPUTS)
def test_an_input_is_not_called_as_an_array_is(name):
    with pytest.raises(ValueError, match=r"two nodes are called|an input cannot be called"):
        cl.Network([cl.Node(cl.Dense(3), "dense_1"), cl.Dense(2)], {name: (2,)})


def test_an_exact_name_is_no_pattern():
    layers = [cl.Node(cl.Dense(3), "a*"), cl.Node(cl.Dense(3), "ab"), cl.Node(cl.Dense(2), "[b]")]
    network = cl.Network(layers, 2)
    x = np.zeros((32, 2), np.float32)
    session = cl.train(network, (x, x), "mean_squared_error", cl.SGD(0.1), frozen=["a*"])
    assert session.process.frozen.nodes == {"a*"}
    session.edit("frozen", "[b]")
    assert session.process.frozen.nodes == {"[b]"}
    session.edit("frozen", "a?")
    assert session.process.frozen.nodes == {"a*", "ab"}


def test_numbered_inputs_do_not_meet_names_with_numbers():
    def gradient(third):
        layers = [
            cl.Node(cl.Dense(3), "x"),
            cl.Node(cl.Subtract(), "minus", inputs=("input", "x")),
            cl.Node(cl.Dense(3), third, inputs=("x",)),
            cl.Node(cl.Add(), "sum", inputs=("minus", third)),
        ]
        network = cl.Network(layers, 3, ops="reference")
        x = np.random.default_rng(0).normal(size=(8, 3))
        session = cl.train(network, (x, x**2), "mean_squared_error", cl.SGD(0.1), batch_size=8)
        session.step()
        return network.gradient

    np.testing.assert_array_equal(gradient("minus.1"), gradient("other"))


def test_a_mask_is_not_mistaken_for_a_node_of_its_name():
    layers = [
        cl.Node(cl.Dense(4), "words_mask"),
        cl.Node(cl.Embedding(9, 3, mask_zero=True), "words", inputs=("input",)),
        cl.LSTM(2),
    ]
    with pytest.raises(ValueError, match="'words_mask' is what the mask of 'words' is called"):
        cl.Network(layers, 4)
    with pytest.raises(ValueError, match="an input cannot be called 'words_mask'"):
        cl.Network(layers[1:], {"input": (4,), "words_mask": (4,)})


def test_a_node_called_loss_is_not_mistaken_for_the_loss():
    def gradient(name):
        layers = [
            cl.Node(cl.Dense(3), "out", inputs=("input",)),
            cl.Node(cl.Reshape((3,)), name, inputs=("out",)),
            cl.Node(cl.Dense(2), "head", inputs=(name,)),
        ]
        network = cl.Network(layers, 3, outputs=("out", "head"), ops="reference")
        x, y = np.random.default_rng(0).normal(size=(8, 3)), np.zeros(8, int)
        losses = dict.fromkeys(("out", "head"), "softmax_cross_entropy")
        session = cl.train(network, (x, y), losses, cl.SGD(0.1), batch_size=8)
        session.step()
        return network.gradient

    np.testing.assert_array_equal(gradient("loss"), gradient("other"))
