"""One cell of a tensor column, and the column's type."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import total_ordering
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from pandas.api.extensions import ExtensionArray, ExtensionDtype, register_extension_dtype

from cortex_lab.data._pictures import image_tag


@total_ordering
class Tensor:
    """One cell of a tensor column: an immutable array; equal and hashed by its values.

    `numpy.asarray(cell)` and `cell.array` give the (read-only) ndarray; a notebook shows it as a picture.
    """

    __slots__ = ("array",)

    # Lets `ndarray == cell` come here, and answer with one bool.
    __array_ufunc__ = None

    def __init__(self, values: Any) -> None:
        self.array = np.array(values)
        self.array.flags.writeable = False

    # Not __array__: pandas takes whatever has that for a list of values, and a cell is one value.
    @property
    def __array_interface__(self) -> dict[str, Any]:
        return self.array.__array_interface__

    @property
    def shape(self) -> tuple[int, ...]:
        return self.array.shape

    @property
    def dtype(self) -> np.dtype:
        return self.array.dtype

    def __eq__(self, other: object) -> bool:
        if isinstance(other, (Tensor, np.ndarray)):
            return np.array_equal(self.array, np.asarray(other))
        return NotImplemented

    def __hash__(self) -> int:
        # Through float64, because tensors of different dtypes may be equal; + 0.0 turns -0.0 into 0.0.
        return hash((self.shape, (self.array.astype(np.float64) + 0.0).tobytes()))

    def __lt__(self, other: object) -> bool:
        # The order of words: first element first. Grouping and sorting need some order.
        if isinstance(other, Tensor):
            return self.array.ravel().tolist() < other.array.ravel().tolist()
        return NotImplemented

    def __reduce__(self) -> tuple[Any, ...]:
        return Tensor, (self.array,)

    def __repr__(self) -> str:
        return f"Tensor({self})"

    def __str__(self) -> str:
        text = f"{shape_text(self.shape)} {self.dtype}"
        return f"{text} {self.array.min():.3g}..{self.array.max():.3g}" if self.array.size else text

    def _repr_html_(self) -> str | None:
        return image_tag(self.array, size=160)


@register_extension_dtype
class TensorDtype(ExtensionDtype):
    """Type of a tensor column, written `tensor[float32, 8x8x1]`: element type and shape of one row."""

    # `tensor_array`, which stands on this file, says what it is.
    array_type: ClassVar[type[ExtensionArray]]
    _metadata = ("scalar", "shape")
    _pattern = re.compile(r"tensor\[(\w+), (\d+(?:x\d+)*)\]")

    def __init__(self, scalar: Any = "float32", shape: Sequence[int] = (1,)) -> None:
        self.scalar = np.dtype(scalar).newbyteorder("=")
        if self.scalar.kind not in "biuf":
            raise TypeError(f"a tensor column holds bools, integers or floats, not {self.scalar}")
        self.shape = tuple(int(side) for side in shape)
        if not self.shape or min(self.shape) < 0:
            raise ValueError(f"each row of a tensor column has one dimension or more, got shape {self.shape}")

    @property
    def type(self) -> Any:
        return Tensor

    @property
    def name(self) -> str:
        return f"tensor[{self.scalar}, {shape_text(self.shape)}]"

    @property
    def na_value(self) -> object:
        return pd.NA

    def __repr__(self) -> str:
        return f"TensorDtype({str(self.scalar)!r}, {self.shape})"

    @classmethod
    def construct_from_string(cls, string: str) -> TensorDtype:
        if not isinstance(string, str):
            raise TypeError(f"'construct_from_string' expects a string, got {type(string)}")
        match = cls._pattern.fullmatch(string)
        if match is None:
            raise TypeError(f"Cannot construct a '{cls.__name__}' from '{string}'")
        return cls(match[1], [int(side) for side in match[2].split("x")])

    @classmethod
    def construct_array_type(cls) -> type[ExtensionArray]:
        return cls.array_type

    def __from_arrow__(self, array: Any) -> ExtensionArray:
        """The column of an Arrow array; it shares the memory of one chunk of such numbers."""
        return self.array_type._from_arrow(array, self)  # type: ignore[attr-defined]

    def _get_common_dtype(self, dtypes: list[Any]) -> TensorDtype | None:
        if all(isinstance(dtype, TensorDtype) and dtype.shape == self.shape for dtype in dtypes):
            return TensorDtype(np.result_type(*(dtype.scalar for dtype in dtypes)), self.shape)
        return None


def shape_text(shape: Sequence[int]) -> str:
    """(8, 8, 1) as 8x8x1."""
    return "x".join(str(side) for side in shape)
