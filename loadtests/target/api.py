"""The product's own endpoints: sign in, read threads, let an agent execute a query."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Protocol

from starlette.responses import Response

from loadtests.target.agents import AGENT
from loadtests.target.backend import Backend
from loadtests.target.call import Call, Refused, answer
from loadtests.target.logs import Category
from loadtests.target.stored import stored_thread, stored_threads
from loadtests.target.users import parse_user, thread_of, threads_of, tier_of

__all__ = ["Asker", "execute", "execution", "login", "queue_status", "thread", "threads"]

_QUERY_LIMIT = 10_000


class Asker(Protocol):
    """Who wants something executed; learns whose it is, for the log."""

    user_id: str | None
    thread_id: str | None

    @property
    def trace_id(self) -> str:
        """The trace it belongs to."""


async def execute(backend: Backend, call: Call) -> Response:
    """POST /api/agent/execute {query, user_id, thread_id?}: the user's savings, and the user_id as sent."""
    return answer(call, execution(backend, call, await call.document()))


def execution(backend: Backend, asker: Asker, asked: Mapping[str, Any]) -> dict[str, object]:
    """Execute {query, user_id, thread_id?} and log it; raises `Refused` for what cannot be executed."""
    query, user = _query(asked.get("query")), _known_user(asked.get("user_id"))
    asker.user_id, asker.thread_id = f"user_{user}", _thread_id(asked.get("thread_id"))
    done = backend.agents.execute(user, query)
    dollars = done.savings.cents / 100
    if backend.log.on:
        backend.log.event(
            Category.BUSINESS,
            "agent execution completed",
            component="agent_service",
            trace_id=asker.trace_id,
            user_id=asker.user_id,
            thread_id=asker.thread_id,
            duration_ms=done.duration_ns / 1e6,
            metadata={
                "agent_name": AGENT,
                "optimization_type": done.savings.optimization,
                "savings_amount": dollars,
                "run_id": done.run_id,
            },
        )
    return {
        "status": "completed",
        "user_id": asked["user_id"],
        "thread_id": asker.thread_id,
        "tier": done.savings.tier,
        "agent": AGENT,
        "optimization": done.savings.optimization,
        "savings": dollars,
        "currency": "USD",
        "run_id": done.run_id,
    }


async def queue_status(backend: Backend, call: Call) -> Response:
    """GET /api/agent/queue-status: queued, running, completed, failed."""
    return answer(call, backend.agents.status())


async def login(backend: Backend, call: Call) -> Response:
    """POST /api/auth/login {user_id}: a token, and the cookie `session`; 401 for an unknown user."""
    asked = await call.document()
    if "user_id" not in asked:
        raise Refused(422, "user_id: expected a user, such as 42 or user_42 (it is missing)")
    try:
        user = parse_user(asked["user_id"])
    except ValueError as mistake:
        raise Refused(401, f"user_id: {mistake}") from mistake
    call.user_id = f"user_{user}"
    token = backend.tokens.issue(user)
    response = answer(call, {"token": token, "user_id": asked["user_id"], "tier": tier_of(user)})
    response.headers.append("set-cookie", f"session={token}; Path=/; HttpOnly; SameSite=Lax")
    return response


async def threads(backend: Backend, call: Call) -> Response:
    """GET /api/threads: the threads of who asks; 401 without a valid token or cookie."""
    user = _signed_in(backend, call)
    found = threads_of(user) if backend.database is None else await stored_threads(backend.database, user)
    return answer(call, {"user_id": call.user_id, "threads": [asdict(thread) for thread in found]})


async def thread(backend: Backend, call: Call) -> Response:
    """GET /api/threads/{id}: one thread of who asks; 404 for another's."""
    user = _signed_in(backend, call)
    wanted = call.path_params["id"]
    database = backend.database
    found = thread_of(user, wanted) if database is None else await stored_thread(database, user, wanted)
    if found is None:
        raise Refused(404, "no such thread")
    call.thread_id = found.id
    return answer(call, asdict(found))


def _signed_in(backend: Backend, call: Call) -> int:
    """The user of the Bearer token, or of the session cookie when there is no Authorization header."""
    authorization = call.headers.get("authorization")
    if authorization is None:
        token = call.cookies.get("session", "")
    else:
        scheme, _, token = authorization.partition(" ")
        token = token.strip() if scheme.lower() == "bearer" else ""
    user = backend.tokens.user(token)
    if user is None:
        raise Refused(401, "sign in at /api/auth/login first, and send its token as a Bearer token or its cookie")
    call.user_id = f"user_{user}"
    return user


def _query(value: object) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > _QUERY_LIMIT:
        raise Refused(422, f"query: expected text of 1 to {_QUERY_LIMIT:,} characters")
    return value


def _known_user(value: object) -> int:
    try:
        return parse_user(value)
    except ValueError as mistake:
        raise Refused(422, f"user_id: {mistake}") from mistake


def _thread_id(value: object) -> str | None:
    if value is not None and not (isinstance(value, str) and 0 < len(value) <= 100):
        raise Refused(422, "thread_id: expected text of 1 to 100 characters")
    return value
