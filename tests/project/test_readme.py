"""The README's example runs as it stands there, and what it names exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_example_runs_as_it_is_written():
    pytest.importorskip("anywidget")
    pytest.importorskip("openTSNE")
    (example,) = re.findall(r"```python\n(.*?)```", TEXT, flags=re.DOTALL)
    names: dict = {}
    exec(compile(example, "README.md", "exec"), names)
    try:
        assert names["session"].step_number == 120
        assert names["session"].error is None
    finally:
        names["session"].bench().close()


def test_every_file_it_links_to_and_every_notebook_it_lists_exists():
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", TEXT):
        assert (ROOT / target).exists(), f"README links to {target}, which is not there"
    listed = set(re.findall(r"^\| `(\d\d_\w+)` \|", TEXT, flags=re.MULTILINE))
    assert listed == {path.stem for path in (ROOT / "notebooks").glob("*.ipynb")}


def test_the_make_targets_it_names_are_in_the_makefile():
    targets = set(re.findall(r"^make (\w+)", TEXT, flags=re.MULTILINE))
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert targets == {"lab", "test"}
    for target in targets:
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE)
