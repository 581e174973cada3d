"""Pictures as networks of keras.applications want them, and the likeliest classes by name."""

from __future__ import annotations

import json

import numpy as np
import pytest

from cortex_lab.ground.files import DamagedFile
from cortex_lab.interop import preprocess, read_labels, top
from tests.interop.keras_oracle import keras_or_skip

PICTURES = np.random.default_rng(0).integers(0, 256, (2, 4, 5, 3), dtype=np.uint8)


@pytest.mark.keras
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("mode", ["caffe", "tf", "torch"])
def test_modes_are_those_of_keras(mode):
    keras = keras_or_skip()
    wanted = keras.applications.imagenet_utils.preprocess_input(PICTURES.astype("f4"), "channels_last", mode)
    found = preprocess(PICTURES, mode)
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(preprocess(PICTURES[0], mode), found[0])


def test_the_middle_and_the_ends():
    gray = np.full((1, 1, 3), 127.5)
    assert (preprocess(gray, "tf") == 0).all()
    np.testing.assert_allclose(preprocess(np.array([[[123.68, 116.779, 103.939]]]), "caffe"), 0, atol=1e-5)
    red = np.array([[[255, 0, 0]]], np.uint8)
    assert preprocess(red, "caffe")[0, 0].argmax() == 2 and preprocess(red, "torch")[0, 0].argmax() == 0


@pytest.mark.parametrize(
    ("pictures", "mode", "said"),
    [
        (PICTURES, "keras", "mode must be"),
        (PICTURES[..., :2], "tf", "three channels"),
        (np.ones((2, 3)), "tf", "three channels"),
        ("a", "tf", "pictures"),
    ],
)
def test_what_is_no_picture_is_refused(pictures, mode, said):
    with pytest.raises(ValueError, match=said):
        preprocess(pictures, mode)


@pytest.mark.parametrize(
    "text",
    [
        "cat\ndog\n\nhen\n",
        json.dumps(["cat", "dog", "hen"]),
        json.dumps({"0": ["n1", "cat"], "2": ["n3", "hen"], "1": ["n2", "dog"]}),
    ],
)
def test_labels_and_the_likeliest(text, tmp_path):
    (tmp_path / "labels").write_text(text)
    assert read_labels(tmp_path / "labels") == ["cat", "dog", "hen"]
    found = top([[0.2, 0.5, 0.3], [0.4, 0.2, 0.4]], tmp_path / "labels", 2)
    assert found == [[("dog", 0.5), ("hen", 0.3)], [("cat", 0.4), ("hen", 0.4)]]
    with pytest.raises(ValueError, match="3 labels"):
        top(np.ones((2, 4)), tmp_path / "labels")


@pytest.mark.parametrize("text", ["{", '{"1": ["n", "cat"]}', "[1, 2]", "[[]]"])
def test_what_is_no_file_of_labels_is_refused(text, tmp_path):
    (tmp_path / "labels").write_text(text)
    with pytest.raises(DamagedFile, match="labels"):
        read_labels(tmp_path / "labels")
