"""What somebody who is typing a condition is told: what may come next, and why it cannot be asked yet."""

from __future__ import annotations

from cortex_lab.study.conditions import as_condition, require_recorded
from cortex_lab.study.expression import WORDS
from cortex_lab.study.probe import Probe
from cortex_lab.study.session import Session


def words_of(session: Session, before_update: bool = False) -> tuple[str, ...]:
    """What a condition of this session may be made of: keys first, then functions and the words between."""
    known = session.recorded_keys
    if before_update:
        known = tuple(dict.fromkeys((*known, *session.process.keys)))
    return (*known, *WORDS)


def why_not(session: Session, text: str, before_update: bool = False) -> str:
    """Why the session can neither run until this nor, `before_update`, stop before it; "" if it can.

    A whole number is that many steps of a run; nothing at all is a run until somebody pauses.
    """
    text = text.strip()
    if not before_update and (not text or (text.isdecimal() and int(text) > 0)):
        return ""
    try:
        condition = as_condition(text)
        if before_update:
            for key in condition.keys:
                session._recorder.check(Probe(key), of=condition)
            condition.check(session.trace)
        else:
            require_recorded(condition, session.trace, session.recorded_keys)
    except KeyError as error:
        return str(error.args[0])
    except (TypeError, ValueError) as error:
        return str(error)
    return ""
