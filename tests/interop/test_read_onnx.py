"""ONNX in: every operator that is read computes what ONNX' own interpreter does, all else is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import cortex_lab as cl
from cortex_lab.ground.files import DamagedFile
from cortex_lab.interop import read_onnx
from tests.interop.onnx_cases import CASES, ELSEWHERE, real, whole
from tests.interop.test_write_keras import draw, side_by_side
from tests.nn.cases import CASES as LAYERS

onnx = pytest.importorskip("onnx", reason="needs the extra 'interop'")
reference = pytest.importorskip("onnx.reference")
file = pytest.importorskip("cortex_lab.interop.onnx_out.file")
catalogue = pytest.importorskip("cortex_lab.interop.catalogue")
pytest.importorskip("cortex_lab.interop.onnx_in.loading")
reading = pytest.importorskip("cortex_lab.interop.onnx_in.reader")
helper, numpy_helper = onnx.helper, onnx.numpy_helper
FLOAT, INT = onnx.TensorProto.FLOAT, onnx.TensorProto.INT64


def model(nodes, inputs, outputs, arrays, opset=20, rows="rows", kind=FLOAT, **more):
    """A model of ONNX: inputs by name with the shapes of rows, arrays by name."""
    ends = [helper.make_tensor_value_info(name, FLOAT, None) for name in outputs]
    begin = [helper.make_tensor_value_info(name, kind, [rows, *shape]) for name, shape in inputs.items()]
    held = [numpy_helper.from_array(array, name) for name, array in arrays.items()]
    graph = helper.make_graph(nodes, "g", begin, ends, held)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9, **more)


def of(case, rows="rows"):
    names = [f"x{k}" for k in range(len(case.shapes))]
    reads, arrays = list(names), {}
    for place, array in enumerate(case.arrays):
        reads.append("" if array is None else f"w{place}")
        if array is not None:
            arrays[f"w{place}"] = array
    if case.ids:
        reads.reverse()
    node = helper.make_node(case.kind, reads, ["y"], name="it", **case.settings)
    kind = INT if case.ids else FLOAT
    return model([node], dict(zip(names, case.shapes, strict=True)), ["y"], arrays, case.opset, rows, kind)


def agrees(path, made, inputs, **options):
    onnx.save(made, path)
    network = read_onnx(path, **options)
    with np.errstate(all="ignore"):
        expected = reference.ReferenceEvaluator(made).run(None, inputs)[0]
    np.testing.assert_allclose(network.predict(inputs), expected, rtol=1e-4, atol=1e-5)
    return network


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_an_operator_agrees_with_onnx(case, tmp_path):
    random = np.random.default_rng(1)
    inputs = {f"x{k}": random.normal(size=(3, *shape)).astype("f4") for k, shape in enumerate(case.shapes)}
    if case.ids:
        inputs = {name: random.integers(0, case.ids, each.shape) for name, each in inputs.items()}
    agrees(tmp_path / "m.onnx", of(case), inputs)
    agrees(tmp_path / "m.onnx", of(case, 3), inputs)


def test_every_operator_that_is_read_has_a_case():
    assert set(reading.OPERATORS) == {case.kind for case in CASES} | set(ELSEWHERE)


@pytest.mark.parametrize("kind", ["RNN", "GRU", "LSTM"])
@pytest.mark.parametrize("way", ["forward", "reverse", "bidirectional"])
@pytest.mark.parametrize("gives", ["steps", "end"])
def test_recurrent_operators_agree(kind, way, gives, tmp_path):
    ways, gates = 2 if way == "bidirectional" else 1, {"RNN": 1, "GRU": 3, "LSTM": 4}[kind]
    arrays = {"w": real(ways, gates * 2, 4), "r": real(ways, gates * 2, 2), "b": real(ways, gates * 4)}
    nodes = [
        helper.make_node("Transpose", ["x"], ["t"], perm=[1, 0, 2]),
        helper.make_node(
            kind,
            ["t", "w", "r", "b"],
            ["s", ""] if gives == "steps" else ["", "s"],
            hidden_size=2,
            direction=way,
        ),
        helper.make_node("Transpose", ["s"], ["y"], perm=[2, 1, 0, 3] if gives == "steps" else [1, 0, 2]),
    ]
    made = model(nodes, {"x": (3, 4)}, ["y"], arrays)
    if (way, gives) == ("reverse", "steps"):
        onnx.save(made, tmp_path / "m.onnx")
        with pytest.raises(ValueError, match=rf"operator 's' \({kind}\) gives its steps backwards"):
            read_onnx(tmp_path / "m.onnx")
        return
    agrees(tmp_path / "m.onnx", made, {"x": np.random.default_rng(0).normal(size=(5, 3, 4)).astype("f4")})


def test_shapes_are_worked_out_and_rows_are_not_reckoned_with(tmp_path):
    arrays = {"one": whole(1), "two": whole(2), "all": whole(-1)}
    nodes = [
        helper.make_node("Shape", ["x"], ["s"]),
        helper.make_node("Constant", [], ["zero"], value_ints=[0]),
        helper.make_node("Gather", ["s", "zero"], ["rows"]),
        helper.make_node("Slice", ["s", "one", "two"], ["steps"]),
        helper.make_node("Mul", ["steps", "two"], ["half"]),
        helper.make_node("Concat", ["rows", "half", "all"], ["shape"], axis=0),
        helper.make_node("Reshape", ["x", "shape"], ["y"]),
    ]
    x = {"x": np.arange(60, dtype="f4").reshape(5, 3, 4)}
    assert agrees(tmp_path / "m.onnx", model(nodes, {"x": (3, 4)}, ["y"], arrays), x).layers == ["y"]
    nodes[4] = helper.make_node("Mul", ["rows", "two"], ["half"])
    onnx.save(model(nodes, {"x": (3, 4)}, ["y"], arrays), tmp_path / "m.onnx")
    with pytest.raises(ValueError, match="number of rows"):
        read_onnx(tmp_path / "m.onnx")


def test_a_border_below_0_is_cut_off(tmp_path):
    nodes = [helper.make_node("Pad", ["x", "pads"], ["y"])]
    onnx.save(
        model(nodes, {"x": (2, 6, 5)}, ["y"], {"pads": whole(0, 0, -1, 0, 0, 0, 1, -2)}), tmp_path / "m.onnx"
    )
    x = np.random.default_rng(0).normal(size=(3, 2, 6, 5)).astype("f4")
    expected = np.pad(x[:, :, 1:, :3], ((0, 0), (0, 0), (0, 1), (0, 0)))
    np.testing.assert_array_equal(read_onnx(tmp_path / "m.onnx").predict(x), expected)


def test_what_goes_out_comes_back_but_for_what_is_named(tmp_path):
    back, refused = set(), set()
    for case in LAYERS:
        net, inputs = side_by_side([case])
        onnx.save(file.onnx_model(net).model, tmp_path / "net.onnx")
        kind = type(case.layer).__name__
        try:
            network = read_onnx(tmp_path / "net.onnx")
        except ValueError as error:
            assert "net.onnx: operator 'n0/" in str(error), case.name
            refused.add(kind)
            continue
        back.add(kind)
        np.testing.assert_allclose(
            network.predict(inputs), net.predict(inputs), 1e-4, 1e-5, err_msg=case.name
        )
    assert refused - back == set(catalogue.NOT_READ_FROM_ONNX)


SHIFTED = (
    {"nearest_mode": "floor"},
    {"nearest_mode": "ceil", "coordinate_transformation_mode": "asymmetric"},
    {"mode": "linear", "coordinate_transformation_mode": "align_corners"},
    {"mode": "cubic"},
)


@pytest.mark.parametrize("settings", SHIFTED, ids=str)
def test_pictures_enlarged_in_another_way_are_refused(settings, tmp_path):
    resize = helper.make_node("Resize", ["x", "", "s"], ["y"], name="larger", **settings)
    scales = np.array([1, 1, 2, 2], np.float32)
    onnx.save(model([resize], {"x": (2, 6, 5)}, ["y"], {"s": scales}), tmp_path / "m.onnx")
    with pytest.raises(ValueError, match=r"'larger' \(Resize\) enlarges by"):
        read_onnx(tmp_path / "m.onnx")


def test_the_rows_of_a_batch_of_one_are_not_left_out(tmp_path):
    onnx.save(
        model([helper.make_node("Squeeze", ["x"], ["y"])], {"x": (1, 4)}, ["y"], {}, rows=1),
        tmp_path / "m.onnx",
    )
    with pytest.raises(ValueError, match="the rows of the batch among them"):
        read_onnx(tmp_path / "m.onnx")


def test_the_readme_has_the_table_as_it_would_be_written_now():
    root = Path(__file__).parents[2]
    text = (root / "README.md").read_text(encoding="utf-8")
    now = catalogue.with_table(text, root / catalogue.RESULTS)
    assert now == text, "run python -m cortex_lab.interop.catalogue README.md"


def test_a_network_that_missed_its_bar_is_not_called_certified():
    held = {"Keras in": True, "ONNX out": True, "ONNX in": False, "safetensors": False}
    rows = [{"what": f"VGG16, {way}: greatest error", "ok": ok} for way, ok in held.items()]
    assert catalogue.certified(rows) == {("in", "out", "no"): ["VGG16"]}
    assert catalogue.certified(rows[:1]) == {("in", "not tried", "not tried"): ["VGG16"]}


def test_weights_are_trained_on(tmp_path):
    layers = [
        cl.Conv2D(4, 3),
        cl.BatchNormalization(),
        cl.ReLU(),
        cl.MaxPooling2D(2),
        cl.Flatten(),
        cl.Dense(3),
    ]
    net = draw(cl.Network(layers, (8, 8, 1)))
    cl.interop.write_onnx(net, tmp_path / "net.onnx")
    back, x = read_onnx(tmp_path / "net.onnx"), np.random.default_rng(0).normal(size=(16, 8, 8, 1))
    np.testing.assert_allclose(back.predict(x), net.predict(x), rtol=1e-4, atol=1e-5)
    assert back.params.size == net.params.size
    session = cl.train(back, (x, np.arange(16) % 3))
    session.run(3)
    assert session.error is None


@pytest.mark.parametrize("layer", [cl.ReLU(6.0), cl.ReLU(0.5)], ids=repr)
def test_a_relu_with_an_end_comes_back(layer, tmp_path):
    net = cl.Network([layer], (5,))
    cl.interop.write_onnx(net, tmp_path / "net.onnx")
    x = np.array([[-3, 0, 0.25, 1, 8]], np.float32)
    np.testing.assert_array_equal(read_onnx(tmp_path / "net.onnx").predict(x), net.predict(x))


# Bad input --------------------------------------------------------------------------------------------------


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


WRONG = {
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
    with pytest.raises(ValueError, match=said) as found:
        read_onnx(tmp_path / "m.onnx")
    assert "m.onnx" in str(found.value) and str(found.value).count("\n") < 2


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
