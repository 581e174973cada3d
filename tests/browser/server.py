"""A throw-away JupyterLab on a copy of a folder, and a way into its kernels. No browser, no pytest."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Empty
from typing import Any

import psutil

REPOSITORY = Path(__file__).parents[2]

SETTINGS: dict[str, dict[str, Any]] = {
    "apputils-extension/notification": {
        "fetchNews": "false",
        "checkForUpdates": False,
        "doNotDisturbMode": True,
    },
    "apputils-extension/themes": {"theme": "JupyterLab Light"},
    "docmanager-extension/plugin": {"autosave": False},
    "extensionmanager-extension/plugin": {"enabled": False},
    # Only then is every cell in the page, wherever it is scrolled to.
    "notebook-extension/tracker": {"windowingMode": "none"},
}


class Server:
    """JupyterLab serving a copy of `folder`, with its own home and settings, on a free loopback port.

    Use it in a `with` statement. Raises TimeoutError, with the server's log, if it does not come up.
    """

    def __init__(
        self, folder: Path, *, environment: Mapping[str, str] | None = None, python: str = sys.executable
    ) -> None:
        self.source = Path(folder)
        self.home = Path(tempfile.mkdtemp(prefix="cortex-lab-browser-"))
        self.folder = self.home / "notebooks"
        shutil.copytree(self.source, self.folder, ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
        self.token = secrets.token_hex(16)
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._write_settings()
        self._log = (self.home / "server.log").open("wb")
        command = [python, "-m", "jupyterlab", "--no-browser", "--allow-root", "--expose-app-in-browser"]
        command += [f"--ServerApp.root_dir={self.folder}", "--ServerApp.ip=127.0.0.1", f"--port={self.port}"]
        command += ["--ServerApp.port_retries=0", f"--IdentityProvider.token={self.token}"]
        self.process = subprocess.Popen(
            command,
            cwd=self.folder,
            env=self._environment(environment or {}),
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )
        try:
            self._wait_until_up(180)
        except BaseException:
            self.stop()
            raise

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def log(self) -> str:
        return (self.home / "server.log").read_text(encoding="utf-8", errors="replace")

    def request(self, path: str, method: str = "GET") -> Any:
        """Ask the server's REST interface; the answer's JSON, or None where there is none."""
        request = urllib.request.Request(f"{self.url}/api/{path}", method=method)
        request.add_header("Authorization", f"token {self.token}")
        with urllib.request.urlopen(request, timeout=60) as answer:
            body = answer.read()
        return json.loads(body) if body else None

    def kernel_of(self, notebook: str) -> Kernel:
        """A connection to the kernel the notebook runs in. Raises LookupError if it has none."""
        for session in self.request("sessions"):
            if session["path"] == notebook:
                return Kernel(self.home / "runtime" / f"kernel-{session['kernel']['id']}.json")
        raise LookupError(f"{notebook} has no running kernel")

    def refresh(self, notebook: str) -> None:
        """Put the notebook back to what it is in the source, and end all kernels."""
        for session in self.request("sessions"):
            self.request(f"sessions/{session['id']}", "DELETE")
        shutil.copyfile(self.source / notebook, self.folder / notebook)

    def stop(self) -> None:
        """End the server and its kernels, by process id, and remove everything they wrote."""
        family: list[psutil.Process] = []
        with contextlib.suppress(psutil.NoSuchProcess):
            parent = psutil.Process(self.process.pid)
            family = [*parent.children(recursive=True), parent]
        if self.process.poll() is None:
            with contextlib.suppress(urllib.error.URLError, OSError):
                self.request("shutdown", "POST")
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=10)
        for process in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self.process.wait(timeout=10)
        self._log.close()
        shutil.rmtree(self.home, ignore_errors=True)

    def _write_settings(self) -> None:
        for name, settings in SETTINGS.items():
            path = self.home / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(settings), encoding="utf-8")

    def _environment(self, more: Mapping[str, str]) -> dict[str, str]:
        kept = {
            name: text for name, text in os.environ.items() if not name.startswith(("JUPYTER", "IPYTHON"))
        }
        kept["PYTHONPATH"] = os.pathsep.join(filter(None, [str(REPOSITORY), kept.get("PYTHONPATH")]))
        places = {"HOME": "home", "IPYTHONDIR": "ipython", "JUPYTER_CONFIG_DIR": "config"}
        places |= {"JUPYTER_DATA_DIR": "data", "JUPYTER_RUNTIME_DIR": "runtime"}
        places |= {"JUPYTERLAB_SETTINGS_DIR": "settings", "JUPYTERLAB_WORKSPACES_DIR": "workspaces"}
        for name, place in places.items():
            (self.home / place).mkdir(exist_ok=True)
            kept[name] = str(self.home / place)
        return kept | dict(more)

    def _wait_until_up(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and self.process.poll() is None:
            with contextlib.suppress(OSError):
                self.request("status")
                return
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(0.1)
        raise TimeoutError(f"JupyterLab did not come up within {seconds:.0f} s:\n{self.log}")


def write_notebook(folder: Path, name: str, sources: Sequence[str]) -> None:
    """A notebook of code cells."""
    cells = [
        {
            "cell_type": "code",
            "id": f"c{place}",
            "metadata": {},
            "execution_count": None,
            "outputs": [],
            "source": text,
        }
        for place, text in enumerate(sources)
    ]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    content = {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    (folder / name).write_text(json.dumps(content), encoding="utf-8")


class KernelError(Exception):
    """What the kernel raised, with its traceback."""


class Kernel:
    """The kernel behind a notebook, asked from outside of it: no cell and no output is touched.

    It answers between cells only. Everything happens in a thread of its own, because playwright keeps an
    event loop running in the caller's.
    """

    def __init__(self, connection_file: Path) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="kernel-client")
        self._client = self._thread.submit(_connect, connection_file).result()

    def __enter__(self) -> Kernel:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def run(self, code: str, timeout: float = 120) -> None:
        """Execute statements. Raises KernelError, or TimeoutError if the kernel stays busy."""
        self._ask(code, {}, timeout)

    def value(self, expression: str, timeout: float = 120) -> Any:
        """The value of an expression, as far as JSON can carry it; NumPy's become numbers and lists."""
        encode = (
            "lambda x: x.tolist() if hasattr(x, 'tolist') else dict(x) if hasattr(x, 'keys') else list(x)"
        )
        wrapped = f"__import__('json').dumps({expression}, default={encode}).encode().hex()"
        answer = self._ask("", {"value": wrapped}, timeout)["user_expressions"]["value"]
        _raise_for(answer)
        return json.loads(bytes.fromhex(answer["data"]["text/plain"].strip("'")).decode())

    def close(self) -> None:
        self._thread.submit(_disconnect, self._client).result()
        self._thread.shutdown()

    def _ask(self, code: str, expressions: dict[str, str], timeout: float) -> dict[str, Any]:
        reply = self._thread.submit(_ask, self._client, code, expressions, timeout).result()
        _raise_for(reply)
        return reply


