"""Numbers, dates and times written as words: said so, and what is to be typed makes the numbers meant."""

from __future__ import annotations

import re

import numpy as np
import pandas
import pytest

import cortex_lab as cl

LABELS = [0.5, 1.5]
WRITTEN = {
    "dollars": (["$20", "$1,000.50"], [20, 1000.5]),
    "euros": (["1.234,5 €", "20 €"], [1234.5, 20]),
    "signs": (["-$5", "$7"], [-5, 7]),
    "codes": (["USD 5", "USD 7"], [5, 7]),
    "percent": (["12%", "7.5%"], [12, 7.5]),
    "thousands": (["1,000", "23,000"], [1000, 23000]),
    "few thousands": (["1,000", "5"], [1000, 5]),
    "decimal comma": (["1,5", "2,25"], [1.5, 2.25]),
    "decimal commas of three digits": (["1,525", "2,5"], [1.525, 2.5]),
    "units": (["5 km", "12 km"], [5, 12]),
    "units beside": (["5kg", "12.5kg"], [5, 12.5]),
    "degrees": (["5 °C", "-3 °C"], [5, -3]),
    "times": (["10:30", "09:15"], [37800, 33300]),
    "seconds": (["10:30:01", "09:15:00"], [37801, 33300]),
    "dates": (["2024-05-31", "2024-05-29"], [2, 0]),
    "days first": (["01.02.2020", "03.02.2020"], [0, 2]),
    "days first by their size": (["13/02/2020", "15/02/2020"], [0, 2]),
    "months first": (["02/13/2020", "02/15/2020"], [0, 2]),
    "months": (["2020-01", "2020-03"], [0, 60]),
    "named months": (["Jan 5, 2020", "Jan 7, 2020"], [0, 2]),
    "months by name": (["5 January 2020", "7 January 2020"], [0, 2]),
}


@pytest.mark.parametrize("many", [1, 80])
@pytest.mark.parametrize("name", WRITTEN)
def test_what_is_typed_makes_numbers_of_them(name, many):
    words, numbers = WRITTEN[name]
    frame = pandas.DataFrame({"a": words * many, "y": LABELS * many})
    with pytest.raises(ValueError, match=r"'a' holds (numbers|dates) written as words") as caught:
        cl.data.Dataset(frame, target="y")
    said = str(caught.value)
    assert "leave" not in said and '.astype("category")' in said and len(said) < 330
    typed = re.search(r": ((?:dates = .*?; )?frame\['a'\] = .*?) makes numbers", said)[1]
    exec(typed, {"frame": frame, "pandas": pandas})
    assert np.allclose(frame["a"], numbers * many)


def test_many_different_ones_are_not_to_be_left_out():
    frame = pandas.DataFrame({"a": [f"${place}" for place in range(200)], "y": LABELS * 100})
    with pytest.raises(ValueError, match="numbers written as words"):
        cl.data.Dataset(frame, target="y")


@pytest.mark.parametrize(
    "words",
    [
        ["1st", "2nd"],
        ["7th", "8th"],
        ["1a", "2b"],
        ["A1", "A2"],
        ["18-25", "26-40"],
        ["S", "M"],
        ["<5 km", "more"],
    ],
)
def test_categories_with_digits_in_them_stay_categories(words):
    frame = pandas.DataFrame({"a": words * 4, "y": LABELS * 4})
    assert cl.data.Dataset(frame, target="y").input_shape == (2,)
    asked = pandas.DataFrame({"a": ["5 km", "9 km"] * 4, "y": LABELS * 4}).astype({"a": "category"})
    assert cl.data.Dataset(asked, target="y").input_shape == (2,)
