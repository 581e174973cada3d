from __future__ import annotations

import numpy as np
import pytest

from cortex_lab.data import available, load
from cortex_lab.data.load_mnist import FILES


@pytest.fixture
def small_mnist(tmp_path, write_idx):
    images = np.arange(6 * 4, dtype=np.uint8).reshape(6, 2, 2)
    labels = np.array([3, 1, 3, 1, 3, 1], np.uint8)
    for name, array in zip(FILES, (images[:4], labels[:4], images[4:], labels[4:]), strict=True):
        write_idx(tmp_path / f"{name}.gz", array)
    return tmp_path


def test_names():
    assert available() == ["digits", "mnist"]
    with pytest.raises(ValueError, match="no data set 'mnits'; there are digits, mnist"):
        load("mnits")


def test_digits():
    digits = load("digits")
    assert len(digits) == 1797 and digits.input_shape == (8, 8, 1)
    assert digits.classes == [str(digit) for digit in range(10)]
    assert (len(digits.train), len(digits.validation), len(digits.test)) == (1168, 180, 449)
    x, y = digits.arrays()
    assert x.dtype == np.float32 and x.min() == 0 and x.max() == 1
    assert y[:10].tolist() == list(range(10))
    share = digits.test.class_counts / digits.class_counts
    assert share.between(0.24, 0.26).all()
    assert len(load("digits", test=100, validation=0.1).validation) == 180
    assert np.array_equal(load("digits", seed=1).test.rows, load("digits", seed=1).test.rows)
    assert not np.array_equal(load("digits", seed=1).test.rows, digits.test.rows)


@pytest.mark.parametrize("place", ["argument", "environment", "subfolder"])
def test_mnist_format(small_mnist, monkeypatch, tmp_path_factory, place):
    options = {}
    if place == "argument":
        options["folder"] = small_mnist
    elif place == "environment":
        monkeypatch.setenv("CORTEX_LAB_DATA", str(small_mnist))
    else:
        above = tmp_path_factory.mktemp("data")
        small_mnist.rename(above / "mnist")
        monkeypatch.setenv("CORTEX_LAB_DATA", str(above))
    mnist = load("mnist", **options)
    assert mnist.frame.dtypes.astype(str).tolist() == ["tensor[uint8, 2x2x1]", "int64"]
    assert mnist.train.rows.tolist() == [0, 1, 2, 3] and mnist.test.rows.tolist() == [4, 5]
    assert mnist.classes == ["1", "3"]
    np.testing.assert_array_equal(mnist.test.arrays()[0].ravel(), np.arange(16, 24))
    if place == "argument":
        carved = load("mnist", validation=2, **options)
        assert carved.test.rows.tolist() == [4, 5] and len(carved.validation) == 2


def test_mnist_files_that_are_not_there(tmp_path, monkeypatch):
    monkeypatch.delenv("CORTEX_LAB_DATA", raising=False)
    with pytest.raises(
        FileNotFoundError, match=r"train-images-idx3-ubyte\[.gz\].*CORTEX_LAB_DATA is not set"
    ):
        load("mnist")
    monkeypatch.setenv("CORTEX_LAB_DATA", str(tmp_path))
    with pytest.raises(FileNotFoundError, match=f"not all of them are in {tmp_path}.*CORTEX_LAB_DATA"):
        load("mnist")


def test_mnist_files_that_do_not_fit(small_mnist, write_idx):
    write_idx(small_mnist / f"{FILES[1]}.gz", np.zeros(3, np.uint8))
    with pytest.raises(ValueError, match=r"has 4 images, but .*train-labels.* has 3 labels"):
        load("mnist", folder=small_mnist)
    write_idx(small_mnist / f"{FILES[0]}.gz", np.zeros((4, 2), np.uint8))
    with pytest.raises(ValueError, match=r"train-images.* holds uint8 of shape \(4, 2\)"):
        load("mnist", folder=small_mnist)


def test_real_mnist(mnist_folder):
    mnist = load("mnist", folder=mnist_folder)
    assert (len(mnist.train), len(mnist.test)) == (60_000, 10_000)
    assert mnist.input_shape == (28, 28, 1) and mnist.classes == [str(digit) for digit in range(10)]
    assert mnist.frame["image"].array.nbytes < 56e6
    assert mnist.train.class_counts.tolist()[:3] == [5923, 6742, 5958]
    batch = mnist.train.batches(128).fetch(1000)
    assert batch.inputs.shape == (128, 28, 28, 1) and batch.inputs.dtype == np.uint8
    np.testing.assert_array_equal(batch.inputs, mnist.frame["image"].array.tensor[batch.rows])
    assert mnist.frame["label"].to_numpy()[batch.rows].tolist() == batch.targets.tolist()
