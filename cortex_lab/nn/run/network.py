"""A graph with parameters on a backend."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from cortex_lab.compute import Ops, as_ops
from cortex_lab.ground import checks
from cortex_lab.ground.habits import told
from cortex_lab.nn.contract.initializers import AT_RANDOM, fans, for_activation, resolve
from cortex_lab.nn.contract.layer import Parameter
from cortex_lab.nn.graph.description import Entry
from cortex_lab.nn.graph.graph import Graph
from cortex_lab.nn.run import saving
from cortex_lab.nn.run.answers import LayerName, LayerNames, NetworkAnswers
from cortex_lab.nn.run.arrays import Arrays
from cortex_lab.nn.run.checking import checked
from cortex_lab.nn.run.executor import Bound, Executor
from cortex_lab.nn.run.gradients import gradient_of
from cortex_lab.nn.run.ids import reads_ids
from cortex_lab.nn.run.memory import as_many_as_fit
from cortex_lab.nn.run.pickled import Pickled
from cortex_lab.nn.run.pictures import as_picture, picture_inputs, refuse_other_scale
from cortex_lab.nn.run.plan import Plan
from cortex_lab.nn.run.room import room_for
from cortex_lab.nn.run.turns import Turns

EVALUATION_ROWS = 256


class Network(NetworkAnswers, Pickled):
    """Layers bound to parameters: describes itself, predicts, and is what a Training trains.

    Parameters
    ----------
    layers
        A list of layers for a chain, with `Node`s and `Block`s for anything else, or a `Graph`.
    input_shape
        Shape of one row of the input, or a mapping of input names to shapes.
    outputs
        Names of the output nodes; None means those that nothing reads.
    seed
        Keys the initial parameters, each node by its name's place, so equal descriptions start equal.
    ops
        "cpu", "gpu", "auto" (a GPU where one answers) or "reference", or an `Ops`.
    drawn
        False leaves at 0 what begins as random numbers, for one who has other weights to put there.

    `params` and `gradient` are flat vectors of all trained parameters, `state` of what persists untrained;
    `parameters`, `gradients` and `states` are named views into them; to change one, assign an array to it:
    `network.parameters["conv2d_1/kernel"] = array`. `pictures` names the inputs whose bytes (uint8) are seen
    as 0 to 1: see `seen`; `ids` those that are read as ids. `reads` are the columns of a table that it was
    trained on, by input name, `categories` what was in its columns of words, `preparations` what makes
    numbers of columns, by input name, and `classes` the names of what its outputs stand for, where `train`
    was told.

    Any number of threads may predict, also while another trains: each answer is that of one step, and
    the next update waits for it. `turns` sees to that: what changes weights holds `network.turns.lock`.
    """

    graph: Graph
    ops: Ops
    seed: int
    pictures: frozenset[str]
    ids: frozenset[str]
    params: Any
    gradient: Any
    state: Any
    turns: Turns
    parameters: Arrays
    gradients: Arrays
    states: Arrays
    reads: dict[str, list]
    categories: dict[Any, list[str]]
    preparations: dict[str, Any]
    # The labels of one output; by name of several.
    classes: list[str] | dict[str, list[str]] | None
    # What the weights were when it was given names that were not learned yet.
    named_at: int | None

    @told
    def __init__(
        self,
        layers: Graph | Iterable[Entry],
        input_shape: Sequence[int] | Mapping[str, Sequence[int]] | int | None = None,
        outputs: Sequence[str] | None = None,
        *,
        seed: int = 0,
        ops: str | Ops = "cpu",
        drawn: bool = True,
    ) -> None:
        if isinstance(layers, Graph):
            self.graph = layers
        elif input_shape is None:
            raise ValueError("Network needs the shape of one input row: input_shape=dataset.input_shape")
        else:
            self.graph = Graph.build(layers, input_shape, outputs)
        self.ops = as_ops(ops)
        self.seed = checks.seed("seed", seed)
        self.pictures = picture_inputs(self.graph)
        self.ids = frozenset(name for name in self.graph.inputs if reads_ids(self.graph, name))
        nodes = self.graph.nodes.values()
        self._specs = {
            f"{node.name}/{key}": spec
            for node in nodes
            if node.shares is None
            for key, spec in node.layer.parameters(*node.in_shapes).items()
        }
        self._state_specs = {
            f"{node.name}/{key}": spec
            for node in nodes
            for key, spec in node.layer.state(*node.in_shapes).items()
        }
        if _total(self._specs) >= 2**31:
            raise ValueError(
                f"the network would have {_total(self._specs):,} parameters, more than 2**31; look at "
                "input_shape, and at the layers with most: Graph.build(layers, input_shape)"
            )
        self.params, self.gradient = (self.ops.zeros((_total(self._specs),)) for _ in range(2))
        self.state = self.ops.zeros((_total(self._state_specs),))
        self.turns = Turns()
        self.parameters = Arrays.of(self.params, self._specs, self.ops, self.turns)
        self.gradients = Arrays.of(self.gradient, self._specs, self.ops, self.turns)
        self.states = Arrays.of(self.state, self._state_specs, self.ops, self.turns)
        self._shared = self._shared_gradients()
        self._evaluators: dict[tuple[int | str, ...], list[Executor]] = {}
        self._begin(seed, checks.flag("drawn", drawn))

    @property
    def layers(self) -> list[str]:
        """Names of the nodes, in the order they run."""
        return LayerNames(map(LayerName, self.graph.nodes))

    def initialize(self, seed: int) -> None:
        """Draw all parameters anew; the network then knows no columns or classes."""
        self._begin(checks.seed("seed", seed), True)

    def _begin(self, seed: int, drawn: bool) -> None:
        self.reads, self.categories, self.preparations = {}, {}, {}
        self.classes, self.named_at = None, None
        self.saw_bytes, self.saw_large = frozenset(), frozenset()
        with self.turns.lock:
            self.turns.await_readers()
            for index, (name, spec) in enumerate({**self._specs, **self._state_specs}.items()):
                random = np.random.Generator(np.random.Philox(key=[seed, index]))
                initializer = spec.initializer
                if initializer is None:
                    initializer = for_activation(self.graph.next_activation(name.split("/")[0]))
                initializer = resolve(initializer)
                if not drawn and isinstance(initializer, AT_RANDOM):
                    continue
                values = initializer.draw(spec.shape, spec.fan or fans(spec.shape), random)
                target = self.parameters[name] if name in self.parameters else self.states[name]
                target[...] = self.ops.asarray(values)

    def digest(self, array: np.ndarray) -> int:
        """What one of its arrays holds, in 64 bits."""
        dtype = getattr(array, "dtype", None)
        if not isinstance(dtype, np.dtype) or dtype.kind not in "fiu" or dtype.itemsize % 4:
            raise checks.refused("array", "one of its arrays, such as network.params", array)
        return self.ops.checksum(array.reshape(-1).view(np.uint32))

    def executor(self, plan: Plan, capacity: int) -> Executor:
        """Memory for `plan` and up to `capacity` rows, bound to this network's parameters."""
        return Executor(plan, self.ops, {name: self.arrays(name) for name in self.graph.nodes}, capacity)

    def arrays(self, name: str) -> dict[str, Any]:
        """What node `name` sees of the parameters: each `p`, its gradient `d_p`, and its state."""
        owner = self.graph.nodes[name].shares or name
        arrays = {}
        for key in self._keys(owner, self._specs):
            arrays[key] = self.parameters[f"{owner}/{key}"]
            arrays[f"d_{key}"] = self._shared.get(f"{owner}/{key}", {}).get(
                name, self.gradients[f"{owner}/{key}"]
            )
        for key in self._keys(name, self._state_specs):
            arrays[key] = self.states[f"{name}/{key}"]
        return arrays

    @property
    def shares_parameters(self) -> bool:
        """Whether some nodes use the parameters of others."""
        return bool(self._shared)

    def gather_gradients(self) -> None:
        """Sum what the nodes that share a parameter found for it; run once after a backward pass."""
        for name, shares in self._shared.items():
            total, (first, *others) = self.gradients[name], shares.values()
            self.ops.copy(first, out=total)
            for share in others:
                self.ops.add(total, share, out=total)

    @told
    def predict(self, x: object) -> Any:
        """Outputs for rows `x`, as NumPy: an array (rows, ...), or a dict of them for several outputs.

        `x` is an array (rows, *input_shape), a dict of them by input name, a Dataset or a frame. Of a table,
        the columns that the network was trained on are read, by name.
        """
        outputs = self._evaluate(x, ())
        return outputs if len(outputs) > 1 else next(iter(outputs.values()))

    @told
    def __call__(self, x: object) -> Any:
        """What `predict` says of rows `x`."""
        return self.predict(x)

    def activations(self, x: object, layers: Collection[str] | None = None) -> dict[str, np.ndarray]:
        """Outputs of the named layers (all by default) for rows `x`, by name: arrays (rows, *out_shape).

        For many rows they share one piece of memory, which goes when the last of them does.
        """
        wanted = self.layers
        if layers is not None:
            wanted = checks.listed("layers", layers, "a list of the names of layers, such as ['dense_1']")
        for name in wanted:
            if checks.text("a name in layers", name, "dense_1") not in self.graph.nodes:
                raise KeyError(f"there is no layer {name!r}; there are {', '.join(self.layers)}")
        found = self._evaluate(x, tuple(wanted))
        return {name: found[name] for name in wanted}

    @told
    def gradient_of(
        self,
        output: str | None = None,
        wrt: str = "input",
        *,
        rows: ArrayLike | None = None,
        unit: object = None,
        per_row: bool = True,
    ) -> np.ndarray:
        """The gradient of an output for `rows` with respect to `wrt`, as NumPy: what would change it, how.

            network.gradient_of("head", wrt="conv2d_1", rows=x, unit=3)

        `output` is a node, None the only output; of it `unit` is asked, a number or one for each row, None
        for the sum of all. `wrt` is an input, a node (its output) or a parameter such as "dense_1/kernel".
        Each row has a gradient of its own, (rows, *shape of wrt); without `per_row` they are summed. The
        network is that of `predict`: nothing is dropped, statistics are those learned. Of bytes that are
        pictures it is the gradient of what they are seen as, 0 to 1.
        """
        return gradient_of(self, output, wrt, rows, unit, checks.flag("per_row", per_row))

    def evaluate_batches(
        self,
        inputs: Mapping[str, np.ndarray],
        visit: Callable[[slice, Bound], None],
        keep: tuple[str, ...] = (),
    ) -> None:
        """Run the forward pass over `inputs` in pieces, all with the weights of one moment.

        After each, `visit(rows, bound)` is called with the piece's rows and its bound buffers.
        """
        rows = len(next(iter(inputs.values())))
        # What a kernel is cut into is found out once, so each way of cutting has executors of its own.
        free = self._evaluators.setdefault((self.ops.backend.cutting(), *keep), [])
        executor = self._borrowed(free, keep, min(rows, EVALUATION_ROWS))

        def run() -> None:
            for start in range(0, rows, executor.capacity):
                part = slice(start, min(start + executor.capacity, rows))
                visit(part, self._run(executor, inputs, part))

        try:
            self.turns.reading(run)
        finally:
            free.append(executor)

    def seen(self, name: str, values: object) -> Any:
        """Values of the input `name` as the network sees them, in training as everywhere else.

        Bytes are a picture, and become float32 from 0 to 1, if rows of the input are (height, width) or
        (height, width, channels) and none of the layers that read it takes bytes as they are, as `Embedding`
        does. Everything else, rows (features,) of bytes too, stays the numbers that it is.
        """
        return as_picture(values) if name in self.pictures else values

    def checked_inputs(self, x: object, data_rows: ArrayLike | None = None) -> dict[str, np.ndarray]:
        """`x` as arrays by input name; ValueError naming the input that does not fit.

        Ids that a table does not have are named with their rows, which are `data_rows` of the data, if given.
        """
        return checked(self, x, data_rows)

    def save(self, path: str | os.PathLike) -> None:
        """Description, weights and state in one HDF5 file, written whole or not at all.

        OSError that says why if it cannot be written.
        """

        def save() -> None:
            description, arrays = saving.describe_network(self)
            saving.write(path, {"kind": "network", **description}, arrays)

        self.turns.reading(save)

    @classmethod
    def load(cls, path: str | os.PathLike, ops: str | Ops = "cpu") -> Network:
        """The network that `save` wrote (also out of a saved training); `DamagedFile` if it is not whole."""
        return saving.loaded(cls, path, as_ops(ops))

    def copy(self) -> Network:
        """A network of its own with the same weights."""
        twin = Network(self.graph, seed=self.seed, ops=self.ops, drawn=False)
        pairs = ((self.params, twin.params), (self.state, twin.state))
        self.turns.reading(lambda: [self.ops.copy(ours, out=theirs) for ours, theirs in pairs])
        for name in self.settable:
            setattr(twin, name, getattr(self, name))
        return twin

    def cut(self, at: str, then: Iterable[Entry] = (), seed: int | None = None) -> Network:
        """A new network: this one up to node `at`, with its weights, and the layers `then` on top.

        For fine-tuning: `net.cut("flatten_1", then=[Dense(5)])`. New layers start afresh from `seed`.
        """
        network = Network(self.graph.cut(at, then), seed=self.seed if seed is None else seed, ops=self.ops)
        network.reads = {name: self.reads[name] for name in network.graph.inputs if name in self.reads}
        network.categories = self.categories
        known = self.preparations
        network.preparations = {name: known[name] for name in network.graph.inputs if name in known}
        network.saw_bytes = self.saw_bytes & set(network.graph.inputs)
        network.saw_large = self.saw_large & set(network.graph.inputs)
        kept = set(self.graph.ancestors(at))
        pairs = [
            (ours[name], theirs[name])
            for ours, theirs in ((self.parameters, network.parameters), (self.states, network.states))
            for name in theirs
            if name.split("/")[0] in kept
        ]
        self.turns.reading(lambda: [self.ops.copy(ours, out=theirs) for ours, theirs in pairs])
        return network

    def summary(self) -> Any:
        """A table of the layers: output shapes, parameters, multiply-adds. Prints and draws itself."""
        from cortex_lab.nn.graph.summary import Summary

        return Summary(self)

    def __repr__(self) -> str:
        return str(self.summary())

    def _repr_html_(self) -> str:
        return self.summary()._repr_html_()

    def _shared_gradients(self) -> dict[str, dict[str, Any]]:
        """For each shared parameter, room for the gradient that each of its nodes finds."""
        shared: dict[str, dict[str, Any]] = {}
        for node in self.graph.nodes.values():
            for name, spec in self._specs.items():
                if node.shares is not None and name.split("/")[0] == node.shares:
                    shares = shared.setdefault(name, {node.shares: self.ops.zeros(spec.shape)})
                    shares[node.name] = self.ops.zeros(spec.shape)
        return shared

    def _evaluate(self, x: object, keep: tuple[str, ...]) -> dict[str, np.ndarray]:
        inputs = self.checked_inputs(x)
        refuse_other_scale(self, inputs)
        results: dict[str, np.ndarray] = {}

        def gather(part: slice, bound: Bound) -> None:
            wanted = keep or self.graph.outputs
            found = {name: self.ops.to_numpy(bound.buffers[name]) for name in wanted}
            if not results:
                results.update(room_for(len(next(iter(inputs.values()))), found))
            for name, values in found.items():
                results[name][part] = values

        self.evaluate_batches(inputs, gather, keep)
        return results

    def _borrowed(self, free: list[Executor], keep: tuple[str, ...], capacity: int) -> Executor:
        """An executor that nobody else uses until it is back among those that are free."""
        try:
            executor = free.pop()
        except IndexError:
            return as_many_as_fit(self.executor, Plan.inference(self.graph, keep), capacity)
        return executor if executor.capacity >= capacity else self._borrowed(free, keep, capacity)

    def _run(self, executor: Executor, inputs: Mapping[str, np.ndarray], part: slice) -> Bound:
        bound = executor.bind(part.stop - part.start)
        for name, values in inputs.items():
            seen = self.seen(name, values[part])
            bound.buffers[name][...] = self.ops.asarray(seen, bound.buffers[name].dtype)
        self.ops.flushed(lambda: [run() for _, run in bound.steps if run is not None])
        return bound

    @staticmethod
    def _keys(name: str, specs: Mapping[str, Parameter]) -> list[str]:
        return [key.split("/")[1] for key in specs if key.split("/")[0] == name]


def _total(specs: Mapping[str, Parameter]) -> int:
    return sum(math.prod(spec.shape) for spec in specs.values())
