"""GET /ws: the room of all sockets, where upgrades are answered and what is dialled for sockets is done.

    /ws?mode=echo               text and binary messages come back as they were (the default)
    /ws?mode=events             {"type": "execute", "id", "query", "user_id"} is told by a series of agent events
    /ws?mode=broadcast          each JSON message goes to every connection in this mode, the sender among them
    /ws?mode=push&every=100ms   {"type": "push", "seq": 0.., "sent": Unix seconds} comes unasked

`modes` and `events` have the details. The HTTP server hands the transport over once it has read the
upgrade; from there on `websockets`' protocol without I/O reads it; an idle connection keeps no task, queue or timer.
The subprotocol `netra.v1` is taken when offered, permessage-deflate when asked for; messages may have 1 MB.
"""

import asyncio
import contextlib
import time
from collections.abc import Sequence
from functools import cached_property, partial
from urllib.parse import parse_qs

from starlette.responses import Response

from loadtests.clock import LoopClock
from loadtests.target.backend import Backend
from loadtests.target.call import Call, Refused
from loadtests.target.logs import Category
from loadtests.target.metrics import SOCKET_FAULTS
from loadtests.target.sockets.connection import NO_MODE, Answer, Connection, Mode
from loadtests.target.sockets.dial import Treatment
from loadtests.target.sockets.events import Events
from loadtests.target.sockets.faults import Drop
from loadtests.target.sockets.modes import Broadcast, Echo, Push
from loadtests.target.sockets.upgrade import Accepted, Refusal, Upgrade
from loadtests.target.transports import peer_has_left
from loadtests.units import parse_duration_ns

__all__ = ["PATH", "Sockets", "expect_upgrade"]

PATH = "/ws"
_SHORTEST_NS, _LONGEST_NS = 1_000_000, 3_600 * 10**9
_SWEEP_S = 1.0
_STOP_WITHIN_S = 0.9
_ABNORMAL = 1006
_AGREED = (1000, 1001, 1005)


async def expect_upgrade(_backend: Backend, _call: Call) -> Response:
    """GET /ws without an upgrade: 426."""
    raise Refused(426, "expected a WebSocket upgrade")


