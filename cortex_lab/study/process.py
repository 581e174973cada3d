"""What a Session needs of anything it studies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol, runtime_checkable

import numpy as np


@runtime_checkable
class Process(Protocol):
    """Anything iterative: a training, a descent, a t-SNE layout.

    One promise carries exact stopping and rewinding: `walk` changes persistent state (what `snapshot`
    holds) only in its *last* phase. A step abandoned before that phase has not happened, and a step
    depends on nothing but that state, so restoring a snapshot and walking again gives the same bits.

    A process may also have these, and the Session then offers more:

    - `whole_step()`: what `walk()` does, to its end, and quicker, for a step that nobody stops inside;
      `reached` is then the last phase it completed, should it raise;
    - `clone()`: an independent process in the same state, for `fork`;
    - `measurer(key)`: a function without arguments that measures `key`, to be asked at every step;
    - `advice(key)`: what to do to have a key measured that is not, or None;
    - `expect(keys)`: told what is going to be measured at every step, for what has to be kept for it;
    - `directions`: by key, whether more of what it measures is better, None where nobody can tell; keys it
      does not mention go by their names (see `direction.rises`);
    - `parameters`: arrays by name that say where it stands, for the distance between branches;
    - `stands(key)`: whether a key is of how it stands, as a validation loss, and so measured anew after an
      edit; False if of the step that led there; None if that can no longer be measured after an edit. Without
      this all keys are of how it stands;
    - `pending_update()`: by parameter, the change that the last phase will make, asked for right before it;
    - `fault()`: asked right before the last phase; anything but None holds the update back, and says why;
    - `tainted`: whether the last update had such a fault. Then `fault()`, which may take its time, is not
      asked at every step: the session takes a tainted update back, and asks before it is made again;
    - `is_whole()`: whether all that it goes on from, such as weights, is finite; after a fault a step is
      looked for at which it was, on a `clone()`. A fault that has `since(step)` is told of that step by it;
    - `editable`: arrays that a person may change in place while stepping rests, by the name under which
      `edit` sets them; what was changed is found and logged before the next phase;
    - `digest(array)`: something short that is another whenever an editable array is another, where they are
      large; otherwise all their bytes are kept and compared.
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
