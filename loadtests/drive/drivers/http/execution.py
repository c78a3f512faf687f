"""Operations that run as a task: journeys, and requests that need redirects, cookies or a host from a variable."""

import asyncio
import traceback
from abc import ABC, abstractmethod
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from loadtests.drive.drivers.failure import Failure, RequestFailed
from loadtests.drive.drivers.http.account import Account
from loadtests.drive.drivers.http.answer import BODY_CAP
from loadtests.drive.drivers.http.call import Terms
from loadtests.drive.drivers.http.check import Judge
from loadtests.drive.drivers.http.requests import CompiledRequest, Prepared
from loadtests.drive.drivers.http.session import Asked, Session, Values, judged
from loadtests.plan.data import row
from loadtests.plan.protocol.http import HttpOperation

if TYPE_CHECKING:
    from loadtests.drive.drivers.http.driver import HttpDriver

__all__ = ["AwaitedRequest", "Execution", "TaskOperation", "prepared"]


class Execution:
    """One execution under way. `recorded` once its session answers for its end, `over` when the run cut it off."""

    __slots__ = ("account", "index", "intended_ns", "over", "recorded", "session", "started_ns", "task", "user")

    task: "asyncio.Task[None]"

    def __init__(self, account: Account, session: Session, *, index: int, intended_ns: int, user: int) -> None:
        self.account, self.session = account, session
        self.index, self.intended_ns, self.user = index, intended_ns, user
        self.started_ns = session.ended_ns
        self.recorded = self.over = False

    def cut_off(self) -> None:
        """The run is over: record that, and end the task."""
        self.over = True
        self.session.cut_off()
        if not self.recorded:
            self.account.cut_off(self.intended_ns)
        self.task.cancel()


class TaskOperation(ABC):
    """An operation whose executions are tasks; a subclass says what one does."""

    def __init__(self, driver: "HttpDriver", operation: HttpOperation, *, cookies: bool) -> None:
        self._driver, self._operation = driver, operation
        self._account = Account(driver.surroundings, operation.name)
        setting = driver.scenario.http.cookies
        self._cookies = cookies if setting is None else setting
        self._timeout_ns = driver.scenario.timeout_of(operation)

    def start(self, index: int, intended_ns: int, user: int) -> None:
        """Begin one execution."""
        session = Session(self._driver, self._driver.jar(user) if self._cookies else None)
        execution = Execution(self._account, session, index=index, intended_ns=intended_ns, user=user)
        self._driver.running.add(execution)
        execution.task = asyncio.ensure_future(self._run(execution))

    @abstractmethod
    async def _perform(self, execution: Execution) -> None:
        """Do it; raises `RequestFailed` where it went wrong."""

    async def _run(self, execution: Execution) -> None:
        failure: Failure | None = None
        try:
            await self._perform(execution)
        except RequestFailed as error:
            failure = error.failure
        except asyncio.CancelledError:
            failure = Failure("journey", "cancelled from within")
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a journey's mistake is a result, not our end
            failure = Failure("journey", _complaint(error))
        self._driver.running.discard(execution)
        if execution.over:
            return
        if not execution.recorded:
            self._record(execution, failure)
        self._driver.finished(execution.user)

    def _record(self, execution: Execution, failure: Failure | None) -> None:
        times = execution.intended_ns, execution.started_ns, self._driver.clock.now()
        if failure is None:
            self._account.ok(*times)
        else:
            self._account.failed(failure, *times)


class AwaitedRequest(TaskOperation):
    """One request whose execution is more than one exchange with one known host."""

    def __init__(self, driver: "HttpDriver", operation: HttpOperation, compiled: CompiledRequest) -> None:
        super().__init__(driver, operation, cookies=False)
        assert operation.request is not None
        self._compiled, self._judge = compiled, Judge(operation.request.check)
        self._terms = Terms(self._timeout_ns, operation.request.redirects, self._judge.limit or BODY_CAP)
        self._names = sorted(compiled.names | self._judge.names)

    async def _perform(self, execution: Execution) -> None:
        values = row(self._driver.scenario.data, self._names, execution.index)
        asked = Asked(prepared(self._compiled, values), self._terms, partial(judged, self._judge, values))
        execution.recorded = True
        with suppress(RequestFailed):
            await execution.session.send(asked, self._account, intended_ns=execution.intended_ns)


def prepared(compiled: CompiledRequest, values: Values) -> Prepared:
    """The request of one execution; one that variables made impossible has failed."""
    try:
        return compiled.prepare(values)
    except ValueError as error:
        raise RequestFailed(Failure("connect", f"the request goes nowhere: {error}")) from None


def _complaint(error: BaseException) -> str:
    """What went wrong in a journey, and in which line of it."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" in {frames[-1].name}, line {frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}: {error}{where}"
