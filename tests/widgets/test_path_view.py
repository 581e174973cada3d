"""The picture of paths: in every form, without a front end."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest

from cortex_lab.optimize import SGD, Adam, Himmelblau, Rosenbrock, landscape, log, scipy_path
from cortex_lab.study import steps
from cortex_lab.widgets.chart.view import View
from cortex_lab.widgets.views.path_view import PathView


@pytest.fixture(scope="module")
def logs() -> list:
    return [log(Himmelblau(), optimizer, until=steps(25)) for optimizer in (SGD(0.01), Adam(0.1))]


def pixels(view: PathView) -> np.ndarray:
    from matplotlib.image import imread

    return imread(io.BytesIO(view.png()))


def test_it_is_a_view_with_all_its_forms(logs: list) -> None:
    view = PathView(*logs, resolution=31)
    assert isinstance(view, View)
    assert view._repr_png_().startswith(b"\x89PNG") and view._repr_html_() is None
    assert view.html().startswith(
        '<div class="cortex-lab-picture"><img alt="Himmelblau: SGD(0.01), Adam(0.1)"'
    )
    assert view.title == "Himmelblau: SGD(0.01), Adam(0.1)"
    assert repr(view) == "<PathView of Himmelblau: SGD(0.01) (25 steps), Adam(0.1) (25 steps)>"


def test_the_frame_holds_the_paths(logs: list) -> None:
    frame = PathView(*logs, resolution=11).frame()
    for made in logs:
        rows = frame[frame["path"] == made.name]
        np.testing.assert_allclose(rows[["x", "y"]], made.points)
        np.testing.assert_array_equal(rows["value"], made.frame["value"])


def test_the_picture_shows_each_path_in_its_color(logs: list) -> None:
    def count(picture: np.ndarray, color: tuple[int, int, int]) -> int:
        near = np.abs(255 * picture[..., :3] - color).max(axis=-1) < 25
        return int(near.sum())

    red, amber = (0xBD, 0x1F, 0x01), (0xFF, 0xA9, 0x0E)
    both, one = pixels(PathView(*logs, resolution=21)), pixels(PathView(logs[0], resolution=21))
    assert count(both, red) > 50 and count(both, amber) > 50
    assert count(one, red) > 50 and count(one, amber) == 0


def test_the_plotly_figure(logs: list) -> None:
    figure = PathView(*logs, resolution=21).figure()
    kinds = [(trace.type, trace.name) for trace in figure.data]
    assert kinds == [
        ("contour", None),
        ("scatter", "SGD(0.01)"),
        ("scatter", "Adam(0.1)"),
        ("scatter", "minimum"),
    ]
    np.testing.assert_allclose(figure.data[1].x, logs[0].points[:, 0])
    np.testing.assert_allclose(figure.data[3].x, Himmelblau().minima[:, 0])
    heights = np.asarray(figure.data[0].z)
    assert heights.shape == (21, 21) and heights.min() >= 0 and heights.max() == pytest.approx(1)
    assert figure.layout.title.text == "Himmelblau: SGD(0.01), Adam(0.1)"
    json.loads(figure.to_json())


def test_many_dimensions_are_shown_in_a_plane_that_says_what_it_shows() -> None:
    made = log(Rosenbrock(5), Adam(0.02), until=steps(60))
    seen = landscape(made, resolution=15)
    view = PathView(seen)
    assert view.look() is seen
    title = view.figure().layout.xaxis.title.text
    assert title == f"first component, the plane shows {100 * seen.explained:.0f}% of the path"
    assert pixels(view).shape[2] == 4


def test_a_path_that_left_the_page_is_drawn_up_to_there() -> None:
    diverged = log(Rosenbrock(), SGD(0.01, momentum=0.9), until=steps(500))
    view = PathView(diverged, bounds=((-2, 2), (-1, 3)), resolution=15)
    drawn = view.figure().data[1]
    assert 0 < len(drawn.x) < len(diverged.points) and np.isfinite(np.asarray(drawn.x, dtype=float)).all()
    assert view.png().startswith(b"\x89PNG")


def test_a_flat_function_has_a_picture() -> None:
    from cortex_lab.optimize import Objective

    flat = Objective(lambda x: 1.0, lambda x: np.zeros(2), [0.0, 0.0], "flat")
    assert PathView(log(flat, SGD(0.1), until=steps(3)), resolution=5).png().startswith(b"\x89PNG")


def test_scipy_paths_are_drawn_alike() -> None:
    assert PathView(scipy_path(Rosenbrock()), resolution=9).frame()["path"].unique().tolist() == [
        "scipy BFGS"
    ]


def test_bad_input(logs: list) -> None:
    with pytest.raises(TypeError, match=r"wants logs of descents, or one Landscape, got \(\)"):
        PathView()
    with pytest.raises(TypeError, match="wants logs of descents"):
        PathView(logs[0], landscape(logs[1], resolution=5))
    with pytest.raises(TypeError, match="drawn as it is; give resolution where it is made"):
        PathView(landscape(logs[0], resolution=5), resolution=9)
