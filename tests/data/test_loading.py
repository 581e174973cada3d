from __future__ import annotations

import gzip

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
    assert {"digits", "iris", "mnist"} <= set(available()) and available() == sorted(available())
    with pytest.raises(ValueError, match=r"no data set 'mnits'; there are .*, digits, .*, mnist, "):
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


def renamed(folder, spell):
    for name in FILES:
        (folder / f"{name}.gz").rename(folder / spell(f"{name}.gz"))


def in_own_folders(folder):
    for name in FILES:
        data = gzip.decompress((folder / f"{name}.gz").read_bytes())
        (folder / f"{name}.gz").unlink()
        (folder / name).mkdir()
        (folder / name / name.replace("-idx", ".idx")).write_bytes(data)


def as_npz(folder):
    train, test = (np.arange(6 * 4, dtype=np.uint8).reshape(6, 2, 2)[part] for part in (np.s_[:4], np.s_[4:]))
    labels = np.array([3, 1, 3, 1, 3, 1], np.uint8)
    parts = {"x_train": train, "y_train": labels[:4], "x_test": test, "y_test": labels[4:]}
    np.savez(folder / "mnist.npz", **parts)
    _without_idx(folder)


def as_csv(folder, header=""):
    lines = [f"{[3, 1][row % 2]},{','.join(map(str, range(4 * row, 4 * row + 4)))}" for row in range(6)]
    for name, part in (("train", lines[:4]), ("test", lines[4:])):
        (folder / f"mnist_{name}.csv").write_text("\n".join([*([header] if header else []), *part]) + "\n")
    _without_idx(folder)


def _without_idx(folder):
    for name in FILES:
        (folder / f"{name}.gz").unlink()


NAMES = {
    "their authors'": lambda folder: None,
    "dots": lambda folder: renamed(folder, lambda name: name.replace("-idx", ".idx")),
    "test": lambda folder: renamed(folder, lambda name: name.replace("t10k", "test")),
    "test and dots": lambda folder: renamed(
        folder, lambda n: n.replace("t10k", "test").replace("-idx", ".idx")
    ),
    "folders of their own names": in_own_folders,
    "Keras' file": as_npz,
    "tables": as_csv,
    "tables with a line of names": lambda folder: as_csv(folder, "label,1x1,1x2,2x1,2x2"),
}


@pytest.mark.parametrize("names", NAMES)
def test_mnist_under_its_usual_names(small_mnist, names):
    wanted = load("mnist", folder=small_mnist)
    NAMES[names](small_mnist)
    mnist = load("mnist", folder=small_mnist)
    for ours, theirs in zip(mnist.arrays(), wanted.arrays(), strict=True):
        np.testing.assert_array_equal(ours, theirs, strict=True)
    assert mnist.train.rows.tolist() == [0, 1, 2, 3] and mnist.test.rows.tolist() == [4, 5]


def test_mnist_files_of_other_kinds_that_do_not_fit(small_mnist):
    as_csv(small_mnist)
    table = small_mnist / "mnist_test.csv"
    for text, message in (
        ("3,1,2\n", "no table of a label and the pixels of a square"),
        ("3,1,2,3,four\n", "no table of a label and the pixels"),
        ("3,1,2,3,256\n", "holds 1 to 256; bytes"),
    ):
        table.write_text(text)
        with pytest.raises(ValueError, match=message):
            load("mnist", folder=small_mnist)
    np.savez(small_mnist / "mnist.npz", x_train=np.zeros((2, 2, 2), np.uint8))
    with pytest.raises(ValueError, match="no file of x_train, y_train"):
        load("mnist", folder=small_mnist)
    (small_mnist / "mnist.npz").write_bytes(b"no zip")
    with pytest.raises(ValueError, match="is not whole"):
        load("mnist", folder=small_mnist)


def test_mnist_files_that_are_not_there(tmp_path, monkeypatch):
    monkeypatch.delenv("CORTEX_LAB_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(
        FileNotFoundError, match=r"train-images-idx3-ubyte\[.gz\].*CORTEX_LAB_DATA is not set"
    ):
        load("mnist", download=False)
    monkeypatch.setenv("CORTEX_LAB_DATA", str(tmp_path))
    with pytest.raises(
        FileNotFoundError, match=rf"not all of them are in {tmp_path}.*As good are mnist\.npz; or"
    ):
        load("mnist", download=False)


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


SPELLED = {
    "as LeCun wrote them": "{name}",
    "zipped": "{name}.gz",
    "with a dot": "{dotted}",
    "with a dot, zipped": "{dotted}.gz",
    "in MNIST/raw": "MNIST/raw/{name}",
    "in MNIST/raw, zipped": "MNIST/raw/{name}.gz",
    "in mnist": "mnist/{dotted}",
    "in raw": "raw/{name}",
    "in folders of their own": "{name}/{name}",
    "in folders of their own, with a dot": "{name}/{dotted}",
}


@pytest.mark.parametrize("spelled", SPELLED)
def test_mnist_is_found_under_its_usual_names(small_mnist, spelled):
    for name in FILES:
        path = small_mnist / SPELLED[spelled].format(name=name, dotted=name.replace("-idx", ".idx"))
        path.parent.mkdir(parents=True, exist_ok=True)
        content = gzip.decompress((small_mnist / f"{name}.gz").read_bytes())
        (small_mnist / f"{name}.gz").unlink()
        path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    mnist = load("mnist", folder=small_mnist)
    assert mnist.train.rows.tolist() == [0, 1, 2, 3] and mnist.classes == ["1", "3"]


@pytest.mark.parametrize("second", ["MNIST/raw/{name}.gz", "{dotted}.gz"])
def test_mnist_that_lies_there_twice_must_be_the_same(small_mnist, second):
    for name in FILES:
        path = small_mnist / second.format(name=name, dotted=name.replace("-idx", ".idx"))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes((small_mnist / f"{name}.gz").read_bytes())
    assert len(load("mnist", folder=small_mnist)) == 6
    path.write_bytes(b"other")
    with pytest.raises(ValueError, match=r"t10k-labels.* and .*t10k-labels.*\.gz differ, and either"):
        load("mnist", folder=small_mnist)
