"""The rules of the house, as functions of a folder, so that they can be tried on a planted violation."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

PACKAGE = "cortex_lab"
LONGEST_FILE = 399

# What every room stands on, and so may import.
GROUND = "ground"
# Which other rooms a room may import: ARCHITECTURE.md, "Rooms". Some are not built yet; their place is kept.
_ENGINE = frozenset({"study", "compute", "data", "optimize", "nn", "embed"})
ROOMS: dict[str, frozenset[str]] = {
    GROUND: frozenset(),
    "study": frozenset(),
    "compute": frozenset(),
    "data": frozenset(),
    "optimize": frozenset({"compute", "study"}),
    "nn": frozenset({"compute", "study", "optimize"}),
    "embed": frozenset({"study", "compute"}),
    "widgets": _ENGINE,
    "lab": _ENGINE,
    "interop": frozenset({"study", "compute", "optimize", "nn", "data", "lab"}),
    "search": frozenset({"lab", "study"}),
    "scale": frozenset({"compute", "study", "nn", "data"}),
}
# What a room may import inside a function, for those who ask for it.
WHEN_ASKED = {"lab": frozenset({"scale", "widgets"}), "cli": frozenset({"interop"})}
# The front ("__init__") and the command: the only modules outside the rooms.
TOP_LEVEL: dict[str, frozenset[str]] = {
    "__init__": frozenset(ROOMS) - {"widgets"},
    "cli": frozenset(),
}

# Packages with one home: a room, a room in a room, or a file. Those named in LAZILY may also be imported
# elsewhere, but inside a function.
HOMES = {
    **dict.fromkeys(("ipywidgets", "anywidget", "plotly", "matplotlib", "IPython"), "widgets"),
    **dict.fromkeys(("numba", "llvmlite"), "compute/cpu"),
    **dict.fromkeys(("cupy", "cudnn", "nvmath", "cuda"), "compute/gpu"),
    **dict.fromkeys(("pyarrow", "skrub", "skops", "PIL"), "data"),
    **dict.fromkeys(("onnx", "safetensors"), "interop"),
    **dict.fromkeys(("keras", "torch"), "interop/recorder"),
    **dict.fromkeys(("cloudpickle", "dask", "distributed"), "scale"),
    "openTSNE": "embed",
    "tqdm": "study",
    "optuna": "search",
}
LAZILY = {"IPython"}

# The rooms inside a room, from the ground up: each may import itself and what comes before it, and the front
# of all of them, "__init__", every one. Rooms on the same floor know nothing of each other.
FLOORS: dict[str, tuple[frozenset[str], ...]] = {
    "nn": (
        frozenset({"contract"}),
        frozenset({"layers", "losses"}),
        frozenset({"graph"}),
        frozenset({"models", "run"}),
        frozenset({"examine"}),
        frozenset({"train"}),
        frozenset({"diagnosis"}),
        frozenset({"__init__"}),
    ),
}

# Written so that no pattern matches its own text. Such a path is wrong on every machine but one.
MACHINE_PATHS = re.compile(r"(?<![\w.~])/(?:work|root|home/[a-z]\w*|Users/\w+|tmp/(?:scratch|bash_jobs))\b")


@dataclass(frozen=True)
class Import:
    """One import: the dotted name, where it stands, and whether it waits for a call."""

    name: str
    line: int
    lazy: bool


def imports(source: str, module: str, is_package: bool) -> list[Import]:
    """Every import in the source of `module` (dotted name), relative ones and `import_module("...")` too."""
    tree = ast.parse(source)
    found: list[Import] = []
    here = module.split(".") if is_package else module.split(".")[:-1]

    def visit(node: ast.AST, lazy: bool) -> None:
        if isinstance(node, ast.Import):
            found.extend(Import(alias.name, node.lineno, lazy) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = here[: len(here) - node.level + 1] if node.level else []
            parts = [*base, *(node.module.split(".") if node.module else [])]
            found.extend(Import(".".join([*parts, alias.name]), node.lineno, lazy) for alias in node.names)
        elif isinstance(node, ast.Call) and _is_import_call(node) and isinstance(node.args[0], ast.Constant):
            found.append(Import(str(node.args[0].value), node.lineno, lazy))
        inside = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        typing_only = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for child in ast.iter_child_nodes(node):
            visit(child, lazy or inside or typing_only)

    visit(tree, False)
    return found


def _is_import_call(node: ast.Call) -> bool:
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    return name in ("import_module", "__import__") and bool(node.args)


def broken_room_rules(root: Path) -> list[str]:
    """A line for every module of the package that stands or imports where it may not."""
    return [line for path in sorted((root / PACKAGE).rglob("*.py")) for line in _broken_in(path, root)]


def _broken_in(path: Path, root: Path) -> Iterator[str]:
    relative = path.relative_to(root)
    parts = relative.with_suffix("").parts
    is_package = parts[-1] == "__init__"
    module = ".".join(parts[:-1] if is_package else parts)
    room = parts[1]
    if room not in (TOP_LEVEL if len(parts) == 2 else ROOMS):
        kind = f"a top-level module (there are {sorted(TOP_LEVEL)})" if len(parts) == 2 else "a room"
        yield f"{relative}: {room} is not {kind}: put it into a room, or add it to the rules"
        return
    for imported in imports(path.read_text(encoding="utf-8"), module, is_package):
        is_ours = imported.name.split(".")[0] == PACKAGE
        reason = _ours(room, imported) if is_ours else _theirs("/".join(parts[1:]), imported)
        if reason:
            yield f"{relative}:{imported.line}: imports {imported.name}, {reason}"


def _ours(room: str, imported: Import) -> str | None:
    allowed = TOP_LEVEL[room] if room in TOP_LEVEL else ROOMS[room]
    target = imported.name.split(".")[1] if "." in imported.name else ""
    if target in (room, GROUND) or target in allowed:
        return None
    if target in WHEN_ASKED.get(room, ()):
        return None if imported.lazy else f"but {target} may be imported inside a function only"
    if target not in ROOMS and target not in TOP_LEVEL:
        return "but the front of the package is for users; a room imports from rooms"
    return f"but {room} may import {', '.join(sorted(allowed)) or 'nothing of ours'}"


def _theirs(place: str, imported: Import) -> str | None:
    package = imported.name.split(".")[0]
    home = HOMES.get(package)
    if home is None or f"{place}/".startswith(f"{home}/") or (package in LAZILY and imported.lazy):
        return None
    where = " or inside a function" if package in LAZILY else ""
    return f"but {package} may be imported in {home} only{where}"


def modules(folder: Path) -> dict[str, Path]:
    """Every module below a folder of the package by its dotted name; packages go by their own."""
    root = next(parent.parent for parent in (folder, *folder.parents) if parent.name == PACKAGE)
    found = {}
    for path in sorted(folder.rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def arrows(folder: Path) -> dict[str, dict[str, int]]:
    """By module below a folder, which others there it imports, in functions and for types too; and where."""
    known, found = modules(folder), {}
    for module, path in known.items():
        targets: dict[str, int] = {}
        for imported in imports(path.read_text(encoding="utf-8"), module, path.name == "__init__.py"):
            target = next((name for name in _outward(imported.name) if name in known), module)
            if target != module:
                targets.setdefault(target, imported.line)
        found[module] = targets
    return found


def _outward(name: str) -> Iterator[str]:
    while name:
        yield name
        name = name.rpartition(".")[0]


def circles(folder: Path) -> list[str]:
    """A line for every circle of modules below a folder that lead to one another."""
    leads = {module: set(targets) for module, targets in arrows(folder).items()}
    for via in leads:
        for targets in leads.values():
            if via in targets:
                targets |= leads[via]
    rings = {frozenset(other for other in targets if module in leads[other])
             for module, targets in leads.items() if module in targets}  # fmt: skip
    return sorted(f"these import one another in a circle: {', '.join(sorted(ring))}" for ring in rings)


def upward(folder: Path, floors: Sequence[Iterable[str]]) -> list[str]:
    """A line for every import below a folder that leads to a room on a higher floor, or beside its own.

    A room is a folder in the folder, or a file right there, by its name. A line, too, for a room without a
    floor.
    """
    floor_of = {room: floor for floor, rooms in enumerate(floors) for room in rooms}
    known, broken = modules(folder), []
    room_of = {module: path.relative_to(folder).with_suffix("").parts[0] for module, path in known.items()}
    for room in sorted({*room_of.values()} - floor_of.keys()):
        broken.append(f"{folder.name}/{room}: no floor is known for it; give it one")
    for module, targets in arrows(folder).items():
        here = room_of[module]
        for target, line in targets.items():
            there = room_of[target]
            if here != there and floor_of.get(there, -1) >= floor_of.get(here, len(floor_of)):
                where = f"{folder.name}/{known[module].relative_to(folder)}:{line}"
                broken.append(f"{where}: imports {target}, upward from {here} to {there}")
    return broken


def named_twice(root: Path) -> dict[str, list[str]]:
    """The names that several classes of the package have, those for its inside left out; and their files."""
    found: dict[str, list[str]] = {}
    for path in sorted((root / PACKAGE).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                found.setdefault(node.name, []).append(str(path.relative_to(root)))
    return {name: files for name, files in found.items() if len(files) > 1}


@dataclass
class Typed:
    """How many parameters the functions of a room have, and how many of those may be anything."""

    parameters: int = 0
    anything: int = 0
    untyped: list[str] = field(default_factory=list)
    """Where a parameter without a type stands."""

    @property
    def share(self) -> float:
        return self.anything / max(1, self.parameters)


def typed(root: Path) -> dict[str, Typed]:
    """By room, the parameters that have a type, and those among them that are `Any`."""
    found: dict[str, Typed] = {}
    for path in sorted((root / PACKAGE).rglob("*.py")):
        room = found.setdefault(path.relative_to(root / PACKAGE).with_suffix("").parts[0], Typed())
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                for each in _parameters(node.args):
                    if each.annotation is None:
                        room.untyped.append(f"{path.relative_to(root)}:{each.lineno}: {each.arg}")
                    else:
                        room.parameters += 1
                        room.anything += "Any" in _alternatives(each.annotation)
    return found


def _parameters(given: ast.arguments) -> Iterator[ast.arg]:
    """All but what a method is bound to."""
    plain = [*given.posonlyargs, *given.args]
    yield from plain[1:] if plain and plain[0].arg in ("self", "cls") else plain
    yield from (each for each in (given.vararg, *given.kwonlyargs, given.kwarg) if each is not None)


def _alternatives(annotation: ast.expr) -> set[str]:
    if isinstance(annotation, ast.BinOp):
        return _alternatives(annotation.left) | _alternatives(annotation.right)
    return {ast.unparse(annotation)}


def written_from_outside(files: Iterable[Path], owner: Path, name: str) -> list[str]:
    """A line for every attribute that `files` assign, delete or `setattr` of an object of a class of `owner`.

    Such an object is called after the class, as `training`, or is a `process`, whatever the attribute. By an
    attribute that the class makes, anything is known for one, but what layers see of a step.
    """
    own = attributes(owner, name)
    called = {name.lower(), "process"}
    return [
        f"{path.name}:{node.lineno}: writes {ast.unparse(node)}"
        for path in files
        if path != owner
        for node in _written(ast.parse(path.read_text(encoding="utf-8")))
        if _last_name(node.value) in called
        or (node.attr in own and _last_name(node.value) not in ("self", "at", "slots"))
    ]


def attributes(path: Path, name: str) -> set[str]:
    """What a class sets of its own `self`."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    kind = next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name)
    return {node.attr for node in _written(kind) if _last_name(node.value) == "self"}


