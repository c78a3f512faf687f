"""The load loop: a load model, a driver, a recorder and the clock, from the first arrival to the last answer."""

import asyncio
from dataclasses import dataclass

from loadtests.drive.closed_model import ClosedUsers
from loadtests.drive.drivers.base import Driver
from loadtests.drive.health import HealthProbe
from loadtests.drive.open_model import OpenArrivals
from loadtests.plan.model import ClosedLoad, Scenario

__all__ = ["Engine", "EngineEnd"]

_DRAIN_STEP_S = 0.005


@dataclass(frozen=True, slots=True)
class EngineEnd:
    """When arrivals ended (seconds after the start) and how many windows were given out."""

    ended_s: float
    windows: int


class Engine:
    """Runs one shard of one scenario in this process."""

    def __init__(self, scenario: Scenario, driver: Driver, *, shard: int = 0, shards: int = 1) -> None:
        model = ClosedUsers if isinstance(scenario.load, ClosedLoad) else OpenArrivals
        self._scenario, self._driver = scenario, driver
        self._recorder, self._clock = driver.recorder, driver.clock
        self._load = model(scenario, driver, self._recorder, clock=self._clock, shard=shard, shards=shards)
        self._probe = HealthProbe(self._recorder, self._clock, in_flight=lambda: self._load.in_flight)
        self._over = asyncio.Event()
        self._ended_ns = 0
        self._hurried = False

    async def run(self, start_ns: int) -> EngineEnd:
        """Offer the load from `start_ns` on, let what is in flight end, and give out the last windows."""
        self._recorder.begin(start_ns)
        self._probe.begin(start_ns)
        self._driver.begin(start_ns)
        self._load.begin(start_ns, self._arrivals_ended)
        await self._over.wait()
        self._driver.ended()
        await self._drain()
        self._driver.cut_off()
        await self._driver.close()
        self._probe.end()
        self._recorder.close()
        return EngineEnd(ended_s=max(0, self._ended_ns - start_ns) / 1e9, windows=self._recorder.sequence)

    def stop(self) -> None:
        """End early: no further arrivals, and only a short time for what is in flight."""
        self._hurried = True
        self._load.stop()

    def _arrivals_ended(self) -> None:
        self._ended_ns = self._clock.now()
        self._over.set()

    async def _drain(self) -> None:
        """Wait for what is in flight: as long as its timeout allows, or two seconds when told to stop."""
        longest = self._scenario.longest_timeout_ns
        began = self._clock.now()
        while self._load.in_flight and self._clock.now() - began < (2 * 10**9 if self._hurried else longest + 10**9):
            await asyncio.sleep(_DRAIN_STEP_S)
