"""Journeys given as steps: each is recorded under its own name, and feeds what it extracts to the later ones."""

import asyncio
import re
from functools import partial
from typing import TYPE_CHECKING

import orjson

from loadtests.clock import Clock
from loadtests.drive.drivers.failure import Failure
from loadtests.drive.drivers.http.account import Account
from loadtests.drive.drivers.http.answer import BODY_CAP, Undecodable, decoded
from loadtests.drive.drivers.http.call import Reply, Terms
from loadtests.drive.drivers.http.check import Judge, PathMissing, at_path
from loadtests.drive.drivers.http.execution import Execution, TaskOperation, prepared
from loadtests.drive.drivers.http.requests import CompiledRequest
from loadtests.drive.drivers.http.session import Asked, judged
from loadtests.plan.chance import derive_seed, uniform
from loadtests.plan.data import row
from loadtests.plan.protocol.http import Extract, HttpOperation, Step

if TYPE_CHECKING:
    from loadtests.drive.drivers.http.driver import HttpDriver

__all__ = ["StepsJourney", "pause_until"]


class _CompiledStep:
    """A step: its request, what is expected and extracted, and how long its user thinks before it."""

    def __init__(self, driver: "HttpDriver", operation: HttpOperation, step: Step) -> None:
        name = f"{operation.name}/{step.name}"
        scenario = driver.scenario
        self.account = Account(driver.surroundings, name)
        self.compiled = driver.compiled(step.request)
        self.judge = Judge(step.request.check)
        timeout_ns = scenario.timeout_of(operation) if step.timeout_ns is None else step.timeout_ns
        self.terms = Terms(timeout_ns, step.request.redirects, self.judge.limit or BODY_CAP)
        self._extract = step.extract
        self._think, self._seed = step.think_ns, derive_seed(scenario.seed, f"think {name}")

    def thought_ns(self, index: int) -> int:
        """How long the user of execution `index` thinks before this step: uniform, and the same in every run."""
        if self._think is None:
            return 0
        low, high = self._think
        return low + round(uniform(self._seed, index) * (high - low))

    def verdict(self, values: dict[str, str], reply: Reply) -> Failure | None:
        """What is wrong with the step's answer; what it gives to later steps goes into `values`."""
        failure = judged(self.judge, values, reply)
        if failure is not None:
            return failure
        for name, extract in self._extract.items():
            try:
                found = _found(extract, reply)
            except Undecodable as error:
                return Failure("check", str(error))
            if found is None:
                return Failure("check", f"no {name} in the answer: {extract.source} {extract.expression} finds nothing")
            values[name] = found
        return None


class StepsJourney(TaskOperation):
    """The journey is good if every step is; it ends at the first that is not, with that step's failure kind.

    A step is due when the previous one has ended and its thinking time is over; the first when the journey is. Each
    step has the operation's timeout to itself, unless it has its own.
    """

    def __init__(self, driver: "HttpDriver", operation: HttpOperation) -> None:
        super().__init__(driver, operation, cookies=True)
        self._steps = [_CompiledStep(driver, operation, step) for step in operation.steps]
        self._names = sorted(frozenset().union(*(step.compiled.names | step.judge.names for step in self._steps)))

    @property
    def requests(self) -> list[CompiledRequest]:
        """The requests of all steps."""
        return [step.compiled for step in self._steps]

    async def _perform(self, execution: Execution) -> None:
        session, clock = execution.session, self._driver.clock
        values = row(self._driver.scenario.data, self._names, execution.index)
        due_ns = execution.intended_ns
        for step in self._steps:
            thought_ns = step.thought_ns(execution.index)
            if thought_ns:
                due_ns += thought_ns
                await pause_until(clock, due_ns)
            asked = Asked(prepared(step.compiled, values), step.terms, partial(step.verdict, values))
            await session.step(asked, step.account, intended_ns=due_ns)
            due_ns = session.ended_ns


async def pause_until(clock: Clock, due_ns: int) -> None:
    """Wait until the clock shows `due_ns`."""
    passed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    clock.at(due_ns, partial(_wake, passed))
    await passed


def _wake(passed: "asyncio.Future[None]", _argument: object) -> None:
    if not passed.done():
        passed.set_result(None)


def _found(extract: Extract, reply: Reply) -> str | None:
    """The text that an answer holds at the place to extract from, `None` when there is none."""
    if extract.source == "header":
        return reply.head.get(extract.expression)
    body = decoded(reply.body, reply.head.get("content-encoding"))
    if extract.source == "regex":
        match = re.search(extract.expression, body.decode("utf-8", "replace"))
        return None if match is None else match[1 if match.re.groups else 0]
    try:
        value = at_path(orjson.loads(body), extract.expression)
    except (ValueError, PathMissing):
        return None
    if value is None or isinstance(value, str):
        return value
    return orjson.dumps(value).decode()
