"""What a model of Keras or PyTorch gives at each layer for an input, to be compared with `verify`."""

from __future__ import annotations

import functools
import importlib
import inspect
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from cortex_lab.interop.recording import RecordedLayers

ROWS = 2
Put = Callable[[str, Any], None]


def record(model: object, inputs: object = None, *, rows: int = ROWS, seed: int = 0) -> RecordedLayers:
    """The outputs of every layer of `model` for `inputs`, an array or several; None draws some rows of them.

    `model` is a model of Keras or a module of PyTorch, which then needs inputs. Layers of a model inside are
    called "model.layer", call number k of a layer "layer@k". Pictures of PyTorch, (rows, channels, height,
    width), are turned to (rows, height, width, channels).
    """
    if any(kind.__module__.partition(".")[0] == "keras" for kind in type(model).__mro__):
        return _of_keras(model, inputs, rows, seed)
    if any(kind.__module__.partition(".")[0] == "torch" for kind in type(model).__mro__):
        return _of_torch(model, inputs)
    raise TypeError(f"record takes a model of Keras or a module of PyTorch, got {type(model).__name__}")


def write_recording(
    source: str, path: str | os.PathLike, *, rows: int = ROWS, seed: int = 0
) -> RecordedLayers:
    """Record the model that `source` names, and save it at `path`.

    `source` is a file that Keras reads, or "module:function", whose function gives a model, or a model and
    its inputs. Files with pickles in them are not opened.
    """
    inputs = None
    if ":" in source and not os.path.exists(source):
        module, _, function = source.partition(":")
        model: Any = importlib.import_module(module)
        for name in function.split("."):
            if not hasattr(model, name):
                raise AttributeError(f"there is no {name!r} in {module}: name module:function")
            model = getattr(model, name)
        if inspect.isroutine(model) or inspect.isclass(model):
            model = model()
        if isinstance(model, tuple):
            model, inputs = model
    else:
        model = _keras_model(source)
    recording = record(model, inputs, rows=rows, seed=seed)
    recording.save(path)
    return recording


def _keras_model(path: str) -> Any:
    if not os.path.exists(path):
        raise FileNotFoundError(f"there is no file {path}")
    if not path.endswith((".keras", ".h5", ".hdf5")):
        raise ValueError(f"{path} is no file of Keras; name a .keras or .h5 file, or module:function")
    os.environ.setdefault("KERAS_BACKEND", "jax")
    try:
        import keras
    except ImportError as error:
        raise ImportError(f"recording needs Keras: pip install 'cortex-lab[bench]' ({error})") from error
    return keras.saving.load_model(path, compile=False, safe_mode=True)


def _of_keras(model: Any, inputs: Any, rows: int, seed: int) -> RecordedLayers:
    names = [each.name.partition(":")[0] for each in model.inputs]
    if inputs is None:
        inputs = [_drawn(each, rows, np.random.default_rng([seed, k])) for k, each in enumerate(model.inputs)]
    elif isinstance(inputs, Mapping):
        inputs = [inputs[name] for name in names]
    elif not isinstance(inputs, (list, tuple)):
        inputs = [inputs]
    given = {name: np.asarray(value) for name, value in zip(names, inputs, strict=True)}
    found: dict[str, np.ndarray] = {}

    def put(name: str, value: object) -> None:
        if isinstance(value, (list, tuple)):
            for place, each in enumerate(value):
                put(name if not place else f"{name}#{place}", each)
        elif (array := _numbers(value)).dtype != bool:
            # Masks are no outputs.
            found[name] = array

    with _watched(_keras_layers(model), put):
        model(list(given.values()) if len(given) > 1 else next(iter(given.values())), training=False)
    return RecordedLayers(given, found)


@dataclass(frozen=True)
class _Watched:
    """A layer, and for each model around it, outermost first, the numbers of its calls as they run."""

    layer: Any
    orders: tuple[tuple[int, ...], ...]

    def number(self, count: int) -> int:
        """The number, as files count calls, of what is called after `count` others."""
        return _number(count, self.orders)


