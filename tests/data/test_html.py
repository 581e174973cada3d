from __future__ import annotations

import base64
import re
import struct
import zlib
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from cortex_lab.data import Dataset, TensorArray, load
from cortex_lab.data._pictures import image_tag, pixels, png, value_range


def decode_png(content: bytes) -> np.ndarray:
    """Only what `png` writes: 8 bits, no filters."""
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    chunks, position = {}, 8
    while position < len(content):
        (length,) = struct.unpack(">I", content[position : position + 4])
        kind = content[position + 4 : position + 8]
        body = content[position + 8 : position + 8 + length]
        (checksum,) = struct.unpack(">I", content[position + 8 + length : position + 12 + length])
        assert checksum == zlib.crc32(kind + body)
        chunks[kind] = body
        position += 12 + length
    width, height, depth, color = struct.unpack(">IIBB", chunks[b"IHDR"][:10])
    channels = {0: 1, 2: 3, 6: 4}[color]
    rows = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(height, 1 + width * channels)
    assert depth == 8 and not rows[:, 0].any() and list(chunks) == [b"IHDR", b"IDAT", b"IEND"]
    picture = rows[:, 1:].reshape(height, width, channels)
    return picture[..., 0] if channels == 1 else picture


class Tags(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        if tag != "img":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.mark.parametrize("shape", [(3, 5), (3, 5, 3), (3, 5, 4), (1, 1)])
def test_png_round_trip(shape):
    picture = np.arange(np.prod(shape), dtype=np.uint8).reshape(shape)
    assert np.array_equal(decode_png(png(picture)), picture)


def test_pixels():
    assert pixels(np.array([[0.0, 0.5, 1.0]])).tolist() == [[0, 128, 255]]
    assert pixels(np.array([[-2.0, 2.0, np.nan, np.inf]])).tolist() == [[0, 255, 0, 255]]
    assert pixels(np.zeros((4, 5, 1), np.uint8)).shape == (4, 5)
    assert pixels(np.zeros(6)).shape == (1, 6)
    assert pixels(np.zeros((4, 5, 2))) is None and pixels(np.zeros((0, 3))) is None
    assert value_range(np.full(3, 7.0)) == (7.0, 8.0) and value_range(np.full(3, np.nan)) == (0.0, 1.0)


def test_small_pictures_are_enlarged_by_whole_pixels():
    tag = image_tag(np.zeros((8, 8)))
    assert 'width="48" height="48"' in tag and "image-rendering:pixelated" in tag
    assert 'width="200" height="100"' in image_tag(np.zeros((100, 200)))


def test_digits_table():
    html = load("digits")._repr_html_()
    tags = Tags(html)
    assert tags.seen.count("img") == 5 and tags.seen.count("tr") == 6
    splits = "train 1,168 · validation 180 · test 449"
    for text in ("1,797 rows", "8x8x1", splits, "tensor[float32, 8x8x1]", "10 classes"):
        assert text in html
    first = re.search(r"base64,([^\"]+)", html)
    shown = decode_png(base64.b64decode(first[1]))
    expected = load("digits").arrays()[0][0, :, :, 0] * 255
    assert np.abs(shown - expected).max() <= 0.5


def test_colors_come_from_the_theme_or_the_page():
    style = re.search(r"<style>(.*?)</style>", load("digits")._repr_html_(), re.DOTALL)[1]
    colors = re.findall(r"(?<!-)\bcolor:([^;}]+)", style)
    assert colors and all(color == "inherit" or color.endswith(",inherit)") for color in colors)
    assert all("var(--jp-" in value for value in re.findall(r"background:([^;}]+)", style) if value != "none")


def test_names_are_escaped():
    frame = pd.DataFrame({"<b>": [1.0, 2.0], "label": ["<script>", "b"]})
    html = Dataset(frame, inputs=["<b>"], name="<i>")._repr_html_()
    assert "<script>" not in html and "&lt;script&gt;" in html and "<th>&lt;b&gt;" in html
    assert "<b>&lt;i&gt;</b>" in html


def test_wide_tables_and_many_classes():
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(30, 12)), columns=[f"c{i}" for i in range(12)])
    frame["label"] = range(30)
    html = Dataset(frame, inputs=[f"c{i}" for i in range(12)])._repr_html_()
    Tags(html)
    assert "<th>label<small>" in html and "and 5 more columns" in html and "and 10 more" in html
    assert "c0, c1, c2, c3 and 8 more" in html


def test_regression_no_target_and_missing_pictures():
    column = TensorArray._from_sequence([np.ones((2, 2)), None], dtype=None)
    frame = pd.DataFrame({"x": [1.0, 2.0], "y": [0.1, 0.2], "extra": column})
    html = Dataset(frame, inputs=["x"], target="y")._repr_html_()
    Tags(html)
    assert "values of y to predict" in html and "not split" in html and html.count("<img") == 1
    assert "no target" in Dataset(frame, inputs=["x"], target=None)._repr_html_()


def test_a_picture_that_cannot_be_drawn_is_written_out():
    frame = pd.DataFrame({"image": TensorArray(np.zeros((2, 2, 2, 2, 2))), "label": [0, 1]})
    html = Dataset(frame)._repr_html_()
    assert "2x2x2x2 float64 0..0" in html and "<img" not in html
