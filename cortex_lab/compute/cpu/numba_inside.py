"""All that leans on Numba's inside: how it compiles, what it keeps on disk, where it looks for arguments.

None of it is promised to stay. `check` asks at start-up whether this release is as the code here takes it to
be; nothing else of the project imports names that Numba keeps to itself.
"""

from __future__ import annotations

import gc
import hashlib
import pickle
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from llvmlite import ir
from llvmlite.binding import Linkage
from numba import types
from numba.core import event
from numba.core.base import BaseContext as Context
from numba.core.caching import FunctionCache, IndexDataCacheFile
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler, DefaultPassBuilder
from numba.core.compiler_lock import global_compiler_lock
from numba.core.compiler_machinery import PassManager, register_pass
from numba.core.datamodel.registry import default_manager
from numba.core.funcdesc import FunctionDescriptor
from numba.core.lowering import Lower
from numba.core.registry import CPUDispatcher, cpu_target
from numba.core.typed_passes import NativeLowering
from numba.core.typing.templates import Signature

from cortex_lab.ground import forks
from cortex_lab.ground.forks import cached_property

_WORD = ir.IntType(64)
_ROW = ir.PointerType(_WORD)
_STATUS = ir.FunctionType(_WORD, [_ROW])

ARRAY = ("meminfo", "parent", "nitems", "itemsize", "data", "shape", "strides")
"""An array's members, in the order of `calling_convention.words_of`."""
ARGUMENTS: dict[Any, list[str]] = {
    types.Array(types.float32, 2, "C"): ["i8*", "i8*", "i64", "i64", "float*", *["i64"] * 4],
    types.UniTuple(types.int64, 2): ["i64", "i64"],
    types.int64: ["i64"],
    types.float32: ["float"],
    types.float64: ["double"],
    types.boolean: ["i8"],
}
"""What each kind of argument is handed to machine code as."""


# In a child that was forked while another thread compiled, nobody could.
with suppress(AttributeError):
    forks.freed(global_compiler_lock._lock)


# Dispatchers --------------------------------------------------------------------------------------


@contextmanager
def _without_collecting() -> Iterator[None]:
    """No search for garbage meanwhile: a compiler makes a million objects, and hardly any are garbage yet."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


class _Library(JITCodeLibrary):
    """Machine code with copies of its own of all that it calls.

    Numba leaves such copies to be shared, and the linker takes whichever is there first: where a function was
    compiled in this process its own code, else its caller's copy, which was optimized once more among other
    code. Both are right, but sums in them may be in another order: bits would depend on who compiled.
    """

    def _optimize_final_module(self) -> None:
        for function in self._final_module.functions:
            if not function.is_declaration and function.linkage == Linkage.linkonce_odr:
                function.linkage = "internal"
        super()._optimize_final_module()


class OwnCode(Compiler):
    """Numba's passes, into a `_Library`."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        if self.state.library is None:
            self.state.library = _Library(self.state.targetctx.codegen(), type(self).__name__)
            self.state.library.enable_object_caching()


class _Compiler(CPUDispatcher):
    def compile(self, sig: Signature | tuple[Any, ...]) -> Any:
        with _without_collecting():
            return super().compile(sig)


