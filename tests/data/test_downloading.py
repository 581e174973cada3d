"""Data sets that are downloaded: once, checked, kept; from a server of the test's own."""

from __future__ import annotations

import gzip
import hashlib
import http.server
import sys
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import sklearn.datasets

from cortex_lab.data import available, load, load_cifar10, load_fashion_mnist, load_mnist, loading
from cortex_lab.data.downloading import Remote, cache_folder
from tests.data.reader_cases import CASES

DOWNLOADED = ("cifar10", "fashion_mnist", "mnist")


@pytest.fixture
def server(tmp_path):
    """A folder that is served; `.asked` are the paths that were asked for, `.url` is where."""
    folder = tmp_path / "served"
    folder.mkdir()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args):
            super().__init__(*args, directory=str(folder))

        def do_GET(self):
            folder_and.asked.append(self.path)
            super().do_GET()

        def log_message(self, *_):
            pass

    class Served(http.server.ThreadingHTTPServer):
        asked: list[str]
        daemon_threads = True

    folder_and = Served(("127.0.0.1", 0), Handler)
    folder_and.asked, folder_and.folder = [], folder
    folder_and.url = f"http://127.0.0.1:{folder_and.server_address[1]}/"
    thread = threading.Thread(target=folder_and.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield folder_and
    folder_and.shutdown()
    thread.join()
    folder_and.server_close()


@pytest.fixture
def served(server, tmp_path, monkeypatch, write_idx):
    """The server with small files of every data set that is downloaded, and nothing on this machine."""
    monkeypatch.setenv("CORTEX_LAB_DATA", str(tmp_path / "data"))
    images, labels = np.arange(24, dtype=np.uint8).reshape(6, 2, 2), np.array([3, 1, 3, 1, 3, 1], np.uint8)
    sizes, hashes = [], []
    for name, array in zip(load_mnist.FILES, (images[:4], labels[:4], images[4:], labels[4:]), strict=True):
        content = write_idx(server.folder / f"{name}.gz", array).read_bytes()
        sizes.append(len(content))
        hashes.append(hashlib.sha256(content).hexdigest())
    for module in (load_mnist, load_fashion_mnist):
        monkeypatch.setattr(module, "SERVER", server.url)
        monkeypatch.setattr(module, "SIZES", tuple(sizes))
        monkeypatch.setattr(module, "HASHES", tuple(hashes))
    content = CASES["cifar"].write(server.folder).read_bytes()
    url, sha256 = f"{server.url}{load_cifar10.ARCHIVE}", hashlib.sha256(content).hexdigest()
    monkeypatch.setattr(load_cifar10, "REMOTE", Remote(load_cifar10.ARCHIVE, url, len(content), sha256))
    return server


def files_of(name: str) -> list[str]:
    return [load_cifar10.ARCHIVE] if name == "cifar10" else [f"{file}.gz" for file in load_mnist.FILES]


def test_every_set_is_loaded_here_or_downloaded():
    """Those that scikit-learn carries, by its own names, and those that are downloaded."""
    own = {name.removeprefix("load_") for name in dir(sklearn.datasets) if name.startswith("load_")}
    readers = {"files", "svmlight_file", "svmlight_files", "sample_image"}
    assert set(available()) == (own - readers) | set(DOWNLOADED)


@pytest.mark.parametrize("name", sorted(set(available()) - set(DOWNLOADED)))
def test_what_scikit_learn_carries(name):
    data = load(name)
    assert data.name == name and loading.loaded_as(data) == name
    bunch = getattr(sklearn.datasets, f"load_{name}")()
    if name == "sample_images":
        assert len(data) == 2 and all(
            np.array_equal(a, b) for a, b in zip(data.arrays()[0], bunch.images, strict=True)
        )
        return
    assert {"train", "validation", "test"} == set(data.splits) and len(data) == len(bunch.data)
    if name != "digits":
        x, y = data.read_as_numbers(np.float64).arrays()
        np.testing.assert_array_equal(x, bunch.data)
        np.testing.assert_array_equal(y, bunch.target)
    if "target_names" in bunch and name not in ("digits", "linnerud"):
        assert data.classes == [str(each) for each in bunch.target_names]


@pytest.mark.parametrize("name", DOWNLOADED)
def test_it_is_downloaded_once_and_kept(name, served, tmp_path):
    data = load(name)
    assert len(data) == 6 and set(data.splits) == {"train", "test"} and data.name == name
    assert sorted(served.asked) == sorted(f"/{file}" for file in files_of(name))
    kept = tmp_path / "data" / name
    assert cache_folder(name) == kept and sorted(path.name for path in kept.iterdir()) == sorted(
        files_of(name)
    )
    assert sorted(path.name for path in (tmp_path / "data").iterdir()) == [name]
    again = load(name) if name == "cifar10" else load(name, validation=2)
    assert len(again) == 6 and len(served.asked) == len(files_of(name))
    assert loading.loaded_as(data) == name


@pytest.mark.parametrize("name", DOWNLOADED)
def test_without_a_network_it_says_what_to_do(name, served, monkeypatch, tmp_path):
    served.shutdown()
    served.server_close()
    with pytest.raises(FileNotFoundError) as error:
        load(name)
    said = str(error.value)
    assert files_of(name)[0].removesuffix(".gz") in said and "CORTEX_LAB_DATA" in said
    assert f"Downloading {served.url}" in said and f"put the files into {tmp_path / 'data' / name}" in said
    assert not (tmp_path / "data").exists()
    with pytest.raises(FileNotFoundError) as error:
        load(name, download=False)
    assert "Downloading" not in str(error.value)
    with pytest.raises(FileNotFoundError) as error:
        load(name, folder=tmp_path)
    assert "Downloading" not in str(error.value)


def changed(content: bytes) -> bytes:
    return content[:-5] + bytes([content[-5] ^ 1]) + content[-4:]


WRONG = {
    "another file": (changed, ValueError, "is not the file that was expected"),
    "too much": (lambda content: content + b"x", ValueError, "is not the file that was expected"),
    "too little": (lambda content: content[:-1], FileNotFoundError, "broke off after"),
    "none": (None, FileNotFoundError, r"failed as well \(.*[Nn]ot [Ff]ound"),
}  # fmt: skip


@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_not_the_file_is_not_kept(wrong, served, tmp_path):
    make, error, told = WRONG[wrong]
    path = served.folder / files_of("mnist")[2]
    content = path.read_bytes()
    path.unlink() if make is None else path.write_bytes(make(content))
    with pytest.raises(error, match=told):
        load("mnist")
    kept = tmp_path / "data" / "mnist"
    assert sorted(each.name for each in kept.iterdir()) == sorted(files_of("mnist")[:2])
    path.write_bytes(content)
    load("mnist")
    # What was there already is not asked for again.
    assert served.asked.count(f"/{files_of('mnist')[0]}") == 1


def test_fashion_is_not_taken_for_digits(served, tmp_path):
    load("mnist")
    (tmp_path / "data" / "mnist" / files_of("mnist")[0]).rename(tmp_path / "data" / files_of("mnist")[0])
    for file in files_of("mnist")[1:]:
        (tmp_path / "data" / "mnist" / file).rename(tmp_path / "data" / file)
    served.asked.clear()
    load("fashion_mnist")
    assert len(served.asked) == 4
    assert len(load_fashion_mnist.CLASSES) == 10


def test_files_of_ones_own_in_the_cache_are_as_good(served, tmp_path, monkeypatch):
    monkeypatch.delenv("CORTEX_LAB_DATA")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(sys, "platform", "linux")
    for name in DOWNLOADED:
        folder = cache_folder(name)
        assert folder == tmp_path / "cache" / "cortex_lab" / name
        folder.mkdir(parents=True)
        for file in files_of(name):
            content = gzip.decompress((served.folder / file).read_bytes())
            # Packed anew, it is another file with the same in it.
            (folder / file).write_bytes(gzip.compress(content, 1))
        assert len(load(name)) == 6
    assert not served.asked


def test_a_line_says_how_far_it_has_come(served, monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    load("cifar10")
    said = capsys.readouterr().err
    assert "\rdownloading cifar10: cifar-10-binary.tar.gz, 0.0 of 0.0 MB" in said and said.endswith("\n")


def test_a_set_that_is_called_so_is_not_downloaded_to_compare(served):
    import pandas as pd

    from cortex_lab.data import Dataset

    data = Dataset(pd.DataFrame({"x": [1.0, 2.0], "label": [0, 1]}), name="cifar10")
    assert loading.loaded_as(data) is None and not served.asked


def test_the_real_hashes_are_as_long_as_hashes_are():
    remotes = [load_cifar10.REMOTE]
    for module in (load_mnist, load_fashion_mnist):
        remotes += load_mnist.remotes(module.SERVER, module.SIZES, module.HASHES)
    assert len({each.sha256 for each in remotes}) == 9 and all(len(each.sha256) == 64 for each in remotes)
    assert all(each.url.startswith("http") and each.size > 4000 for each in remotes)
    assert not replace(remotes[0], name="x").is_at(Path("nothing"))
