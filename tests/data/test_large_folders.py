"""Folders of more pictures than are kept in memory: the same pixels, decoded when they are wanted."""

from __future__ import annotations

import struct
import threading
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import cortex_lab as cl
from cortex_lab.data import read, read_images
from cortex_lab.data.decoded import is_decoded
from cortex_lab.data.readers._decoding import PictureDecoder
from cortex_lab.ground.files import DamagedFile

EACH = 7


def zoo(folder: Path, suffix: str = "jpg", **how) -> Path:
    """Pictures of two classes, those of ants darker."""
    draw = np.random.default_rng(0)
    for number, name in enumerate(("ant", "bee")):
        (folder / name).mkdir(parents=True)
        for place in range(EACH):
            pixels = draw.integers(100 * number, 100 * number + 120, (6, 9, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{place}.{suffix}", **how)
    return folder


def turned(folder: Path) -> Path:
    exif = Image.Exif()
    exif[0x0112] = 6
    return zoo(folder, exif=exif)


def mixed(folder: Path) -> Path:
    zoo(folder)
    Image.fromarray(np.full((6, 9), 77, np.uint8)).save(folder / "ant" / "gray.png")
    Image.fromarray(np.full((6, 9, 4), 99, np.uint8)).save(folder / "bee" / "clear.png")
    Image.fromarray(np.full((6, 9, 3), 55, np.uint8)).convert("CMYK").save(folder / "bee" / "print.jpg")
    return folder


FOLDERS = {
    "JPEG": (zoo, {}), "PNG": (lambda folder: zoo(folder, "png"), {}),
    "WebP": (lambda folder: zoo(folder, "webp"), {}), "TIFF": (lambda folder: zoo(folder, "tiff"), {}),
    "turned": (turned, {}), "modes": (mixed, {}), "gray": (mixed, {"channels": 1}),
    "fitted": (zoo, {"size": (4, 5)}), "none skipped": (zoo, {"skip_bad": True}),
}  # fmt: skip


@pytest.fixture
def asked(monkeypatch) -> list[str]:
    """The files that were decoded."""
    found, decode = [], PictureDecoder.__call__

    def noting(self, path):
        found.append(Path(path).as_posix())
        return decode(self, path)

    monkeypatch.setattr(PictureDecoder, "__call__", noting)
    return found


@pytest.mark.parametrize("name", FOLDERS)
def test_pixels_are_the_same_whichever_way(name, tmp_path):
    make, options = FOLDERS[name]
    folder = make(tmp_path / "zoo")
    kept, decoded = (read_images(folder, in_memory=each, **options) for each in (True, False))
    assert is_decoded(decoded.frame["image"].array.source)
    assert kept.notes == decoded.notes and kept.frame["file"].equals(decoded.frame["file"])
    np.testing.assert_array_equal(
        decoded.frame["image"].array.tensor[:], kept.frame["image"].array.tensor, strict=True
    )
    ours, theirs = decoded.batches(4, seed=3), kept.batches(4, seed=3)
    for step in (0, 5, 1, 2, 9, 2):
        np.testing.assert_array_equal(ours.fetch(step).inputs, theirs.fetch(step).inputs, strict=True)
        np.testing.assert_array_equal(ours.fetch(step).targets, theirs.fetch(step).targets)


def test_many_pixels_are_not_decoded_before_they_are_wanted(asked, tmp_path, monkeypatch):
    folder = zoo(tmp_path / "zoo")
    assert not is_decoded(read(folder).frame["image"].array.source) and len(asked) == 2 * EACH
    asked.clear()
    monkeypatch.setattr("cortex_lab.data.readers.images.IN_MEMORY", 6 * 9 * 3 * 2 * EACH - 1)
    data = read(folder)
    split = data.split(test=4, seed=0)
    assert asked == [] and is_decoded(split.train.frame["image"].array.source)
    table = pd.DataFrame({"file": data.frame["file"], "label": data.frame["label"]})
    named = read_images(table, "file", "label", folder=folder)
    assert asked == []
    column = named.frame["image"].array
    np.testing.assert_array_equal(column[3:5].tensor, data.frame["image"].array[3:5].tensor)
    assert len(asked) == 4
    with pytest.raises(ValueError, match="in_memory must be True or False"):
        read_images(folder, in_memory=1)


def test_the_next_batches_are_decoded_by_threads(asked, tmp_path, monkeypatch):
    data = read_images(zoo(tmp_path / "zoo"), in_memory=False)
    batches, threads, done = data.batches(3), set(), threading.Event()
    decode = PictureDecoder.__call__

    def noting(self, path):
        threads.add(threading.current_thread())
        made = decode(self, path)
        if len(asked) >= 9:
            done.set()
        return made

    monkeypatch.setattr(PictureDecoder, "__call__", noting)
    batches.fetch(0).inputs  # noqa: B018
    assert done.wait(30) and threads - {threading.main_thread()}


def test_a_training_is_the_same_whichever_way(tmp_path):
    folder, trained = zoo(tmp_path / "zoo"), []
    for in_memory in (True, False):
        data = read_images(folder, in_memory=in_memory)
        network = cl.Network([cl.Flatten(), cl.Dense(2)], data.input_shape, seed=0)
        change = cl.Augmentation(alternate_flip=True, crop=1, mixup=0.3)
        session = cl.train(network, data, "softmax_cross_entropy", batch_size=4, augment=change)
        session.step(9)
        session.rewind(2)
        session.step(2)
        trained.append(network.params)
    np.testing.assert_array_equal(*trained)


def cut_off(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) - 40])


