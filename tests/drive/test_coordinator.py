"""Whole scenarios driven through real engine processes, with an observer that keeps everything in memory."""

import asyncio
import os
import signal

import pytest

from loadtests.drive.coordinator import Ending, drive
from loadtests.drive.fleet import LocalCrew
from loadtests.errors import GeneratorFault, TargetUnreachable
from loadtests.plan.loader import plan_from_document
from loadtests.plan.model import Plan
from loadtests.result.window import OFFERED, OK
from tests.drive.memory import Memory, null_plan


def drive_it(plan: Plan, memory: Memory, processes: int = 1, stop: asyncio.Event | None = None) -> Ending:
    return asyncio.run(drive(plan, plan.scenarios["s"], memory, crew=LocalCrew(processes), stop=stop))


@pytest.mark.parametrize("processes", [1, 3])
def test_every_arrival_is_offered_and_answered_once(processes: int) -> None:
    """400 arrivals are 400 answers, however many processes share them, and every window is accounted for."""
    memory = Memory()
    ending = drive_it(null_plan(), memory, processes)
    assert (memory.total().count(OFFERED), memory.total().count(OK)) == (400, 400)
    assert ending.status == "complete"
    assert ending.ended_s == pytest.approx(1.0, abs=0.2)
    for end in ending.processes:
        assert end.clean
        assert end.windows == len([w for w in memory.windows if w.process == end.process])


def test_failures_are_sampled_across_the_pipe_and_counted() -> None:
    """`fail_every: 4` is a hundred failures."""
    memory = Memory()
    drive_it(null_plan(fail_every=4), memory)
    assert memory.total().failures == {"dialled": 100}


def test_an_abort_ends_the_load_early_and_keeps_its_reason() -> None:
    """The observer's sentence is the reason; what was offered until then is kept."""
    memory = Memory(lambda _, elapsed_s: "too slow" if elapsed_s > 0.5 else None)
    ending = drive_it(null_plan(seconds=60), memory)
    assert (ending.status, ending.reason) == ("aborted", "too slow")
    assert 0 < memory.total().count(OK) < 2000
    assert memory.total().count(OK) == memory.total().count(OFFERED)


def test_a_killed_process_is_named_and_the_others_go_on() -> None:
    """Two processes, one killed: its end says how, the other's is clean."""

    def kill_first(memory: Memory, elapsed_s: float) -> None:
        if elapsed_s < 1.5:
            os.kill(memory.processes["0"], signal.SIGKILL)

    memory = Memory(kill_first)
    ending = drive_it(null_plan(seconds=3), memory, processes=2)
    first, second = ending.processes
    assert not first.clean
    assert "SIGKILL" in (first.reason or "")
    assert second.clean


def test_a_user_who_stops_the_run_ends_it_as_interrupted() -> None:
    """The stop event is the user's Ctrl-C."""

    async def run() -> Ending:
        stop, plan = asyncio.Event(), null_plan(seconds=60)
        memory = Memory(lambda _, elapsed_s: stop.set() if elapsed_s > 0.5 else None)
        return await drive(plan, plan.scenarios["s"], memory, stop=stop)

    ending = asyncio.run(run())
    assert ending.status == "interrupted"
    assert ending.ended_s is not None
    assert ending.ended_s < 10


def test_an_observer_that_fails_ends_the_run_with_its_error() -> None:
    """A full disk in the coordinator leaves no engine process behind."""

    def full(memory: Memory, _: float) -> None:
        raise GeneratorFault("no space left on the disk")

    memory = Memory(full)
    with pytest.raises(GeneratorFault, match="no space"):
        drive_it(null_plan(seconds=60), memory)
    with pytest.raises(ProcessLookupError):
        os.kill(memory.processes["0"], 0)


def test_a_target_that_is_not_there_is_said_before_the_load_begins() -> None:
    """The engine process refuses; the error crosses the pipe whole."""
    scenario = {
        "driver": "http",
        "load": {"rate": "1/s", "duration": "1s"},
        "operations": [{"name": "a", "request": "GET /"}],
    }
    plan = plan_from_document(
        {"version": 1, "target": {"http": "http://127.0.0.1:9"}, "scenarios": {"s": scenario}}, source="test"
    )
    with pytest.raises(TargetUnreachable, match=r"127\.0\.0\.1:9"):
        drive_it(plan, Memory())
