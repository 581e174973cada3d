"""The README's examples run as they stand there, and what it names exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.test_tables_of_ones_own import houses

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_examples_run_as_they_are_written(tmp_path, monkeypatch):
    pytest.importorskip("anywidget")
    pytest.importorskip("openTSNE")
    monkeypatch.chdir(tmp_path)
    houses().to_csv("houses.csv", index=False)
    examples = re.findall(r"```python\n(.*?)```", TEXT, flags=re.DOTALL)
    for example in examples:
        names: dict = {}
        exec(compile(example, "README.md", "exec"), names)
        session = names["session"]
        try:
            assert session.error is None and session.step_number > 100
            assert "rewind(step=120)" not in example or session.step_number == 120
            if "Normalization" in example:
                assert session.score(metrics=["r2"])["r2"] > 0.8
        finally:
            if ".bench()" in example:
                session.bench().close()
    assert examples


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
