"""Every reader: what it reads, that damage is told, that bombs and pickles are refused; a table of them all.

`python -m tests.data.test_readers` writes that table, docs/readers.md.
"""

from __future__ import annotations

import builtins
import gzip
import io
import os
import pickle
import random
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest

from cortex_lab.data import Dataset, read, readers
from cortex_lab.data.readers import _contract
from cortex_lab.ground.files import DamagedFile
from tests.data.reader_cases import CASES, FRAME, LABELS, PICTURES

DOCUMENT = Path(__file__).parents[2] / "docs" / "readers.md"


def test_every_reader_has_a_case():
    assert CASES.keys() == readers.all_readers().keys()


@pytest.mark.parametrize("name", CASES)
def test_what_was_written_is_read(name, tmp_path):
    case = CASES[name]
    data = read(case.write(tmp_path), **case.options)
    assert isinstance(data, Dataset) and len(data) == case.rows
    assert tuple(data.frame.columns) == case.columns
    if "image" in case.columns and name != "cifar":
        order = np.argsort(data.frame["file"].str[2:]) if name == "images" else np.arange(6)
        shown = data.frame["image"].array.tensor[order]
        np.testing.assert_array_equal(shown.reshape(PICTURES.shape), PICTURES)
        labels = pd.factorize(data.frame["label"].iloc[order])[0]
        assert labels.tolist() == LABELS.tolist()
    elif name != "cifar":
        for column in FRAME:
            pd.testing.assert_series_equal(
                data.frame[column].reset_index(drop=True), FRAME[column], check_dtype=column != "member"
            )
        assert "'age' 1" in repr(data) and "'age' 1" in data._repr_html_().replace("&#x27;", "'")


def test_cifar_is_read_as_it_is_laid_out(tmp_path):
    data = read(CASES["cifar"].write(tmp_path))
    rows = np.random.default_rng(0).integers(0, 256, (3, 3073), np.uint8)
    first = data.frame["image"].array.tensor[0]
    assert first.shape == (32, 32, 3) and first[0, 1].tolist() == rows[0, [2, 1026, 2050]].tolist()
    assert data.frame["label"].tolist() == ["airplane", "truck", "truck", "automobile", "airplane", "truck"]
    assert {name: rows.tolist() for name, rows in data.splits.items()} == {
        "train": [0, 1, 2, 3],
        "test": [4, 5],
    }


@pytest.mark.parametrize("name", CASES)
def test_what_is_cut_off_or_changed_is_told_or_is_whole(name, tmp_path):
    case, draw = CASES[name], random.Random(name)
    path = case.write(tmp_path)
    file = path if path.is_file() else next(iter(sorted(path.rglob("*.png"))))
    whole, told = file.read_bytes(), 0
    for number in range(30):
        content = bytearray(whole)
        if number % 2:
            del content[draw.randrange(len(content)) :]
        else:
            for _ in range(3):
                content[draw.randrange(len(content))] = draw.randrange(256)
        if path.is_file():
            # HDF5 takes two files of one name for the same.
            path = file = tmp_path / str(number) / path.name
            file.parent.mkdir()
        file.write_bytes(bytes(content))
        try:
            read(path, **case.options)
        except (ValueError, KeyError) as error:
            told += 1
            assert len(str(error)) < 600 and "\n" not in str(error)
    # A letter of a text may well be another one.
    assert told >= (3 if name in ("delimited", "hdf5") else 10)


@pytest.mark.parametrize("name", [name for name, reader in readers.all_readers().items() if reader.suffixes])
def test_a_wrong_beginning_is_told(name, tmp_path):
    reader = readers.all_readers()[name]
    path = tmp_path / f"file{reader.suffixes[0]}"
    path.write_bytes(b"\x00\x01 neither this nor that")
    with pytest.raises(ValueError, match=path.name):
        read(path)
    path.write_bytes(b"")
    with pytest.raises(ValueError, match=path.name):
        read(path)


