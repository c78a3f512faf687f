"""What a `request` event of Locust's becomes on a tape."""

import time
from typing import Any

from locust.event import Events

from loadtests.drive.recorder import Recorder
from loadtests.result.run import FailureSample
from loadtests.result.window import NAMES_BEYOND, OFFERED, OK, UNTIMED, Tally, Window
from loadtests.swarm.requests import MOST_NAMES, OTHERS, RequestRecorder

SECOND = 1_000_000_000


class Heard:
    """A recorder that listens to events of its own, five seconds after the start."""

    def __init__(self) -> None:
        self.windows: list[Window] = []
        self.failures: list[FailureSample] = []
        self.recorder = Recorder("s", "0", emit=self.windows.append, sample=self.failures.append)
        self.recorder.begin(0)
        self.events: Any = Events()
        RequestRecorder(self.recorder, now=lambda: 5 * SECOND).listen(self.events)

    def fire(self, **changes: Any) -> None:
        said = {"request_type": "GET", "name": "/", "response_time": 20.0, "response_length": 1, "exception": None}
        self.events.request.fire(**{**said, "context": {}, **changes})

    def tallies(self) -> dict[tuple[int, str], Tally]:
        self.recorder.close()
        return {(window.second, name): tally for window in self.windows for name, tally in window.operations.items()}

    def generator(self) -> Tally:
        self.recorder.close()
        return Tally.merge(window.generator for window in self.windows)


def test_a_request_belongs_to_the_second_in_which_it_was_sent() -> None:
    """It took 2.5 s and ended after five: second 2, answered in second 5; response and service time are the same."""
    heard = Heard()
    heard.fire(response_time=2500.0)
    tallies = heard.tallies()
    sent = tallies[2, "GET /"]
    assert (sent.count(OFFERED), sent.count(OK)) == (1, 1)
    assert sent.histogram("response.ok").max_us == sent.histogram("service.ok").max_us
    assert 2_499_000 < (sent.histogram("response.ok").max_us or 0) < 2_503_000
    assert tallies[5, "GET /"].count("completed.ok") == 1
    assert not heard.generator().histogram("start lag").total


def test_an_event_fired_late_is_timed_by_its_start() -> None:
    """A checked response is reported when the `with` block ends; what came between is not part of the answer."""
    heard = Heard()
    heard.fire(response_time=10.0, start_time=time.time() - 3)
    assert heard.tallies()[1, "GET /"].histogram("response.ok").max_us == 10_007 // 8 * 8 + 7


def test_a_request_without_a_time_is_counted_and_in_no_figure() -> None:
    """Locust allows it; a made-up latency would be worse than none."""
    heard = Heard()
    heard.fire(response_time=None)
    assert not heard.tallies()
    assert heard.generator().count(UNTIMED) == 1


def test_failures_go_by_kind_with_a_sample() -> None:
    """Apart from the latency of good answers."""
    heard = Heard()
    heard.fire(exception=ConnectionResetError("gone"))
    (tally,) = [found for (second, _), found in heard.tallies().items() if second == 4]
    assert tally.failures == {"reset": 1}
    assert [(one.operation, one.message) for one in heard.failures] == [("GET /", "ConnectionResetError: gone")]


def test_names_without_end_stand_together() -> None:
    """Ids in names would make an operation of every request."""
    heard = Heard()
    for number in range(MOST_NAMES + 20):
        heard.fire(name=f"/item/{number}")
    names = {name for _, name in heard.tallies()}
    assert len(names) == MOST_NAMES + 1
    assert heard.tallies() or OTHERS in names
    assert heard.generator().count(NAMES_BEYOND) == 20


def test_odd_names_become_one_line() -> None:
    """As a person can read them, and every format hold them."""
    heard = Heard()
    heard.fire(request_type="", name="a\n  b\tc" + "x" * 500)
    ((_, name),) = {(0, name) for _, name in heard.tallies()}
    assert name.startswith("a b cx")
    assert len(name) == 200
