from __future__ import annotations

import gzip

import numpy as np
import pytest

from cortex_lab.data import read_idx


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("scalar", ["uint8", "int8", "int16", "int32", "float32", "float64"])
def test_round_trip(tmp_path, write_idx, scalar, suffix):
    array = np.arange(24).reshape(2, 3, 4).astype(scalar)
    read = read_idx(write_idx(tmp_path / f"numbers{suffix}", array))
    assert read.dtype == array.dtype and np.array_equal(read, array)


def test_gzip_is_known_by_its_content(tmp_path, write_idx):
    path = write_idx(tmp_path / "a.gz", np.ones((2, 2), np.uint8)).rename(tmp_path / "a")
    assert read_idx(path).sum() == 4


def test_damaged_files(tmp_path, write_idx):
    array = np.ones((10, 5), np.uint8)
    plain = write_idx(tmp_path / "plain", array).read_bytes()
    packed = write_idx(tmp_path / "packed.gz", array).read_bytes()
    cases = {
        "": "starts with nothing",
        "not idx": "is not an IDX file: it starts with 6e 6f 74 20",
        b"\0\0\x07\1" + plain[4:]: "is not an IDX file",
        b"\0\0\x08\0" + plain[4:]: "is not an IDX file",
        plain[:7]: "cut off within its header, after 7 bytes",
        plain[:-1]: r"cut off: shape \(10, 5\) of uint8 takes 62 bytes, the file has 61",
        plain + b"\0": "too long",
        packed[:-9]: "damaged or incomplete gzip",
        packed[:12] + b"\xff" + packed[13:]: "damaged or incomplete gzip",
        gzip.compress(plain[:-3]): "cut off: shape",
    }
    for content, message in cases.items():
        path = tmp_path / "broken"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        with pytest.raises(ValueError, match=f"broken.*{message}"):
            read_idx(path)
