"""Fitted transformers as bytes: skops' format, never pickle, and nothing in it but what stands on our list.

A file is looked at before skops sees it: every class, function and kind of node that it names, every array
and how large it says it is. A transformer that would not be read again is refused when it is written.
"""

from __future__ import annotations

import importlib
import io
import json
import warnings
import zipfile
from functools import lru_cache
from typing import Any

import numpy as np

from cortex_lab.data.transformer import Transformer
from cortex_lab.ground import checks

EXTRA = 'pip install "cortex-lab[data]"'
MOST_BYTES = 2**29
"""Bytes of a transformer's arrays and description together, at most."""
_MOST_DESCRIBED, _MOST_DEEP, _MOST_PARTS = 2**26, 200, 10**7
_ROOMS = (
    "preprocessing", "impute", "compose", "pipeline", "decomposition", "feature_extraction.text",
    "feature_extraction", "feature_selection", "kernel_approximation", "random_projection", "cluster",
    "discriminant_analysis", "cross_decomposition", "neighbors", "manifold", "neural_network",
)  # fmt: skip
"""Where scikit-learn keeps transformers; those are trusted, and what they choose or fill by:"""
_ESTIMATORS = (
    "pipeline.Pipeline", "linear_model.LinearRegression", "linear_model.Ridge", "linear_model.BayesianRidge",
    "linear_model.Lasso", "linear_model.ElasticNet", "linear_model.LogisticRegression", "svm.LinearSVC",
    "svm.LinearSVR",
)  # fmt: skip
# Trees and graphs of neighbors are followed without a look at where they lead.
_UNSAFE = {
    "RandomTreesEmbedding",
    "Birch",
    "FeatureHasher",
    "KNeighborsTransformer",
    "RadiusNeighborsTransformer",
}
_OTHERS = {
    "builtins": ("dict", "list", "tuple", "set", "slice", "str", "int", "float", "bool", "bytes", "NoneType"),
    "datetime": ("timedelta", "timezone"),
    "zoneinfo": ("ZoneInfo",),
    "pandas": ("DatetimeTZDtype",),
    "collections": ("OrderedDict", "defaultdict"),
    "numpy": ("ndarray", "dtype", "mean", "median"),
    "numpy.random.mtrand": ("RandomState",),
    "scipy.sparse._csr": ("csr_matrix", "csr_array"),
    "scipy.sparse._csc": ("csc_matrix", "csc_array"),
    "sklearn.utils._bunch": ("Bunch",),
    "sklearn.compose._column_transformer": ("_RemainderColsList",),
    "sklearn.impute._iterative": ("_ImputerTriplet",),
    "sklearn.feature_selection._univariate_selection": (
        "f_classif", "f_regression", "chi2", "f_oneway", "r_regression",
    ),
    "sklearn.feature_selection._mutual_info": ("mutual_info_classif", "mutual_info_regression"),
    "skrub._apply_to_each_col": ("ApplyToEachCol",),
    "skrub._apply_to_cols": ("ApplyToCols",),
    "skrub._apply_to_sub_frame": ("ApplyToSubFrame",),
    "skrub._check_input": ("CheckInputDataFrame",),
    "skrub._clean_categories": ("CleanCategories",),
    "skrub._clean_null_strings": ("CleanNullStrings",),
    "skrub._dataframe._common": (
        "is_any_date", "is_categorical", "is_numeric", "is_string", "is_bool", "is_float", "is_integer",
    ),
    "skrub._datetime_encoder": ("DatetimeEncoder", "_SplineEncoder", "_CircularEncoder"),
    "skrub._drop_uninformative": ("DropUninformative",),
    "skrub._duration_to_float": ("DurationToFloat",),
    "skrub._gap_encoder": ("GapEncoder",),
    "skrub._minhash_encoder": ("MinHashEncoder",),
    "skrub._similarity_encoder": ("SimilarityEncoder",),
    "skrub._squashing_scaler": ("SquashingScaler",),
    "skrub._string_encoder": ("StringEncoder",),
    "skrub._table_vectorizer": (
        "Cleaner", "Drop", "PassThrough", "ShortReprDict", "TableVectorizer", "_created_by_predicate",
    ),
    "skrub._select_cols": ("SelectCols", "DropCols", "Drop"),
    "skrub._to_categorical": ("ToCategorical",),
    "skrub._to_datetime": ("ToDatetime",),
    "skrub._to_float": ("ToFloat",),
    "skrub._to_str": ("ToStr",),
    "skrub._utils": ("LRUDict",),
    "skrub.selectors._base": ("All", "And", "Cols", "Filter", "Inv", "NameFilter", "Or", "Sub", "XOr"),
    "skrub.selectors._selectors": ("_cardinality_below",),
    "cortex_lab.data.word_ids": ("WordIds",),
}  # fmt: skip
# What skops does to a node of each kind calls nothing but the class that the node names.
_NODES = {
    "DictNode", "DefaultDictNode", "ListNode", "SetNode", "TupleNode", "SliceNode", "JsonNode", "BytesNode",
    "NdArrayNode", "DTypeNode", "SparseMatrixNode", "RandomStateNode", "ObjectNode", "TypeNode",
    "FunctionNode", "ConstructorFromReduceNode",
}  # fmt: skip
_HOLDERS = {
    "DictNode": {"builtins.dict", "collections.OrderedDict", "sklearn.utils._bunch.Bunch",
                 "skrub._table_vectorizer.ShortReprDict"},
    "ListNode": {"builtins.list", "sklearn.compose._column_transformer._RemainderColsList"},
    "TupleNode": {"builtins.tuple", "sklearn.impute._iterative._ImputerTriplet"},
    "SetNode": {"builtins.set"},
    "ConstructorFromReduceNode": {"datetime.timedelta", "datetime.timezone", "zoneinfo.ZoneInfo"},
    "TypeNode": {f"builtins.{name}" for name in ("str", "int", "float", "bool", "list", "NoneType")},
}  # fmt: skip
"""Which classes nodes that hold or name others may be of, where not any on the list."""