def _written(tree: ast.AST) -> Iterator[ast.Attribute]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store | ast.Del):
            yield node
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("setattr", "delattr"):
            attribute = node.args[1].value if isinstance(node.args[1], ast.Constant) else "..."
            made = ast.Attribute(node.args[0], str(attribute), ast.Store())
            yield ast.copy_location(made, node)


def _last_name(node: ast.expr) -> str:
    if isinstance(node, ast.Subscript):
        return _last_name(node.value)
    return getattr(node, "attr", getattr(node, "id", ""))


def long_files(root: Path) -> list[str]:
    """A line for every Python file of the repository past the longest length."""
    counted = [
        (path, path.read_text(encoding="utf-8").count("\n")) for path in tracked(root) if path.suffix == ".py"
    ]
    return [f"{path.relative_to(root)}: {lines} lines" for path, lines in counted if lines > LONGEST_FILE]


def machine_paths(root: Path) -> list[str]:
    """A line for every mention of a path of one particular machine in the repository's text."""
    found = []
    for path in tracked(root):
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        for number, line in enumerate(text.splitlines(), start=1):
            if match := MACHINE_PATHS.search(line):
                found.append(f"{path.relative_to(root)}:{number}: {match.group()}")
    return found


def tracked(root: Path) -> list[Path]:
    """The repository's files: what git tracks or would track; without git, what is not hidden."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(command, cwd=root, capture_output=True, check=True, text=True).stdout
        paths = [root / name for name in listed.split("\0") if name]
    except (OSError, subprocess.CalledProcessError):
        relative = (path.relative_to(root) for path in sorted(root.rglob("*")))
        paths = [root / name for name in relative if not any(part[0] in "._" for part in name.parts[:-1])]
    return [path for path in paths if path.is_file()]
