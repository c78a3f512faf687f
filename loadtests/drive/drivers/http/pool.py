"""The connections to one origin: idle ones are used again, the latest first; none idle, a new one is opened."""

import asyncio
import ssl
from collections.abc import Callable, Sequence
from functools import partial

from loadtests.clock import Clock
from loadtests.drive.drivers.deadlines import Deadlines
from loadtests.drive.drivers.failure import connect_failure, generator_fault
from loadtests.drive.drivers.http.connection import NOBODY, Connection, Waiting
from loadtests.drive.drivers.http.origin import Origin
from loadtests.errors import TargetUnreachable

__all__ = ["DOUBTFUL_NS", "Pool"]

_PROBE_S = 5.0
_LINGER_NS = 1_000_000_000
_CLOSING_NS = 2_000_000_000
DOUBTFUL_NS = 100_000_000
"""After this long without use a connection is looked at before it is written to."""


class Pool:
    """Connections to `origin` at its permitted addresses. One exchange at a time on each, never pipelined.

    `fault` is told of the generator's own shortages (file descriptors, ports); `connection` makes a new one.
    """

    def __init__(
        self,
        origin: Origin,
        addresses: Sequence[str],
        *,
        clock: Clock,
        tls: ssl.SSLContext | None,
        keep_alive: bool,
        fault: Callable[[str], None],
        connection: "Callable[[Pool], Connection]" = Connection,
    ) -> None:
        self.origin = origin
        self.idle: dict[Connection, None] = {}
        self.received_bytes = 0
        self._addresses = list(addresses)
        self._now = clock.now
        self._tls, self._keep_alive, self._fault = tls, keep_alive, fault
        self._connection = connection
        self._opening: dict[Connection, asyncio.Task[asyncio.Transport]] = {}
        self._open: set[Connection] = set()
        self._leaving = Deadlines[Connection](clock, _LINGER_NS, Connection.discard)
        self._leaving.begin()

    async def probe(self) -> None:
        """Connect once, TLS included; raises `TargetUnreachable` with a plain reason."""
        try:
            async with asyncio.timeout(_PROBE_S):
                transport = await self._dial(asyncio.Protocol)
        except TimeoutError:
            raise TargetUnreachable(str(self.origin), f"no connection within {_PROBE_S:g} s") from None
        except OSError as error:
            raise TargetUnreachable(str(self.origin), connect_failure(error).reason) from error
        transport.abort()

    def take(self) -> Connection | None:
        """The connection used last, if it is idle and still open."""
        now, idle = self._now(), self.idle
        while idle:
            connection = idle.popitem()[0]
            if now - connection.sent_ns < DOUBTFUL_NS or connection.alive():
                return connection
            connection.discard()
        return None

    def open(self, waiting: Waiting, payload: bytes, *, started_ns: int) -> Connection:
        """A new connection for an exchange; `waiting.connected` is called when it is there, `failed` when not."""
        connection = self._connection(self)
        connection.waiting, connection.payload = waiting, payload
        connection.started_ns = connection.sent_ns = started_ns
        task = asyncio.ensure_future(self._dial(lambda: connection))
        task.add_done_callback(partial(self._dialled, connection))
        self._opening[connection] = task
        return connection

    def opened(self, connection: Connection) -> None:
        """The connection is made."""
        self._opening.pop(connection, None)
        self._open.add(connection)

    def release(self, connection: Connection) -> None:
        """Take back a connection whose answer has been read.

        One that cannot be used again is left to the server to close, for a second, which spares this machine the
        port in TIME_WAIT; one with an unsent rest of a request or surplus bytes is closed at once.
        """
        reader, transport = connection.reader, connection.transport
        if reader.surplus or transport.get_write_buffer_size():
            connection.discard()
        elif reader.keep_alive and self._keep_alive:
            self.idle[connection] = None
        else:
            self._leaving.pending[connection] = self._now()

    def give_up(self, connection: Connection) -> None:
        """Stop opening a connection that is wanted no more."""
        task = self._opening.get(connection)
        if task is not None:
            task.cancel()

    def forget(self, connection: Connection) -> None:
        """The connection is closed."""
        self._open.discard(connection)
        self._leaving.pending.pop(connection, None)
        connection.reader.close()

    def cut_off(self) -> None:
        """End every exchange in flight."""
        for connection in [*self._opening, *self._open]:
            if connection.waiting is not NOBODY:
                connection.cut_off()

    async def close(self) -> None:
        """Close every connection and wait, two seconds at most, until the event loop has let go of them."""
        self._leaving.stop()
        give_up_ns = self._now() + _CLOSING_NS
        while (self._opening or self._open) and self._now() < give_up_ns:
            for connection in [*self._opening, *self._open]:
                connection.discard()
            await asyncio.sleep(0)

    def _dialled(self, connection: Connection, task: "asyncio.Task[asyncio.Transport]") -> None:
        """Dialling has ended: with a connection, with an error, or because it was given up."""
        self._opening.pop(connection, None)
        error = None if task.cancelled() else task.exception()
        if isinstance(error, Exception):
            fault = generator_fault(error)
            if fault is not None:
                self._fault(fault)
            connection.fail(connect_failure(error))
        if connection.transport is None:
            self.forget(connection)

    async def _dial(self, protocol: Callable[[], asyncio.BaseProtocol]) -> asyncio.Transport:
        """Connect to the first address that answers; it is tried first from then on."""
        loop = asyncio.get_running_loop()
        name = self.origin.host if self._tls is not None else None
        failure: OSError | None = None
        for address in tuple(self._addresses):
            try:
                transport, _ = await loop.create_connection(
                    protocol, address, self.origin.port, ssl=self._tls, server_hostname=name
                )
            except OSError as error:
                failure = failure or error
                continue
            if address != self._addresses[0]:
                self._addresses.remove(address)
                self._addresses.insert(0, address)
            return transport
        assert failure is not None
        raise failure
