from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import cortex_lab as cl
from cortex_lab.study import Session
from cortex_lab.widgets import Activations, EmbeddingMap, LossCurve, WeightHistogram
from cortex_lab.widgets.chart.canvas import pack
from cortex_lab.widgets.chart.palette import CATEGORIES, category_mark
from cortex_lab.widgets.chart.view import NothingToShow
from tests.widgets.toys import ToySession, ToyTraining


@pytest.mark.parametrize("view_type", [Activations, EmbeddingMap, WeightHistogram])
def test_a_view_that_lacks_something_says_what_and_how_to_get_it(view_type):
    session = Session(ToyTraining(ToySession().network))
    view = view_type(session)
    with pytest.raises(NothingToShow, match=r"cl\.train\(network, dataset"):
        view.frame()
    assert "cl.train" in view.figure().layout.annotations[0].text
    assert view.png(dpi=40).startswith(b"\x89PNG")


@pytest.mark.parametrize("view_type", [Activations, EmbeddingMap])
def test_without_a_dataset_the_remedy_is_a_dataset(view_type):
    session = ToySession()
    session.dataset = None
    with pytest.raises(NothingToShow, match=r"no dataset.*\n.*Pass a Dataset"):
        view_type(session).frame()


class TestLossCurve:
    def test_the_frame_holds_the_trace_line_by_line(self):
        session = ToySession()
        session.step(30)
        frame = LossCurve(session).frame()
        train = frame[(frame.key == "loss") & (frame.line == "training")]
        np.testing.assert_array_equal(train.value, session.trace["loss"])
        validation = frame[frame.key == "validation_loss"]
        assert list(validation.step) == [10, 20, 30]

    def test_long_traces_are_thinned_to_a_thousand_points_a_line(self):
        session = ToySession()
        session.step(5000)
        view = LossCurve(session)
        assert view.frame().groupby(["key", "line"]).size().max() <= 1000
        loss = next(line for line in view.look().plots[0].marks if line.faint)
        assert loss.y.max() == session.trace["loss"].max()

    def test_after_a_rewind_it_draws_what_was_recorded_since(self):
        session = ToySession()
        view = LossCurve(session)
        session.step(1500)
        view.look()
        session.rewind(1200)
        session.edit("learning_rate", 5.0)
        session.step(400)
        session.trace._columns["loss"][1200:1600] += 1
        pd.testing.assert_frame_equal(view.frame(), LossCurve(session).frame())

    def test_before_the_first_step_it_says_what_to_do(self):
        view = LossCurve(ToySession())
        chart = view.drawing()
        assert chart.note == "no steps yet: press Step" and chart.plots[0].x.limits == (0, 10)

    def test_the_step_axis_grows_in_round_steps(self):
        session = ToySession()
        view = LossCurve(session)
        ends = []
        for _ in range(60):
            session.step(1)
            ends.append(view.look().limits[1])
        assert ends == sorted(ends) and set(ends) == {10, 12, 15, 20, 25, 30, 40, 50, 60}

    def test_a_loss_that_is_not_finite_leaves_a_picture(self):
        session = ToySession()
        session.step(100)
        session.trace._columns["loss"][50:60] = np.nan
        session.trace._columns["loss"][60] = np.inf
        view = LossCurve(session)
        assert np.isfinite(view.frame().value).all() and view.png(dpi=40)


class TestWeightHistogram:
    def test_at_rest_every_value_is_counted(self):
        session = ToySession(units=2000)
        view = WeightHistogram(session, "dense")
        data = view.look()
        kernel = next(part for part in data.parts if part.name == "kernel")
        values = session.network.parameters["dense/kernel"]
        expected, edges = np.histogram(values, np.linspace(*kernel.limits, len(kernel.counts) + 1))
        assert kernel.size == kernel.sampled == values.size and kernel.counts.sum() == values.size
        assert np.abs(kernel.counts - expected).sum() <= 4
        np.testing.assert_allclose(kernel.edges, edges)
        assert kernel.mean == pytest.approx(values.mean(), abs=1e-6)
        assert data.caption == "all 66,000 values"

    def test_while_running_a_fixed_sample_stands_for_all_and_the_caption_says_so(self):
        view = WeightHistogram(ToySession(units=2000), "dense")
        collected = view.collect(exact=False)
        values = collected[2]["dense/kernel"][1]
        assert len(values) == 16384
        np.testing.assert_array_equal(values, view.collect(exact=False)[2]["dense/kernel"][1])
        data = view.prepare(collected)
        kernel = next(part for part in data.parts if part.name == "kernel")
        assert kernel.counts.sum() == pytest.approx(kernel.size) and kernel.sampled == 16384
        assert data.caption == "kernel: a sample of 16,384 of 64,000 values; all when paused"

    def test_the_outline_stays_how_the_weights_were_at_first(self):
        session = ToySession()
        view = WeightHistogram(session, "conv")
        session.step(500)
        part = view.look().parts[0]
        assert not np.array_equal(part.counts, part.first) and part.first.sum() == part.size

    def test_values_that_are_not_finite_are_told_not_drawn(self):
        session = ToySession()
        view = WeightHistogram(session, "dense")
        session.network.parameters["dense/kernel"][0, 0] = np.nan
        session.network.parameters["dense/kernel"][0, 1] = np.inf
        part = view.look().parts[0]
        assert part.outside == 2 and "2 not finite" in part.detail and np.isfinite(part.mean)

    def test_unknown_layers_are_an_error_that_names_those_there_are(self):
        with pytest.raises(
            KeyError, match="no layer with parameters called 'flatten'; there are conv, dense"
        ):
            WeightHistogram(ToySession(), "flatten")


