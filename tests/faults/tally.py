"""How many faults were tried, and what went wrong in which."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class Tally:
    """`with tally.one(name):` is one try; what is raised inside, or told to `wrong`, has not survived."""

    def __init__(self) -> None:
        self.tried = 0
        self.wrong: list[tuple[str, str]] = []

    @property
    def survived(self) -> int:
        return self.tried - len(self.wrong)

    @contextmanager
    def one(self, name: str) -> Iterator[None]:
        self.tried += 1
        try:
            yield
        except Exception as error:
            self.wrong.append((name, f"{type(error).__name__}: {error}"))
