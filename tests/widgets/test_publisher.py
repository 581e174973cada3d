"""What a publisher sends and when, by a clock that its test holds; no thread runs here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from cortex_lab.ground.flag import Flag
from cortex_lab.widgets.channel import Channel
from cortex_lab.widgets.chart.canvas import Packed
from cortex_lab.widgets.publisher import AHEAD, SPARING, Publisher
from tests.widgets.toys import Page


class Wake(Flag):
    """Nobody waits for it: the clock of its desk goes on instead."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self.desk = desk

    def take(self, timeout: float | None = None) -> bool:
        woken = super().take(0.0)
        if not woken:
            self.desk.now += timeout or 0.0
        return woken


class Desk:
    """A bench reduced to what a Page and a Publisher need."""

    views = ("a",)

    def __init__(self, **options: Any) -> None:
        self.now = 0.0
        self.made = 0
        self.settled = 0
        self.training = False
        self.deaf = False
        self.cost = 0.0
        self.nothing = False
        self.wait = 0.0
        self.sent_at: list[float] = []
        self.channel = Channel("desk", self.heard, lambda: self.now)
        self.publisher = Publisher(
            self.channel,
            settle=self.settle,
            frames=self.frames,
            live=lambda: True,
            training=lambda: self.training,
            deaf=lambda: self.deaf,
            name="desk",
            clock=lambda: self.now,
            **options,
        )
        self.publisher._wake = Wake(self)

    def settle(self) -> None:
        self.settled += 1

    def frames(self, visible: frozenset[str]) -> tuple[dict[str, Packed], float]:
        self.made += 1
        self.now += self.wait
        if self.nothing:
            return {}, 0.0
        self.sent_at.append(self.now)
        data = np.full(3, self.made, np.float32)
        return {"a": Packed({"step": self.made}, {"x": data, "b": np.zeros(3, np.uint8)})}, self.cost

    def heard(self, message: dict[str, Any]) -> None:
        if message["type"] == "drawn":
            self.publisher.drawn()
        else:
            self.publisher.wake()

    def go_on(self, condition: Callable[[], object], what: str) -> None:
        """Let the publisher take turns until something holds."""
        for _ in range(1000):
            if condition():
                return
            self.publisher._turn()
        raise AssertionError(f"not in 1000 turns: {what}")

    def go_round(self, times: int = 5) -> None:
        """Wake the publisher so often."""
        for _ in range(times):
            self.publisher.wake()
            self.publisher._turn()

    def distances(self) -> np.ndarray:
        """Seconds between frames."""
        return np.diff(self.sent_at)


@pytest.fixture
def desk() -> Iterator[Any]:
    desks = []

    def make(**options: Any) -> Desk:
        desks.append(Desk(**options))
        return desks[-1]

    yield make
    for one in desks:
        one.channel.close()


def test_nothing_is_sent_before_a_page_says_hello(desk):
    one = desk(interval=0.01)
    page = Page(one)
    one.go_on(lambda: one.settled > 3, "rounds")
    assert not page.frames and one.made == 0
    page.say("hello")
    one.go_on(lambda: page.frames, "a frame")
    assert page.frames[0]["panels"]["a"]["step"] == 1


@pytest.mark.parametrize("training", [False, True])
def test_what_is_waited_for_keeps_no_distance_unless_the_training_would_pay_for_it(desk, training: bool):
    one = desk(interval=0.1)
    page = Page(one)
    page.say("hello")
    one.training = training
    one.go_on(lambda: len(page.frames) == 1, "a frame")
    one.publisher.wake(at_once=True)
    one.go_on(lambda: len(page.frames) == 2, "the next")
    one.publisher.wake()
    one.go_on(lambda: len(page.frames) == 3, "one that nobody waits for")
    waited_for, usual = one.distances()
    assert (waited_for < 0.01) is not training and usual > 0.09


