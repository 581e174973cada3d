"""What people hold says so where an assignment would do nothing."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar, SupportsIndex

from cortex_lab.ground import checks
from cortex_lab.ground.habits import Answering


class Unpickled:
    """Base of what neither pickle nor copy.deepcopy can keep: `kept_by`, where it is said, does instead."""

    kept_by: ClassVar[str] = ""

    def __reduce_ex__(self, protocol: SupportsIndex) -> Any:
        if not self.kept_by:
            return super().__reduce_ex__(protocol)
        raise TypeError(f"a {type(self).__name__} is not pickled, nor copied by copy: {self.kept_by}")


class Held(Unpickled, Answering):
    """Base of what people hold: of its public names, those that a class declares are assigned, once.

    Those in `settable` may be assigned again. `assigning` says what to type instead of assigning a name,
    `remade` what to type instead of any other. A class of one's own may have others.
    """

    settable: ClassVar[frozenset[str]] = frozenset()
    assigning: ClassVar[Mapping[str, str]] = {}
    remade: ClassVar[str] = ""

    if not TYPE_CHECKING:

        def __setattr__(self, name: str, value: object) -> None:
            # What changed in place is assigned as it was: `network.params *= 2`.
            if not (name.startswith("_") or name in self.settable or self.__dict__.get(name, self) is value):
                _refuse(type(self), name, name in self.__dict__)
            super().__setattr__(name, value)


def _refuse(owner: type[Held], name: str, there: bool) -> None:
    own, declared = getattr(owner, name, None), name in _declared(owner)
    known = there or hasattr(owner, name)
    if own.fset is not None if isinstance(own, property) else declared and not there and not callable(own):
        return
    if not (declared or hasattr(owner, name) or owner.__module__.startswith("cortex_lab.")):
        return
    said = (
        f"{name!r} of a {owner.__name__} is not assigned" if known else f"a {owner.__name__} has no {name!r}"
    )
    say = owner.assigning.get(name)
    near = "" if known or say else checks.near(name, _settable(owner))
    raise AttributeError(said + (near or f"; {say or owner.remade}"), name=name)


def _settable(owner: type[Held]) -> frozenset[str]:
    found = {each: getattr(owner, each) for each in dir(owner)}
    return owner.settable | {each for each, own in found.items() if getattr(own, "fset", None) is not None}


@lru_cache(maxsize=64)
def _declared(owner: type) -> frozenset[str]:
    rooms = [each for each in owner.__mro__ if each not in (Held, Unpickled, Answering)]
    return frozenset(name for each in rooms for name in inspect.get_annotations(each))
