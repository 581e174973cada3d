"""Pictures in folders and in columns of paths: made alike, which is told, or refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from cortex_lab.data import read, read_images
from cortex_lab.ground.files import DamagedFile

PIXELS = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3) * 3


def save(path: Path, image: Image.Image | np.ndarray, **how) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(path, **how)
    return path


def classes(folder: Path, names=("ant", "bee"), each=2) -> Path:
    for number, name in enumerate(names):
        for place in range(each):
            save(folder / name / f"{place}.png", PIXELS + np.uint8(10 * number + place))
    return folder


def test_a_folder_by_class(tmp_path):
    classes(tmp_path / "zoo")
    (tmp_path / "zoo" / "notes.txt").write_text("hello")
    (tmp_path / "zoo" / ".hidden").mkdir()
    save(tmp_path / "zoo" / ".hidden" / "x.png", PIXELS)
    data = read(tmp_path / "zoo")
    assert data.name == "zoo" and data.input_shape == (4, 6, 3) and data.classes == ["ant", "bee"]
    assert data.frame["file"].tolist() == ["ant/0.png", "ant/1.png", "bee/0.png", "bee/1.png"]
    np.testing.assert_array_equal(data.frame["image"].array.tensor[3], PIXELS + np.uint8(11))
    assert data.notes == ("1 other files left out: notes.txt",) and "notes.txt" in repr(data)
    assert data._repr_html_().count("<img") == 4
    assert data.arrays()[0].dtype == np.uint8


def test_folders_of_train_and_test_are_splits(tmp_path):
    for part in ("train", "val", "test"):
        classes(tmp_path / part, each=2 if part == "train" else 1)
    data = read(tmp_path)
    assert {name: len(rows) for name, rows in data.splits.items()} == {"train": 4, "validation": 2, "test": 2}
    assert data.classes == ["ant", "bee"] and data.test.frame["file"].str.startswith("test/").all()
    (tmp_path / "train" / "ant" / "0.png").write_bytes(b"broken")
    data = read(tmp_path, skip_bad=True)
    assert len(data.train) == 3 and data.test.frame["file"].str.startswith("test/").all()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["png", "jpg", "tiff", "lzw.tiff", "webp"])
def test_pictures_are_turned_as_exif_says(orientation, suffix, tmp_path):
    upright = np.kron(np.array([[0, 80, 160], [240, 40, 120]], np.uint8), np.ones((16, 16), np.uint8))
    turn = Image.Transpose
    turns = {2: turn.FLIP_LEFT_RIGHT, 3: turn.ROTATE_180, 4: turn.FLIP_TOP_BOTTOM, 5: turn.TRANSPOSE,
             6: turn.ROTATE_90, 7: turn.TRANSVERSE, 8: turn.ROTATE_270}  # fmt: skip
    stored = Image.fromarray(upright)
    stored = stored.transpose(turns[orientation]) if orientation > 1 else stored
    exif = Image.Exif()
    exif[0x0112] = orientation
    how = (
        {"lossless": True}
        if suffix == "webp"
        else {"compression": "tiff_lzw"}
        if "lzw" in suffix
        else {"quality": 100}
        if suffix == "jpg"
        else {}
    )
    save(tmp_path / f"x.{suffix}", stored, exif=exif.tobytes(), **how)
    data = read(tmp_path / f"x.{suffix}")
    assert np.abs(data.frame["image"].array.tensor[0, :, :, 0].astype(int) - upright).max() < 12
    assert bool(data.notes and "turned as their EXIF says" in data.notes[0]) == (orientation > 1)


GRAY = PIXELS[:, :, 0].copy()
CLEAR = np.dstack([PIXELS, np.where(np.arange(24).reshape(4, 6) % 2, 255, 0).astype(np.uint8)])
MODES = {
    "1": (Image.fromarray(GRAY > 60), 1, (GRAY > 60) * np.uint8(255), None),
    "L": (Image.fromarray(GRAY), 1, GRAY, None),
    "I;16": (Image.fromarray(GRAY.astype(np.uint16) * 256 + 7), 1, GRAY, "of 16 bits"),
    "P": (Image.fromarray(PIXELS).quantize(24), 3, PIXELS, None),
    "RGB": (Image.fromarray(PIXELS), 3, PIXELS, None),
    "RGBA": (Image.fromarray(CLEAR), 3, np.where(CLEAR[..., 3:], PIXELS, 255), "laid over white"),
    "LA": (Image.fromarray(CLEAR).convert("LA"), 1, None, "laid over white"),
}


@pytest.mark.parametrize("mode", MODES)
def test_a_picture_of_every_mode(mode, tmp_path):
    image, channels, wanted, told = MODES[mode]
    data = read(save(tmp_path / "x.png", image))
    assert data.input_shape == (4, 6, channels)
    if wanted is not None:
        found = data.frame["image"].array.tensor[0]
        assert np.abs(found.astype(int) - wanted.reshape(4, 6, channels)).max() <= (12 if mode == "P" else 0)
    assert any(told in note for note in data.notes) if told else not data.notes


def test_modes_are_made_one(tmp_path):
    save(tmp_path / "a" / "0.png", GRAY)
    save(tmp_path / "b" / "0.jpg", Image.fromarray(PIXELS).convert("CMYK"))
    data = read(tmp_path)
    assert data.input_shape == (4, 6, 3) and "1 of 2 pictures gray, and made RGB" in data.notes
    assert read(tmp_path, channels=1).notes == ("1 of 2 pictures of colors, and made gray",)
    with pytest.raises(ValueError, match="channels must be 1, 3 or None, got 4"):
        read(tmp_path, channels=4)
    save(tmp_path / "b" / "1.tiff", GRAY.astype(np.float32))
    with pytest.raises(DamagedFile, match=r"b/1\.tiff has pixels of the kind 'F'.*scale them"):
        read(tmp_path)


def test_sizes_must_be_one_or_are_made_so(tmp_path):
    classes(tmp_path)
    save(tmp_path / "bee" / "odd.png", np.zeros((8, 5, 3), np.uint8))
    with pytest.raises(
        ValueError, match=r"of 2 sizes: .*odd\.png is 8 by 5 .*4 of 5 are 4 by 6; .*size=\(4, 6\)"
    ):
        read(tmp_path)
    data = read(tmp_path, size=(4, 6))
    assert data.input_shape == (4, 6, 3) and data.notes == ("1 of 5 pictures fitted to 4 by 6",)
    np.testing.assert_array_equal(data.frame["image"].array.tensor[0], PIXELS)
    for wrong in ((4,), 4.5, (4, -1)):
        with pytest.raises((ValueError, TypeError), match="size"):
            read(tmp_path, size=wrong)


def test_what_cannot_be_read_is_told_or_skipped_and_listed(tmp_path):
    classes(tmp_path, each=3)
    good = save(tmp_path / "bee" / "3.jpg", PIXELS).read_bytes()
    (tmp_path / "bee" / "3.jpg").write_bytes(good[: len(good) // 2])
    (tmp_path / "ant" / "3.jpg").write_bytes(b"")
    with pytest.raises(DamagedFile, match=r"ant/3\.jpg is no picture.*skip_bad=True"):
        read(tmp_path)
    data = read_images(tmp_path, skip_bad=True)
    assert len(data) == 6 and data.class_counts.tolist() == [3, 3]
    assert "2 files that cannot be read skipped: ant/3.jpg (is no picture" in repr(
        data
    ) and "bee/3.jpg" in repr(data)
    for path in tmp_path.rglob("*.png"):
        path.write_bytes(b"x")
    with pytest.raises(DamagedFile, match="has no picture that can be read"):
        read(tmp_path, skip_bad=True)


def test_more_than_memory_is_refused_before_it_is_decoded(tmp_path, monkeypatch):
    monkeypatch.setattr("cortex_lab.data.readers.images.MOST_BYTES", 100)
    with pytest.raises(ValueError, match=r"4 pictures of 4 by 6 take .* fit them to a smaller size"):
        read(classes(tmp_path))


def test_a_column_of_paths(tmp_path):
    classes(tmp_path / "pics")
    (tmp_path / "t.csv").write_text(
        "file,age,kind\npics/bee/1.png,3,b\npics/ant/0.png,5,a\npics/ant/2.png,6,a\n"
    )
    with pytest.raises(DamagedFile, match=r"pics/ant/2\.png is not there"):
        read(tmp_path / "t.csv", "kind", images="file")
    data = read(tmp_path / "t.csv", "kind", images="file", skip_bad=True, size=(4, 6))
    assert data.frame["age"].tolist() == [3, 5] and data.inputs == "image" and data.classes == ["a", "b"]
    np.testing.assert_array_equal(data.frame["image"].array.tensor[0], PIXELS + np.uint8(11))
    assert "pics/ant/2.png (is not there)" in repr(data)
    with pytest.raises(KeyError, match=r"no column 'fil' of paths; there are 'file'.*did you mean 'file'"):
        read(tmp_path / "t.csv", "kind", images="fil")
    frame = pd.DataFrame({"file": ["ant/0.png", "bee/0.png"], "label": ["x", "y"]}, index=[7, 3])
    data = read_images(frame, "file", "label", folder=tmp_path / "pics")
    assert data.classes == ["x", "y"] and data.frame["index"].tolist() == [7, 3]
    with pytest.raises(ValueError, match=r"'file' is to hold paths, and has nan in row 1"):
        read_images(frame.assign(file=["ant/0.png", None]), "file", folder=tmp_path / "pics")
    with pytest.raises(TypeError, match="say which column has the paths"):
        read_images(frame)
    with pytest.raises(TypeError, match="go with a frame"):
        read_images(tmp_path, "file")


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match="no file or folder"):
        read_images(tmp_path / "nothing")
    with pytest.raises(DamagedFile, match="has no pictures in it"):
        read_images(tmp_path)
