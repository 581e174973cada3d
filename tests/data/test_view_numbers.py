"""The numbers that views show, by hand."""

from __future__ import annotations

import base64
import re
import sys

import numpy as np
import pandas as pd
import pytest

from cortex_lab.data import (
    Dataset,
    RaggedArray,
    TensorArray,
    class_balance,
    image_grid,
    load,
    overview,
    views,
)
from cortex_lab.data.views.thumbnails import LONGEST_SIDE, MOST_BYTES, smaller, thumbnail
from tests.data.test_html import decode_png

# overview ------------------------------------------------------------------------------------------


def told(values: object, **options: object) -> pd.Series:
    """The row of one column in the overview's numbers."""
    return overview(pd.DataFrame({"a": values}), report=False, **options).frame().iloc[0]


def test_numbers_with_gaps_and_infinities() -> None:
    found = told([1.0, 2.0, 2.0, np.nan, np.inf, -np.inf])
    assert (found["missing"], found["infinite"], found["distinct"]) == (1, 2, 4)
    assert (found["lowest"], found["highest"]) == (-np.inf, np.inf)
    assert (
        found["mean"] == pytest.approx(5 / 3)
        and found["median"] == 2
        and found["std"] == pytest.approx(np.std([1, 2, 2]))
    )
    html = overview(pd.DataFrame({"a": [1.0, np.inf, -np.inf]}), report=False).html()
    assert "−infinite to infinite" in html and "infinite in 2 rows" in html


def test_huge_and_exact_numbers_are_told_as_they_are() -> None:
    found = told([1.5e308, -1.5e308, 0.0])
    assert (found["lowest"], found["highest"]) == (-1.5e308, 1.5e308) and found["mean"] == 0
    assert np.isfinite(found["std"])
    assert told(np.array([2**63 + 1, 2**63 + 3], np.uint64))["lowest"] == 2**63 + 1
    assert told(pd.array([2**60 + 1, None], dtype="Int64"))["highest"] == 2**60 + 1


COLUMNS = {
    "categories": (
        pd.Categorical(list("abbb"), list("abc")),
        {"kind": "category", "distinct": 2, "most frequent": "b", "its rows": 3},
    ),
    "strings": (
        ["x", "y", "y", None],
        {"kind": "words", "distinct": 2, "missing": 1, "most frequent": "y", "its rows": 2},
    ),
    "bool": (
        [True, True, False, True],
        {"kind": "yes or no", "distinct": 2, "most frequent": True, "its rows": 3},
    ),
    "dates": (
        pd.to_datetime(["2020-01-01", "2021-05-05", None]),
        {
            "kind": "date",
            "lowest": pd.Timestamp("2020-01-01"),
            "highest": pd.Timestamp("2021-05-05"),
            "missing": 1,
        },
    ),
    "constant": ([7, 7, 7], {"note": "constant", "distinct": 1, "lowest": 7, "highest": 7}),
    "missing": ([np.nan] * 3, {"note": "all missing", "distinct": 0, "missing": 3}),
    "sequences": (
        RaggedArray.of([[1], [2, 3], [], [4, 5, 6]]),
        {"kind": "sequences", "lowest": 0, "highest": 3, "mean": 1.5, "note": "empty ones: 1"},
    ),
    "bytes": (
        TensorArray(np.array([[0, 3], [9, 0]], np.uint8)),
        {"kind": "tensor", "lowest": 0, "highest": 9, "mean": 3.0, "infinite": 0},
    ),
    "floats": (
        TensorArray(np.array([[0.0, np.inf], [np.nan, 4.0]])),
        {"lowest": 0.0, "highest": np.inf, "mean": 2.0, "infinite": 1, "note": "NaN in some"},
    ),
    "tensors with gaps": (
        TensorArray(np.array([[1.0], [500.0], [3.0]]), np.array([False, True, False])),
        {"lowest": 1.0, "highest": 3.0, "missing": 1},
    ),
}


@pytest.mark.parametrize(("values", "wanted"), COLUMNS.values(), ids=COLUMNS)
def test_a_column_by_hand(values: object, wanted: dict) -> None:
    found = told(values)
    assert {name: found[name] for name in wanted} == wanted


def test_texts_are_told_by_their_length() -> None:
    found = told([f"a longer text, number {row}" for row in range(30)])
    assert (found["kind"], found["lowest"], found["highest"]) == ("text", 23, 24)