def test_without_a_page_what_can_wait_keeps_the_distance_of_frames_and_what_cannot_does_not(desk):
    one = desk(interval=0.1)
    one.go_on(lambda: one.settled, "a first round")
    began, settled = one.now, one.settled
    for _ in range(20):
        one.publisher.wake(soon=False)
        one.publisher._turn()
    assert one.now - began >= 0.1 * (one.settled - settled - 1)
    began, settled = one.now, one.settled
    one.publisher.wake(soon=False)
    one.publisher.wake()
    one.publisher._turn()
    assert one.now == began and one.settled == settled + 1


def test_frames_keep_their_distance(desk):
    one = desk(interval=0.05)
    page = Page(one)
    page.say("hello")

    def enough() -> bool:
        one.publisher.wake()
        return len(page.frames) >= 4

    one.go_on(enough, "some frames")
    assert one.distances() == pytest.approx(0.05)


def test_the_next_frame_waits_for_the_last_to_be_drawn(desk):
    one = desk(interval=0.01)
    page = Page(one, draws=False)
    page.say("hello")
    one.go_on(lambda: page.frames, "a frame")
    one.go_round(10)
    assert len(page.frames) == 1 and one.made == 1
    page.say("drawn", sequence=page.frames[-1]["sequence"])
    one.go_on(lambda: len(page.frames) == 2, "the next frame")


def test_while_training_one_answer_is_enough_for_four_frames_of_a_page_that_is_late(desk, monkeypatch):
    # However soon the answer comes, it is late.
    monkeypatch.setattr("cortex_lab.widgets.publisher.PROMPT", -1.0)
    one = desk(interval=0.01)
    one.training = True
    page = Page(one, draws=False)
    page.say("hello")
    one.go_on(lambda: one.channel.asked > 0, "a frame that wants an answer")
    sent = len(page.frames)
    assert sent <= 4 and [frame["answer"] for frame in page.frames] == [False] * (sent - 1) + [True]
    one.go_round(10)
    assert [frame["answer"] for frame in page.frames[sent:]] == [False] * AHEAD
    page.say("drawn", sequence=one.channel.sequence)
    one.go_on(lambda: len(page.frames) == sent + 4, "another that wants one")
    one.go_round(10)
    assert [frame["answer"] for frame in page.frames[sent:]] == [False] * 3 + [True] + [False] * AHEAD


def test_while_training_an_answer_that_comes_before_so_many_frames_leaves_no_gap(desk):
    one = desk(interval=0.01, share=1.0)
    one.training = True
    page = Page(one, draws=False)
    page.say("hello")
    for _ in range(10):
        asked = one.channel.asked
        one.go_on(lambda asked=asked: one.channel.asked > asked, "a frame that wants an answer")
        sent = len(page.frames)
        one.go_on(lambda sent=sent: len(page.frames) == sent + AHEAD, "frames before the answer")
        page.say("drawn", sequence=one.channel.sequence)
    assert one.distances() == pytest.approx(SPARING * 0.01)


def test_while_training_a_prompt_page_is_asked_for_one_answer_in_ten_frames(desk, monkeypatch):
    monkeypatch.setattr("cortex_lab.widgets.publisher.PROMPT", 0.5)
    one = desk(interval=0.01, share=1.0)
    one.training = True
    page = Page(one)
    page.say("hello")
    one.go_on(lambda: len(page.frames) >= 35, "frames")
    asked = [place for place, frame in enumerate(page.frames) if frame["answer"]]
    assert asked[0] <= 3 and set(np.diff(asked)) == {10}
    page.draws = False
    one.go_on(lambda: one.channel.drawn < one.channel.asked, "a page that is late")
    # However soon the answer comes, it is late.
    monkeypatch.setattr("cortex_lab.widgets.publisher.PROMPT", -1.0)
    sent, asked = len(page.frames), one.channel.asked
    page.say("drawn", sequence=one.channel.sequence)
    one.go_on(lambda: one.channel.asked > asked, "another frame that wants an answer")
    assert len(page.frames) == sent + 4


