"""A report holds the numbers of its steps, links its panels, runs nothing that data hold, and fits."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import cortex_lab as cl
from cortex_lab.study import Session
from cortex_lab.widgets import Bench, page
from cortex_lab.widgets.program import _MAKERS
from cortex_lab.widgets.report import chosen_steps, write_report
from cortex_lab.widgets.report_file import MOST_BYTES
from tests.widgets.reading_reports import Read
from tests.widgets.session_kinds import KINDS, dataset
from tests.widgets.toys import ToyNetwork, ToySession, ToyTraining


def trained(steps: int = 30) -> Any:
    session = dataset()
    session.clock = lambda: 0.0
    session.step(steps)
    return session


def test_its_numbers_are_those_of_each_step(tmp_path: Path) -> None:
    session = trained()
    read = Read(session.report(tmp_path / "run.html", moments=[0, 12, 13]))
    assert read.steps == [0, 12, 13, 30]
    for step in read.steps:
        network = session.network_at(step)
        meta, arrays = read.frame("weight_histogram", step)
        assert (
            meta["step"] == step and arrays["0.0.values"].sum() == network.parameters["dense_1/kernel"].size
        )
        kernel = network.parameters["dense_1/kernel"]
        assert f"mean {kernel.mean():.3g}".replace("-", "−") in meta["plots"][0]["detail"]
        assert meta["plots"][0]["marks"][0]["kind"] == "bars"
        chances = read.frame("activations", step)[1]
        row = session.dataset.select([session.dataset.test.rows[0]]).arrays()[0]
        said = np.exp(network.predict(row)[0].astype(float))
        last = len(read.frame("activations", step)[0]["plots"]) - 1
        assert np.allclose(chances[f"{last}.0.values"], said / said.sum(), atol=1e-5)
        facts = dict(read.book["told"][read.steps.index(step)])
        assert facts["step"] == f"{step}"
        if step:
            assert facts["loss"] == f"{session.trace['loss'][step - 1]:.4g}"
    assert session.step_number == 30 and session.phase is None


def test_layers_are_browsed_and_a_node_leads_to_them(tmp_path: Path) -> None:
    session = trained(8)
    read = Read(session.report(tmp_path / "run.html", moments=2))
    settings = [value for _, _, value in read.panels["weight_histogram"]["settings"]]
    assert settings == ["dense_1", "dense_2"]
    for place, name in enumerate(settings):
        meta, _ = read.frame("weight_histogram", 8, place)
        assert meta["subject"] == name
    turns = read.panels["network_map"]["turns"]
    assert ["weight_histogram", "layer", "dense_2"] in turns[2] and turns[0] == []
    # Panels of rows are told of by the same numbers.
    rows = {key for panel in ("sample_browser", "confusion_matrix")
            for key in read.frame(panel, 8)[1] if "keys" in key or "members" in key}  # fmt: skip
    assert rows


def test_what_a_bench_shows_is_taken_along(tmp_path: Path) -> None:
    session = trained(12)
    bench = Bench(session, map=False, layer="dense_2", speed=None)
    try:
        bench.layout = ["weight_histogram", "activations"]
        bench.pinned = 7
        read = Read(session.report(tmp_path / "run.html", moments=3))
        assert list(read.panels)[:2] == ["weight_histogram", "activations"]
        assert read.frame("weight_histogram", 12)[0]["subject"] == "dense_2"
        assert read.frame("activations", 12)[0]["plots"][0]["title"] == "row 7"
        assert bench.layer == "dense_2" and bench.error is None
    finally:
        bench.close()


EVIL = '</script><script>alert("x")</script>\'"&lt;<!--<img src=x onerror=alert(1)>'


def test_nothing_that_names_and_data_hold_is_a_part_of_the_page(tmp_path: Path) -> None:
    frame = pd.DataFrame({EVIL: np.arange(24.0), "b": np.arange(24.0) % 5})
    data = cl.data.Dataset(frame.assign(kind=[EVIL, "plain"] * 12), [EVIL, "b"], "kind", name=EVIL)
    session = cl.train(cl.Network([cl.Dense(2)], 2, seed=0), data.split(test=6), seed=0, batch_size=6)
    session.step(3)
    read = Read(session.report(tmp_path / "run.html"))
    assert len(re.findall("</script", read.html)) == 2 and "onerror" not in re.sub(
        "<h1>.*</h1>|<title>.*</title>", "", read.html
    )
    assert "<img" not in read.html and "<title>&lt;/script&gt;" in read.html
    assert json.dumps(EVIL) in json.dumps(read.book), "but it is there to be read"
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', read.html)
    assert policy and "default-src 'none'" in policy[1] and "unsafe-eval" not in policy[1]


def test_no_script_of_ours_ends_its_own_element_or_asks_a_network() -> None:
    said = page.script(*page.PARTS, "compute", "drawing", "offline")
    assert "</script" not in said.lower() and "<!--" not in said
    assert not re.findall(r"\bfetch\(|XMLHttpRequest|\bimport\b[ (]|https?://(?!www\.w3\.org)", said)


@pytest.mark.parametrize(
    "kind", ["sequences", "several_inputs_and_outputs", "regression", "batches_of_ones_own"]
)
def test_every_kind_of_session_has_a_report(tmp_path: Path, kind) -> None:
    session = KINDS[kind]()
    session.step(5)
    read = Read(session.report(tmp_path / "run.html", moments=[2]))
    failed = [frame["note"] for frame in read.book["frames"] if "This panel failed" in (frame["note"] or "")]
    assert read.steps == [2, 5] and not failed


def test_without_steps_without_a_way_back_and_without_a_network(tmp_path: Path) -> None:
    read = Read(dataset().report(tmp_path / "first.html"))
    assert read.steps == [0] and read.book["told"] == [[["step", "0"]]]
    toys = ToySession()
    toys.step(9)
    read = Read(write_report(toys, tmp_path / "toys.html"))
    assert read.steps == [9] and read.frame("weight_histogram", 9)[0]["step"] == 9
    bare = Session(ToyTraining(ToyNetwork()))
    bare.step(4)
    read = Read(write_report(bare, tmp_path / "bare.html"))
    assert "trains no network" in read.frame("weight_histogram", 4)[0]["note"]


def test_what_cannot_be_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    session = trained(4)
    for path, error, told in (
        (tmp_path / "run.pdf", ValueError, "a report is an .html file"),
        (tmp_path / "nowhere" / "run.html", FileNotFoundError, "there is no folder"),
        (3, (TypeError, ValueError), "path"),
        ("", (TypeError, ValueError), "path"),
    ):
        with pytest.raises(error, match=told):
            session.report(path)
    for options, error, told in (
        ({"moments": [9]}, ValueError, "there is no step 9: this session goes from step 0 to step 4"),
        ({"moments": 0}, (TypeError, ValueError), "moments"),
        ({"moments": "all"}, (TypeError, ValueError), "steps, or how many"),
        ({"views": ["losses"]}, KeyError, "there is no panel 'losses'"),
        ({"views": "loss_curve"}, (TypeError, ValueError), "names of panels"),
    ):
        with pytest.raises(error, match=told):
            session.report(tmp_path / "run.html", **options)
    assert not list(tmp_path.iterdir())


def test_steps_are_spread_over_the_session() -> None:
    session = trained(40)
    assert chosen_steps(session, 100) == [*range(0, 41, 4)]
    few = chosen_steps(session, 3)
    assert few[0] == 0 and few[-1] == 40 and len(few) == 3
    assert chosen_steps(session, [7, 7, 3]) == [3, 7, 40]


def test_a_report_that_would_be_too_large_takes_fewer_steps_along(tmp_path: Path, monkeypatch) -> None:
    session = trained(40)
    whole = session.report(tmp_path / "whole.html").stat().st_size
    least = session.report(tmp_path / "least.html", moments=1).stat().st_size
    most = (whole + least) // 2
    monkeypatch.setattr("cortex_lab.widgets.report.MOST_BYTES", most)
    read = Read(session.report(tmp_path / "run.html"))
    assert (tmp_path / "run.html").stat().st_size <= most < whole < MOST_BYTES
    assert read.steps[-1] == 40 and 1 < len(read.steps) < 11


def test_a_million_rows_fit(tmp_path: Path) -> None:
    rows = np.arange(10**6)
    frame = pd.DataFrame({"a": rows % 7.0, "b": rows % 3.0, "kind": np.array(["x", "y"])[rows % 2]})
    data = cl.data.Dataset(frame, ["a", "b"], "kind").split(test=0.2)
    session = cl.train(cl.Network([cl.Dense(2)], 2, seed=0), data, batch_size=256, validation=None, seed=0)
    session.step(5)
    views = ["loss_curve", "confusion_matrix", "class_balance", "sample_browser", "activations"]
    path = session.report(tmp_path / "run.html", moments=2, views=views)
    assert path.stat().st_size < MOST_BYTES


def test_it_needs_no_front_end(tmp_path: Path) -> None:
    said = f"""
import sys
for name in ("ipywidgets", "anywidget", "IPython"):
    sys.modules[name] = None
from tests.widgets.session_kinds import dataset
session = dataset()
session.step(2)
print(session.report({str(tmp_path / "run.html")!r}, moments=1, views=["loss_curve"]).stat().st_size)
"""
    done = subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, check=True)
    assert int(done.stdout) > 10_000


def test_a_page_computes_every_layer_of_the_kinds_that_it_says_it_does() -> None:
    rooms = ("dense", "conv2d", "pooling", "global_pooling", "flatten", "normalization", "activation",
             "prelu", "local_response")  # fmt: skip
    for name, layer in cl.nn.LAYERS.items():
        if layer.__module__.rpartition(".")[2] in rooms and not name.endswith("1D"):
            assert name in _MAKERS, name