def test_what_was_read_and_what_columns_are_for_is_said_at_the_top(tmp_path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a;b;w;y\n1,5;?;1;yes\n2,5;2;1;no\n4,5;3;2;no\n8,5;4;1;yes\n")
    from cortex_lab.data import read

    data = read(path, target="y")
    data = Dataset(data.frame, target="y", weight="w", notes=data.notes, later=True, splits={"test": [0]})
    said = "\n".join(overview(data, report=False).said)
    for text in ("4 rows, 4 columns", "predicts 'y'", "train 3, test 1", "weight 'w'", "?"):
        assert text in said
    roles = overview(data, report=False).frame().set_index("column")["role"]
    assert roles.to_dict() == {"a": "input", "b": "input", "w": "weight", "y": "target"}


# skrub's report ------------------------------------------------------------------------------------


def test_the_report_is_folded_below_and_has_no_plots_of_wide_tables(monkeypatch) -> None:
    pytest.importorskip("skrub")
    asked = []

    class Report:
        def __init__(self, frame, **options):
            asked.append((frame.shape, options["plot_distributions"], options["compute_associations"]))

        def html_snippet(self):
            return "<p>the report</p>"

    monkeypatch.setattr("skrub.TableReport", Report)
    for columns, rows in ((30, 60_000), (31, 3)):
        frame = pd.DataFrame(np.zeros((rows, columns))).assign(x=TensorArray(np.zeros((rows, 2))))
        html = overview(frame).html()
        assert "<details><summary>Look closer" in html and "<p>the report</p>" in html
    assert asked == [((50_000, 30), True, True), ((3, 31), False, False)]
    assert "no plots and associations of 31 columns, more than 30" in html
    assert "50,000 of 60,000 rows, evenly spread" in overview(pd.DataFrame({"a": range(60_000)})).html()


def test_the_report_is_skrubs_and_can_do_without_a_net() -> None:
    pytest.importorskip("skrub")
    found = overview(pd.DataFrame({"a": [1.0, 2.0, np.inf], "</script>'\"": ["</script>", "x", None]}))
    assert type(found.report).__name__ == "TableReport"
    # Whatever it loads is in the page.
    assert not re.findall(
        r"""<link|src=["']https?://|url\(["']?https?://|import\(|@import|fetch\(""", found.html()
    )
    assert "'</script>'" not in found.html() and "cortex-view" in found.html()


@pytest.mark.parametrize("missing", ["skrub", "matplotlib"])
def test_without_what_the_report_needs_the_columns_are_shown(monkeypatch, missing: str) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] in ("skrub", missing)]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)
    found = overview(pd.DataFrame({"a": [1, 2]}))
    assert found.report is None and len(found.frame()) == 1
    assert f"TableReport: pip install {missing}" in found.said[-1]
    assert overview(pd.DataFrame({"a": [1, 2]}), report=False).said == ("2 rows, 1 columns",)


# class_balance -------------------------------------------------------------------------------------


def test_classes_by_part() -> None:
    frame = pd.DataFrame({"x": np.arange(8.0), "y": list("aaaabbbc")})
    data = Dataset(frame, target="y", splits={"train": [0, 1, 2, 4], "test": [3, 5, 6, 7]})
    found = data.class_balance()
    assert found.frame().to_dict("list") == {
        "rows": [4, 3, 1],
        "share": [0.5, 0.375, 0.125],
        "train": [3, 1, 0],
        "test": [1, 2, 1],
    }
    assert found.frame().index.tolist() == ["a", "b", "c"]
    assert "train has no row of c" in found.said and "4.0 times as many" in found.said[1]
    assert data.train.class_balance().frame()["rows"].tolist() == [3, 1, 0]
    relabeled = data.relabel({7: "a"})
    assert relabeled.class_balance().frame()["rows"].tolist() == [5, 3, 0]


def test_classes_of_a_frame_have_a_row_for_what_is_missing() -> None:
    found = class_balance(pd.DataFrame({"y": ["b", None, "a", "b"]}), "y").frame()
    assert found["rows"].tolist() == [1, 2, 1] and found.index.tolist()[:2] == ["a", "b"]
    assert found.index[2] is pd.NA
    assert class_balance(pd.DataFrame({"y": [True, False, True]}), "y").frame()["rows"].to_dict() == {
        False: 1,
        True: 2,
    }


# image_grid and versions ---------------------------------------------------------------------------


def pictures_in(html: str) -> list[bytes]:
    return [base64.b64decode(each) for each in re.findall(r"base64,([^\"]+)", html)]


def test_a_grid_has_pictures_of_each_class_by_their_rows() -> None:
    data = load("digits")
    found = data.image_grid(each=3, seed=5)
    table = found.frame()
    assert table.groupby("class").size().tolist() == [3] * 10
    assert (table["class"].to_numpy() == data.frame["label"].loc[table["row"]].to_numpy()).all()
    assert found.html() == data.image_grid(each=3, seed=5).html() != data.image_grid(each=3, seed=6).html()
    shown = decode_png(pictures_in(found.html())[0])
    wanted = data.frame["image"].array.tensor[table["row"].iloc[0], :, :, 0] * 255
    assert np.abs(shown - wanted).max() <= 0.5


def test_pictures_without_a_class_and_those_that_are_missing_are_counted() -> None:
    column = TensorArray(np.zeros((4, 2, 2), np.uint8), np.array([False, False, True, False]))
    found = image_grid(pd.DataFrame({"image": column, "y": ["a", None, "a", ""]}), by="y")
    assert found.frame()["row"].tolist() == [3, 0] and found.frame()["class"].tolist() == ["", "a"]
    assert {"1 are missing", "1 have no class"} <= set(found.said)


