"""What is in a report, read as its page reads it."""

from __future__ import annotations

import base64
import gzip
import json
import re
from pathlib import Path
from typing import Any

import numpy as np


class Read:
    """The book of a report: `frame(panel, step)` is what a panel shows at a step, with its arrays by name."""

    def __init__(self, path: Path) -> None:
        self.html = path.read_text(encoding="utf-8")
        found = re.search(r'id="cortex-data">([A-Za-z0-9+/=]*)</script>', self.html)
        assert found is not None
        whole = gzip.decompress(base64.b64decode(found[1]))
        length = int.from_bytes(whole[:4], "little")
        self.book: dict[str, Any] = json.loads(whole[4 : 4 + length])
        self.numbers = whole[4 + length :]

    @property
    def steps(self) -> list[int]:
        return self.book["steps"]

    @property
    def panels(self) -> dict[str, Any]:
        return self.book["panels"]

    def frame(self, panel: str, step: int, setting: int = 0) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        place = self.panels[panel]["frames"][self.steps.index(step)][setting]
        meta, arrays = self.book["frames"][place], {}
        for key, number in meta["arrays"]:
            name, offset, length = self.book["arrays"][number]
            arrays[key] = np.frombuffer(self.numbers, np.dtype(name), length, offset)
        return meta, arrays
