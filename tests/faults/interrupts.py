"""Interrupts at any bytecode of a session: what it knows and where it stands move together, or not at all."""

from __future__ import annotations

import gc
import signal
import sys
import tempfile
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np

import cortex_lab as cl
from cortex_lab.study import Probe, Session
from tests.faults.tally import Tally
from tests.study.walker import Walker

SOURCES = str(Path(cl.__file__).parent)
STUDY = str(Path(cl.study.__file__).parent)
PLACES = ("call", "return", "c_return")
"""Where Python looks for signals: as code is entered, and once a call was made."""
Act = Callable[[Session], Any]
X = np.random.default_rng(0).random((24, 3), dtype=np.float32)
Y = np.arange(24) % 2
MEMOS = ("batches", "value", "gradient", "known", "evaluations")
"""What a process has looked at already."""


class Interrupter:
    """Raises KeyboardInterrupt before the bytecode number `at` of the sources in `where`.

    With `after`, another is raised so many places later where a signal can come. `count` is the number of
    bytecodes that were run up to the first.
    """

    def __init__(self, at: int = -1, after: int | None = None, where: tuple[str, ...] = (STUDY,)) -> None:
        self.at, self.after, self.where = at, after, where
        self.count = self.later = 0

    def __call__(self, act: Callable[[], Any]) -> None:
        tracing = sys.gettrace()
        # What is let go of other sessions is not what is to be interrupted.
        gc.disable()
        # Python 3.12 looks whether a frame asks for bytecodes when tracing begins, and not again.
        sys._getframe().f_trace_opcodes = True
        sys.settrace(self._enter)
        # A trace function that raised is asked no more; one that profiles is another.
        sys.setprofile(None if self.after is None else self._profile)
        try:
            act()
        except KeyboardInterrupt:
            pass
        finally:
            sys.setprofile(None)
            sys.settrace(tracing)
            gc.enable()

    def _enter(self, frame: FrameType, event: str, argument: Any) -> Any:
        if not frame.f_code.co_filename.startswith(self.where):
            return None
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        return self._trace

    def _trace(self, frame: FrameType, event: str, argument: Any) -> Any:
        if event == "opcode":
            self.count += 1
            if self.count == self.at + 1:
                raise KeyboardInterrupt
        return self._trace

    def _profile(self, frame: FrameType, event: str, argument: Any) -> None:
        if self.count <= self.at or event not in PLACES or not frame.f_code.co_filename.startswith(SOURCES):
            return
        self.later += 1
        if self.later == self.after + 1:
            raise KeyboardInterrupt


def session(budget: int = 2**20) -> Session:
    made = Session(Walker(), snapshot_budget=budget)
    made.clock = lambda: 0.0
    return made


def training(budget: int = 2**20) -> Session:
    """Of a network, with a plateau that has a say, and validation now and then."""
    layers = [cl.Dense(4, activation="tanh"), cl.BatchNormalization(), cl.Dropout(0.2), cl.Dense(2)]
    made = cl.train(
        cl.Network(layers, 3, seed=0), (X, Y), "softmax_cross_entropy", cl.Adam(0.1), batch_size=8,
        validation=(X[:6], Y[:6]), validate_every=2, snapshot_budget=budget, penalties={"*/kernel": cl.L2()},
    )  # fmt: skip
    cl.ReduceOnPlateau("loss", patience=1, min_delta=1e9).attach(made)
    made.clock = lambda: 0.0
    return made


def descent(budget: int = 2**20) -> Session:
    made = Session(cl.Descent(cl.Rosenbrock(), cl.Adam(0.1)), snapshot_budget=budget)
    made.clock = lambda: 0.0
    return made


def state(session: Session) -> tuple[Any, ...]:
    """Everything that has to fit together."""
    process, trace = session.process, session.trace
    rows = tuple((key, trace[key].tobytes()) for key in trace.keys if key != "seconds")
    events = tuple((event.step, event.name, repr(event.value), event.phase) for event in session.events)
    kept = tuple((step, repr(session.history.nearest(step)[1]["step"])) for step in session.history.steps)
    held = {name: part for name, part in process.snapshot().items() if name not in MEMOS}
    stands = session.step_number, session.phase, repr(_plain(held))
    acting = session.probes, repr([*session.breakpoints]), session.attached
    return stands, rows, events, kept, session.history.interval, session.observation.step, acting


def _plain(part: Any) -> Any:
    if isinstance(part, np.ndarray):
        return part.tobytes()
    if isinstance(part, dict):
        return {name: _plain(value) for name, value in part.items()}
    return [_plain(each) for each in part] if isinstance(part, (list, tuple)) else part