def test_what_nobody_reads(tmp_path):
    (tmp_path / "a.xyz").write_bytes(b"hello")
    with pytest.raises(DamagedFile, match=r"a\.xyz is of a kind that is not read: .*\.parquet.*read_excel"):
        read(tmp_path / "a.xyz")
    with pytest.raises(FileNotFoundError, match=r"no file or folder .*nothing\.csv"):
        read(tmp_path / "nothing.csv")
    with pytest.raises(DamagedFile, match="none of the files that are read"):
        read(tmp_path)
    with pytest.raises(
        TypeError, match=r"without 'seperator'; options are separator, .*did you mean 'separator'"
    ):
        read(CASES["delimited"].write(tmp_path), seperator=";")
    with pytest.raises(TypeError, match="options are columns"):
        read(CASES["parquet"].write(tmp_path), separator=";")


@pytest.mark.parametrize("name", [name for name, reader in readers.all_readers().items() if reader.needs])
def test_a_package_that_is_not_there_is_named(name, tmp_path, monkeypatch):
    path = CASES[name].write(tmp_path)
    needs = readers.all_readers()[name].needs

    def without(package: str) -> None:
        raise ImportError(package)

    monkeypatch.setattr(_contract, "import_module", without)
    with pytest.raises(
        ImportError, match=f"is read with {needs}, which is not installed: pip install {needs}"
    ):
        read(path)


class Malicious:
    def __reduce__(self):
        return os.mkdir, (self.path,)


@pytest.mark.parametrize(
    "suffix", [".npy", ".npz", ".csv", ".parquet", ".h5", ".feather", ".png", "-idx3-ubyte"]
)
def test_nothing_is_unpickled(suffix, tmp_path, monkeypatch):
    Malicious.path = str(tmp_path / "made")
    path, content = tmp_path / f"file{suffix}", pickle.dumps(Malicious())
    path.write_bytes(content)
    if suffix == ".npy":
        np.save(path, np.array([Malicious()], object))
    if suffix == ".npz":
        np.savez(path, x=np.array([Malicious()], object))
    monkeypatch.setattr(pickle, "loads", lambda *_: pytest.fail("unpickled"))
    with pytest.raises(ValueError, match=r"file"):
        read(path)
    assert not (tmp_path / "made").exists()


