"""What all views of data are: HTML that needs no script, and the numbers in it as a frame."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
import pandas as pd

from cortex_lab.ground import checks
from cortex_lab.ground.files import write_whole

LONGEST = 40
"""Characters of a name or a value that are shown."""

# Colors are those of the JupyterLab theme; elsewhere they follow the page's own text color. Cells are
# named by two classes: notebooks have rules of their own for them.
STYLE = """<style>
.cortex-view{color:var(--jp-content-font-color1,inherit);font-size:var(--jp-content-font-size1,14px);
 line-height:1.5;max-width:1200px;padding-bottom:6px}
.cortex-view .title{font-weight:600}
.cortex-view .muted,.cortex-view small{color:var(--jp-content-font-color2,inherit);opacity:.85}
.cortex-view .scroll{overflow-x:auto}
.cortex-view table{color:inherit;border-collapse:collapse;margin:6px 0;font-size:12px}
.cortex-view .scroll th,.cortex-view .scroll td{padding:3px 10px;text-align:left;vertical-align:middle;
 background:none;border:none;border-bottom:1px solid var(--jp-border-color2,rgba(128,128,128,.35))}
.cortex-view .scroll td.number,.cortex-view .scroll th.number{text-align:right;
 font-variant-numeric:tabular-nums}
.cortex-view th{font-weight:600}
.cortex-view small{display:block;font-weight:400}
.cortex-view img{outline:1px solid var(--jp-border-color2,rgba(128,128,128,.35));max-width:none}
.cortex-view svg{display:block;overflow:visible}
.cortex-view .mark{fill:var(--jp-brand-color1,#2979c9)}
.cortex-view .rest{fill:currentColor;opacity:.3}
.cortex-view .warn{font-weight:600}
.cortex-view .tiles{display:flex;flex-wrap:wrap;gap:8px;margin:4px 0}
.cortex-view figure{margin:0;font-size:11px;line-height:1.35;max-width:200px}
.cortex-view figcaption{overflow-wrap:anywhere}
.cortex-view summary{cursor:pointer}
.cortex-view h4{font-size:inherit;font-weight:600;margin:8px 0 0}
.cortex-view h4 .muted{font-weight:400;margin-left:6px}
</style>"""

_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title><style>:root{{color-scheme:light dark}}
body{{font-family:system-ui,sans-serif;margin:24px;color:CanvasText;background:Canvas}}</style></head>
<body>{body}</body></html>
"""


@dataclass(frozen=True, eq=False)
class StaticView:
    """A picture of data that stays in a saved notebook.

    Parameters
    ----------
    title
        What is seen.
    said
        How it was found, and what was left out: a line each.
    table
        The numbers, given by `frame()`.
    body
        What is shown below the title, as HTML.
    """

    title: str
    said: tuple[str, ...]
    table: pd.DataFrame
    body: str

    def frame(self) -> pd.DataFrame:
        """The numbers that are shown."""
        return self.table.copy()

    def html(self) -> str:
        """A page of its own, light or dark as the browser is."""
        return _PAGE.format(title=escape(self.title), body=self._repr_html_())

    def save(self, path: str | os.PathLike) -> None:
        """Write `html()` to a file, whole or not at all."""
        write_whole(checks.path("path", path), self.html().encode("utf-8"))

    def _repr_html_(self) -> str:
        told = "".join(f'<div class="muted">{escape(line)}</div>' for line in self.said)
        return (
            f'{STYLE}<div class="cortex-view"><div class="title">{escape(self.title)}</div>{told}'
            f"{self.body}</div>"
        )

    def __repr__(self) -> str:
        table = self.table.to_string(max_rows=30, max_colwidth=LONGEST) if len(self.table) else "nothing"
        return "\n".join([self.title, *(f"  {line}" for line in self.said), table])


def brief(value: object, longest: int = LONGEST) -> str:
    """A value in so few characters that it fits a cell."""
    if isinstance(value, (float, np.floating)):
        return number(float(value))
    if isinstance(value, (bool, np.bool_)):
        return str(bool(value))
    if isinstance(value, (int, np.integer)):
        return f"{value:,}"
    if isinstance(value, pd.Timestamp):
        return str(value.date()) if value == value.normalize() else str(value.floor("s"))
    text = " ".join(str(value).split())
    return text if len(text) <= longest else text[: longest - 1] + "…"


def number(value: float) -> str:
    """Four digits of a number; thousands apart where it is whole, and "infinite" where it is."""
    if np.isnan(value):
        return "–"
    if np.isinf(value):
        return "infinite" if value > 0 else "−infinite"
    if value == round(value) and abs(value) < 1e9:
        return f"{int(value):,}"
    return f"{value:.4g}"


def share(part: float, of: float) -> str:
    """Percent, never 0 for something nor 100 for less than all."""
    found = 100 * part / of if of else 0.0
    if 0 < found < 0.1:
        return "<0.1%"
    if 99.9 < found < 100:
        return ">99.9%"
    return f"{found:.1f}%"


def listing(heads: Iterable[str], rows: Iterable[Iterable[Any]], numbers: Iterable[int] = ()) -> str:
    """A table of cells that are HTML already; the columns at the places `numbers` stand to the right.

    The first cell of a row is its head.
    """
    right = {place: ' class="number"' for place in numbers}
    head = "".join(f'<th scope="col"{right.get(i, "")}>{each}</th>' for i, each in enumerate(heads))
    body = []
    for first, *others in rows:
        cells = "".join(f"<td{right.get(i, '')}>{each}</td>" for i, each in enumerate(others, 1))
        body.append(f'<tr><th scope="row"{right.get(0, "")}>{first}</th>{cells}</tr>')
    rows = f"<thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody>"
    return f'<div class="scroll"><table>{rows}</table></div>'


def bars(heights: np.ndarray, told: str, width: int = 120, height: int = 28) -> str:
    """Columns beside one another, as SVG; `told` says what they show to who does not see them."""
    most = max(float(np.max(heights)), 1e-300) if len(heights) else 1.0
    each = width / max(len(heights), 1)
    drawn = []
    for place, value in enumerate(heights):
        # What is there is seen, however little it is.
        tall = 0.0 if not value else max(1.0, height * float(value) / most)
        x, wide = f"{place * each:.1f}", f"{max(each - 1, 0.5):.1f}"
        drawn.append(
            f'<rect class="mark" x="{x}" y="{height - tall:.1f}" width="{wide}" height="{tall:.1f}"/>'
        )
    line = f'<rect class="rest" x="0" y="{height}" width="{width}" height="1"/>'
    return (
        f'<svg role="img" aria-label="{escape(told, quote=True)}" width="{width}" height="{height + 1}" '
        f'viewBox="0 0 {width} {height + 1}">{line}{"".join(drawn)}</svg>'
    )


def bar(part: float, of: float, told: str, width: int = 120) -> str:
    """One bar lying down, `part` of a whole as wide as all of it."""
    long = 0.0 if not part or not of else max(1.0, width * min(part / of, 1.0))
    return (
        f'<svg role="img" aria-label="{escape(told, quote=True)}" width="{width}" height="10" '
        f'viewBox="0 0 {width} 10"><rect class="rest" x="0" y="9" width="{width}" height="1"/>'
        f'<rect class="mark" x="0" y="0" width="{long:.1f}" height="9"/></svg>'
    )
