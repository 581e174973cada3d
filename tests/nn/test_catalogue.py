"""The README's table of layers is the registry's."""

from __future__ import annotations

from pathlib import Path

import pytest

from cortex_lab.nn.contract.layer import LAYERS
from cortex_lab.nn.graph.catalogue import BEGIN, END, layer_table, with_table

README = Path(__file__).parents[2] / "README.md"


def test_the_readme_has_the_table_as_it_would_be_written_now():
    text = README.read_text(encoding="utf-8")
    assert with_table(text) == text, "run python -m cortex_lab.nn.graph.catalogue README.md"


def test_every_layer_is_in_the_table_with_a_sentence():
    table = layer_table()
    for name, kind in LAYERS.items():
        assert kind.__module__.startswith("cortex_lab.")
        (row,) = [line for line in table.split("\n") if line.startswith(f"| `{name}` |")]
        assert len(row.split("|")[2].strip()) > 5


def test_the_text_around_the_table_stays():
    assert with_table(f"before\n{BEGIN}\nold\n{END}\nafter").split("\n")[0] == "before"
    assert with_table(f"before\n{BEGIN}\nold\n{END}\nafter").endswith(f"{END}\nafter")
    with pytest.raises(ValueError, match="needs the lines"):
        with_table("no markers")


def test_every_layer_is_timed_small_and_large():
    from benchmarks.workloads.layer_sizes import SIZES, TABLE

    assert set(TABLE) == set(LAYERS)
    for name, sized in TABLE.items():
        for size in SIZES:
            layer, rows, shapes = sized.at(size)
            assert type(layer).__name__ == name and rows > 0
            layer.out_shape(*shapes)


def test_every_loss_and_optimizer_is_timed():
    from benchmarks.workloads.layer_sizes import SIZES
    from benchmarks.workloads.loss_sizes import LOSS_TABLE
    from benchmarks.workloads.one_layer import OPTIMIZER_PEERS
    from cortex_lab.nn.contract.loss import LOSSES
    from cortex_lab.optimize import OPTIMIZERS

    assert set(OPTIMIZER_PEERS) == set(OPTIMIZERS)
    assert set(LOSS_TABLE) == set(LOSSES)
    for name, scored in LOSS_TABLE.items():
        assert type(scored.loss) is LOSSES[name]
        for size in SIZES:
            y, target = scored.draw(size)
            scored.loss.check_targets(target, y.shape[1:])
