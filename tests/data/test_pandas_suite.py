"""The extension-array tests that pandas ships, on a column of bytes (which has no NaN to hide behind)."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from pandas.tests.extension import base
from pandas.tests.extension.conftest import *  # noqa: F403  (the fixtures of the suite)

from cortex_lab.data import TensorArray, TensorDtype

TO_NUMPY = "to_numpy() gives (n, *shape), which is what this type is for; pandas reshapes it to one dimension"
LISTS = "pandas turns a list of cells into one array before it reaches the column"
LIMITS = {
    "test_setitem_frame_2d_values": TO_NUMPY,
    "test_transpose_frame": TO_NUMPY,
    "test_where_series[True]": TO_NUMPY,
    "test_where_series_listlike_other": LISTS,
    "test_where_series_listlike_other_wrong_length": LISTS,
    "test_mask_listlike_other_inplace": LISTS,
    "test_searchsorted[True]": "NumPy searches for the numbers in a cell, not for the cell",
    "test_searchsorted[False]": "NumPy searches for the numbers in a cell, not for the cell",
    "test_value_counts_with_normalize": "pandas wants its own nullable Float64 here",
}


@pytest.fixture
def dtype():
    return TensorDtype("uint8", (2, 3))


def rows(values, dtype):
    scalars = [pd.NA if value is None else np.full((2, 3), value, np.uint8) for value in values]
    return TensorArray._from_sequence(scalars, dtype=dtype)


@pytest.fixture
def data():
    return TensorArray(np.arange(60, dtype=np.uint8).reshape(10, 2, 3))


@pytest.fixture
def data_missing(dtype):
    return rows([None, 1], dtype)


@pytest.fixture
def data_for_sorting(dtype):
    return rows([2, 3, 1], dtype)


@pytest.fixture
def data_missing_for_sorting(dtype):
    return rows([2, None, 1], dtype)


@pytest.fixture
def data_for_grouping(dtype):
    return rows([2, 2, None, None, 1, 1, 2, 3], dtype)


class TestTensorArray(
    base.BaseCastingTests,
    base.BaseConstructorsTests,
    base.BaseDtypeTests,
    base.BaseGetitemTests,
    base.BaseGroupbyTests,
    base.BaseIndexTests,
    base.BaseInterfaceTests,
    base.BaseMethodsTests,
    base.BaseMissingTests,
    base.BasePrintingTests,
    base.BaseReshapingTests,
    base.BaseSetitemTests,
):
    @pytest.fixture(autouse=True)
    def _limits(self, request):
        if reason := LIMITS.get(request.node.name):
            request.applymarker(pytest.mark.xfail(reason=reason, strict=True))


def test_every_limit_is_a_test_of_the_suite():
    assert all(hasattr(TestTensorArray, name.split("[")[0]) for name in LIMITS)
