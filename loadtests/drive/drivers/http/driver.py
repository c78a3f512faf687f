"""The HTTP driver: which of the plan's operations runs how, and the connections, timeouts and users they share."""

import asyncio
from collections.abc import Callable, Mapping

from loadtests.drive.drivers.base import Driver, Start, Surroundings
from loadtests.drive.drivers.deadlines import Deadlines
from loadtests.drive.drivers.failure import Failure, RequestFailed
from loadtests.drive.drivers.http.connection import Connection
from loadtests.drive.drivers.http.cookies import Jar
from loadtests.drive.drivers.http.execution import AwaitedRequest, Execution
from loadtests.drive.drivers.http.journey import FunctionJourney
from loadtests.drive.drivers.http.network import Network
from loadtests.drive.drivers.http.origin import Origin
from loadtests.drive.drivers.http.requests import CompiledRequest, Prepared, literal
from loadtests.drive.drivers.http.single import SingleRequest
from loadtests.drive.drivers.http.steps import StepsJourney
from loadtests.plan.protocol.http import HttpOperation, Request
from loadtests.units import format_duration

__all__ = ["HttpDriver"]

_CLOSING_S = 2.0
_REMEMBERED_BYTES_AT_MOST = 8 * 1024 * 1024
"""Of rendered requests, all operations together."""


class HttpDriver(Driver):
    """HTTP/1.1. Plain requests run on callbacks alone; journeys, redirects and cookies take a task per execution.

    A timeout counts from the actual start of a request, connecting included. Connections are shared by all users.
    """

    def __init__(self, surroundings: Surroundings) -> None:
        super().__init__(surroundings)
        self.surroundings = surroundings
        self.network = Network(surroundings)
        self.running: set[Execution] = set()
        self._deadlines: dict[int, Deadlines[Connection]] = {}
        self._jars: dict[int, Jar] = {}
        self._starts: list[Start] = []
        self._room_bytes = _REMEMBERED_BYTES_AT_MOST

    async def open(self) -> None:
        """Resolve, permit and connect once to every origin of the plan, before any load.

        Raises `HostNotAllowed`, `TargetUnreachable`, and `UsageError` for journeys and TLS files that cannot be used.
        """
        for operation in self.scenario.operations:
            assert isinstance(operation, HttpOperation)
            self._starts.append(await self._prepare(operation))
        for deadlines in self._deadlines.values():
            deadlines.begin()
        self.network.begin()

    def fire(self, operation: int, index: int, intended_ns: int, user: int) -> None:
        """See `Driver.fire`."""
        self._starts[operation](index, intended_ns, user)

    def starter(self, operation: int) -> Start:
        """See `Driver.starter`."""
        return self._starts[operation]

    def cut_off(self) -> None:
        """See `Driver.cut_off`."""
        for execution in tuple(self.running):
            execution.cut_off()
        self.network.cut_off()

    async def close(self) -> None:
        """See `Driver.close`; journeys that will not end are left behind after two seconds."""
        for deadlines in self._deadlines.values():
            deadlines.stop()
        if self.running:
            await asyncio.wait([execution.task for execution in self.running], timeout=_CLOSING_S)
        await self.network.close()

    def deadlines(self, timeout_ns: int) -> Deadlines[Connection]:
        """The requests that share that timeout."""
        found = self._deadlines.get(timeout_ns)
        if found is None:
            found = self._deadlines[timeout_ns] = Deadlines(self.clock, timeout_ns, _expiry(timeout_ns))
        return found

    def takes(self, size: int) -> bool:
        """Whether so many bytes more may be remembered; they are, then."""
        fits = size <= self._room_bytes
        self._room_bytes -= size if fits else 0
        return fits

    def jar(self, user: int) -> Jar:
        """The cookies of that user; in the open model (-1) every execution is a new one."""
        return Jar() if user < 0 else self._jars.setdefault(user, Jar())

    def compiled(self, request: Request) -> CompiledRequest:
        """The plan's request, compiled for this target."""
        return CompiledRequest(request, self.target.http, keep_alive=self.scenario.http.keep_alive)

    def literal(
        self, method: str, path: str, *, headers: Mapping[str, str], content: tuple[str, bytes] | None
    ) -> Prepared:
        """A request of a journey's own making; raises `RequestFailed` when it goes nowhere."""
        keep_alive = self.scenario.http.keep_alive
        try:
            return literal(method, path, base=self.target.http, headers=headers, content=content, keep_alive=keep_alive)
        except ValueError as error:
            raise RequestFailed(Failure("connect", f"the request goes nowhere: {error}")) from None

    async def _prepare(self, operation: HttpOperation) -> Start:
        """How that operation starts an execution; its origins are reached once."""
        if operation.journey is not None:
            if self.target.http is not None:
                await self._reach(Origin.of(self.target.http))
            return FunctionJourney(self, operation).start
        if operation.request is None:
            journey = StepsJourney(self, operation)
            for compiled in journey.requests:
                await self._reach(compiled.origin)
            return journey.start
        compiled = self.compiled(operation.request)
        await self._reach(compiled.origin)
        if compiled.origin is None or operation.request.redirects or self.scenario.http.cookies:
            return AwaitedRequest(self, operation, compiled).start
        return SingleRequest(self, operation, compiled, await self.network.pool(compiled.origin)).start

    async def _reach(self, origin: Origin | None) -> None:
        if origin is not None:
            await self.network.reach(origin)


def _expiry(timeout_ns: int) -> Callable[[Connection], None]:
    """What happens to a connection whose exchange has taken too long: it ends, and is not used again."""
    within = format_duration(timeout_ns)
    silent, unconnected = (
        Failure("timeout", f"no answer within {within}"),
        Failure("timeout", f"no connection within {within}"),
    )

    def expire(connection: Connection) -> None:
        connection.fail(unconnected if connection.transport is None else silent)

    return expire
