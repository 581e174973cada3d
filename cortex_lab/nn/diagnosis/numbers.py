"""What is not finite, and where it came from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from cortex_lab.nn.diagnosis.finding import Finding, listed
from cortex_lab.nn.diagnosis.step_size import rate_is_too_high
from cortex_lab.nn.diagnosis.study import Study
from cortex_lab.nn.examine.fault import Fault
from cortex_lab.nn.run.network import Network


def find(study: Study) -> Iterator[tuple[Finding, bool]]:
    yield from _data(study)
    if study.rows.bad or study.rows.error:
        return
    network = study.network
    for name, array in _arrays(network).items():
        values = network.ops.to_numpy(array)
        count = int((~np.isfinite(values)).sum())
        if count and not rate_is_too_high(study):
            said = f"{count} of {values.size} numbers of {name!r} are NaN or infinite, so nothing that the "
            good, edits = _last_good(study), ()
            remedy = f"Go back: session.rewind(step={good})"
            if good is None:
                edits = tuple(_others(study))
                remedy = "They were so when this session began: put others in, " + (
                    '[session.edit(*each) for each in session.diagnose().of("not_finite")[0].edits]'
                )
            yield Finding(
                "not_finite", name, count, 0, f"{said}network says means anything.",
                remedy=remedy, edits=edits,
            ), True  # fmt: skip
            return
    fault = _fault_now(study)
    if fault is not None and "NaN" in fault.values and not rate_is_too_high(study):
        yield _told(fault), True


def overflow(study: Study, causes: list[Finding]) -> Iterator[tuple[Finding, bool]]:
    """What grew beyond all numbers, which is the end of a story that causes tell."""
    fault = _fault_now(study)
    if not causes and fault is not None:
        yield _told(fault), True


def _fault_now(study: Study) -> Fault | None:
    fault = study.case.fault
    return fault if fault is not None and fault.step == study.now.step_number + 1 else None


def _told(fault: Fault) -> Finding:
    return Finding(
        "not_finite", fault.layer, float(len(fault.rows)), 0, f"{str(fault)[0].upper()}{str(fault)[1:]}.",
        rows=fault.rows,
    )  # fmt: skip


def _data(study: Study) -> Iterator[tuple[Finding, bool]]:
    rows = study.rows
    for what in dict.fromkeys(each for each, _, _ in rows.bad):
        positions = sorted({row for each, row, _ in rows.bad if each == what})
        columns = sorted({column for each, _, found in rows.bad if each == what for column in found})
        several = f", in column {listed(columns)}," if len(columns) > 0 and what.startswith("input") else ""
        yield Finding(
            "not_finite", what, len(positions), 0,
            f"{what.capitalize() if what.startswith('the') else what} holds missing or infinite numbers in "
            f"{len(positions)} of {len(rows.all_rows)} rows{several or ','} the data rows "
            f"{listed(positions)}; "
            "one of them makes every weight NaN.",
            units=tuple(columns), rows=tuple(positions),
            remedy=f'Fill them, or leave them out: session.edit("excluded_rows", {positions})',
            edits=(("excluded_rows", positions),),
        ), True  # fmt: skip
    if rows.error:
        yield Finding("data", "data", 1, 0, f"The batches do not fit the network: {rows.error}."), True
    elif study.labels_out_of_range is not None:
        yield Finding(
            "data", "data", study.labels_out_of_range, 0,
            f"There is a class {study.labels_out_of_range}, for which the last layer has no unit.",
            remedy="Give the last layer a unit for each class.",
        ), True  # fmt: skip


def _last_good(study: Study) -> int | None:
    """The last step before which every loss was finite; None if the weights never were."""
    case = study.case
    fault = _fault_now(study)
    if fault is not None:
        return fault.last_good
    began = case.start if case.at is None else case.at(min(case.edits), False)
    to_numpy = began.network.ops.to_numpy
    if not all(np.isfinite(to_numpy(array)).all() for array in _arrays(began.network).values()):
        return None
    losses = case.losses
    if losses is None or not len(losses):
        return case.origin
    bad = np.flatnonzero(~np.isfinite(losses))
    last = int(bad[0]) if len(bad) else len(losses)
    return max(case.origin, study.now.step_number - len(losses) + last - 1)


def _arrays(network: Network) -> dict[str, Any]:
    return {**network.parameters, **network.states}


def _others(study: Study) -> Iterator[tuple[str, Any]]:
    """Numbers as a network of this kind begins with, in place of those that are not finite."""
    network = study.network
    drawn = Network(network.graph, seed=network.seed, ops=network.ops)
    for what, ours, fresh in (("weights", network.parameters, drawn.parameters),
                              ("state", network.states, drawn.states)):  # fmt: skip
        for name in ours:
            values, others = (network.ops.to_numpy(each[name]) for each in (ours, fresh))
            if not np.isfinite(values).all():
                yield f"{what}[{name!r}]", np.where(np.isfinite(values), values, others)