def bytes_session():
    images = np.random.default_rng(0).integers(0, 256, (30, 4, 4, 1)).astype(np.uint8)
    frame = pd.DataFrame({"image": cl.data.TensorArray(images), "label": ["ant", "bee"] * 15})
    data = cl.data.Dataset(frame).split(test=10)
    network = cl.Network([cl.Flatten(), cl.Dense(3, activation="tanh"), cl.Dense(2)], (4, 4, 1), seed=0)
    return cl.train(network, data, "softmax_cross_entropy", cl.Adam(), batch_size=20)


def test_views_look_at_bytes_as_the_network_sees_them():
    session = bytes_session()
    row = int(session.dataset.test.rows[0])
    seen = session.dataset.select([row]).arrays()[0] * np.float32(1 / 255)
    frame = Activations(session).frame()
    np.testing.assert_allclose(frame[frame.layer == f"row {row}"].value, seen.ravel(), rtol=1e-6)
    hidden = session.network.activations(seen, ["dense_1"])["dense_1"]
    np.testing.assert_array_equal(frame[frame.layer == "dense_1"].value, hidden.ravel())
    rows = EmbeddingMap(session, "dense_1")
    pixels = session.dataset.select(rows._mapped.rows).arrays()[0] * np.float32(1 / 255)
    expected = session.network.activations(pixels, ["dense_1"])["dense_1"]
    np.testing.assert_array_equal(rows._mapped.look(session, "dense_1")[1], expected)


class TestActivations:
    def test_the_first_test_row_is_pinned_and_layers_that_only_reshape_are_left_out(self):
        view = Activations(ToySession())
        data = view.look()
        assert view.pinned == data.row == 0 and data.label == "ant"
        assert [picture.name for picture in data.layers] == ["row 0", "conv", "dense"]
        assert [picture.kind for picture in data.layers] == ["image", "maps", "output"]

    def test_the_frame_holds_the_values_and_chances_that_add_up_to_one(self):
        session = ToySession()
        view = Activations(session, pinned=5)
        frame = view.frame()
        x = session.dataset.select([5]).arrays()[0]
        expected = session.network.activations(x, ["conv"])["conv"][0]
        conv = frame[frame.layer == "conv"]
        np.testing.assert_allclose(conv[conv.unit == 1].value, expected[:, :, 1].ravel())
        assert frame[frame.layer == "dense"].value.sum() == pytest.approx(1)

    def test_bytes_for_the_canvas_are_the_values_on_a_scale_that_is_told(self):
        view = Activations(ToySession())
        data = view.look()
        packed = pack(view.chart(data))
        place = next(i for i, plot in enumerate(packed.meta["plots"]) if plot["title"] == "conv")
        low, high = packed.meta["plots"][place]["marks"][0]["limits"]
        back = low + packed.arrays[f"{place}.0.values"] / 255 * (high - low)
        np.testing.assert_allclose(back, data.layers[1].tiles.values.ravel(), atol=high / 500)

    def test_many_maps_and_large_ones_are_cut_down_and_it_says_so(self):
        view = Activations(ToySession())
        picture = view._picture("big", np.ones((100, 90, 200), np.float32))
        assert picture.tiles.values.shape[0] == 64 and max(picture.tiles.values.shape[1:]) <= 32
        assert picture.detail == "100×90×200, first 64"

    @pytest.mark.parametrize("shape", [(5, 4, 3), (5, 4, 1), (6, 3), (7,), ()])
    def test_every_shape_of_activation_can_be_drawn(self, shape):
        view = Activations(ToySession())
        for is_input in (True, False):
            picture = view._picture("layer", np.full(shape, -0.5, np.float32), is_input=is_input)
            assert picture.tiles.values.ndim in (3, 4) and picture.limits == (-0.5, 0.5)

    def test_rows_that_are_not_there_are_an_error(self):
        with pytest.raises(IndexError, match=r"no row 99 in 'toys'; it has 40 rows from 0 to 39"):
            Activations(ToySession(), pinned=99)


