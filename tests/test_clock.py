"""The engine's clocks: order, lateness, and the sharpness that ordinary loop timers lack."""

import asyncio
import sys
import time

import pytest
import uvloop

from loadtests.clock import LoopClock, VirtualClock

MS = 1_000_000


def test_callbacks_run_in_order_of_time_and_first_come_first_served() -> None:
    """Equal instants keep the order in which they were asked for."""
    clock, seen = VirtualClock(), []
    for due, name in [(20, "c"), (10, "a"), (10, "b")]:
        clock.at(due, seen.append, name)
    clock.advance(20)
    assert seen == ["a", "b", "c"]


def test_each_callback_sees_its_own_instant_when_time_moves_on() -> None:
    """Virtual time stops at every due instant on its way."""
    clock, seen = VirtualClock(), []
    for due in (5, 10, 15):
        clock.at(due, lambda _: seen.append(clock.now()))
    clock.advance(12)
    assert seen == [5, 10]
    assert clock.now() == 12


def test_a_stalled_process_runs_everything_late() -> None:
    """After a stall all that was due meanwhile runs at its end."""
    clock, seen = VirtualClock(), []
    for due in (5, 10):
        clock.at(due, lambda _: seen.append(clock.now()))
    clock.stall(100)
    assert seen == [100, 100]


@pytest.mark.parametrize("policy", [pytest.param(asyncio.run, id="asyncio"), pytest.param(uvloop.run, id="uvloop")])
def test_the_real_clock_calls_each_callback_once_and_never_early(policy) -> None:
    """A hundred instants within 20 ms: each comes once, none before its time."""

    async def scenario() -> list[int]:
        clock = LoopClock(asyncio.get_running_loop())
        early: list[int] = []
        done = asyncio.Event()
        start = clock.now()
        for number in range(100):
            due = start + number * MS // 5
            clock.at(due, lambda due: early.append(clock.now() - due), due)
        clock.at(start + 25 * MS, lambda _: done.set())
        await done.wait()
        clock.close()
        return early

    late = policy(scenario())
    assert len(late) == 100
    assert min(late) >= 0


def test_a_callback_due_sooner_overtakes_the_one_already_waited_for() -> None:
    """Arming for a near instant does not lose the far one."""

    async def scenario() -> list[str]:
        clock = LoopClock(asyncio.get_running_loop())
        seen: list[str] = []
        done = asyncio.Event()
        now = clock.now()
        clock.at(now + 20 * MS, lambda _: (seen.append("far"), done.set()))
        clock.at(now + 2 * MS, lambda _: seen.append("near"))
        await asyncio.wait_for(done.wait(), 5)
        clock.close()
        return seen

    assert uvloop.run(scenario()) == ["near", "far"]


@pytest.mark.skipif(sys.platform == "linux", reason="the fallback is for systems without timerfd")
def test_elsewhere_the_loops_own_timers_serve() -> None:
    """Without timerfd the clock still works."""

    async def scenario() -> bool:
        clock = LoopClock(asyncio.get_running_loop())
        done = asyncio.Event()
        clock.at(time.monotonic_ns() + MS, lambda _: done.set())
        await asyncio.wait_for(done.wait(), 5)
        return True

    assert asyncio.run(scenario())