def abandoned(session: Session) -> None:
    """As an error leaves it: at the beginning of the step under way."""
    session.process.fail_at = (session.step_number, "update")
    try:
        session.step(force=True)
    except ArithmeticError:
        return
    raise AssertionError("nothing was raised")


def inside(session: Session) -> None:
    session.step(9)
    session.edit("rate", 0.2)
    session.step(to="gradient")
    session.edit("gradient", [1.0, 2.0, 3.0])


def with_a_say(session: Session) -> None:
    session.step(9)
    session.subscribe(
        lambda told: (
            session.edit("rate", 0.9 * session.process.rate)
            if (told.kind, told.step % 3) == ("step", 2)
            else None
        )
    )


def changed_by_hand(session: Session) -> None:
    session.step(9)
    session.process.x[:] = 1.0


def step(session: Session) -> None:
    session.step()


def a_layer_rests(session: Session) -> None:
    session.step(5)
    session.edit("frozen", ["dense_1"])


def too_fast(session: Session) -> None:
    session.step(5)
    session.edit("learning_rate", 3e38)


def before_the_update(session: Session) -> None:
    session.step(5)
    session.step(to=session.phases[-2])


def _change_the_update(session: Session) -> None:
    session.pending_update["dense_2/bias"] = [1.0, 2.0]


def _began_again(session: Session) -> None:
    """As an error at its end leaves it: at the beginning of the step under way."""
    times = iter([0.0])
    session.clock = lambda: next(times)
    with suppress(StopIteration):
        session.step()
    session.clock = lambda: 0.0


def _watched(session: Session) -> None:
    session.step(5)
    session.break_when("update_ratio > 1000")


def _save(session: Any) -> None:
    with tempfile.TemporaryDirectory() as folder:
        session.save(Path(folder) / "training.h5")


def _branch(session: Session) -> Session:
    branch = session.branch()
    branch.edit("rate", 0.3)
    branch.step(4)
    return branch


# What was done before, the moves one after the other, and the act that makes all of them.
SCENARIOS: dict[str, tuple[Act, list[Act], Act]] = {
    "step": (lambda s: s.step(14), [step] * 3, lambda s: s.step(3)),
    "run": (with_a_say, [step] * 4, lambda s: s.run(until="steps(4)")),
    "resume": (
        lambda s: s.run(until="loss < -1 or steps(3)"),
        [],
        lambda s: s.resume(),
    ),
    "step after a change by hand": (
        changed_by_hand,
        [lambda s: s.step(0), step],
        lambda s: s.step(),
    ),
    "step to a phase": (
        lambda s: s.step(15),
        [step, lambda s: s.step(to="gradient")],
        lambda s: (s.step(), s.step(to="gradient")),
    ),
    "step on from inside": (inside, [abandoned], lambda s: s.step()),
    "edit": (lambda s: s.step(9), [], lambda s: s.edit("x", [4.0, 5.0, 6.0])),
    "edit inside": (inside, [abandoned], lambda s: s.edit("rate", 0.3)),
    "rewind": (lambda s: (s.step(11), s.edit("rate", 0.3), s.step(6)), [], lambda s: s.rewind(11)),
    "rewind from inside": (inside, [abandoned], lambda s: s.rewind(7)),
    "fork": (lambda s: s.step(9), [], lambda s: s.fork(rate=[0.1, 0.2])),
    "keep a branch": (lambda s: s.step(9), [], lambda s: s.adopt(_branch(s))),
    "record": (lambda s: s.step(9), [], lambda s: s.record(Probe("norm"))),
    "break": (lambda s: s.step(9), [], lambda s: s.break_when("norm > 1000")),
    "break no more": (
        lambda s: (s.step(9), s.break_when("norm > 1000"), s.break_when("loss > 1000")),
        [],
        lambda s: s.clear_breakpoints(1),
    ),
    "look": (lambda s: s.step(9), [], lambda s: s.at_rest(lambda: s.step_number)),
}  # fmt: skip
OF_TRAINING: dict[str, tuple[Act, list[Act], Act]] = {
    "training": (lambda s: s.step(5), [step] * 3, lambda s: s.run("steps(3)")),
    "rewind a training": (lambda s: s.step(9), [], lambda s: s.rewind(6)),
    "put back the best": (lambda s: s.step(9), [], lambda s: s.restore_best("loss")),
    "save": (lambda s: s.step(9), [], _save),
    "freeze": (lambda s: s.step(5), [], lambda s: s.edit("frozen", ["dense_1"])),
    "thaw": (a_layer_rests, [], lambda s: s.edit("frozen", [])),
    "step while a layer rests": (a_layer_rests, [step], lambda s: s.step(2)),
    "leave rows out": (lambda s: s.step(5), [], lambda s: s.edit("excluded_rows", [3, 4])),
    "draw units anew": (lambda s: s.step(5), [], lambda s: s.edit("revived_unit['dense_1']", [0, 2])),
    "hold an update back": (too_fast, [], lambda s: s.step(2)),
    "ask for the update": (before_the_update, [], lambda s: dict(s.pending_update)),
    "change the update": (before_the_update, [_began_again], _change_the_update),
    "stop by what the update would be": (_watched, [step], lambda s: s.step(2)),
    "try learning rates": (
        lambda s: s.step(5), [], lambda s: cl.learning_rate_range_test(s, 1e-3, 0.1, steps=3)
    ),
    "attach": (lambda s: s.step(5), [], lambda s: cl.ReduceOnPlateau("accuracy", patience=1).attach(s)),
    "detach": (lambda s: s.step(5), [], lambda s: s.detach(s.attached[0])),
    "record of a training": (lambda s: s.step(5), [], lambda s: s.record(Probe("grad_norm"))),
    "score": (lambda s: s.step(5), [], lambda s: s.score((X, Y))),
}  # fmt: skip
OF_DESCENT: dict[str, tuple[Act, list[Act], Act]] = {
    "descend": (lambda s: s.step(5), [step], lambda s: s.step(2)),
    "rewind a descent": (lambda s: s.step(9), [], lambda s: s.rewind(6)),
    "move the point": (lambda s: s.step(5), [], lambda s: s.edit("params", [0.5, 2.0])),
    "change the step": (
        lambda s: (s.step(5), s.step(to="gradient")), [_began_again],
        lambda s: s.pending_update.update(params=[0.1, 0.2]),
    ),
}  # fmt: skip


