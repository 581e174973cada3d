"""How a report is written: all that its page needs in one HTML file, and no script in it but ours."""

from __future__ import annotations

import base64
import gzip
import hashlib
import html
import json
from typing import Any

import numpy as np

from cortex_lab.widgets import page
from cortex_lab.widgets.chart.canvas import Packed
from cortex_lab.widgets.chart.palette import PALETTE
from cortex_lab.widgets.program import Program

MOST_BYTES = 5_000_000

# Whatever a name should smuggle into the page: no other script is run, and nothing is sent anywhere.
_POLICY = "default-src 'none'; script-src 'sha256-{}'; style-src 'unsafe-inline'; img-src data: blob:"
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<title>{title}</title>
<style>{styles}</style>
</head>
<body>
<main class="cortex-report"><h1>{title}</h1>
<p id="cortex-said">Opening the report…</p>
<noscript><p>This report is drawn by its own script, which this browser does not run.</p></noscript>
</main>
<script type="application/octet-stream" id="cortex-data">{data}</script>
<script type="module">{script}</script>
</body>
</html>
"""


class Book:
    """The frames of all panels at all steps, each content once, and what the page has to know of them."""

    def __init__(self, steps: list[int], first: int) -> None:
        self.steps, self.first = steps, first
        self.told: list[list[list[str]]] = []
        self.known: dict[str, Any] = {}
        self._panels: dict[str, dict[str, Any]] = {}
        self._frames: list[dict[str, Any]] = []
        self._frame_of: dict[str, int] = {}
        self._arrays: list[list[Any]] = []
        self._array_of: dict[bytes, int] = {}
        self._parts: list[bytes] = []
        self._size = 0
        self._program: dict[str, Any] = {"cannot": "it was not taken along"}

    def add(self, packed: Packed) -> int:
        """The number of a frame, which is kept once."""
        named = [[key, self._array(array)] for key, array in packed.arrays.items()]
        meta = {**packed.meta, "arrays": named}
        said = json.dumps(meta, allow_nan=False)
        if said not in self._frame_of:
            self._frame_of[said] = len(self._frames)
            self._frames.append(meta)
        return self._frame_of[said]

    def panel(self, name: str, **known: Any) -> None:
        """A panel: where it stands, what can be set, and the numbers of its frames by step and setting."""
        self._panels[name] = known

    def program(self, program: Program) -> None:
        """What the page needs to compute the network, or why it cannot."""
        weights = [[[key, self._array(each)] for key, each in mine.items()] for mine in program.arrays]
        self._program = {**program.said, "weights": weights} if program.said else {"cannot": program.cannot}

    def _array(self, array: np.ndarray) -> int:
        data = np.ascontiguousarray(array).tobytes()
        known = hashlib.sha256(array.dtype.name.encode() + data).digest()
        if known not in self._array_of:
            self._array_of[known] = len(self._arrays)
            self._arrays.append([array.dtype.name, self._size, array.size])
            padding = -len(data) % 4
            self._parts.append(data + bytes(padding))
            self._size += len(data) + padding
        return self._array_of[known]

    def packed(self) -> bytes:
        """All of it, compressed: the length of what is said, what is said, then the numbers."""
        said = {
            "steps": self.steps,
            "first": self.first,
            "told": self.told,
            "panels": self._panels,
            "frames": self._frames,
            "arrays": self._arrays,
            "palette": PALETTE,
            "program": self._program,
            **self.known,
        }
        text = json.dumps(said, allow_nan=False, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 4)
        whole = len(text).to_bytes(4, "little") + text + b"".join(self._parts)
        # Without the time, so that equal reports are equal files.
        return gzip.compress(whole, 9, mtime=0)


def html_of(book: Book, title: str) -> bytes:
    """The report as a page. What names and data hold lies in it as Base64, in which there is no HTML."""
    script = page.script(*page.PARTS, "compute", "drawing", "offline")
    allowed = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    said = {
        "title": html.escape(title),
        "styles": page.styles("bench", "report"),
        "script": script,
        "policy": _POLICY.format(allowed),
        "data": base64.b64encode(book.packed()).decode(),
    }
    return _PAGE.format(**said).encode()
