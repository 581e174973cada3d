"""The README's table of views is the registry's, and the gallery shows every one."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from cortex_lab.widgets.catalogue import BEGIN, END, view_table, with_table
from cortex_lab.widgets.views import VIEWS

ROOT = Path(__file__).parents[2]


def test_the_readme_has_the_table_as_it_would_be_written_now() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert with_table(text) == text, "run python -m cortex_lab.widgets.catalogue README.md"


def test_every_view_is_in_the_table_with_a_sentence_and_the_text_around_it_stays() -> None:
    table = view_table()
    for name, kind in VIEWS.items():
        (row,) = [line for line in table.split("\n") if line.startswith(f"| `{name}` |")]
        assert kind.title in row and len(row.split("|")[3].strip()) > 20 and row.endswith(". |")
    assert with_table(f"before\n{BEGIN}\nold\n{END}\nafter") == f"before\n{BEGIN}\n{table}\n{END}\nafter"
    with pytest.raises(ValueError, match="needs the lines"):
        with_table("no markers")


def test_the_gallery_shows_every_view() -> None:
    cells = json.loads((ROOT / "notebooks" / "11_gallery.ipynb").read_text(encoding="utf-8"))["cells"]
    code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    made = set(re.findall(r"\bviews\.(\w+)\(", code))
    made |= {name for name, kind in VIEWS.items() if f"{kind.__name__}(" in code}
    assert made == set(VIEWS)
