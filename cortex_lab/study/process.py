"""What a Session needs of anything it studies, and what more it can make use of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Protocol, runtime_checkable

import numpy as np


@runtime_checkable
class Process(Protocol):
    """Anything iterative: a training, a descent, a t-SNE layout.

    One promise carries exact stopping and rewinding: `walk` changes persistent state (what `snapshot`
    holds) only in its *last* phase. A step abandoned before that phase has not happened, and a step
    depends on nothing but that state, so restoring a snapshot and walking again gives the same bits.

    The small protocols below are what a process may have besides; the Session then offers more.
    """

    step_number: int
    """Steps completed so far."""

    @property
    def phases(self) -> tuple[str, ...]:
        """Names of the phases of one step, in order."""
        ...

    @property
    def keys(self) -> tuple[str, ...]:
        """What `measure` can answer."""
        ...

    @property
    def probes(self) -> tuple[Any, ...]:
        """The `Probe`s recorded unless the user asks for others."""
        ...

    @property
    def buffers(self) -> Mapping[str, np.ndarray]:
        """Every named buffer, readable between any two phases."""
        ...

    def walk(self) -> Iterator[str]:
        """Perform one step, yielding the name of each phase right after it ran."""
        ...

    def measure(self, key: str) -> Any:
        """The value of `key` for the step just completed, or for the one under way right before its last
        phase; KeyError for an unknown key."""
        ...

    def snapshot(self) -> dict[str, Any]:
        """Everything needed to continue from here, copied."""
        ...

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        """Go back to a snapshot, bit for bit."""
        ...

    def edit(self, name: str, value: Any) -> None:
        """Change something by hand; KeyError that names what can be edited. A failed edit changes nothing.

        What is of the step under way alone has a name that begins with "gradient" or "pending_update".
        """
        ...


@runtime_checkable
class StepsWhole(Protocol):
    """Makes a step that nobody stops inside more quickly."""

    reached: str | None
    """The last phase that `whole_step` completed, should it raise."""

    def whole_step(self) -> None:
        """What `walk()` does, to its end."""
        ...


@runtime_checkable
class Cloneable(Protocol):
    """Can be forked."""

    def clone(self) -> Any:
        """An independent process in the same state."""
        ...


@runtime_checkable
class Measuring(Protocol):
    """Hands out what measures a key, to be asked at every step."""

    def measurer(self, key: str) -> Callable[[], Any]:
        """A function without arguments that measures `key`."""
        ...


@runtime_checkable
class Expecting(Protocol):
    """Has to keep something for what is measured."""

    def expect(self, keys: Iterable[str]) -> None:
        """Told what is going to be measured at every step."""
        ...


@runtime_checkable
class Advising(Protocol):
    """Knows how to have measured what is not."""

    def advice(self, key: str) -> str | None:
        """What to do to have `key` measured, or None."""
        ...


@runtime_checkable
class Directed(Protocol):
    """Says whether more of what it measures is better; other keys go by their names (`direction.rises`)."""

    @property
    def directions(self) -> Mapping[str, bool | None]:
        """By key, whether more is better, None where nobody can tell."""
        ...


@runtime_checkable
class Standing(Protocol):
    """Knows which keys an edit changes; without this, all of them."""

    def stands(self, key: str) -> bool | None:
        """Whether `key` is of how it stands, as a validation loss, and so measured anew after an edit.

        False if of the step that led there; None if that can no longer be measured after an edit.
        """
        ...


@runtime_checkable
class Placed(Protocol):
    """Stands somewhere, so that two of its kind are so far apart."""

    @property
    def parameters(self) -> Mapping[str, np.ndarray]:
        """Arrays by name that say where it stands."""
        ...


@runtime_checkable
class EditedInPlace(Protocol):
    """Has arrays that a person may change in place while stepping rests; changes are found and logged."""

    @property
    def editable(self) -> Mapping[str, np.ndarray]:
        """Those arrays, by the name under which `edit` sets them."""
        ...


@runtime_checkable
class Digesting(Protocol):
    """Has editable arrays so large that their bytes are not to be kept and compared."""

    def digest(self, array: np.ndarray) -> Any:
        """Something short that is another whenever the array is another."""
        ...


@runtime_checkable
class Foretelling(Protocol):
    """Tells its updates before it makes them."""

    def pending_update(self) -> Mapping[str, np.ndarray]:
        """By parameter, the change that the last phase will make; asked for right before it."""
        ...


@runtime_checkable
class Faulty(Protocol):
    """Knows an update that would do harm."""

    def fault(self) -> Any:
        """Why to hold the update back, or None; asked for right before the last phase.

        A fault that has `since(step)` is told of the last whole step by it.
        """
        ...


@runtime_checkable
class Tainted(Protocol):
    """Sees in passing that an update was faulty, so that `fault()`, which may take its time, need not be
    asked at every step: the session takes a tainted update back, and asks before it is made again."""

    tainted: bool
    """Whether the last update had a fault."""


@runtime_checkable
class Wholesome(Protocol):
    """Can say whether it is sound; after a fault, a `clone()` is asked after which step it last was."""

    def is_whole(self) -> bool:
        """Whether all that it goes on from, such as weights, is finite."""
        ...