def test_while_training_the_controls_are_written_when_something_happens_and_once_a_second(desk):
    one = desk(interval=0.01, share=1.0)
    page = Page(one)
    page.say("hello")
    one.training = True
    one.go_on(lambda: page.frames and page.frames[-1]["sequence"] > 20, "frames")
    settled, sent = one.settled, len(page.frames)
    one.go_on(lambda: len(page.frames) >= sent + 30, "more frames")
    # Answers wake the publisher, too: one for ten frames.
    assert one.settled - settled < 10
    settled = one.settled
    one.publisher.wake()
    one.go_on(lambda: one.settled > settled, "the controls")
    page.say("hello", visible=[])
    one.nothing = True
    settled = one.settled
    one.go_on(lambda: one.settled >= settled + 2, "the controls, with nobody waking")


def test_after_a_silence_only_pings_go_out_until_somebody_answers(desk):
    one = desk(interval=0.01, silence=0.15)
    page = Page(one, draws=False)
    page.say("hello")
    one.go_on(lambda: page.pings == 1, "a ping")
    one.go_round()
    assert len(page.frames) == 1 and page.pings == 1
    page.draws = True
    page.say("drawn", sequence=one.channel.sequence)
    one.go_on(lambda: len(page.frames) > 3, "frames again")


def test_a_reloaded_page_is_served_although_the_old_one_never_answered(desk):
    one = desk(interval=0.01)
    page = Page(one, draws=False)
    page.say("hello")
    one.go_on(lambda: page.frames, "a frame")
    page.name = "reloaded"
    page.say("hello")
    one.go_on(lambda: len(page.frames) == 2, "a frame for the new page")


@pytest.mark.parametrize("training", [False, True])
def test_while_a_cell_keeps_the_kernel_deaf_frames_go_out_twice_a_second(desk, training):
    one = desk(interval=0.01)
    one.deaf, one.training = True, training
    page = Page(one, draws=False)
    page.say("hello")
    one.go_on(lambda: len(page.frames) == 3, "three frames")
    # To the next look.
    assert one.distances() == pytest.approx(0.5, abs=SPARING * 0.01 + 1e-9)


def test_a_frame_that_kept_the_training_waiting_comes_less_often(desk):
    one = desk(interval=0.01, share=0.02)
    one.training, one.cost = True, 0.003
    page = Page(one)
    page.say("hello")
    one.go_on(lambda: len(page.frames) == 4, "some frames")
    # A fiftieth of the time, and what making it took of the processor.
    assert one.distances().min() >= 0.15


def test_waiting_for_long_steps_counts_as_distance(desk):
    one = desk(interval=0.4, share=1.0)
    one.training, one.wait = True, 0.3
    page = Page(one)
    page.say("hello")
    one.go_on(lambda: len(page.frames) == 4, "some frames")
    # A little more than the interval, of which the wait is a part.
    assert one.distances()[1:] == pytest.approx(SPARING * 0.4)


def test_arrays_arrive_as_one_buffer_of_bytes(desk):
    one = desk(interval=0.01)
    page = Page(one, draws=False)
    page.say("hello")
    one.go_on(lambda: page.frames, "a frame")
    np.testing.assert_array_equal(page.array("a", "x"), np.float32([1, 1, 1]))
    np.testing.assert_array_equal(page.array("a", "b"), np.uint8([0, 0, 0]))
    assert len(page.buffers) == 1 and len(page.buffers[0]) % 4 == 0


def test_only_pages_heard_of_lately_decide_what_is_visible(desk):
    one = desk(interval=10)
    page = Page(one, draws=False)
    page.say("hello", visible=["a", "b"])
    page.name = "other"
    page.say("visible", visible=["c"])
    assert one.channel.visible() == {"a", "b", "c"}
    one.channel._pages["page"] = (one.now - 60, frozenset("ab"))
    assert one.channel.visible() == {"c"}
