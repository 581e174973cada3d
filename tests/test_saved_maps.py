"""Maps saved with a session, read back equal: numbers, pictures, and places of new rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import cortex_lab as cl
from cortex_lab.ground.files import DamagedFile
from cortex_lab.lab import saved_maps

pytest.importorskip("openTSNE")

SHORT = {"iterations": 20, "early_iterations": 10}


def trained(**options: Any) -> cl.TrainingSession:
    digits = cl.data.load("digits")
    layers = [cl.Flatten(), cl.Dense(12, activation="relu"), cl.Dense(10)]
    net = cl.Network(layers, digits.input_shape, seed=0)
    return cl.train(net, digits, optimizer=cl.Adam(1e-2), batch_size=32, **options)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[cl.TrainingSession, cl.TrainingSession, Path]:
    session = trained()
    session.step(20)
    for of in ("inputs", "dense_1", "gradient['dense_2/kernel']", "weights['dense_1/kernel']"):
        method = "pca" if of == "inputs" else "tsne"
        session.maps[of] = session.embedding(of, most=50, method=method, **_of(of))
    session.maps["story"] = session.embeddings("dense_1", [5, 10, 20], most=40, **SHORT)
    session.step(5)
    path = tmp_path_factory.mktemp("maps") / "session.h5"
    session.save(path)
    return session, trained(resume_from=path), path


def _of(of: str) -> dict[str, Any]:
    return {} if of == "inputs" else SHORT | ({"perplexity": 3} if of.startswith("weights") else {})


def test_maps_come_back_equal(made):
    session, again, _ = made
    assert list(again.maps) == list(session.maps)
    for name, before in session.maps.items():
        after = again.maps[name]
        pd.testing.assert_frame_equal(after.frame(), before.frame())
        assert (after.of, repr(after)) == (before.of, repr(before))
        if name != "story":
            pd.testing.assert_frame_equal(after.quality(k=3).frame(), before.quality(k=3).frame())
            assert after.view().png() == before.view().png()
    pd.testing.assert_frame_equal(again.maps["story"].summary(), session.maps["story"].summary())


@pytest.mark.parametrize("of", ["inputs", "dense_1", "gradient['dense_2/kernel']"])
def test_new_rows_are_placed_as_before(made, of):
    session, again, _ = made
    rows = session.dataset.validation.rows[:5]
    placed = [each.maps[of].place(each.dataset.select(rows)) for each in (session, again)]
    pd.testing.assert_frame_equal(*placed)


def test_a_layout_goes_on_as_before(made):
    session, again, _ = made
    moved = []
    for each in (session, again):
        layout = each.maps["dense_1"].session
        layout.step(3)
        moved.append(each.maps["dense_1"].positions.copy())
        layout.rewind(layout.step_number - 3)
    np.testing.assert_array_equal(*moved)


def test_columns_of_every_kind_come_back():
    frame = pd.DataFrame(
        {
            "number": [0.1, np.nan, 3],
            "whole": np.array([2**60, -1, 7]),
            "word": ["a", None, "b"],
            "yes": [True, False, True],
            "maybe": pd.array([True, None, False], "boolean"),
            "kind": pd.Categorical(["x", "y", "x"], ["y", "x"], ordered=True),
        },
        pd.Index([4, 9, 2], name="row"),
    )
    told, arrays = saved_maps._packed(frame)
    pd.testing.assert_frame_equal(saved_maps._unpacked(told, arrays), frame)


def test_what_is_no_map_is_not_saved(tmp_path):
    session = trained()
    session.maps["mine"] = np.zeros((3, 2))  # type: ignore[assignment]
    with pytest.raises(TypeError, match=r"session.maps\['mine'\] must be a map of this session's rows"):
        session.save(tmp_path / "it.h5")
    one = session.embedding("inputs", most=20, method="pca")
    session.maps.clear()
    session.maps.update(dict.fromkeys(map(str, range(17)), one))
    with pytest.raises(ValueError, match="16 maps at most"):
        session.save(tmp_path / "it.h5")


def test_a_file_whose_maps_were_changed_is_refused(made, tmp_path):
    from cortex_lab.nn.run import saving

    description, arrays = saving.read(made[2])
    shorter = arrays | {"maps/4/positions": arrays["maps/4/positions"][:-1]}
    for described, held in (
        (description, shorter),
        (description, {key: value for key, value in arrays.items() if key != "maps/1/layout"}),
        (description | {"maps": [{"name": "a", "kind": "map"}]}, arrays),
    ):
        told = {key: value for key, value in described.items() if key != "format"}
        saving.write(tmp_path / "bad.h5", told, held)
        with pytest.raises(DamagedFile, match="under 'maps'"):
            trained(resume_from=tmp_path / "bad.h5")
