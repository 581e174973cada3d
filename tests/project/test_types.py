"""What functions take has a type: arrays, backends, networks and views are not just anything."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.project import house

ROOT = Path(__file__).parents[2]
TYPED = house.typed(ROOT)

MOST = 0.15
"""The share of a room's parameters that may be anything, unless its own is in SHARES."""
SHARES = {
    "compute": 0.03,
    "study": 0.04,
    "widgets": 0.04,
    "optimize": 0.07,
    "nn": 0.09,
    "ground": 0.11,
    # What people type at the front desk is looked at there, whatever it is.
    "lab": 0.23,
}


@pytest.mark.parametrize("room", TYPED)
def test_few_parameters_of_a_room_may_be_anything(room: str):
    share, most = TYPED[room].share, SHARES.get(room, MOST)
    assert share <= most, f"{share:.1%} of the parameters of {room} are Any; say what they are, or `object`"


def test_few_parameters_at_all_may_be_anything():
    anything, parameters = (
        sum(getattr(each, of) for each in TYPED.values()) for of in ("anything", "parameters")
    )
    assert anything <= 0.07 * parameters


def test_only_what_is_compiled_has_parameters_without_a_type():
    for room, found in TYPED.items():
        outside = [each for each in found.untyped if not each.startswith(f"{house.PACKAGE}/compute/cpu/")]
        assert not outside, room


PLANTED = {
    "plain": ("def f(x: Any) -> None: ...", 1, 1, 0),
    "or nothing": ("def f(x: Any | None = None) -> None: ...", 1, 1, 0),
    "in a container": ("def f(x: dict[str, Any]) -> None: ...", 1, 0, 0),
    "several": ("def f(*x: Any, y: Any = 1, **z: Any) -> None: ...", 3, 3, 0),
    "a method": ("class A:\n    def f(self, x: int, /, y: Any) -> None: ...", 2, 1, 0),
    "inside": ("def f(x: int):\n    def g(y: Any): ...", 2, 1, 0),
    "later": ("async def f(x: Any): ...", 1, 1, 0),
    "without": ("def f(x, y: int): ...", 1, 0, 1),
    "returned": ("def f() -> Any: ...", 0, 0, 0),
}


@pytest.mark.parametrize(("source", "parameters", "anything", "untyped"), PLANTED.values(), ids=PLANTED)
def test_planted_parameters_are_counted(
    tmp_path: Path, source: str, parameters: int, anything: int, untyped: int
):
    planted = tmp_path / house.PACKAGE / "nn" / "new.py"
    planted.parent.mkdir(parents=True)
    planted.write_text(source)
    found = house.typed(tmp_path)["nn"]
    assert (found.parameters, found.anything, len(found.untyped)) == (parameters, anything, untyped)
