"""The generator's turns on a virtual clock: how often they come, and what they say of the loop."""

import pytest

from loadtests.clock import VirtualClock
from loadtests.drive.health import REST_NS, TURN_NS, HealthProbe
from loadtests.drive.recorder import Recorder
from loadtests.result.histogram import Histogram
from loadtests.result.window import Window

MS = 1_000_000


class Probed:
    """A probe of an engine that does nothing, its recorder and its clock."""

    def __init__(self, rest_ns: int) -> None:
        self.windows: list[Window] = []
        self.clock = VirtualClock()
        self.recorder = Recorder("s", "0", emit=self.windows.append, sample=lambda _: None)
        self.recorder.begin(0)
        self.probe = HealthProbe(self.recorder, self.clock, in_flight=lambda: 3, rest_ns=rest_ns)
        self.probe.begin(0)

    def loop_lag(self) -> Histogram:
        """Of all turns taken; ends the probe."""
        self.probe.end()
        self.recorder.close()
        return Histogram.merge(window.generator.histogram("loop lag") for window in self.windows)


@pytest.mark.parametrize(
    ("rest_ns", "turns"),
    [
        pytest.param(TURN_NS, 50, id="without rest every 2 ms"),
        pytest.param(REST_NS, 20, id="with nothing to do every 5 ms"),
    ],
)
def test_turns_of_an_idle_engine(rest_ns: int, turns: int) -> None:
    """A wake-up is dear: an engine with nothing to record sleeps longer."""
    probed = Probed(rest_ns)
    probed.clock.advance(100 * MS - 1)
    assert probed.loop_lag().total == turns


def test_turns_come_every_2_ms_while_work_waits() -> None:
    """What waits is folded in three pieces, one a turn, before it rests again."""
    probed = Probed(REST_NS)
    tape = probed.recorder.tape("work")
    for _ in range(1024):
        tape.started(0)
        tape.fired(0)
    probed.clock.advance(1 * MS)
    assert len(tape) == 1024, "the turn at 0 only plans the pieces"
    probed.clock.advance(1 * MS)
    assert len(tape) == 0
    probed.clock.advance(18 * MS - 1)
    assert probed.loop_lag().total == len([0, 2, 4, 6, 11, 16])


@pytest.mark.parametrize("rest_ns", [TURN_NS, REST_NS])
def test_pause_is_seen_as_loop_lag(rest_ns: int) -> None:
    """The turn that was due in a pause of 80 ms comes late, by what was left of it."""
    probed = Probed(rest_ns)
    probed.clock.advance(20 * MS)
    probed.clock.stall(80 * MS)
    probed.clock.advance(20 * MS)
    lag = probed.loop_lag()
    assert lag.max_us == pytest.approx((80 * MS - rest_ns) / 1000, rel=0.01)
    assert lag.quantile_us(0.5) == 1
