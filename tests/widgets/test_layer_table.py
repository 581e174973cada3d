"""What is said of each layer, against numbers computed by hand, and what stands out as wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import cortex_lab as cl
from cortex_lab.widgets import Bench, LayerTable, NetworkMap
from cortex_lab.widgets.chart.canvas import pack
from cortex_lab.widgets.chart.layer_stats import TROUBLE
from cortex_lab.widgets.views.layer_table import BLOCKS, IN_ORDER, NUMBERS, _spark
from tests.widgets import session_kinds
from tests.widgets.hand import linear
from tests.widgets.toys import Page

X, Y = np.array([[1.0, 2], [3, 4]]), np.array([[0.0], [1]])


def small(**options: Any) -> Any:
    """y = x1 + x2, that is 3 and 7, where 0 and 1 are wanted; descends by a tenth of the gradient."""
    return linear(X, Y, [[1.0], [1]], "mse", optimizer=cl.SGD(0.1), **options)


class TestNumbers:
    def test_norms_ratio_mean_and_deviation_are_those_computed_by_hand(self):
        session = small()
        view = LayerTable(session)
        view.look()
        session.step()
        line = view.frame().loc["dense_1"]
        # The mean of squares (3 - 0)^2 and (7 - 1)^2: errors 3 and 6, so 2 * mean(error * x).
        gradient = np.array([3 * 1 + 6 * 3, 3 * 2 + 6 * 4, 3 + 6.0])
        weights = np.array([1, 1, 0]) - 0.1 * gradient
        assert line["gradient norm"] == pytest.approx(np.linalg.norm(gradient), rel=1e-5)
        assert line["weight norm"] == pytest.approx(np.linalg.norm(weights), rel=1e-5)
        assert line["update norm"] == pytest.approx(0.1 * np.linalg.norm(gradient), rel=1e-5)
        assert line["update ratio"] == pytest.approx(0.1 * np.linalg.norm(gradient) / np.sqrt(2), rel=1e-5)
        assert (line["activation mean"], line["activation std"], line["not finite"]) == (5, 2, 0)
        assert (line["parameters"], line["kind"], line["shape"]) == (3, "Dense", "1")

    def test_it_agrees_with_what_is_measured(self):
        session = session_kinds.sequences()
        view = LayerTable(session)
        view.look()
        session.step(3)
        frame = view.frame()
        for layer in ("lstm_1", "gru_1", "dense_1"):
            for key, column in (("grad_norm", "gradient norm"), ("weight_norm", "weight norm"),
                                ("update_ratio", "update ratio")):  # fmt: skip
                assert frame.at[layer, column] == pytest.approx(session.process.measure(f"{key}[{layer!r}]"))

    def test_dead_units_are_those_that_are_zero_for_all_rows(self):
        session = session_kinds.arrays()
        bias = session.network.parameters["dense_1/bias"]
        bias[:3] = -100
        session.step()
        view = LayerTable(session)
        assert view.frame().at["dense_1", "dead share"] == session.process.measure("dead_units['dense_1']")
        assert view.frame().at["dense_1", "dead share"] == pytest.approx(0.5)
        assert np.isnan(view.frame().at["dense_2", "dead share"])


class TestWhatIsOfNoStep:
    def test_before_a_step_there_are_weights_alone(self):
        view = LayerTable(small())
        line = view.frame().loc["dense_1"]
        assert line["weight norm"] == pytest.approx(np.sqrt(2))
        assert line[["gradient norm", "update norm", "activation mean"]].isna().all()
        assert "take one" in view.drawing().caption

    def test_updates_are_kept_from_the_first_look_on(self):
        session = small()
        session.step(2)
        view = LayerTable(session)
        assert np.isnan(view.frame().at["dense_1", "update ratio"])
        session.step()
        assert view.frame().at["dense_1", "update ratio"] > 0

    def test_after_a_rewind_nothing_is_said_of_steps_that_are_gone(self):
        session = session_kinds.arrays()
        view = LayerTable(session)
        session.step(9)
        session.rewind(0)
        assert view.frame()[["gradient norm", "update ratio", "activation std"]].isna().all(axis=None)

    def test_inside_a_step_nothing_is_mixed_with_the_step_before(self):
        session = session_kinds.arrays()
        session.step(2)
        view = LayerTable(session)
        session.step(to="forward:dense_1")
        assert view.frame()["activation mean"].isna().all()

    def test_bits_are_the_same_where_somebody_looks(self):
        looked, alone = session_kinds.arrays(), session_kinds.arrays()
        view = LayerTable(looked)
        for _ in range(5):
            view.drawing()
            looked.step()
        alone.step(5)
        np.testing.assert_array_equal(looked.network.params, alone.network.params)


WRONG = {
    "gradient norm": lambda session: session.network.gradient.__setitem__(slice(None), 0.0),
    "update ratio": lambda session: session.network.params.__imul__(10),
    "dead share": lambda session: session.process.bound.buffers["dense_1"].fill(0),
    "activation std": lambda session: session.process.bound.buffers["dense_2"].fill(3),
    "not finite": lambda session: session.process.bound.buffers["dense_2"].__setitem__(0, np.nan),
}


@pytest.mark.parametrize("column", TROUBLE)
def test_each_number_out_of_bounds_stands_out(column):
    session = session_kinds.arrays()
    view = LayerTable(session)
    view.look()
    session.step(3)
    assert not view.look().wrong_ones[column].any()
    WRONG[column](session)
    assert view.look().wrong_ones[column].any() and column in view.drawing().caption
    (mark,) = view.drawing().plots[0].marks
    assert mark.wrong_ones.any() and pack(view.drawing()).meta["legend"][0]["label"] == "out of bounds"


def test_weights_that_are_not_finite_stand_out():
    session = session_kinds.arrays()
    session.network.parameters["dense_1/kernel"][0, 0] = np.nan
    assert LayerTable(session).look().wrong_ones.at["dense_1", "weight norm"]


def test_what_rests_is_not_blamed_for_it():
    session = small(frozen=())
    x = session_kinds._X
    network = cl.Network([cl.Dense(6, activation="relu"), cl.Dense(3)], 5, seed=0)
    session = cl.train(network, (x, session_kinds._CLASSES), "softmax_cross_entropy", frozen="dense_1")
    view = LayerTable(session)
    view.look()
    session.step(2)
    assert view.frame().at["dense_1", "update ratio"] == 0 and not view.look().wrong_ones.any(axis=None)


def test_lines_are_sorted_by_any_number_the_largest_first():
    session = session_kinds.sequences()
    view = LayerTable(session)
    view.look()
    session.step(2)
    assert list(view.frame().index) == ["lstm_1", "gru_1", "dense_1"]
    for column in NUMBERS:
        view.sort = column
        values = view.frame()[column].dropna()
        assert values.is_monotonic_decreasing and len(view.frame()) == 3
    view.sort = IN_ORDER
    with pytest.raises(ValueError, match="sort must be"):
        view.sort = "norm"


def test_a_click_on_a_line_shows_its_layer_in_all_views():
    session = session_kinds.arrays()
    bench = Bench(session, map=False, layout=["layer_table", "weight_histogram"], interval=0.02)
    try:
        page = Page(bench)
        page.say("hello")
        page.say("act", panel="layer_table", number=1)
        bench.wait()
        assert (
            bench.error is None and bench.views["layer_table"].node == "dense_2" and bench.layer == "dense_2"
        )
        page.say("act", panel="layer_table", number=99)
        bench.wait()
        assert bench.error is None
        with pytest.raises(KeyError, match="there is no node 'lstm'; there are dense_1, dense_2"):
            bench.turn("layer_table", "node", "lstm")
    finally:
        bench.close()


def test_two_views_that_look_at_one_step_do_not_take_it_for_an_update_of_nothing() -> None:
    session = session_kinds.dataset()
    session.step(3)
    for view in (NetworkMap(session), LayerTable(session)):
        assert view.frame()["update ratio"].isna().all(), "nobody kept what was before"
    session.step()
    first, second = NetworkMap(session).frame()["update ratio"], LayerTable(session).frame()["update ratio"]
    assert first.gt(0).all() and first.equals(second)


class TestTrends:
    def test_what_was_looked_at_before_is_a_line_of_blocks(self):
        session = session_kinds.dataset()
        view = LayerTable(session)
        assert not view.look().past and len(view.drawing().plots[0].marks[0].columns) == 9
        ratios = []
        for _ in range(4):
            session.step()
            ratios.append(view.look().frame["update ratio"].to_numpy())
        mark = view.drawing().plots[0].marks[0]
        assert mark.columns[-1] == "ratio so far"
        # Nothing is known of the first step: updates were kept from the first look on, which was before it.
        texts = np.reshape(mark.texts, mark.values.shape)[:, -1]
        for text, line in zip(texts, np.array(ratios).T, strict=True):
            logs = np.log10(line)
            heights = np.round((logs - logs.min()) / (logs.max() - logs.min()) * 7).astype(int)
            assert text == "".join(BLOCKS[height] for height in heights)
        view.sort = "gradient norm"
        assert view.drawing().plots[0].marks[0].columns[-1] == "gradient so far"

    def test_steps_that_were_gone_back_over_are_forgotten_and_few_are_kept(self):
        session = session_kinds.dataset()
        view = LayerTable(session)
        for _ in range(6):
            session.step()
            view.look()
        session.rewind(3)
        assert len(view.look().past) <= 2
        session.step(3)
        assert len(view.look().past) <= 3
        for _ in range(60):
            session.step()
            view.look()
        assert 10 <= len(view.look().past) <= 24

    def test_blocks_of_nothing_zero_and_what_is_not_finite(self):
        assert _spark(np.full(3, np.nan)) == _spark(np.zeros(2)) == ""
        assert _spark(np.array([1.0, np.nan, 0.0, 100.0])) == "▁ ▁█" and _spark(np.array([2.0])) == "▅"