class TestEmbeddingMap:
    def test_the_first_picture_is_the_principal_components(self):
        session = ToySession()
        view = EmbeddingMap(session, "dense")
        frame = view.frame()
        assert list(frame.index) == list(range(0, 40, 2)) and set(frame.label) == {"ant", "bee", "<cat>"}
        x = session.dataset.test.arrays()[0]
        features = session.network.activations(x, ["dense"])["dense"]
        centered = features - features.mean(axis=0)
        left, sizes, _ = np.linalg.svd(centered, full_matrices=False)
        for k, column in enumerate("xy"):
            expected = left[:, k] * sizes[k]
            assert abs(np.corrcoef(frame[column], expected)[0, 1]) > 0.999
        assert view.look().caption == "activations of step 0, first picture: PCA"

    def test_it_moves_follows_the_training_and_keeps_its_place(self):
        pytest.importorskip("openTSNE")
        session = ToySession()
        view = EmbeddingMap(session)
        view.patience = 0.0
        for _ in range(5):
            assert view.advance() == 0.0
        assert view.look().iteration > 0 and view.look().step == 0
        before = view.look().positions
        session.step(3)
        assert view.advance() == 0.0
        after = view.look()
        assert after.step == 3 and "activations of step 3" in after.caption
        np.testing.assert_array_equal(before, after.positions)

    def test_somebody_who_steps_quickly_does_not_wait_for_maps_in_between(self):
        pytest.importorskip("openTSNE")
        session = ToySession()
        view = EmbeddingMap(session)
        now = 0.0
        view.patience, view.clock = 8.0, lambda: now
        view.advance(), view.advance()
        calls = session.network.calls
        session.step()
        assert view.advance() == 8.0
        now = 5.0
        assert view.advance() == 3.0 and session.network.calls == calls
        now = 8.0
        assert view.advance() == 0.0 and session.network.calls > calls

    def test_it_follows_a_run_and_rests_when_stopped(self):
        pytest.importorskip("openTSNE")
        session = ToySession()
        view = EmbeddingMap(session)
        view.stop()
        assert view.advance() is None and "stopped" in view._told()
        view.start()
        steps = []

        def heed(notice):
            if notice.kind == "step":
                assert view.advance() == 0.0
                steps.append(view.look().step)

        session.subscribe(heed)
        session.step(60)
        # The first picture, the first layout, and a look after every twenty iterations.
        assert sorted(set(steps)) == [1, 2, 23, 44]
        assert view.look().iteration > 50

    def test_a_layout_that_fails_says_so_in_its_panel(self):
        session = ToySession()
        session.network.parameters["conv/kernel"][:] = 0
        view = EmbeddingMap(session)
        view.patience = 0.0
        while view.advance() is not None:
            pass
        assert view.missing and view.missing.startswith("The map failed: ValueError: all 20 rows")

    def test_it_is_colored_by_what_is_known_and_outlines_wrong_answers(self):
        pytest.importorskip("openTSNE")
        session = ToySession()
        view = EmbeddingMap(session)
        assert view.colors == ("label", "prediction", "drift", "local distortion")
        for _ in range(3):
            view.advance()
        data = view.look()
        classes = np.array(session.dataset.classes, object)
        x = session.dataset.select(data.rows).arrays()[0]
        said = classes[session.network.activations(x, ["dense"])["dense"].argmax(axis=1)]
        frame = view.frame()
        assert frame["prediction"].tolist() == said.tolist()
        points = view.drawing().plots[0].marks[0]
        wrong = frame.index[frame["prediction"] != frame["label"]]
        assert points.outlined.tolist() == wrong.tolist() and len(wrong)
        assert view.drawing().legend[-1].label == "wrong"
        view.color = "prediction"
        points = view.drawing().plots[0].marks[0]
        assert np.array(points.names, object)[points.groups].tolist() == said.tolist()
        for name in ("drift", "local distortion"):
            view.color = name
            points = view.drawing().plots[0].marks[0]
            assert len(points.values) == len(frame) and not len(points.groups)
        assert 0 <= points.values.min() <= points.values.max() <= 1
        assert "local distortion" in view.look().caption
        with pytest.raises(ValueError, match="color must be"):
            view.color = "smell"

    def test_it_goes_back_to_the_step_marked_and_draws_the_way_of_a_row(self):
        pytest.importorskip("openTSNE")
        session = ToySession()
        view = EmbeddingMap(session)
        view.patience = 0.0
        for _ in range(5):
            view.advance()
        before = view.look()
        session.step(3)
        for _ in range(3):
            view.advance()
        assert view.look().step == 3 and view.look().trail is None
        view.moment = 0
        assert view.look().step == 0 and "the step marked" in view.look().caption
        np.testing.assert_allclose(view.look().positions, before.positions)
        view.moment = 2
        assert view.look().step == 0 and "the last before the step marked" in view.look().caption
        view.moment = None
        view.pinned = int(before.rows[4])
        places, steps = view.look().trail
        assert steps.tolist() == [0, 3]
        np.testing.assert_allclose(places, [before.positions[4], view.look().positions[4]])
        assert [mark.kind for mark in view.drawing().plots[0].marks] == ["scatter", "trail"]

    def test_unknown_layers_are_an_error_that_names_those_there_are(self):
        with pytest.raises(KeyError, match="no layer 'lstm'; there are conv, flatten, dense"):
            EmbeddingMap(ToySession(), "lstm")


def test_classes_beyond_the_ten_colors_get_another_mark():
    assert len(set(CATEGORIES)) == 10
    assert [category_mark(position) for position in (0, 9, 10, 20, 30)] == [
        "dot", "dot", "square", "triangle", "dot",
    ]  # fmt: skip