def test_one_bad_file_among_many_is_named_or_skipped_and_listed(tmp_path):
    folder = zoo(tmp_path / "zoo")
    cut_off(folder / "bee" / "3.jpg")
    with pytest.raises(DamagedFile, match=r"bee/3\.jpg is no picture .*skip_bad=True"):
        read_images(folder, in_memory=True)
    for in_memory in (True, False):
        data = read_images(folder, in_memory=in_memory, skip_bad=True)
        assert len(data) == 2 * EACH - 1 and "1 file that cannot be read skipped: bee/3.jpg" in repr(data)
        assert "bee/3.jpg" not in data.frame["file"].tolist()
        assert data.batches(4).fetch(0).inputs.shape == (4, 6, 9, 3)
    data = read_images(folder, in_memory=False)
    network = cl.Network([cl.Flatten(), cl.Dense(2)], data.input_shape, seed=0)
    session = cl.train(network, data, "softmax_cross_entropy", batch_size=2)
    batches, row = session.process.batches, data.frame["file"].tolist().index("bee/3.jpg")
    bad = next(step for step in range(EACH) if row in batches.order(0)[2 * step : 2 * step + 2])
    with pytest.raises(DamagedFile, match=r"bee/3\.jpg is no picture that can be read"):
        session.step(EACH)
    assert session.step_number == bad
    session.edit("excluded_rows", [row])
    session.step(EACH)


def jpeg_bomb(path: Path) -> None:
    Image.new("RGB", (8, 8)).save(path)
    content = bytearray(path.read_bytes())
    place = content.index(b"\xff\xc0") + 5
    content[place : place + 4] = struct.pack(">HH", 60_000, 60_000)
    path.write_bytes(content)


def gif_bomb(path: Path) -> None:
    Image.new("L", (8, 8)).save(path)
    content = bytearray(path.read_bytes())
    content[6:10] = struct.pack("<HH", 60_000, 60_000)
    path.write_bytes(content)


def bmp_bomb(path: Path) -> None:
    Image.new("RGB", (8, 8)).save(path)
    content = bytearray(path.read_bytes())
    content[18:26] = struct.pack("<ii", 60_000, 60_000)
    path.write_bytes(content)


def tiff_bomb(path: Path) -> None:
    Image.new("L", (8, 8)).save(path)
    content = bytearray(path.read_bytes())
    for tag in (256, 257):
        # Of its one directory: tag, type, count, value.
        place = next(
            at for at in range(len(content) - 12)
            if struct.unpack_from("<HHIH", content, at)[:4] in {(tag, 3, 1, 8), (tag, 4, 1, 8)}
        )  # fmt: skip
        content[place : place + 12] = struct.pack("<HHII", tag, 4, 1, 60_000)
    path.write_bytes(content)


def ppm_bomb(path: Path) -> None:
    path.write_bytes(b"P6\n60000 60000\n255\n" + bytes(64))


BOMBS = {"jpg": jpeg_bomb, "gif": gif_bomb, "bmp": bmp_bomb, "tiff": tiff_bomb, "ppm": ppm_bomb}


@pytest.mark.parametrize("suffix", BOMBS)
def test_a_picture_that_states_too_many_pixels_is_not_unpacked(suffix, tmp_path):
    BOMBS[suffix](path := tmp_path / f"x.{suffix}")
    assert path.stat().st_size < 2000
    for use in (read, PictureDecoder(60_000, 60_000, 3)):
        with pytest.raises(DamagedFile, match=r"states more than 89,478,485 pixels|states 60,000 by 60,000"):
            use(path)
