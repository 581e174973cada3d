"""The type of a column of sequences."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import DTypeLike
from pandas.api.extensions import ExtensionArray, ExtensionDtype, register_extension_dtype

from cortex_lab.data.tensor import Tensor, shape_text


@register_extension_dtype
class RaggedDtype(ExtensionDtype):
    """Type of a column of sequences: `ragged[int64, n]`; of steps that are arrays, `ragged[float32, nx3]`."""

    array_type: ClassVar[type[ExtensionArray]]
    _metadata = ("scalar", "shape")
    _pattern = re.compile(r"ragged\[(\w+), n((?:x\d+)*)\]")

    def __init__(self, scalar: DTypeLike = "float32", shape: Sequence[int] = ()) -> None:
        self.scalar = np.dtype(scalar).newbyteorder("=")
        if self.scalar.kind not in "biuf":
            raise TypeError(f"a column of sequences holds bools, integers or floats, not {self.scalar}")
        self.shape = tuple(int(side) for side in shape)

    @property
    def type(self) -> Any:
        return Tensor

    @property
    def name(self) -> str:
        return f"ragged[{self.scalar}, {shape_text(('n', *self.shape))}]"

    @property
    def na_value(self) -> object:
        return pd.NA

    def __repr__(self) -> str:
        return f"RaggedDtype({str(self.scalar)!r}, {self.shape})"

    @classmethod
    def construct_from_string(cls, string: str) -> RaggedDtype:
        if not isinstance(string, str):
            raise TypeError(f"'construct_from_string' expects a string, got {type(string)}")
        match = cls._pattern.fullmatch(string)
        if match is None:
            raise TypeError(f"Cannot construct a '{cls.__name__}' from '{string}'")
        return cls(match[1], [int(side) for side in match[2].split("x")[1:]])

    @classmethod
    def construct_array_type(cls) -> type[ExtensionArray]:
        return cls.array_type

    def __from_arrow__(self, array: Any) -> ExtensionArray:
        """The column of an Arrow array of lists or of `variable_shape_tensor`; it shares their memory."""
        return self.array_type._from_arrow(array, self)  # type: ignore[attr-defined]

    def _get_common_dtype(self, dtypes: list[Any]) -> RaggedDtype | None:
        if all(isinstance(dtype, RaggedDtype) and dtype.shape == self.shape for dtype in dtypes):
            return RaggedDtype(np.result_type(*(dtype.scalar for dtype in dtypes)), self.shape)
        return None
