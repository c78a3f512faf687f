"""Connections that are opened when they are due and held to the end: attempts, losses, pings, reconnects.

Everything is recorded on the tape CONNECTIONS, in the second in which the connection was due.
"""

import asyncio
import ssl
from collections import deque
from collections.abc import Sequence
from functools import partial

from loadtests.drive.drivers.base import Surroundings
from loadtests.drive.drivers.deadlines import Deadlines
from loadtests.drive.drivers.failure import Failure, connect_failure, generator_fault
from loadtests.drive.drivers.websocket.connection import Connection
from loadtests.drive.drivers.websocket.exchange import Outgoing
from loadtests.drive.drivers.websocket.frames import PING
from loadtests.drive.drivers.websocket.talk import Talk
from loadtests.drive.drivers.websocket.upgrade import Endpoint
from loadtests.law import spread
from loadtests.plan.data import row
from loadtests.plan.model import Connections
from loadtests.plan.secrets import mask
from loadtests.result.window import CONNECTIONS, DROPPED_AT, LOST_CONNECTION, RECONNECTED
from loadtests.units import format_duration

__all__ = ["Holding"]

_BATCH = 32
"""Connections begun in one turn at most, so that answers are read in between."""
_COUNT_NS = 250_000_000
_CLOSING_NS = 1_000_000_000


