"""Arithmetic that is a layer of ours is read as that layer; what is nearly one is not."""

from __future__ import annotations

import ast

import numpy as np
import pytest

import cortex_lab as cl
from cortex_lab.interop import read_onnx

onnx = pytest.importorskip("onnx", reason="needs the extra 'interop'")
pytest.importorskip("onnx.reference")

from tests.interop.test_read_onnx import INT, agrees, helper, model  # noqa: E402

WIDE = (4, 6)


def written(lines, **arrays):
    """Operators from lines such as `y = Add x one` or `m = ReduceMean x axes=[-1]`."""
    nodes = []
    for line in lines:
        made, _, rest = line.partition(" = ")
        kind, *words = rest.split()
        settings = {
            name: ast.literal_eval(value)
            for name, _, value in (word.partition("=") for word in words if "=" in word)
        }
        reads = [word for word in words if "=" not in word]
        nodes.append(helper.make_node(kind, reads, [made], name=made, **settings))
    held = {name: np.asarray(array) for name, array in arrays.items()}
    return nodes, {name: a.astype("f4") if a.dtype == "f8" else a for name, a in held.items()}


GELU = ["a = Div x root", "b = Erf a", "c = Add b one", "d = Mul x c", "y = Mul d half"]
TANH = ["p = Pow x three", "q = Mul p small", "r = Add x q", "s = Mul r root", "t = Tanh s",
        "u = Add t one", "v = Mul u half", "y = Mul x v"]  # fmt: skip
SOFTMAX = ["m = ReduceMax x axes=[{0}]", "a = Sub x m", "e = Exp a", "s = ReduceSum e axis", "y = Div e s"]
NORMAL = ["m = ReduceMean x axes=[{0}]", "a = Sub x m", "b = Mul a a", "c = ReduceMean b axes=[{0}]",
          "d = Add c epsilon", "e = Sqrt d", "f = Div a e", "g = Mul f gamma", "y = Add g beta"]  # fmt: skip
SQUARES = ["b = Pow x two", "c = ReduceMean b axes=[-1]", "d = Add c epsilon", "e = Sqrt d",
           "f = Reciprocal e", "g = Mul x f", "y = Mul gamma g"]  # fmt: skip
SOFTPLUS = ["z = Max x zero", "a = Abs x", "n = Neg a", "e = Exp n", "o = Add e one", "l = Log o",
            "y = Add z l"]  # fmt: skip
MISH = ["e = Exp x", "o = Add e one", "l = Log o", "t = Tanh l", "y = Mul x t"]


def at(lines, axis):
    return [line.format(axis) for line in lines]


def drawn(*shape):
    return np.random.default_rng(2).uniform(0.5, 2, shape)


NUMBERS = {"root": np.sqrt(2), "one": 1.0, "half": 0.5}
TANHS = {"three": 3.0, "small": 0.044715, "root": np.sqrt(2 / np.pi), "one": 1.0, "half": 0.5}
CASES = {
    "GELU": (written(GELU, **NUMBERS), "GELU"),
    "GELU by tanh": (written(TANH, **TANHS), "GELU"),
    "Softmax": (written(at(SOFTMAX, -1), axis=[-1]), "Softmax"),
    "Softmax along the first": (written(at(SOFTMAX, 1), axis=[1]), "Softmax"),
    "LogSoftmax": (written([*at(SOFTMAX, -1)[:-1], "l = Log s", "y = Sub a l"], axis=[-1]), "LogSoftmax"),
    "LayerNormalization": (
        written(at(NORMAL, -1), epsilon=1e-5, gamma=drawn(6), beta=drawn(6)),
        "LayerNormalization",
    ),
    "LayerNormalization along the first": (
        written(at(NORMAL, 1), epsilon=1e-3, gamma=drawn(4, 1), beta=drawn(4, 1)),
        "LayerNormalization",
    ),
    "RMSNormalization": (written(SQUARES, two=2.0, epsilon=1e-6, gamma=drawn(6)), "RMSNormalization"),
    "Softplus": (written(SOFTPLUS, zero=0.0, one=1.0), "Softplus"),
    "Mish": (written(MISH, one=1.0), "Mish"),
}
# A constant that is slightly another, a limit far off, a part that something else reads too.
NEARLY = {
    "GELU": written(GELU, **{**NUMBERS, "root": 1.4143}),
    "GELU by tanh": written(TANH, **{**TANHS, "small": 0.0448}),
    "a limit far off": written([*TANH[:-1], "w = Mul x v", "y = Max w far"], **TANHS, far=-1e6),
    "used elsewhere": written([*GELU[:-1], "y = Add b d"], **NUMBERS),
}


@pytest.mark.parametrize("name", CASES)
def test_it_is_read_as_the_layer_that_it_is(name, tmp_path):
    (nodes, arrays), kind = CASES[name]
    made = model(nodes, {"x": WIDE}, ["y"], arrays, 17)
    x = np.random.default_rng(0).normal(size=(3, *WIDE)).astype("f4") * 3
    network = agrees(tmp_path / "m.onnx", made, {"x": x})
    assert [type(network.graph.nodes[each].layer).__name__ for each in network.layers] == [kind]


@pytest.mark.parametrize("name", NEARLY)
def test_what_is_nearly_a_layer_is_not_taken_for_it(name, tmp_path):
    nodes, arrays = NEARLY[name]
    onnx.save(model(nodes, {"x": WIDE}, ["y"], arrays, 17), tmp_path / "m.onnx")
    with pytest.raises(ValueError, match=r"operator '\w' \((Erf|Pow|Max)\)"):
        read_onnx(tmp_path / "m.onnx")


def test_vectors_looked_up_by_comparing_are_an_embedding(tmp_path):
    lines = ["w = Unsqueeze x last", "e = Equal w all", "f = Cast e to=1", "y = MatMul f table"]
    nodes, arrays = written(lines, last=[-1], all=np.arange(5), table=drawn(5, 3))
    made = model(nodes, {"x": (4,)}, ["y"], arrays, 17, kind=INT)
    network = agrees(tmp_path / "m.onnx", made, {"x": np.random.default_rng(0).integers(0, 5, (3, 4))})
    assert isinstance(network.graph.nodes[network.layers[0]].layer, cl.Embedding)
    arrays["all"] = arrays["all"][::-1].copy()
    onnx.save(model(nodes, {"x": (4,)}, ["y"], arrays, 17, kind=INT), tmp_path / "m.onnx")
    with pytest.raises(ValueError, match=r"operator 'w'|operator 'e'"):
        read_onnx(tmp_path / "m.onnx")


def test_a_circle_of_operators_ends(tmp_path):
    nodes, arrays = written(["a = Add x c", "b = Exp a", "c = Tanh b", "y = Add c b"])
    onnx.save(model(nodes, {"x": WIDE}, ["y"], arrays, 17), tmp_path / "m.onnx")
    with pytest.raises(ValueError, match=r"operator 'a' .* reads 'c', which nothing before it gives"):
        read_onnx(tmp_path / "m.onnx")
