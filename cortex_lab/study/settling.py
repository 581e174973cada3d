"""What has to be done whatever happens, and whatever happens to that."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")


def settled(
    act: Callable[[], Result], settle: Callable[[BaseException | None], None], deep: int = 2
) -> Result:
    """`act()`, then `settle(error)`, None where nothing was raised; `settle` does nothing where all is done.

    A `finally` can be interrupted as anything else. Here each settling stands in the `try` of another: of
    three, two interrupts in a row leave one that runs to its end.
    """
    try:
        result = settled(act, settle, deep - 1) if deep else act()
    except BaseException as error:
        settle(error)
        raise
    settle(None)
    return result
