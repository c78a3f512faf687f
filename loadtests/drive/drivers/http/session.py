"""One user during one execution: every request is sent, judged, and recorded under its operation's name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from loadtests.drive.drivers.failure import Failure, RequestFailed
from loadtests.drive.drivers.http.account import Account, excerpt
from loadtests.drive.drivers.http.call import Call, Reply, Terms
from loadtests.drive.drivers.http.check import Judge
from loadtests.drive.drivers.http.cookies import Jar
from loadtests.drive.drivers.http.requests import Prepared

if TYPE_CHECKING:
    from loadtests.drive.drivers.http.driver import HttpDriver

__all__ = ["Asked", "Session", "Values", "judged"]

Values = Mapping[str, str]

_OVER = Failure("cut off", "the run is over")
_ABANDONED = Failure("journey", "the journey gave the request up")


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, what it may cost, and what is wrong with an answer to it (`None`: nothing)."""

    request: Prepared
    terms: Terms
    verdict: Callable[[Reply], Failure | None]


def judged(judge: Judge, values: Values, reply: Reply) -> Failure | None:
    """The verdict of a plan's check on a reply."""
    return judge.fault(reply.head.status, lambda: reply.head, lambda: reply.body, values)


class Session:
    """The requests of one execution, one after the other or at once. `ended_ns` is when the latest one ended."""

    def __init__(self, driver: "HttpDriver", jar: Jar | None) -> None:
        self._driver, self._jar = driver, jar
        self._now = driver.clock.now
        self._under_way: dict[Call, tuple[Account, int]] = {}
        self._over = False
        self.ended_ns = self._now()

    async def step(self, asked: Asked, account: Account, *, intended_ns: int) -> Reply:
        """A request that is an operation of its own; raises `RequestFailed`."""
        if self._over:
            raise RequestFailed(_OVER)
        account.tape.started(intended_ns)
        account.tape.fired(self._now())
        return await self.send(asked, account, intended_ns=intended_ns)

    async def send(self, asked: Asked, account: Account, *, intended_ns: int) -> Reply:
        """A request whose start is recorded already; its end is recorded here. Raises `RequestFailed`."""
        driver = self._driver
        call = Call(driver.network, driver.clock, account, terms=asked.terms, jar=self._jar, intended_ns=intended_ns)
        self._under_way[call] = (account, intended_ns)
        reply: Reply | None = None
        failure: Failure | None = _ABANDONED
        try:
            reply = await call.run(asked.request)
            failure = asked.verdict(reply)
        except RequestFailed as error:
            failure = error.failure
        finally:
            self._record(call, failure, reply)
        if failure is not None or reply is None:
            raise RequestFailed(failure or _ABANDONED)
        return reply

    def cut_off(self) -> None:
        """Record what is under way as cut off; nothing is sent or recorded after this."""
        self._over = True
        for account, intended_ns in self._under_way.values():
            account.cut_off(intended_ns)
        self._under_way.clear()

    def _record(self, call: Call, failure: Failure | None, reply: Reply | None) -> None:
        """One end per call; none when it was cut off meanwhile."""
        found = self._under_way.pop(call, None)
        if found is None:
            return
        account, intended_ns = found
        self.ended_ns = call.ended_ns
        if failure is None:
            account.ok(intended_ns, call.sent_ns, call.ended_ns)
        else:
            seen = None if reply is None else partial(excerpt, reply.head, reply.body)
            account.failed(failure, intended_ns, call.sent_ns, call.ended_ns, seen=seen)