class Untrusted(ValueError):
    """What is, or would be, in a file is not on the list of what is read from files."""


def written(transformer: Transformer) -> bytes:
    """A fitted transformer as bytes; `Untrusted` that names what in it is not on the list."""
    skops = _skops()
    try:
        with warnings.catch_warnings():
            # What is deprecated in what it looks through for a name says nothing about the transformer.
            warnings.simplefilter("ignore")
            whole = skops.dumps(transformer)
    except Exception as error:
        said = " ".join(str(error).split())[:200]
        raise Untrusted(f"the preparation cannot be saved: {type(transformer).__name__}: {said}") from error
    content = _packed(whole)
    try:
        _look(content)
    except Untrusted as error:
        raise Untrusted(
            f"the preparation cannot be saved, for {error}; prepare with scikit-learn's or skrub's "
            f"transformers"
        ) from None
    return content


def read(content: bytes) -> Any:
    """The transformer that was `written`; `Untrusted`, before anything is made, for what is not ours."""
    skops = _skops()
    _look(content)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # What skops does not trust by itself; it goes through that list at every node, so it is kept
            # short.
            others = skops.get_untrusted_types(data=content)
            strange = sorted(set(others) - trusted_types())
            if not strange:
                return skops.loads(content, trusted=others)
    except Exception as error:
        raise Untrusted(f"it cannot be read: {' '.join(str(error).split())[:200]}") from error
    raise Untrusted(f"{strange[0]:.120} is not on the list of what is read")


def _skops() -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return importlib.import_module("skops.io")
    except ImportError as error:
        raise ImportError(f"preparations are saved by skops, which is not installed: {EXTRA}") from error


