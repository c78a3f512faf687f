"""Every origin that an engine process talks to: resolved once, permitted, one pool each."""

import asyncio
import ssl
from collections.abc import Callable

from loadtests.drive.allow import permitted
from loadtests.drive.drivers.base import Surroundings
from loadtests.drive.drivers.http.connection import Connection
from loadtests.drive.drivers.http.origin import Origin
from loadtests.drive.drivers.http.pool import Pool
from loadtests.drive.drivers.tls import tls_context

__all__ = ["Network"]

_COUNT_NS = 250_000_000


class Network:
    """The pools by origin. A host is resolved and checked against `target.allow` before its pool exists."""

    def __init__(self, surroundings: Surroundings, connection: Callable[[Pool], Connection] = Connection) -> None:
        self._connection = connection
        self._target, self._clock, self._recorder = surroundings.target, surroundings.clock, surroundings.recorder
        self._keep_alive = surroundings.scenario.http.keep_alive
        self._pools: dict[Origin, Pool] = {}
        self._reached: set[Origin] = set()
        self._tls: ssl.SSLContext | None = None
        self._counting = False
        self._counted = 0

    async def pool(self, origin: Origin) -> Pool:
        """The origin's pool; raises `HostNotAllowed`, or `TargetUnreachable` when its name does not resolve."""
        found = self._pools.get(origin)
        if found is not None:
            return found
        addresses = await permitted(str(origin), self._target)
        if origin not in self._pools:  # another execution may have asked meanwhile
            self._pools[origin] = Pool(
                origin,
                addresses,
                clock=self._clock,
                tls=self._context() if origin.secure else None,
                keep_alive=self._keep_alive,
                fault=self._recorder.fault,
                connection=self._connection,
            )
        return self._pools[origin]

    async def reach(self, origin: Origin) -> None:
        """Connect to the origin, once in a run; raises also `TargetUnreachable` when nothing answers there."""
        if origin not in self._reached:
            await (await self.pool(origin)).probe()
            self._reached.add(origin)

    def begin(self) -> None:
        """Count received bytes from now on."""
        self._counting = True
        self._count(None)

    def cut_off(self) -> None:
        """End every exchange in flight."""
        for pool in self._pools.values():
            pool.cut_off()

    async def close(self) -> None:
        """Close all connections and give out what has not been counted."""
        await asyncio.gather(*(pool.close() for pool in self._pools.values()))
        if self._counting:
            self._counting = False
            self._add_received()

    def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = tls_context(self._target.tls)
        return self._tls

    def _count(self, _argument: object) -> None:
        if self._counting:
            self._add_received()
            self._clock.at(self._clock.now() + _COUNT_NS, self._count)

    def _add_received(self) -> None:
        received = sum(pool.received_bytes for pool in self._pools.values())
        if received > self._counted:
            self._recorder.generator("bytes_received", self._clock.now(), received - self._counted)
            self._counted = received
