"""Files of ONNX that nobody exported: one error names what is wrong, and takes little memory."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from cortex_lab.ground.files import DamagedFile
from cortex_lab.interop import read_onnx
from tests.interop.onnx_cases import real, whole

onnx = pytest.importorskip("onnx", reason="needs the extra 'interop'")
pytest.importorskip("onnx.reference")

from tests.interop.test_read_onnx import FLOAT, helper, model, numpy_helper  # noqa: E402


def dense(**changes):
    node = helper.make_node("Gemm", ["x", "w", "b"], ["y"], name="dense")
    return model([node], {"x": (4,)}, ["y"], {"w": real(4, 3), "b": real(3)}, **changes)


def changed(change, **more):
    def write(path):
        made = dense(**more)
        change(made)
        path.write_bytes(made.SerializeToString())

    return write


def node(*reads, kind="Relu", gives="y", **settings):
    """The operator in place of the dense one."""

    def change(made):
        domain = settings.pop("domain", "")
        made.graph.node[0].CopyFrom(
            helper.make_node(kind, list(reads or ("x",)), [gives], name="dense", domain=domain, **settings)
        )

    return changed(change)


def external(**said):
    def change(made):
        tensor = made.graph.initializer[0]
        tensor.ClearField("raw_data")
        tensor.data_location = onnx.TensorProto.EXTERNAL
        for key, value in said.items():
            tensor.external_data.add(key=key, value=str(value))

    return changed(change)


def huge(made):
    made.graph.initializer[0].dims[:] = [2**40, 2**20]


def negative(made):
    made.graph.initializer[0].dims[:] = [-4, -3]


def loop(made):
    made.graph.node[0].input[0] = "z"
    made.graph.node.append(helper.make_node("Relu", ["y"], ["z"], name="back"))


def function(made):
    relu = helper.make_node("Relu", ["a"], ["b"])
    made.functions.append(
        helper.make_function("own", "F", ["a"], ["b"], [relu], [helper.make_opsetid("", 20)])
    )


def inside(made):
    graph = helper.make_graph(
        [helper.make_node("Relu", ["x"], ["b"])], "g", [], [helper.make_tensor_value_info("b", FLOAT, None)]
    )
    made.graph.node[0].CopyFrom(
        helper.make_node("If", ["x"], ["y"], name="dense", then_branch=graph, else_branch=graph)
    )


def nan(place, array):
    def change(made):
        made.graph.initializer[place].CopyFrom(
            numpy_helper.from_array(array, made.graph.initializer[place].name)
        )

    return changed(change)


def normalized(made):
    made.graph.node[0].CopyFrom(helper.make_node("BatchNormalization", ["x", *"bbbv"], ["y"], name="dense"))
    made.graph.initializer[1].CopyFrom(numpy_helper.from_array(real(4), "b"))
    made.graph.initializer.append(numpy_helper.from_array(np.array([1, -1, 1, 1], "f4"), "v"))


def said(made):
    """What is said of the input."""
    return made.graph.input[0].type.tensor_type


def cut(share):
    def write(path):
        content = dense().SerializeToString()
        path.write_bytes(content[: int(share * len(content))])

    return write


def worked_out(*nodes, **arrays):
    """Operators before the dense one, of which `y` is the last and all is known."""

    def change(made):
        del made.graph.node[:]
        made.graph.node.extend(nodes)
        made.graph.initializer.extend(numpy_helper.from_array(each, name) for name, each in arrays.items())

    return changed(change)


TALL, LONG = np.ones((2**15, 1), "f4"), np.ones((1, 2**15), "f4")
LARGE = {"tall": TALL, "long": LONG}
IDS = np.zeros(2**15, np.int64)
WRONG = {
    "a constant far too large": (
        worked_out(helper.make_node("ConstantOfShape", ["s"], ["y"], name="full"), s=whole(2**20, 2**20)),
        r"'full' \(ConstantOfShape\) would work out",
    ),
    "a product far too large": (
        worked_out(helper.make_node("Mul", ["tall", "long"], ["y"], name="outer"), **LARGE),
        r"'outer' \(Mul\) would work out",
    ),
    "numbers repeated far too often": (
        worked_out(
            helper.make_node("Expand", ["tall", "s"], ["y"], name="wide"), tall=TALL, s=whole(1, 2**15)
        ),
        r"'wide' \(Expand\) would work out",
    ),
    "rows picked far too often": (
        worked_out(helper.make_node("Gather", ["long", "i"], ["y"], name="picked"), i=IDS, long=LONG),
        r"'picked' \(Gather\) would work out",
    ),
    "arithmetic far too large": (
        worked_out(
            helper.make_node("Mul", ["x", "c"], ["h"], name="outer"),
            helper.make_node("Erf", ["h"], ["y"], name="erf"),
            c=np.ones((2**22, 1), "f4"),
        ),
        r"'outer' \(Mul\)",
    ),
    **{f"cut at {share}": (cut(share), r"m\.onnx") for share in (0, 0.1, 0.5, 0.9, 0.99)},
    "text": (lambda path: path.write_text("hello, this is no model"), "whole file"),
    "no graph": (changed(lambda made: made.graph.ClearField("node")), "no graph"),
    "an old opset": (changed(lambda made: None, opset=12), "opset 12"),
    "a new opset": (changed(lambda made: None, opset=24), "opset 24"),
    "an operator that is not read": (node(kind="Einsum", equation="ij->ji"), r"'dense' \(Einsum\)"),
    "an operator of others": (node(kind="Relu", domain="com.acme"), "com.acme"),
    "a setting that is not known": (node(kind="Relu", strength=3), "strength"),
    "a function of its own": (changed(function), "'F'"),
    "a graph inside": (changed(inside), "dense"),
    "a cycle": (changed(loop), "'z', which nothing before it gives"),
    "reads what is not there": (node("nobody"), "nobody"),
    "gives what is there": (node("x", gives="w"), "'w', which is there already"),
    "weights twice": (changed(lambda made: made.graph.initializer.append(made.graph.initializer[0])),
                      "two weights"),
    "a huge shape": (changed(huge), "'w'"),
    "a negative shape": (changed(negative), "'w'"),
    "a shape made up": (node("x", "w2", kind="Reshape"), "'w2'"),
    "another shape": (nan(0, real(5, 3)), "'y'"),
    "whole numbers": (nan(0, np.ones((4, 3), np.int64)), "dense"),
    "NaN": (nan(1, np.full(3, np.nan, "f4")), "NaN"),
    "a variance below 0": (changed(normalized), "variance below 0"),
    "weights above the folder": (external(location="../w.bin"), "not in its own folder"),
    "weights from the root": (external(location="/etc/passwd"), "not in its own folder"),
    "weights by a link": (external(location="link.bin"), "not in its own folder"),
    "weights nowhere": (external(location="nowhere.bin"), "not there"),
    "weights without a place": (external(), "not in its own folder"),
    "weights too short": (external(location="short.bin"), "size of 'w'"),
    "weights behind the end": (external(location="short.bin", offset=2**40), "size of 'w'"),
    "weights of words": (external(location="short.bin", offset="far"), "does not say where"),
    "a weight from another layer": (node("x", "x", kind="Gemm"), "must be in the file"),
    "steps as rows": (node("x", kind="ReduceMean", axes=[0]), "dense"),
    "rows together": (node("x", kind="Flatten", axis=0), "rows together"),
    "an open shape": (changed(lambda made: said(made).shape.dim[1].ClearField("dim_value")), "input_shape"),
    "no rows": (changed(lambda made: said(made).ClearField("shape")), "no rows"),
    "words for an input": (
        changed(lambda made: setattr(said(made), "elem_type", onnx.TensorProto.BOOL)), "bool",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("write", "said"), WRONG.values(), ids=WRONG)
def test_what_is_not_whole_or_not_read_is_refused_by_name(write, said, tmp_path):
    (tmp_path / "short.bin").write_bytes(b"\0" * 8)
    (tmp_path / "link.bin").symlink_to("/etc/hostname")
    write(tmp_path / "m.onnx")
    there = {path.name for path in tmp_path.iterdir()}
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=said) as found:
            read_onnx(tmp_path / "m.onnx")
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert "m.onnx" in str(found.value) and str(found.value).count("\n") < 2
    assert most < 200e6 and {path.name for path in tmp_path.iterdir()} == there


def test_weights_beside_the_file_are_read_from_its_folder(tmp_path):
    made = dense()
    onnx.save(made, tmp_path / "a.onnx")
    onnx.save(
        dense_again(made), tmp_path / "b.onnx", save_as_external_data=True, location="w.bin", size_threshold=0
    )
    x = np.random.default_rng(0).normal(size=(3, 4)).astype("f4")
    np.testing.assert_array_equal(
        read_onnx(tmp_path / "b.onnx").predict(x), read_onnx(tmp_path / "a.onnx").predict(x)
    )


def dense_again(made):
    other = onnx.ModelProto()
    other.CopyFrom(made)
    return other


def test_weights_that_are_no_numbers_are_read_when_asked_for(tmp_path):
    WRONG["NaN"][0](tmp_path / "m.onnx")
    assert np.isnan(read_onnx(tmp_path / "m.onnx", allow_nan=True).parameters["y/bias"]).all()


def test_open_lengths_are_told(tmp_path):
    WRONG["an open shape"][0](tmp_path / "m.onnx")
    assert read_onnx(tmp_path / "m.onnx", input_shape=(4,)).graph.inputs == {"x": (4,)}
    with pytest.raises(FileNotFoundError):
        read_onnx(tmp_path / "none.onnx")
    assert issubclass(DamagedFile, ValueError)
