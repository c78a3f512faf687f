"""Real masters and workers on loopback: the same schedule, the same counts; and what is said when one goes wrong."""

import asyncio
import re
import signal
import socket
from pathlib import Path

import pytest

from loadtests.drive.coordinator import Ending, drive
from loadtests.drive.fleet import LocalCrew
from loadtests.errors import GeneratorFault
from loadtests.judge.validity import examine
from loadtests.judge.verdict import Health
from loadtests.plan.loader import plan_from_document
from loadtests.plan.model import Plan
from loadtests.result.run import ScenarioRun
from loadtests.result.window import OFFERED, Tally
from loadtests.swarm.crew import RemoteCrew
from tests.drive.memory import Memory
from tests.swarm.machines import bounded, machines, until


def plan_of(seconds: float, *, rate: int = 300, allow: int = 0) -> Plan:
    """Two operations of the null driver at random moments; answers take exactly what their law says."""
    scenario = {
        "driver": "null",
        "load": {"rate": f"{rate}/s", "duration": f"{seconds}s", "arrivals": "poisson"},
        "seed": 11,
        "allow_lost_workers": allow,
        "timeout": "1s",
        "operations": [
            {"name": "steady", "weight": 3, "law": "5ms"},
            {"name": "two-faced", "law": "5ms 90%, 80ms 10%", "fail_every": 7},
        ],
    }
    return plan_from_document({"version": 1, "scenarios": {"s": scenario}}, source="test")


def merged(memory: Memory) -> dict[tuple[int, str], object]:
    """What was recorded, by second and operation: counters and every bucket of the histograms, whoever recorded it."""
    parts: dict[tuple[int, str], list[Tally]] = {}
    for window in memory.windows:
        for name, tally in window.operations.items():
            parts.setdefault((window.second, name), []).append(tally)
    found: dict[tuple[int, str], object] = {}
    for key, tallies in parts.items():
        whole = Tally.merge(tallies)
        buckets = {n: (h.indices.tolist(), h.counts.tolist()) for n, h in sorted(whole.histograms.items())}
        found[key] = sorted(whole.counters.items()), buckets
    return found


def judged(plan: Plan, ending: Ending, memory: Memory) -> Health:
    """What the judge says of the generator."""
    run = ScenarioRun(
        scenario=plan.scenarios["s"],
        started_at="2026-01-01T00:00:00+00:00",
        status=ending.status,
        ended_s=ending.ended_s,
        processes=ending.processes,
        expected_processes=len(ending.processes),
        windows=memory.windows,
    )
    return examine(run)


def test_one_process_four_processes_and_three_machines_record_the_same() -> None:
    """The same seed gives the same schedule, and merges to the same counts in every bucket of every second."""
    plan = plan_of(2)
    alone, four, three = Memory(), Memory(), Memory()

    async def run() -> None:
        async with machines(3) as found:
            await found.ensure(3)
            await found.drive(plan, three)
        await drive(plan, plan.scenarios["s"], alone)
        await drive(plan, plan.scenarios["s"], four, crew=LocalCrew(4))

    bounded(run())
    assert len({window.process for window in three.windows}) == 3
    assert merged(alone) == merged(four) == merged(three)
    assert sum(tally.count(OFFERED) for window in alone.windows for tally in window.operations.values()) > 500


def test_lost_workers_are_named_with_when_and_why_and_the_run_is_what_the_plan_allows() -> None:
    """One hangs and one is shut down in the second second; the third goes on to its end.

    That is INVALID, unless the plan allows two: then the part of the schedule that nobody offered is counted.
    """
    strict, lenient, memory = plan_of(4), plan_of(4, allow=2), Memory()

    async def run() -> Ending:
        async with machines(3) as found:
            await found.ensure(3)

            def act(_: Memory, elapsed_s: float) -> None:
                if 0.5 < elapsed_s < 1.5:
                    found.signal("worker-2", signal.SIGSTOP)
                    found.signal("worker-3", signal.SIGTERM)

            memory.at_tick = act
            return await found.drive(strict, memory)

    ending = bounded(run())
    left, hung, stopped = sorted(ending.processes, key=lambda end: end.process)
    assert left.clean
    for lost, why in ((hung, "it did not answer for 3 s"), (stopped, "it was stopped by SIGTERM")):
        (reason,) = [text for text in judged(strict, ending, memory).reasons if str(lost.worker) in text]
        assert lost.lost_s is not None
        assert 0.5 < lost.lost_s < 30
        assert f"{lost.lost_s:.1f} s after the start: {why}" in reason
    health = judged(lenient, ending, memory)
    assert not [text for text in health.reasons if "worker" in text or "arrivals" in text]
    assert len([text for text in health.warnings if "as the plan allows" in text]) == 2
    (unoffered,) = [text for text in health.warnings if "were never offered" in text]
    share = int(unoffered.split()[0].replace(",", "")) / health.offered
    assert 0.1 < share < 0.67


def test_a_clock_that_jumps_and_a_worker_that_comes_late(tmp_path: Path) -> None:
    """The one whose clock jumps during the run is given up with it; the late one is named, and of use next time."""
    plan, memory, again = plan_of(4), Memory(), Memory()
    switch = tmp_path / "jump"

    async def run() -> tuple[Ending, Ending, list[str]]:
        async with machines(1) as found:
            await found.start_with_odd_clock(str(switch))
            found.start()

            def act(_: Memory, elapsed_s: float) -> None:
                if elapsed_s > 0.5:
                    switch.touch()

            memory.at_tick = act
            first = await found.drive(plan, memory)
            await until(lambda: "worker-2" in found.crew.workers, "the late worker")
            return first, await found.drive(plan_of(0.3), again), list(found.crew.remarks())

    first, second, remarks = bounded(run())
    (lost,) = first.processes
    found = re.search(r"its clock moved by (-0\.\d+) s against the master's", lost.reason or "")
    assert found, lost.reason
    assert float(found[1]) == pytest.approx(-0.4, abs=0.1), "as far as round trips on a busy machine let it be seen"
    assert second.processes[0].clean
    assert second.processes[0].process == "worker-2.0"
    assert not [text for text in judged(plan_of(0.3), second, again).reasons if "worker" in text]
    assert all("worker-2" in remark and "too late" in remark for remark in remarks)


def test_a_port_that_is_taken_is_named() -> None:
    """Before anything is waited for."""

    async def run(port: int) -> None:
        async with RemoteCrew.opened("127.0.0.1", port, expected=1, wait_s=5, say=lambda _: None):
            raise AssertionError("it opened")

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(GeneratorFault, match=f"port {port} of 127\\.0\\.0\\.1: address already in use"):
            asyncio.run(run(port))


def test_too_few_workers_are_counted_in_words() -> None:
    """Waited for, not for ever: the run does not begin with fewer."""

    async def run() -> None:
        async with machines(2) as found:
            found.crew.wait_s = 0.5
            await found.drive(plan_of(1), Memory())

    with pytest.raises(Exception, match=r"0 of the 2 workers expected were there after 0\.5 s"):
        asyncio.run(run())
