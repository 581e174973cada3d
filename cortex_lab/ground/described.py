"""What describes something: frozen settings, known by a name that saved files call them."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, ClassVar

from cortex_lab.ground import checks
from cortex_lab.ground.habits import refuse_unknown

PACKAGE = __name__.partition(".")[0]


def is_built_in(cls: type) -> bool:
    """Whether a class is one of ours."""
    return cls.__module__.partition(".")[0] == PACKAGE


def replays_own_only(cls: type, *methods: str) -> None:
    """Have a class of one's own that replaces one of these methods replay its calls only if it says so.

    What its base promises by `replays` was not promised of those.
    """
    said = vars(cls)
    if not is_built_in(cls) and "replays" not in said and any(name in said for name in methods):
        cls.replays = False  # type: ignore[attr-defined]


class NotDefined(ValueError):
    """A description names a class of one's own that is not defined yet; the text says what to import."""


class Registry(dict[str, type]):
    """The built-in classes of one kind by name, and beside them `others`, those of anybody else.

    A built-in class goes by its name alone ("Dense", or what `spell` makes of it), any other by its module
    too ("mymodule:Dense"), so it never takes the place of a built-in one. A class that is defined again, as
    by running a cell once more, takes the place of its earlier self.

    `what` is what to call one of them in an error. `parts` are the registries of what their settings may be.
    """

    def __init__(
        self, what: str, spell: Callable[[str], str] = str, parts: tuple[Registry, ...] = ()
    ) -> None:
        super().__init__()
        self.what, self.spell, self.parts = what, spell, parts
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

    def find(self, kind: object) -> type:
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
            raise NotDefined(
                f"the {self.what} {name!r} was defined in {where}: define it here too, then load again"
            )
        outer = name.partition(".")[0]
        raise NotDefined(
            f"the {self.what} {name!r} is not built in; import it first: from {module} import {outer}"
        )

    def _unknown(self, kind: object) -> ValueError:
        # Of a long day in a notebook there may be many; those of a function nobody else can name.
        own = [kind for kind in sorted(self.others) if "<locals>" not in kind]
        there = ", ".join([*sorted(self), *own[:3]])
        meant = checks.near(kind, [*self, *self.others])
        return ValueError(f"there is no {self.what} {checks.shown(kind)}{meant or f'; there are {there}'}")

    def named(self, name: object) -> list[str]:
        """What descriptions call those of `others` that have this name."""
        return [kind for kind, cls in self.others.items() if self.spell(cls.__name__) == name]

    def to_dict(self, described: Any) -> dict[str, Any]:
        """One of these as JSON-able data; ValueError for a setting that no data can hold."""
        config = {
            field.name: self.written(getattr(described, field.name), field.name)
            for field in dataclasses.fields(described)
            if field.compare
        }
        return {"kind": self.kind_of(type(described)), **config}

    def from_dict(self, data: object) -> Any:
        """What `to_dict` described, looked at as when made by hand; ValueError for what cannot be."""
        if not isinstance(data, Mapping):
            raise checks.refused(f"what describes the {self.what}", "a dict with its 'kind'", data)
        cls = self.find(data.get("kind"))
        config = {str(name): self.read(value) for name, value in data.items() if name != "kind"}
        try:
            return cls(**config)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{data['kind']}: {error}") from error

    def read(self, value: object) -> Any:
        """A setting out of a description; lists become tuples."""
        if isinstance(value, list):
            return tuple(map(self.read, value))
        if not isinstance(value, Mapping) or "kind" not in value:
            return value
        families = (self, *self.parts)
        family = next((each for each in families if each.has(value["kind"])), families[-1])
        # A part may have parts of this family in turn.
        return self.from_dict(value) if family is self else family.from_dict(value)

    def has(self, kind: object) -> bool:
        """Whether a description may call one of these so."""
        return isinstance(kind, str) and (kind in self or kind in self.others or bool(self.named(kind)))

    def written(self, value: object, name: str = "a setting") -> Any:
        """A setting as JSON-able data: what `read` reads."""
        if isinstance(value, (tuple, list)):
            return [self.written(part, name) for part in value]
        for family in (self, *self.parts):
            if family.knows(type(value)):
                return family.to_dict(value)
        if callable(value):
            what = (*self.parts, self)[0].what
            raise ValueError(f"only a {what.capitalize()} can be written down, {name} is {value!r}")
        return checks.plain(value)