class Holding:
    """This shard's connections."""

    def __init__(
        self,
        surroundings: Surroundings,
        endpoint: Endpoint,
        talk: Talk,
        *,
        addresses: Sequence[str],
        tls: ssl.SSLContext | None,
    ) -> None:
        scenario = surroundings.scenario
        assert scenario.load.connections is not None
        self._plan: Connections = scenario.load.connections
        self._settings, self._data = scenario.websocket, scenario.data
        self._endpoint, self._talk, self._addresses, self._tls = endpoint, talk, list(addresses), tls
        self._recorder, self._clock, self._now = surroundings.recorder, surroundings.clock, surroundings.clock.now
        self._secrets = surroundings.secrets
        self._tape = surroundings.recorder.tape(CONNECTIONS)
        self._connect, self._ping_time = self._tape.measure("connect"), self._tape.measure("ping")
        self._greetings = [Outgoing(message) for message in self._settings.on_open]
        self._due = range(surroundings.shard, self._plan.count, surroundings.shards)
        self._next = self._start_ns = 0
        self._returns: deque[tuple[int, int, bool]] = deque()  # due, number, anew
        self._attempts: dict[Connection, asyncio.Task[None]] = {}
        self._alive: set[Connection] = set()
        limit_ns, silence_ns = scenario.timeout_ns, self._settings.ping_timeout_ns
        late = Failure("timeout", f"no connection within {format_duration(limit_ns)}")
        self._connecting = Deadlines[Connection](self._clock, limit_ns, partial(self._give_up, late))
        silent = f"no pong within {format_duration(silence_ns)}"
        self._pongs = Deadlines[Connection](self._clock, silence_ns, lambda one: one.lose("ping_timeout", silent))
        self._over = False
        self._counted = 0
        self.received_bytes = 0
        self.message = talk.message

    def begin(self, start_ns: int) -> None:
        """Open connections from `start_ns` on."""
        self._start_ns = start_ns
        self._connecting.begin()
        self._pongs.begin()
        self._spawn(None)
        self._count(None)

    def ended(self) -> None:
        """The load is over: what is lost from now on is not lost before its time, and nothing is made anew."""
        self._over = True
        self._count(None)

    def cut_off(self) -> None:
        """End the attempts that are still under way."""
        for connection, task in list(self._attempts.items()):
            self._tape.cut_off(connection.due_ns)
            connection.abort()
            task.cancel()
        self._attempts.clear()
        self._connecting.stop()
        self._pongs.stop()
        self._count(None)

    async def close(self) -> None:
        """Close what is open as the protocol asks, for a second at most; then without a word."""
        for connection in list(self._alive):
            connection.close() if connection.is_open else connection.abort()
        if await self._emptied():
            return
        for connection in list(self._alive):
            connection.abort()
        await self._emptied()

    def made(self, connection: Connection) -> None:
        """See `Owner`."""
        self._alive.add(connection)
        if connection.closing:
            connection.abort()
        else:
            connection.transport.write(connection.ask(self._endpoint))

    def answered(self, connection: Connection, head: bytes) -> Failure | None:
        """See `Owner`."""
        return connection.answer(self._endpoint, head)

    def opened(self, connection: Connection) -> None:
        """See `Owner`."""
        now, due_ns = self._now(), connection.due_ns
        self._attempts.pop(connection, None)
        self._connecting.pending.pop(connection, None)
        self._tape.ok(due_ns, connection.started_ns, now)
        self._connect(due_ns, now - due_ns)
        if connection.reconnecting:
            self._tape.counter(RECONNECTED)(due_ns)
        for outgoing in self._greetings:
            values = row(self._data, outgoing.names, connection.number)
            connection.send(outgoing.opcode, outgoing.payload(connection.number, values))
        if self._settings.ping_ns is not None:
            first_ns = round(self._settings.ping_ns * (0.5 + spread(connection.number) / 2))
            self._clock.at(now + first_ns, self._ping, connection)
        self._talk.opened(connection)

    def refused(self, connection: Connection, failure: Failure) -> None:
        """See `Owner`."""
        if self._attempts.pop(connection, None) is None:
            return
        now = self._now()
        self._connecting.pending.pop(connection, None)
        self._tape.failed(failure.kind, connection.due_ns, connection.started_ns, now)
        self._sample(failure.kind, now, f"connection {connection.number}: {failure.reason}")
        self._end(connection)

    def lost(self, connection: Connection, cause: str, reason: str) -> None:
        """See `Owner`."""
        self._pongs.pending.pop(connection, None)
        if not self._over:
            now = self._now()
            self._tape.counter(LOST_CONNECTION + cause)(connection.due_ns)
            self._tape.counter(DROPPED_AT)(now)
            self._sample(f"drop {cause}", now, f"connection {connection.number}: {reason}")
        self._end(connection, again=True)

    def gone(self, connection: Connection) -> None:
        """See `Owner`."""
        self._alive.discard(connection)

    def pong(self, connection: Connection, payload: bytes) -> None:  # noqa: ARG002 - one ping at a time
        """See `Owner`."""
        sent_ns = connection.ping_sent_ns
        if sent_ns:
            connection.ping_sent_ns = 0
            self._pongs.pending.pop(connection, None)
            self._ping_time(sent_ns, self._now() - sent_ns)

    def _spawn(self, _argument: object) -> None:
        """Begin what is due, and wait for the next."""
        now, left = self._now(), _BATCH
        while self._next < len(self._due) and not self._over:
            number = self._due[self._next]
            due_ns = self._start_ns + self._plan.due_ns(number)
            if due_ns > now or not left:
                self._clock.at(max(due_ns, now), self._spawn)
                return
            self._next += 1
            left -= 1
            self._attempt(number, due_ns=due_ns, anew=False)

    def _attempt(self, number: int, *, due_ns: int, anew: bool) -> None:
        connection = Connection(self, number, due_ns=due_ns, limit=self._settings.max_message_bytes)
        connection.started_ns, connection.reconnecting = self._now(), anew
        self._tape.started(due_ns)
        self._tape.fired(connection.started_ns)
        self._connecting.pending[connection] = connection.started_ns
        self._attempts[connection] = asyncio.ensure_future(self._dial(connection))

    async def _dial(self, connection: Connection) -> None:
        loop, failure = asyncio.get_running_loop(), OSError("no address")
        name = self._endpoint.host if self._tls is not None else None
        for address in tuple(self._addresses):
            try:
                await loop.create_connection(
                    lambda: connection, address, self._endpoint.port, ssl=self._tls, server_hostname=name
                )
            except OSError as error:
                failure = error
                continue
            if address != self._addresses[0]:  # tried first from now on
                self._addresses.remove(address)
                self._addresses.insert(0, address)
            return
        self._undialled(connection, failure)

    def _undialled(self, connection: Connection, error: OSError) -> None:
        fault = generator_fault(error)
        if fault is None:
            self.refused(connection, connect_failure(error))
        elif self._attempts.pop(connection, None) is not None:  # our own fault is no failure of the target
            self._recorder.fault(fault)
            self._connecting.pending.pop(connection, None)
            self._tape.cut_off(connection.due_ns)
            self._end(connection)

    def _give_up(self, failure: Failure, connection: Connection) -> None:
        task = self._attempts.get(connection)
        self.refused(connection, failure)
        connection.abort()
        if task is not None:
            task.cancel()

    def _end(self, connection: Connection, *, again: bool = False) -> None:
        """One connection less; it is made anew where the plan says so."""
        wait_ns = None if self._over else self._settings.reconnect_ns
        self._talk.hopeful = wait_ns is not None or bool(self._attempts) or self._next < len(self._due)
        self._talk.closed(connection)
        if wait_ns is not None:
            due_ns, anew = self._now() + wait_ns, again or connection.reconnecting
            self._returns.append((due_ns, connection.number, anew))
            if len(self._returns) == 1:
                self._clock.at(due_ns, self._return)

    def _return(self, _argument: object) -> None:
        """Make anew what is due, some at a time: thousands may have been lost at once. All wait equally long."""
        left = _BATCH
        while self._returns and not self._over:
            due_ns, number, anew = self._returns[0]
            now = self._now()
            if due_ns > now or not left:
                self._clock.at(max(due_ns, now), self._return)
                return
            self._returns.popleft()
            left -= 1
            self._attempt(number, due_ns=due_ns, anew=anew)

    def _ping(self, connection: Connection) -> None:
        assert self._settings.ping_ns is not None
        if not connection.is_open or self._over:
            return
        now = self._now()
        if not connection.ping_sent_ns:
            connection.ping_sent_ns = now
            self._pongs.pending[connection] = now
            connection.send(PING, b"")
        self._clock.at(now + self._settings.ping_ns, self._ping, connection)

    def _sample(self, kind: str, at_ns: int, message: str) -> None:
        if self._recorder.wants_sample(CONNECTIONS, kind):
            self._recorder.sample(CONNECTIONS, kind, at_ns, mask(message, self._secrets))

    def _count(self, _argument: object) -> None:
        received = self.received_bytes
        if received > self._counted:
            self._recorder.generator("bytes_received", self._now(), received - self._counted)
            self._counted = received
        if not self._over:
            self._clock.at(self._now() + _COUNT_NS, self._count)

    async def _emptied(self) -> bool:
        """Whether every transport has closed within the time for it."""
        until_ns = self._now() + _CLOSING_NS
        while self._alive and self._now() < until_ns:
            await asyncio.sleep(0.005)
        return not self._alive