def _scenario(name: str) -> tuple[Callable[[int], Session], tuple[Act, list[Act], Act]]:
    for make, acts in ((session, SCENARIOS), (training, OF_TRAINING), (descent, OF_DESCENT)):
        if name in acts:
            return make, acts[name]
    raise KeyError(name)


def allowed(name: str, budget: int) -> tuple[list[tuple[Any, ...]], list[Act]]:
    """The states in which an interrupt may leave the session, and how to come to each."""
    make, (prepare, moves, act) = _scenario(name)
    ways: list[list[Act]] = [[prepare], [prepare, act]]
    ways += [[prepare, *moves[:count]] for count in range(1, len(moves) + 1)]

    def gone(way: list[Act]) -> Session:
        made = make(budget)
        for move in way:
            move(made)
        return made

    return [state(gone(way)) for way in ways], [lambda _, way=way: gone(way) for way in ways]


def interrupt(
    tally: Tally, name: str, every: int, tight: bool, twice: Iterable[int] = (), by: Any = Interrupter
) -> None:
    """Interrupt one scenario at each place, or every so many of them, once and twice in a row."""
    make, (prepare, _, act) = _scenario(name)
    # Where there is room for two snapshots only, a third takes the place of others.
    budget = make(0).history.nbytes * 5 // 2 if tight else 2**20
    states, ways = allowed(name, budget)
    whole = by()
    undisturbed = make(budget)
    prepare(undisturbed)
    whole(lambda: act(undisturbed))
    for after in (None, *twice):
        for at in range(0, whole.count, every):
            with tally.one(f"{name}, at {at}" + (f" and {after} later" if after is not None else "")):
                tried = make(budget)
                prepare(tried)
                handler = signal.getsignal(signal.SIGINT)
                by(at, after)(lambda tried=tried: act(tried))
                if signal.getsignal(signal.SIGINT) is not handler or tried.running:
                    signal.signal(signal.SIGINT, handler)
                    raise AssertionError("it is not at rest")
                _check(tried, states, ways)


def _check(tried: Session, states: list[tuple[Any, ...]], ways: list[Act]) -> None:
    found = state(tried)
    if found not in states:
        raise AssertionError(f"torn: {found[0][:2]}, {len(tried.trace)} rows, {tried.events}")
    undisturbed = ways[states.index(found)](tried)
    ahead: tuple[Act, ...] = (
        lambda s: s.step(5, force=True), lambda s: s.rewind(s.step_number - 3), lambda s: s.step(4),
    )  # fmt: skip
    for go_on in ahead:
        for each in (tried, undisturbed):
            go_on(each)
        if state(tried) != state(undisturbed):
            raise AssertionError(f"going on from {found[0][:2]} led elsewhere")
