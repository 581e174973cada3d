"""Everything of CUDA: CuPy's arrays, and what runs on them faster than the references."""

from __future__ import annotations

from types import ModuleType


def array_module() -> ModuleType:
    """CuPy; ImportError that says what to install."""
    try:
        import cupy
    except ImportError as missing:
        raise ImportError("the gpu backend needs CuPy: pip install 'cortex-lab[cuda13]'") from missing
    return cupy