@lru_cache
def trusted_types() -> frozenset[str]:
    """The full names of all classes and functions that are read from files."""
    from sklearn.utils import all_estimators

    found = {f"{module}.{name}" for module, names in _OTHERS.items() for name in names}
    rooms = {f"sklearn.{room}" for room in _ROOMS}
    for name, kind in all_estimators():
        room = ".".join(part for part in kind.__module__.split(".") if not part.startswith("_"))
        if room in rooms and hasattr(kind, "transform") and name not in _UNSAFE:
            found.add(f"{kind.__module__}.{name}")
    for path in _ESTIMATORS:
        module, _, name = f"sklearn.{path}".rpartition(".")
        kind = getattr(importlib.import_module(module), name)
        found.add(f"{kind.__module__}.{name}")
    found |= {f"numpy.{np.dtype(code).type.__name__}" for code in "?bBhHiIlLqQefdgUSMmO"}
    ufuncs = {name for name in dir(np) if isinstance(getattr(np, name), np.ufunc)}
    return frozenset(
        found | {f"{place}.{name}" for name in ufuncs for place in ("numpy", "numpy._core.umath")}
    )


def _look(content: bytes) -> None:
    """`Untrusted` unless all that these bytes hold is on the list, there, and not too much."""
    with _opened(content) as archive:
        members = {member.filename: member for member in archive.infolist()}
        stored = all(member.compress_type == zipfile.ZIP_STORED for member in members.values())
        if not stored or sum(member.file_size for member in members.values()) > min(MOST_BYTES, len(content)):
            raise Untrusted("it is packed, or says that it is larger than it is")
        if len(members) != len(archive.infolist()) or "schema.json" not in members:
            raise Untrusted("it has no description, or one name twice")
        if members["schema.json"].file_size > _MOST_DESCRIBED:
            raise Untrusted(f"its description is longer than {_MOST_DESCRIBED >> 20} MiB")
        try:
            described = json.loads(archive.read("schema.json"))
        except (ValueError, RecursionError) as error:
            raise Untrusted(f"its description cannot be read: {error}") from None
        if not isinstance(described, dict):
            raise Untrusted("its description is no dict")
        looked = _Looked(members)
        looked.look(described)
        for name in members.keys() - {"schema.json"}:
            if name not in looked.named:
                raise Untrusted(f"it holds {name!r:.80}, which nothing asks for")
            _look_at_array(archive.read(name), name)


class _Looked:
    """What a description came to: the files that it asks for, and how much there is with all repeats."""

    def __init__(self, members: dict[str, Any]) -> None:
        self.members, self.types, self.named = members, trusted_types(), set[str]()
        self._sizes: dict[Any, int] = {}

    def look(self, part: object, depth: int = 0) -> int:
        """How many parts there are, those that are named again counted again; `Untrusted` for one that is not
        on the list."""
        if depth > _MOST_DEEP:
            raise Untrusted(f"it is nested more than {_MOST_DEEP} deep")
        if isinstance(part, list):
            return 1 + sum(self.look(each, depth + 1) for each in part)
        if not isinstance(part, dict):
            return 1
        if part.get("__loader__") == "CachedNode":
            number = part.get("__id__")
            if not isinstance(number, int) or number not in self._sizes:
                raise Untrusted("it names an object that is not there")
            return self._sizes[number]
        if not part.keys().isdisjoint(("__loader__", "__class__", "__module__", "__id__")):
            self.named |= _look_at(part, self.types, self.members)
        count = 1 + sum(self.look(each, depth + 1) for _, each in _in_order(part))
        number = part.get("__id__")
        if number in self._sizes or count > _MOST_PARTS:
            raise Untrusted("it holds more than it says, or one object twice")
        if number is not None:
            self._sizes[number] = count
        return count


def _in_order(part: dict[str, Any]) -> list[tuple[str, Any]]:
    """What a node holds in the order in which skops reads it: types of keys before values."""
    return sorted(part.items(), key=lambda item: item[0] != "key_types")


