"""What a notebook shows of a Dataset."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Any

import numpy as np
import pandas as pd

from cortex_lab.data._pictures import image_tag, value_range
from cortex_lab.data.roles import as_list
from cortex_lab.data.tensor import TensorDtype
from cortex_lab.data.tensor_array import TensorArray

_ROWS, _COLUMNS, _CLASSES = 5, 8, 20

# Colors are those of the JupyterLab theme; elsewhere they follow the page's own text color.
_STYLE = """<style>
.cortex-dataset{padding-bottom:6px;color:var(--jp-content-font-color1,inherit);
 font-size:var(--jp-content-font-size1,14px);line-height:1.5}
.cortex-dataset .muted{color:var(--jp-content-font-color2,inherit);opacity:.85}
.cortex-dataset table{color:inherit;border-collapse:collapse;margin:6px 0;font-size:12px}
.cortex-dataset th,.cortex-dataset td{padding:3px 10px;text-align:right;vertical-align:middle;background:none;
 border:none;border-bottom:1px solid var(--jp-border-color2,rgba(128,128,128,.35))}
.cortex-dataset th{font-weight:600}
.cortex-dataset th small{display:block;font-weight:400;opacity:.75}
.cortex-dataset img{outline:1px solid var(--jp-border-color2,rgba(128,128,128,.35));max-width:none}
.cortex-dataset .classes{display:flex;flex-wrap:wrap;gap:2px 14px;max-width:760px;font-size:12px}
.cortex-dataset .bar{display:inline-block;height:8px;background:var(--jp-brand-color1,#2979c9)}
</style>"""


def dataset_text(data: Any, shapes: str, goals: Iterable[Any], notes: Iterable[str] = ()) -> str:
    """One line on a data set, and one for each note."""
    goal = "no target" if data.target is None else f"target {data.target!r}"
    counts = [str(len(each.classes)) for each in goals if each.classes is not None]
    goal += f" ({' and '.join(counts)} classes)" if counts else ""
    parts = "".join(f", {name} {len(rows)}" for name, rows in data.splits.items())
    parts += f" ({data._note})" if data._note else ""
    inputs = f"inputs {data.inputs!r} {shapes}"
    return f"<Dataset {data.name!r}: {len(data)} rows, {inputs}, {goal}{parts}>" + "".join(
        f"\n  {note}" for note in notes
    )


def dataset_html(
    data: Any, shapes: str, targets: dict[str, Any], splits: list[str], notes: Iterable[str] = ()
) -> str:
    """Title, facts, sizes of splits, the first rows of a Dataset with pictures, and rows per class.

    `shapes` are those of its inputs, and `targets` the columns of its targets, by name.
    """
    classes = data.classes if isinstance(data.target, dict) else dict.fromkeys(targets, data.classes)
    goals = {name: as_list(columns) for name, columns in targets.items()}
    facts = [f"{len(data):,} rows", f"inputs {shapes} from {_names(data.columns)}"]
    facts += ["no target"] if not goals else []
    for name, columns in goals.items():
        values, of = f"values of {_names(columns)} to predict", classes[name]
        facts.append(values if of is None else f"{len(of)} classes in {_names(columns)}")
    first = [column for columns in goals.values() for column in columns]
    told = "".join(f'<div class="muted">{escape(note)}</div>' for note in notes)
    return (
        f'{_STYLE}<div class="cortex-dataset"><div><b>{escape(data.name)}</b> · {" · ".join(facts)}</div>'
        f'<div class="muted">{" · ".join(splits)}</div>{told}{_table(data.frame, data.columns, first)}'
        f'{_class_bars(data.class_counts)}<div class="muted">.overview() shows every column</div></div>'
    )


def _names(columns: list) -> str:
    """The first of some names of columns."""
    names = [str(name) for name in columns]
    more = f" and {len(names) - 4} more" if len(names) > 4 else ""
    return escape(", ".join(names[:4]) + more)


def _table(frame: pd.DataFrame, inputs: list, goals: list) -> str:
    names = list(dict.fromkeys([*inputs[: _COLUMNS - len(goals[:2])], *goals[:2], *frame.columns]))
    hidden = len(names) - _COLUMNS
    names = names[:_COLUMNS]
    head = "".join(
        f"<th>{escape(str(name))}<small>{escape(str(frame[name].dtype))}</small></th>" for name in names
    )
    rows = frame.iloc[:_ROWS]
    cells = [_cells(rows[name]) for name in names]
    body = "".join(
        f"<tr><th>{index}</th>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>"
        for index, *row in zip(rows.index, *cells, strict=True)
    )
    more = f'<div class="muted">and {hidden} more columns</div>' if hidden > 0 else ""
    return f"<table><thead><tr><th></th>{head}</tr></thead><tbody>{body}</tbody></table>{more}"


def _cells(column: pd.Series) -> list[str]:
    if not isinstance(column.dtype, TensorDtype) or not isinstance(column.array, TensorArray):
        return [escape(_text(value)) for value in column]
    # One gray scale for the rows shown, so that they can be compared.
    limits = value_range(column.array.tensor)
    return [
        "" if cell is pd.NA else image_tag(cell.array, limits) or escape(str(cell)) for cell in column.array
    ]


def _text(value: object) -> str:
    text = f"{value:.4g}" if isinstance(value, (float, np.floating)) else str(value)
    return text if len(text) <= 40 else text[:39] + "…"


def _class_bars(counts: pd.Series | None) -> str:
    if counts is None:
        return ""
    most = max(int(counts.max()), 1)
    bars = "".join(
        f'<span>{escape(str(name))} <span class="bar" style="width:{round(60 * count / most)}px"></span> '
        f'<span class="muted">{count:,}</span></span>'
        for name, count in counts.head(_CLASSES).items()
    )
    more = f'<span class="muted">and {len(counts) - _CLASSES} more</span>' if len(counts) > _CLASSES else ""
    return f'<div class="classes">{bars}{more}</div>'
