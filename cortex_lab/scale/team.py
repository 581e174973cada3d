"""The workers of a Dask cluster, which find the gradients of a training's steps."""

from __future__ import annotations

import pickle
import selectors
import time
import warnings
import weakref
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from distributed import Client

from cortex_lab.ground import checks
from cortex_lab.nn.examine.record import LoadedBatch
from cortex_lab.nn.run.sharding import Span, joined, shard_rows, sums_within
from cortex_lab.nn.train.judging import Judged, RowsToJudge
from cortex_lab.nn.train.training import Training
from cortex_lab.scale.block import SharedBlock, size_of
from cortex_lab.scale.judging import Judging, worth_sharing
from cortex_lab.scale.member import description, identity_of, settings_of
from cortex_lab.scale.refusals import addresses_of, client_of, refuse_unfitting
from cortex_lab.scale.seat import Seat, WrongWorker, seated, slow_ones
from cortex_lab.scale.service import about
from cortex_lab.scale.wire import WireLost

_LOOK = 5.0
"""Seconds of silence after which the scheduler is asked whether all are there."""

Answers = dict[Seat, tuple[dict[str, Any], list[np.ndarray]]]


class WorkersLost(RuntimeError):
    """Nobody is left to compute a step."""


class Team:
    """Finds the gradients of one training on the workers of a Dask cluster: a `GradientFinder`.

    It is the communicator of three calls. *Broadcast*: the parameters, and all else that lasts, go to every
    worker before each step. *Reduce*: each worker adds up its own shards, and the sums are added here, in the
    order of the tree in `nn.run.sharding`; whoever computes a shard, the bits are the same. *Barrier*: a step
    is over when all have answered. Between processes of one machine arrays lie in shared memory, between
    machines they travel over TCP, without encryption; both ways a worker is sent the parameters and sends its
    sums, which is twice the gradient's bytes.

    A worker keeps nothing from step to step. So one that is lost costs the step under way its time, and its
    shards go to the others; one that has come computes from the next step on.

    Parameters
    ----------
    client
        A `distributed.Client`.
    training
        A training with as many `shards` as workers are to compute at most.
    workers
        Addresses of those to compute; None is all that there are, and all that will come.
    shared_memory
        Whether processes of one machine may share memory; without it, all goes over TCP.
    """

    look_every = 1.0
    """Seconds between two looks for new workers, between steps."""
    patience = 10.0
    """Seconds to wait for a worker when none is left."""
    silence = 60.0
    """Seconds after which a worker that has not answered is named."""

    def __init__(
        self,
        client: Client,
        training: Training,
        workers: Iterable[str] | None = None,
        shared_memory: bool = True,
    ) -> None:
        self.client = client_of(client)
        refuse_unfitting(training)
        self._chosen = None if workers is None else addresses_of(workers, client)
        self.shared_memory = checks.flag("shared_memory", shared_memory)
        self.seats: list[Seat] = []
        self.lost: list[str] = []
        """Addresses of workers that were lost, in order."""
        self._refused: set[str] = set()
        self._called_slow: set[str] = set()
        self._number, self._looked, self._silent = 0, -1e9, 0.0
        self._capacity = training.executor.capacity
        self._board: SharedBlock | None = None
        self._data: tuple[Any, dict[str, int]] | None = None
        self._judging = Judging()
        weakref.finalize(self, _close, self.seats)
        self._recruit(training, strict=True)
        if not self.seats:
            self._wait_for_workers(training)
        self._settle(training)

    @property
    def traffic(self) -> dict[str, tuple[int, int]]:
        """By worker, the bytes of arrays that it was sent, and that it sent."""
        return {seat.address: (seat.wire.sent, seat.wire.received) for seat in self.seats}

    def find(self, training: Training, loaded: LoadedBatch) -> None:
        """Put what the workers find of a step to where a training in one process finds it."""
        self._recruit(training)
        while True:
            if not self.seats:
                self._wait_for_workers(training)
            try:
                self._settle(training)
                answers = self._ask_for_step(training, loaded)
                break
            except WireLost:
                # They are out already; the others, or those who come, compute all of it anew.
                continue
        self._put_together(training, loaded, answers)
        self._name_slow()

    def judge(self, training: Training, rows: RowsToJudge) -> Judged:
        """As `TotalLoss.judge`, each worker some rows; where it does not pay, or all are lost, here."""
        objective = training.objective
        while self.seats and worth_sharing(rows):
            try:
                return self._judging.judge(self._ask, self.seats, objective, _lasting(training), rows)
            except WireLost:
                continue
        return objective.judge(rows)

    def close(self) -> None:
        """Let the workers go."""
        _close(self.seats)

    def __repr__(self) -> str:
        lines = [
            f"  {seat.address}: shards {seat.own[0]} to {seat.own[1] - 1}, {seat.steps} steps, "
            f"{1e3 * seat.seconds:.1f} ms a shard, "
            + ("shared memory" if seat.wire.into is not None else "TCP")
            for seat in self.seats
            if seat.own[0] < seat.own[1]
        ]
        lost = [f"  lost: {', '.join(self.lost)}"] if self.lost else []
        return "\n".join([f"<Team of {len(lines)} workers>", *lines, *lost])

    # Who is there -------------------------------------------------------------------------------------

    def _recruit(self, training: Training, strict: bool = False) -> None:
        """Take in workers that have come, as many as there are shards, now and then."""
        now = time.monotonic()
        if not strict and now - self._looked < self.look_every:
            return
        self._looked = now
        if len(self.seats) >= training.shards:
            return
        there = {seat.address for seat in self.seats} | self._refused | set(self.lost)
        for address in sorted(set(self._addresses(strict)) - there)[: training.shards - len(self.seats)]:
            try:
                self._take_in(address, training)
            except WrongWorker as error:
                if strict:
                    raise
                self._refused.add(address)
                warnings.warn(f"{error}. It is left out", UserWarning, stacklevel=2)
            except (OSError, KeyError) as error:
                # Lost between being seen and being called.
                warnings.warn(f"the worker {address} is left out: {error}", UserWarning, stacklevel=2)

    def _addresses(self, strict: bool = False) -> list[str]:
        """The workers that the scheduler knows of; none if it cannot be reached."""
        try:
            there = self.client.scheduler_info()["workers"]
            return [each for each in there if self._chosen is None or each in self._chosen]
        except Exception as error:
            # Whatever a client that has lost its scheduler raises.
            if strict:
                raise ValueError(
                    "the cluster does not answer: its scheduler is gone, or the client was closed; give a "
                    "new one, Client(...)"
                ) from error
            return []

    def _take_in(self, address: str, training: Training) -> None:
        seat = seated(self.client, address, training.network.ops.name)
        blocks = self._blocks(training) if self.shared_memory else None
        parcel = np.frombuffer(seat.parcels.pack(description(training)), np.uint8)
        told = [each.told for each in blocks] if blocks else None
        ((answer, _),) = self._ask([seat], {"do": "begin", "blocks": told}, [parcel]).values()
        if blocks is not None:
            board, desk = blocks
            desk.forget_name()
            seat.wire.into = desk if answer["shared"] else None
        if seat.bits != about(training.network.ops.name)["bits"]:
            self._warn(
                f"kernels on the worker {address} give other bits than here: its processor is of another "
                "kind. What is learned is as good, but not the same, bit for bit; CORTEX_LAB_PORTABLE=1 in "
                "all processes has them give the same, more slowly"
            )
        self.seats.append(seat)
        self.seats.sort(key=lambda seat: seat.address)

    def _blocks(self, training: Training) -> tuple[SharedBlock, SharedBlock] | None:
        """Memory to be shared with a worker: that to tell all of them, and its own to answer in."""
        lasting = _lasting(training)
        rows = [np.empty((self._capacity,), lasting[0].dtype)] * len(training.losses)
        found, shards = training.executor.found, training.shards
        most = max(len(list(sums_within((0, shards), (i, shards)))) for i in range(shards))
        try:
            if self._board is None:
                self._board = SharedBlock.create(size_of([*lasting, *rows]))
            return self._board, SharedBlock.create(most * size_of([found[0]]) + size_of(rows))
        except OSError as error:
            self._warn(f"there is no room for memory that workers share ({error}); all goes over TCP")
            self.shared_memory = False
            return None

    def _wait_for_workers(self, training: Training) -> None:
        """Wait a little for some to come. WorkersLost that says what to do if none does."""
        until = time.monotonic() + self.patience
        while not self.seats and time.monotonic() < until:
            self._looked = -1e9
            self._recruit(training)
            if not self.seats:
                time.sleep(0.05)
        if not self.seats:
            gone = f" (lost: {', '.join(self.lost[-4:])})" if self.lost else ""
            scheduler = getattr(self.client, "status", "running")
            there = "the cluster has no workers" if scheduler == "running" else "its scheduler is not reached"
            raise WorkersLost(
                f"there is no worker left to compute step {training.step_number + 1}, {there}{gone}; nothing "
                f"is lost: the training stands after step {training.step_number}. Go on once there are "
                "workers, or with session.use_cluster(another), or here: session.use_cluster(None)"
            )

    def _leave(self, seat: Seat) -> None:
        seat.wire.close()
        if seat in self.seats:
            self.seats.remove(seat)
            self.lost.append(seat.address)
            self._looked = -1e9

    # What they are asked ------------------------------------------------------------------------------

    def _settle(self, training: Training) -> None:
        """Tell each worker which shards are its own, and what was edited since it was told."""
        settings, shards = settings_of(training), training.shards
        count = min(len(self.seats), shards)
        for number, seat in enumerate(self.seats):
            own = (shards * number // count, shards * (number + 1) // count) if number < count else (0, 0)
            if seat.own == own and _equal(seat.settings, settings):
                continue
            parcel = np.frombuffer(seat.parcels.pack(settings), np.uint8)
            words = {"do": "stand", "own": own, "identify": not seat.checked}
            ((answer, _),) = self._ask([seat], words, [parcel]).values()
            if not seat.checked:
                self._compare_data(seat, answer["data"], settings["batches"])
            seat.own, seat.settings, seat.checked = own, settings, True

    def _compare_data(self, seat: Seat, found: Mapping[str, int], batches: Any) -> None:
        if self._data is None or self._data[0] is not batches:
            self._data = batches, identity_of(batches)
        if found != self._data[1]:
            self.seats.remove(seat)
            self._refused.add(seat.address)
            seat.wire.close()
            raise WrongWorker(
                f"the worker {seat.address} reads other data: {found}, and here {self._data[1]}; have it see "
                "the same files, under the same names"
            )

    def _ask_for_step(self, training: Training, loaded: LoadedBatch) -> Answers:
        to_numpy = training.network.ops.to_numpy
        arrays = [*_lasting(training), *(to_numpy(at.weights) for at in loaded.slots.values())]
        asked = [seat for seat in self.seats if seat.own[0] < seat.own[1]]
        return self._ask(asked, {"do": "step", "step": loaded.step}, arrays)

    def _ask(self, seats: Sequence[Seat], words: dict[str, Any], arrays: Sequence[np.ndarray]) -> Answers:
        """What these answer. WireLost if some are lost, once they are out; else what one of them raises."""
        self._number += 1
        placed = None
        board = self._board if words["do"] in ("step", "judge") else None
        if board is not None and any(seat.wire.into is not None for seat in seats):
            placed = board.write(arrays)
        waiting, answers, lost = list(seats), Answers(), []
        try:
            for seat in seats:
                own = placed if seat.wire.into is not None else None
                try:
                    seat.wire.send({**words, "number": self._number}, arrays, own)
                except WireLost as error:
                    lost.append((seat, error))
                    waiting.remove(seat)
            while waiting:
                for seat in self._ready(waiting):
                    try:
                        answer, found = seat.wire.receive()
                    except WireLost as error:
                        lost.append((seat, error))
                        waiting.remove(seat)
                        continue
                    waiting.remove(seat)
                    if answer["number"] != self._number:
                        raise RuntimeError(f"the worker {seat.address} has answered another question")
                    answers[seat] = answer, found
        except BaseException:
            # Interrupted: nobody knows how much of an answer was read.
            for seat in waiting:
                seat.wire.close()
                if seat in self.seats:
                    self.seats.remove(seat)
            self._looked = -1e9
            raise
        for seat, _ in lost:
            self._leave(seat)
        if lost:
            raise lost[0][1]
        for seat, (answer, found) in answers.items():
            if answer.get("failed"):
                error = pickle.loads(found[0].tobytes())
                error.add_note(f"raised by the worker {seat.address}")
                raise error
        return answers

    def _ready(self, waiting: Sequence[Seat]) -> list[Seat]:
        """Those of whom there is something to read. Who does not answer for long is named, or is lost."""
        with selectors.DefaultSelector() as selector:
            for seat in waiting:
                selector.register(seat.wire, selectors.EVENT_READ, seat)
            found = [key.data for key, _ in selector.select(_LOOK)]
        self._silent = 0.0 if found else self._silent + _LOOK
        if not found:
            known = self._addresses()
            for seat in waiting:
                if known and seat.address not in known:
                    # The machine is gone, and nobody there to say so. What is read now ends at once.
                    seat.wire.shut()
                    found.append(seat)
                elif self._silent >= self.silence and seat.address not in self._called_slow:
                    self._called_slow.add(seat.address)
                    self._warn(f"the worker {seat.address} has not answered for {self._silent:g} s")
        return found

    # What they found ----------------------------------------------------------------------------------

    def _put_together(self, training: Training, loaded: LoadedBatch, answers: Answers) -> None:
        ops, slots = training.network.ops, loaded.slots
        sums: dict[Span, Any] = {}
        losses: dict[str, list[Any]] = {name: [] for name in slots}
        # Answers lie in the order in which they came, and losses are added in that of the shards.
        for seat, (words, arrays) in sorted(answers.items(), key=lambda each: each[0].own):
            seat.has_taken(words["seconds"])
            spans = [(start, stop) for start, stop in words["spans"]]
            sums |= dict(zip(spans, map(ops.asarray, arrays), strict=False))
            rest = iter(arrays[len(spans) :])
            rows = slice(*words["rows"])
            if not spans:
                continue
            for name, at in slots.items():
                losses[name] += words["found"][name]
                at.rows[rows] = ops.asarray(next(rest))
            for name in words["outputs"]:
                slots[name].y[rows] = ops.asarray(next(rest))
        count = len(shard_rows(loaded.bound.rows, training.shards))
        training.executor.share_out(joined(ops, sums, (0, count)))
        training.objective.take_found(slots, losses)

    def _name_slow(self) -> None:
        for seat, usual in slow_ones(self.seats):
            if seat.address not in self._called_slow:
                self._called_slow.add(seat.address)
                self._warn(
                    f"the worker {seat.address} takes {1e3 * seat.seconds:.1f} ms for a shard, others "
                    f"{1e3 * usual:.1f} ms, and every step waits for it; to go on without it: "
                    f"client.retire_workers([{seat.address!r}])"
                )

    @staticmethod
    def _warn(text: str) -> None:
        warnings.warn(text, UserWarning, stacklevel=3)


def _lasting(training: Training) -> list[np.ndarray]:
    return [training.network.params, training.network.state, *training.objective.state.values()]


def _equal(one: Mapping[str, Any] | None, other: Mapping[str, Any]) -> bool:
    if one is None or one["batches"] is not other["batches"]:
        return False
    return all(one[name] == other[name] for name in other if name != "batches")


def _close(seats: list[Seat]) -> None:
    while seats:
        seats.pop().wire.close()
