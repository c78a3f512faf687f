"""Journeys written in Python: `journey: module:function` names an async function that is given a `User`.

    from loadtests.drive.drivers.http import User

    async def buy(user: User) -> None:
        home = await user.get("/", name="home")
        await user.think(1.5)
        answer = await user.post("/cart", name="add", json={"item": 7})
        if answer.json()["count"] != 1:
            user.fail("the cart does not hold the item")

Each request is recorded as the operation `<journey>/<name>`. The journey is good if the function returns; a request
that fails raises `StepFailed`, which ends the journey with that request's failure kind unless the function catches it.
Any other exception is a failure of kind `journey`.
"""

import importlib
import inspect
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn, TypedDict, Unpack
from urllib.parse import urlencode

import orjson

from loadtests.drive.drivers.failure import Failure, RequestFailed
from loadtests.drive.drivers.http.account import Account
from loadtests.drive.drivers.http.answer import BODY_CAP, Answer, Undecodable, decoded
from loadtests.drive.drivers.http.call import Reply, Terms
from loadtests.drive.drivers.http.check import ANY_ANSWER, Judge
from loadtests.drive.drivers.http.execution import Execution, TaskOperation
from loadtests.drive.drivers.http.session import Asked, judged
from loadtests.drive.drivers.http.steps import pause_until
from loadtests.errors import UsageError
from loadtests.plan.data import row
from loadtests.plan.protocol.http import Check, HttpOperation

if TYPE_CHECKING:
    from loadtests.drive.drivers.http.driver import HttpDriver

__all__ = ["FunctionJourney", "StepFailed", "User"]

_GOOD = Check()
_NAMES_AT_MOST = 200
"""Names beyond this many are recorded as `other`: a path with an id in it must not become a histogram each."""

Journey = Callable[["User"], Awaitable[object]]


class StepFailed(RequestFailed):
    """A request of a journey failed, or the journey said so itself; `kind` and `reason` say how."""

    @property
    def kind(self) -> str:
        """The failure kind, such as `timeout` or `status_5xx`."""
        return self.failure.kind

    @property
    def reason(self) -> str:
        """Why, as a sentence."""
        return self.failure.reason

    def __str__(self) -> str:
        return f"{self.kind}: {self.reason}"


class Options(TypedDict, total=False):
    """What a journey may say of a request: at most one of `json`, `form` and `data` (text or bytes) is the body.

    `name` is what it is recorded as (default: method and path). `check` is what makes the answer good (default: any
    status below 400); with `None` any answer is. `redirects` is how many to follow, `timeout_s` replaces the
    operation's timeout.
    """

    name: str
    headers: Mapping[str, str]
    json: Any
    form: Mapping[str, str]
    data: str | bytes
    check: Check | None
    redirects: int
    timeout_s: float


class User:
    """The user a journey plays, for one execution of it; cookies are kept as long as the user lives.

    `id` is the closed model's user number; in the open model every execution is a new user. `index` is the
    execution's number in the whole run, `data` holds what the plan's feeders give to it, and `variables` is the
    journey's own notebook, empty at its start.
    """

    def __init__(self, journey: "FunctionJourney", execution: Execution) -> None:
        self._journey, self._execution = journey, execution
        self._due_ns: int | None = execution.intended_ns
        self.id = execution.index if execution.user < 0 else execution.user
        self.index = execution.index
        self.data: Mapping[str, str] = journey.data(execution.index)
        self.variables: dict[str, Any] = {}

    async def get(self, path: str, **options: Unpack[Options]) -> Answer:
        """`request("GET", …)`."""
        return await self.request("GET", path, **options)

    async def head(self, path: str, **options: Unpack[Options]) -> Answer:
        """`request("HEAD", …)`."""
        return await self.request("HEAD", path, **options)

    async def post(self, path: str, **options: Unpack[Options]) -> Answer:
        """`request("POST", …)`."""
        return await self.request("POST", path, **options)

    async def put(self, path: str, **options: Unpack[Options]) -> Answer:
        """`request("PUT", …)`."""
        return await self.request("PUT", path, **options)

    async def patch(self, path: str, **options: Unpack[Options]) -> Answer:
        """`request("PATCH", …)`."""
        return await self.request("PATCH", path, **options)

    async def delete(self, path: str, **options: Unpack[Options]) -> Answer:
        """`request("DELETE", …)`."""
        return await self.request("DELETE", path, **options)

    async def request(self, method: str, path: str, **options: Unpack[Options]) -> Answer:
        """The answer to one request, when it is good; raises `StepFailed` when it is not.

        `path` is relative to the plan's target, or an absolute URL of an allowed host. It is recorded from the moment
        of this call; the first request of a journey that does not think before it, from when the journey was due.
        """
        now_ns = self._journey.clock.now()
        intended_ns = now_ns if self._due_ns is None else self._due_ns
        self._due_ns = None
        account = self._journey.account(options.get("name") or f"{method} {path}")
        values = {**self.data, **{name: str(value) for name, value in self.variables.items()}}
        try:
            asked = self._journey.asked(method, path, options, values)
            reply = await self._execution.session.step(asked, account, intended_ns=intended_ns)
        except RequestFailed as error:
            raise StepFailed(error.failure) from None
        return _answer(reply)

    async def think(self, seconds: float) -> None:
        """Pause as a person would; counts in the journey's time, in no request's."""
        self._due_ns = None
        clock = self._journey.clock
        await pause_until(clock, clock.now() + round(seconds * 1e9))

    def fail(self, reason: str) -> NoReturn:
        """End the journey as failed, with kind `check`."""
        raise StepFailed(Failure("check", reason))


