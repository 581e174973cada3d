"""Does a network compute what another program did? `verify` compares every layer with what was recorded."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from cortex_lab.ground import checks
from cortex_lab.interop.recording import RecordedLayers, as_recording
from cortex_lab.nn import Network

SHOWN = 12
_STYLE = "text-align:right;padding:1px 8px;white-space:nowrap"


@dataclass(frozen=True)
class Compared:
    """One layer beside what was recorded of it.

    `error` is the greatest difference, `relative` that over the greatest recorded magnitude; `at` is where
    the difference is greatest, the row first, and what is `found` and `expected` there.
    """

    name: str
    kind: str
    error: float
    relative: float
    at: tuple[int, ...]
    found: float
    expected: float
    ok: bool
    said: str = ""
    """What is wrong, where numbers do not tell."""

    @property
    def where(self) -> str:
        """The place of the greatest difference, in words."""
        if self.said:
            return self.said
        return f"{self.found:.6g} for {self.expected:.6g} at {list(self.at)}"


@dataclass(frozen=True)
class Report:
    """Every layer that was recorded, in the order in which they run: prints and draws itself.

    `missing` are recorded names that the network does not have, `unrecorded` layers that nothing is known of.
    """

    layers: tuple[Compared, ...]
    missing: tuple[str, ...]
    unrecorded: tuple[str, ...]
    tolerance: float

    @property
    def ok(self) -> bool:
        """Whether every recorded layer is there and agrees."""
        return bool(self.layers) and not self.missing and all(each.ok for each in self.layers)

    @property
    def first(self) -> Compared | None:
        """The first layer that diverges; those behind it read what it gave."""
        return next((each for each in self.layers if not each.ok), None)

    @property
    def worst(self) -> Compared | None:
        """The layer with the greatest relative error."""
        return max(self.layers, key=lambda each: each.relative, default=None)

    def frame(self) -> Any:
        """The table as a DataFrame, a row per layer."""
        import pandas as pd

        names = ("name", "kind", "ok", "error", "relative", "where")
        return pd.DataFrame([{name: getattr(each, name) for name in names} for each in self.layers])

    def __str__(self) -> str:
        lines = [self._headline()]
        first = self.first
        shown = self.layers
        if len(shown) > 2 * SHOWN:
            at = shown.index(first) if first else 0
            start = max(0, min(at - SHOWN, len(shown) - 2 * SHOWN))
            shown = shown[start : start + 2 * SHOWN]
        width = max((len(each.name) for each in shown), default=0)
        for each in shown:
            mark = " " if each.ok else ("✗" if each is first else "x")
            said = f"  {each.where}" if not each.ok else ""
            lines.append(f"{mark} {each.name:{width}}  {each.error:9.3g}  {each.relative:9.3g}{said}")
        if len(shown) < len(self.layers):
            lines.append(f"  ... {len(self.layers) - len(shown)} more: report.frame()")
        return "\n".join(lines)

    def __repr__(self) -> str:
        return str(self)

    def _headline(self) -> str:
        count, first = len(self.layers), self.first
        if first is not None:
            rest = sum(not each.ok for each in self.layers) - 1
            more = f"; so do {rest} behind it" if rest else ""
            said = f"{first.name} ({first.kind}) is the first of {count} layers that diverges{more}"
            return f"{said}: {first.where}"
        if self.missing:
            return f"not all can be compared: there is no layer {', '.join(map(repr, self.missing[:5]))}"
        worst = self.worst
        if worst is None:
            return "nothing was compared"
        unsaid = f"; nothing is recorded of {len(self.unrecorded)}" if self.unrecorded else ""
        return (
            f"all {count} layers agree, to {worst.relative:.2g} of their greatest value ({worst.name}); "
            f"{self.tolerance:g} is allowed{unsaid}"
        )

    def _repr_html_(self) -> str:
        rows = "".join(self._row(each) for each in self.layers)
        head = "".join(
            f"<th style='{_STYLE}'>{name}</th>"
            for name in ("layer", "kind", "greatest error", "relative", "", "where it is greatest")
        )
        color = "#1a7f37" if self.ok else "#c0392b"
        return (
            f"<div><div style='color:{color};font-weight:bold'>{html.escape(self._headline())}</div>"
            f"<div style='overflow:auto;max-height:480px'><table><thead><tr>{head}</tr></thead>"
            f"<tbody>{rows}</tbody></table></div></div>"
        )

    def _row(self, each: Compared) -> str:
        mark = ";background:rgba(192,57,43,.15)" if each is self.first else ""
        cells = (each.name, each.kind, f"{each.error:.3g}", f"{each.relative:.3g}")
        text = "".join(f"<td style='{_STYLE}'>{html.escape(cell)}</td>" for cell in cells)
        where = "" if each.ok else html.escape(each.where)
        return (
            f"<tr style='{mark[1:]}'>{text}<td>{self._bar(each)}</td><td style='{_STYLE}'>{where}</td></tr>"
        )

    def _bar(self, each: Compared) -> str:
        """How many digits are lost, from 1e-16 to all; a line where the tolerance is."""

        def place(value: float) -> float:
            digits = math.log10(max(value, 1e-16)) if math.isfinite(value) else 0.0
            return 120 * min(max((digits + 16) / 16, 0), 1)

        color = "#1a7f37" if each.ok else "#c0392b"
        line = place(self.tolerance)
        return (
            "<svg width='120' height='10' role='img'>"
            f"<rect width='{place(each.relative):.1f}' height='10' fill='{color}'/>"
            f"<line x1='{line:.1f}' x2='{line:.1f}' y1='0' y2='10' stroke='currentColor'/></svg>"
        )


def verify(
    network: Network,
    inputs: object = None,
    recorded: object = None,
    *,
    tolerance: float | None = None,
    names: Mapping[str, str] | None = None,
) -> Report:
    """Run `inputs` through `network` and compare every layer with what was `recorded` of another program.

        report = cl.interop.verify(network, x, "outputs.h5")
        assert report.ok, report

    `recorded` is a file that `cortex-lab record` made, or arrays by the names of layers; `inputs` None takes
    those recorded. A layer agrees if its greatest error over its greatest magnitude is at most `tolerance`:
    1e-4, or 1e-10 for a network in double precision. `names` says what a recorded layer is called here, where
    it is called something else.
    """
    checks.instance("network", network, Network, "a network")
    if recorded is None:
        raise TypeError("recorded is missing: verify(network, inputs, recorded), a file or arrays by layer")
    recording = as_recording(recorded)
    if tolerance is None:
        tolerance = 1e-10 if network.ops.dtype.itemsize == 8 else 1e-4
    checks.number("tolerance", tolerance, least=0)
    given = _inputs(network, recording) if inputs is None else inputs
    wanted = {(names or {}).get(name, name): array for name, array in recording.layers.items()}
    here = [name for name in network.layers if name in wanted]
    found = network.activations(given, here) if here else {}
    compared = tuple(
        _compared(network, name, np.asarray(found[name]), wanted[name], tolerance) for name in here
    )
    missing = tuple(
        name for name in wanted if name not in network.graph.nodes and name not in network.graph.inputs
    )
    unrecorded = tuple(name for name in network.layers if name not in wanted)
    return Report(compared, missing, unrecorded, float(tolerance))


def _inputs(network: Network, recording: RecordedLayers) -> Any:
    names = list(network.graph.inputs)
    if len(recording.inputs) != len(names):
        raise ValueError(
            f"the network has the inputs {', '.join(names)}, and {len(recording.inputs)} are recorded; "
            "give them: verify(network, inputs, recorded)"
        )
    if set(recording.inputs) == set(names):
        return dict(recording.inputs)
    return dict(zip(names, recording.inputs.values(), strict=True))


def _compared(
    network: Network, name: str, found: np.ndarray, expected: np.ndarray, tolerance: float
) -> Compared:
    kind = type(network.graph.nodes[name].layer).__name__
    if found.shape != expected.shape:
        if found.size == expected.size and [n for n in found.shape if n > 1] == [
            n for n in expected.shape if n > 1
        ]:
            # Axes of length 1, which some programs keep.
            expected = expected.reshape(found.shape)
        else:
            said = f"gives {found.shape}, and {expected.shape} is recorded"
            return Compared(name, kind, math.inf, math.inf, (), math.nan, math.nan, False, said)
    if not found.size:
        return Compared(name, kind, 0.0, 0.0, (), math.nan, math.nan, True)
    ours, theirs = found.astype(np.float64), expected.astype(np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        difference = np.abs(ours - theirs)
    # The same infinity, or both no number, is no difference; one of the two alone is all there can be.
    same = (ours == theirs) | (np.isnan(ours) & np.isnan(theirs))
    difference = np.where(same, 0.0, np.where(np.isnan(difference), np.inf, difference))
    at = tuple(int(place) for place in np.unravel_index(int(difference.argmax()), difference.shape))
    error = float(difference[at])
    finite = np.abs(theirs[np.isfinite(theirs)])
    scale = float(finite.max()) if finite.size else 0.0
    relative = error / scale if scale else (0.0 if error == 0 else math.inf)
    # Where all is nearly 0, a difference is measured by itself.
    ok = relative <= tolerance or error <= tolerance * 1e-3
    return Compared(name, kind, error, relative, at, float(ours[at]), float(theirs[at]), ok)
