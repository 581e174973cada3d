"""What a person changes in place while stepping rests."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import Any

import numpy as np

from cortex_lab.study.process import Digesting, EditedInPlace, Foretelling, Process


class ManualEdits:
    """Notices which of a process's `editable` arrays were changed between two moments, bit by bit."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._has_any = isinstance(process, EditedInPlace)
        self._digest: Callable[[np.ndarray], Any] = np.ndarray.tobytes
        if isinstance(process, Digesting):
            self._digest = process.digest
        self._noted: dict[str, Any] | None = None

    def note(self) -> None:
        """From now on, what changes was changed by hand."""
        self._noted = {name: self._digest(array) for name, array in self._editable().items()}

    def changes(self) -> list[tuple[str, np.ndarray]]:
        """What was changed since `note`, by the name that `edit` takes; nothing after `forget`."""
        noted = self._noted
        if noted is None:
            return []
        now = self._editable()
        return [
            (name, now[name])
            for name, before in noted.items()
            if name in now and self._digest(now[name]) != before
        ]

    def forget(self) -> None:
        """From now on, what changes is no change by hand."""
        self._noted = None

    @property
    def untold(self) -> bool:
        """Whether something was changed since `note` that `changes` has yet to tell."""
        if self._noted is None:
            return False
        noted, now = self._noted, self._editable()
        return any(name in now and self._digest(now[name]) != before for name, before in noted.items())

    @property
    def watching(self) -> bool:
        return self._noted is not None

    def _editable(self) -> Mapping[str, np.ndarray]:
        return self._process.editable if self._has_any else {}  # type: ignore[attr-defined]


class PendingUpdate(MutableMapping[str, np.ndarray]):
    """By parameter, what the update about to be made will add to it; yours to change by assignment.

    Assigning is an edit of the session, logged and replayed like any other.
    """

    def __init__(self, session: Any) -> None:
        self._session = session
        self._changes = self._ask()

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self._changes:
            raise KeyError(f"the update changes no {name!r}; it changes {', '.join(self._changes)}")
        return self._changes[name].copy()

    def __setitem__(self, name: str, change: Any) -> None:
        shape = self[name].shape
        if np.shape(change) != shape:
            raise ValueError(f"the update of {name!r} has the shape {shape}, got {np.shape(change)}")
        self._session.edit(f"pending_update[{name!r}]", np.asarray(change))
        self._changes = self._ask()

    def __delitem__(self, name: str) -> None:
        raise TypeError(f"an update cannot be taken out; to leave {name!r} as it is, assign zeros")

    def __iter__(self) -> Iterator[str]:
        return iter(self._changes)

    def __len__(self) -> int:
        return len(self._changes)

    def __repr__(self) -> str:
        sizes = ", ".join(f"{name}: {np.linalg.norm(change):.3g}" for name, change in self._changes.items())
        return f"<PendingUpdate of step {self._session.step_number + 1}, norms: {sizes}>"

    def _ask(self) -> dict[str, np.ndarray]:
        session = self._session
        if not isinstance(session.process, Foretelling):
            raise TypeError(
                f"{type(session.process).__name__} does not tell its updates before it makes them"
            )
        if len(session.phases) < 2 or session.phase != session.phases[-2]:
            raise LookupError(
                "the update is known right before it is made: "
                f"go there with session.step(to={session.phases[-2:][0]!r}) or a breakpoint"
            )
        return dict(session.process.pending_update())