class FunctionJourney(TaskOperation):
    """An operation played by a function of the user's own."""

    def __init__(self, driver: "HttpDriver", operation: HttpOperation) -> None:
        super().__init__(driver, operation, cookies=True)
        self._play = _load(operation.journey or "")
        self._accounts: dict[str, Account] = {}
        self.clock = driver.clock

    def data(self, index: int) -> dict[str, str]:
        """What all feeders give to that execution."""
        feeders = self._driver.scenario.data
        return row(feeders, feeders, index)

    def account(self, name: str) -> Account:
        """Where requests of that name are recorded."""
        if name not in self._accounts and len(self._accounts) >= _NAMES_AT_MOST:
            name = "other"
        if name not in self._accounts:
            self._accounts[name] = Account(self._driver.surroundings, f"{self._operation.name}/{name}")
        return self._accounts[name]

    def asked(self, method: str, path: str, options: Options, values: Mapping[str, str]) -> Asked:
        """A request as the function wants it."""
        check = options.get("check", _GOOD)
        judge = ANY_ANSWER if check is None else Judge(check)
        seconds = options.get("timeout_s")
        timeout_ns = self._timeout_ns if seconds is None else round(seconds * 1e9)
        terms = Terms(timeout_ns, options.get("redirects", 0), judge.limit or BODY_CAP)
        request = self._driver.literal(method, path, headers=options.get("headers", {}), content=_content(options))
        return Asked(request, terms, partial(_verdict, judge, values))

    async def _perform(self, execution: Execution) -> None:
        await self._play(User(self, execution))


def _load(name: str) -> Journey:
    """The function that `module:function` names; raises `UsageError`."""
    module, _, attribute = name.partition(":")
    try:
        found = importlib.import_module(module)
        for part in attribute.split("."):
            found = getattr(found, part)
    except Exception as error:
        raise UsageError(f"cannot use the journey {name}: {type(error).__name__}: {error}") from error
    if not inspect.iscoroutinefunction(found):
        raise UsageError(f"cannot use the journey {name}: expected an async function, got {type(found).__name__}")
    return found


def _content(options: Options) -> tuple[str, bytes] | None:
    """Kind and bytes of the body."""
    if "json" in options:
        return "json", orjson.dumps(options["json"])
    if "form" in options:
        return "form", urlencode(options["form"]).encode()
    if "data" in options:
        data = options["data"]
        return ("raw", data.encode()) if isinstance(data, str) else ("file", data)
    return None


def _verdict(judge: Judge, values: Mapping[str, str], reply: Reply) -> Failure | None:
    """As the check says; a body that does not decompress is never good, for the function is given it."""
    failure = judged(judge, values, reply)
    if failure is None:
        try:
            decoded(reply.body, reply.head.get("content-encoding"))
        except Undecodable as error:
            return Failure("check", str(error))
    return failure


def _answer(reply: Reply) -> Answer:
    names = dict.fromkeys(name for name, _ in reply.head.fields)
    headers = {name: reply.head.get(name) or "" for name in names}
    return Answer(reply.head.status, headers, decoded(reply.body, headers.get("content-encoding")), reply.url)
