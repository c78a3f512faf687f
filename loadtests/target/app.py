"""The ASGI edge of the target: every request is routed, met by the fault dial, answered, counted and logged.

The table of routes is the list of endpoints. It is matched by one dictionary look-up, as routing by patterns costs more
than answering does. HEAD is served wherever GET is.
"""

import asyncio
import time
from collections.abc import Mapping

from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from loadtests.target import admin, api, clients, probes
from loadtests.target.agents import endpoints as agents
from loadtests.target.backend import Backend, Endpoint
from loadtests.target.call import Call, Refused, answer
from loadtests.target.database.pool import DatabaseUnavailable
from loadtests.target.faults import Decision, Outcome
from loadtests.target.logs import Category
from loadtests.target.sockets.room import PATH, Sockets, expect_upgrade

__all__ = ["RESET_EXTENSION", "ROUTES", "Edge"]

RESET_EXTENSION = "loadtests.reset"
"""Key in the scope's `extensions` of a callable that resets the client's connection."""

ROUTES: Mapping[str, Mapping[str, Endpoint]] = {
    "/health": {"GET": probes.health},
    "/health/ready": {"GET": probes.ready},
    "/health/dependencies": {"GET": probes.dependencies},
    "/metrics": {"GET": probes.metrics},
    PATH: {"GET": expect_upgrade},
    "/api/agent/execute": {"POST": agents.execute},
    "/api/agent/queue-status": {"GET": agents.queue_status},
    "/v1/chat/completions": {"POST": agents.chat},
    "/api/auth/login": {"POST": api.login},
    "/api/threads": {"GET": api.threads},
    "/api/threads/{id}": {"GET": api.thread},
    "/api/redirect": {"GET": clients.redirect},
    "/api/large": {"GET": clients.large},
    "/api/admin/clear-agent-queue": {"POST": admin.clear_agent_queue},
    "/api/admin/faults": {"GET": admin.show_faults, "PUT": admin.put_faults, "DELETE": admin.clear_faults},
}
_NOWHERE = "unmatched"
_SLOW_SECONDS = 1.0
_CLIENT_GONE = 499


class Edge:
    """The target as an ASGI application, and its `sockets`, which the server beneath hands over to them."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self.sockets = Sockets(backend)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            raise NotImplementedError(f"the target speaks http, not {scope['type']}")
        started = time.perf_counter()
        call = Call(scope, receive)
        template = _template(scope)
        status = 500
        try:
            decision = await self._wait(scope["path"])
            if decision is not None and decision.outcome is Outcome.RESET:
                _reset(scope)
                status = 0
                return
            response = await self._answer(call, template, decision)
            status = response.status_code
            await response(scope, receive, send)
        except ClientDisconnect:
            status = _CLIENT_GONE
        finally:
            if status:
                self._account(call, template, status, time.perf_counter() - started)

    async def _wait(self, path: str) -> Decision | None:
        decision = self.backend.dial.draw(path)
        if decision is None:
            return None
        if decision.outcome is not Outcome.ANSWER:
            self.backend.metrics.fault(decision.outcome.value)
        if decision.wait_ns:
            self.backend.metrics.fault("delay")
            await asyncio.sleep(decision.wait_ns / 1e9)
        return decision

    async def _answer(self, call: Call, template: str, decision: Decision | None) -> Response:
        if decision is not None and decision.outcome is Outcome.ERROR:
            call.reason = "the fault dial failed this request"
            return answer(call, {"error": call.reason}, decision.status)
        try:
            response = await _endpoint(call, template)(self.backend, call)
        except Refused as refused:
            call.reason = refused.reason
            response = answer(call, {"error": refused.reason}, refused.status)
            response.headers.update(_refusal_headers(refused, template))
        except DatabaseUnavailable as unavailable:
            call.reason = f"the database does not answer: {unavailable}"
            response = answer(call, {"error": call.reason}, 503)
        held_ns = 0 if decision is None else self.backend.dial.held_ns(call.scope["path"])
        if held_ns:
            await asyncio.sleep(held_ns / 1e9)
        return response

    def _account(self, call: Call, template: str, status: int, seconds: float) -> None:
        self.backend.metrics.request(call.method, template, status, seconds)
        if not self.backend.log.on:
            return
        if status >= 500:
            self._tell(call, template, status, seconds, (Category.ERROR, "ERROR", "request failed"))
        elif status in (401, 403):
            self._tell(call, template, status, seconds, (Category.SECURITY, "WARNING", "authentication failed"))
        elif status in (400, 413, 422):
            self._tell(call, template, status, seconds, (Category.ERROR, "WARNING", "validation failed"))
        if seconds >= _SLOW_SECONDS:
            self._tell(call, template, status, seconds, (Category.PERFORMANCE, "WARNING", "slow request"))

    def _tell(self, call: Call, template: str, status: int, seconds: float, what: tuple[Category, str, str]) -> None:
        category, level, message = what
        self.backend.log.event(
            category,
            message,
            component="http",
            level=level,
            trace_id=call.trace_id,
            user_id=call.user_id,
            thread_id=call.thread_id,
            duration_ms=seconds * 1e3,
            metadata={"method": call.method, "endpoint": template, "status": status, "reason": call.reason},
        )


def _template(scope: Scope) -> str:
    """The route's template, never the path as sent; fills in the path's parameters."""
    path: str = scope["path"]
    if path in ROUTES and "{" not in path:
        return path
    thread = path.removeprefix("/api/threads/")
    if thread != path and thread and "/" not in thread:
        scope["path_params"] = {"id": thread}
        return "/api/threads/{id}"
    return _NOWHERE


def _endpoint(call: Call, template: str) -> Endpoint:
    methods = ROUTES.get(template)
    if methods is None:
        raise Refused(404, "nothing is served here")
    endpoint = methods.get("GET" if call.method == "HEAD" else call.method)
    if endpoint is None:
        raise Refused(405, f"expected {' or '.join(methods)}, got {call.method:.20}")
    return endpoint


def _refusal_headers(refused: Refused, template: str) -> dict[str, str]:
    status = refused.status
    if refused.retry_after_s is not None:
        return {"retry-after": str(refused.retry_after_s)}
    if status == 401:
        return {"www-authenticate": "Bearer"}
    if status == 426:
        return {"upgrade": "websocket", "connection": "upgrade"}
    if status == 405:
        methods = ROUTES[template]
        return {"allow": ", ".join([*methods, "HEAD"] if "GET" in methods else methods)}
    return {}


def _reset(scope: Scope) -> None:
    """Break the connection off as the server beneath allows; without such a server, as an error the client sees."""
    reset = scope.get("extensions", {}).get(RESET_EXTENSION)
    if reset is None:
        raise ConnectionResetError("the fault dial reset this connection")
    reset()
