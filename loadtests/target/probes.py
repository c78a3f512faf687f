"""What orchestrators and Prometheus ask: is it alive, is it ready, what does it depend on, what has it counted."""

import orjson
from starlette.responses import Response

from loadtests.target.backend import Backend
from loadtests.target.call import Call, answer

__all__ = ["dependencies", "health", "metrics", "ready"]

_HEALTHY = Response(orjson.dumps({"status": "healthy"}), media_type="application/json")
_READY = Response(orjson.dumps({"status": "ready"}), media_type="application/json")
_NO_DATABASE: dict[str, object] = {
    "status": "not configured",
    "pool": {"active": None, "max": None, "utilisation": None},
}


async def health(_backend: Backend, _call: Call) -> Response:
    """GET /health: the process answers. The hottest endpoint, so its answer is made once."""
    return _HEALTHY


async def ready(_backend: Backend, _call: Call) -> Response:
    """GET /health/ready: there is nothing to wait for once the port is open."""
    return _READY


async def dependencies(backend: Backend, call: Call) -> Response:
    """GET /health/dependencies: the database, which is really asked, and the agents."""
    database = _NO_DATABASE if backend.database is None else await backend.database.status()
    status = "degraded" if database["status"] == "unavailable" else "healthy"
    return answer(call, {"status": status, "database": database, "agents": backend.agents.status()})


async def metrics(backend: Backend, call: Call) -> Response:
    """GET /metrics: the Prometheus exposition."""
    if backend.database is not None:
        await backend.database.look()
    page, content_type = backend.metrics.exposition(call.headers.get("accept", ""))
    return Response(page, headers={"content-type": content_type})
