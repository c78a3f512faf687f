"""The sessions that all operations share: who is idle, who waits for one, what is lost and made anew.

Making and losing sessions is recorded on the tape CONNECTIONS; how much of the pool is in use, on the generator's.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import asyncpg

from loadtests.drive.drivers.base import Surroundings
from loadtests.drive.drivers.database.address import Dialler, Session
from loadtests.drive.drivers.database.conditions import refusal
from loadtests.drive.drivers.database.connection import NOBODY, Connection
from loadtests.drive.drivers.database.messages import cancel_request, query
from loadtests.drive.drivers.database.preparing import prepare
from loadtests.drive.drivers.database.recovery import Recovery, unresponsive
from loadtests.drive.drivers.database.statements import Statements
from loadtests.drive.drivers.deadlines import Deadlines
from loadtests.drive.drivers.failure import Failure, connect_failure, generator_fault
from loadtests.errors import UsageError
from loadtests.plan.secrets import mask
from loadtests.result.window import (
    CONNECTIONS,
    DROPPED_AT,
    LOST_CONNECTION,
    POOL_BUSY,
    POOL_OPEN,
    RECONNECTED,
)

if TYPE_CHECKING:
    from loadtests.drive.drivers.database.flow import Flow

__all__ = ["CONNECT_WITHIN_S", "Pool", "Queued"]

CONNECT_WITHIN_S = 10.0
_TICK_NS = 250_000_000
_RECOVERING_NS = 2_000_000_000
_CANCELLED_WITHIN_S = 1.0
_CLOSING_NS = 1_000_000_000
_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class Queued:
    """An execution that waits for a free session since `asked_ns`."""

    flow: "Flow"
    index: int
    intended_ns: int
    user: int
    asked_ns: int


class Pool:
    """This shard's sessions."""

    def __init__(self, surroundings: Surroundings, dialler: Dialler, statements: Statements) -> None:
        self.idle: dict[Connection, None] = {}
        self.queue: deque[Queued] = deque()
        self.received_bytes = 0
        self._dialler, self._statements = dialler, statements
        self._reconnect_ns = surroundings.scenario.database.reconnect_ns
        self._recorder, self._clock, self._now = surroundings.recorder, surroundings.clock, surroundings.clock.now
        self._secrets = surroundings.secrets
        self._tape = surroundings.recorder.tape(CONNECTIONS)
        self._connect = self._tape.measure("connect")
        self._connected_ns: list[int] = []
        self._all: set[Connection] = set()
        self._new: set[Connection] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._recovery = Recovery(self)
        self._recovering = Deadlines[Connection](self._clock, _RECOVERING_NS, unresponsive)
        self._busy_ns = self._counted_bytes = self._ticked_ns = 0
        self._over = False

    async def fill(self, first: Connection, count: int) -> None:
        """Have `count` sessions, of which `first` is one; raises what `Dialler.dial` and `prepare` do."""
        self._add(first)
        gate = asyncio.Semaphore(_AT_ONCE)

        async def further() -> None:
            async with gate:
                self._add(await self.session())

        async with asyncio.TaskGroup() as group:
            for _ in range(count - 1):
                group.create_task(further())

    async def session(self, look: Callable[[Session], Awaitable[None]] | None = None) -> Connection:
        """A new session with every statement prepared, not in the pool yet; `look` may use it before that."""
        began = self._now()
        connection = Connection(self)
        made = await self._dialler.dial(CONNECT_WITHIN_S)
        try:
            if look is not None:
                await look(made)
        except BaseException:
            made.terminate()
            raise
        self._new.add(connection)
        connection.made(*made.hand_over(connection))
        await prepare(connection, self._statements)
        self._connected_ns.append(self._now() - began)
        return connection

    def begin(self, start_ns: int) -> None:
        """The load starts: the sessions that were made for it are its first."""
        self._ticked_ns = start_ns
        self._recovering.begin()
        for took_ns in self._connected_ns:
            self._made(start_ns, start_ns, start_ns + took_ns)
        self._clock.at(start_ns + _TICK_NS, self._tick)

    def release(self, connection: Connection, now: int) -> None:
        """A session is free: it goes to whoever waits longest."""
        self._busy_ns += now - connection.taken_ns
        queue = self.queue
        while queue:
            first = queue.popleft()
            if first.index in first.flow.pending:
                first.flow.assign(connection, first, now)
                return
        connection.waiting = NOBODY
        self.idle[connection] = None

    def recover(self, connection: Connection, *, cancel: bool) -> None:
        """Bring a session back to idle before it is used again: end its transaction, and what it does, if it must."""
        connection.waiting = self._recovery
        self._recovering.pending[connection] = self._now()
        connection.kept = cancel
        if cancel:
            self._spawn(self._cancel(connection))
        else:
            connection.write(query("ROLLBACK"))

    def recovered(self, connection: Connection) -> None:
        """The session is idle again."""
        self._recovering.pending.pop(connection, None)
        self.release(connection, self._now())

    def queued(self, index: int) -> Queued | None:
        """The execution of that index, if it waits for a session; it waits no more."""
        for entry in self.queue:
            if entry.index == index:
                self.queue.remove(entry)
                return entry
        return None

    def carrier(self, index: int) -> Connection | None:
        """The session that carries the execution of that index."""
        return next((one for one in self._all if one.index == index and one not in self.idle), None)

    def gone(self, connection: Connection, failure: Failure) -> bool:
        """A session has ended; whether it was one of the pool until now."""
        self._new.discard(connection)
        if connection not in self._all:
            return not self._over
        now = self._now()
        self._all.discard(connection)
        self._recovering.pending.pop(connection, None)
        if connection in self.idle:
            del self.idle[connection]
        else:
            self._busy_ns += now - connection.taken_ns
        if not self._over:
            self._tape.counter(LOST_CONNECTION + failure.kind)(now)
            self._tape.counter(DROPPED_AT)(now)
            self._sample(f"drop {failure.kind}", now, failure.reason)
            self._again(now)
        return True

    def ended(self) -> None:
        """No execution will be started any more: what is lost from now on stays lost."""
        self._over = True

    def cut_off(self) -> None:
        """End every execution that waits or runs, and what is being made."""
        self._over = True
        while self.queue:
            entry = self.queue.popleft()
            if entry.index in entry.flow.pending:
                entry.flow.tape.cut_off(entry.intended_ns)
        for connection in self._all:
            waiting, connection.waiting = connection.waiting, NOBODY
            waiting.cut_off(connection)
        for task in self._tasks:
            task.cancel()
        self._recovering.stop()

    async def close(self) -> None:
        """End all sessions as the protocol asks, for a second at most; what is still at work is cancelled first."""
        self._over = True
        if self._ticked_ns:
            self._tick(None)
        busy = (one for one in self._all if one not in self.idle)
        await asyncio.gather(*map(self._ask_to_cancel, busy), return_exceptions=True)
        for connection in self._all | self._new:
            if connection in self.idle:
                connection.transport.write(b"X\x00\x00\x00\x04")
                connection.transport.close()
            else:
                connection.transport.abort()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        until_ns = self._now() + _CLOSING_NS
        while (self._all or self._new) and self._now() < until_ns:
            await asyncio.sleep(0.002)

    def _add(self, connection: Connection) -> None:
        if connection.transport.is_closing():
            raise ConnectionResetError("the server closed a connection just after it was made")
        self._new.discard(connection)
        self._all.add(connection)
        connection.taken_ns = self._now()
        self.release(connection, connection.taken_ns)

    def _made(self, due_ns: int, began_ns: int, made_ns: int) -> None:
        self._tape.started(due_ns)
        self._tape.fired(began_ns)
        self._tape.ok(due_ns, began_ns, made_ns)
        self._connect(due_ns, made_ns - began_ns)

    def _again(self, now: int) -> None:
        """Make a session in the place of a lost one, after the plan's wait."""
        if self._reconnect_ns is not None and not self._over:
            self._clock.at(now + self._reconnect_ns, lambda _: None if self._over else self._spawn(self._remake()))

    async def _remake(self) -> None:
        began = self._now()
        try:
            connection = await self.session()
            self._add(connection)
        except asyncpg.PostgresError as error:
            self._refused(began, refusal(error))
        except OSError as error:
            fault = generator_fault(error)
            if fault is not None:
                self._recorder.fault(fault)
            late = isinstance(error, TimeoutError)
            reason = f"no session within {CONNECT_WITHIN_S:g} s"
            self._refused(began, Failure("timeout", reason) if late else connect_failure(error))
        except (asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
            self._refused(began, Failure("protocol", str(error)))
        except UsageError as error:  # what was sound when the run began is so no more
            self._refused(began, Failure("prepare", str(error)))
        else:
            self._made(began, began, self._now())
            self._tape.counter(RECONNECTED)(began)

    def _refused(self, began: int, failure: Failure) -> None:
        now = self._now()
        self._tape.started(began)
        self._tape.fired(began)
        self._tape.failed(failure.kind, began, began, now)
        self._sample(failure.kind, now, failure.reason)
        self._again(now)

    async def _cancel(self, connection: Connection) -> None:
        try:
            await self._ask_to_cancel(connection)
        except OSError:  # then the deadline of the recovery decides
            return
        self._recovery.cancelled(connection)

    async def _ask_to_cancel(self, connection: Connection) -> None:
        await self._dialler.send(cancel_request(connection.process, connection.secret), _CANCELLED_WITHIN_S)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _tick(self, _argument: object) -> None:
        """Count what was in use since the last tick, in the second in which it was."""
        now, since = self._now(), self._ticked_ns
        for connection in self._all:
            if connection not in self.idle:
                self._busy_ns += now - connection.taken_ns
                connection.taken_ns = now
        self._recorder.generator(POOL_BUSY, since, self._busy_ns)
        self._recorder.generator(POOL_OPEN, since, len(self._all) * (now - since))
        self._recorder.generator("bytes_received", since, self.received_bytes - self._counted_bytes)
        self._busy_ns, self._counted_bytes, self._ticked_ns = 0, self.received_bytes, now
        if not self._over:
            self._clock.at(now + _TICK_NS, self._tick)

    def _sample(self, kind: str, at_ns: int, message: str) -> None:
        if self._recorder.wants_sample(CONNECTIONS, kind):
            self._recorder.sample(CONNECTIONS, kind, at_ns, mask(message, self._secrets))
