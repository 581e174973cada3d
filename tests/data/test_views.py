"""Every view on every kind of frame, and what all views have in common."""

from __future__ import annotations

import re

import h5py
import numpy as np
import pandas as pd
import pytest

from cortex_lab.data import Dataset, DecodedSource, TensorArray, drift, load, views
from cortex_lab.data.source import ArraySource, HDF5Source
from cortex_lab.data.views.page import STYLE, brief, number, share
from cortex_lab.ground.pieces import spread
from tests.data.view_cases import FRAMES, NASTY, VIEWS, Page, refusal

EMPTY = "has no rows to look at"


def _cells(frame: pd.DataFrame) -> list[list[str]]:
    return [list(map(str, frame.iloc[:, place])) for place in range(frame.shape[1])]


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("kind", FRAMES)
def test_each_view_shows_each_kind_of_frame_or_says_why_not(kind: str, view: str) -> None:
    frame = FRAMES[kind]
    before = _cells(frame)
    for rows in (frame, frame.iloc[:1], frame.iloc[:0]):
        try:
            found = VIEWS[view](rows)
        except (ValueError, TypeError) as error:
            wanted = refusal(view, kind)
            # The first picture may be the one that is missing, or no array is left to tell by.
            few = len(rows) < 2 and view == "image_grid"
            said = (
                (EMPTY, "are missing", "no column of pictures") if few else wanted if len(rows) else (EMPTY,)
            )
            assert any(each in str(error) for each in said), error
            continue
        assert len(rows) or view == "overview"
        assert not refusal(view, kind) or len(rows) < 2, "it is shown, and was to be refused"
        page = Page(found.html())
        assert not set(page.told) & {""} and found.title in "".join(page.text)
        assert isinstance(found.frame(), pd.DataFrame) and found.title in repr(found)
        assert NASTY not in found.html()
    assert _cells(frame) == before


def test_the_name_that_is_escaped_is_read_as_it_was() -> None:
    frame = pd.DataFrame({NASTY: ["a", "b", "a"], "n": [1.0, 2.0, 9.0]}, index=[NASTY, "x", "y"])
    for view, make in VIEWS.items():
        if view != "image_grid":
            assert NASTY in "".join(Page(make(frame).html()).text), view


class Decoded:
    shape = (4, 4, 3)

    def __init__(self) -> None:
        self.read = 0

    def __call__(self, path):
        self.read += 1
        return np.full(self.shape, int(path.name) % 251, np.uint8)


ROWS = 3_000


def columns_in_files(folder) -> dict:
    """Tensor columns whose rows lie elsewhere, and what counts how many were read."""
    rows = np.random.default_rng(0).integers(0, 256, (ROWS, 4, 4, 3), dtype=np.uint8)
    decoder = Decoded()
    paths = [folder / str(row) for row in range(ROWS)]
    for path in paths:
        path.touch()
    np.save(folder / "rows.npy", rows)
    with h5py.File(folder / "rows.h5", "w") as file:
        file["rows"] = rows
    return {
        "decoded": (TensorArray(DecodedSource(paths, decoder)), lambda: decoder.read),
        "mapped": (TensorArray.open(folder / "rows.npy"), None),
        "HDF5": (TensorArray.open(folder / "rows.h5"), None),
    }


@pytest.mark.parametrize("kind", ["decoded", "mapped", "HDF5"])
def test_a_column_in_files_is_not_read_whole(tmp_path, monkeypatch, kind: str) -> None:
    column, read = columns_in_files(tmp_path)[kind]
    frame = pd.DataFrame({"image": column, "label": np.arange(ROWS) % 3})
    data = Dataset(frame, splits={"test": range(2_500, ROWS)})
    # Equal rows in two parts are looked for once, in data as small as these.
    repr(data)
    counted: list[int] = []
    bottom, method = (ArraySource, "take") if kind == "mapped" else (HDF5Source, "_read")
    plain = getattr(bottom, method)

    def counting(self, rows):
        found = plain(self, rows)
        counted.append(len(found) if found.shape[1:] == Decoded.shape else 0)
        return found

    monkeypatch.setattr(bottom, method, counting)
    read = read or (lambda: sum(counted))
    for name, most in {
        "overview": 300,
        "class_balance": 0,
        "image_grid": 24,
        "near_duplicates": 600,
        "farthest": 600,
        "drift": 2600,
    }.items():
        before = read()
        options = {"rows": 500} if name in ("near_duplicates", "farthest") else {}
        options |= {"report": False} if name == "overview" else {}
        found = getattr(data, name)(**options)
        # What equal rows are known by is read once more.
        times = 2 if name == "near_duplicates" else 1
        assert read() - before <= most * times, name
        Page(found.html())


