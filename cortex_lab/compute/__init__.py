"""Where numbers live: array backends and the kernels that run on them.

| name              | what it is                                                                          |
|-------------------|-------------------------------------------------------------------------------------|
| `Ops`             | frozen handle of a backend: array module, dtype, allocation, transfer, all kernels   |
| `get_ops`         | the Ops called "reference" (NumPy float64, the oracle), "cpu" or "gpu"                |
| `kernel`          | decorator: one readable reference, to which backends may add accelerated overrides  |
| `Stream`          | which numbers of a draw are wanted, where only some rows of a batch are at hand      |
| `one_blas_thread` | `within(act)`: BLAS uses one thread meanwhile, in the whole process                  |

`docs/adding-a-kernel.md` adds one. Who imports whom in here is in `tests/compute/test_order.py`.
"""

from cortex_lab.compute.blas_threads import one_blas_thread
from cortex_lab.compute.kernel import Kernel, kernel
from cortex_lab.compute.kernels.activation import NEEDS_INPUT, SELU_ALPHA, SELU_SCALE
from cortex_lab.compute.kernels.random import Stream
from cortex_lab.compute.ops import Ops, as_ops, get_ops
from cortex_lab.ground.habits import answers_for

__all__ = [
    "NEEDS_INPUT",
    "SELU_ALPHA",
    "SELU_SCALE",
    "Kernel",
    "Ops",
    "Stream",
    "as_ops",
    "get_ops",
    "kernel",
    "one_blas_thread",
]

__getattr__ = answers_for(__name__)
