"""One table of every operator of ONNX that is read: what it reads, its settings, and what is in the file."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

IMAGE, SEQUENCE, VECTOR = (2, 6, 5), (3, 4), (4,)
RANDOM = np.random.default_rng(0)


def real(*shape: int) -> np.ndarray:
    return RANDOM.normal(size=shape).astype("f4")


def whole(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def number(value: float) -> np.ndarray:
    return np.array(value, np.float32)


@dataclass(frozen=True)
class Case:
    """An operator with rows of these shapes, then arrays in the file (None: left out)."""

    kind: str
    shapes: tuple[tuple[int, ...], ...] = (VECTOR,)
    arrays: tuple[Any, ...] = ()
    settings: dict[str, Any] = field(default_factory=dict)
    opset: int = 20
    outputs: int = 1
    ids: int = 0

    @property
    def name(self) -> str:
        said = ",".join(f"{key}={value}" for key, value in self.settings.items())
        shapes = [None if each is None else each.shape for each in self.arrays]
        return f"{self.kind}({said})-{self.shapes}-{shapes}-{self.opset}"


def images(kind: str, *arrays: Any, opset: int = 20, **settings: Any) -> Case:
    return Case(kind, (IMAGE,), arrays, settings, opset)


def sequences(kind: str, *arrays: Any, **settings: Any) -> Case:
    return Case(kind, (SEQUENCE,), arrays, settings)


PLAIN = (
    "Relu", "Sigmoid", "HardSwish", "Tanh", "Softplus", "Softsign", "Exp", "Mish", "Neg", "Identity", "Selu",
    "Gelu", "LeakyRelu", "Elu", "HardSigmoid", "Softmax", "LogSoftmax", "Flatten", "Dropout", "Sum",
)  # fmt: skip
CASES = [
    *(Case(kind) for kind in PLAIN),
    *(images(kind) for kind in ("Sigmoid", "Softmax", "Flatten", "Identity")),
    Case("LeakyRelu", settings={"alpha": 0.2}),
    Case("Elu", settings={"alpha": 0.5}),
    Case("HardSigmoid", settings={"alpha": 1 / 6}),
    Case("Gelu", settings={"approximate": "tanh"}),
    images("Softmax", axis=1),
    images("LogSoftmax", axis=2),
    images("PRelu", real(2, 1, 1)),
    images("PRelu", real(1)),
    Case("Clip", arrays=(number(0), number(6))),
    Case("Clip", arrays=(number(-0.5), number(0.7))),
    Case("Clip", arrays=(number(0.2),)),
    Case("Dropout", arrays=(number(0.3),)),
    *(Case(kind, (IMAGE, IMAGE)) for kind in ("Add", "Sub", "Mul", "Sum", "Max", "Min", "Mean")),
    Case("Sum", (VECTOR,) * 3),
    Case("Mul", (IMAGE, (2, 1, 1))),
    *(Case(kind, arrays=(number(1.5),)) for kind in ("Add", "Sub", "Mul", "Div")),
    Case("Add", arrays=(real(4),)),
    Case("Sub", arrays=(real(4),)),
    Case("Mul", arrays=(np.abs(real(4)) + 0.1,)),
    Case("Div", arrays=(np.abs(real(1, 4)) + 0.1,)),
    images("Add", real(2, 1, 1)),
    images("Mul", np.abs(real(1, 2, 1, 1)) + 0.1),
    sequences("Add", real(3, 4)),
    Case("Gemm", arrays=(real(4, 3), real(3))),
    Case("Gemm", arrays=(real(3, 4), real(3)), settings={"transB": 1, "alpha": 0.5, "beta": 2.0}),
    Case("Gemm", arrays=(real(4, 3),)),
    Case("MatMul", arrays=(real(4, 3),)),
    sequences("MatMul", real(4, 3)),
    Case("MatMul", (SEQUENCE, (4, 5))),
    Case("Gather", ((3,),), (real(7, 2),), ids=7),
    sequences("Gather", whole(-1).reshape(()), axis=1),
    images("Conv", real(3, 2, 3, 3), real(3)),
    images("Conv", real(4, 1, 3, 2), strides=[2, 1], pads=[1, 0, 2, 1], group=2),
    images("Conv", real(4, 2, 3, 3), dilations=[2, 1], auto_pad="SAME_UPPER"),
    images("Conv", real(4, 2, 4, 4), auto_pad="SAME_LOWER", strides=[2, 2], kernel_shape=[4, 4]),
    Case("Conv", ((4, 5, 5),), (real(4, 2, 3, 3), real(4)), {"group": 2}),
    sequences("Conv", real(2, 3, 2), real(2), pads=[1, 0]),
    images("ConvTranspose", real(2, 3, 3, 2), real(3), strides=[2, 2], pads=[1, 0, 0, 1]),
    images("ConvTranspose", real(2, 3, 3, 3), strides=[2, 2], pads=[1, 1, 1, 1], output_padding=[1, 1]),
    images("MaxPool", kernel_shape=[2, 2], strides=[2, 2]),
    images("MaxPool", kernel_shape=[3, 2], pads=[1, 0, 1, 0], strides=[2, 2], ceil_mode=1),
    sequences("MaxPool", kernel_shape=[2]),
    images("AveragePool", kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[2, 2]),
    images("AveragePool", kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[2, 2], count_include_pad=1),
    sequences("AveragePool", kernel_shape=[2], strides=[1]),
    images("GlobalAveragePool"),
    images("GlobalMaxPool"),
    images("BatchNormalization", real(2), real(2), real(2), np.abs(real(2)) + 0.5, epsilon=1e-3),
    Case("BatchNormalization", arrays=(real(4), real(4), real(4), np.abs(real(4)) + 0.5)),
    images("InstanceNormalization", real(2), real(2)),
    Case("GroupNormalization", ((4, 3, 2),), (real(4), real(4)), {"num_groups": 2}, 21),
    sequences("LayerNormalization", real(4), real(4), axis=-1),
    images("LayerNormalization", real(6, 5), axis=2, epsilon=1e-3),
    Case("RMSNormalization", (SEQUENCE,), (real(4),), {"axis": -1}, 23),
    Case("LRN", ((3, 3, 2),), (), {"size": 3, "alpha": 0.1, "bias": 2.0}),
    images("Pad", whole(0, 0, 1, 0, 0, 0, 2, 1)),
    images("Pad", whole(0, 1, 0, 0, 0, 2, 0, 0)),
    sequences("Pad", whole(1, 2), None, whole(1)),
    Case("Pad", arrays=(whole(0, 1, 0, 2),)),
    images("Slice", whole(1, 0), whole(5, -1), whole(2, 3)),
    images("Slice", whole(0), whole(1), whole(1)),
    sequences("Slice", whole(1), whole(2**31), whole(1), whole(1)),
    images("Resize", None, np.array([1, 1, 2, 3], "f4"), mode="nearest",
           coordinate_transformation_mode="asymmetric", nearest_mode="floor"),
    images("Resize", None, None, whole(3, 2, 12, 10), mode="linear"),
    images("Transpose", perm=[0, 2, 3, 1]),
    images("Transpose", perm=[0, 3, 1, 2]),
    images("Reshape", whole(0, -1)),
    images("Reshape", whole(0, 5, 12)),
    images("Reshape", whole(-1, 60)),
    Case("Squeeze", ((1, 4),), (whole(1),)),
    Case("Unsqueeze", (VECTOR,), (whole(1, 3),)),
    Case("Concat", (IMAGE, IMAGE), (), {"axis": 1}),
    Case("Concat", (IMAGE, IMAGE), (), {"axis": -1}),
    Case("ReduceMean", (IMAGE,), (whole(2, 3),), {"keepdims": 0}),
    Case("ReduceMean", (IMAGE,), (), {"axes": [1], "keepdims": 1}, 13),
    Case("ReduceSum", (SEQUENCE,), (whole(-1),)),
    Case("ReduceMax", (IMAGE,), (whole(1),), {"keepdims": 0}),
    Case("Cast", settings={"to": 1}),
    Case("Expand", ((1, 4),), (whole(1, 3, 4),)),
]  # fmt: skip
# What is worked out, or reads its steps first: in test_read_onnx and in what PyTorch exports.
ELSEWHERE = ("Constant", "Shape", "ConstantOfShape", "RNN", "GRU", "LSTM")
