"""The display: what a person sees while a scenario runs."""

import io
from dataclasses import replace

import numpy as np
import pytest

from loadtests.drive.progress import Progress, Status, print_status
from loadtests.law import parse_law
from loadtests.plan.model import Connections, OpenLoad, Scenario, Stage
from loadtests.plan.protocol.null import NullOperation
from loadtests.result.histogram import Histogram
from loadtests.result.window import CONNECTIONS, Tally, Window

S = 1_000_000_000
LOAD = OpenLoad((Stage(100, 2 * S, ramp=True), Stage(100, 58 * S, ramp=False)))
SCENARIO = Scenario("api", "null", LOAD, (NullOperation("work", parse_law("5ms")),), warmup_ns=5 * S)


def window(second: int, latency_us: int = 5000, **counters: int) -> Window:
    histogram = Histogram.of_us(np.full(counters.get("ok", 0), latency_us))
    tally = Tally({name.replace("_", "."): n for name, n in counters.items()}, {"response.ok": histogram})
    return Window("api", "0", second, second, {"work": tally})


@pytest.mark.parametrize(
    ("elapsed_s", "phase"),
    [
        pytest.param(1.0, "ramp", id="the rate still climbs"),
        pytest.param(3.0, "warm-up", id="full rate, not judged yet"),
        pytest.param(30.0, "steady", id="judged"),
        pytest.param(60.5, "draining", id="no more arrivals, answers still coming"),
    ],
)
def test_the_phase_follows_the_plan(elapsed_s: float, phase: str) -> None:
    """Ramp, warm-up, steady, draining."""
    assert Progress(SCENARIO).status(elapsed_s).phase == phase


def test_rates_and_percentiles_are_of_the_last_whole_seconds() -> None:
    """What happened a minute ago no longer counts, what has not been given out yet neither."""
    progress = Progress(SCENARIO)
    for second in range(20):
        progress.window(window(second, 900 if second < 10 else 7000, offered=100, ok=90, completed_ok=90))
    status = progress.status(20.0)
    assert (status.offered_per_s, status.ok_per_s) == (100, 90)
    assert status.p50_us == pytest.approx(7000, rel=1e-3)
    assert status.left_s == 40.0


def test_failures_and_drops_add_up_over_the_whole_run() -> None:
    """A failure in the first second is still shown in the last."""
    progress = Progress(SCENARIO)
    progress.window(window(0, offered=10, ok=7, failed_timeout=2, dropped=1))
    for second in range(1, 30):
        progress.window(window(second, offered=10, ok=10))
    assert (progress.status(30.0).failed, progress.status(30.0).dropped) == (2, 1)


def test_before_the_first_answer_there_is_no_percentile() -> None:
    """Absence is said, not shown as zero."""
    status = Progress(SCENARIO).status(0.5)
    assert status.p50_us is None
    assert "no answers yet" in str(status)


HELD = OpenLoad((Stage(0, 60 * S, ramp=False),), connections=Connections(500, 100.0))


@pytest.mark.parametrize(
    ("counters", "said"),
    [
        pytest.param({}, "0 connections open, 30 s left", id="none is there yet"),
        pytest.param({"ok": 500}, "500 connections open, 30 s left", id="all of them"),
        pytest.param({"ok": 500, "drop.eof": 4, "drop.reset": 3}, "493 connections open, 7 lost, 30", id="some lost"),
        pytest.param({"ok": 497, "failed.connect": 3}, "497 connections open, 3 not made, 30", id="some never made"),
    ],
)
def test_open_connections_are_established_less_dropped(counters: dict[str, int], said: str) -> None:
    """Where nothing is sent over them there is no rate and no latency to show."""
    progress = Progress(Scenario("chat", "websocket", HELD, ()))
    for second in range(2):
        progress.window(Window("chat", "0", second, second, {CONNECTIONS: Tally(counters if second else {})}))
    text = str(progress.status(30.0))
    assert text.startswith("chat: steady, ")
    assert said in text
    assert "/s" not in text


def test_connections_are_shown_beside_the_messages_sent_over_them() -> None:
    """Failed attempts are no failed executions."""
    progress = Progress(SCENARIO)
    made = window(0, offered=10, ok=10)
    held = {CONNECTIONS: Tally({"ok": 20, "failed.connect": 2})}
    progress.window(Window("api", "0", 0, 0, {**made.operations, **held}))
    assert "20 connections open, 2 not made, 0/s offered" in str(progress.status(30.0))
    assert ", 0 failed" in str(progress.status(30.0))


def test_a_journey_is_counted_whole_and_the_line_says_so() -> None:
    """Its steps are not counted beside it; an operation that has none says nothing of journeys."""
    progress = Progress(SCENARIO)
    for second in range(10):
        made = window(second, 33_000, offered=10, ok=10, completed_ok=10)
        step = window(second, 500, offered=50, ok=50, completed_ok=50).operations["work"]
        progress.window(replace(made, operations={**made.operations, "work/search": step}))
    assert "10/s offered, 10/s OK, p50 33 ms, p99 33 ms of whole journeys" in str(progress.status(10.0))
    progress = Progress(SCENARIO)
    progress.window(window(0, offered=10, ok=10))
    assert "journeys" not in str(progress.status(3.0))


def test_plain_lines_come_every_five_seconds() -> None:
    """A log file gets a line now and then, with everything in it."""
    stream = io.StringIO()
    show = print_status(stream)
    for elapsed in range(12):
        show(Status("api", "steady", elapsed, 48.0, 0.2, 100.0, 99.0, 5000, 9000, 3, 2))
    show(None)
    lines = stream.getvalue().splitlines()
    assert len(lines) == 2
    assert lines[0] == "  api: steady, 100/s offered, 99/s OK, p50 5 ms, p99 9 ms, 3 failed, 2 dropped, 48 s left"


def test_on_a_terminal_one_line_is_kept_up_to_date() -> None:
    """The live display writes to the terminal and clears itself."""

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    stream = Terminal()
    show = print_status(stream)
    show(Status("api", "steady", 1.0, 48.0, 0.2, 100.0, 99.0, 5000, 9000, 3, 0))
    show(None)
    assert "99/s OK" in stream.getvalue()
