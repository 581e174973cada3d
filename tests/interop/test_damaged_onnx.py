"""ONNX with one thing changed: it is refused by name, or what is read still agrees with ONNX' interpreter.

Every operator that is read, its settings, inputs and arrays each made something else; every byte of a file.
"""

from __future__ import annotations

import resource
import warnings

import numpy as np
import pytest

from cortex_lab.ground.files import DamagedFile
from cortex_lab.interop import read_onnx
from cortex_lab.interop.keras_layers import Untranslatable
from tests.interop.onnx_cases import CASES

onnx = pytest.importorskip("onnx", reason="needs the extra 'interop'")
reference = pytest.importorskip("onnx.reference")

from tests.interop.test_hostile_onnx import dense  # noqa: E402
from tests.interop.test_read_onnx import helper, numpy_helper, of  # noqa: E402

KIND = onnx.AttributeProto
OTHERS = {
    KIND.INT: (0, -1, 7, 2**40, -(2**40)),
    KIND.INTS: ([], [0] * 4, [-1, -1], [2**40] * 2, [5, 5], [1] * 9),
    KIND.FLOAT: (float("nan"), float("inf"), -1.0),
    KIND.STRING: ("words", "\0", "SAME_UPPER"),
}
TYPES = (1, [1], 1.0, "w")


def fewer():
    """Of each operator the first case, and those with settings or a number of arrays that none before had."""
    seen = {}
    for case in CASES:
        before, own = seen.setdefault(case.kind, set()), {*case.settings, len(case.arrays)}
        if own - before:
            before |= own
            yield case


def copy(made):
    other = onnx.ModelProto()
    other.CopyFrom(made)
    return other


def arrays(array):
    """What an array in the file may be instead."""
    yield from (array[None], array.reshape(-1), array[:0] if array.ndim else array[None][:0])
    yield array.astype("f4" if array.dtype.kind == "i" else "i8")
    yield array.astype(bool)
    yield from (np.zeros_like(array), np.full_like(array, -1))
    if array.dtype.kind == "i":
        yield from (np.full_like(array, 2**40), np.full_like(array, -(2**63)))


def changed(case):
    """Models of an operator with one thing changed."""
    made = of(case)
    for place, said in enumerate(made.graph.node[0].attribute):
        values = [helper.make_attribute(said.name, v, attr_type=said.type) for v in OTHERS.get(said.type, ())]
        for value in values + [helper.make_attribute(said.name, v) for v in TYPES]:
            other = copy(made)
            other.graph.node[0].attribute[place].CopyFrom(value)
            yield said.name, other
    for place in range(len(made.graph.node[0].input)):
        for name in ("", "x0"):
            other = copy(made)
            other.graph.node[0].input[place] = name
            yield f"input {place} {name!r}", other
    for place, held in enumerate(made.graph.initializer):
        for array in arrays(numpy_helper.to_array(held)):
            other = copy(made)
            other.graph.initializer[place].CopyFrom(numpy_helper.from_array(array, held.name))
            yield f"array {place} {array.dtype} {array.shape}", other
    for less in ("input", "output"):
        other = copy(made)
        other.graph.node[0].ClearField(less)
        yield f"no {less}", other
    for shape in ([3], [3, 0, 4], [3, 2**40], [3, 1, 1, 1, 1, 1]):
        other = copy(made)
        other.graph.input[0].CopyFrom(helper.make_tensor_value_info("x0", 1, shape))
        yield f"rows of {shape[1:]}", other


def wrong(path, content):
    """What is wrong with what became of a file: "" for an error that names it, or numbers that are ONNX'."""
    path.write_bytes(content)
    try:
        network = read_onnx(path, ops="reference")
    except (DamagedFile, Untranslatable) as error:
        return "" if path.name in str(error) else f"not named: {error}"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    made = onnx.load(path)
    (shape, *more), (said, *_) = network.graph.inputs.values(), made.graph.input
    out = next(iter(network.graph.outputs))
    if more or max(np.prod(shape), np.prod(network.graph.nodes[out].out_shape, dtype=object)) > 10_000:
        return ""
    kind = helper.tensor_dtype_to_np_dtype(said.type.tensor_type.elem_type)
    rows = said.type.tensor_type.shape.dim[0].dim_value or 3
    x = np.random.default_rng(0).uniform(0, 4, (rows, *shape)).astype(kind)
    try:
        theirs = reference.ReferenceEvaluator(made).run(None, {said.name: x})[0]
    except Exception:
        return ""  # It says more than its interpreter takes.
    ours = network.predict(x)
    same = ours.shape == theirs.shape and np.allclose(ours, theirs, 1e-4, 1e-4, equal_nan=True)
    return "" if same else f"gives {ours.shape}, and ONNX {theirs.shape}"


@pytest.fixture(autouse=True)
def little_memory():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200 * 1024


def test_an_operator_that_is_changed_is_refused_or_right(tmp_path):
    found = [
        (case.name, what, wrong(tmp_path / "m.onnx", made.SerializeToString()))
        for case in fewer()
        for what, made in changed(case)
    ]
    assert len(found) > 1000 and not [each for each in found if each[-1]]
    assert [path.name for path in tmp_path.iterdir()] == ["m.onnx"]


def test_a_file_cut_anywhere_or_with_another_byte_is_refused_or_right(tmp_path):
    content = dense().SerializeToString()
    found = {place: wrong(tmp_path / "m.onnx", content[:place]) for place in range(len(content))}
    for place, byte in enumerate(content):
        other = content[:place] + bytes([byte ^ (255, 1, 128)[place % 3]]) + content[place + 1 :]
        found[-place - 1] = wrong(tmp_path / "m.onnx", other)
    assert not {place: said for place, said in found.items() if said}
