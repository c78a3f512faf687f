"""Driving one scenario: start the engine processes together, watch them and the target, and know when it is over."""

import asyncio
import contextlib
import time
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

from loadtests.drive.fleet import Crew, EngineProcess, FleetObserver, LocalCrew
from loadtests.drive.resources import ResourceSampler
from loadtests.plan.model import Plan, Scenario, Target
from loadtests.result.database import DatabaseNotes
from loadtests.result.run import ProcessEnd, ResourceSample, RunStatus

if TYPE_CHECKING:
    from loadtests.drive.postgres import DatabaseWatch

__all__ = ["Ending", "Observer", "drive"]

_SPARE_NS = 15_000_000_000


class Observer(FleetObserver, Protocol):
    """Is told of everything that happens while a scenario is driven."""

    def resource(self, sample: ResourceSample) -> None:
        """The target or this machine was looked at."""

    def notes(self, notes: DatabaseNotes) -> None:
        """A database has said what the scenario was for it, at its end."""

    def tick(self, elapsed_s: float) -> str | None:
        """Called about once a second; a sentence ends the run early (an abort threshold was missed)."""

    def started(self, processes: Mapping[str, int]) -> None:
        """The load begins; engine processes by name with their process ids."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a scenario ended: `ended_s` is when its arrivals ended, seconds after the start."""

    status: RunStatus
    ended_s: float | None
    processes: Sequence[ProcessEnd]
    reason: str | None = None


async def drive(
    plan: Plan, scenario: Scenario, observer: Observer, *, crew: Crew | None = None, stop: asyncio.Event | None = None
) -> Ending:
    """Run one scenario to its end, by one engine process of this machine unless a crew is given.

    `stop` (the user's Ctrl-C) ends it early. Raises `TargetUnreachable`, `HostNotAllowed` or `GeneratorFault` when it
    cannot begin. After it has begun, whatever happens is part of the result.
    """
    crew = crew or LocalCrew()
    async with crew.launched(plan, scenario) as engines:
        await _all_ready(engines)
        database = await _database_watch(plan, scenario, observer)
        start_ns = time.monotonic_ns() + crew.head_start_ns
        for engine in engines:
            await engine.start(start_ns)
        observer.started({engine.name: engine.pid for engine in engines})
        queue = _queue(plan, scenario)
        looked_at = _sampled(plan.target, scenario)
        sampler = ResourceSampler(looked_at, scenario.name, observer.resource, start_ns=start_ns, queue=queue)
        watches = [sampler.run(), *([] if database is None else [database.run(start_ns)])]
        watch = _Watch(engines, observer, start_ns=start_ns, stop=stop or asyncio.Event())
        deadline_ns = start_ns + scenario.load.duration_ns + scenario.longest_timeout_ns + _SPARE_NS
        hearing = asyncio.gather(*(engine.hear(observer, deadline_ns=deadline_ns) for engine in engines))
        ends = await _alongside(hearing, *watches, watch.run())
    known = [engine.ended_s for engine in engines if engine.ended_s is not None]
    return Ending(watch.status, max(known, default=None), ends, watch.reason)


def _queue(plan: Plan, scenario: Scenario) -> str | None:
    """Where the agents' queue can be looked at."""
    if scenario.driver != "agent" or scenario.agent.queue is None:
        return None
    return f"{plan.target.http}{scenario.agent.queue}"


def _sampled(target: Target, scenario: Scenario) -> Target:
    """The target without its metrics where these speak of the HTTP API and not of the database that is loaded."""
    return replace(target, metrics=None) if scenario.driver == "database" else target


async def _database_watch(plan: Plan, scenario: Scenario, observer: Observer) -> "DatabaseWatch | None":
    """What looks at the database, for scenarios that load one; from before the load on."""
    if scenario.driver != "database":
        return None
    from loadtests.drive.postgres import DatabaseWatch

    watch = DatabaseWatch(plan.target, scenario.name, observer.resource, note=observer.notes)
    await watch.open()
    return watch


class _Watch:
    """Once a second: has the user stopped the run, or an abort threshold been missed?"""

    def __init__(
        self, engines: Sequence[EngineProcess], observer: Observer, *, start_ns: int, stop: asyncio.Event
    ) -> None:
        self._engines, self._observer, self._start_ns, self._stop = engines, observer, start_ns, stop
        self.status: RunStatus = "complete"
        self.reason: str | None = None

    async def run(self) -> None:
        while self.status == "complete":
            await self._pause()
            self._look()
        for engine in self._engines:
            await engine.stop()
        while True:  # the display goes on while what is in flight ends
            await asyncio.sleep(1.0)
            self._observer.tick(self._elapsed_s())

    async def _pause(self) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stop.wait(), 1.0)

    def _look(self) -> None:
        missed = self._observer.tick(self._elapsed_s())
        if self._stop.is_set():
            self.status, self.reason = "interrupted", f"stopped by the user after {self._elapsed_s():.0f} s"
        elif missed is not None:
            self.status, self.reason = "aborted", missed

    def _elapsed_s(self) -> float:
        return (time.monotonic_ns() - self._start_ns) / 1e9


async def _alongside(main: "asyncio.Future[list[ProcessEnd]]", *endless: Coroutine[Any, Any, None]) -> list[ProcessEnd]:
    """The result of `main`, with tasks beside it that end only with it, or by an error, which then ends it all."""
    tasks: list[asyncio.Future[Any]] = [asyncio.ensure_future(coroutine) for coroutine in endless]
    try:
        done, _ = await asyncio.wait([main, *tasks], return_when=asyncio.FIRST_COMPLETED)
        for task in done.difference([main]):
            task.result()
        return await main
    finally:
        for task in (main, *tasks):
            task.cancel()
        await asyncio.gather(main, *tasks, return_exceptions=True)


async def _all_ready(engines: Sequence[EngineProcess]) -> None:
    for engine in engines:
        await engine.ready()
