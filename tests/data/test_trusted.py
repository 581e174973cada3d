"""What a file holds as a preparation is looked at before anything is made of it."""

from __future__ import annotations

import io
import json
import os
import pickle
import subprocess
import sys
import zipfile
from functools import partial
from operator import methodcaller
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.ensemble import RandomForestClassifier, RandomTreesEmbedding
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from skrub import StringEncoder, TableVectorizer

import cortex_lab as cl
from cortex_lab.data import Dataset, trusted
from cortex_lab.ground.files import DamagedFile
from cortex_lab.nn.run import saving
from tests.data.preparations import LABELS, NUMBERS

FRAME = NUMBERS.assign(y=LABELS)
CONTENT = trusted.written(StandardScaler().fit(NUMBERS))


def parts(content: bytes) -> tuple[dict, dict[str, bytes]]:
    archive = zipfile.ZipFile(io.BytesIO(content))
    files = {name: archive.read(name) for name in archive.namelist() if name != "schema.json"}
    return json.loads(archive.read("schema.json")), files


def packed(schema: object, files: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", compression) as archive:
        archive.writestr("schema.json", schema if isinstance(schema, str) else json.dumps(schema))
        for name, content in files.items():
            archive.writestr(name, content)
    return made.getvalue()


def changed(**entries: object) -> bytes:
    """The description of a StandardScaler, one of whose attributes is something else."""
    schema, files = parts(CONTENT)
    schema["content"]["content"] |= entries
    return packed(schema, files)


def node(module: str, name: str, loader: str, **more: object) -> dict:
    return {"__module__": module, "__class__": name, "__loader__": loader, **more}


TEXT = node("builtins", "str", "JsonNode", content='"touch hacked"')
NUMBER = next(iter(parts(CONTENT)[1]))
HUGE = io.BytesIO()
np.lib.format.write_array_header_1_0(HUGE, {"shape": (10**12,), "fortran_order": False, "descr": "<f8"})
PICKLED = io.BytesIO()
np.save(PICKLED, np.array([{}], object), allow_pickle=True)


def nested(depth: int) -> object:
    made: object = TEXT
    for _ in range(depth):
        made = node("builtins", "list", "ListNode", content=[made])
    return made


def laughing(depth: int) -> object:
    """A description of a few lines for 2 ** depth parts."""
    made = node("builtins", "list", "ListNode", content=[TEXT], __id__=1000)
    for number in range(1001, 1001 + depth):
        again = {"__loader__": "CachedNode", "__id__": number - 1}
        made = node("builtins", "list", "ListNode", content=[made, again], __id__=number)
    return made


def with_file(content: bytes, name: str = NUMBER) -> bytes:
    schema, files = parts(CONTENT)
    return packed(schema, {**files, name: content})


HOSTILE = {
    "os.system": changed(mean_=node("posix", "system", "FunctionNode")),
    "a type": changed(mean_=node("subprocess", "Popen", "TypeNode")),
    "an object": changed(mean_=node("subprocess", "Popen", "ObjectNode", content=TEXT)),
    "a constructor": changed(
        mean_=node("subprocess", "Popen", "ConstructorFromReduceNode",
                   content=node("builtins", "tuple", "TupleNode", content=[TEXT]))
    ),
    "a constructor of what is trusted": changed(
        mean_=node("sklearn.preprocessing._data", "StandardScaler", "ConstructorFromReduceNode",
                   content=node("builtins", "tuple", "TupleNode", content=[TEXT]))
    ),
    "a method": changed(mean_=node("builtins", "str", "MethodNode", content={"func": "format", "obj": TEXT})),
    "an operator": changed(mean_=node("operator", "methodcaller", "OperatorFuncNode", attrs=TEXT)),
    "a partial": changed(mean_=node("functools", "partial", "PartialNode", content={})),
    "a generator": changed(mean_=node("numpy.random", "Generator", "RandomGeneratorNode", content={})),
    "a tree": changed(mean_=node("sklearn.tree._tree", "Tree", "TreeNode")),
    "a forest": changed(mean_=node("sklearn.ensemble._forest", "RandomForestClassifier", "ObjectNode")),
    "a dict of another class": changed(
        mean_=node("subprocess", "Popen", "DictNode", content={}, key_types=TEXT)
    ),
    "keys made by a call": changed(
        mean_=node("builtins", "dict", "DictNode", content={"rm": TEXT},
                   key_types=node("builtins", "list", "ListNode", content=[node("os", "system", "TypeNode")]))
    ),
    "a list of another class": changed(mean_=node("subprocess", "Popen", "ListNode", content=[])),
    "an unknown loader": changed(mean_=node("builtins", "str", "OtherNode")),
    "no loader": changed(mean_={"__class__": "str", "__module__": "builtins"}),
    "a name that is a list": changed(mean_=node(["os"], "system", "TypeNode")),
    "deep": changed(mean_=nested(300)),
    "many times over": changed(mean_=laughing(60)),
    "itself": changed(mean_={"__loader__": "CachedNode", "__id__": 1}),
    "an id that is a list": changed(mean_={"__loader__": "CachedNode", "__id__": [1]}),
    "an object twice": changed(mean_=node("builtins", "list", "ListNode", content=[], __id__=2)),
    "a file that is not there": changed(
        mean_=node("numpy", "ndarray", "NdArrayNode", type="numpy", file="x.npy")
    ),
    "an array of 8 TB": with_file(HUGE.getvalue()),
    "an array of objects": with_file(PICKLED.getvalue()),
    "a pickle": with_file(pickle.dumps(print)),
    "another file": with_file(b"print()", "run.py"),
    "packed": packed(*parts(CONTENT), zipfile.ZIP_DEFLATED),
    "a bomb": packed(json.dumps([0] * 10**6), {}, zipfile.ZIP_DEFLATED),
    "no description": packed("", {}),
    "a list": packed("[]", {}),
    "no JSON": packed("{", {}),
    "brackets": packed("[" * 10**5, {}),
    "a pickle alone": pickle.dumps(print),
    "nothing": b"",
    "the protocol of another time": packed({**parts(CONTENT)[0], "protocol": -1}, parts(CONTENT)[1]),
    "no transformer": trusted.written({"a": [1.5, "x"]}),
}  # fmt: skip


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> Path:
    data = Dataset(FRAME, target="y", prepare=StandardScaler())
    session = cl.train(cl.Network([cl.Dense(3)], data.input_shape), data)
    session.step()
    path = tmp_path_factory.mktemp("networks") / "network.h5"
    session.network.save(path)
    return path


def written_with(content: bytes, saved: Path, path: Path) -> Path:
    """The file with another preparation in it, and a digest that says that nothing was changed."""
    with h5py.File(saved) as file:
        description = json.loads(file.attrs["cortex_lab"])
        stored: list[str] = []
        file.visit(lambda name: stored.append(name) if isinstance(file[name], h5py.Dataset) else None)
        arrays = {name: file[name][()] for name in stored}
    arrays["preparations/input"] = np.frombuffer(content, np.uint8)
    saving.write(path, {name: each for name, each in description.items() if name != "format"}, arrays)
    return path


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_preparation_is_refused_and_runs_nothing(case, saved, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = written_with(HOSTILE[case], saved, tmp_path / "hostile.h5")
    if case != "no transformer":
        with pytest.raises(trusted.Untrusted) as refusal:
            trusted.read(HOSTILE[case])
        assert len(str(refusal.value)) < 400
    with pytest.raises(DamagedFile, match="preparations"):
        cl.Network.load(path)
    assert [each.name for each in tmp_path.iterdir()] == ["hostile.h5"]


CUT = sorted({*range(0, len(CONTENT), max(1, len(CONTENT) // 25)), len(CONTENT) - 1})


@pytest.mark.parametrize("length", CUT)
def test_a_preparation_that_was_cut_off_is_refused(length):
    with pytest.raises(trusted.Untrusted):
        trusted.read(CONTENT[:length])


class Own(StandardScaler):
    pass


UNSAVED = {
    "a function of one's own": FunctionTransformer(lambda x: x),
    "a class of one's own": Own(),
    "a partial": FunctionTransformer(partial(np.add, 1)),
    "a method": FunctionTransformer(methodcaller("abs")),
    "a forest": RandomForestClassifier(2, max_depth=2),
    "trees": RandomTreesEmbedding(2, max_depth=2),
}


@pytest.mark.parametrize("case", UNSAVED)
def test_what_would_not_be_read_is_refused_by_name_when_it_is_saved(case):
    given = UNSAVED[case].fit(NUMBERS, LABELS)
    with pytest.raises(
        ValueError,
        match=r"the preparation cannot be saved, for \S+ is (not|kept)",
    ):
        trusted.written(given)


def test_a_network_with_such_a_preparation_is_not_saved_and_the_file_stays(tmp_path):
    path = tmp_path / "network.h5"
    path.write_text("earlier")
    data = Dataset(FRAME, target="y", prepare=UNSAVED["a function of one's own"])
    session = cl.train(cl.Network([cl.Dense(3)], data.input_shape), data)
    for save in (session.network.save, session.save):
        with pytest.raises(ValueError, match=r"cannot be saved, for .*lambda"):
            save(path)
    assert path.read_text() == "earlier"


def test_equal_preparations_are_equal_bytes_and_every_object_is_there_once():
    assert trusted.written(StandardScaler().fit(NUMBERS)) == CONTENT
    words = pd.DataFrame({"t": [f"word{row}" for row in range(3000)]})
    table = TableVectorizer(high_cardinality=StringEncoder(2, random_state=0)).fit(words)
    content = trusted.written(table)
    assert len(content) < len(skops.io.dumps(table)) / 8
    pd.testing.assert_frame_equal(trusted.read(content).transform(words[:50]), table.transform(words[:50]))


def test_a_preparation_is_read_with_its_packages_alone_and_other_networks_need_none(saved, tmp_path):
    plain = tmp_path / "plain.h5"
    cl.Network([cl.Dense(2)], 3).save(plain)
    script = (
        "import sys; sys.modules['skops'] = sys.modules['skrub'] = None\n"
        "import cortex_lab as cl\n"
        f"cl.Network.load({str(plain)!r})\n"
        f"try: cl.Network.load({str(saved)!r})\n"
        "except ImportError as error: assert 'cortex-lab[data]' in str(error)\n"
        "else: raise SystemExit('read')\n"
    )
    root = str(Path(cl.__file__).parents[1])
    subprocess.run([sys.executable, "-c", script], check=True, env={**os.environ, "PYTHONPATH": root})
