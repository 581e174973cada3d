"""Graphs are laid out so that they can be read, and nodes say what they are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import cortex_lab as cl
from cortex_lab.nn.models.resnet import resnet
from cortex_lab.widgets import Bench, GraphMap, NetworkMap
from cortex_lab.widgets.chart.layered import layered
from cortex_lab.widgets.chart.node_map import NodeMap
from tests.widgets import session_kinds
from tests.widgets.session_kinds import KINDS
from tests.widgets.toys import Page


def edges_of(graph: Any) -> tuple[int, list[tuple[int, int]]]:
    names = [*graph.inputs, *graph.nodes]
    found = [
        (names.index(each), names.index(node.name)) for node in graph.nodes.values() for each in node.inputs
    ]
    return len(names), found


GRAPHS: dict[str, tuple[int, list[tuple[int, int]]]] = {
    "alone": (1, []),
    "chain": (40, [(i, i + 1) for i in range(39)]),
    "diamond": (4, [(0, 1), (0, 2), (1, 3), (2, 3)]),
    "shortcut over bands": (20, [*((i, i + 1) for i in range(19)), (0, 19)]),
    "apart": (4, [(0, 1), (2, 3)]),
    "fan": (30, [(0, i) for i in range(1, 30)]),
    "late input": (5, [(0, 1), (1, 2), (2, 3), (4, 3)]),
    "residual": edges_of(resnet(20)),
}


@pytest.mark.parametrize("name", GRAPHS)
def test_no_two_nodes_share_a_place_and_all_edges_lead_on(name):
    count, edges = GRAPHS[name]
    layout = layered(count, edges)
    places = layout.places
    assert places.shape == (count, 2) and ((places > 0) & (places < 1)).all()
    apart = np.abs(places[:, None] - places[None])
    room = np.array([0.99 / layout.columns, 0.99 / layout.lanes])
    overlap = (apart < room).all(axis=2)
    assert np.array_equal(overlap, np.eye(count, dtype=bool))
    for start, end in edges:
        later = places[end, 1] > places[start, 1] + 0.5 / layout.lanes
        assert places[end, 0] > places[start, 0] or later
    finite = layout.ways[np.isfinite(layout.ways[:, 0])]
    assert ((finite >= 0) & (finite <= 1)).all()
    if edges:
        assert np.isnan(layout.ways[-1]).all()


def test_an_edge_that_skips_columns_goes_around_what_stands_there():
    count, edges = GRAPHS["shortcut over bands"]
    layout = layered(count, edges, most=30)
    middles = layout.ways[np.isfinite(layout.ways[:, 0])]
    on_nodes = [tuple(place) for place in layout.places]
    around = [tuple(point) for point in middles if tuple(point) not in on_nodes]
    assert len(set(around)) == 18 and all(point[1] != layout.places[5, 1] for point in around)


def test_places_of_a_diamond_are_those_computed_by_hand():
    places = layered(*GRAPHS["diamond"]).places
    np.testing.assert_allclose(places, [[1 / 6, 0.5], [0.5, 0.25], [0.5, 0.75], [5 / 6, 0.5]])


def test_a_second_input_stands_right_before_what_reads_it():
    places = layered(*GRAPHS["late input"]).places
    assert places[4, 0] == places[2, 0]


def test_a_graph_in_a_circle_is_refused():
    with pytest.raises(ValueError, match="must not lead in circles"):
        layered(3, [(0, 1), (1, 2), (2, 1)])


def node(view: NetworkMap | GraphMap, name: str) -> tuple[NodeMap, int]:
    (mark,) = view.drawing().plots[0].marks
    assert isinstance(mark, NodeMap)
    return mark, mark.names.index(name)


class TestNodes:
    @pytest.mark.parametrize("kind", KINDS)
    def test_every_node_and_input_is_there_and_says_its_shape(self, kind):
        session = KINDS[kind]()
        view = NetworkMap(session)
        graph = session.network.graph
        mark, _ = node(view, next(iter(graph.nodes)))
        assert mark.names == (*graph.inputs, *graph.nodes)
        assert list(mark.details) == ["×".join(map(str, graph.shape(name))) for name in mark.names]
        assert list(view.frame().index) == list(graph.nodes)
        total = sum(array.size for array in session.network.parameters.values())
        assert view.frame()["parameters"].sum() == total

    def test_what_is_told_of_a_node_is_what_the_table_of_layers_says(self):
        session = session_kinds.several_inputs_and_outputs()
        view = NetworkMap(session)
        view.look()
        session.step(2)
        mark, place = node(view, "wide")
        line = view.frame().loc["wide"]
        for said in (
            f"gradient norm {line['gradient norm']:.3g}",
            "24 parameters",
            f"{line['dead share']:.0%} of its",
        ):
            assert said in mark.told[place]
        assert (
            "68 to 3" in mark.told[mark.names.index("kind")]
            and view.frame().at["both", "reads"] == "wide, flat"
        )
        assert mark.dead[place] == line["dead share"] and np.isnan(mark.values[0])

    def test_what_is_out_of_bounds_has_a_border_and_what_rests_says_so(self):
        x, y = session_kinds._X, session_kinds._CLASSES
        network = cl.Network([cl.Dense(6, activation="relu"), cl.Dense(3)], 5, seed=0)
        session = cl.train(network, (x, y), "softmax_cross_entropy", frozen="dense_1")
        network.parameters["dense_1/bias"] = -100.0
        session.step()
        mark, place = node(NetworkMap(session), "dense_1")
        assert mark.wrong_ones[place] and mark.dead[place] == 1 and "at rest" in mark.told[place]
        assert {entry.label for entry in mark.entries} == {"dead units", "out of bounds"}

    def test_shades_are_by_powers_of_ten(self):
        session = session_kinds.sequences()
        view = NetworkMap(session, shade="parameters")
        mark, place = node(view, "lstm_1")
        sizes = view.frame()["parameters"].to_numpy(float)
        logs = np.log10(sizes)
        np.testing.assert_allclose(mark.values[1:], (logs - logs.min()) / (logs.max() - logs.min()))
        with pytest.raises(ValueError, match="shade must be"):
            view.shade = "loss"

    def test_deep_networks_have_more_height(self):
        rows = np.zeros((4, 8, 8, 3), np.float32)
        deep = cl.Network(resnet(20, (8, 8, 3)), seed=0)
        session = cl.train(deep, (rows, np.arange(4)), "softmax_cross_entropy", batch_size=4)
        assert NetworkMap(session).height > NetworkMap(session_kinds.arrays()).height


def test_a_click_on_a_node_shows_it_in_every_view():
    session = session_kinds.several_inputs_and_outputs()
    bench = Bench(session, map=False, layout=["network_map", "layer_table"], interval=0.02)
    try:
        page = Page(bench)
        page.say("hello")
        names = [*session.network.graph.inputs, *session.network.graph.nodes]
        page.say("act", panel="network_map", number=names.index("kind"))
        bench.wait()
        assert bench.error is None and bench.layer == "kind"
        assert {bench.views[name].node for name in ("network_map", "layer_table", "distributions")} == {
            "kind"
        }
        page.say("act", panel="network_map", number=names.index("both"))
        bench.wait()
        assert bench.views["distributions"].node == "both" and bench.layer == "kind"
        page.say("act", panel="network_map", number=0)
        bench.wait()
        assert bench.error is None and bench.views["layer_table"].node == "both"
    finally:
        bench.close()


def test_by_time_each_node_is_timed_and_nothing_is_otherwise():
    session = session_kinds.several_inputs_and_outputs()
    session.step(2)
    view = NetworkMap(session)
    assert not view.look().times and "forward ms" not in view.frame()
    view.shade = "time"
    data = view.look()
    # A view of another shape costs nothing, and is not run.
    assert set(data.times) == {"wide", "both", "kind", "price"}
    assert all(forward > 0 and backward >= 0 for forward, backward in data.times.values())
    frame = view.frame()
    assert (frame.loc[["wide", "kind"], "backward ms"] > 0).all() and frame.loc["flat", "forward ms"] == 0
    (mark,) = view.drawing().plots[0].marks
    assert "ms forward" in mark.told[mark.names.index("kind")] and "ms in all" in view.drawing().caption


class TestGraphsThatDoNotFit:
    LAYERS = (cl.Conv2D(8, 3), cl.MaxPooling2D(2), cl.LSTM(4), cl.Dense(3))
    BRANCHES = (
        cl.Node(cl.Dense(4), "wide", ("a",)), cl.Node(cl.Dense(5), "deep", ("b",)),
        cl.Node(cl.Add(), "both", ("wide", "deep")), cl.Dense(2),
    )  # fmt: skip

    def test_it_is_drawn_up_to_the_node_which_says_why(self):
        with pytest.raises(cl.nn.GraphError, match="LSTM wants rows of shape") as raised:
            cl.Network(self.LAYERS, (28, 28, 1))
        assert "cl.widgets.GraphMap(layers, input_shape)" in raised.value.__notes__[0]
        for view in (GraphMap(self.LAYERS, (28, 28, 1)), GraphMap(raised.value)):
            mark, place = node(view, "lstm_1")
            assert mark.names == ("input", "conv2d_1", "max_pooling2d_1", "lstm_1")
            assert mark.details == ("28×28×1", "26×26×8", "13×13×8", "does not fit")
            assert mark.wrong_ones.tolist() == [False, False, False, True]
            assert mark.told[place] == str(raised.value) and mark.entries[-1].label == "does not fit"
            assert str(raised.value) in view.drawing().plots[1].marks[0].texts[0]
            assert view.frame()["wrong"].tolist() == ["", "", str(raised.value)]
            assert view.frame()["parameters"].tolist() == [80, 0, 0]

    def test_it_stands_to_the_right_of_all_that_it_reads(self):
        mark, place = node(GraphMap(self.BRANCHES, {"a": (3,), "b": (4,)}), "both")
        assert mark.names[:4] == ("a", "b", "wide", "deep") and mark.across[place] == max(mark.across)
        assert np.isfinite(mark.way_x).sum() == 2 * 4

    def test_what_fits_is_drawn_whole_of_layers_a_graph_and_a_network(self):
        network = cl.Network([cl.Dense(4), cl.Dense(2)], (3,))
        for view in (GraphMap([cl.Dense(4), cl.Dense(2)], 3), GraphMap(network.graph), GraphMap(network)):
            mark, _ = node(view, "dense_2")
            assert not mark.wrong_ones.any() and view.frame()["parameters"].tolist() == [16, 10]
            assert "26 parameters" in view.drawing().caption and len(view.drawing().plots) == 1

    def test_what_is_no_matter_of_shapes_is_raised(self):
        with pytest.raises(ValueError, match="two nodes are called 'a'"):
            GraphMap([cl.Dense(2, name="a"), cl.Dense(2, name="a")], 3)
        with pytest.raises((TypeError, ValueError), match="input_shape must be the shape of one input row"):
            GraphMap([cl.Dense(2)])