def _number(count: int, orders: tuple[tuple[int, ...], ...]) -> int:
    *outer, own = orders
    run, place = divmod(count, len(own))
    return (_number(run, tuple(outer)) if outer else run) * len(own) + own[place]


def _keras_layers(
    model: Any, prefix: str = "", orders: tuple[tuple[int, ...], ...] = ()
) -> dict[str, _Watched]:
    """The layers and operations by name, and those of the models in it."""
    found: dict[str, _Watched] = {}
    functional = type(model).__name__ != "Sequential"
    for layer in model.operations if functional else model.layers:
        name = f"{prefix}{layer.name}"
        around = (*orders, _calls_of(model, layer) if functional else (0,))
        if type(layer).__name__ in ("Sequential", "Functional"):
            found |= _keras_layers(layer, f"{name}.", around)
        elif type(layer).__name__ != "InputLayer":
            found[name] = _Watched(layer, around)
    return found


def _calls_of(model: Any, layer: Any) -> tuple[int, ...]:
    """The numbers of the calls of a layer in a functional model, in the order in which they run."""
    run = [
        node
        for depth in sorted(model._nodes_by_depth, reverse=True)
        for node in model._nodes_by_depth[depth]
        if node.operation is layer
    ]
    saved = [node for node in layer._inbound_nodes if any(node is each for each in run)]
    return tuple(next(k for k, other in enumerate(saved) if other is node) for node in run)


@contextmanager
def _watched(layers: Mapping[str, _Watched], put: Put) -> Iterator[None]:
    """While this lasts, what each layer returns is put down under its name."""
    calls: Counter[str] = Counter()

    def watch(name: str, each: _Watched) -> Callable[[], None]:
        own, layer = each.layer.call, each.layer

        @functools.wraps(own)
        def watched(*args: Any, **named: Any) -> Any:
            result = own(*args, **named)
            number = each.number(calls[name])
            calls[name] += 1
            put(f"{name}@{number}" if number else name, result)
            return result

        object.__setattr__(layer, "call", watched)
        return lambda: object.__delattr__(layer, "call")

    with ExitStack() as stack:
        for name, each in layers.items():
            stack.callback(watch(name, each))
        yield


def _drawn(tensor: Any, rows: int, random: np.random.Generator) -> np.ndarray:
    shape = (rows, *tensor.shape[1:])
    if None in shape:
        raise ValueError(f"the input {tensor.name} has open lengths, {tensor.shape}; give inputs=")
    if "int" in str(tensor.dtype):
        return random.integers(0, 3, shape).astype(np.int32)
    return random.normal(size=shape).astype(np.float32)


def _of_torch(model: Any, inputs: Any) -> RecordedLayers:
    import torch

    if inputs is None:
        raise ValueError("a module of PyTorch does not say what it reads; give inputs=")
    given: Sequence[Any] = inputs if isinstance(inputs, (list, tuple)) else [inputs]
    found: dict[str, np.ndarray] = {}
    calls: Counter[str] = Counter()

    def watch(name: str) -> Callable[..., None]:
        def hook(_: object, __: object, result: object) -> None:
            result = result[0] if isinstance(result, tuple) else result
            number = calls[name]
            calls[name] += 1
            found[f"{name}@{number}" if number else name] = _channels_last(_numbers(result))

        return hook

    leaves = {name: each for name, each in model.named_modules() if name and not list(each.children())}
    was_training = model.training
    model.eval()
    try:
        with ExitStack() as stack, torch.no_grad():
            for name, each in leaves.items():
                stack.callback(each.register_forward_hook(watch(name)).remove)
            model(*(torch.as_tensor(each) for each in given))
    finally:
        model.train(was_training)
    arrays = {f"input_{k}": _channels_last(_numbers(each)) for k, each in enumerate(given)}
    return RecordedLayers(arrays, found)


def _numbers(value: Any) -> np.ndarray:
    value = value.detach().cpu() if hasattr(value, "detach") else value
    return np.asarray(value)


def _channels_last(array: np.ndarray) -> np.ndarray:
    return np.moveaxis(array, 1, -1) if array.ndim == 4 else array
