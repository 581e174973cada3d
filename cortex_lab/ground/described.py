"""Classes by the names that descriptions and saved files call them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

PACKAGE = __name__.partition(".")[0]


def is_built_in(cls: type) -> bool:
    """Whether a class is one of ours."""
    return cls.__module__.partition(".")[0] == PACKAGE


class Registry(dict[str, type]):
    """The built-in classes of one kind by name, and beside them `others`, those of anybody else.

    A built-in class goes by its name alone ("Dense", or what `spell` makes of it), any other by its module
    too ("mymodule:Dense"), so it never takes the place of a built-in one. A class that is defined again, as
    by running a cell once more, takes the place of its earlier self.

    `what` is what to call one of them in an error.
    """

    def __init__(self, what: str, spell: Callable[[str], str] = str) -> None:
        super().__init__()
        self.what, self.spell = what, spell
        self.others: dict[str, type] = {}

    def add(self, cls: type) -> type:
        """Register a class; may stand as a decorator. Of ours, those called "_..." are bases and left out."""
        if not is_built_in(cls):
            self.others[self.kind_of(cls)] = cls
        elif not cls.__name__.startswith("_"):
            self[self.kind_of(cls)] = cls
        return cls

    def kind_of(self, cls: type) -> str:
        """What descriptions call a class."""
        return self.spell(cls.__name__) if is_built_in(cls) else f"{cls.__module__}:{cls.__qualname__}"

    def knows(self, cls: type) -> bool:
        """Whether a class of this module and name is registered."""
        kind = self.kind_of(cls)
        return kind in self or kind in self.others

    def find(self, kind: Any) -> type:
        """The class that a description calls `kind`; ValueError that says what to import or define first.

        A bare name is the built-in class, or else the only other one of that name.
        """
        if not isinstance(kind, str):
            raise self._unknown(kind)
        if kind in self:
            return self[kind]
        if kind in self.others:
            return self.others[kind]
        named = self.named(kind)
        if len(named) == 1:
            return self.others[named[0]]
        if named:
            raise ValueError(
                f"there are several {self.what}s {kind!r}: {', '.join(named)}; start anew and define one"
            )
        module, _, name = kind.partition(":")
        if not name:
            raise self._unknown(kind)
        if module == "__main__" or "<locals>" in name:
            where = "a notebook or script itself" if module == "__main__" else f"a function of {module}"
            raise ValueError(
                f"the {self.what} {name!r} was defined in {where}: define it here too, then load again"
            )
        outer = name.partition(".")[0]
        raise ValueError(
            f"the {self.what} {name!r} is not built in; import it first: from {module} import {outer}"
        )

    def _unknown(self, kind: Any) -> ValueError:
        there = ", ".join([*sorted(self), *sorted(self.others)])
        return ValueError(f"there is no {self.what} {kind!r}; there are {there}")

    def named(self, name: Any) -> list[str]:
        """What descriptions call those of `others` that have this name."""
        return [kind for kind, cls in self.others.items() if self.spell(cls.__name__) == name]

    def make(self, data: Mapping[str, Any], read: Callable[[Any], Any] = lambda value: value) -> Any:
        """What `data` describes: its "kind" made from all else in it, each value as `read` reads it."""
        cls = self.find(data.get("kind"))
        config = {name: read(value) for name, value in data.items() if name != "kind"}
        try:
            return cls(**config)
        except TypeError as error:
            raise ValueError(f"{data['kind']} does not take these settings: {error}") from error
