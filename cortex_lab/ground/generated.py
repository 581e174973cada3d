"""Tables that are written into a text from the code: what stands between two markers."""

from __future__ import annotations

import inspect


def first_line(kind: type) -> str:
    """The first line of a class's docstring, as a cell of a Markdown table."""
    return (inspect.getdoc(kind) or "").split("\n")[0].replace("|", "\\|")


def replaced_between(text: str, begin: str, end: str, body: str) -> str:
    """`text` with `body` between the lines `begin` and `end`; ValueError if they are not there, once each."""
    if text.count(begin) != 1 or text.count(end) != 1:
        raise ValueError(f"the text needs the lines {begin!r} and {end!r}, once each")
    before, rest = text.split(begin)
    return f"{before}{begin}\n{body}\n{end}{rest.split(end)[1]}"
