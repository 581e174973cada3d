"""The certificate: every layer beside what was recorded, the first that diverges named, and where."""

from __future__ import annotations

import re

import numpy as np
import pytest

import cortex_lab as cl
from cortex_lab.ground.files import DamagedFile
from cortex_lab.interop import RecordedLayers, record, verify

X = np.random.default_rng(0).normal(size=(4, 6, 6, 2)).astype("f4")


def network(ops="cpu"):
    layers = [
        cl.Conv2D(3, 3),
        cl.BatchNormalization(),
        cl.ReLU(),
        cl.Flatten(),
        cl.Dense(5),
        cl.Dense(2, "softmax"),
    ]
    return cl.Network(layers, (6, 6, 2), ops=ops)


@pytest.fixture
def recorded():
    return RecordedLayers({"input": X}, network().activations(X))


def test_a_network_agrees_with_itself(recorded, tmp_path):
    recorded.save(tmp_path / "outputs.h5")
    for given in (recorded, recorded.layers, tmp_path / "outputs.h5", str(tmp_path / "outputs.h5")):
        report = verify(network(), X, given)
        assert report.ok and report.first is None and len(report.layers) == 6
        assert all(each.error == 0 for each in report.layers)


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("conv2d_1/kernel", "conv2d_1"),
        ("batch_normalization_1/gamma", "batch_normalization_1"),
        ("dense_1/bias", "dense_1"),
        ("dense_2/kernel", "dense_2"),
    ],
)
@pytest.mark.parametrize("ops", ["cpu", "reference"])
def test_what_was_perturbed_is_named_first(name, first, ops, recorded):
    net = network(ops)
    values = np.array(net.parameters[name])
    values.flat[-1] += 0.01
    net.parameters[name] = values
    report = verify(net, X, recorded, tolerance=1e-6)
    assert not report.ok and report.first.name == first
    place = report.first.at
    assert abs(report.first.found - report.first.expected) == pytest.approx(report.first.error)
    assert recorded.layers[first][place] == pytest.approx(report.first.expected)
    assert str(report).startswith(f"{first} (") and str(list(place)) in str(report)
    assert all(each.ok for each in report.layers[: list(net.layers).index(first)])


def test_statistics_that_differ_are_named(recorded):
    net = network()
    net.states["batch_normalization_1/moving_variance"] = 1.1
    assert verify(net, X, recorded).first.name == "batch_normalization_1"


def test_inputs_are_those_recorded_unless_others_are_given(recorded):
    assert verify(network(), None, recorded).ok
    assert not verify(network(), 2 * X, recorded).ok
    assert not verify(network(), X[::-1], recorded).ok
    with pytest.raises(ValueError, match="input"):
        verify(network(), None, recorded.layers)


def test_names_as_archives_of_numpy_have_them(recorded, tmp_path):
    arrays = {f"layer/{name}": array for name, array in recorded.layers.items()}
    np.savez(tmp_path / "io.npz", input_0=X, final_0=arrays["layer/dense_2"], **arrays)
    with np.load(tmp_path / "io.npz") as io:
        report = verify(network(), None, io)
    assert report.ok and len(report.layers) == 6


def test_layers_may_be_called_something_else_there(recorded):
    there = {f"features.{name}": array for name, array in recorded.layers.items()}
    report = verify(network(), X, there)
    assert not report.ok and set(report.missing) == set(there) and "features.conv2d_1" in str(report)
    names = {f"features.{name}": name for name in recorded.layers}
    assert verify(network(), X, there, names=names).ok


def test_a_layer_that_is_not_there_is_not_passed_over(recorded):
    report = verify(network(), X, {**recorded.layers, "attention": X})
    assert not report.ok and report.missing == ("attention",) and "'attention'" in str(report)
    report = verify(network(), X, {"dense_1": recorded.layers["dense_1"]})
    assert report.ok and len(report.unrecorded) == 5 and "nothing is recorded of 5" in str(report)
    assert not verify(network(), X, {}).ok


def test_another_shape_is_said(recorded):
    report = verify(network(), X, {**recorded.layers, "dense_1": recorded.layers["dense_1"][:, :3]})
    assert report.first.name == "dense_1" and "(4, 5), and (4, 3) is recorded" in str(report)
    wide = {**recorded.layers, "dense_2": recorded.layers["dense_2"][:, None, None]}
    assert verify(network(), X, wide).ok


