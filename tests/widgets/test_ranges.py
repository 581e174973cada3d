"""Axes that show what happens: a range that no spike flattens, and a logarithmic one where it helps."""

from __future__ import annotations

import numpy as np
import pytest

from cortex_lab.study import Session
from cortex_lab.widgets import LossCurve
from cortex_lab.widgets.chart.marks import Axis
from cortex_lab.widgets.chart.ranges import range_of, wants_log
from tests.widgets.toys import ToyNetwork, ToyTraining

random = np.random.default_rng(0)
STEPS = np.arange(400)
CURVES = {
    "learning": 2.3 * np.exp(-STEPS / 60) + 0.01 * random.uniform(1, 3, 400),
    "noise": 2.3 + 0.05 * random.normal(size=400),
    "constant": np.full(400, 0.5),
    "a tiny scale": 1e-9 * (2 - STEPS / 400),
    "huge": 1e12 * (2 - STEPS / 400),
    "pairs of low and high": np.where(STEPS % 2, 0.9, 0.1) * (1 + 0.01 * random.normal(size=400)),
}


def height(values: np.ndarray, found: object, log: bool) -> float:
    """What part of the axis the values fill."""
    low, high = found.limits  # type: ignore[attr-defined]
    scaled = (np.log10(each) if log else each for each in (values.min(), values.max(), low, high))
    least, most, bottom, top = scaled
    return (most - least) / (top - bottom)


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("name", CURVES)
def test_all_of_a_curve_without_spikes_is_shown(name, log):
    curve = CURVES[name]
    found = range_of([curve], log)
    assert found.beyond == 0 and found.limits[0] <= curve.min() < curve.max() * (1 + 1e-9) <= found.limits[
        1
    ] * (1 + 1e-8)


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("spike", [1e3, 1e30])
@pytest.mark.parametrize("place", [1, 200, 395])
@pytest.mark.parametrize("name", CURVES)
def test_a_spike_flattens_nothing_and_is_told(name, place, spike, log):
    curve = CURVES[name].copy()
    before = height(curve, range_of([curve], log), log)
    rest = np.delete(curve, place)
    curve[place] *= spike
    found = range_of([curve], log)
    assert height(rest, found, log) >= 0.4 * before
    if log and spike == 1e3:
        # That may be near enough to be shown.
        return
    assert found.beyond == 1 and found.farthest == pytest.approx(curve[place])


def test_what_goes_up_for_good_is_no_spike():
    curve = np.concatenate([np.full(100, 0.5), 0.5 * 1.5 ** np.arange(40.0)])
    assert range_of([curve], log=True).beyond == 0
    diverged = np.concatenate([np.full(100, 0.5), np.full(40, 1e6)])
    assert range_of([diverged], log=False).limits[1] >= 1e6


def test_a_logarithmic_axis_is_wanted_where_most_of_a_curve_would_lie_flat():
    wanted = {name: wants_log(curve) for name, curve in CURVES.items()}
    assert wanted == {**dict.fromkeys(CURVES, False), "learning": True}
    spiked = CURVES["noise"].copy()
    spiked[200] = 1e6
    assert not wants_log(spiked) and not wants_log(np.append(CURVES["learning"], 0.0))
    assert not wants_log(np.empty(0))
    with pytest.raises(ValueError, match="begins above 0"):
        Axis((0.0, 1.0), log=True)


class Measured(ToyTraining):
    """Measures a curve of losses, and metrics of its own on the validation rows."""

    keys = ("loss", "accuracy", "learning_rate", "validation_loss", "validation_r2", "validation_f1['digit']")

    def __init__(self, losses: np.ndarray, accuracy: float = float("nan")) -> None:
        super().__init__(ToyNetwork())
        self.losses, self.accuracy = losses, accuracy

    def measure(self, key: str) -> float:
        values = {"loss": self.losses[self.step_number - 1], "accuracy": self.accuracy, "validation_r2": -0.5}
        return float(values.get(key, 0.5))


def curve_of(losses: np.ndarray, *keys: str) -> LossCurve:
    from cortex_lab.study import Probe

    session = Session(Measured(losses), [Probe(key) for key in keys])
    view = LossCurve(session)
    session.step(len(losses))
    return view


def test_the_loss_is_drawn_on_the_axis_that_helps_or_that_was_chosen():
    view = curve_of(CURVES["learning"], "loss")
    loss = view.drawing().plots[0]
    assert loss.y.log and loss.aside == "log" and "type': 'log'" in str(view.figure().layout.yaxis)
    assert height(CURVES["learning"], loss.y, True) > 0.6
    view.scale = "linear"
    assert not view.drawing().plots[0].y.log
    flat = curve_of(CURVES["noise"], "loss")
    assert not flat.drawing().plots[0].y.log
    flat.scale = "log"
    assert flat.drawing().plots[0].y.log and flat.png().startswith(b"\x89PNG")
    with pytest.raises(ValueError, match="scale"):
        flat.scale = "cubic"


def test_a_spike_is_told_in_the_heading():
    curve = CURVES["noise"].copy()
    curve[200] = 5e4
    loss = curve_of(curve, "loss").drawing().plots[0]
    assert loss.aside == "1 beyond the axis, to 5e+04" and loss.y.limits[1] < 3


def test_metrics_that_were_asked_for_are_drawn_and_no_accuracy_that_there_is_not():
    view = curve_of(CURVES["noise"], "loss", "accuracy", "validation_r2", "validation_f1['digit']")
    plots = view.drawing().plots
    assert [plot.title for plot in plots] == ["loss", "r2", "f1['digit']"]
    assert plots[1].marks[0].label == "validation" and plots[1].marks[0].y[-1] == -0.5
    assert plots[1].y.limits[0] <= -0.5
    assert view.height > LossCurve.height
