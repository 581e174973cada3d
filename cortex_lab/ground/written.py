"""Numbers, dates and times that are written as words, and what makes numbers of them."""

from __future__ import annotations

import re
from collections.abc import Sequence

_DATE = re.compile(r"\s*(\d{4}([-/.])\d{1,2}\2\d{1,2}|\d{1,2}([-/.])\d{1,2}\3(\d{4}|\d{2}))([T ]\s*\d.*)?\s*")
_MONTH = r"(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
_NAMED_DATE = re.compile(
    rf"\s*({_MONTH} \d{{1,2}},? \d{{4}}|\d{{1,2}}[. -]+{_MONTH}[ ,-]+\d{{4}}|{_MONTH},? \d{{4}}|"
    r"\d{4}[-/](0?[1-9]|1[0-2]))\s*",
    re.IGNORECASE,
)
_TIME = re.compile(r"\s*\d{1,2}:[0-5]\d(:[0-5]\d(\.\d+)?)?\s*")
_AMOUNT = re.compile(
    r"\s*([$€£¥]|[A-Z]{3} )?\s*[-+]?\s*[$€£¥]?\s*(?P<digits>\d[\d.,' ]*\d|\d)\s*"
    r"(?P<unit>[^\W\d_]{0,8}|[%‰°$€£¥]\w?)\s*"
)
_NUMBER = re.compile(r"\d+([.,]\d+)?|\d{1,3}([.,' ]\d{3})+([.,]\d+)?")
_THOUSANDS = re.compile(r"\d{1,3}(,\d{3})+")
_LOOKED_AT = 10_000
_NO_UNITS = ("st", "nd", "rd", "th")


def are_dates(words: Sequence[object]) -> bool:
    """Whether most of several words, such as "2024-05-31", "31.5.2024 12:00" or "Jan 5, 2020", are dates."""
    return _most(words, _DATE) or _most(words, _NAMED_DATE)


def to_dates(words: Sequence[object], column: str) -> str:
    """What makes dates of them, to be typed: "01.02.2020" begins with the day, as "31/1/2020" does."""
    begins = [re.match(r"\s*(\d{1,2})([-/.])(\d{1,2})\2\d", str(each)) for each in words]
    begun = [found for found in begins if found]
    first = any(int(found[1]) > 12 or found[2] == "." for found in begun)
    if first and not any(int(found[3]) > 12 for found in begun):
        return f"pandas.to_datetime({column}, dayfirst=True)"
    return f"pandas.to_datetime({column})"


def numbers_in(words: Sequence[str], column: str) -> str | None:
    """What makes numbers of words such as "$20", "1,000", "5 km" or "10:30", to be typed; else None.

    Most have to be so written, and all of those with the same unit.
    """
    if _most(words, _TIME):
        timed = column if all(str(each).count(":") != 1 for each in words) else f"{column} + ':00'"
        return f"pandas.to_timedelta({timed}).dt.total_seconds()"
    if not _most(words, _AMOUNT):
        return None
    found = [match for match in (_AMOUNT.fullmatch(each) for each in words) if match]
    units = {match["unit"] for match in found}
    if len(units) > 1 or units & {*_NO_UNITS}:
        return None
    digits = [match["digits"] for match in found]
    # Versions and addresses have points as well.
    if not all(_NUMBER.fullmatch(each) for each in digits):
        return None
    commas = [each for each in digits if "," in each]
    if any("." in each for each in commas):
        european = all(each.rfind(",") > each.rfind(".") for each in commas if "." in each)
    else:
        european = bool(commas) and not all(_THOUSANDS.fullmatch(each) for each in commas)
    if european:
        made = f'{column}.str.replace("[^0-9,-]", "", regex=True).str.replace(",", ".")'
    else:
        made = f'{column}.str.replace("[^0-9.-]", "", regex=True)'
    return f'pandas.to_numeric({made}, errors="coerce")'


def some(words: Sequence[object]) -> Sequence[object]:
    """Those of many words that tell what all are like, evenly spread."""
    return words[:: -(-len(words) // _LOOKED_AT)] if len(words) > _LOOKED_AT else words


def _most(words: Sequence[object], pattern: re.Pattern) -> bool:
    found = [pattern.fullmatch(str(each)) is not None for each in some(words)]
    return len(found) > 1 and 2 * sum(found) > len(found)
