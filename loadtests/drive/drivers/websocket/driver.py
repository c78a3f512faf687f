"""The WebSocket driver: connections that are held (`Holding`), and what is said over them (`Talk`).

The protocol is our own (`frames`), on uvloop's transports: beside picows and websockets it opens connections faster,
holds them in less memory, and does more round trips a second on one core; see benchmarks/README.md for the figures.
"""

import asyncio
import resource
from contextlib import suppress

from loadtests.drive.allow import permitted
from loadtests.drive.drivers.base import Driver, Surroundings
from loadtests.drive.drivers.failure import connect_failure
from loadtests.drive.drivers.tls import tls_context
from loadtests.drive.drivers.websocket.holding import Holding
from loadtests.drive.drivers.websocket.talk import Talk
from loadtests.drive.drivers.websocket.upgrade import Endpoint
from loadtests.errors import GeneratorFault, TargetUnreachable, UsageError
from loadtests.plan.model import Connections, OpenLoad

__all__ = ["WebsocketDriver"]

_PROBE_S = 5.0
_OTHER_FILES = 100


class WebsocketDriver(Driver):
    """Round trips from the intended send to the answer, over connections opened at a rate and held to the end."""

    def __init__(self, surroundings: Surroundings) -> None:
        super().__init__(surroundings)
        self._surroundings = surroundings
        self._talk = Talk(surroundings)
        self._holding: Holding | None = None
        self.fire = self._talk.fire  # type: ignore[method-assign]

    async def open(self) -> None:
        """See `Driver.open`; raises also `HostNotAllowed`, and `GeneratorFault` where files are too few."""
        assert self.target.websocket is not None
        connections = self.scenario.load.connections
        assert connections is not None
        self._note_no_senders(connections)
        endpoint = Endpoint(self.target.websocket, self.scenario.websocket, self.scenario.data)
        addresses = await permitted(endpoint.url, self.target)
        tls = tls_context(self.target.tls) if endpoint.secure else None
        _raise_file_limit(-(-connections.count // self._surroundings.shards) + _OTHER_FILES)
        await _probe(endpoint, addresses)
        self._holding = Holding(self._surroundings, endpoint, self._talk, addresses=addresses, tls=tls)

    def _note_no_senders(self, connections: Connections) -> None:
        """Arrivals are shared out evenly among the processes, so each of them needs a connection that sends."""
        shards, sends = self._surroundings.shards, isinstance(self.scenario.load, OpenLoad) and self.scenario.operations
        if sends and connections.senders < shards:
            raise UsageError(
                f"{connections.senders} of the connections send, too few for {shards} processes: "
                f"use --processes {connections.senders}, or let more of them send"
            )

    def begin(self, start_ns: int) -> None:
        """See `Driver.begin`."""
        assert self._holding is not None
        self._talk.finished = self.finished
        self._talk.begin()
        self._holding.begin(start_ns)

    def fire(self, operation: int, index: int, intended_ns: int, user: int) -> None:
        """See `Driver.fire`."""
        self._talk.fire(operation, index, intended_ns, user)

    def ended(self) -> None:
        """See `Driver.ended`."""
        if self._holding is not None:
            self._holding.ended()

    def cut_off(self) -> None:
        """See `Driver.cut_off`."""
        self._talk.cut_off()
        if self._holding is not None:
            self._holding.cut_off()

    async def close(self) -> None:
        """See `Driver.close`."""
        if self._holding is not None:
            await self._holding.close()


async def _probe(endpoint: Endpoint, addresses: list[str]) -> None:
    """Connect once, without an upgrade: whether anything listens at all."""
    failure: Exception = TimeoutError()
    for address in addresses:
        try:
            async with asyncio.timeout(_PROBE_S):
                _, writer = await asyncio.open_connection(address, endpoint.port)
        except OSError as error:
            failure = error
            continue
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
        return
    reason = (
        f"no connection within {_PROBE_S:g} s" if isinstance(failure, TimeoutError) else connect_failure(failure).reason
    )
    raise TargetUnreachable(endpoint.url, reason)


def _raise_file_limit(needed: int) -> None:
    """Each connection is an open file: take what the hard limit gives, and say so where that is not enough."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise GeneratorFault(
            f"{needed:,} open files are needed and this machine allows {hard:,} a process: raise the hard limit "
            "(ulimit -Hn, or LimitNOFILE of the service), or share the connections out with --processes"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed if hard == resource.RLIM_INFINITY else hard, hard))
