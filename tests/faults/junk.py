"""Junk in place of every public argument: which calls there are, what is tried, and what may be taken."""

from __future__ import annotations

import contextlib
import dataclasses
import fnmatch
import inspect
import io
import signal
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import cortex_lab as cl
from cortex_lab.data import Batches, Dataset
from cortex_lab.nn.contract.initializers import INITIALIZERS, FromData, Identity, Orthogonal
from tests.faults import junk_rooms
from tests.faults.tally import Tally
from tests.nn.cases import CASES
from tests.nn.loss_cases import LOSS_CASES
from tests.optimize.cases import FUNCTION_CASES, OPTIMIZER_CASES, SCHEDULE_CASES

LONGEST = 5
"""Seconds of computing that a call with junk may take."""
CLEAR = (TypeError, ValueError, LookupError, FileNotFoundError)
PACKAGE = str(Path(cl.__file__).parent)

JUNK: dict[str, Any] = {
    "None": None, "True": True, "1.5": 1.5, "nan": float("nan"), "inf": float("inf"), "-1": -1, "0": 0,
    "2**31": 2**31, "2**32": 2**32, "2**63": 2**63, "2**64": 2**64, "10**400": 10**400, "empty text": "",
    "text": "x", "bytes": b"", "[]": [], "{}": {}, "(2.5,)": (2.5,), "object": object(),
    "lambda": lambda *_: 0, "complex": 1j, "class": dict, "array": np.zeros((2, 3)),
    "nan array": np.full(3, np.nan), "mask": np.array([True, False]), "deep": [[[[["x"]]]]],
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Call:
    """A call with arguments that fit, each of which may be replaced by junk."""

    name: str
    call: Callable[..., Any]
    arguments: dict[str, Any]
    state: Callable[[], Any] = lambda: None
    """What a refused call must leave as it is."""


def _descriptions() -> list[Any]:
    described = [case.layer for case in CASES] + [case.loss for case in LOSS_CASES]
    described += [case.optimizer for case in OPTIMIZER_CASES] + [*SCHEDULE_CASES]
    described += [case.function for case in FUNCTION_CASES]
    described += [*INITIALIZERS.values(), FromData((1.0, 2.0)), Identity(2.0), Orthogonal()]
    described += [cl.L1(0.1), cl.L2(0.2), cl.MaxNorm(3.0), cl.ReduceOnPlateau(), cl.Augmentation()]
    described += [cl.Penalties({"*": cl.L2()}), cl.Probe("loss"), cl.every(2), cl.distance_to([1.0])]
    described += [cl.steps(3), cl.epochs(2), cl.seconds(1), cl.below("loss", 1.0), cl.above("loss", 1.0)]
    described += [cl.stalled("loss", 3, "min", 0.1), cl.non_finite("loss"), cl.Expression("loss < 1")]
    return list({type(each): each for each in described}.values())


def described_calls() -> Iterator[Call]:
    """Every description that there is, made anew with one setting changed."""
    for each in _descriptions():
        settings = {f.name: getattr(each, f.name) for f in dataclasses.fields(each) if f.init}
        yield Call(type(each).__name__, type(each), settings)


def described_kinds() -> list[type]:
    return [type(each) for each in _descriptions()]


class World:
    """A small training, a descent and a dataset, to call things on."""

    def __init__(self) -> None:
        random = np.random.default_rng(0)
        self.x, self.y = random.normal(size=(12, 3)), np.arange(12) % 2
        self.frame = pd.DataFrame(self.x, columns=list("abc")).assign(y=self.y)
        self.dataset = Dataset(self.frame, ["a", "b", "c"], "y", name="small")
        self.network = cl.Network([cl.Dense(4, activation="relu"), cl.Dropout(0.5), cl.Dense(2)], (3,))
        self.held_out = cl.train(
            cl.Network([cl.Dense(2)], 3), self.dataset.split(test=0.25), "softmax_cross_entropy", cl.SGD(0.1),
            batch_size=4,
        )  # fmt: skip
        self.session = self.train(validation=None, batch_size=4)
        self.session.step(3)
        self.session.network.seed = 0

    def train(self, **options: Any) -> Any:
        return cl.train(self.network, (self.x, self.y), "softmax_cross_entropy", cl.SGD(0.1), **options)

    def stands(self) -> Any:
        session = self.session
        return (
            session.step_number, len(session.trace), len(session.events), session.phase,
            session.network.params.tobytes(), session.process.optimizer, session.process.hyperparameters,
        )  # fmt: skip

    def calls(self) -> Iterator[Call]:
        yield from self._training()
        yield from self._session()
        yield from self._others()
        for rooms in (junk_rooms.models(), junk_rooms.studies(), junk_rooms.benches(self.held_out)):
            yield from (Call(*each) for each in rooms)

    def _training(self) -> Iterator[Call]:
        network = {"layers": [cl.Dense(2)], "input_shape": (3,), "outputs": None, "seed": 0}
        network |= {"ops": "cpu", "drawn": True}
        yield Call("Network", cl.Network, network)
        fresh = cl.Network([cl.Dense(2)], 3)
        for name, given in {
            "initialize": {"seed": 0}, "predict": {"x": self.x}, "activations": {"x": self.x, "layers": None},
        }.items():  # fmt: skip
            yield Call(f"Network.{name}", getattr(fresh, name), given, lambda: fresh.seed)
        options = {
            name: parameter.default
            for name, parameter in inspect.signature(cl.train).parameters.items()
            if parameter.default is not parameter.empty
        }
        given = {"network": fresh, "data": (self.x, self.y), "loss": "softmax_cross_entropy"}
        yield Call(
            "train",
            cl.train,
            given | options | {"optimizer": cl.SGD(0.1), "batch_size": 4},
            fresh.params.tobytes,
        )
        batches = Batches(self.x, self.y, batch_size=4)
        options = {
            name: parameter.default
            for name, parameter in inspect.signature(cl.Training).parameters.items()
            if parameter.default is not parameter.empty
        }
        given = {"network": fresh, "batches": batches, "loss": "softmax_cross_entropy", "optimizer": cl.SGD()}
        yield Call("Training", cl.Training, given | options)
        yield Call("Node", cl.Node, {"layer": cl.Dense(2), "name": "a", "inputs": ("b",), "shares": None})

    def _session(self) -> Iterator[Call]:
        session = self.session
        methods = {
            "step": {"n": 1, "to": None, "force": False},
            "run": {"until": "steps(1)", "force": False},
            "rewind": {"step": 2},
            "break_when": {"condition": "loss > 100"},
            "clear_breakpoints": {"chosen": None},
            "record": {"probe": cl.Probe("epoch")},
            "adopt": {"branch": None},
            "between_steps": {"visit": lambda: 1},
            "subscribe": {"subscriber": lambda *_: None, "steps": True},
            "best": {"key": "loss", "mode": "min"},
            "score": {"data": (self.x, self.y), "metrics": None},
            "results": {"data": (self.x, self.y)},
            "batch_times": {"steps": 1},
            "network_at": {"step": 2},
            "restore_best": {"key": "loss", "mode": "min"},
            "fork": {"learning_rate": [0.1]},
        }
        for name, given in methods.items():
            yield Call(f"session.{name}", getattr(session, name), given, self.stands)
        for name in (
            "learning_rate", "optimizer['momentum']", "excluded_rows", "labels", "row_weights", "frozen",
            "dropout_rate",
            "hyperparameter['dropout_1.rate']", "weights['dense_1/kernel']", "revived_unit['dense_1']",
        ):  # fmt: skip
            yield Call(f"session.edit({name})", lambda v, n=name: session.edit(n, v), {"v": 0}, self.stands)
        yield Call("session.edit", session.edit, {"name": "learning_rate", "value": 0.1}, self.stands)
        fork = session.fork(learning_rate=[0.1, 0.2])
        fork.step(2)
        yield Call("Fork.step", fork.step, {"n": 1})
        yield Call("Fork.frame", fork.frame, {"key": "loss"})
        yield Call("Fork.difference", fork.difference, {"key": "loss", "base": 0})
        yield Call("Fork.distance", fork.distance, {"base": 0})
        yield Call("Fork.best", fork.best, {"key": "loss", "last": 2, "mode": "min"})

    def _others(self) -> Iterator[Call]:
        dataset, bowl = self.dataset, cl.Sphere()
        yield Call(
            "Dataset", Dataset,
            {"frame": self.frame, "inputs": ["a"], "target": "y", "splits": None, "name": "small",
             "dtype": np.float32, "weight": None, "group": None, "time": None, "notes": (), "later": False,
             "prepare": None},
        )  # fmt: skip
        for name, given in {
            "split": {"test": 0.25, "validation": 0, "seed": 0, "stratify": True, "groups": None,
                      "time": None},
            "folds": {"k": 2, "seed": 0, "stratify": True, "groups": None},
            "results": {"found": {"loss": np.ones(12)}}, "relabel": {"labels": {0: 1}},
            "reweight": {"weights": {0: 2.0}}, "exclude": {"rows": [0]},
            "carve": {"validation": 0.25, "seed": 0}, "select": {"rows": [0, 1], "name": None},
            "batches": {"batch_size": 4, "seed": 0, "shuffle": True},
            "weights": {"sample_weight": np.ones(12)}, "overview": {"report": False},
            "class_balance": {"column": "y"}, "batch_times": {"batch_size": 4, "steps": 1, "seed": 0},
            "near_duplicates": {"columns": ["a"], "most": 3, "rows": 10},
            "farthest": {"columns": ["a"], "most": 3, "rows": 10},
        }.items():  # fmt: skip
            yield Call(f"Dataset.{name}", getattr(dataset, name), given)
        yield Call("Batches", Batches, {
            "inputs": self.x, "targets": self.y, "batch_size": 4, "seed": 0, "shuffle": True, "rows": None,
            "excluded": (),
        })  # fmt: skip
        yield Call("load", cl.data.load, {"name": "digits"})
        yield from (Call(*each) for each in junk_rooms.files())
        yield Call("Descent", cl.Descent, {"function": bowl, "optimizer": cl.SGD(0.1), "start": None})
        yield Call("Session", cl.Session, {
            "process": cl.Descent(bowl, cl.SGD(0.1)), "probes": None, "snapshot_budget": 2**20,
        })  # fmt: skip
        descent = cl.Descent(bowl, cl.SGD(0.1))
        yield Call("learning_rate_range_test", cl.learning_rate_range_test, {
            "process": descent, "low": 1e-3, "high": 0.1, "steps": 3, "key": "value", "stop_factor": 4.0,
            "smoothing": 0.9,
        }, descent.params.tobytes)  # fmt: skip
        tsne = {
            name: parameter.default
            for name, parameter in inspect.signature(cl.embed.TSNE).parameters.items()
            if parameter.default is not parameter.empty
        }
        yield Call("TSNE", cl.embed.TSNE, {"x": self.x, **tsne, "perplexity": 3.0})


NUMBERS = "1.5|-1|0|2**31|2**32|2**63|2**64"
WHOLE = "-1|0|2**31|2**32|2**63"
TAKEN: list[tuple[str, str, str, str]] = [
    *junk_rooms.TAKEN,
    # calls, arguments, junk, what it means there
    ("*", "seed", WHOLE, "a seed is any number of 64 bits"),
    ("*", "force steps shuffle stratify drawn", "True", "a switch"),
    ("train Training Session", "frozen probes", "None|[]", "none of them"),
    ("train Training session.score", "metrics penalties loss_weights class_weight augment", "None|{}|[]",
     "none of them"),
    ("train Training", "validation validate_every sample_weight row_weights resume_from", "None|0",
     "not asked for; without rows to validate on"),
    ("train Training Session", "validate_every snapshot_budget", "0|2**31|2**32", "any count"),
    ("train", "loss optimizer", "None", "chosen by the last layer and the targets; Adam"),
    ("train", "cluster", "None", "no cluster"),
    ("Training", "row_weights", "(2.5,)|mask", "a weight for each row"),
    ("session.step", "n to", "0|None", "no step; whole steps"),
    ("session.rewind session.network_at", "step", "0", "where this session began"),
    ("session.clear_breakpoints", "chosen", "None", "all of them"),
    ("session.subscribe session.between_steps", "subscriber visit", "lambda", "a function"),
    ("session.fork", "learning_rate", "(2.5,)", "one rate to try"),
    ("session.edit(learning_rate) session.edit", "v value learning_rate", NUMBERS + "|lambda",
     "a rate, or a schedule"),
    ("session.edit(labels) session.edit(row_weights)", "v", "{}", "none of them"),
    ("session.edit(excluded_rows) session.edit(frozen) session.edit(revived_unit*)", "v", "None|[]|0",
     "none of them; unit 0"),
    ("session.edit(optimizer*) session.edit(dropout*) session.edit(hyper*)", "v", "0", "a rate of 0"),
    ("session.edit(weights*)", "v", "True|nan|inf|" + NUMBERS,
     "what all weights become, NaN to see it spread"),
    ("Fork.*", "base n last mode", "-1|0|None|2**31|2**32", "from the end; none; all there are"),
    ("Network*", "outputs layers", "None|[]", "those that nothing reads; none"),
    ("Network.*", "x", "array", "rows that fit"),
    ("Node", "name inputs shares", "None|text|[]", "a name"),
    ("Node", "inputs", "empty text", "a name, as an input may have any"),
    ("Dataset*", "target splits test validation", "None|[]|{}|0", "none"),
    ("Dataset*", "weight group groups time", "None|0|1.5", "none"),
    ("Dataset.results Dataset.re* Dataset.exclude", "found labels weights rows", "{}|[]", "none"),
    ("Dataset", "inputs", "None", "all but the target"),
    ("Dataset.*", "column columns", "None", "the target, or the inputs"),
    ("Dataset.near* Dataset.far* Dataset.batch_times", "most rows batch_size", "2**31|2**32",
     "all there are"),
    ("Dataset.overview", "report", "True", "a switch"),
    ("Dataset*", "name", "None|text", "a name"),
    ("read*", "target inputs splits index images name header encoding decimal thousands separator missing "
     "names channels skip_bad", "None|True|text|empty text|[]|{}|(2.5,)|mask",
     "found out; a switch; none; a name"),
    ("Dataset", "prepare", "None|True", "as numbers alone; by the usual preparation"),
    ("Dataset", "notes later", "[]|{}|True|text|empty text|bytes", "none; a switch"),
    ("Batches", "targets rows excluded", "None|[]|{}", "none, or all"),
    ("Descent", "start", "None|mask", "where the function proposes; bools are 0 and 1"),
    ("learning_rate_range_test", "low high stop_factor smoothing key", NUMBERS + "|None", "finite numbers"),
    ("TSNE", "labels initial learning_rate perplexity early_* n_jobs", NUMBERS + "|None", "finite numbers"),
    ("TSNE", "perplexity", "(2.5,)", "several, of which there is one"),
    ("Optimizer", "learning_rate", "lambda", "a function from the update to its rate"),
    ("Optimizer", "weight_decay_excludes", "text|[]", "a pattern; none of them"),
    ("Optimizer", "learning_rate_factors", "[]|{}", "none of them"),
    ("Normalization", "mean variance", "(2.5,)|array|" + NUMBERS, "numbers of any shape, seen later"),
    ("Warmup", "then", NUMBERS + "|lambda", "a rate, or a schedule"),
    ("Probe Augmentation", "schedule measure then", "None|lambda", "a function"),
    ("steps epochs seconds below above stalled", "n bound min_delta", "inf|10**400|" + NUMBERS,
     "a bound; one that is never reached, too"),
    ("distance_to FromData", "point values", "True|[]|(2.5,)|array|mask|" + NUMBERS, "numbers of any shape"),
    ("Paraboloid", "curvature", "(2.5,)", "one axis"),
    ("Penalties Muon Reshape Permute", "by_pattern without target_shape dims", "{}|[]", "none of them"),
    ("*", "*_initializer activation", "None", "the layer's own choice"),
    ("*", "padding cropping output_padding axis stateful strides dilation_rate kernel_size pool_size size "
     "groups shared_axes target_shape", "None|-1|0|2**31|2**32", "the input is known later"),
]  # fmt: skip
LASTING = {
    ("session.step", "n"): "2**31|2**32", ("Fork.step", "n"): "2**31|2**32",
    ("session.run", "until"): "None|2**31|2**32",
    ("TSNE", "iterations_per_step"): "2**31|2**32", ("train", "batch_size"): "2**31|2**32",
}  # fmt: skip
"""What may go on as long as it takes, until it is interrupted, or is taken with a warning: not tried."""


def taken(each: Call, argument: str, junk: str) -> str | None:
    """Why it may be taken; None if it may not."""
    kind = each.call if isinstance(each.call, type) and dataclasses.is_dataclass(each.call) else None
    if kind is not None:
        # What a field is written as says it, such as `float | None`; its bounds are its own affair.
        said = next(str(field.type) for field in dataclasses.fields(kind) if field.name == argument)
        value = JUNK[junk]
        fits = {"float": float, "int": int, "bool": bool, "str": str, "None": type(None), "Rate": float}
        kinds = tuple(fits[part] for part in said.split(" | ") if part in fits)
        whole_as_real = float in kinds and type(value) is int
        if whole_as_real or (type(value) in kinds and value == value and value != float("inf")):
            return f"its type is {said}"
    names = [kind_.__name__ for kind_ in getattr(kind, "__mro__", ())] or [each.name]
    for calls, arguments, values, why in TAKEN:
        patterns = [pattern.replace("[", "[[]") for pattern in calls.split()]
        called = any(fnmatch.fnmatchcase(name, of) for name in [*names, each.name] for of in patterns)
        if (
            called
            and any(fnmatch.fnmatchcase(argument, of) for of in arguments.split())
            and junk in values.split("|")
        ):
            return why
    return None


def tries(junk: Sequence[str] = tuple(JUNK)) -> Iterator[tuple[Call, str, str]]:
    """(call, argument, junk): all there are to try."""
    for each in [*described_calls(), *World().calls()]:
        for argument in each.arguments:
            for name in junk:
                if name not in LASTING.get((each.name, argument), "").split("|"):
                    yield each, argument, name


def try_all(tally: Tally, junk: Sequence[str] = tuple(JUNK)) -> None:
    """Every public argument with every piece of junk."""
    for each, argument, name in tries(junk):
        with tally.one(f"{each.name}({argument}={name})"):
            wrong = verdict(each, argument, name)
            if wrong is not None:
                raise AssertionError(wrong)


def verdict(each: Call, argument: str, junk: str) -> str | None:
    """What is wrong with how the call takes this junk; None if nothing is."""
    before = each.state()
    given = each.arguments | {argument: JUNK[junk]}
    try:
        with _alarm(), warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("error")
            each.call(**given) if each.name[-1] != ")" else each.call(*given.values())
    except CLEAR as error:
        frames = traceback.extract_tb(error.__traceback__)
        own = frames[-1].filename.startswith(PACKAGE) or "<string>" in frames[-1].filename
        if isinstance(error, UnicodeError) or not own or type(error).__module__ == "numpy":
            return f"{type(error).__name__} from {frames[-1].filename[-40:]}: {error}"
        if not str(error) or len(str(error)) > 900:
            return f"says too little or too much: {error!s:.200}"
        if each.state() != before:
            return f"changed something though refused: {error}"
        return None
    except Exception as error:
        return f"{type(error).__name__}: {error!s:.150}"
    return None if taken(each, argument, junk) else "was taken"


@contextlib.contextmanager
def _alarm() -> Iterator[None]:
    def late(*_: Any) -> None:
        raise RuntimeError(f"took more than {LONGEST} s")

    before = signal.signal(signal.SIGVTALRM, late)
    signal.setitimer(signal.ITIMER_VIRTUAL, LONGEST)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