def test_rows_are_called_as_in_the_frame_they_are_from() -> None:
    some = load("digits").frame.loc[[7, 3, 11]]
    found = image_grid(some, by="label")
    assert sorted(found.frame()["row"]) == [3, 7, 11] and ">row 7<" in found.html()
    named = image_grid(some.set_axis(["a", "b", "c"]), by="label")
    assert ">row 0 (a)<" in named.html()


def test_large_pictures_of_many_shapes_are_small_thumbnails() -> None:
    random = np.random.default_rng(0)
    pictures = np.empty(3, object)
    shapes = [(600, 800, 3), (40, 900), (5, 7, 4)]
    pictures[:] = [random.integers(0, 256, shape, dtype=np.uint8) for shape in shapes]
    found = image_grid(
        pd.DataFrame({"picture": pictures, "class": ["a", "a", "b"]}, index=["x", "y", "z"]), by="class"
    )
    assert found.frame()["shape"].tolist() == ["600x800x3", "40x900", "5x7x4"]
    assert found.frame().index.tolist() == ["x", "y", "z"]
    assert all(len(each) <= MOST_BYTES for each in pictures_in(found.html())) and len(found.html()) < 40_000
    assert max(smaller(pictures[0], LONGEST_SIDE).shape) == LONGEST_SIDE


def test_what_is_made_smaller_are_means() -> None:
    picture = np.array([[0, 10, 100, 200], [20, 30, 100, 200]], np.uint8)
    assert smaller(picture, 2).tolist() == [[15, 150]]
    assert smaller(picture, 4) is picture


def test_versions_show_the_very_pixels() -> None:
    random = np.random.default_rng(0)
    arrays = {0: random.random((130, 120, 3), np.float32), 3: random.random((130, 120, 3), np.float32)}
    found = views.versions(arrays, "row 7", given=arrays[0] * 0)
    shown = [decode_png(each) for each in pictures_in(found.html())]
    for picture, wanted in zip(shown[1:], arrays.values(), strict=True):
        assert np.array_equal(picture, (wanted.astype(float) * 255).round())
    assert all(np.array_equal(found.pictures[epoch], each) for epoch, each in arrays.items())
    assert found.frame().loc[3, "mean change"] == pytest.approx(arrays[3].mean())
    assert found.frame()["highest"].tolist() == [float(each.max()) for each in arrays.values()]


def test_versions_of_a_data_sets_own_augmentation(monkeypatch) -> None:
    data = load("digits")

    def augmented(self, row, epoch, seed):
        return self.arrays()[0][row] * np.float32((1 + epoch) / (10 + seed))

    monkeypatch.setattr(Dataset, "augmented", augmented, raising=False)
    found = data.versions(5, [0, 4], seed=2)
    for epoch, picture in found.pictures.items():
        assert np.array_equal(picture, augmented(data, 5, epoch, 2))
    assert (
        decode_png(pictures_in(found.html())[0]).tolist()
        == (data.arrays()[0][5, :, :, 0] * 255).round().tolist()
    )
    with pytest.raises(ValueError, match="epochs"):
        data.versions(5, 0)


def test_a_picture_without_two_dimensions_is_said_in_words() -> None:
    assert thumbnail(np.zeros((2, 2, 2, 2)), "x") is None
    assert "2x2x2" in views.versions({0: np.zeros((2, 2, 2))}, "row 1").html()


# batch_times ---------------------------------------------------------------------------------------


def test_the_limiting_stage_is_named_with_what_to_do() -> None:
    found = views.timed({"read": [0.003, 0.001, 0.002], "augment": [0.008, 0.004, 0.006]}, "x", 32)
    table = found.frame()
    assert table["milliseconds"].to_dict() == {"read": pytest.approx(2), "augment": pytest.approx(6)}
    assert table["share"].tolist() == pytest.approx([0.25, 0.75]) and table[
        "slowest"
    ].tolist() == pytest.approx([3, 8])
    assert table["limiting"].to_dict() == {"read": False, "augment": True}
    assert any("most of it is 'augment': ask for fewer changes" in line for line in found.said)
    assert any("4,000 rows/s" in line for line in found.said)


def test_the_batches_of_each_kind_of_inputs_are_timed() -> None:
    frame = pd.DataFrame({"a": np.arange(20.0), "b": np.arange(20.0), "y": np.arange(20) % 2})
    for data in (
        load("digits"),
        Dataset(frame, ["a", "b"], "y"),
        Dataset(frame, {"p": ["a"], "q": ["b"]}, "y"),
    ):
        found = data.batch_times(8, steps=3).frame()
        assert found.index.tolist() == ["read", "to the buffer"] and (found["milliseconds"] > 0).all()
        assert found["share"].sum() == pytest.approx(1) and found["limiting"].sum() == 1
