"""An update that was held back, in words: what, where, in which rows, and the last good step."""

from __future__ import annotations

import html

from cortex_lab.study import Session


def facts_of(fault: object) -> list[tuple[str, str]]:
    """What a fault says, as (name, words): "what", "where", "rows" and "last good step", as far as known."""
    said = []
    values = " and ".join(getattr(fault, "values", ()))
    if values:
        said.append(("what", f"{values} in {getattr(fault, 'tensor', '')!r}"))
    elif "; session.rewind" in str(fault):
        said.append(("what", str(fault).partition("; session.rewind")[0]))
    else:
        said.append(("what", str(fault)))
    layer, direction = getattr(fault, "layer", ""), getattr(fault, "direction", "")
    if layer:
        by_update = getattr(fault, "phase", "") == "update"
        where = "the update itself, a step too large" if by_update else f"{direction} of {layer!r}"
        said.append(("where", where))
        rows = getattr(fault, "rows", ())
        listed = ", ".join(map(str, rows[:12])) + (f" and {len(rows) - 12} more" if len(rows) > 12 else "")
        said.append(("rows", listed or "whatever the rows"))
    good = getattr(fault, "last_good", None)
    said.append(("last good step", "none that can be reached" if good is None else f"{good:,}"))
    return said


def headline(fault: object) -> str:
    """The fault in one line, for the status."""
    (_, what), *others = facts_of(fault)
    return f"update held back: {what}; " + "; ".join(f"{name} {words}" for name, words in others)


def fault_html(fault: object, session: Session) -> str:
    """The fault as HTML, everything in it escaped."""
    step = getattr(fault, "step", session.step_number + 1)
    facts = "".join(
        f"<dt>{html.escape(name)}</dt><dd>{html.escape(words)}</dd>" for name, words in facts_of(fault)
    )
    return (
        f'<div role="alert"><b>Step {step:,} was held back.</b> Nothing goes on before you say how.'
        f"<dl>{facts}</dl></div>"
    )