class CompiledForPython(_Compiler):
    """A function for Python to call; to other compiled functions it is its `part`."""

    @property
    def _numba_type_(self) -> Any:
        return types.Dispatcher(self.part)

    @cached_property
    def part(self) -> Any:
        # Not for Python, which would jump to address 0.
        options = {**self.targetoptions, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
        return kept(_Part(self.py_func, targetoptions=options, pipeline_class=OwnCode), "-part")


class _Part(_Compiler):
    """A function that compiled functions call: one version for a number and for a literal."""

    def get_call_template(self, args: Any, kws: Any) -> Any:
        # Numba would compile it anew for every constant it is called with.
        return super().get_call_template(tuple(types.unliteral(each) for each in args), kws)


class Piecework(CompiledForPython):
    """A function for workers, who enter it through `entry`; to other compiled functions it is its `part`."""

    @cached_property
    def entries(self) -> dict[tuple[Any, ...], int]:
        """Addresses of the entries made so far, by the kinds of their arguments."""
        return {}

    def entry(self, signature: tuple[Any, ...]) -> int:
        """The address of the entry for arguments of these Numba types, compiled if need be."""
        if signature not in self.overloads:
            self.compile(signature)
        made: Any = self.overloads[signature]
        return made.library.get_pointer_to_function(made.fndesc.llvm_cfunc_wrapper_name)

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        raise TypeError(f"{self.py_func.__name__} has no way in for Python; `work` makes what calls it")


# The entry ----------------------------------------------------------------------------------------


class _Lower(Lower):
    def create_cfunc_wrapper(self) -> None:
        """Where Numba makes an entry for C, the one for workers: status = entry(row of words)."""
        context, described = self.context, self.fndesc
        convention = context.call_conv
        module = context.create_module("entry")
        kind = convention.get_function_type(described.restype, described.argtypes)
        function = ir.Function(module, kind, described.llvm_func_name)
        entry = ir.Function(module, _STATUS, described.llvm_cfunc_wrapper_name)
        builder = ir.IRBuilder(entry.append_basic_block("entry"))
        # The first two are where results and errors go.
        first = [builder.alloca(argument.pointee) for argument in kind.args[:2]]
        rest = [
            _taken(builder, builder.load(builder.gep(entry.args[0], [ir.Constant(_WORD, place)])), argument)
            for place, argument in enumerate(kind.args[2:])
        ]
        # Written into the entry, it would be there twice: here and for compiled functions that call it.
        status = builder.call(function, first + rest, attrs=("noinline",))
        builder.ret(builder.sext(status, _WORD))
        self.library.add_ir_module(module)


def _taken(builder: ir.IRBuilder, word: ir.NamedValue, kind: ir.Type) -> Any:
    """The value of LLVM's type `kind` that a word holds."""
    if isinstance(kind, ir.PointerType):
        return builder.inttoptr(word, kind)
    if isinstance(kind, ir.DoubleType):
        return builder.bitcast(word, kind)
    if isinstance(kind, ir.FloatType):
        return builder.bitcast(builder.trunc(word, ir.IntType(32)), kind)
    return word if kind == _WORD else builder.trunc(word, kind)


@register_pass(mutates_CFG=True, analysis_only=False)
class _Lowering(NativeLowering):
    _name = "lowering_with_entry"

    @property
    def lowering_class(self) -> Any:
        return _Lower


class WithEntry(OwnCode):
    """Numba's passes, except for the one that writes the ways into a function."""

    def define_pipelines(self) -> list[Any]:
        usual = DefaultPassBuilder.define_nopython_pipeline(self.state)
        passes = PassManager("with_entry")
        for made, what in usual.passes:
            passes.add_pass(_Lowering if made is NativeLowering else made, what)
        passes.finalize()
        return [passes]


# Machine code on disk -----------------------------------------------------------------------------


def kept(dispatcher: Any, suffix: str) -> Any:
    """`dispatcher`, which now keeps what it compiles on disk, in files named with `suffix`.

    Only if it is one of ours: nothing tells when a function of somebody else has changed (`_Cache`).
    """
    if Path(dispatcher.py_func.__code__.co_filename).resolve() in _OURS:
        # RuntimeError: no folder to write to. Then each process compiles for itself.
        with suppress(RuntimeError, OSError):
            dispatcher._cache = _Cache(dispatcher.py_func, suffix)
    return dispatcher


def sources() -> list[Path]:
    """All that machine code may come from: compiled functions, and modules whose constants they freeze."""
    ground = [Path(forks.__file__), Path(forks.__file__).with_name("__init__.py")]
    return sorted([*Path(__file__).parents[1].rglob("*.py"), *ground])


def _digest_of_sources() -> str:
    digest = hashlib.sha256()
    for path in sources():
        digest.update(path.read_bytes())
    return digest.hexdigest()


_SOURCES = _digest_of_sources()
_OURS = frozenset(path.resolve() for path in sources())


class _Cache(FunctionCache):
    """Numba's function cache, keyed by the text of all of `sources` and deaf to every error of the disk.

    Numba asks for the date of one file only, and would keep a kernel whose helper in another file changed.
    Its own version, the processor and what it can do are in its key already.
    """

    def __init__(self, function: Callable[..., Any], suffix: str) -> None:
        super().__init__(function)
        name = self._impl.filename_base + suffix
        self._cache_file = _CheckedFile(self._cache_path, name, _SOURCES)

    def load_overload(self, sig: Signature | tuple[Any, ...], target_context: Context) -> Any:
        try:
            return super().load_overload(sig, target_context)
        except Exception:
            with suppress(Exception):
                self.flush()
            return None

    def save_overload(self, sig: Signature | tuple[Any, ...], data: Any) -> None:
        with suppress(Exception):
            super().save_overload(sig, data)


class _CheckedFile(IndexDataCacheFile):
    """Machine code is handed to the linker only if every byte is what was written, and for these arguments.

    Of two processes that compile a function for different arguments at the same time, the one may overwrite
    what the other's index names.
    """

    def save(self, key: Any, data: Any) -> None:
        super().save(key, (key, data))

    def load(self, key: Any) -> Any:
        found = super().load(key)
        if found is None:
            return None
        kept, data = found
        if kept != key:
            raise OSError("another process wrote over it")
        return data

    def _save_data(self, name: str, data: Any) -> None:
        content = self._dump(data)
        with self._open_for_write(self._data_path(name)) as file:
            file.write(hashlib.sha256(content).digest() + content)

    def _load_data(self, name: str) -> Any:
        content = Path(self._data_path(name)).read_bytes()
        if hashlib.sha256(content[32:]).digest() != content[:32]:
            raise OSError(f"{name} is damaged")
        return pickle.loads(content[32:])


def _told_where() -> Any:
    # Jupyter shows what goes to stderr in a red box, as if something had gone wrong.
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return sys.stdout if hasattr(shell, "kernel") else sys.stderr


class _Announcement(event.Listener):
    """Says once per process that kernels are being compiled, when the first of ours is."""

    def __init__(self) -> None:
        self.said = False

    def on_start(self, happening: event.Event) -> None:
        details = happening.data or {}
        function = getattr(details.get("dispatcher"), "py_func", None)
        # What a user makes with exec() may have None for a module.
        module = getattr(function, "__module__", None) or ""
        if not self.said and module.startswith(__package__ or "-"):
            self.said = True
            print(
                "cortex_lab is compiling its CPU kernels: some seconds, the first time on this machine.",
                file=_told_where(),
                flush=True,
            )

    def on_end(self, happening: event.Event) -> None:
        pass


event.register("numba:compile", _Announcement())


# Asked before anything relies on it ---------------------------------------------------------------


def get_ready() -> None:
    """Load what Numba needs before it can run the first compiled function."""
    target: Any = cpu_target
    target.typing_context.refresh()
    target.target_context.refresh()


def check() -> None:
    """RuntimeError, or what a missing name raises, unless entries find arguments where `words_of` puts them.

    Were they to lie elsewhere in another release, kernels would write to any memory.
    """
    for owner, name in ((Lower, "create_cfunc_wrapper"), (FunctionDescriptor, "llvm_cfunc_wrapper_name")):
        getattr(owner, name)
    array: Any = default_manager.lookup(types.Array(types.float32, 2, "C"))
    target: Any = cpu_target.target_context
    # The first two are where results and errors go.
    handed = target.call_conv.get_function_type(types.none, tuple(ARGUMENTS)).args[2:]
    wanted = [kind for kinds in ARGUMENTS.values() for kind in kinds]
    if tuple(array._fields) != ARRAY or [str(kind) for kind in handed] != wanted:
        raise RuntimeError("this Numba lays out arguments in another way")
