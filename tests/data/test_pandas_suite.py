"""The extension-array tests that pandas ships, on a column of bytes (which has no NaN to hide behind)."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from pandas.tests.extension import base
from pandas.tests.extension.conftest import *  # noqa: F403  (the fixtures of the suite)

from cortex_lab.data import RaggedArray, RaggedDtype, TensorArray, TensorDtype

TO_NUMPY = "to_numpy() gives (n, *shape), which is what this type is for; pandas reshapes it to one dimension"
AXES = "a picture has no place on an axis"
TENSORS = {
    "test_setitem_frame_2d_values": TO_NUMPY,
    "test_transpose_frame": TO_NUMPY,
    "test_where_series[True]": TO_NUMPY,
    "test_plot_on_y_axis[skipna]": AXES,
    "test_plot_on_y_axis[no_skipna]": AXES,
}
TUPLES = "pandas makes a tuple of each cell, if those of a list are of one dimension and one length"
SEQUENCES = {name: reason for name, reason in TENSORS.items() if reason is AXES} | {
    "test_where_series_listlike_other": TUPLES,
    "test_mask_listlike_other_inplace": TUPLES,
}
# pandas marks these itself, for every type that is no string that a CSV file could hold.
MARKED = {
    "test_EA_types[c]", "test_EA_types[python]",
    "test_getitem_series_integer_with_missing_raises[list]",
    "test_getitem_series_integer_with_missing_raises[integer-array]",
}  # fmt: skip
BLOCKS = "for types whose blocks are two-dimensional; pandas skips it for one that says it has none"
EXCUSED = {
    base.Dim2CompatTests: BLOCKS,
    base.NDArrayBacked2DTests: BLOCKS,
    base.ExtensionTests: "all the others in one",
    base.BaseOpsUtil: "no tests, but what those of operators stand on",
}


class Suite(
    base.BaseAccumulateTests,
    base.BaseArithmeticOpsTests,
    base.BaseCastingTests,
    base.BaseComparisonOpsTests,
    base.BaseConstructorsTests,
    base.BaseDtypeTests,
    base.BaseGetitemTests,
    base.BaseGroupbyTests,
    base.BaseIndexTests,
    base.BaseInterfaceTests,
    base.BaseMethodsTests,
    base.BaseMissingTests,
    base.BaseParsingTests,
    base.BasePlottingTests,
    base.BasePrintingTests,
    base.BaseReduceTests,
    base.BaseReshapingTests,
    base.BaseSetitemTests,
    base.BaseUnaryOpsTests,
):
    @pytest.fixture(autouse=True)
    def _limits(self, request):
        if reason := self.limits.get(request.node.name):
            request.applymarker(pytest.mark.xfail(reason=reason, strict=True))

    @pytest.fixture
    def data_missing(self, dtype):
        return self.rows([None, 1], dtype)

    @pytest.fixture
    def data_for_sorting(self, dtype):
        return self.rows([2, 3, 1], dtype)

    @pytest.fixture
    def data_missing_for_sorting(self, dtype):
        return self.rows([2, None, 1], dtype)

    @pytest.fixture
    def data_for_grouping(self, dtype):
        return self.rows([2, 2, None, None, 1, 1, 2, 3], dtype)


class TestTensorArray(Suite):
    limits = TENSORS

    @pytest.fixture
    def dtype(self):
        return TensorDtype("uint8", (2, 3))

    @pytest.fixture
    def data(self):
        return TensorArray(np.arange(60, dtype=np.uint8).reshape(10, 2, 3))

    def rows(self, values, dtype):
        cells = [pd.NA if value is None else np.full((2, 3), value, np.uint8) for value in values]
        return TensorArray._from_sequence(cells, dtype=dtype)


class TestRaggedArray(Suite):
    limits = SEQUENCES

    @pytest.fixture
    def dtype(self):
        return RaggedDtype("int64")

    @pytest.fixture
    def data(self):
        return RaggedArray(np.arange(60), np.arange(10) + 1 + (np.arange(10) > 4))

    def rows(self, values, dtype):
        cells = [pd.NA if value is None else np.full(4 - value, value) for value in values]
        return RaggedArray._from_sequence(cells, dtype=dtype)


def test_every_base_class_is_run_or_excused():
    classes = [each for each in vars(base).values() if isinstance(each, type)]
    assert [each for each in classes if not issubclass(Suite, each) and each not in EXCUSED] == []
    assert not TensorDtype("uint8", (2, 3))._supports_2d and not RaggedDtype()._supports_2d


@pytest.mark.parametrize("limits", [TENSORS, SEQUENCES])
def test_no_more_tests_are_excused_than_there_are_reasons_for(limits):
    assert all(hasattr(Suite, name.split("[")[0]) for name in (*limits, *MARKED))
    assert len(limits) + len(MARKED) <= 9