def test_what_is_in_a_file_is_said_to_be_looked_at_in_part(tmp_path) -> None:
    column, _ = columns_in_files(tmp_path)["mapped"]
    found = views.overview(pd.DataFrame({"image": column}), report=False)
    assert found.frame()["looked at"].tolist() == [256] and "of 256 rows" in found.html()


def test_colors_come_from_the_theme_or_the_page() -> None:
    for color in re.findall(r"(?<!-)\bcolor:([^;}]+)", STYLE):
        assert color == "inherit" or color.endswith(",inherit)")
    fills = re.findall(r"fill:([^;}]+)", STYLE)
    assert fills and all(fill == "currentColor" or fill.startswith("var(--jp-") for fill in fills)


def test_a_view_is_saved_whole_as_a_page_of_its_own(tmp_path) -> None:
    found = load("iris").class_balance()
    found.save(tmp_path / "balance.html")
    page = (tmp_path / "balance.html").read_text(encoding="utf-8")
    assert page == found.html() and page.startswith("<!DOCTYPE html>") and "color-scheme:light dark" in page
    assert found._repr_html_() in page and "http" not in page
    # The numbers are the reader's to change.
    own = found.frame()
    own["rows"] = 0
    assert found.frame()["rows"].tolist() == [50, 50, 50]


def test_what_cannot_be_looked_at_is_refused_by_name() -> None:
    frame = pd.DataFrame({"number": [1.0, 2.0], "word": ["a", "b"]})
    with pytest.raises(
        KeyError, match=r"no column 'numbr'; there are 'number', 'word'.*did you mean 'number'"
    ):
        views.near_duplicates(frame, ["numbr"])
    with pytest.raises(ValueError, match="2 columns 'a'; rename all but one"):
        views.class_balance(pd.DataFrame([[1, 2]], columns=["a", "a"]), "a")
    with pytest.raises(ValueError, match=r"no target with classes; say class_balance\(frame, 'a column'\)"):
        views.class_balance(frame)
    with pytest.raises(TypeError, match=r"data.*a Dataset or a pandas.DataFrame"):
        views.overview([1, 2])
    with pytest.raises(ValueError, match=r"is not split.*split\(test=0.25\)"):
        drift(Dataset(frame, target=None))
    with pytest.raises(KeyError, match=r"no part 'tests'.*did you mean 'test'"):
        load("digits").drift(between=("train", "tests"))
    with pytest.raises(TypeError, match="two names of parts"):
        load("digits").drift(between=("train",))


def test_short_words_for_numbers() -> None:
    assert [number(each) for each in (np.inf, -np.inf, np.nan, 3.0, 1e300, 0.123456)] == [
        "infinite",
        "−infinite",
        "–",
        "3",
        "1e+300",
        "0.1235",
    ]
    assert brief(2**63) == "9,223,372,036,854,775,808" and brief("a\n" * 40, 8) == "a a a a…"
    assert [share(1, 10**6), share(999_999, 10**6), share(0, 5), share(1, 4), share(1, 0)] == [
        "<0.1%",
        ">99.9%",
        "0.0%",
        "25.0%",
        "0.0%",
    ]
    assert spread(5, 9).tolist() == [0, 1, 2, 3, 4] and spread(101, 3).tolist() == [0, 50, 100]
