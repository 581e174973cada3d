"""Whether numbers are numbers."""

from __future__ import annotations

from typing import Any

from cortex_lab.compute.kernel import kernel


@kernel
def all_finite(xp: Any, a: Any) -> bool:
    """Whether no element is NaN or infinite."""
    return bool(xp.isfinite(a).all())
