"""What a diagnosis consists of."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: its `kind`, `where` it is, the `value` measured, the `bound` it passed.

    `sentence` says it in words and `remedy` what to type. `units` are columns of an input or units of a
    layer, `rows` positions in the data, where the finding is about some. `edits` are pairs for `session.edit`
    that apply the remedy, `options` what to hand to `train` instead; a finding has one of them, or neither.
    """

    kind: str
    where: str
    value: float
    bound: float
    sentence: str
    units: tuple[int, ...] = ()
    rows: tuple[int, ...] = ()
    remedy: str = ""
    edits: tuple[tuple[str, Any], ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.sentence} {self.remedy}".rstrip()


class Diagnosis(tuple[Finding, ...]):
    """The findings, causes before what follows from them; prints as sentences.

    `notes` are findings that are worth a look and no reason to worry, `skipped` says what was not looked at.
    """

    notes: tuple[Finding, ...]
    skipped: tuple[str, ...]

    def __new__(
        cls, findings: Iterable[Finding] = (), notes: Iterable[Finding] = (), skipped: Iterable[str] = ()
    ) -> Diagnosis:
        made = super().__new__(cls, findings)
        made.notes, made.skipped = tuple(notes), tuple(skipped)
        return made

    def of(self, kind: str) -> list[Finding]:
        """The findings of one kind, notes included."""
        return [finding for finding in (*self, *self.notes) if finding.kind == kind]

    def __repr__(self) -> str:
        healthy = "Nothing found: data, settings, start, step size and outcome look healthy."
        lines = [f"- {finding}" for finding in self] or [healthy]
        lines += [f"  Note: {note}" for note in self.notes]
        lines += [f"  Not looked at: {each}" for each in self.skipped]
        return "\n".join(lines)


def listed(numbers: Collection[Any], most: int = 10) -> str:
    """The first of some numbers, in words."""
    shown = ", ".join(map(str, list(numbers)[:most]))
    return shown + (", ..." if len(numbers) > most else "")
