"""Everything of CUDA: CuPy's arrays, and what runs on them faster than the references."""

from __future__ import annotations

import importlib
import warnings
from importlib.metadata import distributions
from types import ModuleType

INSTALL = "pip install 'cortex-lab[cuda13]'"
ELSEWHERE = 'ops="cpu" works everywhere, and ops="auto" takes a GPU where one answers'
TOO_OLD = 35
"""cudaErrorInsufficientDriver"""


def array_module() -> ModuleType:
    """CuPy, with a device that answers.

    ImportError that says what to install, RuntimeError that says why no device answers.
    """
    packages = sorted({each for each in _installed() if each == "cupy" or each.startswith("cupy-cuda")})
    if len(packages) > 1:
        raise ImportError(
            f"{len(packages)} packages bring CuPy, and which of them is imported is chance: pip uninstall "
            f"{' '.join(packages)}; then {INSTALL}"
        )
    try:
        cupy = importlib.import_module("cupy")
    except ImportError as missing:
        raise ImportError(f"the gpu backend needs CuPy: {INSTALL}") from missing
    try:
        count = cupy.cuda.runtime.getDeviceCount()
    except cupy.cuda.runtime.CUDARuntimeError as error:
        if getattr(error, "status", None) == TOO_OLD:
            package = packages[0] if packages else "this CuPy"
            raise RuntimeError(
                f"the NVIDIA driver is too old for {package}, which needs one for CUDA "
                f"{cupy.cuda.runtime.runtimeGetVersion() // 1000}: update the driver; {ELSEWHERE}"
            ) from error
        raise RuntimeError(f"no GPU answers ({error}); {ELSEWHERE}") from error
    if not count:
        raise RuntimeError(f"this machine shows no GPU; {ELSEWHERE}")
    return cupy


def answers() -> bool:
    """Whether there is a GPU to compute on; a warning where CuPy is installed and cannot be used."""
    try:
        array_module()
    except (ImportError, RuntimeError) as error:
        if any(each.startswith("cupy") for each in _installed()):
            warnings.warn(f"the processor computes: {error}", RuntimeWarning, stacklevel=4)
        return False
    return True


def _installed() -> list[str]:
    names = (each.metadata["Name"] for each in distributions())
    return [name.lower().replace("_", "-") for name in names if name]
