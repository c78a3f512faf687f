"""What the generator notes of itself."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from loadtests.clock import VirtualClock
from loadtests.drive.health import HealthProbe
from loadtests.drive.recorder import Recorder
from loadtests.result.window import CORE_WAIT_NS, MAJOR_FAULTS, Tally, Window

S = 1_000_000_000
_SPIN = "while True: pass"


@contextlib.contextmanager
def beside_a_spinner() -> Iterator[None]:
    """This process on one core, with another one that never rests."""
    before = os.sched_getaffinity(0)
    core = {min(before)}
    os.sched_setaffinity(0, core)
    with subprocess.Popen([sys.executable, "-c", _SPIN]) as spinner:
        try:
            yield
        finally:
            spinner.kill()
            os.sched_setaffinity(0, before)


def noted_while(work_s: float) -> Tally:
    """The generator's tally of two virtual seconds in which this process really worked for so long."""
    windows: list[Window] = []
    clock = VirtualClock()
    recorder = Recorder("api", "0", emit=windows.append, sample=lambda _: None)
    recorder.begin(0)
    probe = HealthProbe(recorder, clock, in_flight=lambda: 7)
    probe.begin(0)
    until = time.monotonic() + work_s
    while time.monotonic() < until:
        pass
    clock.advance(2 * S)
    probe.end()
    recorder.close()
    return Tally.merge(window.generator for window in windows)


def test_each_second_is_noted_once() -> None:
    """CPU, memory and executions in flight; nothing is noted twice or left out at the end."""
    noted = noted_while(0.0)
    assert noted.count("elapsed_ns") == 2 * S
    assert noted.count("in_flight") == 7 * 3  # at one second, at two, and at the end
    assert noted.count("rss_bytes") > 3 * 1_000_000
    assert {CORE_WAIT_NS, MAJOR_FAULTS} <= noted.counters.keys()


@pytest.mark.parametrize("says", [None, "0 0 0\n", "", "no numbers here\n"])
def test_time_without_a_core_is_not_claimed_where_nobody_counts_it(
    says: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No such file, or a kernel that does not count: nothing is noted, rather than that it never waited."""
    schedstat = tmp_path / "schedstat"
    if says is not None:
        schedstat.write_text(says)
    monkeypatch.setattr("loadtests.drive.health._SCHEDSTAT", str(schedstat))
    assert CORE_WAIT_NS not in noted_while(0.0).counters


@pytest.mark.skipif(not Path("/proc/self/schedstat").exists(), reason="the kernel does not count it")
def test_time_without_a_core_is_noted() -> None:
    """A program on the same core that never rests takes half of it; ready to run meanwhile, the generator says so."""
    with beside_a_spinner():
        noted = noted_while(0.4)
    assert noted.count(CORE_WAIT_NS) > 0.05 * S
