"""Maps of a session's rows: of inputs, activations, gradients and weights, and over a training."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import cortex_lab as cl
from cortex_lab.embed import PCA
from cortex_lab.nn.train.by_row import gradients_by_row
from cortex_lab.widgets import MapPicture

pytest.importorskip("openTSNE")

SHORT = {"iterations": 20, "early_iterations": 10}


def trained(steps: int = 40, **options: Any) -> cl.TrainingSession:
    digits = cl.data.load("digits")
    net = cl.Network(
        [cl.Flatten(), cl.Dense(16, activation="relu"), cl.Dense(10)], digits.input_shape, seed=0
    )
    session = cl.train(net, digits, optimizer=cl.Adam(1e-2), batch_size=32, **options)
    session.step(steps)
    return session


@pytest.fixture(scope="module")
def session() -> cl.TrainingSession:
    return trained()


WIDTHS = {
    "inputs": 64,
    "dense_1": 16,
    "dense_2": 10,
    "gradient['dense_2/kernel']": 160,
    "gradient['dense_1']": 16,
}


@pytest.mark.parametrize("of", WIDTHS)
def test_rows_by_what_they_are_to_the_network(session, of):
    found = session.embedding(of, most=60, method="pca")
    assert found.features.shape == (60, WIDTHS[of]) and found.positions.shape == (60, 2)
    frame = found.frame()
    assert frame.index.name == "row" and set(frame.index) <= set(session.dataset.test.rows)
    assert list(frame.columns[:3]) == ["x", "y", "label"] and (frame["split"] == "test").all()
    labels = session.dataset.frame["label"]
    assert (frame["label"] == labels[frame.index]).all()
    assert (frame["correct"] == (frame["prediction"] == frame["label"])).all()
    if of == "dense_1":
        x = session.dataset.select(frame.index).arrays()[0]
        np.testing.assert_array_equal(found.features, session.network.activations(x, ["dense_1"])["dense_1"])


def test_units_by_their_weights(session):
    found = session.embedding("weights['dense_1/kernel']", method="pca")
    np.testing.assert_array_equal(found.features, session.network.parameters["dense_1/kernel"].T)
    assert found.frame().index.name == "unit" and len(found.frame()) == 16
    with pytest.raises(ValueError, match="is not one of rows"):
        found.place("validation")


@pytest.mark.parametrize("loss", [None, "mean_squared_error"])
def test_a_rows_gradient_is_that_of_its_loss(loss):
    digits = cl.data.load("digits")
    if loss:
        frame = digits.frame.assign(first=np.linspace(0, 1, len(digits)), second=0.5)
        digits = cl.data.Dataset(frame, "image", ["first", "second"]).split(test=0.2)
    outputs = 2 if loss else 10
    layers = [cl.Flatten(), cl.Dense(5, activation="tanh"), cl.Dense(outputs)]
    session = cl.train(cl.Network(layers, digits.input_shape, ops="reference"), digits, loss, batch_size=8)
    session.step(3)
    rows = session.dataset.select(session.dataset.rows[:6])
    given = session._rows_to_score(rows)
    training = session.process
    found = gradients_by_row(training.objective, *given, "dense_1/kernel")
    kernel, step = training.network.parameters["dense_1/kernel"], 1e-6
    direction = np.random.default_rng(0).normal(size=kernel.shape)
    losses = []
    for sign in (1, -1):
        kernel += sign * step * direction
        losses.append(session.results(rows)["loss"].to_numpy())
        kernel -= sign * step * direction
    expected = (losses[0] - losses[1]) / (2 * step)
    np.testing.assert_allclose((found * direction).sum(axis=(1, 2)), expected, rtol=1e-5, atol=1e-8)


def test_a_sample_has_of_each_class_its_share(session):
    whole = session.dataset.train
    frame = session.embedding("inputs", "train", most=100, method="pca").frame()
    shares = frame["label"].value_counts(normalize=True).sort_index()
    expected = whole.frame["label"].value_counts(normalize=True).sort_index()
    np.testing.assert_allclose(shares, expected, atol=0.015)
    assert "100 points" in repr(session.embedding("inputs", "train", most=100, method="pca"))
    assert len(session.embedding("inputs", "all", most=None, method="pca").frame()) == len(session.dataset)
    few = session.dataset.rows[5:30]
    assert session.embedding("inputs", few, method="pca").frame().index.tolist() == few.tolist()


def test_tsne_stops_early_and_says_how_good_it_is(session):
    found = session.embedding("dense_1", most=60, early_iterations=30, iterations=400)
    assert found.session is not None and 30 < found.session.step_number < 400
    told = found.quality(k=5)
    assert told.kl_divergence == found.layout.divergence() and told.knn_accuracy > 0.5
    assert found.quality(k=5, by="split").knn_accuracy == 1
    # Of 60 rows, as large as it can be.
    assert found.layout._state.points.perplexities == (59 / 3,)


def test_other_rows_are_placed_by_the_weights_of_then(session):
    trained_on = trained(20)
    found = trained_on.embedding("dense_1", most=80, **SHORT)
    before = found.positions.copy()
    placed = found.place("validation")
    assert placed.index.equals(trained_on.results("validation").index) and list(placed) == ["x", "y"]
    trained_on.run(5, progress=False)
    np.testing.assert_array_equal(found.place("validation"), placed)
    np.testing.assert_array_equal(found.positions, before)
    plane = session.embedding("dense_1", most=80, method="pca")
    again = plane.place(session.dataset.select(plane.frame().index))
    np.testing.assert_allclose(again, plane.positions, atol=1e-4)


def test_one_picture_and_one_drawn_by_hand_are_placed_among_their_likes(session):
    found = session.embedding("dense_1", "test", most=200, iterations=160, early_iterations=80)
    frame = found.frame()
    before = found.positions.copy()
    # A row that is in the map goes to its own place, whichever way it is given.
    row = int(frame.index[frame["correct"]][0])
    one = session.dataset.select([row])
    as_row, as_picture = found.place(one), found.place(one.arrays()[0])
    np.testing.assert_array_equal(as_row, as_picture)
    assert as_row.index.tolist() == [row] and as_picture.index.tolist() == [0]
    radius = np.sqrt((found.positions**2).sum(axis=1).mean())
    own = np.hypot(*(as_row.iloc[0] - frame.loc[row, ["x", "y"]]).to_numpy(float))
    assert own < 0.25 * radius
    # A zero: a ring of ink.
    across, down = np.meshgrid(np.arange(8) - 3.5, np.arange(8) - 3.5)
    ring = np.exp(-((np.hypot(across / 2.1, down / 3.1) - 1) ** 2) * 6).astype(np.float32)
    place = found.place(ring[None, :, :, None])
    near = np.hypot(frame["x"] - place["x"][0], frame["y"] - place["y"][0]).nsmallest(7).index
    assert (frame.loc[near, "label"] == 0).sum() >= 4
    np.testing.assert_array_equal(found.positions, before)
    with pytest.raises(ValueError, match="8, 8, 1"):
        found.place(ring)


def test_maps_over_a_training_are_recorded_or_replayed(session):
    fresh = trained(0)
    kept = fresh.record_features("dense_1", every=10, most=50)
    fresh.run(30, progress=False)
    kept.stop()
    fresh.run(10, progress=False)
    assert kept.steps == (10, 20, 30)
    found = fresh.embeddings(kept, **SHORT)
    again = session.embeddings("dense_1", [10, 20, 30], most=50, **SHORT)
    for one, other in zip(found.maps, again.maps, strict=True):
        np.testing.assert_array_equal(one.positions, other.positions)
        np.testing.assert_array_equal(one.drift, other.drift)
    frame = found.frame()
    assert frame.index.names == ["step", "row"] and len(frame) == 150
    assert frame.loc[10, "drift"].isna().all() and frame.loc[20, "drift"].notna().all()
    # Each step's columns are of that step.
    at = session.branch_at(20).results(session.dataset.select(frame.loc[20].index))
    np.testing.assert_array_equal(frame.loc[20, "loss"], at["loss"])
    assert list(found.summary()) == ["kl_divergence", "drift", "coherence_error"]
    fresh.rewind(15)
    assert kept.steps == (10,)


def test_pictures_and_pages(session, tmp_path):
    found = session.embeddings("dense_1", [10, 40], most=40, **SHORT)
    row = int(found.maps[0].index[3])
    view = found.view("prediction", row)
    figure = view.figure()
    assert [frame.name for frame in figure.frames] == ["10", "40"]
    counts = {len(frame.data) for frame in figure.frames} | {len(figure.data)}
    assert len(figure.layout.sliders[0].steps) == 2 and max(counts) - min(counts) <= 1
    for name in ("map.html", "map.png", "map.svg", "map.csv"):
        found.save(tmp_path / name, color="loss")
        assert (tmp_path / name).stat().st_size > 1000
    assert (tmp_path / "map.csv").read_text().count("\n") == 81
    with pytest.raises(KeyError, match=r"no column 'colour' to color by; there are x, y, .*label"):
        found.view("colour")
    with pytest.raises(IndexError, match="row -5 is in none of the maps"):
        found.view(row=-5)


@pytest.mark.parametrize("frames", [[], 3, "maps", [1], [(0, "frame")], [(0, pd.DataFrame({"x": [1.0]}))]])
def test_what_is_no_map_is_not_drawn(frames):
    with pytest.raises((ValueError, TypeError, KeyError), match=r"map|frames"):
        MapPicture(frames)


BAD = {
    "layer": ({"of": "dense_9"}, KeyError, r"no .*dense_9.* to map.*There are .*inputs.*, the layers"),
    "parameter": (
        {"of": "weights['dense_9/kernel']"},
        KeyError,
        "no 'dense_9/kernel'; there are dense_1/kernel",
    ),
    "none": ({"rows": []}, ValueError, "would have no rows"),
    "few": ({"rows": [1, 2, 3]}, ValueError, "4 points or more, got 3"),
    "method": ({"method": "umap"}, ValueError, "method must be .*tsne.*pca"),
    "options": (
        {"method": "pca", "perplexity": 5},
        TypeError,
        "a PCA takes no perplexity; say method='tsne'",
    ),
    "perplexity": ({"most": 40, "perplexity": 30}, ValueError, "perplexity=30 does not suit 40 points"),
    "split": ({"rows": "tests"}, KeyError, "no split 'tests'"),
    "most": ({"most": 2}, ValueError, "most must be a whole number of at least 4"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_mapped(session, name):
    options, error, message = BAD[name]
    with pytest.raises(error, match=message):
        session.embedding(**{"of": "dense_1", **options})


def test_what_else_cannot_be_mapped(session):
    with pytest.raises(ValueError, match="this session goes from step 0 to step 40"):
        session.embeddings("dense_1", [10, 400], most=40, **SHORT)
    with pytest.raises(ValueError, match="weights have no rows"):
        session.record_features("weights['dense_1/kernel']", 10)
    net = cl.Network([cl.Dense(3)], 4)
    arrays = cl.train(net, (np.eye(12, 4, dtype=np.float32), np.arange(12) % 3))
    with pytest.raises(LookupError, match="a map is of the rows of a Dataset"):
        arrays.embedding("dense_1")


def test_dead_and_broken_layers_are_said():
    dead = trained(0)
    dead.edit("weights['dense_1/kernel']", np.zeros((64, 16)))
    with pytest.raises(ValueError, match=r"all 50 rows of x are the same.*dead units"):
        dead.embedding("dense_1", most=50)
    assert not dead.embedding("dense_1", most=50, method="pca").positions.any()
    dead.edit("weights['dense_1/kernel']", np.full((64, 16), np.nan))
    with pytest.raises(ValueError, match="NaN or infinite at rows 0, 1, 2, 3, 4 and 45 more"):
        dead.embedding("dense_1", most=50)


def test_a_plane_of_components():
    x = np.random.default_rng(0).normal(size=(30, 6)) * [9, 4, 1, 1, 1, 1]
    plane = PCA(x)
    left, sizes, _ = np.linalg.svd(x - x.mean(axis=0), full_matrices=False)
    np.testing.assert_allclose(np.abs(plane.positions), np.abs(left[:, :2] * sizes[:2]))
    assert plane.explained[0] > plane.explained[1] > 0.05 and "30 points" in repr(plane)
    line = PCA(np.arange(5.0)[:, None])
    assert line.positions[:, 1].tolist() == [0] * 5 and line.explained.tolist() == [1, 0]
    assert np.isfinite(PCA(x * 1e200).positions).all()
    for bad, message in ((np.full((9, 2), np.nan), "finite numbers"), (np.eye(1, 3), "2 points or more")):
        with pytest.raises(ValueError, match=message):
            PCA(bad)
    with pytest.raises(ValueError, match="the 6 features of the map's"):
        plane.place(np.eye(2))
