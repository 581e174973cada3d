"""Tables of text: what they look like, what is guessed of them, and what of that is told."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zipfile

import numpy as np
import pandas as pd
import pytest

import cortex_lab as cl
from cortex_lab.data import read
from cortex_lab.ground.files import DamagedFile

WORDS = "name,town\nMüller,Köln\nŽižek,Zürich\n"
# By what is in the file: the options, the rows that come of it, and what is told.
FILES: dict[str, tuple[bytes | str, dict, list[list], str]] = {
    "commas": ("a,b\n1,x\n2,y\n", {}, [[1, "x"], [2, "y"]], ""),
    "tabs": ("a\tb\n1\tx\n2\ty\n", {}, [[1, "x"], [2, "y"]], "separated by tabs"),
    "semicolons": ("a;b\n1;x,z\n2;y,z\n", {}, [[1, "x,z"], [2, "y,z"]], "separated by ';'"),
    "bars": ("a|b\n1|x\n2|y\n", {}, [[1, "x"], [2, "y"]], r"separated by '\|'"),
    "spaces": (" 1.5  2\n 3   4\n", {}, [[1.5, 2], [3.0, 4]], "separated by spaces"),
    "another separator": ("a:b\n1:x\n", {"separator": ":"}, [[1, "x"]], ""),
    "one column": ("a\n1\n2\n", {}, [[1], [2]], ""),
    "a decimal comma": ("a;b\n1,5;2\n-2,25;3\n", {}, [[1.5, 2], [-2.25, 3]], r"decimal comma: 'a' \('1,5'\)"),
    "points and a comma": ("a;b\n1.234,5;2\n2,25;3\n", {}, [[1234.5, 2], [2.25, 3]], "decimal comma"),
    "a comma that is told": ("a;b\n1,234;2\n", {"decimal": ","}, [[1.234, 2]], "separated by ';'"),
    "thousands that are told": ("a;b\n1,234;2\n", {"thousands": ","}, [[1234, 2]], "separated by ';'"),
    "commas among points": ("a;b\n1.5;2\n2,5;3\n", {}, [["1.5", 2], ["2,5", 3]], "(?!.*decimal comma)"),
    "thousands among points": ('a,b\n"1,234.5",2.5\n9,3\n', {}, [["1,234.5", 2.5], ["9", 3]], "kept as"),
    "question marks": ("a,b\n?,x\n2, ?\n3,?\n", {}, [[np.nan, "x"], [2, None], [3, None]], r"'\?' taken as"),
    "other marks": ("a,b\n-,x\n2,NA\n", {}, [[np.nan, "x"], [2, None]], "'NA' taken as missing: 'b' 1"),
    "marks that are words": ("a,b\n1,none\n2,-\n3,x\n", {}, [[1, "none"], [2, "-"], [3, "x"]], ""),
    "marks of one's own": ("a,b\n-9,x\n2,gone\n", {"missing": ["-9", "gone"]}, [[np.nan, "x"], [2, None]],
                           "'-9' taken as missing: 'a' 1; 'gone' taken as missing: 'b' 1"),
    "empty fields": ("a,b\n,x\n2,\n", {}, [[np.nan, "x"], [2, None]], "empty fields, missing: 'a' 1, 'b' 1"),
    "leading zeros": ("zip,b\n00501,1\n12345,2\n", {}, [["00501", 1], ["12345", 2]], "leading zeros.*'zip'"),
    "zeros and gaps": ("zip,b\n00501,1\n?,2\n", {}, [["00501", 1], [None, 2]], r"'\?' taken as missing"),
    "long numbers": ("a,b\n1152921504606846977,1\n,2\n", {}, [[2**60 + 1, 1], [None, 2]], ""),
    "longer numbers": ("a,b\n1152921504606846977,1\n?,2\n", {}, [[2**60 + 1, 1], [None, 2]], ""),
    "yes and no": ("a,b\nTrue,1\nFalse,2\n", {}, [[True, 1], [False, 2]], ""),
    "yes and no with gaps": ("a,b\nTRUE,1\n?,2\n", {}, [[True, 1], [None, 2]], r"'\?' taken as missing"),
    "yes and no, some empty": ("a,b\nTrue,1\n,2\n", {}, [[True, 1], [None, 2]], "empty fields"),
    "dates": ("a,b\n2020-01-02,1\n2021-03-04,2\n", {}, [[pd.Timestamp(2020, 1, 2), 1],
                                                      [pd.Timestamp(2021, 3, 4), 2]], "read as dates: 'a'"),
    "dates of other kinds": ("a,b\n01/02/2020,1\n", {}, [["01/02/2020", 1]], "(?!.*dates)"),
    "utf-8": (WORDS, {}, [["Müller", "Köln"], ["Žižek", "Zürich"]], ""),
    "utf-8 with a mark": ("\ufeff" + WORDS, {}, [["Müller", "Köln"], ["Žižek", "Zürich"]], ""),
    "utf-16": (WORDS.encode("utf-16"), {}, [["Müller", "Köln"], ["Žižek", "Zürich"]], "written in utf-16"),
    "cp1252": (WORDS.encode("cp1252"), {}, [["Müller", "Köln"], ["Žižek", "Zürich"]], "read as cp1252"),
    "latin-1": ("a,b\nM\x81\xfc,1\n".encode("latin-1"), {}, [["M\x81ü", 1]], "read as latin-1"),
    "cp1250": (WORDS.encode("cp1250"), {"encoding": "cp1250"}, [["Müller", "Köln"], ["Žižek", "Zürich"]], ""),
    "quotes": ('a,b\n"x, y",1\n"z ""q""\nw",2\n', {}, [["x, y", 1], ['z "q"\nw', 2]], ""),
    "blank lines": ("a,b\n1,2\n\n3,4\n", {}, [[1, 2], [3, 4]], "1 blank line left out"),
    "line ends of Windows": ("a,b\r\n1,x\r\n", {}, [[1, "x"]], ""),
    "too many fields": ("a,b\n1,2\n3,4,5\n6\n7,8\n", {"skip_bad": True}, [[1, 2], [7, 8]],
                        "2 lines of other than 2 fields skipped: 3, 4"),
    "no names": ("1,2.5\n3,4.5\n", {}, [[1, 2.5], [3, 4.5]], "no line of names"),
    "names that are told": ("1,x\n3,y\n", {"names": ["a", "b"]}, [[1, "x"], [3, "y"]], ""),
    "names beside others": ("p,q\n3,y\n", {"names": ["a", "b"], "header": True}, [[3, "y"]], ""),
    "words that are values": ("x,1\ny,2\n", {"header": False}, [["x", 1], ["y", 2]], ""),
    "years as names": ("city,1990\nx,2.5\n", {"header": True}, [["x", 2.5]], ""),
    "spaces behind commas": ("a, b\n1, x\n2, y\n", {}, [[1, "x"], [2, "y"]], "spaces behind separators"),
    "row numbers": (",a,b\n0,5,x\n1,6,y\n", {}, [[5, "x"], [6, "y"]], "numbers the rows and is left out"),
    "a column without a name": ("a,,b\n1,2,3\n4,5,7\n", {}, [[1, 2, 3], [4, 5, 7]], "called 'column_2'"),
}  # fmt: skip


def written(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize("name", FILES)
def test_a_table_is_read_and_what_was_guessed_is_told(name, tmp_path):
    content, options, rows, told = FILES[name]
    data = read(written(tmp_path / "table.csv", content), **options)
    found = [
        [None if pd.isna(cell) else cell for cell in row] for row in data.frame.to_numpy(object).tolist()
    ]
    assert found == [[None if pd.isna(cell) else cell for cell in row] for row in rows]
    notes = "; ".join(data.notes)
    assert (
        pd.Series([notes]).str.contains(told, regex=True).item() if told else not notes or "missing" in notes
    )


BROKEN: dict[str, tuple[bytes | str, dict, str]] = {
    "nothing": ("", {}, "is empty"),
    "only blanks": (" \n\n", {}, "is empty"),
    "only names": ("a,b\n", {}, "a line of names and no rows"),
    "too many fields": (
        "a,b\n1,2\n3,4,5\n6,7\n8,9\n",
        {},
        "has 3 fields in line 3, and 2 are wanted; .*skip_bad=True",
    ),
    "too few fields": ("a,b\n1,2\n3\n4,5\n6\n", {}, r"1 fields in line 3, and 2 .*\(2 such lines: 3, 5\)"),
    "a name too few": (
        "a,b\n1,2,3\n4,5,6\n",
        {},
        r"3 fields in line 2, and 2 .*name them all, names=\[\.\.\.\]",
    ),
    "a name twice": ("a,b,a\n1,2,3\n", {}, r"several columns called 'a' \(numbers 1, 3\)"),
    "an open quote": ('a,b\n1,"x\n2,y\n', {}, r"fields in line|close the quote"),
    "either thousands or a comma": (
        "a;b\n1,234;2\n5,678;3\n",
        {},
        r"'1,234' in column 'a' may be 1\.234 or 1234",
    ),
    "names or values": ("x,1\ny,2\n", {}, "first line may be names or values.*header=True or"),
    "zero bytes": (b"a,b\n1,\0\n", {}, "holds zero bytes"),
    "utf-16 cut off": (WORDS.encode("utf-16")[:-1], {}, "is cut off or no utf-16"),
    "another encoding": (WORDS.encode("cp1252"), {"encoding": "ascii"}, "not written in 'ascii'"),
    "no encoding": ("a,b\n1,2\n", {"encoding": "utf-9"}, "not written in 'utf-9'"),
    "a long separator": ("a,b\n1,2\n", {"separator": "::"}, "separator must be one character"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_no_table_is_told_with_what_to_type(name, tmp_path):
    content, options, told = BROKEN[name]
    with pytest.raises(ValueError, match=told):
        read(written(tmp_path / "table.csv", content), **options)


PACK = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}


@pytest.mark.parametrize("suffix", [*PACK, ".zip"])
def test_a_packed_table_is_read(suffix, tmp_path):
    path = tmp_path / f"table.csv{suffix}"
    if suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("../table.csv", WORDS)
    else:
        path.write_bytes(PACK[suffix](WORDS.encode()))
    assert read(path).frame["town"].tolist() == ["Köln", "Zürich"]
    assert not (tmp_path.parent / "table.csv").exists()
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(DamagedFile, match="damaged or incomplete"):
        read(path)


def test_a_zip_of_several_files_is_asked_about(tmp_path):
    with zipfile.ZipFile(tmp_path / "table.csv.zip", "w") as archive:
        archive.writestr("a.csv", WORDS)
        archive.writestr("b.csv", WORDS)
    with pytest.raises(DamagedFile, match="holds 2 files; unpack it"):
        read(tmp_path / "table.csv.zip")


def test_numbers_are_read_as_python_reads_them(tmp_path):
    draw = np.random.default_rng(0)
    values = np.concatenate([draw.normal(size=500) * 10.0 ** draw.integers(-300, 300, 500), draw.random(500)])
    path = tmp_path / "table.csv"
    path.write_text("\n".join(["x,y", *(f"{value!r},{value!r}" for value in values.tolist()), "1,?"]))
    frame = read(path).frame
    assert frame["x"].tolist()[:-1] == values.tolist() == frame["y"].tolist()[:-1]


PEOPLE = "id,age,born,city,income\n" + "".join(
    f"p{row},{20 + row if row % 5 else '?'},20{row:02}-01-02,{'Bern' if row % 2 else 'Oslo'},{row % 3 > 0}\n"
    for row in range(30)
)


def test_a_table_with_gaps_and_dates_can_be_looked_at_split_and_trained_on(tmp_path):
    data = read(written(tmp_path / "people.csv", PEOPLE), target="income", index="id")
    assert data.name == "people" and data.columns == ["age", "born", "city"] and len(data) == 30
    parts = data.split(test=0.2)
    assert len(parts.test) == 6 and parts.class_counts.sum() == 30 and parts.notes == data.notes
    assert "prepared when first asked for" in repr(parts.train)
    assert "as column 'age' is NaN or infinite in 6 of 30 rows" in repr(parts)
    assert "gaps: 'age' 6" in repr(parts)
    assert "read as dates: &#x27;born&#x27;" in data._repr_html_()
    assert parts.features == [
        "age", "missingindicator_age", "born_year", "born_month", "born_day", "born_total_seconds",
        "city_Bern", "city_Oslo",
    ]  # fmt: skip
    with pytest.raises(ValueError, match=r"column 'age' is NaN.*dropna.*prepare=True"):
        cl.train(cl.Network([cl.Dense(2)], 3), (data.frame.drop(columns="id"), "income"), batch_size=4)
    cl.train(cl.Network([cl.Dense(2)], parts.input_shape), parts, batch_size=4).step()
    whole = data.frame.dropna().drop(columns=["born", "id"])
    session = cl.train(cl.Network([cl.Dense(2)], 3), (whole, "income"), batch_size=4)
    session.step()


def test_the_index_tells_rows_apart(tmp_path):
    path = written(tmp_path / "people.csv", PEOPLE)
    data = read(path, target="income", inputs="city", index="id")
    assert data.select(pd.Index(["p3", "p1"])).rows.tolist() == [3, 1]
    with pytest.raises(ValueError, match=r"'Oslo' in row 2 of 'city' does not tell rows apart"):
        read(path, target="income", index="city")
    with pytest.raises(KeyError, match=r"no column 'idd' to tell rows by; did you mean 'id'"):
        read(path, target="income", index="idd")
    with pytest.raises(KeyError, match=r"no column 'incom'.*did you mean 'income'"):
        read(path, target="incom")


def test_splits_may_be_a_column(tmp_path):
    content = "part,x,y\n" + "train,1,a\ntest,2,b\n" * 3
    data = read(written(tmp_path / "t.csv", content), target="y", splits="part")
    assert data.columns == ["x"] and {name: len(rows) for name, rows in data.splits.items()} == {
        "train": 3,
        "test": 3,
    }
