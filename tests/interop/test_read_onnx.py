"""ONNX in: every operator that is read computes what ONNX' own interpreter does, all else is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import cortex_lab as cl
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
