"""Trainings that nobody saved: each says one thing else than the one that was, and its digest is right."""

from __future__ import annotations

import copy
import json
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import cortex_lab as cl
from cortex_lab.ground.files import DamagedFile
from cortex_lab.nn.run import saving
from tests.faults.tally import Tally

X = np.random.default_rng(0).normal(size=(12, 3)).astype("f4")
Y = np.arange(12) % 2
GONE = "nothing, as it is not there"
JUNK = (
    None, True, 0, -1, 1.5, 1e308, 2**40, 2**70, "", "x", "x" * 3000, [], {}, [1e308], ["x"], {"x": 1}, [[]],
    [None], float("nan"), float("inf"), GONE,
)  # fmt: skip
LONGEST = 900
"""How many characters a refusal may have, the path of the file among them."""
OTHERWISE = (
    "set it up in the same way", "holds another network", "not a training", "Leave the optimizer out"
)  # fmt: skip
"""What is said of a whole file that goes with another training."""
WHERE = tuple[Any, ...]


def network() -> cl.Network:
    layers = [cl.Dense(3, activation="relu"), cl.Dropout(0.2), cl.BatchNormalization(), cl.Dense(2)]
    return cl.Network(layers, 3, ops="reference")


def training(made: cl.Network | None = None, **options: Any) -> Any:
    optimizer = None if options else cl.AdamW(0.1, weight_decay=0.1, weight_decay_excludes=("*/bias",))
    return cl.train(
        made or network(), (X, Y), "softmax_cross_entropy", optimizer, batch_size=4,
        validation=(X[:4], Y[:4]), penalties={"*/kernel": cl.L2(0.1)}, **options,
    )  # fmt: skip


def saved(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """What is in the file of a session with all that one can have."""
    session = training()
    cl.ReduceOnPlateau("validation_loss").attach(session)
    session.break_when(cl.below("loss", 1e-9) | "grad_norm > 1e9")
    session.record(cl.Probe("learning_rate", cl.every(2)))
    for name, value in {"frozen": ["dense_1"], "excluded_rows": [1], "dropout_rate": 0.1}.items():
        session.edit(name, value)
    session.run(cl.steps(7) & ~cl.above("loss", 1e9), progress=False)
    session.save(path)
    description, arrays = saving.read(path)
    description.pop("format")
    return json.loads(json.dumps(description)), arrays


def entries(part: Any, where: WHERE = ()) -> Iterator[WHERE]:
    """Where in a description there is something."""
    if where:
        yield where
    named = part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ()
    for key, each in named:
        yield from entries(each, (*where, key))


def changed(description: dict[str, Any], where: WHERE, junk: Any) -> dict[str, Any]:
    other = copy.deepcopy(description)
    holder: Any = other
    for key in where[:-1]:
        holder = holder[key]
    if junk is GONE:
        del holder[where[-1]]
    else:
        holder[where[-1]] = junk
    return other


def tries(description: dict[str, Any], every: int) -> Iterator[tuple[WHERE, Any]]:
    """Each entry with each piece of junk, or with every so many of them, others each time."""
    for number, where in enumerate(entries(description)):
        for junk in JUNK[number % every :: every]:
            if json.dumps(changed(description, where, junk)) != json.dumps(description):
                yield where, junk


def resume_all(tally: Tally, folder: Path, every: int = 1) -> None:
    """Go on from each: refused at once with path and remedy, or right up to the next time it is saved."""
    path, again = folder / "training.h5", folder / "again.h5"
    description, arrays = saved(path)
    for where, junk in tries(description, every):
        with tally.one(f"{'.'.join(map(str, where))}: {junk!r:.20}"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            saving.write(path, changed(description, where, junk), arrays)
            try:
                session = training(resume_from=path)
            except ValueError as error:
                said = str(error)
                told = isinstance(error, DamagedFile) or any(each in said for each in OTHERWISE)
                if str(path) not in said or len(said) > LONGEST or not told:
                    raise AssertionError(f"says {said:.200}") from error
                continue
            session.clear_breakpoints()
            session.step(1, force=True)
            try:
                session.restore_best("loss")
            except ValueError as error:
                # Those of the best step may be what is missing, as in files of before; it says so.
                if "best" not in where or "there is no network of step" not in str(error):
                    raise
            session.save(again)
            training(resume_from=again)