def zeros_npz(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("x.npy", "w") as file:
        np.lib.format.write_array_header_1_0(
            file, {"descr": "|u1", "fortran_order": False, "shape": (100 * 2**20,)}
        )
        for _ in range(100):
            file.write(bytes(2**20))


def one_value_parquet(path: Path) -> None:
    import pyarrow
    from pyarrow import parquet

    table = pyarrow.table({f"x{place}": pyarrow.array(np.zeros(2**20, np.int64)) for place in range(2)})
    with parquet.ParquetWriter(path, table.schema) as writer:
        for _ in range(70):
            writer.write_table(table)


def long_words_parquet(path: Path) -> None:
    import pyarrow

    words = pyarrow.DictionaryArray.from_arrays(np.zeros(20_000, np.int32), ["a" * 100_000])
    parquet = pytest.importorskip("pyarrow.parquet")
    parquet.write_table(pyarrow.table({"x": words}), path, store_schema=False)


def packed_feather(path: Path) -> None:
    import pyarrow

    table = pyarrow.table({"x": np.zeros(2**20, np.int64)})
    options = pyarrow.ipc.IpcWriteOptions(compression="zstd")
    with (
        pyarrow.OSFile(str(path), "wb") as file,
        pyarrow.ipc.new_file(file, table.schema, options=options) as to,
    ):
        for _ in range(140):
            to.write_table(table)


def one_letter_csv(path: Path) -> None:
    path.write_bytes(gzip.compress(b"a,b\n" + b"1,2\n" * (20 * 2**20), 1))


def lying_gzip(path: Path) -> None:
    content = bytearray(gzip.compress(b"a,b\n" + b"1,2\n" * (20 * 2**20), 1))
    content[-4:] = (1000).to_bytes(4, "little")
    path.write_bytes(bytes(content))


def zipped_csv(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.csv", b"a,b\n" + b"1,2\n" * (20 * 2**20))


def unwritten_hdf5(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset("x", (2**40,), np.uint8, chunks=(2**20,))


def large_piece_hdf5(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset("x", (4, 2**29, 2), np.uint8, chunks=(1, 2**29, 2), compression="gzip")


def huge_png(path: Path) -> None:
    from cortex_lab.data._pictures import png

    content = bytearray(png(np.zeros((2, 2), np.uint8)))
    import struct
    import zlib

    head = b"IHDR" + struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)
    content[12:33] = head + struct.pack(">I", zlib.crc32(head))
    path.write_bytes(bytes(content))


def promised_idx(path: Path) -> None:
    path.write_bytes(gzip.compress(b"\0\0\x08\3" + (2**30).to_bytes(4, "big") * 3))


BOMBS = {
    "x.npz": zeros_npz, "values.parquet": one_value_parquet, "words.parquet": long_words_parquet,
    "x.feather": packed_feather, "x.csv.gz": one_letter_csv, "lying.csv.gz": lying_gzip,
    "x.csv.zip": zipped_csv,
    "x.h5": unwritten_hdf5, "piece.h5": large_piece_hdf5, "x.png": huge_png,
    "x-images-idx3-ubyte.gz": promised_idx,
}  # fmt: skip


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_before_it_is_unpacked(name, tmp_path):
    path = tmp_path / name
    BOMBS[name](path)
    assert path.stat().st_size < 2**20
    with pytest.raises(DamagedFile, match=r"would unpack to [\d,]+ bytes|states more than 89,478,485 pixels"):
        read(path)


def test_what_shrinks_well_is_no_bomb(tmp_path):
    pd.DataFrame({"x": np.zeros(300_000), "y": ["a"] * 300_000}).to_parquet(tmp_path / "x.parquet")
    assert len(read(tmp_path / "x.parquet", target="y")) == 300_000
    np.savez_compressed(tmp_path / "x.npz", x=np.zeros((100, 100, 100, 1), np.uint8))
    assert read(tmp_path / "x.npz").input_shape == (100, 100, 1)


def test_nothing_is_written_while_reading(tmp_path, monkeypatch):
    paths = {}
    for name, case in CASES.items():
        (tmp_path / name).mkdir()
        paths[name] = case.write(tmp_path / name)
    opened, kept = builtins.open, io.open

    def only_to_read(file, mode="r", *args, **options):
        assert not set(mode) & set("wax+"), file
        return opened(file, mode, *args, **options)

    before = sorted(path for path in tmp_path.rglob("*"))
    monkeypatch.setattr(builtins, "open", only_to_read)
    monkeypatch.setattr(io, "open", only_to_read)
    for name, path in paths.items():
        read(path, **CASES[name].options)
    monkeypatch.setattr(io, "open", kept)
    assert sorted(path for path in tmp_path.rglob("*")) == before


def table() -> str:
    """docs/readers.md."""
    return "\n".join([
        "# What is read",
        "",
        "`cl.data.read(path)` reads these, each by a file in `cortex_lab/data/readers`. Written by",
        "`python -m tests.data.test_readers`. Which reader it is, is told by how a file begins, else by its",
        "name.",
        "",
        readers.markdown(),
        "",
        "Whatever else pandas reads is given as a frame:",
        "",
        "| from | typed |",
        "|---|---|",
        '| SQL | `cl.data.Dataset(pandas.read_sql("select * from people", connection), target="income")` |',
        '| Excel | `cl.data.Dataset(pandas.read_excel("people.xlsx"), target="income")` |',
        '| JSON lines | `cl.data.Dataset(pandas.read_json("people.jsonl", lines=True), target="income")` |',
        "",
    ])  # fmt: skip


def test_the_document_has_every_reader():
    assert DOCUMENT.read_text(encoding="utf-8") == table()


if __name__ == "__main__":
    DOCUMENT.write_text(table(), encoding="utf-8")
