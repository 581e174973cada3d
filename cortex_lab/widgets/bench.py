"""The lab bench: one Session, its controls and its views, live in a notebook."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from cortex_lab.ground import checks, forks
from cortex_lab.ground.flag import Flag
from cortex_lab.study import Notice, Session
from cortex_lab.study.settling import settled
from cortex_lab.widgets import notebook
from cortex_lab.widgets.acting import Acting, known_of_rows
from cortex_lab.widgets.aside import Asides
from cortex_lab.widgets.chart.view import View
from cortex_lab.widgets.commands import Commands
from cortex_lab.widgets.frames import Frames
from cortex_lab.widgets.layouts import Layout, panels_of
from cortex_lab.widgets.linking import Linking
from cortex_lab.widgets.lock import widget_lock
from cortex_lab.widgets.opening import OpenedViews, front_end, views_of
from cortex_lab.widgets.picture import StaticPicture, paint_bench, small_picture
from cortex_lab.widgets.publisher import SPARING, Publisher
from cortex_lab.widgets.remedies import Remedies
from cortex_lab.widgets.requests import Requests
from cortex_lab.widgets.scrubbing import Scrubber
from cortex_lab.widgets.speed import SLOW_MOTION, Speed
from cortex_lab.widgets.status import status_panel, status_text
from cortex_lab.widgets.steering import Steering
from cortex_lab.widgets.timeline import Told
from cortex_lab.widgets.trainer import Trainer

REST_BEFORE_PICTURE = 1.5
# What frames may take of the time in all; their panels keep to less (`Frames`).
FRAMES_SHARE = 0.03


class Bench(Commands, Linking, Remedies, Steering, Acting):
    """Controls and live views of a Session, all registered ones that fit it: `views`, by name.

    The buttons can be clicked from code (`bench.step_button.click()`), then `bench.wait()`. Opening a bench
    closes an older one of the same session, or of the same notebook cell.

    Parameters
    ----------
    session
        What to look at; a TrainingSession fills all panels.
    layer
        Whose weights the histogram shows; None takes the first that has any.
    map
        Whether to lay out a map of the test rows.
    map_layer
        Whose activations the map shows; None takes the last layer before the output.
    pinned
        The dataset row whose activations are shown; None takes the first test row.
    interval
        Seconds between two frames, at least.
    speed
        Steps a second that Run takes at most, None for as fast as it goes. At first, slow enough to watch.
    layout
        Which panels are open, in order: a list of names, or a preset: "classify", "regress", "sequence",
        "data", "layers", "descent", or "everything" that suits the session. None opens all that do not
        wait to be asked for.

    Raises KeyError for a layer or a panel and IndexError for a row that does not exist, ImportError without
    ipywidgets and anywidget.
    """

    def __init__(
        self,
        session: Session,
        layer: str | None = None,
        map: bool = True,
        pinned: int | None = None,
        map_layer: str | None = None,
        interval: float = 0.1,
        speed: float | None = SLOW_MOTION,
        layout: Layout = None,
    ) -> None:
        make_channel, make_controls, open_widgets = front_end()
        checks.instance("session", session, Session, "a session, such as cl.train(...) returns")
        checks.flag("map", map)
        checks.number("interval", interval, over=0, most=3600)
        self.session = session
        self._speed = Speed(session, speed)
        chosen = {"weight_histogram": layer, "embedding_map": map_layer, "activations": pinned}
        self.views = OpenedViews(self._views_of(chosen, set() if map else {"embedding_map"}))
        self._knobs = {(name, knob.name): knob for name, view in self.views.items() for knob in view.knobs}
        for name, knob in self._knobs:
            self._spread(name, knob)
        self._link(layout)
        older = notebook.open_on(session)
        if older is not None:
            older.close()
        self.id = secrets.token_hex(6)
        self.closed = False
        # How to end what there is, the last first; each may be done twice.
        self._endings: list[Callable[[], Any]] = [lambda: notebook.closed(self), self._close_widgets]
        knobs = {name: [knob for view, knob in self._knobs if view == name] for name in self.views}
        self.scrubber = Scrubber(
            session,
            self.views,
            knobs,
            wanted=lambda: self.moment,
            stirred=lambda error: self._stirred(error, at_once=True),
            hurries=lambda: self._speed.hurries,
            name=self.id,
        )
        self._endings.append(self.scrubber.close)
        told = Told(session, self._speed, self.scrubber, lambda: self.error, self._beside)
        self._frames = Frames(
            session,
            self.views,
            self._speed,
            lambda: self.closed,
            self.scrubber,
            told.panels,
            interval=SPARING * interval,
        )
        self._requests = Requests()
        self._stepped_by_cell = False
        self._picture_due = True
        self._last_activity = time.monotonic()
        self._open_widgets, self._others = open_widgets, set[Any]()
        self._widgets: set[Any] | None = set()
        forks.told(self)

        def begin() -> None:
            # A page may say hello while the bench is still being put together; it is heard afterwards.
            with widget_lock:
                self._others, self._widgets = open_widgets(), None
                self._assemble(interval, make_channel, make_controls)
                self._widgets = open_widgets() - self._others
            # Not under the lock: a thread that is being started is waited for, and may have to wait itself.
            self.trainer.start()
            self.publisher.start()
            self.asides.start()
            self.scrubber.start()
            notebook.opened(self)

        settled(begin, lambda error: self._end() if error is not None else None)

    # For people and code ----------------------------------------------------------------------------

    def show(self) -> Bench:
        """Display the bench, and beside it the picture of it that a saved notebook keeps."""
        shell = notebook.running_shell()
        if shell is None or self.closed:
            return self
        from IPython.display import display

        notebook.close_older_in_cell(shell, self)
        if not notebook.heed_interrupts(shell):
            self._speed.hint = "Pause stops it"
        self._endings.append(notebook.after_each_cell(shell, self._after_a_cell))
        self._shown_in = shell.execution_count
        if notebook.somebody_looks(shell):
            # Nothing beside it: a page without widgets shows the picture, and no words for what it lacks.
            view = {"version_major": 2, "version_minor": 0, "model_id": self.controls.box.model_id}
            display({"application/vnd.jupyter.widget-view+json": view}, raw=True)
        else:
            # No page will take the view out again, nor may there be time for a picture later.
            self.picture.draw_now()
        self.picture.display()
        # It is due from the start, but until now there was nobody to draw it for.
        self.publisher.wake()
        return self

    def close(self) -> None:
        """Stop everything, join the threads, close the widgets. The session stays as it is, usable."""
        settled(self._end, lambda _: self._end())

    def wait(self, timeout: float = 60.0) -> Bench:
        """Wait until every command given so far is done; TimeoutError if that takes longer.

        The map may still be moving then, and the browser may still be drawing.
        """
        checks.number("timeout", timeout, least=0)
        deadline = time.monotonic() + timeout
        done = Flag()
        if self.trainer.wait(timeout):
            self._requests.put(done)
            self.publisher.wake()
        there = self.closed or done.take(deadline - time.monotonic())
        if not there or not (self.closed or self.scrubber.wait(deadline - time.monotonic())):
            raise TimeoutError(f"the bench was still busy after {timeout} s: {self.status}")
        return self

    @property
    def error(self) -> BaseException | None:
        """What went wrong last in training or in a command; None once something has worked again."""
        return self.trainer.error or self.session.error or self._requests.error

    @property
    def status(self) -> str:
        """The status line as text."""
        return status_text(status_panel(self.session, self.error, self._speed.measured, self._speed.hint))

    loss_curve: Any = property(lambda self: self.views["loss_curve"])

    map_moving: bool = property(lambda self: bool(self.embedding_map and self.embedding_map.live))  # type: ignore[assignment]
    """Whether the map is being laid out, or will be."""

    def turn(self, view: str, knob: str, value: object) -> None:
        """Set a knob of a view; other views that have the same knob follow, if it is a shared one."""
        self.trainer.refuse_a_child()
        if (view, knob) in self._knobs:
            self._knobs[view, knob].check(value)
        elif not hasattr(self.views[view], knob):
            known = ", ".join(name for each, name in self._knobs if each == view)
            raise KeyError(f"the view {view!r} has no knob {knob!r}; it has {known}")
        setattr(self.views[view], knob, value)
        self._spread(view, knob)
        self.asides.nudge(at_once=True)
        self._remark(f"bench.turn({view!r}, {knob!r}, {value!r})")
        self.publisher.wake()

    def png(self, dpi: int = 120) -> bytes:
        """The whole bench as it is now, as a PNG picture."""
        with self.scrubber.turn:
            return paint_bench(self.shown_views.values(), self.status, dpi)

    @property
    def shown_views(self) -> dict[str, View[Any]]:
        """The views of the open panels as they are shown: of the moment, if there is one and they follow.

        Wait for it first (`bench.wait()`): what is on its way there shows the present.
        """
        return {name: self.scrubber.shown(name) or view for name, view in self.open_views.items()}

    def __repr__(self) -> str:
        return f"<Bench {'closed' if self.closed else self.status}>"

    def _ipython_display_(self) -> None:
        shell = notebook.running_shell()
        if shell is not None and getattr(self, "_shown_in", None) == shell.execution_count:
            return
        self.show()

    def _views_of(self, chosen: Mapping[str, Any], without: set[str]) -> dict[str, View[Any]]:
        return views_of(self.session, chosen, without)

    def _assemble(self, interval: float, make_channel: Callable, make_controls: Callable) -> None:
        session = self.session
        known = {**panels_of(self.views, self.layout), **known_of_rows(session)}
        self.channel = make_channel(self.id, self._heard, panels=known)
        self.controls = controls = make_controls(
            self.channel, self.views, getattr(session, "phases", ()), self.layout
        )
        self.channel.box = controls.box.model_id
        self.step_button, self.step_size = controls.step_button, controls.step_size
        self.run_button, self.pause_button = controls.run_button, controls.pause_button
        self.step_to_button, self.phase_chooser = controls.step_to_button, controls.phase_chooser
        self.rewind_button, self.rewind_step = controls.rewind_button, controls.rewind_step
        self.learning_rate_entry, self.error_panel = controls.learning_rate_entry, controls.error_panel
        self.speed_chooser = controls.speed_chooser
        self.layer_chooser = controls.knobs.get(("weight_histogram", "layer"))
        self.map_layer_chooser = controls.knobs.get(("embedding_map", "layer"))
        self.map_button = controls.knobs.get(("embedding_map", "live"))
        self.pinned_entry = controls.knobs.get(("activations", "pinned"))
        self.picture = StaticPicture(self.id, lambda: small_picture(self.png), self._picture_ready)
        self._endings.append(self._end_picture)
        self.publisher = Publisher(
            self.channel,
            settle=self._settle,
            frames=self._frames.make,
            live=self._live,
            training=lambda: self._speed.hurries,
            deaf=lambda: self.deaf,
            name=self.id,
            interval=interval,
            share=FRAMES_SHARE,
        )
        self._endings.append(self.publisher.close)
        self.trainer = Trainer(session, lambda: None, self.publisher.wake, name=self.id)
        self._endings.append(self.trainer.close)
        self.asides = Asides(
            self.views, session, self.channel, self._stirred, lambda: self._speed.hurries, self.id
        )
        self._endings.append(self.asides.close)
        self.controls.connect(self)
        self._endings.append(session.subscribe(self._heed, steps=False))

    # Its end ----------------------------------------------------------------------------------------

    def after_fork(self) -> None:
        """In a child: threads and pages are those of the other process, which a child leaves alone."""
        self.closed = True
        self._endings.clear()

    def _end(self) -> None:
        self.closed = True
        while self._endings:
            self._endings[-1]()
            self._endings.pop()
        self._requests.drop()

    def _end_picture(self) -> None:
        self.picture.join(10.0)
        if hasattr(self, "trainer") and self.trainer.close() and self.picture.displayed and self._picture_due:
            self.picture.draw_now()
            self._picture_due = False
        self.picture.refresh()

    def _close_widgets(self) -> None:
        with widget_lock:
            # None if they were never all there.
            for widget in self._open_widgets() - self._others if self._widgets is None else self._widgets:
                widget.close()

    def _spread(self, view: str, knob: str) -> None:
        mine, found = self.views[view], self._knobs.get((view, knob))
        for other in self.views.values() if found is not None and found.shared else ():
            if other is not mine and hasattr(other, knob):
                setattr(other, knob, getattr(mine, knob))

    def _after_a_cell(self) -> None:
        # It may have changed a weight in place, of which nobody is told.
        self.asides.nudge(at_once=True)
        self.publisher.wake()

    # In the stepping thread: cheap ------------------------------------------------------------------

    def _heed(self, notice: Notice) -> None:
        if notice.kind == "run":
            self._stepped_by_cell = threading.current_thread() is threading.main_thread()
        self._picture_due = True
        self._last_activity = time.monotonic()
        self.scrubber.heed(notice)
        self.asides.nudge()
        self.publisher.wake(soon=False)

    # In the threads of views that move by themselves ------------------------------------------------

    def _stirred(self, error: Exception | None, at_once: bool = False) -> None:
        self._last_activity, self._requests.error = time.monotonic(), error or self._requests.error
        self.publisher.wake(at_once=at_once)

    # In the kernel's thread, under the widget lock --------------------------------------------------

    def _heard(self, message: Mapping[str, Any]) -> None:
        kind = message.get("type")
        self._heard_of_linked(message)
        if kind == "hello":
            self._frames.forget()
        if kind == "pin" and "activations" in self.views:
            row = int(message["row"])
            self.ask(lambda: setattr(self, "pinned", row))
        if kind == "act" and message.get("panel") in self.views:
            panel, place = str(message["panel"]), int(message["number"])
            self.ask(lambda: self.act(panel, place))
        if kind == "run_or_pause":
            self.attempt(self.run_or_pause)
        self._steered(message)
        self._asked_of_rows(message)
        if kind == "drawn":
            self.publisher.drawn()
        else:
            self.publisher.wake()

    # In the publisher's thread, the only one that writes to widgets ---------------------------------

    def _live(self) -> bool:
        moving = any(view.live for view in self.views.values())
        due = self._picture_due and self.picture.displayed
        owed = self._frames.puts_off or not self.scrubber.standing
        return self.session.running or moving or due or owed

    def _settle(self) -> None:
        self._requests.grant()
        with widget_lock:
            self.controls.update(self)
        self._tell_pages()
        resting = time.monotonic() - self._last_activity > REST_BEFORE_PICTURE
        if self._picture_due and self.picture.displayed and resting and not self.session.running:
            self._picture_due = False
            if not self.picture.draw():
                # An older one is still being drawn, which is not the one that is due.
                self._picture_due = True
        self.picture.refresh()

    def _picture_ready(self) -> None:
        if not self.closed:
            self.publisher.wake()