_Setting = tuple[str, Any, Callable[[str, Any], Any] | None, bool]
"""Its name, its default, what looks at it, and whether it may be None."""


class Described:
    """Base of descriptions: frozen dataclasses whose settings are looked at as they are made.

    Numbers are Python's before `__post_init__` looks at them. A field written `int`, `float`, `bool` or
    `str` (or that `| None`) is a whole number, a finite number, a switch or a text: what else is given is
    refused. Bounds are checked in `__post_init__`, with `ground.checks`. What is not compared is no setting.
    """

    _settings: ClassVar[tuple[_Setting, ...]] = ()

    def __new__(cls, *args: object, **settings: object) -> Any:
        if "_settings" not in vars(cls):
            _refuse_lost_settings(cls)
            cls._settings = _settings_of(cls)
        if settings:
            refuse_unknown(cls, settings)
        return super().__new__(cls)

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "__post_init__" in cls.__dict__:
            cls.__post_init__ = _looked_at(cls.__post_init__)  # type: ignore[method-assign]

    def __post_init__(self) -> None:
        self._look_at_settings()

    def _look_at_settings(self) -> None:
        for name, default, check, optional in self._settings:
            given = getattr(self, name)
            if given is default:
                continue
            value = given if type(given) in _PLAIN else checks.plain(given)
            if value is not given:
                object.__setattr__(self, name, value)
            if check is not None and not (optional and value is None):
                check(name, value)


def _settings_of(cls: type) -> tuple[_Setting, ...]:
    """What is known of each setting before there is a value; a network asks it of hundreds of layers."""
    fields = dataclasses.fields(cls) if dataclasses.is_dataclass(cls) else ()
    found = []
    for field in fields:
        said = str(getattr(field.type, "__name__", field.type))
        optional = said.endswith("| None")
        # A number of NumPy's is made Python's, also where it is the default.
        default = field.default if checks.plain(field.default) is field.default else dataclasses.MISSING
        found.append((field.name, default, _BY_TYPE.get(said.removesuffix(" | None")), optional))
    return tuple(found)


def _refuse_lost_settings(cls: type) -> None:
    """TypeError for an `__init__` written by hand that takes what no file keeps, or not what one keeps."""
    owner = next(each for each in cls.__mro__ if "__init__" in vars(each))
    made = vars(owner).get("__dataclass_params__")
    if is_built_in(owner) or owner is object or (made is not None and made.init):
        return
    taken = list(inspect.signature(owner.__init__).parameters.values())[1:]  # type: ignore[misc]
    if any(each.kind is inspect.Parameter.VAR_KEYWORD for each in taken):
        return
    kept = dataclasses.fields(cls) if dataclasses.is_dataclass(cls) else ()
    fields = {each.name: each.compare for each in kept}
    names = [each.name for each in taken if each.kind is not inspect.Parameter.VAR_POSITIONAL]
    lost = [name for name in names if name not in fields]
    missing = [name for name, compared in fields.items() if compared and name not in names]
    if lost or missing:
        why = f"would not keep {lost[0]}" if lost else f"could not give it {missing[0]}"
        raise TypeError(
            f"{cls.__name__} has an __init__ of its own, so a file or a script {why}; write "
            f"@dataclass(frozen=True) above the class and, as its field, {(lost or missing)[0]}: float = 1.0"
        )


_PLAIN = frozenset((int, float, bool, str, type(None)))
"""Types of what is Python's already."""
_BY_TYPE = {"int": checks.whole, "float": checks.number, "bool": checks.flag, "str": checks.text}


def _looked_at(check: Callable[[Any], None]) -> Callable[[Any], None]:
    @wraps(check)
    def checked(self: Any) -> None:
        self._look_at_settings()
        check(self)

    return checked
