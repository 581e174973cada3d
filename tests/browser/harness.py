"""A notebook open in JupyterLab in headless Chromium, driven as a person would drive it.

`Browser` is Chromium, `Server` (server.py) a throw-away JupyterLab, `Lab` one page of it. Needs no pytest, so
that benchmarks can use it too:

    with Server(folder) as server, Browser() as browser, browser.lab(server) as lab:
        lab.open("00_tour.ipynb")
        lab.run_all()
        lab.page.get_by_role("button", name="Step").click()
        lab.wait_until(lambda: lab.value("session.step_number") == 1, "one step")
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from playwright.sync_api import ConsoleMessage, Locator, Page, sync_playwright

from tests.browser.server import Kernel, Server, wait_until

__all__ = ["LAPTOP", "Browser", "Kernel", "Lab", "Server", "chromium"]

LAPTOP = (1280, 800)

PATIENCE = 120.0
"""Seconds after which what is waited for will not come, on the slowest machine that there is."""

CLOSE_ALL = """() => {
    for (const widget of [...window.jupyterapp.shell.widgets("main")]) {
        if (!widget.context) continue;
        // Nobody wants to be asked whether to save it.
        widget.context.model.dirty = false;
        widget.dispose();
    }
}"""

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-gl=angle",  # these three: WebGL in software, which plotly needs for its larger plots
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
)

# What JupyterLab's own debugger says when a kernel is restarted under it.
NOT_OURS = re.compile("Could not restore the debugger state: Canceled future")


def chromium() -> str | None:
    """The Chromium (or Chrome) to use: the environment's CHROMIUM, or the first one found on the path."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)


class Browser:
    """Headless Chromium. Use it in a `with` statement; it ends with it."""

    def __init__(self) -> None:
        executable = chromium()
        if executable is None:
            raise FileNotFoundError(
                "no Chromium found: install it, or name it in the environment as CHROMIUM"
            )
        self._playwright = sync_playwright().start()
        try:
            self._chromium = self._playwright.chromium.launch(executable_path=executable, args=FLAGS)
        except BaseException:
            self._playwright.stop()
            raise

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._chromium.close()
        self._playwright.stop()

    def page(self, size: tuple[int, int] = LAPTOP) -> Page:
        """A page with nothing on it, for files that need no server."""
        return self._chromium.new_page(viewport={"width": size[0], "height": size[1]})

    @contextlib.contextmanager
    def lab(self, server: Server, size: tuple[int, int] = LAPTOP, scale: float = 1) -> Iterator[Lab]:
        """A new page with a profile of its own; `size` in CSS pixels, each `scale` device pixels wide."""
        viewport = {"width": size[0], "height": size[1]}
        context = self._chromium.new_context(viewport=viewport, device_scale_factor=scale)
        lab = Lab(server, context.new_page())
        try:
            yield lab
        finally:
            lab.close()
            context.close()


