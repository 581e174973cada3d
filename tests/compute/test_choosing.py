"""Which backend a name means, and what is said where there is no GPU to compute on."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

import cortex_lab as cl
from cortex_lab.compute import get_ops, gpu


class CUDARuntimeError(RuntimeError):
    def __init__(self, status: int) -> None:
        super().__init__(f"status {status}")
        self.status = status


def cupy(count: int = 1, status: int = 0) -> SimpleNamespace:
    """As much of CuPy as is asked for before it is used."""

    def devices() -> int:
        if status:
            raise CUDARuntimeError(status)
        return count

    runtime = SimpleNamespace(
        getDeviceCount=devices, runtimeGetVersion=lambda: 13020, CUDARuntimeError=CUDARuntimeError
    )
    return SimpleNamespace(cuda=SimpleNamespace(runtime=runtime))


def installed(monkeypatch: pytest.MonkeyPatch, module: SimpleNamespace | None, *packages: str) -> None:
    monkeypatch.setitem(sys.modules, "cupy", module)
    monkeypatch.setattr(gpu, "_installed", lambda: ["numpy", *packages])


WITHOUT = {
    "nothing installed": (None, (), ImportError, "needs CuPy: pip install"),
    "two packages": (cupy(), ("cupy-cuda12x", "cupy-cuda13x"), ImportError, "cupy-cuda12x cupy-cuda13x"),
    "no device": (cupy(0), ("cupy-cuda13x",), RuntimeError, "shows no GPU"),
    "no driver": (cupy(status=100), ("cupy-cuda13x",), RuntimeError, "no GPU answers"),
    "old driver": (cupy(status=35), ("cupy-cuda13x",), RuntimeError, "too old for cupy-cuda13x.*CUDA 13"),
}
without = pytest.mark.parametrize("case", WITHOUT)


@without
def test_why_there_is_no_gpu_is_said(case: str, monkeypatch: pytest.MonkeyPatch):
    module, packages, error, said = WITHOUT[case]
    installed(monkeypatch, module, *packages)
    with pytest.raises(error, match=said):
        gpu.array_module()


@without
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_auto_computes_on_the_processor_where_no_gpu_answers(case: str, monkeypatch: pytest.MonkeyPatch):
    module, packages, *_ = WITHOUT[case]
    installed(monkeypatch, module, *packages)
    assert get_ops.__wrapped__("auto").name == "cpu"


def test_auto_warns_where_a_gpu_was_wanted(monkeypatch: pytest.MonkeyPatch):
    installed(monkeypatch, cupy(status=35), "cupy-cuda13x")
    with pytest.warns(RuntimeWarning, match="the processor computes: the NVIDIA driver is too old"):
        assert not gpu.answers()


def test_auto_says_nothing_where_none_was(monkeypatch: pytest.MonkeyPatch, recwarn: pytest.WarningsRecorder):
    installed(monkeypatch, None)
    assert not gpu.answers()
    assert not recwarn.list


def test_a_gpu_that_answers_is_taken(monkeypatch: pytest.MonkeyPatch):
    installed(monkeypatch, cupy(), "cupy-cuda13x")
    assert gpu.answers()
    assert gpu.array_module() is sys.modules["cupy"]


@pytest.mark.gpu
def test_auto_is_the_gpu():
    assert get_ops("auto") is get_ops("gpu")


def test_a_network_is_told_as_well():
    assert cl.Network([cl.Dense(2)], (3,), ops="auto").ops.name in ("cpu", "gpu")
    with pytest.raises(ValueError, match="choose 'cpu', 'gpu', 'auto' or 'reference'"):
        cl.Network([cl.Dense(2)], (3,), ops="tpu")