class Sockets:
    """All sockets of one target."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._dial = backend.dial.sockets
        self._open: set[Connection] = set()
        self._stopping: asyncio.Event | None = None
        self._shared: dict[str, Mode] = {"echo": Echo(), "events": Events(backend), "broadcast": Broadcast()}
        self._silent: set[Connection] = set()
        self._sweep: asyncio.TimerHandle | None = None
        self.received = backend.metrics.messages_in.inc
        self.sent = backend.metrics.messages_out.inc
        self.reorders = self._dial.reorders

    def upgrade(
        self, transport: asyncio.Transport, target: bytes, headers: Sequence[tuple[bytes, bytes]]
    ) -> Connection | None:
        """Answer the upgrade to `target` (path and query); None when it was refused and the transport closes."""
        started = time.perf_counter()
        asked = Upgrade(target, headers)
        mode, outcome = self._outcome(asked)
        connection, status = None, 101
        if isinstance(outcome, Accepted):
            transport.write(outcome.head)
            connection = Connection(self, mode, outcome.wire, transport, traceparent=asked.traceparent)
        else:
            status = outcome.status
            transport.write(outcome.answer)
            transport.close()
        self._backend.metrics.request("GET", PATH, status, time.perf_counter() - started)
        return connection

    def opened(self, connection: Connection) -> None:
        """The connection has its transport; what is dialled for it and its mode begin."""
        self._open.add(connection)
        metrics, wire = self._backend.metrics, connection.wire
        metrics.sockets.inc()
        metrics.sockets_open.inc()
        about: dict[str, object] = {"subprotocol": wire.subprotocol, "compressed": bool(wire.extensions)}
        self._tell(connection, "socket connected", (Category.SYSTEM, "INFO"), about)
        faults, end = self._dial.faults, self._dial.end()
        if end is not None:
            connection.end_after(end.after_ns / 1e9, partial(self._end, connection, end, faults))
        connection.mode.opened(connection)

    def closed(self, connection: Connection, *, error: Exception | None) -> None:
        """The transport of a connection is gone."""
        self._open.discard(connection)
        if self._stopping is not None and not self._open:
            self._stopping.set()
        self._silent.discard(connection)
        self._backend.metrics.sockets_open.dec()
        said = connection.wire.close_rcvd or connection.wire.close_sent
        code = _ABNORMAL if said is None else int(said.code)
        fine = code in _AGREED or connection.cause in ("fault dial", "server stops")
        about = {"code": code, "cause": connection.cause, "error": None if error is None else str(error)}
        kind = (Category.SYSTEM, "INFO") if fine else (Category.ERROR, "WARNING")
        self._tell(connection, "socket disconnected", kind, about)

    def silenced(self, connection: Connection) -> None:
        """Nobody reads it, so nobody would see its client leave: look once a second."""
        self._silent.add(connection)
        if self._sweep is None:
            self._sweep = asyncio.get_running_loop().call_later(_SWEEP_S, self._sweep_silent)

    def fault(self, name: str) -> None:
        """Count a fault that came about."""
        self._dial.counted[name] += 1
        self._backend.metrics.fault(SOCKET_FAULTS[name])

    def treat(self, connection: Connection, answer: Answer) -> bool:
        """Do with an answer what is dialled; False when nothing is."""
        if self._dial.faults is None:
            return False
        decided = self._dial.decide()
        if decided.treatment is Treatment.LOSE:
            self.fault("lost")
        elif decided.wait_ns:
            self.fault("delayed")
            connection.wait(answer)
            self._clock.at(self._clock.now() + decided.wait_ns, _due, (connection, answer, decided.treatment))
        else:
            connection.treated(answer, decided.treatment)
        return True

    async def stop(self) -> None:
        """Close all with 1001, refuse new ones, and return when all have gone, or after a moment."""
        self._stopping = asyncio.Event()
        for connection in list(self._open):
            connection.shutdown()
        if self._open:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), _STOP_WITHIN_S)
        if self._sweep is not None:
            self._sweep.cancel()
        if "_clock" in self.__dict__:
            self._clock.close()

    @cached_property
    def _clock(self) -> LoopClock:
        return LoopClock(asyncio.get_running_loop())

    def _outcome(self, asked: Upgrade) -> tuple[Mode, Accepted | Refusal]:
        try:
            mode = self._mode(asked.query)
        except ValueError as mistake:
            return NO_MODE, asked.reject(400, str(mistake))
        if self._stopping is not None:
            return NO_MODE, asked.reject(503, "the server stops")
        if self._dial.refuses():
            self.fault("refused")
            return NO_MODE, asked.reject(503, "the fault dial refused this upgrade")
        return mode, asked.accept()

    def _mode(self, query: str) -> Mode:
        asked = {name: values[-1] for name, values in parse_qs(query).items()} if query else {}
        name = asked.get("mode", "echo")
        if name == "push":
            return Push(_every_ns(asked.get("every", "1s")))
        if name not in self._shared:
            raise ValueError(f"mode: expected one of {', '.join(self._shared)}, push (got {name!r:.80})")
        return self._shared[name]

    def _end(self, connection: Connection, end: object, faults: object) -> None:
        """The dialled end has come, unless the dial was turned meanwhile."""
        if faults is not self._dial.faults:
            return
        if isinstance(end, Drop):
            connection.drop(end)
        else:
            connection.silence()

    def _sweep_silent(self) -> None:
        self._sweep = None
        for connection in list(self._silent):
            if peer_has_left(connection.transport):
                connection.transport.abort()
        if self._silent:
            self._sweep = asyncio.get_running_loop().call_later(_SWEEP_S, self._sweep_silent)

    def _tell(self, connection: Connection, message: str, kind: tuple[Category, str], about: dict[str, object]) -> None:
        if self._backend.log.on:
            category, level = kind
            self._backend.log.event(
                category,
                message,
                component="sockets",
                level=level,
                trace_id=connection.trace_id,
                user_id=connection.user_id,
                metadata={"mode": connection.name, **about},
            )


def _due(waited: tuple[Connection, Answer, Treatment]) -> None:
    connection, answer, treatment = waited
    connection.due(answer)
    connection.treated(answer, treatment)


def _every_ns(text: str) -> int:
    try:
        every_ns = parse_duration_ns(text)
    except ValueError as mistake:
        raise ValueError(f"every: {mistake} (got {text!r:.80})") from mistake
    if not _SHORTEST_NS <= every_ns <= _LONGEST_NS:
        raise ValueError(f"every: expected a time from 1ms to 1h (got {text!r:.80})")
    return every_ns