@pytest.mark.parametrize(
    ("ours", "theirs", "ok"),
    [
        (np.nan, np.nan, True),
        (np.nan, 1.0, False),
        (1.0, np.nan, False),
        (np.inf, np.inf, True),
        (np.inf, -np.inf, False),
    ],
)
def test_what_is_no_number_agrees_with_its_like_alone(ours, theirs, ok):
    net = cl.Network([cl.Activation("linear")], (3,))
    report = verify(net, np.array([[ours, 1, 2]]), {"activation_1": np.array([[theirs, 1, 2]])})
    assert report.ok == ok
    assert ok or (report.first.at == (0, 0) and report.first.error == np.inf)


def test_zeros_are_measured_by_themselves():
    net = cl.Network([cl.ReLU()], (2,))
    x = -np.ones((1, 2))
    assert verify(net, x, {"relu_1": np.zeros((1, 2))}).ok
    assert not verify(net, x, {"relu_1": np.array([[0, 1e-3]])}).ok
    assert not verify(net, -x, {"relu_1": np.zeros((1, 2))}).ok


def test_the_report_draws_itself(recorded):
    net = network()
    net.parameters["dense_1/kernel"] *= 1.5
    report = verify(net, X, recorded)
    page = report._repr_html_()
    assert page.count("<tr") == 7 and page.count("<svg") == 6 and "dense_1 (Dense) is the first" in page
    frame = report.frame()
    assert list(frame.name) == net.layers and list(frame.ok) == [True] * 4 + [False] * 2
    many = cl.Network([cl.Dense(2) for _ in range(60)], (2,))
    outputs = many.activations(np.ones((1, 2)))
    many.parameters["dense_50/kernel"] *= 2
    text = str(verify(many, np.ones((1, 2)), outputs))
    assert "dense_50" in text and text.count("\n") < 30 and re.search(r"\.\.\. \d+ more", text)


def test_what_cannot_be_compared_is_refused(tmp_path):
    with pytest.raises(TypeError, match="recorded is missing"):
        verify(network(), X)
    with pytest.raises(ValueError, match="network"):
        verify("net", X, {})
    with pytest.raises(TypeError, match="recorded must be"):
        verify(network(), X, 3)
    network().save(tmp_path / "net.h5")
    with pytest.raises(DamagedFile, match="recording"):
        verify(network(), X, tmp_path / "net.h5")


def test_a_recording_cut_off_is_refused(recorded, tmp_path):
    recorded.save(tmp_path / "outputs.h5")
    content = (tmp_path / "outputs.h5").read_bytes()
    for share in (0, 0.1, 0.5, 0.95):
        (tmp_path / "cut.h5").write_bytes(content[: int(share * len(content))])
        with pytest.raises(DamagedFile, match=r"cut\.h5"):
            RecordedLayers.load(tmp_path / "cut.h5")


def test_layers_come_back_in_their_order(tmp_path):
    layers = {f"layer_{k}": np.full(2, k) for k in range(12)}
    RecordedLayers({"b": X, "a": X}, layers).save(tmp_path / "outputs.h5")
    found = RecordedLayers.load(tmp_path / "outputs.h5")
    assert list(found.layers) == list(layers) and list(found.inputs) == ["b", "a"]


def test_only_models_are_recorded():
    with pytest.raises(TypeError, match="Keras or a module of PyTorch"):
        record(network())


@pytest.mark.oracle
def test_a_module_of_pytorch_is_recorded(tmp_path):
    torch = pytest.importorskip("torch")
    module = torch.nn.Sequential(
        torch.nn.Conv2d(2, 3, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(48, 2)
    )
    recorded = record(module, np.moveaxis(X, -1, 1))
    assert list(recorded.layers) == ["0", "1", "2", "3"] and module.training
    net = cl.Network(
        [cl.Conv2D(3, 3), cl.ReLU(), cl.Permute((3, 1, 2)), cl.Flatten(), cl.Dense(2)], (6, 6, 2)
    )
    state = {name: value.numpy() for name, value in module.state_dict().items()}
    net.parameters["conv2d_1/kernel"] = state["0.weight"].transpose(2, 3, 1, 0)
    net.parameters["conv2d_1/bias"] = state["0.bias"]
    net.parameters["dense_1/kernel"], net.parameters["dense_1/bias"] = state["3.weight"].T, state["3.bias"]
    names = {"0": "conv2d_1", "1": "relu_1", "2": "flatten_1", "3": "dense_1"}
    recorded.save(tmp_path / "outputs.h5")
    report = verify(net, None, tmp_path / "outputs.h5", names=names)
    assert report.ok, report