def _look_at(node: dict[str, Any], types: frozenset[str], members: dict[str, Any]) -> set[str]:
    """`Untrusted` for a node that is not on the list; the names of files that it asks for."""
    loader = node.get("__loader__")
    name = f"{node.get('__module__')}.{node.get('__class__')}"
    if not isinstance(loader, str) or loader not in _NODES:
        raise Untrusted(f"{name:.120} is kept as {loader!r:.40}, which is not on the list of what is read")
    own = loader == "TypeNode" and name.startswith("numpy.")
    if name not in types or not (own or name in _HOLDERS.get(loader, types)):
        raise Untrusted(f"{name:.120} is not on the list of what is read")
    if loader == "ObjectNode" and name.split(".")[0] in ("builtins", "numpy", "scipy"):
        raise Untrusted(f"{name:.120} is kept as an object, which is not on the list of what is read")
    if loader == "JsonNode" and not isinstance(node.get("content"), str):
        raise Untrusted("a value is no text")
    if "file" not in node:
        return set()
    if not isinstance(node["file"], str) or node["file"] not in members:
        raise Untrusted(f"there is no {node['file']!r:.80} in it")
    return {node["file"]}


def _look_at_array(content: bytes, name: str, nested: bool = False) -> None:
    if name.endswith(".npz") and not nested:
        with _opened(content) as archive:
            # SciPy packs its own; of a few bytes no more than these come.
            if sum(member.file_size for member in archive.infolist()) > 2**26:
                raise Untrusted(f"{name!r:.80} says that it is larger than {2**26 >> 20} MiB")
            for member in archive.infolist():
                _look_at_array(archive.read(member), member.filename, True)
    elif name.endswith(".npy"):
        file = io.BytesIO(content)
        try:
            version = np.lib.format.read_magic(file)
            reading = {
                (1, 0): np.lib.format.read_array_header_1_0,
                (2, 0): np.lib.format.read_array_header_2_0,
            }
            shape, _, dtype = reading[version](file)
        except (ValueError, KeyError, SyntaxError) as error:
            raise Untrusted(f"{name!r:.80} is no array: {error}") from None
        size = int(np.prod(shape, dtype=object)) * dtype.itemsize
        if dtype.hasobject or dtype.kind == "V" or size != len(content) - file.tell():
            raise Untrusted(f"{name!r:.80} says that it is {shape} of {dtype}, and has not that many bytes")
    elif not name.endswith(".bin"):
        raise Untrusted(f"it holds {name!r:.80}, which is no array")


def _opened(content: bytes) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(io.BytesIO(content))
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError) as error:
        raise Untrusted(f"it is not in skops' format: {error}") from None


def _packed(whole: bytes) -> bytes:
    """What skops wrote, with every object once: a vocabulary would be there five times over.

    Places in memory, by which skops numbers objects, are counted from 1, so that equal ones give equal bytes.
    """
    source, packed = zipfile.ZipFile(io.BytesIO(whole)), io.BytesIO()
    numbers: dict[Any, int] = {}
    files: dict[str, str] = {}

    def once(part: object) -> Any:
        if isinstance(part, list):
            return [once(each) for each in part]
        if not isinstance(part, dict):
            return part
        if "__id__" in part and "__loader__" in part:
            known = part["__id__"] in numbers
            number = numbers.setdefault(part["__id__"], len(numbers) + 1)
            if known:
                return {"__loader__": "CachedNode", "__id__": number, "__class__": "", "__module__": ""}
            part = {**part, "__id__": number}
        if isinstance(part.get("file"), str):
            ending = part["file"].rpartition(".")[2]
            part = {**part, "file": files.setdefault(part["file"], f"{len(files)}.{ending}")}
        return {name: once(each) for name, each in _in_order(part)}

    described = json.dumps(once(json.loads(source.read("schema.json"))), separators=(",", ":"))
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for name, content in [
            ("schema.json", described.encode()),
            *((new, source.read(old)) for old, new in files.items()),
        ]:
            archive.writestr(zipfile.ZipInfo(name), content)
    checks.whole("bytes of a preparation", packed.tell(), most=MOST_BYTES)
    return packed.getvalue()
