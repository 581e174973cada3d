"""The one thread that writes to the widgets of a bench, at the pace at which the browser draws."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from cortex_lab.ground.flag import Flag
from cortex_lab.widgets.chart.canvas import Packed

if TYPE_CHECKING:
    from cortex_lab.widgets.channel import Channel

ANSWERS = (4, 10)
"""Frames for which one answer is enough while training: at first, and from pages that answer promptly."""
AHEAD = 3
"""Frames that go out while training before an answer is there, so that a late one leaves no gap."""
PROMPT = 0.1
"""Seconds within which an answer is prompt."""
SPARING = 1.25
"""How many times their usual distance frames keep while training, which every frame slows down."""


class Publisher:
    """Publishes a frame when there is something new, at most every `interval` seconds.

    Frames go out only after the last that wanted an answer was drawn; while training, one in `ANSWERS` wants
    one, since hearing it takes longer than making a frame, and `AHEAD` more follow it meanwhile. After
    `silence` seconds without a word from any page only pings go out, ever more rarely: a closed tab would
    make the server keep everything.
    And while training, making frames may take no more than `share` of the time: what took long comes less
    often. Sending one takes the kernel's own threads about half as long again, which is not counted.

    Parameters
    ----------
    settle
        Writes the controls. Called first on every round; while training only when something woke us, or a
        second has passed.
    frames
        `frames(names)` returns what changed among the named panels, and the seconds for which it kept the
        training waiting.
    live
        Whether things move by themselves, so that it is worth looking without being woken.
    training
        Whether the training runs; only then is there something that frames could cost.
    deaf
        Whether acknowledgements cannot arrive, because a cell keeps the kernel from hearing them.
    clock
        The time in seconds, by which the channel notes when it heard a page, too.
    """

    def __init__(
        self,
        channel: Channel,
        settle: Callable[[], None],
        frames: Callable[[frozenset[str]], tuple[Mapping[str, Packed], float]],
        live: Callable[[], bool],
        training: Callable[[], bool],
        deaf: Callable[[], bool],
        name: str,
        interval: float = 0.1,
        silence: float = 10.0,
        share: float = 0.02,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.channel = channel
        self.interval = interval
        self.silence = silence
        self.share = share
        self.clock = clock
        self.published = 0
        self.pings = 0
        self._settle = settle
        self._frames = frames
        self._live = live
        self._training = training
        self._deaf = deaf
        self._wake = Flag()
        self._noticed = False
        self._soon = True
        self._at_once = False
        self._closing = False
        self._rest = SPARING * interval
        self._settled_at = -1e9
        self._round_at = -1e9
        self._sent_at = -1e9
        self._pinged_at = -1e9
        self._next_ping = 1.0
        self._waiting = False
        self._asked_at = -1e9
        self._ahead = 0
        self._answers = ANSWERS[0]
        self._thread = threading.Thread(target=self._loop, name=f"cortex-lab-publisher-{name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wake(self, soon: bool = True, at_once: bool = False) -> None:
        """Something changed; without a page it can wait for its turn, if not wanted `soon`.

        What somebody waits for `at_once` keeps no distance to the frame before, unless the training runs.
        Cheap enough for the stepping thread.
        """
        self._at_once = self._at_once or at_once
        if soon or not self._noticed:
            self._noticed, self._soon = True, self._soon or soon
            self._wake.set()

    def drawn(self) -> None:
        """A page has drawn the last frame that wanted an answer."""
        self._next_ping = 1.0
        if self._waiting:
            prompt = self.clock() - self._asked_at < PROMPT
            self._answers = ANSWERS[prompt]
            self._wake.set()

    def close(self, timeout: float = 10.0) -> bool:
        """End the thread after one last round; False if it did not end in time."""
        self._closing = True
        self._wake.set()
        # One that was never started cannot be joined.
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(timeout)
        return not self._thread.is_alive()

    def _loop(self) -> None:
        while not self._closing:
            self._turn()

    def _turn(self) -> None:
        woken = self._wake.take(self._patience())
        # Whatever woke us, frames keep their distance; the changes of the meantime come along.
        while not self._closing and (early := self._early()) > 0:
            woken = self._wake.take(early) or woken
        # From here on what changes may come too late for this round.
        self._noticed = self._soon = False
        if not self._closing:
            self._round_at = self.clock()
            self._round(woken)

    def _early(self) -> float:
        """Seconds until the next round may begin."""
        if self.channel.connected:
            if self._at_once and not self._training():
                return 0.0
            return self._sent_at + self._distance() - self.clock()
        # Nobody sees the controls, but whoever waits for them in code.
        return 0.0 if self._soon else self._round_at + self.interval - self.clock()

    def _distance(self) -> float:
        return self._rest if self._training() else self.interval

    def _patience(self) -> float:
        if self._live():
            return self._distance()
        return 1.0 if self._waiting else 30.0

    def _round(self, woken: bool) -> None:
        if woken or not self._training() or self.clock() - self._settled_at > 1:
            self._settled_at = self.clock()
            self._settle()
        channel = self.channel
        if not channel.connected:
            return
        self._waiting = channel.drawn < channel.asked
        # What cannot be heard keeps its distance, too: it waits for the answer, then for time.
        spared = self._training() and not self._deaf()
        self._ahead = self._ahead if self._waiting else 0
        goes_ahead = spared and self._ahead < AHEAD
        if self._waiting and not goes_ahead and not self._may_go_on(self.clock()):
            return
        self._at_once = False
        # Processor time, not wall time: waiting for a safe point costs nobody anything.
        came, began = self.clock(), time.thread_time()
        panels, kept_waiting = self._frames(channel.visible())
        if panels:
            answer = not spared or channel.sequence >= channel.asked + self._answers - 1
            self._ahead += 1
            # Said before, too, since the answer may be there before `publish` returns.
            self._sent_at = self.clock()
            if answer:
                self._waiting, self._asked_at, self._ahead = True, self._sent_at, 0
            channel.publish(panels, answer)
            self._sent_at = self.clock()
            waited = self._sent_at - came
            self.published += 1
            cost = time.thread_time() - began + kept_waiting
            # Long steps, and threads that train, keep us waiting, and that counts as distance.
            self._rest = max(SPARING * self.interval - waited, min(1.0, cost / self.share))

    def _may_go_on(self, now: float) -> bool:
        if self._deaf():
            return now - self._sent_at >= 0.5
        if max(self.channel.heard_at, self._sent_at) > now - self.silence:
            return False
        if now - self._pinged_at >= self._next_ping:
            self._pinged_at = now
            self._next_ping = min(30.0, 2 * self._next_ping)
            self.channel.ping()
            self.pings += 1
        return False
