"""What else is wrong with a table, so that all of it can be mended at once."""

from __future__ import annotations

import re

import pandas as pd
from numpy.typing import DTypeLike

from cortex_lab.data.columns import categories_among, read_inputs

MOST = 5


def with_others(error: ValueError, frame: pd.DataFrame, columns: list, dtype: DTypeLike) -> ValueError:
    """The error about one of the columns of inputs, with what is wrong with the others in a few words."""
    wrong: dict[object, str] = {}
    for name in columns:
        try:
            read_inputs(frame, [name], categories_among(frame, [name]), dtype=dtype)
        except (KeyError, ValueError) as found:
            wrong[name] = str(found)
    # Of tensor columns, and whatever else is wrong with several at once, no other is to blame.
    others = [text for text in wrong.values() if text != str(error)]
    if len(others) in (0, len(wrong)):
        return error
    brief = [re.split(r"[;(:]|, and", text)[0].strip() for text in others[:MOST]]
    more = f" and {len(others) - MOST} columns more" if len(others) > MOST else ""
    return ValueError(f"{error}. Besides, {', '.join(brief)}{more}")