def _connect(connection_file: Path) -> Any:
    from jupyter_client.blocking.client import BlockingKernelClient

    client = BlockingKernelClient(connection_file=str(connection_file))
    client.load_connection_file()
    client.start_channels(iopub=False, stdin=False, hb=False, control=False)
    return client


def _disconnect(client: Any) -> None:
    from jupyter_core.utils import ensure_event_loop

    client.stop_channels()
    ensure_event_loop().close()  # the one that jupyter_client made for this thread


def _ask(client: Any, code: str, expressions: dict[str, str], timeout: float) -> dict[str, Any]:
    asked = client.execute(
        code, silent=True, store_history=False, user_expressions=expressions, allow_stdin=False
    )
    deadline = time.monotonic() + timeout
    while (left := deadline - time.monotonic()) > 0:
        try:
            message = client.get_shell_msg(timeout=left)
        except Empty:
            break
        if message["parent_header"].get("msg_id") == asked:
            return message["content"]
    raise TimeoutError(f"the kernel did not answer within {timeout} s: is a cell still running?")


def _raise_for(reply: dict[str, Any]) -> None:
    if reply["status"] != "ok":
        raise KernelError(
            f"{reply.get('ename')}: {reply.get('evalue')}\n" + "\n".join(reply.get("traceback", []))
        )


def wait_until(condition: Callable[[], Any], what: str, timeout: float, pause: Callable[[], object]) -> Any:
    """The first true value of `condition`. Raises TimeoutError naming `what` if there is none in time."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {timeout:g} s (last seen: {value!r})")
        pause()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