class Lab:
    """One page with JupyterLab in it. `page` is playwright's, for everything that this class does not do."""

    def __init__(self, server: Server, page: Page) -> None:
        self.server, self.page = server, page
        self.notebook: str | None = None
        self._reloaded = False
        self._theme, self._size = "light", page.viewport_size
        page.set_default_timeout(1000 * PATIENCE)
        self.console_errors: list[str] = []
        self._kernel: Kernel | None = None
        page.on("console", self._on_console)
        page.on("pageerror", lambda error: self.console_errors.append(f"uncaught: {error}"))

    def open(self, notebook: str, timeout: float = PATIENCE) -> None:
        """Open a notebook as it is in the server's source, with a new kernel, in place of any other."""
        self._forget_kernel()
        if self.notebook is None or self._reloaded:
            self._load()
            self._reloaded = False
        else:
            self.page.evaluate(CLOSE_ALL)
        self.server.refresh(notebook)
        self.notebook = notebook
        self.command("docmanager:open", {"path": notebook, "factory": "Notebook"})
        self._wait_for_notebook(timeout)

    def reload(self, timeout: float = PATIENCE) -> None:
        """Load the page of this notebook anew; the kernel goes on."""
        # JupyterLab opens again what was open, some time after it is there.
        self._reloaded = True
        self.page.goto(f"{self.server.url}/lab/tree/{self.notebook}")
        self._wait_for_notebook(timeout)

    def run_all(self, *, timeout: float = PATIENCE, check: bool = True) -> None:
        """Run every cell and wait. Raises AssertionError with the error of a cell that failed, if `check`."""
        self._run("notebook:run-all-cells", timeout)
        errors = self.cell_errors()
        assert not (check and errors), "\n".join(errors)

    def run_cell(self, index: int, timeout: float = PATIENCE) -> None:
        """Run one cell, counted from 0, prose included; a negative index counts from the end."""
        # A cell with the focus in it is the active one, and becomes it again when something in it is focused.
        self.page.evaluate(
            """index => { const { content } = window.jupyterapp.shell.currentWidget;
                          content.node.focus();
                          content.deselectAll();
                          content.activeCellIndex = index < 0 ? content.widgets.length + index : index; }""",
            index,
        )
        self._run("notebook:run-cell", timeout)

    def wait_idle(self, timeout: float = PATIENCE) -> None:
        """Wait until the kernel is idle and no cell is waiting for it."""
        status = "window.jupyterapp.shell.currentWidget.context.sessionContext.session?.kernel?.status"
        waiting = self.page.locator(".jp-Notebook .jp-InputPrompt", has_text="[*]")
        self.wait_until(lambda: self.page.evaluate(status) == "idle" and not waiting.count(), "idle", timeout)

    def wait_until(self, condition: Callable[[], Any], what: str, timeout: float = PATIENCE) -> Any:
        """Ask again and again, the page living on meanwhile, until the answer is true; returns the answer."""
        return wait_until(condition, what, timeout, lambda: self.page.wait_for_timeout(25))

    def cell(self, index: int) -> Locator:
        """A cell, counted from 0, prose included; a negative index counts from the end."""
        return self.page.locator(".jp-Notebook .jp-Cell").nth(index)

    def output(self, index: int) -> Locator:
        """The output area of a cell."""
        return self.cell(index).locator(".jp-Cell-outputWrapper")

    def cell_errors(self) -> list[str]:
        """The errors that cells show: name, message and traceback, as plain text."""
        found = self.page.evaluate(
            """() => { const model = window.jupyterapp.shell.currentWidget.content.model;
                       const text = (error, cell) =>
                           [`cell ${cell}: ${error.ename}: ${error.evalue}`, ...error.traceback].join("\\n");
                       const failed = cell => (cell.outputs ?? []).filter(out => out.output_type === "error");
                       return model.sharedModel.cells.flatMap(
                           (cell, index) => failed(cell).map(error => text(error, index))); }"""
        )
        return [re.sub(r"\x1b\[[0-9;]*m", "", text) for text in found]

    def value(self, expression: str, timeout: float = PATIENCE) -> Any:
        """The value of an expression in the notebook's kernel (through JSON), while no cell runs."""
        return self.kernel.value(expression, timeout)

    def run_code(self, code: str, timeout: float = PATIENCE) -> None:
        """Run statements in the notebook's kernel, leaving no trace in the notebook."""
        self.kernel.run(code, timeout)

    @property
    def kernel(self) -> Kernel:
        if self._kernel is None:
            assert self.notebook is not None, "open a notebook first"
            self._kernel = self.server.kernel_of(self.notebook)
        return self._kernel

    def restart_kernel(self, timeout: float = PATIENCE) -> None:
        """Restart the kernel as the menu does, without its question."""
        self._forget_kernel()
        restart = "window.jupyterapp.shell.currentWidget.context.sessionContext.session.kernel.restart()"
        self.page.evaluate(f"async () => {{ await {restart} }}")
        self.wait_idle(timeout)

    def command(self, name: str, arguments: dict[str, Any] | None = None) -> None:
        """Execute a command of JupyterLab's, such as "docmanager:save", and wait for it."""
        self.page.evaluate(
            "async ([name, args]) => { await window.jupyterapp.commands.execute(name, args) }",
            [name, arguments or {}],
        )

    def theme(self, kind: str) -> None:
        """Switch to the "light" or the "dark" theme."""
        name = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}[kind]
        self._theme = kind
        self.command("apputils:change-theme", {"theme": name})
        self.page.locator(f'body[data-jp-theme-name="{name}"]').wait_for(state="attached")
        self._wait_for_splash()

    def resize(self, width: int, height: int) -> None:
        """Give the window another size, in CSS pixels."""
        self.page.set_viewport_size({"width": width, "height": height})

    def tidy(self) -> None:
        """The window and the theme as they were at first, for whoever uses the page next."""
        if self.page.viewport_size != self._size:
            self.page.set_viewport_size(self._size)
        if self._theme != "light":
            self.theme("light")
        self.console_errors.clear()

    def screenshot(self, path: Path | str, target: Locator | None = None) -> Path:
        """A PNG of the window, or of one element, scrolled to and whole even if taller than the window."""
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        self._wait_for_splash()
        (target or self.page).screenshot(path=str(path))
        return Path(path)

    def close(self) -> None:
        self._forget_kernel()

    def _run(self, command: str, timeout: float) -> None:
        # A command's promise is kept when its cells have run; awaiting it here would leave no time-out.
        self.page.evaluate(
            """name => { window.cellsRan = false;
                         const done = () => { window.cellsRan = true; };
                         window.jupyterapp.commands.execute(name).then(done, done); }""",
            command,
        )
        if timeout:
            self.wait_until(lambda: self.page.evaluate("window.cellsRan"), "the cells have run", timeout)
            self.wait_idle(timeout)

    def _load(self) -> None:
        self.page.goto(f"{self.server.url}/lab?token={self.server.token}&reset")
        self.page.wait_for_function("window.jupyterapp?.restored.then(() => true)")
        # The notebook gets the width of the window, as in a screenshot that a person would take.
        if self.page.evaluate("!window.jupyterapp.shell.leftCollapsed"):
            self.command("application:toggle-left-area")

    def _wait_for_notebook(self, timeout: float) -> None:
        current = "window.jupyterapp?.shell?.currentWidget?.context"
        self.page.wait_for_function(
            f"path => {current}?.path === path", arg=self.notebook, timeout=1000 * timeout
        )
        self.page.evaluate(f"async () => {{ await {current}.ready; await {current}.sessionContext.ready; }}")
        self.page.locator(".jp-Notebook .jp-Cell").first.wait_for(timeout=1000 * timeout)
        self.wait_idle(timeout)

    def _wait_for_splash(self) -> None:
        # JupyterLab's moons fade out over the page at the start and when the theme changes.
        self.page.locator("#jupyterlab-splash").wait_for(state="detached")

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type == "error" and not NOT_OURS.match(message.text):
            self.console_errors.append(f"{message.text} ({message.location.get('url', '')})")

    def _forget_kernel(self) -> None:
        if self._kernel is not None:
            self._kernel.close()
            self._kernel = None
