"""A small training with everything a bench looks at, so that its tests need no engine and no data."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np

from cortex_lab.study import Probe, Session, every
from tests.waiting import PATIENCE

SIZE = 16


class ToyNetwork:
    """conv (2 maps of 4x4) -> flatten -> dense (3 classes), computed in the simplest way."""

    layers = ("conv", "flatten", "dense")

    def __init__(self, units: int = 3) -> None:
        random = np.random.default_rng(0)
        self.parameters = {
            "conv/kernel": random.normal(size=2).astype(np.float32),
            "dense/kernel": random.normal(size=(2 * SIZE, units)).astype(np.float32),
            "dense/bias": np.zeros(units, np.float32),
        }
        views = {"flatten": True}
        nodes = {
            name: SimpleNamespace(layer=SimpleNamespace(is_view=views.get(name, False)))
            for name in self.layers
        }
        self.graph = SimpleNamespace(nodes=nodes, inputs={"input": ()})
        self.layers = list(self.layers)
        self.calls = 0

    def seen(self, name: str, values: np.ndarray) -> np.ndarray:
        return values

    def activations(self, x: np.ndarray, layers: list[str]) -> dict[str, np.ndarray]:
        self.calls += 1
        found: dict[str, np.ndarray] = {"conv": np.maximum(0, x * self.parameters["conv/kernel"])}
        found["flatten"] = found["conv"].reshape(len(x), -1)
        found["dense"] = found["flatten"] @ self.parameters["dense/kernel"] + self.parameters["dense/bias"]
        return {name: found[name] for name in layers}


class ToyDataset:
    """`count` pictures of 4x4 in three classes, every second row a test row."""

    name = "toys"
    classes = ("ant", "bee", "<cat>")

    def __init__(self, count: int = 40, rows: np.ndarray | None = None) -> None:
        self.count = count
        self.rows = np.arange(count) if rows is None else rows

    @property
    def test(self) -> ToyDataset:
        return ToyDataset(self.count, np.arange(0, self.count, 2))

    def select(self, rows: Any) -> ToyDataset:
        return ToyDataset(self.count, np.asarray(rows))

    def arrays(self) -> tuple[np.ndarray, np.ndarray]:
        random = np.random.default_rng(1)
        x = random.uniform(size=(self.count, 4, 4, 1)).astype(np.float32)
        y = np.arange(self.count) % 3
        x[np.arange(self.count), y, :, 0] += 2
        return x[self.rows], y[self.rows]


class ToyTraining:
    """Moves the parameters a little every step; `fail_at` is a step in which it raises."""

    phases = ("fetch", "forward:conv", "update")
    keys = ("loss", "accuracy", "learning_rate", "validation_loss")
    probes = (Probe("loss"), Probe("accuracy"), Probe("learning_rate"), Probe("validation_loss", every(10)))

    def __init__(self, network: ToyNetwork, seconds: float = 0.0, fail_at: int | None = None) -> None:
        self.network = network
        self.seconds = seconds
        self.fail_at = fail_at
        self.learning_rate = 0.1
        self.step_number = 0
        self.hurry = threading.Event()
        """Once set, no step takes its `seconds` any longer."""

    @property
    def buffers(self) -> dict[str, np.ndarray]:
        return dict(self.network.parameters)

    def walk(self) -> Iterator[str]:
        yield "fetch"
        if self.seconds:
            self.hurry.wait(self.seconds)
        if self.fail_at == self.step_number + 1:
            raise ValueError("the <b>toy</b> broke")
        yield "forward:conv"
        for values in self.network.parameters.values():
            values *= 1 - 0.01 * self.learning_rate
        self.step_number += 1
        yield "update"

    def measure(self, key: str) -> float:
        if key not in self.keys:
            raise KeyError(key)
        values = {"loss": 2.0 / (1 + self.step_number), "accuracy": 1 - 1 / (1 + self.step_number)}
        return values.get(key, self.learning_rate if key == "learning_rate" else 2.5 / (1 + self.step_number))

    def snapshot(self) -> dict[str, Any]:
        parameters = {name: values.copy() for name, values in self.network.parameters.items()}
        return {"step": self.step_number, "rate": self.learning_rate, "parameters": parameters}

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        self.step_number, self.learning_rate = snapshot["step"], snapshot["rate"]
        for name, values in snapshot["parameters"].items():
            self.network.parameters[name][...] = values

    def edit(self, name: str, value: Any) -> None:
        if name != "learning_rate":
            raise KeyError(f"no {name!r} to edit")
        if not value > 0:
            raise ValueError(f"learning_rate must be above 0, got {value}")
        self.learning_rate = float(value)


class ToySession(Session):
    """A Session with a network and a dataset, like the one `cortex_lab.train` makes."""

    def __init__(self, seconds: float = 0.0, fail_at: int | None = None, units: int = 3) -> None:
        self.network = ToyNetwork(units)
        self.dataset: Any = ToyDataset()
        super().__init__(ToyTraining(self.network, seconds, fail_at))


class Page:
    """A browser page as far as a bench can tell: says hello, and acknowledges what it was sent."""

    def __init__(self, bench: Any, name: str = "page", draws: bool = True) -> None:
        self.bench = bench
        self.name = name
        self.draws = draws
        self.visible = [*bench.views]
        self.frames: list[dict[str, Any]] = []
        self.pings = 0
        self.told: list[dict[str, Any]] = []
        self.files: list[dict[str, Any]] = []
        self.answers: list[dict[str, Any]] = []
        self.buffers: list[bytes] = []
        self._send = bench.channel.send
        bench.channel.__dict__["send"] = self._receive

    def say(self, kind: str, buffers: Sequence[bytes] = (), **content: Any) -> None:
        self.visible = content.setdefault("visible", self.visible)
        content = {"type": kind, "page": self.name, **content}
        self.bench.channel._handle_msg(
            {"content": {"data": {"method": "custom", "content": content}}, "buffers": buffers}
        )

    def change(self, name: str, number: int, rows: Any = None, **content: Any) -> None:
        """Change something that views share; rows travel as bytes."""
        if rows is not None:
            content["buffers"] = [np.asarray(rows, np.int32).tobytes()]
        self.say("change", name=name, number=number, **content)

    def changes(self, name: str) -> list[Any]:
        """The values of something shared that the page was told of."""
        return [each["value"] for each in self.told if each["name"] == name]

    def _receive(self, content: dict[str, Any], buffers: list[bytes] | None = None) -> None:
        self._send(content, buffers)
        if content["type"] == "change":
            value = np.frombuffer(buffers[0], np.int32).tolist() if buffers else content["value"]
            self.told.append({**content, "value": value})
            return
        if content["type"] == "file":
            self.files.append({**content, "bytes": bytes(buffers[0]) if buffers else b""})
            return
        if content["type"] == "answer":
            self.answers.append(content)
            return
        if content["type"] == "ping":
            self.pings += 1
        else:
            self.frames.append(content)
            self.buffers = buffers or []
        if self.draws:
            self.say("drawn", sequence=content["sequence"])

    def last(self, panel: str) -> dict[str, Any]:
        """What the panel was sent last; empty if nothing."""
        sent = [frame["panels"][panel] for frame in self.frames if panel in frame["panels"]]
        return sent[-1] if sent else {}

    def array(self, panel: str, name: str) -> np.ndarray:
        """An array of the last frame, unpacked as the page does it."""
        entries = {key: rest for key, *rest in self.frames[-1]["panels"][panel]["arrays"]}
        dtype, offset, length = entries[name]
        return np.frombuffer(self.buffers[0], dtype, length, offset)


def go_round(publisher: Any, times: int = 5) -> None:
    """Wake the publisher so often, each time until it has looked whether there is something to send."""
    done = threading.Semaphore(0)
    look = type(publisher)._round

    def counted(woken: bool) -> None:
        look(publisher, woken)
        done.release()

    publisher._round = counted
    for _ in range(times):
        publisher.wake()
        assert done.acquire(timeout=PATIENCE), "the publisher does not wake"
    del publisher._round
