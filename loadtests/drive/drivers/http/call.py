"""A request that is awaited: with redirects, cookies, and everything in it that needs more than the hot path has.

A call is one request of one user, redirects included: one time limit, one start, one end.
"""

import asyncio
from dataclasses import dataclass

from loadtests.clock import Clock
from loadtests.drive.drivers.failure import Failure, RequestFailed
from loadtests.drive.drivers.http.account import Account
from loadtests.drive.drivers.http.answer import BODY_CAP, Head
from loadtests.drive.drivers.http.connection import Connection, Waiting
from loadtests.drive.drivers.http.cookies import Jar
from loadtests.drive.drivers.http.network import Network
from loadtests.drive.drivers.http.pool import Pool
from loadtests.drive.drivers.http.requests import Prepared
from loadtests.errors import HostNotAllowed, TargetUnreachable
from loadtests.units import format_duration

__all__ = ["Call", "Reply", "Terms"]

_REDIRECTS = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True)
class Reply:
    """The last answer of a call: `body` as it came on the wire."""

    head: Head
    body: bytes
    url: str


@dataclass(frozen=True, slots=True)
class Terms:
    """What a call may do: how long, how many redirects, how much body (on the wire) before it is given up."""

    timeout_ns: int
    redirects: int = 0
    limit: int | None = BODY_CAP


_Outcome = Failure | tuple[Head, bytes]


class _Exchange(Waiting):
    """Waits for one answer and gives it to a future. See `Waiting` for its methods."""

    keep = BODY_CAP

    def __init__(self, call: "Call", *, head_only: bool, limit: int | None) -> None:
        self._call = call
        self.head_only, self.limit = head_only, limit
        self.answer: asyncio.Future[_Outcome] = asyncio.get_running_loop().create_future()

    def connected(self, connection: Connection) -> None:
        self._call.connected(connection)
        self._call.sending()
        connection.write(connection.payload)
        connection.payload = b""

    def began(self, _connection: Connection) -> None:
        self._call.began()

    def answered(self, connection: Connection, _piece: bytes) -> None:
        if not self.answer.done():
            self._call.ended()
            reader = connection.reader
            self.answer.set_result((reader.head(), reader.body()))

    def failed(self, _connection: Connection, failure: Failure) -> None:
        if not self.answer.done():
            self._call.ended()
            self.answer.set_result(failure)

    def cut_off(self, _connection: Connection) -> None:
        self.answer.cancel()


class Call:
    """One call. `sent_ns` is when its first request was written, `ended_ns` when its last answer (or failure) came."""

    def __init__(
        self, network: Network, clock: Clock, account: Account, *, terms: Terms, jar: Jar | None, intended_ns: int
    ) -> None:
        self._network, self._clock, self._account = network, clock, account
        self._terms, self._jar = terms, jar
        self._intended_ns = intended_ns
        self._sent = self._began = False
        self.sent_ns = self.ended_ns = clock.now()

    async def run(self, request: Prepared) -> Reply:
        """The last answer of the chain of redirects; raises `RequestFailed`."""
        try:
            async with asyncio.timeout(self._terms.timeout_ns / 1e9):
                return await self._follow(request)
        except TimeoutError:
            self.ended()
            waited = format_duration(self._terms.timeout_ns)
            raise RequestFailed(Failure("timeout", f"no answer within {waited}")) from None

    def connected(self, connection: Connection) -> None:
        """A connection was opened for this call."""
        self._account.connect(self._intended_ns, self._clock.now() - connection.started_ns)

    def sending(self) -> None:
        """A request is about to be written."""
        if not self._sent:
            self._sent, self.sent_ns = True, self._clock.now()

    def began(self) -> None:
        """The first bytes of an answer came; the first answer of a chain counts."""
        if self._account.first_byte is not None and not self._began:
            self._began = True
            self._account.first_byte(self._intended_ns, self._clock.now() - self._intended_ns)

    def ended(self) -> None:
        """An answer or a failure is there."""
        self.ended_ns = self._clock.now()

    async def _follow(self, request: Prepared) -> Reply:
        left = self._terms.redirects
        while True:
            reply = await self._exchange(request)
            location = reply.head.get("location")
            if not self._terms.redirects or reply.head.status not in _REDIRECTS or location is None:
                return reply
            if not left:
                raise RequestFailed(Failure("redirect", f"more than {self._terms.redirects} redirects"))
            left -= 1
            request = await self._next(request, reply.head.status, location)

    async def _next(self, request: Prepared, status: int, location: str) -> Prepared:
        """The request that a redirect asks for; nothing is sent to a host that is not allowed."""
        try:
            following = request.redirected(status, location)
            await self._network.pool(following.origin)
        except ValueError:
            raise RequestFailed(Failure("redirect", f"redirected to {location}, which is no URL")) from None
        except (HostNotAllowed, TargetUnreachable) as error:
            raise RequestFailed(Failure("redirect", f"redirected to {location}: {error}")) from None
        return following

    async def _exchange(self, request: Prepared) -> Reply:
        pool = await self._pool(request)
        payload = request.to_bytes(self._cookies(request))
        exchange = _Exchange(self, head_only=request.method == "HEAD", limit=self._terms.limit)
        connection = pool.take()
        if connection is None:
            connection = pool.open(exchange, payload, started_ns=self._clock.now())
        else:
            self.sending()
            connection.waiting, connection.sent_ns = exchange, self._clock.now()
            connection.write(payload)
        try:
            outcome = await exchange.answer
        finally:
            if connection.waiting is exchange:  # given up: timed out or cut off
                connection.discard()
        if isinstance(outcome, Failure):
            raise RequestFailed(outcome)
        head, body = outcome
        if self._jar is not None:
            self._jar.keep(head.all("set-cookie"), request.origin, request.target, self._clock.now())
        return Reply(head, body, request.url)

    async def _pool(self, request: Prepared) -> Pool:
        try:
            return await self._network.pool(request.origin)
        except (HostNotAllowed, TargetUnreachable) as error:
            self.ended()
            raise RequestFailed(Failure("connect", str(error))) from None

    def _cookies(self, request: Prepared) -> str | None:
        if self._jar is None:
            return None
        return self._jar.header(request.origin, request.target, self._clock.now())
